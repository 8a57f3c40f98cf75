//! What a rule can ask for.

use common::outcome::Model;

use crate::claims::sources::counts::Means;

/// The scenario that tells how work scales.
pub const MATRIX: &str = "matrix";

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A figure over the pairs.
    Figure(Figure),
    /// Its greatest value in any run. What was seen once can be seen.
    Most(Figure),
    /// How many times the one is the other, both of one scenario.
    Ratio(Figure, Figure),
    /// How many times faster all workers are than one at these parts of the
    /// work together: at all of it, if none is named.
    SpeedUp(Model, &'static [&'static str]),
    /// The same over the most that cores and jobs admit.
    Efficiency(Model, &'static [&'static str]),
    /// CPU seconds a second, of all workers.
    BusyCores(Model),
    /// Who works at what, on how many cores.
    Setting(Setting),
    /// What became of workers, or of what they wrote: of all slices together.
    Seen(Fact),
    /// What is counted in the sources.
    Count(Count),
    /// 1 if the interpreter has a GIL, or else 0.
    Gil,
}

/// A figure of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Whose.
    pub model: Model,
    /// Of which scenario.
    pub scenario: &'static str,
    /// Which. A `*` at the end stands for the greatest number that both sides
    /// have there.
    pub id: &'static str,
}

/// What stays the same in all slices of [`MATRIX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// How many there are.
    Cores,
    /// How many there are to be done.
    Jobs,
    /// Cores that a worker is there for.
    UsableCores,
    /// Cores that no worker is there for.
    IdleCores,
    /// Jobs for which there is no core of their own.
    JobsWithoutCore,
    /// The same of workers.
    JobsWithoutWorker,
    /// How many times faster than one worker all can be at most.
    Limit,
    /// Not of that scenario: who is there beside each worker that crashes.
    Others,
}

/// A number that is counted and not estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Rounds in which a side saw a worker's write to a global.
    Seen(Model),
    /// Rounds in which it did not.
    Unseen(Model),
    /// Updates that a variant of a side lost.
    Lost(Model, &'static str),
    /// Of kinds of hang, how many it is true of.
    Hanging(Model, Hanging),
    /// Of ways to die, how many it is true of.
    Dying(Model, Dying),
}

/// What is true of a kind of hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hanging {
    /// Some were in it.
    Kinds,
    /// Some went on in spite of all that was tried.
    GoesOn,
    /// Some ended, and none went on.
    EndsAlways,
    /// None was seen to end, and none to go on.
    Open,
    /// Some were interrupted.
    Interrupted,
    /// None was.
    NotInterrupted,
    /// In some slice it was tried on some, and ended none.
    Deaf,
    /// Some were killed.
    Killed,
    /// None was.
    NotKilled,
    /// Not a number of kinds: how long it took to end those that it took
    /// longest, in seconds.
    Longest,
}

/// What is true of a way to die. Some things that a victim may hold tell the
/// others that it is gone, and some do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dying {
    /// Somebody died so.
    Ways,
    /// All others lived on, whatever that tells was held.
    Spared,
    /// Some other died with it, although what was held tells.
    Felled,
    /// Some other was never heard of again where what was held does not tell.
    Stalled,
    /// Not all that tells was held.
    Untried,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// How many times what threads take of this processes take.
    Effort {
        /// Of what.
        effort: Effort,
        /// Each side with its kit.
        with_kits: bool,
    },
    /// The share of all lines that the siblings have in common.
    LinesInCommon,
    /// The names of this origin that only processes need.
    NamesOf(&'static str),
    /// How many more of them are of a kit than of std.
    MoreNamesOfKit,
    /// What guards the ledger in these variants of a side.
    Guards {
        /// Whose.
        model: Model,
        /// By what means.
        means: Means,
        /// Each has a file of its name.
        variants: &'static [&'static str],
    },
    /// How often the script takes a lock in these variants.
    LocksTaken(&'static [&'static str]),
    /// Of this file on both sides.
    UnsafeBlocks(&'static str),
    /// How many times the lines that a script needs for one model it has for
    /// both.
    ScriptLines,
    /// The share of a script's lines that serve both models.
    SharedLines,
    /// What is to be known for processes alone in the scripts.
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

/// The same of processes.
pub const fn processes(scenario: &'static str, id: &'static str) -> Figure {
    Figure { model: Model::Processes, scenario, id }
}

/// How many times processes have what threads have of this.
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
    /// The figures that it is made of.
    pub fn figures(self) -> Vec<Figure> {
        match self {
            Quantity::Figure(figure) | Quantity::Most(figure) => vec![figure],
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
