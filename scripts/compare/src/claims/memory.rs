//! Claims on memory, and on handing over what is in it.

use common::{estimate::Estimate, outcome::Model, scenarios::FRAME, units};
use serde_json::Value;

use crate::claims::{
    Claim, Missing, Place, Ruling,
    evidence::{Evidence, Figure},
    ruling::{NOTICED, exceeds},
};
use crate::verdict::{TIMES, interval, times};

pub static CLAIMS: [Claim; 6] = [
    Claim {
        id: "C01",
        statement: "processes have separate memory",
        place: Place {
            scenario: "shared-state",
            file: "src/main.rs",
            function: "worker",
        },
        rust: memory_is_separate,
        cpython: memory_is_separate,
    },
    Claim {
        id: "C10",
        statement: "processes take more memory",
        place: Place {
            scenario: "worker-cost",
            file: "src/idle.rs",
            function: "run",
        },
        rust: processes_take_more,
        cpython: processes_take_more,
    },
    Claim {
        id: "C11",
        statement: "threads are light in memory",
        place: Place {
            scenario: "worker-cost",
            file: "src/idle.rs",
            function: "run",
        },
        rust: threads_are_light,
        cpython: threads_are_light,
    },
    Claim {
        id: "C12",
        statement: "threads easily reach others' state",
        place: Place {
            scenario: "ipc",
            file: "src/channels.rs",
            function: "send",
        },
        rust: threads_reach_state,
        cpython: threads_reach_state,
    },
    Claim {
        id: "C20",
        statement: "processes share objects less easily",
        place: Place {
            scenario: "responsive-ui",
            file: "src/link.rs",
            function: "give",
        },
        rust: processes_share_objects_less_easily,
        cpython: processes_share_objects_less_easily,
    },
    Claim {
        id: "C26",
        statement: "threads use the same data, and fast",
        place: Place {
            scenario: "responsive-ui",
            file: "src/database.rs",
            function: "next",
        },
        rust: threads_use_the_same_data,
        cpython: threads_use_the_same_data,
    },
];

/// "Light" is what one may have a thousand of in 64 MiB, and so without
/// counting them: 16 pages each, of the usual size.
const LIGHT: f64 = 65_536.0;

/// "Fast" is a megabyte for which the screen needs a tenth of a frame: what
/// is left is for drawing it.
const FAST: f64 = 0.1;

/// What a worker holds that waits for work, without what the kernel holds for
/// it, which of a process is more as well.
const IDLE: Figure = Figure::threads("worker-cost", "private");

/// To move a message and get another back: its words stay where they are.
const MOVED: Figure =
    Figure::threads("ipc", "trip-1048576").of("condvar.block");

/// The same through memory that two processes share, the fastest way they
/// have of those that wait as [`MOVED`] does: not by spinning.
const COPIED: Figure =
    Figure::processes("ipc", "trip-1048576").of("ring.block");

/// As [`MOVED`] in CPython, of a size that it fills in good time.
const MOVED_IN_PYTHON: Figure =
    Figure::threads("ipc", "trip-65536").of("simple-queue.block");

/// As [`COPIED`].
const COPIED_IN_PYTHON: Figure =
    Figure::processes("ipc", "trip-65536").of("shared-memory.block");

/// What the screen spends on a row of a worker's: an object of several parts.
/// Threads move it, processes read a copy and decode it.
const ROW: Figure = Figure::threads("responsive-ui", "hand-over-row");

/// The same, by size.
const MEGABYTE: Figure = Figure::threads("responsive-ui", "hand-over-mb");

/// A fact and no sample: one round that says otherwise refutes it.
fn memory_is_separate(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let is_shared = see(evidence, Model::Threads)?.all(|sees| sees);
    let is_separate = see(evidence, Model::Processes)?.all(|sees| !sees);
    Ok(match (is_shared, is_separate) {
        (true, true) => {
            Ruling::holds("threads see a write to a global, processes do not")
        }
        (false, _) => Ruling::does_not_hold("threads do not see a write"),
        (true, false) => Ruling::does_not_hold("processes see a write"),
    })
}

/// Whether the first of a side sees what workers write to a global, round by
/// round.
fn see(
    evidence: &Evidence<'_>,
    model: Model,
) -> Result<impl Iterator<Item = bool>, Missing> {
    let pointer = "/global_write_visible";
    let seen = evidence.results("shared-state", model, pointer)?;
    Ok(seen.into_iter().map(|seen| *seen == Value::Bool(true)))
}

