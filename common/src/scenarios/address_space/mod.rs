#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! Shared by both siblings: the series of measurements, the operations, their
//! expected results, and the outcome.

use std::fmt;

use clap::{Parser, ValueEnum, builder::RangedU64ValueParser};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{self, Arguments, Common, Variants, Workers},
    input::Input,
    outcome::Model,
    units,
};

mod outcome;
mod work;

pub use outcome::{Finished, outcome};
pub use work::{Work, WorkReport};

/// Is one address space a bottleneck?
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  PROGRAM                        every operation, with one worker and many
  PROGRAM --variant map          only what locks the address space itself
  PROGRAM --variant touch --size 1MiB
                                 one operation, one size
  PROGRAM --workers 8            one worker, then 8, then 16
  PROGRAM --operations 100000    a longer run with less noise
  PROGRAM --quick --json         for a script")]
pub struct Args {
    /// Operations per measurement, of all workers together [default: for some
    /// 50 ms, so more for faster ones]
    #[arg(long, value_name = "N",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1 << 40))]
    operations: Option<u64>,

    /// Measure only this size, one of the usual ones (repeatable)
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    size: Vec<usize>,

    #[command(flatten)]
    variants: Variants<Operation>,

    #[command(flatten)]
    workers: Workers,

    #[command(flatten)]
    common: Common,
}

impl Arguments for Args {
    fn common(&self) -> &Common {
        &self.common
    }

    fn list(&self, _model: Model) -> Option<String> {
        self.variants.list(|_| true)
    }

    fn check(&self, _model: Model) -> Result<(), String> {
        if self.plans().is_empty() {
            Err("no operation has that --size: the sizes are 64KiB, \
                 1MiB and 128MiB; protect has 64KiB only, and files \
                 has no size"
                .into())
        } else {
            Ok(())
        }
    }
}

impl Args {
    /// The measurements in order: each operation at each size, with one worker,
    /// with the requested number, and with twice as many.
    pub fn plans(&self) -> Vec<Plan> {
        let is_asked =
            |size: &&usize| self.size.is_empty() || self.size.contains(size);
        let mut plans = Vec::new();
        for operation in self.variants.chosen() {
            for &size in operation.sizes().iter().filter(is_asked) {
                let plan = |workers| self.plan(operation, size, workers);
                plans.extend(self.crews().into_iter().map(plan));
            }
        }
        plans
    }

    fn crews(&self) -> Vec<usize> {
        let workers = self.workers.count();
        let mut crews = vec![1, workers, 2 * workers];
        crews.dedup();
        crews
    }

    fn plan(&self, operation: Operation, size: usize, workers: usize) -> Plan {
        let asked = self.workers.count();
        let most = 2 * asked;
        let (share, most_touched) = if self.common.quick {
            (3, MOST_TOUCHED / 4)
        } else {
            (1, MOST_TOUCHED)
        };
        let usual = || {
            let operations = operation.usual(size) / share;
            operations.max(1).next_multiple_of(most as u64)
        };
        let touched = match operation {
            Operation::Touch => {
                let each = most_touched / most;
                size.min(each / PAGE * PAGE)
            }
            _ => 0,
        };
        Plan {
            operation,
            size,
            touched,
            operations: self.operations.unwrap_or_else(usual),
            workers,
            asked,
            seed: self.common.seed,
        }
    }
}

/// What a worker does again and again, using only what is its own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Map memory and unmap it, untouched
    Map,
    /// Map memory, touch every page, and unmap it
    Touch,
    /// Allocate a block and free it
    Allocate,
    /// Make memory read-only, and writable again
    Protect,
    /// Open a file, read a byte and close it
    Files,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The distance between touched bytes. Where pages are larger, some bytes lie
/// on a page that was touched already, for both siblings alike.
pub(crate) const PAGE: usize = 4 * KIB;

/// The most that all workers together touch at once: 128 MiB each with two
/// cores. With more cores, the last pages of a large mapping stay untouched, so
/// that a machine with many cores does not run out of memory.
const MOST_TOUCHED: usize = 512 * MIB;

