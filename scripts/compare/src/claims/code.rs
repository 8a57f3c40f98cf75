//! Claims on the programs' text. Their evidence is counted in the sources, as
//! they were when this program was built, and needs no run.

use std::fmt;

use common::{estimate, outcome::Model, units};

use crate::{
    claims::{
        Claim, Missing, Place, Ruling, evidence::Evidence, ruling::NOTICED,
    },
    counts::{self, Counts},
    plan::count,
    scripts::Scripts,
    verdict::{TIMES, times},
};

pub static CLAIMS: [Claim; 2] = [
    Claim {
        id: "C02",
        statement: "processes make straightforward code",
        place: Place {
            scenario: "shared-state",
            file: "src/main.rs",
            function: "spawn_and_join",
        },
        rust: processes_are_straightforward,
        cpython: processes_are_straightforward_in_python,
    },
    Claim {
        id: "C07",
        statement: "processes have a thread's interface",
        place: Place {
            scenario: "kill-workers",
            file: "src/main.rs",
            function: "spawn_and_join",
        },
        rust: processes_have_the_interface,
        cpython: processes_have_the_interface_in_python,
    },
];

/// Much alike is what has more in common than not.
const ALIKE: f64 = 0.5;

/// Where both are written as one text, it is much alike if nine lines of ten
/// need not know which of both they are about.
const AS_ONE: f64 = 0.9;

fn processes_are_straightforward(_: &Evidence<'_>) -> Result<Ruling, Missing> {
    let programs = both(counts::programs)?;
    let with_kits = both(counts::programs_and_kit)?;
    Ok(straightforward(&programs, &with_kits))
}

/// What others wrote is theirs to maintain, so a kit is not held against the
/// programs; but in Rust somebody has to write it.
fn straightforward(programs: &[Counts; 2], with_kits: &[Counts; 2]) -> Ruling {
    let (alone, all) = (Efforts::of(programs), Efforts::of(with_kits));
    let figure = format!("{alone}; with the kits {}", all.factors());
    match (alone.are_more(), all.are_more()) {
        (true, _) => Ruling::does_not_hold(figure),
        (false, true) => Ruling::reworded(
            "on top of a kit: what std has for threads, it makes up for",
            figure,
        ),
        (false, false) => Ruling::holds(figure),
    }
}

