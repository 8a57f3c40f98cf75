//! Claims on memory, and on handing over what is in it.

use common::outcome::Model::{Processes, Threads};

use crate::claims::{
    claim::{Claim, Group, NOTICED, Place, UNNOTICED},
    quantity::{Fact, Figure, Quantity, by_processes, processes, threads},
    rule::{Form, Rule, Shown, at_most, else_, exceeds, show, some},
};

pub fn group() -> Group {
    let idle = Place::new("worker-cost", "src/idle.rs", "run");
    let claims = vec![
        Claim {
            id: "C01",
            statement: "processes have separate memory",
            place: Place::new("shared-state", "src/main.rs", "worker"),
            rust: memory_is_separate(),
            cpython: memory_is_separate(),
        },
        Claim {
            id: "C10",
            statement: "processes take more memory",
            place: idle,
            rust: processes_take_more(),
            cpython: processes_take_more(),
        },
        Claim {
            id: "C11",
            statement: "threads are light in memory",
            place: idle,
            rust: threads_are_light(),
            cpython: threads_are_light(),
        },
        Claim {
            id: "C12",
            statement: "threads easily reach others' state",
            place: Place::new("ipc", "src/main.rs", "spawn_and_join"),
            rust: threads_reach_state("1 MiB: {}", MOVED, COPIED),
            cpython: threads_reach_state(
                "64 KiB: {}",
                MOVED_IN_PYTHON,
                COPIED_IN_PYTHON,
            ),
        },
        Claim {
            id: "C20",
            statement: "processes share objects less easily",
            place: Place::new("responsive-ui", "src/link.rs", "give"),
            rust: objects_are_shared_less_easily(),
            cpython: objects_are_shared_less_easily(),
        },
        Claim {
            id: "C26",
            statement: "threads use the same data, and fast",
            place: Place::new("responsive-ui", "src/database.rs", "next"),
            rust: threads_use_the_same_data(),
            cpython: threads_use_the_same_data(),
        },
    ];
    Group { title: "Memory", claims }
}

/// "Light" is what one may have a thousand of in 64 MiB, and so without
/// counting them: 16 pages each, of the usual size.
const LIGHT: f64 = 65_536.0;

/// What a worker holds that waits for work, without what the kernel holds for
/// it, which of a process is more as well. It is of the largest crew: of a
/// small one, a few pages more or less would tell.
pub const IDLE: &str = "private.idle-*";

/// To move a message and get another back: its words stay where they are.
pub const MOVED: Figure = threads("ipc", "trip-1048576.condvar.block");

/// The same through memory that two processes share, the fastest way they
/// have of those that wait as [`MOVED`] does: not by spinning.
pub const COPIED: Figure = processes("ipc", "trip-1048576.ring.block");

/// As [`MOVED`] in CPython, of a size that it fills in good time.
const MOVED_IN_PYTHON: Figure = threads("ipc", "trip-65536.simple-queue.block");

/// As [`COPIED`].
const COPIED_IN_PYTHON: Figure =
    processes("ipc", "trip-65536.shared-memory.block");

/// What the screen spends on a row of a worker's: an object of several parts.
/// Threads move it, processes read a copy and decode it.
pub const ROW: Quantity = by_processes("responsive-ui", "hand-over-row");

/// Confirmed if in every slice threads see a write to a global, and processes
/// do not: the worker that wrote it has been joined. One slice refutes it.
fn memory_is_separate() -> Rule {
    let unseen = Quantity::Seen(Fact::Unseen(Threads));
    let seen = Quantity::Seen(Fact::Seen(Processes));
    show(
        "threads miss {} writes to a global, processes see {}",
        [(unseen, Form::Plain), (seen, Form::Plain)],
    )
    .by([some(unseen).refutes(), some(seen).refutes(), else_().holds()])
}

/// Confirmed by a ratio that one notices, refuted by one that one does not.
fn processes_take_more() -> Rule {
    let ratio = by_processes("worker-cost", IDLE);
    show(
        "idle: threads {}, processes {}, {}",
        [
            (threads("worker-cost", IDLE).q(), Form::In("B")),
            (processes("worker-cost", IDLE).q(), Form::In("B")),
            (ratio, Form::Interval),
        ],
    )
    .by([exceeds(ratio, NOTICED).holds(), else_().refutes()])
}

/// Confirmed by what is light, refuted by what is not.
fn threads_are_light() -> Rule {
    let each = threads("worker-cost", IDLE).q();
    show("{} private, idle", [(each, Form::In("B"))])
        .by([at_most(each, LIGHT).holds(), else_().refutes()])
}

/// To reach it is to see it without being sent it; what is easy about it is
/// that it stays where it is. Confirmed by both, refuted by a write that was
/// not seen.
fn threads_reach_state(
    text: &'static str,
    moved: Figure,
    copied: Figure,
) -> Rule {
    let unseen = Quantity::Seen(Fact::Unseen(Threads));
    let ratio = Quantity::Ratio(copied, moved);
    let missed = show("threads miss {} writes", [(unseen, Form::Plain)]);
    show(text, [(ratio, Form::Interval)]).by([
        some(unseen).refutes().showing(missed),
        exceeds(ratio, NOTICED).holds(),
        else_().rewords(
            "they do, but to processes it is copied at no greater cost",
        ),
    ])
}

/// Confirmed by a row that costs noticeably more, refuted by one that does
/// not.
fn objects_are_shared_less_easily() -> Rule {
    a_row().by([exceeds(ROW, NOTICED).holds(), else_().refutes()])
}

/// "Fast" is what is moved against what is encoded. (Against a share of a
/// frame, as before, nothing was decided: a megabyte of rows takes a thread
/// about as long as that.) Confirmed if to move a row costs noticeably less,
/// refuted if it costs noticeably more.
fn threads_use_the_same_data() -> Rule {
    a_row().by([
        exceeds(ROW, NOTICED).holds(),
        at_most(ROW, UNNOTICED).refutes(),
        else_().rewords("the same, but as fast where they are encoded"),
    ])
}

fn a_row() -> Shown {
    let row = "hand-over-row";
    show(
        "a row: threads {}, processes {}, {}",
        [
            (threads("responsive-ui", row).q(), Form::In("s")),
            (processes("responsive-ui", row).q(), Form::In("s")),
            (ROW, Form::Interval),
        ],
    )
}
