//! The flags that every demo understands.

use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use humantime::parse_duration;

use crate::{machine, outcome::Model};

/// The arguments of one scenario: its own, and [`Common`] flattened in.
pub trait Arguments: Parser {
    /// The flags that every demo understands.
    fn common(&self) -> &Common;

    /// The variants of a side, one per line, if `--list-variants` asks for
    /// them.
    fn list(&self, _model: Model) -> Option<String> {
        None
    }

    /// What to do instead of a run, if a flag asks for that.
    fn instead(&self) -> Option<fn() -> anyhow::Result<()>> {
        None
    }

    /// Whether this program takes over the terminal for a while. Then a signal
    /// terminates it only after it has restored the terminal.
    fn owns_the_terminal(&self) -> bool {
        false
    }

    /// Checks that a side can do what the flags ask for. Siblings have the
    /// same flags, even where one of them lacks a mechanism.
    ///
    /// # Errors
    ///
    /// Fails with what is wrong and how to correct it.
    fn check(&self, _model: Model) -> Result<(), String> {
        Ok(())
    }
}

/// The flags that every demo understands.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Seed for the input
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Use a smaller workload, for a first look
    #[arg(long)]
    pub quick: bool,

    /// Print one JSON document on stdout, everything else on stderr
    #[arg(long)]
    pub json: bool,

    /// Exit when stdin is closed, so as not to outlive the parent
    #[arg(long)]
    pub lifeline: bool,

    /// Keep running and do one run per line of stdin, a JSON array of flags
    #[arg(long, conflicts_with = "lifeline")]
    pub slices: bool,

    /// Expected answer, from an earlier run that was verified; skips the slow
    /// check
    #[arg(long, value_name = "ANSWER")]
    pub expect: Option<String>,
}

/// The number of workers, in a scenario that divides its work.
#[derive(Debug, Clone, Args)]
pub struct Workers {
    /// Number of workers, threads or processes [default: one per core]
    #[arg(long, value_name = "N", value_parser = parse_workers)]
    workers: Option<usize>,
}

impl Workers {
    /// The number of workers to start.
    pub fn count(&self) -> usize {
        self.workers.unwrap_or_else(|| machine::cores().min(MOST_WORKERS))
    }

    /// The same where something else has started them already.
    ///
    /// # Errors
    ///
    /// Fails if the flag asks for another number.
    pub fn given(&self, started: usize) -> Result<Self, String> {
        match self.workers {
            Some(asked) if asked != started => Err(format!(
                "--workers asks for {asked}, but {started} were started: \
                 leave the flag out"
            )),
            _ => Ok(Workers { workers: Some(started) }),
        }
    }
}

/// The switch interval of a global lock, in a scenario that has one.
#[derive(Debug, Clone, Copy, Args)]
pub struct Switching {
    /// How long a thread waits before it requests the global lock, as in
    /// CPython
    #[arg(long = "switch-interval", value_name = "TIME", default_value = "5ms",
          value_parser = parse_interval)]
    pub interval: Duration,
}

/// CPython rejects an interval of zero too (`sys.setswitchinterval`).
fn parse_interval(text: &str) -> Result<Duration, String> {
    match parse_time(text)? {
        Duration::ZERO => Err("must be greater than zero".into()),
        interval => Ok(interval),
    }
}

/// Short enough that adding it to a clock's time never overflows.
const LONGEST_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Parses a time, such as `250ms` or `1h 30min`.
///
/// # Errors
///
/// Fails if `text` is not a time, or more than a year.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(time) if time > LONGEST_TIME => {
            Err("must be at most a year, written 365days".into())
        }
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

/// The selected variants of a scenario.
#[derive(Debug, Clone, Args)]
pub struct Variants<V: ValueEnum + Send + Sync + 'static> {
    /// Run only this variant (repeatable)
    #[arg(long, value_name = "NAME", value_enum)]
    variant: Vec<V>,

    /// Print the names of the variants and exit
    #[arg(long)]
    list_variants: bool,
}

impl<V: ValueEnum + Send + Sync + 'static> Variants<V> {
    /// The variants to run, in the order of the list and not of the command
    /// line, because the answer depends on the order.
    pub fn chosen(&self) -> Vec<V> {
        let all = V::value_variants().iter();
        let asked = |variant: &&V| {
            self.variant.is_empty()
                || self.variant.iter().any(|one| name(one) == name(*variant))
        };
        all.filter(asked).cloned().collect()
    }

    /// The names of the variants that exist, one per line, if `--list-variants`
    /// asks for them.
    pub fn list(&self, there_is: impl Fn(&V) -> bool) -> Option<String> {
        let variants = V::value_variants().iter();
        let names = variants.filter(|variant| there_is(variant)).map(name);
        self.list_variants.then(|| names.collect::<Vec<_>>().join("\n"))
    }
}

/// The name of a variant on the command line and in JSON.
pub fn name<V: ValueEnum>(variant: &V) -> String {
    variant
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// Far more than any machine can use: a typo becomes a clear error before the
/// kernel refuses the ten-thousandth worker.
pub const MOST_WORKERS: usize = 1024;

/// Parses a number of workers.
pub(crate) fn parse_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..=MOST_WORKERS) => Ok(workers),
        _ => Err(format!("expected a number from 1 to {MOST_WORKERS}")),
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