impl Operation {
    /// A small size, at which a glibc block is not a mapping yet; a larger one;
    /// and one at which it always is (mallopt(3): the threshold starts at 128
    /// KiB and follows the sizes of freed blocks, up to 32 MiB).
    const SIZES: [usize; 3] = [64 * KIB, MIB, 128 * MIB];

    fn sizes(self) -> &'static [usize] {
        match self {
            Operation::Map | Operation::Touch | Operation::Allocate => {
                &Operation::SIZES
            }
            Operation::Protect => &Operation::SIZES[..1],
            Operation::Files => &[0],
        }
    }

    /// As many as take some 35 ms on the side where workers wait for each
    /// other. This is the total for all workers: otherwise a measurement would
    /// take longer the more cores there are.
    fn usual(self, size: usize) -> u64 {
        match (self, size) {
            (Operation::Map, _) => 6000,
            (Operation::Touch, size) if size >= 128 * MIB => 4,
            (Operation::Touch, size) if size >= MIB => 80,
            (Operation::Touch, _) => 800,
            (Operation::Allocate, size) if size >= 128 * MIB => 1200,
            (Operation::Allocate, _) => 800_000,
            (Operation::Protect, _) => 1600,
            (Operation::Files, _) => 24_000,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&arguments::name(self))
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The operation.
    pub operation: Operation,
    /// Bytes of memory per operation; none for files.
    pub size: usize,
    /// How many of these bytes are touched, for `touch`.
    pub touched: usize,
    /// Operations of all workers together.
    pub operations: u64,
    /// How many workers share them.
    pub workers: usize,
    /// The requested number of workers: the speed-up is from one to these.
    pub asked: usize,
    /// The seed of the values that are written and read back.
    pub seed: u64,
}

impl Plan {
    /// The operations of one worker: every `workers`-th, so that the total
    /// result does not depend on the number of workers.
    pub fn share(&self, index: usize) -> impl Iterator<Item = u64> {
        (index as u64..self.operations).step_by(self.workers)
    }

    /// The name in the progress report: `map 64 KiB, 2 workers`.
    pub fn name(&self) -> String {
        format!("{}, {}", self.row(), self.crew())
    }

    /// The operation and its size: `map 64 KiB`.
    pub(crate) fn row(&self) -> String {
        match self.size {
            0 => self.operation.to_string(),
            size => format!("{} {}", self.operation, bytes(size)),
        }
    }

    /// The same as a key: `map-65536`.
    pub(crate) fn row_key(&self) -> String {
        match self.size {
            0 => self.operation.to_string(),
            size => format!("{}-{size}", self.operation),
        }
    }

    /// Which crew it is, whatever its size on this machine.
    fn crew_key(&self) -> &'static str {
        if self.workers == self.asked {
            "all"
        } else if self.workers < self.asked {
            "one"
        } else {
            "twice"
        }
    }

    fn crew(&self) -> String {
        match self.workers {
            1 => "1 worker".into(),
            many => format!("{many} workers"),
        }
    }

    /// Pages touched per operation.
    pub(crate) fn pages(&self) -> u64 {
        (self.touched / PAGE) as u64
    }

    /// The value that this operation writes and reads back. Never zero, which
    /// is what untouched memory contains.
    pub(crate) fn value(&self, number: u64) -> u8 {
        1 + Input::new(self.seed, number).below(255) as u8
    }

    /// The expected total of all workers, computed without the kernel.
    pub fn reference(&self) -> u64 {
        let value = |number| u64::from(self.value(number));
        let found = |number| match self.operation {
            Operation::Map => self.size as u64,
            Operation::Touch => self.pages() * value(number),
            _ => value(number),
        };
        (0..self.operations).map(found).fold(0, u64::wrapping_add)
    }
}

