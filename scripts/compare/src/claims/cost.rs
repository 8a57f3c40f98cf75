//! Claims on what messages, starts and system calls take.

use common::estimate::Estimate;

use crate::claims::{
    Claim, Missing, Place, Ruling,
    evidence::{Evidence, Figure},
    ruling::{NOTICED, exceeds},
};
use crate::{
    judge::CLEAR,
    verdict::{TIMES, interval, times},
};

pub static CLAIMS: [Claim; 3] = [
    Claim {
        id: "C09",
        statement: "messages cost processes more",
        place: Place {
            scenario: "ipc",
            file: "src/channels.rs",
            function: "send",
        },
        rust: messages_cost_more,
        cpython: messages_cost_more_in_python,
    },
    Claim {
        id: "C23",
        statement: "a process is a bit slower to spawn",
        place: Place {
            scenario: "worker-cost",
            file: "src/anew.rs",
            function: "start",
        },
        rust: processes_spawn_slower,
        cpython: processes_spawn_slower_in_python,
    },
    Claim {
        id: "C31",
        statement: "sharing an address space costs speed",
        place: Place {
            scenario: "address-space",
            file: "src/main.rs",
            function: "worker",
        },
        rust: sharing_costs_speed,
        cpython: sharing_costs_speed,
    },
];

/// "A bit slower" ends where it takes twice as long.
const A_BIT: f64 = 2.0;

/// "Speed" is lost where processes gain a quarter more by all workers: less
/// may be the luck of the best of eleven operations.
const LOST: f64 = 1.25;