/// How many times what threads take processes take of it.
#[derive(Debug)]
struct Efforts([(&'static str, f64); 5]);

impl Efforts {
    fn of(sides: &[Counts; 2]) -> Self {
        let factor = |count: fn(&Counts) -> usize| {
            let [threads, processes] =
                sides.each_ref().map(|side| count(side) as f64);
            estimate::ratio(&[processes], &[threads]).median
        };
        Efforts([
            ("lines", factor(|side| side.lines)),
            ("functions", factor(|side| side.functions)),
            ("fallible calls", factor(|side| side.fallible_calls)),
            ("unsafe blocks", factor(|side| side.unsafe_blocks)),
            ("concepts", factor(|side| side.concepts.len())),
        ])
    }

    /// It takes only one of them to make code hard.
    fn are_more(&self) -> bool {
        self.0.iter().any(|(_, factor)| *factor > NOTICED)
    }

    fn factors(&self) -> String {
        self.0.map(|(_, factor)| times(factor) + TIMES).join(", ")
    }
}

impl fmt::Display for Efforts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self
            .0
            .map(|(what, factor)| format!("{what} {}{TIMES}", times(factor)));
        formatter.write_str(&words.join(", "))
    }
}

fn processes_are_straightforward_in_python(
    _: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    Ok(straightforward_as_one(&Scripts::all()))
}

/// No line is held in favour of processes: all that are apart count as if they
/// were theirs.
fn straightforward_as_one(scripts: &Scripts) -> Ruling {
    let Scripts { lines, lines_apart, care } = scripts;
    let of_both = lines - lines_apart;
    let factor = estimate::ratio(&[*lines as f64], &[of_both as f64]).median;
    let names = count(care.len(), "name");
    let figure =
        format!("lines at most {}{TIMES}, {names} to know", times(factor));
    match (factor > NOTICED, care.is_empty()) {
        (true, _) => Ruling::does_not_hold(figure),
        (false, false) => Ruling::reworded(
            "with care for how they start, end, and come by memory",
            figure,
        ),
        (false, true) => Ruling::holds(figure),
    }
}

fn processes_have_the_interface(_: &Evidence<'_>) -> Result<Ruling, Missing> {
    let programs = both(counts::programs)?;
    Ok(interface(&programs, counts::lines_in_common()?))
}

/// Siblings do the same work, so where their lines differ, the interfaces do.
fn interface([threads, processes]: &[Counts; 2], in_common: usize) -> Ruling {
    let lines = (threads.lines + processes.lines) as f64;
    let share = 2.0 * in_common as f64 / lines;
    let names_of = |origin: &str| {
        let own = processes.concepts.difference(&threads.concepts);
        own.filter(|concept| concept.starts_with(origin)).count()
    };
    let (kit, std) = (names_of("process_kit::"), names_of("std::process::"));
    let figure = format!(
        "{} of lines in common; {kit} names from a kit, {std} from std",
        units::human(share, "share")
    );
    match (share > ALIKE, kit > std) {
        (false, _) => Ruling::does_not_hold(figure),
        (true, true) => Ruling::reworded("not in std: a kit has it", figure),
        (true, false) => Ruling::holds(figure),
    }
}

fn processes_have_the_interface_in_python(
    _: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    Ok(interface_as_one(&Scripts::all()))
}

/// One text is for both, so where a line is not, the interfaces differ.
fn interface_as_one(Scripts { lines, lines_apart, .. }: &Scripts) -> Ruling {
    let share = (lines - lines_apart) as f64 / *lines as f64;
    let figure =
        format!("{} of lines serve both", units::human(share, "share"));
    match share > AS_ONE {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    }
}

/// Threads first.
fn both(
    count: fn(Model) -> anyhow::Result<Counts>,
) -> Result<[Counts; 2], Missing> {
    Ok([count(Model::Threads)?, count(Model::Processes)?])
}

impl From<anyhow::Error> for Missing {
    fn from(error: anyhow::Error) -> Self {
        Missing(format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{Standing, planted::Planted};

    fn effort(
        [lines, functions, fallible_calls, unsafe_blocks, concepts]: [usize; 5],
    ) -> Counts {
        let concepts = (0..concepts).map(|number| number.to_string());
        Counts {
            lines,
            functions,
            fallible_calls,
            unsafe_blocks,
            concepts: concepts.collect(),
            ..Counts::default()
        }
    }

    const THREADS: [usize; 5] = [100, 12, 20, 4, 40];
    const SAME: [usize; 5] = [125, 15, 25, 5, 50];

    fn straightforward_by(
        processes: [usize; 5],
        with_a_kit: [usize; 5],
    ) -> Ruling {
        let against = |processes| [effort(THREADS), effort(processes)];
        straightforward(&against(processes), &against(with_a_kit))
    }

    #[test]
    fn straightforward_is_what_takes_no_more_than_threads() {
        assert_eq!(straightforward_by(SAME, SAME).standing, Standing::Holds);
        for effort in 0..SAME.len() {
            let mut more = SAME;
            more[effort] += 1;
            let standing = |processes, with_a_kit| {
                straightforward_by(processes, with_a_kit).standing
            };
            assert_eq!(standing(more, more), Standing::DoesNotHold);
            assert_eq!(standing(more, SAME), Standing::DoesNotHold);
            assert_eq!(standing(SAME, more), Standing::Reworded);
        }
        // Fewer is no complaint.
        let fewer = [10, 1, 2, 0, 4];
        assert_eq!(straightforward_by(fewer, fewer).standing, Standing::Holds);
    }

    #[test]
    fn every_effort_is_named_with_its_factor() {
        let figure =
            straightforward_by([200, 12, 20, 4, 40], [400, 24, 40, 8, 80])
                .figure;
        assert_eq!(
            figure,
            "lines 2.0×, functions 1.00×, fallible calls 1.00×, unsafe blocks 1.00×, \
             concepts 1.00×; with the kits 4.0×, 2.0×, 2.0×, 2.0×, 2.0×"
        );
        let none = [[0; 5], SAME].map(effort);
        assert!(straightforward(&none, &none).figure.starts_with("lines ∞×"));
    }

    fn interface_of(in_common: usize, names: &[&str]) -> Ruling {
        let concepts = |names: &[&str]| Counts {
            lines: 100,
            concepts: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Counts::default()
        };
        // What both sides import is no interface to processes.
        let of_both = ["std::process::ExitCode", "process_kit::role"];
        let [threads, mut processes] = [concepts(&of_both), concepts(names)];
        processes.concepts.extend(threads.concepts.clone());
        processes.lines += 20;
        interface(&[threads, processes], in_common)
    }

    #[test]
    fn an_interface_is_alike_and_of_std_or_of_a_kit() {
        let kit = ["process_kit::Pool", "process_kit::Gate", "std::mem::take"];
        let std = ["std::process::Child", "process_kit::Gate"];
        assert_eq!(interface_of(56, &kit).standing, Standing::Reworded);
        assert_eq!(interface_of(56, &std).standing, Standing::Holds);
        assert_eq!(interface_of(55, &kit).standing, Standing::DoesNotHold);
        assert_eq!(interface_of(55, &std).standing, Standing::DoesNotHold);
        assert_eq!(
            interface_of(56, &kit).figure,
            "50.9 % of lines in common; 2 names from a kit, 0 from std"
        );
    }

    fn scripts(
        lines: usize,
        lines_apart: usize,
        care: &[&'static str],
    ) -> Scripts {
        let care = care.iter().copied().collect();
        Scripts { lines, lines_apart, care }
    }

    #[test]
    fn one_text_is_straightforward_or_takes_care() {
        for (apart, care, standing) in [
            (0, &[][..], Standing::Holds),
            (20, &[], Standing::Holds),
            (20, &["__main__"], Standing::Reworded),
            (21, &["__main__"], Standing::DoesNotHold),
            (21, &[], Standing::DoesNotHold),
            (100, &[], Standing::DoesNotHold),
        ] {
            let ruling = straightforward_as_one(&scripts(100, apart, care));
            assert_eq!(ruling.standing, standing, "{apart} {care:?}");
        }
        let ruling = straightforward_as_one(&scripts(110, 10, &["one", "two"]));
        assert_eq!(ruling.figure, "lines at most 1.10×, 2 names to know");
    }

    #[test]
    fn one_text_that_serves_both_is_an_interface() {
        let ruling = |apart| interface_as_one(&scripts(1000, apart, &[]));
        assert_eq!(ruling(99).standing, Standing::Holds);
        assert_eq!(ruling(100).standing, Standing::DoesNotHold);
        assert_eq!(ruling(99).figure, "90.1 % of lines serve both");
    }

    /// Of the sources as they are: whatever the verdict, it has its figures.
    #[test]
    fn the_sources_can_be_counted() {
        let planted = Planted::nothing();
        for id in ["C02", "C07"] {
            for ruling in [planted.ruling(id), planted.ruling_in_cpython(id)] {
                assert_ne!(ruling.standing, Standing::NotMeasured);
            }
        }
    }
}
