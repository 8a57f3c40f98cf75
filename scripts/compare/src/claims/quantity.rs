//! What a rule can ask for.

use common::outcome::Model;

use crate::claims::sources::counts::Means;

/// The scenario that shows how work scales.
pub const MATRIX: &str = "matrix";

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A figure over the pairs.
    Figure(Figure),
    /// Its greatest value in any run. What was seen once can happen.
    Most(Figure),
    /// The ratio of two figures of one scenario.
    Ratio(Figure, Figure),
    /// How many times better threads are at it, as the row of the comparison
    /// says: by the slices of each pair. The figure's side does not matter.
    Advantage(Figure),
    /// How many times faster all workers are than one at these parts of the
    /// work together, or at all of it if none is named.
    SpeedUp(Model, &'static [&'static str]),
    /// The speed-up over the most that cores and jobs allow.
    Efficiency(Model, &'static [&'static str]),
    /// CPU seconds per second, of all workers.
    BusyCores(Model),
    /// The numbers of workers, jobs and cores.
    Setting(Setting),
    /// What happened to workers or to what they wrote, in all slices together.
    Seen(Fact),
    /// Counted in the sources.
    Count(Count),
    /// 1 if the interpreter has a GIL, else 0.
    Gil,
}

/// A figure of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// The side.
    pub model: Model,
    /// The scenario.
    pub scenario: &'static str,
    /// The id of the metric. A `*` at the end stands for the greatest number
    /// that both sides have there.
    pub id: &'static str,
}

/// What stays the same in all slices of [`MATRIX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The number of cores.
    Cores,
    /// The number of jobs.
    Jobs,
    /// Cores with a worker.
    UsableCores,
    /// Cores without a worker.
    IdleCores,
    /// Jobs without a core of their own.
    JobsWithoutCore,
    /// Jobs without a worker of their own.
    JobsWithoutWorker,
    /// The greatest possible speed-up over one worker.
    Limit,
    /// In the crash scenario: how many other workers each worker has.
    Others,
}

/// A number that is counted, not estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Rounds in which a side saw a worker's write to a global.
    Seen(Model),
    /// Rounds in which it did not.
    Unseen(Model),
    /// Updates that a variant of a side lost.
    Lost(Model, &'static str),
    /// How many kinds of hang this is true of.
    Hanging(Model, Hanging),
    /// How many ways to die this is true of.
    Dying(Model, Dying),
    /// How many hostile acts by workers of this variant this is true of.
    Acting(Model, &'static str, Acting),
}

/// What is true of a kind of hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hanging {
    /// It occurred.
    Kinds,
    /// Some workers kept running, whatever was tried.
    GoesOn,
    /// Some were stopped, and none kept running.
    EndsAlways,
    /// None was seen to stop, and none to keep running.
    Open,
    /// Some were interrupted.
    Interrupted,
    /// None was interrupted.
    NotInterrupted,
    /// In some slice, interruption was tried and stopped none.
    Deaf,
    /// Some were killed.
    Killed,
    /// None was killed.
    NotKilled,
    /// Not a number of kinds: the longest time that stopping took, in seconds.
    Longest,
}

/// What is true of a way to die. Some things that a victim may hold tell the
/// others that it died, and some do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dying {
    /// It occurred.
    Ways,
    /// All others survived, whenever the victim held something that tells them.
    Spared,
    /// Some other died with it, although what the victim held tells.
    Felled,
    /// Some other was never heard of again, where what the victim held does not
    /// tell.
    Stalled,
    /// Not everything that tells was tried.
    Untried,
}

/// What is true of a hostile act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acting {
    /// It was tried.
    Tried,
    /// It was not tried.
    Untried,
    /// It did no harm in any slice.
    Contained,
    /// It did harm in some slice.
    Harmful,
    /// It did no harm in any slice, as long as its worker did it alone.
    Held,
    /// It was held, and did harm in some slice once its worker asked a sibling.
    Bypassed,
}

/// What is counted in the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// What processes need, relative to threads.
    Effort {
        /// The kind of effort.
        effort: Effort,
        /// Whether each side is counted with its kit.
        with_kits: bool,
    },
    /// The share of lines that the siblings have in common.
    LinesInCommon,
    /// The names from this crate or module that only processes need.
    NamesOf(&'static str),
    /// How many more of them come from a kit than from std.
    MoreNamesOfKit,
    /// The primitives that guard the ledger in these variants of a side.
    Guards {
        /// The side.
        model: Model,
        /// How the primitives work.
        means: Means,
        /// Each has a file of its name.
        variants: &'static [&'static str],
    },
    /// How often the script takes a lock in these variants.
    LocksTaken(&'static [&'static str]),
    /// The `unsafe` blocks of this file on both sides.
    UnsafeBlocks(&'static str),
    /// The lines of a script for both models, relative to those it needs for
    /// one.
    ScriptLines,
    /// The share of a script's lines that serve both models.
    SharedLines,
    /// Names in the scripts to know for processes only.
    NamesToKnow,
}

/// What makes code hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    Lines,
    Functions,
    FallibleCalls,
    UnsafeBlocks,
    Concepts,
}

impl Effort {
    /// All of them.
    pub const ALL: [Effort; 5] = [
        Effort::Lines,
        Effort::Functions,
        Effort::FallibleCalls,
        Effort::UnsafeBlocks,
        Effort::Concepts,
    ];
}

/// A figure of threads.
pub const fn threads(scenario: &'static str, id: &'static str) -> Figure {
    Figure { model: Model::Threads, scenario, id }
}

/// A figure of processes.
pub const fn processes(scenario: &'static str, id: &'static str) -> Figure {
    Figure { model: Model::Processes, scenario, id }
}

/// The figure of processes over that of threads.
pub const fn by_processes(
    scenario: &'static str,
    id: &'static str,
) -> Quantity {
    Quantity::Ratio(processes(scenario, id), threads(scenario, id))
}

impl Figure {
    /// Over the pairs.
    pub const fn q(self) -> Quantity {
        Quantity::Figure(self)
    }
}

impl Quantity {
    /// The figures it is made of.
    pub fn figures(self) -> Vec<Figure> {
        match self {
            Quantity::Figure(figure)
            | Quantity::Most(figure)
            | Quantity::Advantage(figure) => vec![figure],
            Quantity::Ratio(above, below) => vec![above, below],
            Quantity::SpeedUp(model, parts)
            | Quantity::Efficiency(model, parts) => {
                let part =
                    |id: &&'static str| Figure { model, scenario: MATRIX, id };
                parts.iter().map(part).collect()
            }
            _ => Vec::new(),
        }
    }
}
