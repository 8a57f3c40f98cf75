//! What is counted in the sources of the programs.

use std::sync::LazyLock;

use common::outcome::Model::{self, Processes, Threads};

use crate::claims::{
    quantity::{Count, Effort},
    ruling::Missing,
    sources::{
        counts::{self, Counts},
        scripts::{self, Scripts},
    },
};

const SCENARIO: &str = "shared-state";

/// The same for CPython.
const SCRIPT: &str = "shared_state.py";

/// Counts it.
///
/// # Errors
///
/// It is missing if there is no such file or function.
pub fn number(count: Count) -> Result<f64, Missing> {
    Ok(match count {
        Count::Effort { effort, with_kits } => {
            let [threads, processes] = sides(with_kits)?;
            {
                let of = |side| counted(effort, side) as f64;
                of(processes) / of(threads)
            }
        }
        Count::LinesInCommon => {
            let [threads, processes] = sides(false)?;
            let lines = threads.lines + processes.lines;
            2.0 * counts::lines_in_common()? as f64 / lines as f64
        }
        Count::NamesOf(origin) => names_of(origin)?,
        Count::MoreNamesOfKit => {
            names_of("process_kit::")? - names_of("std::process::")?
        }
        Count::Guards { model, means, variants } => {
            let mut guards = 0;
            for variant in variants {
                let file = format!("src/{variant}.rs");
                let counts = Counts::of_file(SCENARIO, model, &file)?;
                guards += counts.primitives_by(means);
            }
            guards as f64
        }
        Count::LocksTaken(variants) => {
            let taken = variants.iter().map(|it| locks_taken(it));
            taken.sum::<Result<usize, _>>()? as f64
        }
        Count::UnsafeBlocks(file) => {
            let of = |model| Counts::of_file(SCENARIO, model, file);
            let blocks =
                of(Threads)?.unsafe_blocks + of(Processes)?.unsafe_blocks;
            blocks as f64
        }
        Count::ScriptLines => {
            let Scripts { lines, lines_apart, .. } = Scripts::all();
            lines as f64 / (lines - lines_apart) as f64
        }
        Count::SharedLines => {
            let Scripts { lines, lines_apart, .. } = Scripts::all();
            (lines - lines_apart) as f64 / lines as f64
        }
        Count::NamesToKnow => Scripts::all().care.len() as f64,
    })
}

fn counted(effort: Effort, counts: &Counts) -> usize {
    match effort {
        Effort::Lines => counts.lines,
        Effort::Functions => counts.functions,
        Effort::FallibleCalls => counts.fallible_calls,
        Effort::UnsafeBlocks => counts.unsafe_blocks,
        Effort::Concepts => counts.concepts.len(),
    }
}

/// Both sides, threads first, with or without their kits. Cached, because
/// reading all sources takes a while and they do not change.
fn sides(with_kits: bool) -> Result<&'static [Counts; 2], Missing> {
    type Sides = LazyLock<Result<[Counts; 2], Missing>>;
    fn both(
        count: fn(Model) -> anyhow::Result<Counts>,
    ) -> Result<[Counts; 2], Missing> {
        Ok([count(Threads)?, count(Processes)?])
    }
    static ALONE: Sides = LazyLock::new(|| both(counts::programs));
    static ALL: Sides = LazyLock::new(|| both(counts::programs_and_kit));
    let sides = if with_kits { &ALL } else { &ALONE };
    sides.as_ref().map_err(Clone::clone)
}

/// What both sides import is no interface specific to processes.
fn names_of(origin: &str) -> Result<f64, Missing> {
    let [threads, processes] = sides(false)?;
    let own = processes.concepts.difference(&threads.concepts);
    Ok(own.filter(|concept| concept.starts_with(origin)).count() as f64)
}

/// The owner is a separate function.
fn locks_taken(variant: &str) -> Result<usize, Missing> {
    let functions = match variant {
        "owner" => &["owner", "own"][..],
        _ => &[variant],
    };
    let locks = functions.iter().map(|function| {
        scripts::locks_taken(SCRIPT, function).ok_or_else(|| {
            Missing(format!("{SCRIPT} has no function {function}"))
        })
    });
    locks.sum()
}

impl From<anyhow::Error> for Missing {
    fn from(error: anyhow::Error) -> Self {
        Missing(format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::sources::{self, counts::Means};

    /// Checked against the sources as they are.
    #[test]
    fn a_variant_spares_locks_if_it_names_none() {
        let locks = |variants| {
            let means = Means::Lock;
            number(Count::Guards { model: Threads, means, variants })
        };
        assert_eq!(locks(&["lock"]).map(|locks| locks > 0.0), Ok(true));
        assert_eq!(locks(&["owner", "partition", "atomic"]), Ok(0.0));
        assert!(locks(&["message"]).is_err());
    }

    /// It compiles without one.
    #[test]
    fn racy_has_no_unsafe_block() {
        assert_eq!(number(Count::UnsafeBlocks("src/racy.rs")), Ok(0.0));
    }

    #[test]
    fn the_script_takes_locks_where_its_variant_says_so() {
        if sources::scripts().any(|file| file.name() == SCRIPT) {
            let locks = number(Count::LocksTaken(&["lock"]));
            assert_eq!(locks.map(|locks| locks > 0.0), Ok(true));
            let apart = number(Count::LocksTaken(&["owner", "partition"]));
            assert_eq!(apart, Ok(0.0));
        }
    }

    #[test]
    fn the_texts_can_be_compared() {
        let numbers = [
            Count::LinesInCommon,
            Count::NamesOf("process_kit::"),
            Count::ScriptLines,
            Count::SharedLines,
            Count::NamesToKnow,
        ];
        let efforts =
            Effort::ALL.map(|effort| Count::Effort { effort, with_kits: true });
        for count in numbers.into_iter().chain(efforts) {
            let number = number(count);
            assert!(number.is_ok_and(|number| number > 0.0), "{count:?}");
        }
        let [kit, std, more] = [
            Count::NamesOf("process_kit::"),
            Count::NamesOf("std::process::"),
            Count::MoreNamesOfKit,
        ]
        .map(|count| number(count).unwrap_or(f64::NAN));
        assert_eq!(more, kit - std);
    }
}
