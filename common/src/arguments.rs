//! The flags that every demo understands.

use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use humantime::parse_duration;

use crate::{machine, outcome::Model};

/// The arguments of one scenario: its own, and [`Common`] flattened in.
pub trait Arguments: Parser {
    /// The part that every demo understands.
    fn common(&self) -> &Common;

    /// The variants of a side, one a line, if `--list-variants` asks for
    /// them.
    fn list(&self, _model: Model) -> Option<String> {
        None
    }

    /// What is done in place of a run, if that is asked for.
    fn instead(&self) -> Option<fn() -> anyhow::Result<()>> {
        None
    }

    /// Whether the terminal is this program's own for a while. Then it does
    /// not end on a signal before it has given it back.
    fn owns_the_terminal(&self) -> bool {
        false
    }

    /// Whether a side can do what is asked: the siblings have the same flags,
    /// also where one of them lacks a mechanism.
    ///
    /// # Errors
    ///
    /// Fails with what is wrong, and what would be right.
    fn check(&self, _model: Model) -> Result<(), String> {
        Ok(())
    }
}

/// What every demo understands.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The seed of the input
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// A smaller work load, for a first look
    #[arg(long)]
    pub quick: bool,

    /// One JSON document on stdout, all else on stderr
    #[arg(long)]
    pub json: bool,

    /// End when stdin is closed: so no demo outlives what started it
    #[arg(long)]
    pub lifeline: bool,

    /// Stay, and do what each line of stdin asks for: a JSON array of flags
    #[arg(long, conflicts_with = "lifeline")]
    pub slices: bool,

    /// What a run with the same flags, which was checked, has answered: then
    /// this one must, and what takes long is not done twice to find it
    #[arg(long, value_name = "ANSWER")]
    pub expect: Option<String>,
}

/// How many share the work, in a scenario that has work to share.
#[derive(Debug, Clone, Args)]
pub struct Workers {
    /// How many workers: threads, or processes [default: one for each core]
    #[arg(long, value_name = "N", value_parser = parse_workers)]
    workers: Option<usize>,
}

impl Workers {
    /// How many to start.
    pub fn count(&self) -> usize {
        self.workers.unwrap_or_else(|| machine::cores().min(MOST_WORKERS))
    }
}

/// How long a turn lasts under a global lock, in a scenario that has one.
#[derive(Debug, Clone, Copy, Args)]
pub struct Switching {
    /// Who waits for the global lock asks for it after this time, as in
    /// CPython
    #[arg(long = "switch-interval", value_name = "TIME", default_value = "5ms",
          value_parser = parse_interval)]
    pub interval: Duration,
}

/// CPython takes no interval of zero either (`sys.setswitchinterval`).
fn parse_interval(text: &str) -> Result<Duration, String> {
    match parse_time(text)? {
        Duration::ZERO => Err("it must be longer than 0s".into()),
        interval => Ok(interval),
    }
}

/// No clock overflows where a year is added to its time.
const LONGEST_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads a time, such as `250ms` or `1h 30min`.
///
/// # Errors
///
/// Fails if it is no time, or more than a year.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(time) if time > LONGEST_TIME => {
            Err("it must be at most a year, which is 365days".into())
        }
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

/// The choice among the variants of a scenario.
#[derive(Debug, Clone, Args)]
pub struct Variants<V: ValueEnum + Send + Sync + 'static> {
    /// Run this variant only (repeatable)
    #[arg(long, value_name = "NAME", value_enum)]
    variant: Vec<V>,

    /// Print the names of the variants
    #[arg(long)]
    list_variants: bool,
}

impl<V: ValueEnum + Send + Sync + 'static> Variants<V> {
    /// The variants to run, in the order of the list, whatever the order in
    /// which they were named: so one answer means one order.
    pub fn chosen(&self) -> Vec<V> {
        let all = V::value_variants().iter();
        let asked = |variant: &&V| {
            self.variant.is_empty()
                || self.variant.iter().any(|one| name(one) == name(*variant))
        };
        all.filter(asked).cloned().collect()
    }

    /// The names of those that there are, one a line, if they were asked for.
    pub fn list(&self, there_is: impl Fn(&V) -> bool) -> Option<String> {
        let variants = V::value_variants().iter();
        let names = variants.filter(|variant| there_is(variant)).map(name);
        self.list_variants.then(|| names.collect::<Vec<_>>().join("\n"))
    }
}

/// A variant as it is called on the command line and in JSON.
pub fn name<V: ValueEnum>(variant: &V) -> String {
    variant
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// The cap is far above any machine's use: it turns a slip of the finger into
/// a sentence, before the kernel refuses the ten-thousandth worker.
pub const MOST_WORKERS: usize = 1024;

/// Reads a number of workers.
pub(crate) fn parse_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..=MOST_WORKERS) => Ok(workers),
        _ => Err(format!(
            "a number of workers from 1 to {MOST_WORKERS} is needed"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_longer_than_a_clock_can_bear() {
        for long in ["366days", "18446744073709551615s", "584542046090y"] {
            assert!(parse_time(long).is_err(), "{long}");
        }
        assert_eq!(parse_time("1h 1ns"), Ok(Duration::new(3600, 1)));
        assert_eq!(parse_time("365days"), Ok(LONGEST_TIME));
        for none in ["", "1", "-1s", "NaN", "soon"] {
            assert!(parse_time(none).is_err(), "{none:?}");
        }
    }
}