/// `64 KiB`, `128 MiB`.
fn bytes(size: usize) -> String {
    match size {
        size if size.is_multiple_of(MIB) => format!("{} MiB", size / MIB),
        size => format!("{} KiB", size / KIB),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plans() -> impl Strategy<Value = Plan> {
        let sizes = prop::sample::select(vec![PAGE, 5 * PAGE, 64 * KIB, MIB]);
        let operations =
            prop::sample::select(Operation::value_variants().to_vec());
        (operations, sizes, 1..60_u64, 1..9_usize, any::<u64>()).prop_map(
            |(operation, size, operations, workers, seed)| Plan {
                operation,
                size,
                touched: size * usize::from(operation == Operation::Touch),
                operations,
                workers,
                asked: workers,
                seed,
            },
        )
    }

    proptest! {
        /// Runs the real operations, one worker after another.
        #[test]
        fn what_is_found_is_what_must_be(plan in plans()) {
            let found = (0..plan.workers).map(|index| {
                let work = Work::prepare(&plan, index).unwrap();
                work.perform().unwrap().found
            });
            let found = found.fold(0, u64::wrapping_add);
            prop_assert_eq!(found, plan.reference());
        }

        #[test]
        fn every_operation_is_some_workers(plan in plans()) {
            let shares = (0..plan.workers).flat_map(|index| plan.share(index));
            let mut numbers: Vec<_> = shares.collect();
            numbers.sort_unstable();
            prop_assert!(numbers.into_iter().eq(0..plan.operations));
        }
    }

    fn plans_of(arguments: &str) -> Vec<Plan> {
        let words = arguments.split(' ').filter(|word| !word.is_empty());
        let words = std::iter::once("program").chain(words);
        Args::try_parse_from(words).unwrap().plans()
    }

    #[test]
    fn no_machine_is_too_large() {
        for workers in [1, 2, 3, 64, 1024] {
            for more in ["", "--quick"] {
                let asked = format!("--workers {workers} {more}");
                let plans = plans_of(&asked);
                assert_eq!(plans[0].workers, 1);
                for plan in plans {
                    let touched = plan.touched * plan.workers;
                    assert!(touched <= MOST_TOUCHED, "{plan:?}");
                    let is_touched = plan.operation == Operation::Touch;
                    assert_eq!(plan.touched > 0, is_touched, "{plan:?}");
                    let shared = plan.operations % plan.workers as u64;
                    assert_eq!(shared, 0, "{plan:?}");
                }
            }
        }
    }

    /// Real mappings and allocations.
    #[test]
    fn what_the_kernel_cannot_have_is_an_error() {
        for (operation, reason) in [
            (Operation::Map, "cannot be mapped"),
            (Operation::Touch, "cannot be mapped"),
            (Operation::Allocate, "cannot be allocated"),
        ] {
            let asked = format!("--variant {operation}");
            let plan = Plan { size: 1 << 60, ..plans_of(&asked)[0] };
            let work = Work::prepare(&plan, 0);
            let error = work.and_then(Work::perform).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains(reason), "{text}");
        }
    }

    #[test]
    fn one_size_may_be_asked_for() {
        let rows = |arguments: &str| {
            let mut rows: Vec<_> =
                plans_of(arguments).iter().map(Plan::row).collect();
            rows.dedup();
            rows
        };
        assert_eq!(rows("--variant map --size 1MiB"), ["map 1 MiB"]);
        let both = rows("--size 64KiB --variant map --variant protect");
        assert_eq!(both, ["map 64 KiB", "protect 64 KiB"]);
        let words = ["program", "--variant", "files", "--size", "64KiB"];
        let none = Args::try_parse_from(words).unwrap();
        assert!(none.check(Model::Threads).is_err());
    }

    #[test]
    fn a_crew_is_asked_once() {
        let crews = |arguments: &str| -> Vec<usize> {
            plans_of(arguments).iter().map(|plan| plan.workers).collect()
        };
        assert_eq!(crews("--variant files --workers 1"), [1, 2]);
        assert_eq!(crews("--variant files --workers 3"), [1, 3, 6]);
    }
}