fn processes_take_more(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let idle = idle(evidence)?;
    let (factor, figure) =
        against(evidence, "idle", [idle, idle.by_processes()], "B")?;
    Ok(match exceeds(factor, NOTICED)? {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

fn threads_are_light(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let each = evidence.estimate(idle(evidence)?)?;
    let figure = format!("{} private, idle", units::human(each.median, "B"));
    Ok(match exceeds(each, LIGHT)? {
        true => Ruling::does_not_hold(figure),
        false => Ruling::holds(figure),
    })
}

/// Of the largest crew that there is: of a small one, a few pages more or less
/// would tell.
fn idle<'all>(evidence: &Evidence<'all>) -> Result<Figure<'all>, Missing> {
    evidence
        .of_most(IDLE, |variant| variant.strip_prefix("idle-")?.parse().ok())
}

/// To reach it is to see it without being sent it, which is a fact; what is
/// easy about it is that it stays where it is.
fn threads_reach_state(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    if !see(evidence, Model::Threads)?.all(|sees| sees) {
        return Ok(Ruling::does_not_hold("threads do not see a write"));
    }
    let (size, trips) = match evidence.is_of_cpython() {
        true => ("64 KiB trip", [MOVED_IN_PYTHON, COPIED_IN_PYTHON]),
        false => ("1 MiB trip", [MOVED, COPIED]),
    };
    let (factor, figure) = against(evidence, size, trips, "s")?;
    Ok(match exceeds(factor, NOTICED)? {
        true => Ruling::holds(figure),
        false => Ruling::reworded(
            "they do, but to processes it is copied at no greater cost",
            figure,
        ),
    })
}

fn processes_share_objects_less_easily(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let (factor, figure) =
        against(evidence, "a row", [ROW, ROW.by_processes()], "s")?;
    Ok(match exceeds(factor, NOTICED)? {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

fn threads_use_the_same_data(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let sides = [MEGABYTE, MEGABYTE.by_processes()];
    let (_, figure) = against(evidence, "a MB", sides, "s")?;
    let [threads, processes] = sides;
    if !is_fast(evidence, threads)? {
        return Ok(Ruling::does_not_hold(figure));
    }
    Ok(match is_fast(evidence, processes)? {
        false => Ruling::holds(figure),
        true => Ruling::reworded(
            "fast, and as fast as a screen needs by processes too",
            figure,
        ),
    })
}

fn is_fast(
    evidence: &Evidence<'_>,
    megabyte: Figure<'_>,
) -> Result<bool, Missing> {
    let frames = evidence.estimate(megabyte)?.divided_by(FRAME.as_secs_f64());
    exceeds(frames, FAST).map(|is_slow| !is_slow)
}

/// How many times processes take what threads take, and how one says it.
fn against(
    evidence: &Evidence<'_>,
    what: &str,
    [threads, processes]: [Figure<'_>; 2],
    unit: &str,
) -> Result<(Estimate, String), Missing> {
    let factor = evidence.ratio(processes, threads)?;
    let threads = units::human(evidence.median(threads)?, unit);
    let processes = units::human(evidence.median(processes)?, unit);
    let figure = format!(
        "{what}: threads {threads}, processes {processes}, {}{TIMES} {}",
        times(factor.median),
        interval(factor)
    );
    Ok((factor, figure))
}

#[cfg(test)]
mod tests {
    use common::estimate::FEWEST;
    use serde_json::json;

    use super::*;
    use crate::claims::{
        Standing::{self, DoesNotHold, Holds, NotMeasured, Reworded},
        planted::Planted,
    };

    const IDLE: (&str, Option<&str>) = ("private", Some("idle-64"));
    const ROW: (&str, Option<&str>) = ("hand-over-row", None);
    const MEGABYTE: (&str, Option<&str>) = ("hand-over-mb", None);
    const MOVED: (&str, Option<&str>) = ("trip-1048576", Some("condvar.block"));
    const COPIED: (&str, Option<&str>) = ("trip-1048576", Some("ring.block"));

    /// Rounds whose median is `value`, and that differ by a third of it.
    fn noisy(value: f64) -> [f64; FEWEST] {
        [0.8, 0.9, 1.0, 1.0, 1.1, 1.2].map(|factor| factor * value)
    }

    fn seen(threads: bool, processes: bool) -> Planted {
        let seen = |seen: bool| json!({ "global_write_visible": seen });
        Planted::nothing()
            .result("shared-state", Model::Threads, seen(threads))
            .result("shared-state", Model::Processes, seen(processes))
    }

    #[test]
    fn memory_is_separate_if_processes_do_not_see_what_threads_see() {
        for (threads, processes, standing) in [
            (true, false, Holds),
            (true, true, DoesNotHold),
            (false, false, DoesNotHold),
            (false, true, DoesNotHold),
        ] {
            let ruling = seen(threads, processes).ruling("C01");
            assert_eq!(ruling.standing, standing, "{threads} {processes}");
        }
    }

    #[test]
    fn processes_take_more_memory_or_not() {
        let standing = |threads, processes| {
            let both = [threads, processes];
            let planted = Planted::nothing().both("worker-cost", IDLE, both);
            planted.ruling("C10").standing
        };
        assert_eq!(standing(10e3, 70e3), Holds);
        assert_eq!(standing(10e3, 13e3), Holds);
        assert_eq!(standing(10e3, 12e3), DoesNotHold);
        assert_eq!(standing(70e3, 10e3), DoesNotHold);
        let (threads, processes) = (Model::Threads, Model::Processes);
        let ruling = Planted::nothing()
            .steady("worker-cost", threads, IDLE, 10e3)
            .rounds("worker-cost", processes, IDLE, &noisy(12.5e3))
            .ruling("C10");
        assert_eq!(ruling.standing, NotMeasured);
    }

    #[test]
    fn a_thread_is_light_up_to_sixteen_pages() {
        let standing = |rounds: &[f64]| {
            Planted::nothing()
                .rounds("worker-cost", Model::Threads, IDLE, rounds)
                .steady("worker-cost", Model::Processes, IDLE, 9e9)
                .ruling("C11")
                .standing
        };
        assert_eq!(standing(&[9e3; FEWEST]), Holds);
        assert_eq!(standing(&[65_536.0; FEWEST]), Holds);
        assert_eq!(standing(&[65_537.0; FEWEST]), DoesNotHold);
        assert_eq!(standing(&noisy(65e3)), NotMeasured);
    }

    /// Both sides have it, and no other tables in their hands.
    #[test]
    fn the_largest_crew_is_asked() {
        let crew = |planted: Planted, variant, each| {
            let name = ("private", Some(variant));
            planted.both("worker-cost", name, each)
        };
        let planted = crew(Planted::nothing(), "idle-9", [1e3, 2e3]);
        let planted = crew(planted, "idle-80.with-tables", [1e3, 3e3]);
        let planted = crew(planted, "idle-10", [1e3, 9e3]);
        let alone = ("private", Some("idle-99"));
        let planted = planted.steady("worker-cost", Model::Threads, alone, 9e9);
        for ruling in [planted.ruling("C10"), planted.ruling_in_cpython("C10")]
        {
            let words = "idle: threads 1.00 kB, processes 9.00 kB, ";
            assert!(ruling.figure.starts_with(words), "{}", ruling.figure);
        }
        let none = Planted::nothing().both("worker-cost", ROW, [1.0, 9.0]);
        assert_eq!(
            none.ruling("C10").figure,
            "worker-cost: threads have no private"
        );
    }

    /// By a queue, and by memory that processes share.
    #[test]
    fn python_reaches_state_by_its_own_means() {
        let standing = |copied: &[f64; FEWEST]| {
            let moved = ("trip-65536", Some("simple-queue.block"));
            let shared = ("trip-65536", Some("shared-memory.block"));
            seen(true, false)
                .steady("ipc", Model::Threads, moved, 60e-6)
                .rounds("ipc", Model::Processes, shared, copied)
                .ruling_in_cpython("C12")
                .standing
        };
        assert_eq!(standing(&[400e-6; FEWEST]), Holds);
        assert_eq!(standing(&[72e-6; FEWEST]), Reworded);
        assert_eq!(standing(&noisy(75e-6)), NotMeasured);
        let unseen = seen(false, false).ruling_in_cpython("C12");
        assert_eq!(unseen.standing, DoesNotHold);
    }

    /// The same figures are the same evidence in either language.
    #[test]
    fn most_is_judged_in_python_as_in_rust() {
        let ui = "responsive-ui";
        for (planted, id, standing) in [
            (seen(true, false), "C01", Holds),
            (seen(true, true), "C01", DoesNotHold),
            (nothing().both(ui, ROW, [1.0, 9.0]), "C20", Holds),
            (nothing().both(ui, ROW, [1.0, 1.0]), "C20", DoesNotHold),
            (nothing().both(ui, MEGABYTE, [1e-3, 9e-3]), "C26", Holds),
            (nothing().both(ui, MEGABYTE, [1e-3, 1e-3]), "C26", Reworded),
            (nothing().both(ui, MEGABYTE, [9e-3, 9e-3]), "C26", DoesNotHold),
            (nothing().both("worker-cost", IDLE, [1e3, 9e3]), "C11", Holds),
            (
                nothing().both("worker-cost", IDLE, [1e6, 9e6]),
                "C11",
                DoesNotHold,
            ),
        ] {
            let found = planted.ruling_in_cpython(id).standing;
            assert_eq!(found, standing, "{id}");
        }
    }

    fn nothing() -> Planted {
        Planted::nothing()
    }

    fn trips(planted: Planted, moved: f64, copied: &[f64]) -> Planted {
        planted.steady("ipc", Model::Threads, MOVED, moved).rounds(
            "ipc",
            Model::Processes,
            COPIED,
            copied,
        )
    }

    #[test]
    fn threads_reach_state_that_they_see_and_need_not_copy() {
        let standing = |sees, moved, copied: &[f64]| {
            let planted = trips(seen(sees, false), moved, copied);
            planted.ruling("C12").standing
        };
        assert_eq!(standing(true, 60e-6, &[400e-6; FEWEST]), Holds);
        assert_eq!(standing(true, 60e-6, &[78e-6; FEWEST]), Holds);
        assert_eq!(standing(true, 60e-6, &[72e-6; FEWEST]), Reworded);
        assert_eq!(standing(true, 400e-6, &[60e-6; FEWEST]), Reworded);
        assert_eq!(standing(true, 60e-6, &noisy(75e-6)), NotMeasured);
        assert_eq!(standing(false, 60e-6, &[400e-6; FEWEST]), DoesNotHold);
    }

    #[test]
    fn who_sees_and_has_no_trips_is_not_judged() {
        let ruling = seen(true, false).ruling("C12");
        assert_eq!(ruling.figure, "ipc was not compared");
        let ruling = trips(Planted::nothing(), 1.0, &[9.0; FEWEST]);
        let ruling = ruling.ruling("C12");
        assert_eq!(ruling.figure, "shared-state was not compared");
    }

    #[test]
    fn objects_are_shared_less_easily_if_a_row_costs_more() {
        let standing = |threads, rounds: &[f64]| {
            Planted::nothing()
                .steady("responsive-ui", Model::Threads, ROW, threads)
                .rounds("responsive-ui", Model::Processes, ROW, rounds)
                .ruling("C20")
                .standing
        };
        assert_eq!(standing(10e-9, &[150e-9; FEWEST]), Holds);
        assert_eq!(standing(10e-9, &[13e-9; FEWEST]), Holds);
        assert_eq!(standing(10e-9, &[12e-9; FEWEST]), DoesNotHold);
        assert_eq!(standing(10e-9, &[5e-9; FEWEST]), DoesNotHold);
        assert_eq!(standing(10e-9, &noisy(12e-9)), NotMeasured);
    }

    fn megabyte(threads: &[f64], processes: &[f64]) -> Standing {
        Planted::nothing()
            .rounds("responsive-ui", Model::Threads, MEGABYTE, threads)
            .rounds("responsive-ui", Model::Processes, MEGABYTE, processes)
            .ruling("C26")
            .standing
    }

    /// A tenth of a frame is 1.6667 ms.
    #[test]
    fn the_same_data_is_fast_within_a_tenth_of_a_frame() {
        let (fast, slow) = ([1.6e-3; FEWEST], [1.7e-3; FEWEST]);
        assert_eq!(megabyte(&fast, &slow), Holds);
        assert_eq!(megabyte(&fast, &fast), Reworded);
        assert_eq!(megabyte(&slow, &slow), DoesNotHold);
        assert_eq!(megabyte(&slow, &fast), DoesNotHold);
        assert_eq!(megabyte(&slow, &noisy(1.6e-3)), DoesNotHold);
        assert_eq!(megabyte(&noisy(1.6e-3), &slow), NotMeasured);
        assert_eq!(megabyte(&fast, &noisy(1.6e-3)), NotMeasured);
    }

    #[test]
    fn a_figure_names_both_sides_and_the_factor() {
        let planted = Planted::nothing();
        let planted = planted.both("worker-cost", IDLE, [10e3, 70e3]);
        assert_eq!(
            planted.ruling("C10").figure,
            "idle: threads 10.0 kB, processes 70.0 kB, 7.0× [7.0, 7.0]"
        );
        assert_eq!(planted.ruling("C11").figure, "10.0 kB private, idle");
    }
}
