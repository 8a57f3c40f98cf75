//! What is asked of which program.

use std::{fmt, ops::RangeInclusive};

use anyhow::Context as _;
use common::{
    machine,
    outcome::Model,
    scenarios::{self, Part, Scenario},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The allowed numbers of workers per side.
pub const WORKERS: RangeInclusive<usize> = 1..=1024;

/// What a slice belongs to: the comparison of a pair, or of the same scenario
/// in two languages, at a size that suits the slower one.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Series {
    /// The pair, at its own size.
    #[default]
    Pair,
    /// The pair, at the size of the others.
    Beside,
    /// CPython, with the interpreter of this number.
    CPython(usize),
}

impl Series {
    /// Whether it is the default, which is not written.
    pub fn is_pair(&self) -> bool {
        *self == Series::Pair
    }

    /// The parts of a scenario that are measured in this series.
    pub fn parts(self, scenario: &Scenario) -> &'static [Part] {
        match self {
            Series::Pair => scenario.parts,
            Series::Beside | Series::CPython(_) => scenario.cpython,
        }
    }
}

/// The name of a part of a scenario. An alias, because serde would take a
/// visible reference for one into the text it reads.
type PartName = &'static str;

/// One slice of work that one program was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Series::is_pair")]
    pub series: Series,
    /// The side.
    pub model: Model,
    /// The name of the part.
    #[serde(deserialize_with = "read_part")]
    pub part: PartName,
    /// The number of workers.
    pub workers: usize,
    /// The number of the pair of programs, from 1.
    pub pair: usize,
    /// The number among the slices of this part in that pair, from 1.
    pub slice: usize,
    /// The number among all slices of that pair, from 1.
    pub turn: usize,
}

/// As a refusal shows it: `threads, lock, pair 3`.
impl fmt::Display for Slice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}, {}", self.series, self.model, self.moment())
    }
}

impl Slice {
    /// `lock, pair 3`.
    pub fn moment(&self) -> String {
        format!("{}, pair {}", self.part, self.pair)
    }
}

/// As a prefix of a side.
impl fmt::Display for Series {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Series::Pair => "",
            Series::Beside => "Rust, ",
            Series::CPython(_) => "CPython, ",
        })
    }
}

/// The name of a part that some scenario has: others cannot be used.
///
/// # Errors
///
/// Fails if there is no part of that name.
pub fn known_part(name: &str) -> anyhow::Result<&'static str> {
    let all = scenarios::ALL.iter();
    let mut parts = all.flat_map(|it| it.parts.iter().chain(it.cpython));
    let known = parts.find(|part| part.name == name);
    let known = known.map(|part| part.name);
    known.with_context(|| format!("{name:?} is not the name of a part"))
}

fn read_part<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<&'static str, D::Error> {
    let name = String::deserialize(deserializer)?;
    known_part(&name).map_err(D::Error::custom)
}

/// `1 worker`, or `2 workers`.
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// What is asked of one scenario.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// How many workers each side has.
    pub workers: usize,
    /// What the slices belong to.
    pub series: Series,
    /// Whether only the parts that answer the scenario's question are measured,
    /// and those with counts once.
    pub quick: bool,
    /// Whose program stands for threads, and whose for processes: to calibrate,
    /// one stands for both.
    pub sides: [Model; 2],
    /// How many times better the first side is made to look; normally 1.
    pub planted: f64,
}

impl Plan {
    /// Of a scenario, with this many workers.
    pub fn of(
        scenario: &'static Scenario,
        workers: usize,
        quick: bool,
    ) -> Self {
        let (series, planted) = (Series::Pair, 1.0);
        let sides = [Model::Threads, Model::Processes];
        Plan { scenario, workers, series, quick, sides, planted }
    }

    /// Whose program stands for a side.
    pub fn program(&self, side: Model) -> Model {
        let [threads, processes] = self.sides;
        match side {
            Model::Threads => threads,
            Model::Processes => processes,
        }
    }

    /// How many figures answer the question.
    pub fn headlines(&self) -> usize {
        self.parts().map(|part| part.headlines.len()).sum()
    }

    /// The measured parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = &'static Part> + use<> {
        let Plan { scenario, series, quick, .. } = *self;
        let (parts, cores) = (series.parts(scenario).iter(), machine::cores());
        parts.filter(move |part| {
            let is_quick = !part.headlines.is_empty() || part.counted;
            part.cores <= cores && (is_quick || !quick)
        })
    }

    /// Whether a part is measured once, only for its counts: in a quick run,
    /// and without a figure that answers a question.
    pub fn only_counts(&self, part: &str) -> bool {
        let mut parts = self.series.parts(self.scenario).iter();
        let is_answer = |it: &Part| it.name == part && !it.headlines.is_empty();
        self.quick && !parts.any(is_answer)
    }

    /// Whether this machine has too few cores for every part.
    pub fn needs_more_cores(&self) -> bool {
        self.parts().next().is_none()
    }

    /// The numbers of workers that each part is asked for with.
    pub fn crews(&self) -> Vec<usize> {
        if self.measures_speed_up() {
            vec![1, self.workers]
        } else {
            vec![self.workers]
        }
    }

    /// Whether each part is also asked for with one worker.
    pub fn measures_speed_up(&self) -> bool {
        self.scenario.scales && self.workers > 1
    }

    /// Whether a metric is one of those that answer the scenario's question.
    pub fn is_headline(&self, id: &str) -> bool {
        let parts = self.series.parts(self.scenario).iter();
        parts.flat_map(|part| part.headlines).any(|headline| *headline == id)
    }
}
