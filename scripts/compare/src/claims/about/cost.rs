//! Claims about the cost of messages, starts and system calls.

use crate::{
    claims::{
        claim::{Claim, Group, NOTICED, Place},
        quantity::{Quantity, by_processes, processes, threads},
        rule::{
            Form, Gap, Rule, Shown, all, any, at_most, else_, exceeds, not,
            show,
        },
    },
    judge::finding::CLEAR,
};

pub fn group() -> Group {
    let claims = vec![
        Claim {
            id: "C09",
            statement: "messages cost processes more",
            place: Place::new("ipc", "src/main.rs", "spawn_and_join"),
            rust: messages_cost_more(
                "cost of 64 B relative to threads: by ring {}, by pipe {}, by \
                 socket {}; of 1 MiB: {}, {}, {}",
                MESSAGES,
            ),
            cpython: messages_cost_more(
                "cost of 64 B relative to threads: by Queue {}, by SimpleQueue \
                 {}, by pipe {}, by shared memory {}; of 64 KiB: {}, {}, {}, {}",
                MESSAGES_IN_PYTHON,
            ),
        },
        Claim {
            id: "C23",
            statement: "a process is a bit slower to spawn",
            place: Place::new("worker-cost", "src/anew.rs", "start"),
            rust: processes_spawn_slower(
                "time relative to a thread: a program started anew {}, by bare \
                 clone {}, by fork {}",
                [START, start("finish.bare"), FORK],
                "more than a bit: over twice as slow",
            ),
            cpython: processes_spawn_slower(
                "time relative to a thread: by fork {}, by spawn {}, by \
                 forkserver {}",
                [FORK, START, start("finish.served")],
                "more than a bit: over twice as slow, even by fork",
            ),
        },
        Claim {
            id: "C31",
            statement: "sharing an address space costs speed",
            place: Place::new("address-space", "src/main.rs", "worker"),
            rust: sharing_costs_speed(),
            cpython: sharing_costs_speed(),
        },
    ];
    Group { title: "Costs", claims }
}

/// "A bit slower" ends at twice as slow.
const A_BIT: f64 = 2.0;

/// "Speed" is lost if all workers give processes a quarter more gain: less
/// could be the luck of the best of eleven operations.
const LOST: f64 = 1.25;

/// The cost for processes over the cost for threads, of different mechanisms: a
/// pipe against a queue, for example.
const fn against(of: &'static str, other: &'static str) -> Quantity {
    Quantity::Ratio(processes("ipc", of), threads("ipc", other))
}

/// Both sides have the ring, and its ends spin, so the time of a round trip is
/// CPU time. What only processes have is compared with the one queue of threads
/// that also sleeps while it waits, by CPU time: the time of such a round trip
/// only shows on which core the kernel wakes the other end.
pub const MESSAGES: [Quantity; 6] = [
    by_processes("ipc", "trip-64.ring.spin"),
    against("stream-64-cpu.pipe.block", "stream-64-cpu.condvar.block"),
    against("stream-64-cpu.unix-stream.block", "stream-64-cpu.condvar.block"),
    by_processes("ipc", "trip-1048576.ring.spin"),
    against(
        "stream-1048576-cpu.pipe.block",
        "stream-1048576-cpu.condvar.block",
    ),
    against(
        "stream-1048576-cpu.unix-stream.block",
        "stream-1048576-cpu.condvar.block",
    ),
];

/// All of them sleep, so only CPU time counts. Both sides have the queues; what
/// only processes have is compared with the faster one of threads.
pub const MESSAGES_IN_PYTHON: [Quantity; 8] = [
    by_processes("ipc", "stream-64-cpu.queue.block"),
    by_processes("ipc", "stream-64-cpu.simple-queue.block"),
    against("stream-64-cpu.pipe.block", "stream-64-cpu.simple-queue.block"),
    against(
        "stream-64-cpu.shared-memory.block",
        "stream-64-cpu.simple-queue.block",
    ),
    by_processes("ipc", "stream-65536-cpu.queue.block"),
    by_processes("ipc", "stream-65536-cpu.simple-queue.block"),
    against(
        "stream-65536-cpu.pipe.block",
        "stream-65536-cpu.simple-queue.block",
    ),
    against(
        "stream-65536-cpu.shared-memory.block",
        "stream-65536-cpu.simple-queue.block",
    ),
];

/// The time to start a process this way, run an empty job and exit, relative to
/// a thread.
const fn start(way: &'static str) -> Quantity {
    by_processes("worker-cost", way)
}

/// The standard library's way; in Python it starts an interpreter.
pub const START: Quantity = start("finish.anew");

/// With fork from a small parent, which was Python's default for a long time.
pub const FORK: Quantity = start("finish.borrowed");

const fn gain(id: &'static str) -> Quantity {
    by_processes("address-space", id)
}

/// All operations of a run: how much more processes gain than threads from all
/// workers over one.
pub const OPERATIONS: [(&str, Quantity); 11] = [
    ("map 64 KiB", gain("map-65536.speed-up")),
    ("map 1 MiB", gain("map-1048576.speed-up")),
    ("map 128 MiB", gain("map-134217728.speed-up")),
    ("touch 64 KiB", gain("touch-65536.speed-up")),
    ("touch 1 MiB", gain("touch-1048576.speed-up")),
    ("touch 128 MiB", gain("touch-134217728.speed-up")),
    ("allocate 64 KiB", gain("allocate-65536.speed-up")),
    ("allocate 1 MiB", gain("allocate-1048576.speed-up")),
    ("allocate 128 MiB", gain("allocate-134217728.speed-up")),
    ("protect 64 KiB", gain("protect-65536.speed-up")),
    ("files", gain("files.speed-up")),
];

/// Confirmed if every mechanism costs noticeably more, refuted if none does. If
/// some clearly do and some clearly do not, the noisy ones no longer matter.
fn messages_cost_more<const N: usize>(
    text: &'static str,
    mechanisms: [Quantity; N],
) -> Rule {
    let costlier = mechanisms.map(|one| exceeds(one, NOTICED));
    let some_are = any(costlier.clone());
    let some_are_not = any(costlier.clone().map(not));
    show(text, mechanisms.map(|one| (one, Form::Times))).by([
        all([some_are.clone(), some_are_not])
            .rewords("it depends on mechanism and size: some cost no more"),
        some_are.holds(),
        else_().refutes(),
    ])
}

/// Confirmed by a clearly longer time, but less than twice as long; refuted if
/// it is not clearly longer. The first way is judged; pools are left out,
/// because they spawn nothing.
fn processes_spawn_slower(
    text: &'static str,
    [judged, second, third]: [Quantity; 3],
    correction: &'static str,
) -> Rule {
    show(
        text,
        [(judged, Form::Interval), (second, Form::Times), (third, Form::Times)],
    )
    .by([
        at_most(judged, CLEAR).refutes(),
        exceeds(judged, A_BIT).rewords(correction),
        else_().holds(),
    ])
}

/// One operation is enough to confirm it, and the clearest is named. It is
/// refuted only if none is too noisy.
fn sharing_costs_speed() -> Rule {
    let shows_it = OPERATIONS.map(|(_, gain)| exceeds(gain, LOST));
    let shown = Shown {
        text: "processes gain most from address spaces of their own at: {}",
        gaps: vec![Gap::Highest(OPERATIONS.into())],
    };
    shown.by([any(shows_it).holds(), else_().refutes()])
}
