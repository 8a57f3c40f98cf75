//! The flags that every demo understands.

use clap::{Args, Parser, ValueEnum};

use crate::machine;

/// The arguments of one scenario: its own, and [`Common`] flattened in.
pub trait Arguments: Parser {
    /// The part that every demo understands.
    fn common(&self) -> &Common;

    /// The variants, one a line, if `--list-variants` asks for them.
    fn list(&self) -> Option<String> {
        None
    }
}

/// What every demo understands.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// How many workers: threads, or processes [default: one for each core]
    #[arg(long, value_name = "N", value_parser = parse_workers)]
    workers: Option<usize>,

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
}

impl Common {
    /// How many workers to start.
    pub fn workers(&self) -> usize {
        self.workers.unwrap_or_else(machine::cores)
    }
}

/// The choice among the variants of a scenario.
#[derive(Debug, Clone, Args)]
pub struct Variants<V: ValueEnum + Send + Sync + 'static> {
    /// Run one variant only
    #[arg(long, value_name = "NAME", value_enum)]
    variant: Option<V>,

    /// Print the names of the variants
    #[arg(long)]
    list_variants: bool,
}

impl<V: ValueEnum + Send + Sync + 'static> Variants<V> {
    /// The variants to run, in their order.
    pub fn chosen(&self) -> Vec<V> {
        match &self.variant {
            Some(variant) => vec![variant.clone()],
            None => V::value_variants().to_vec(),
        }
    }

    /// The names, one a line, if they were asked for.
    pub fn list(&self) -> Option<String> {
        let names = V::value_variants().iter().map(name);
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
fn parse_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..=1024) => Ok(workers),
        _ => Err("a number of workers from 1 to 1024 is needed".into()),
    }
}