/// A size of messages: what a trip is called, and what one message of many
/// costs both ends.
type Size = [&'static str; 3];

/// A few words.
const SMALL: Size = ["64 B", "trip-64", "stream-64-cpu"];

/// What is copied for long.
const LARGE: Size = ["1 MiB", "trip-1048576", "stream-1048576-cpu"];

/// The same for CPython, which also fills it.
const LARGE_IN_PYTHON: Size = ["64 KiB", "trip-65536", "stream-65536-cpu"];

/// All that each run does, as its figures name it.
const OPERATIONS: [[&str; 2]; 11] = [
    ["map-65536", "map 64 KiB"],
    ["map-1048576", "map 1 MiB"],
    ["map-134217728", "map 128 MiB"],
    ["touch-65536", "touch 64 KiB"],
    ["touch-1048576", "touch 1 MiB"],
    ["touch-134217728", "touch 128 MiB"],
    ["allocate-65536", "allocate 64 KiB"],
    ["allocate-1048576", "allocate 1 MiB"],
    ["allocate-134217728", "allocate 128 MiB"],
    ["protect-65536", "protect 64 KiB"],
    ["files", "files"],
];

/// How many times processes pay what threads pay, and for what.
type Factor = (&'static str, Estimate);

/// How many times more processes gain, by which operation: its key and name.
type Operation = (&'static str, &'static str, Estimate);

fn messages_cost_more(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let small = mechanisms(evidence, SMALL)?;
    let large = mechanisms(evidence, LARGE)?;
    messages(LARGE, &small, &large)
}

fn messages_cost_more_in_python(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let small = mechanisms_of_python(evidence, SMALL)?;
    let large = mechanisms_of_python(evidence, LARGE_IN_PYTHON)?;
    messages(LARGE_IN_PYTHON, &small, &large)
}

/// If some mechanism is surely dearer, and some surely is not, it matters no
/// more what the noisy ones are.
fn messages(
    [size, ..]: Size,
    small: &[Factor],
    large: &[Factor],
) -> Result<Ruling, Missing> {
    let figure = format!("64 B: {}; {size}: {}", list(small), list(large));
    let all = small.iter().chain(large);
    let dearer: Vec<_> = all.map(|(_, it)| exceeds(*it, NOTICED)).collect();
    if dearer.contains(&Ok(true)) && dearer.contains(&Ok(false)) {
        let correction = "by mechanism and size: some cost processes no more";
        return Ok(Ruling::reworded(correction, figure));
    }
    let dearer: Vec<bool> = dearer.into_iter().collect::<Result<_, _>>()?;
    Ok(match dearer.contains(&true) {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

/// The ring is on both sides, and its ends spin, so that the time of a trip is
/// CPU time. What only processes have is held against the one queue of threads
/// that waits as it does, asleep; and by CPU time, because the time of such a
/// trip tells only on which core the kernel wakes the other.
fn mechanisms(
    evidence: &Evidence<'_>,
    [_, trip, cpu]: Size,
) -> Result<Vec<Factor>, Missing> {
    let ring = Figure::threads("ipc", trip).of("ring.spin");
    let queue = Figure::threads("ipc", cpu).of("condvar.block");
    let against_queue =
        |variant| evidence.ratio(queue.by_processes().of(variant), queue);
    Ok(vec![
        ("ring", evidence.ratio(ring.by_processes(), ring)?),
        ("pipe/queue", against_queue("pipe.block")?),
        ("socket/queue", against_queue("unix-stream.block")?),
    ])
}

/// All of them sleep, so that only CPU time tells. Both sides have the queues;
/// what only processes have is held against the quicker one of threads.
fn mechanisms_of_python(
    evidence: &Evidence<'_>,
    [.., cpu]: Size,
) -> Result<Vec<Factor>, Missing> {
    [
        ("Queue", "queue.block", "queue.block"),
        ("SimpleQueue", "simple-queue.block", "simple-queue.block"),
        ("pipe", "pipe.block", "simple-queue.block"),
        ("shared memory", "shared-memory.block", "simple-queue.block"),
    ]
    .into_iter()
    .map(|(name, processes, threads)| {
        let threads = Figure::threads("ipc", cpu).of(threads);
        let processes = Figure::processes("ipc", cpu).of(processes);
        Ok((name, evidence.ratio(processes, threads)?))
    })
    .collect()
}

/// By the way that the standard library has, and beside it what is known of
/// the extremes: with as little around it as the kernel allows, and by fork
/// from a small parent. Pools are left out: there, nothing is spawned.
fn processes_spawn_slower(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let anew = start(evidence, "anew")?;
    let bare = ("bare", start(evidence, "bare")?);
    let fork = ("fork", start(evidence, "borrowed")?);
    let figure = with_interval("anew", anew) + ", " + &list(&[bare, fork]);
    slower(
        anew,
        "more than a bit: over twice as slow, by the usual way",
        figure,
    )
}

/// By the quickest way there is, which was the usual one for long. The others
/// start an interpreter, or ask a server that has one.
fn processes_spawn_slower_in_python(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let fork = start(evidence, "borrowed")?;
    let spawn = ("spawn", start(evidence, "anew")?);
    let server = ("forkserver", start(evidence, "served")?);
    let figure = with_interval("fork", fork) + ", " + &list(&[spawn, server]);
    slower(fork, "more than a bit: over twice as slow, even by fork", figure)
}

/// How many times as long as with a thread it takes until a process that is
/// started in this way has done an empty job, and is gone.
fn start(
    evidence: &Evidence<'_>,
    way: &'static str,
) -> Result<Estimate, Missing> {
    let threads = Figure::threads("worker-cost", "finish").of(way);
    evidence.ratio(threads.by_processes(), threads)
}

fn slower(
    factor: Estimate,
    correction: &'static str,
    figure: String,
) -> Result<Ruling, Missing> {
    if !exceeds(factor, CLEAR)? {
        return Ok(Ruling::does_not_hold(figure));
    }
    Ok(match exceeds(factor, A_BIT)? {
        true => Ruling::reworded(correction, figure),
        false => Ruling::holds(figure),
    })
}

/// One operation is enough to show it, and the clearest is named. That none
/// does is only said if not one of them is too noisy.
fn sharing_costs_speed(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let gains = OPERATIONS.map(|operation| gain(evidence, operation));
    let mut gains: Vec<Operation> =
        gains.into_iter().collect::<Result<_, _>>()?;
    gains.sort_by(|(_, _, one), (_, _, other)| other.low.total_cmp(&one.low));
    let figure = clearest(evidence, gains[0])?;
    for (_, _, gain) in gains {
        if exceeds(gain, LOST)? {
            return Ok(Ruling::holds(figure));
        }
    }
    Ok(Ruling::does_not_hold(figure))
}

/// How many times more processes gain than threads by all workers over one.
fn gain(
    evidence: &Evidence<'_>,
    [id, operation]: [&'static str; 2],
) -> Result<Operation, Missing> {
    let threads = speed_up(id);
    Ok((id, operation, evidence.ratio(threads.by_processes(), threads)?))
}

fn clearest(
    evidence: &Evidence<'_>,
    (id, operation, gain): Operation,
) -> Result<String, Missing> {
    let threads = evidence.median(speed_up(id))?;
    let processes = evidence.median(speed_up(id).by_processes())?;
    Ok(format!(
        "speed-up of {operation}: threads {}{TIMES}, processes {}{TIMES}, {}",
        times(threads),
        times(processes),
        with_interval("so", gain)
    ))
}

const fn speed_up(id: &'static str) -> Figure<'static> {
    Figure::threads("address-space", id).of("speed-up")
}

fn list(factors: &[Factor]) -> String {
    let one = |(name, factor): &Factor| {
        format!("{name} {}{TIMES}", times(factor.median))
    };
    factors.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn with_interval(name: &str, factor: Estimate) -> String {
    let (median, interval) = (times(factor.median), interval(factor));
    format!("{name} {median}{TIMES} {interval}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use clap::Parser as _;
    use common::{
        estimate::FEWEST, outcome::Model, scenarios::address_space::Args,
    };

    use super::*;
    use crate::claims::{
        Standing::{self, DoesNotHold, Holds, NotMeasured, Reworded},
        planted::Planted,
    };

    /// Rounds around `value` of which nobody can tell what they are.
    fn noisy(value: f64) -> [f64; FEWEST] {
        [0.8, 0.9, 1.0, 1.0, 1.1, 1.2].map(|factor| factor * value)
    }

    const STEADY: [f64; FEWEST] = [1.0; FEWEST];

    /// What processes pay where threads pay 1: of 64 B and 1 MiB by ring, pipe
    /// and socket.
    fn paid(factors: [f64; 6], noise: [f64; FEWEST]) -> Planted {
        let trips = ["trip-64", "trip-1048576"];
        let streams = ["stream-64-cpu", "stream-1048576-cpu"];
        let mut planted = Planted::nothing();
        let sizes = trips.into_iter().zip(streams).zip(factors.chunks(3));
        for ((trip, stream), factors) in sizes {
            let queue = (stream, Some("condvar.block"));
            let ring = (trip, Some("ring.spin"));
            let theirs = [
                ring,
                (stream, Some("pipe.block")),
                (stream, Some("unix-stream.block")),
            ];
            for name in [queue, ring] {
                planted = planted.steady("ipc", Model::Threads, name, 1.0);
            }
            for (name, factor) in theirs.into_iter().zip(factors) {
                let rounds = noise.map(|noise| noise * factor);
                let processes = Model::Processes;
                planted = planted.rounds("ipc", processes, name, &rounds);
            }
        }
        planted
    }

    #[test]
    fn messages_cost_more_if_all_do() {
        for (factors, standing) in [
            ([1.3, 1.3, 9.0, 1.3, 9.0, 9.0], Holds),
            ([1.2, 1.2, 0.5, 1.2, 0.5, 0.5], DoesNotHold),
            ([1.2, 9.0, 9.0, 9.0, 9.0, 9.0], Reworded),
            ([9.0, 1.2, 9.0, 9.0, 9.0, 9.0], Reworded),
            ([9.0, 9.0, 1.2, 9.0, 9.0, 9.0], Reworded),
            ([9.0, 9.0, 9.0, 1.2, 9.0, 9.0], Reworded),
            ([9.0, 9.0, 9.0, 9.0, 1.2, 9.0], Reworded),
            ([9.0, 9.0, 9.0, 9.0, 9.0, 1.2], Reworded),
            ([1.0, 1.0, 1.0, 1.0, 1.0, 1.3], Reworded),
        ] {
            let ruling = paid(factors, STEADY).ruling("C09");
            assert_eq!(ruling.standing, standing, "{factors:?}");
        }
    }

    /// Noise around 1.25 counts only where it could turn the verdict.
    #[test]
    fn a_noisy_mechanism_counts_only_if_it_matters() {
        for (factors, standing) in [
            ([1.25, 9.0, 9.0, 9.0, 9.0, 9.0], NotMeasured),
            ([9.0, 9.0, 9.0, 9.0, 9.0, 1.25], NotMeasured),
            ([1.25, 0.5, 0.5, 0.5, 0.5, 0.5], NotMeasured),
            ([0.5, 1.25, 9.0, 9.0, 9.0, 9.0], Reworded),
        ] {
            let planted = paid(factors, noisy(1.0));
            let ruling = planted.ruling("C09");
            assert_eq!(ruling.standing, standing, "{factors:?}");
        }
    }

    #[test]
    fn messages_are_named_by_size_and_mechanism() {
        let planted = paid([1.0, 0.8, 2.5, 1.1, 6.0, 3.0], STEADY);
        assert_eq!(
            planted.ruling("C09").figure,
            "64 B: ring 1.00×, pipe/queue 0.80×, socket/queue 2.5×; \
             1 MiB: ring 1.10×, pipe/queue 6.0×, socket/queue 3.0×"
        );
    }

    /// What processes take where threads take 1: anew, bare, by fork.
    fn starts(anew: &[f64], bare: f64, fork: f64) -> Planted {
        let name = |way| ("finish", Some(way));
        Planted::nothing()
            .steady("worker-cost", Model::Threads, name("anew"), 1.0)
            .rounds("worker-cost", Model::Processes, name("anew"), anew)
            .both("worker-cost", name("bare"), [1.0, bare])
            .both("worker-cost", name("borrowed"), [1.0, fork])
    }

    #[test]
    fn a_bit_slower_is_less_than_twice() {
        for (anew, standing) in [
            ([50.0; FEWEST], Reworded),
            ([2.1; FEWEST], Reworded),
            ([2.0; FEWEST], Holds),
            ([1.03; FEWEST], Holds),
            ([1.02; FEWEST], DoesNotHold),
            ([0.5; FEWEST], DoesNotHold),
            (noisy(2.0), NotMeasured),
            (noisy(1.0), NotMeasured),
        ] {
            let ruling = starts(&anew, 9.0, 9.0).ruling("C23");
            assert_eq!(ruling.standing, standing, "{anew:?}");
        }
    }

    #[test]
    fn the_ways_to_start_are_named() {
        let figure = starts(&[50.0; FEWEST], 99.0, 5.0).ruling("C23").figure;
        assert_eq!(figure, "anew 50× [50, 50], bare 99×, fork 5.0×");
    }

    /// What processes pay in CPython where threads pay 1: of 64 B and 1 MiB by
    /// queue, simple queue, pipe and shared memory.
    fn messages_of_python(factors: [f64; 8]) -> Planted {
        let of = ["queue", "simple-queue", "pipe", "shared-memory"];
        let streams = ["stream-64-cpu", "stream-65536-cpu"];
        let mut planted = Planted::nothing();
        for (stream, factors) in streams.into_iter().zip(factors.chunks(4)) {
            for (mechanism, factor) in of.into_iter().zip(factors) {
                let variant = format!("{mechanism}.block");
                let name = (stream, Some(variant.as_str()));
                planted = planted.both("ipc", name, [1.0, *factor]);
            }
        }
        planted
    }

    #[test]
    fn messages_of_python_cost_more_if_all_do() {
        let ruling =
            |factors| messages_of_python(factors).ruling_in_cpython("C09");
        assert_eq!(ruling([1.3; 8]).standing, Holds);
        assert_eq!(ruling([1.2; 8]).standing, DoesNotHold);
        for mechanism in 0..8 {
            let mut factors = [9.0; 8];
            factors[mechanism] = 1.2;
            assert_eq!(ruling(factors).standing, Reworded, "{mechanism}");
        }
        assert_eq!(
            ruling([2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]).figure,
            "64 B: Queue 2.0×, SimpleQueue 3.0×, pipe 4.0×, \
             shared memory 5.0×; 64 KiB: Queue 6.0×, SimpleQueue 7.0×, \
             pipe 8.0×, shared memory 9.0×"
        );
    }

    #[test]
    fn in_python_the_quickest_start_is_judged() {
        for (fork, standing) in [
            ([50.0; FEWEST], Reworded),
            ([2.0; FEWEST], Holds),
            ([1.02; FEWEST], DoesNotHold),
            (noisy(2.0), NotMeasured),
        ] {
            let name = |way| ("finish", Some(way));
            let ruling = Planted::nothing()
                .steady("worker-cost", Model::Threads, name("borrowed"), 1.0)
                .rounds(
                    "worker-cost",
                    Model::Processes,
                    name("borrowed"),
                    &fork,
                )
                .both("worker-cost", name("anew"), [1.0, 99.0])
                .both("worker-cost", name("served"), [1.0, 77.0])
                .ruling_in_cpython("C23");
            assert_eq!(ruling.standing, standing, "{fork:?}");
            if standing == Reworded {
                let words = "fork 50× [50, 50], spawn 99×, forkserver 77×";
                assert_eq!(ruling.figure, words);
            }
        }
    }

    /// Threads gain nothing by two workers; processes so much by the first,
    /// the last, and those between.
    fn operations([first, last]: [&[f64]; 2], between: f64) -> Planted {
        let between = [between; FEWEST];
        let mut processes = [&between[..]; OPERATIONS.len()];
        processes[0] = first;
        processes[OPERATIONS.len() - 1] = last;
        let planted = OPERATIONS.into_iter().zip(processes);
        planted.fold(Planted::nothing(), |planted, ([id, _], processes)| {
            let name = (id, Some("speed-up"));
            planted.steady("address-space", Model::Threads, name, 1.0).rounds(
                "address-space",
                Model::Processes,
                name,
                processes,
            )
        })
    }

    fn sharing(first: &[f64], last: &[f64], between: f64) -> Standing {
        operations([first, last], between).ruling("C31").standing
    }

    #[test]
    fn sharing_costs_speed_if_one_operation_shows_it() {
        let (alike, fast) = ([1.2; FEWEST], [1.3; FEWEST]);
        assert_eq!(sharing(&alike, &alike, 1.2), DoesNotHold);
        assert_eq!(sharing(&alike, &alike, 0.1), DoesNotHold);
        assert_eq!(sharing(&fast, &alike, 1.2), Holds);
        assert_eq!(sharing(&alike, &fast, 1.2), Holds);
        assert_eq!(sharing(&alike, &alike, 1.3), Holds);
    }

    #[test]
    fn a_noisy_operation_counts_only_if_no_other_shows_it() {
        let (alike, fast) = ([1.2; FEWEST], [9.0; FEWEST]);
        assert_eq!(sharing(&noisy(1.25), &alike, 1.2), NotMeasured);
        assert_eq!(sharing(&alike, &noisy(1.25), 1.2), NotMeasured);
        assert_eq!(sharing(&noisy(1.25), &fast, 1.2), Holds);
    }

    #[test]
    fn the_clearest_operation_is_named() {
        let unsteady = [1.1, 60.0, 60.0, 60.0, 60.0, 60.0];
        let planted = operations([&unsteady, &[9.0; FEWEST]], 2.0);
        assert_eq!(
            planted.ruling("C31").figure,
            "speed-up of files: threads 1.00×, processes 9.0×, \
             so 9.0× [9.0, 9.0]"
        );
    }

    #[test]
    fn what_has_no_script_is_not_measured_on_cpython() {
        let ruling = Planted::nothing().ruling_in_cpython("C31");
        assert_eq!(ruling.standing, NotMeasured);
        assert_eq!(ruling.figure, "address-space is not there on CPython");
    }

    #[test]
    fn every_operation_is_asked_for() {
        let arguments = ["test", "--workers", "2"];
        let plans = Args::try_parse_from(arguments).unwrap().plans();
        let names = plans.iter().map(|plan| plan.name());
        let alone: Vec<String> = names
            .filter_map(|name| Some(name.strip_suffix(", 1 worker")?.into()))
            .collect();
        assert_eq!(alone, OPERATIONS.map(|[_, name]| name));
    }
}
