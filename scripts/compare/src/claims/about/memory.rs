//! Claims about memory, and about handing over what is in it.

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
            rust: threads_reach_state(
                "1 MiB takes {} as long to reach another process as another \
                 thread",
                MOVED,
                COPIED,
            ),
            cpython: threads_reach_state(
                "64 KiB takes {} as long to reach another process as another \
                 thread",
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

/// "Light" means a thousand fit into 64 MiB, so nobody needs to count them: 16
/// pages each, of the usual size.
const LIGHT: f64 = 65_536.0;

/// The memory of a worker that waits for work, without the kernel's share,
/// which is also larger for a process. Of the largest crew: in a small one, a
/// few pages more or less would matter.
pub const IDLE: &str = "private.idle-*";

/// A round trip of a message that is moved: its words stay where they are.
pub const MOVED: Figure = threads("ipc", "trip-1048576.condvar.block");

/// The same through memory that two processes share: their fastest way among
/// those that wait as [`MOVED`] does, without spinning.
pub const COPIED: Figure = processes("ipc", "trip-1048576.ring.block");

/// As [`MOVED`] in CPython, of a size that it fills in reasonable time.
const MOVED_IN_PYTHON: Figure = threads("ipc", "trip-65536.simple-queue.block");

/// As [`COPIED`].
const COPIED_IN_PYTHON: Figure =
    processes("ipc", "trip-65536.shared-memory.block");

/// The time the screen spends on a row from a worker: an object of several
/// parts. Threads move it; processes read and decode a copy.
pub const ROW: Quantity = by_processes("responsive-ui", "hand-over-row");

/// Confirmed if in every slice threads see a write to a global and processes do
/// not, after the worker that wrote it was joined. One slice refutes it.
fn memory_is_separate() -> Rule {
    let unseen = Quantity::Seen(Fact::Unseen(Threads));
    let seen = Quantity::Seen(Fact::Seen(Processes));
    show(
        "of the writes to a global, other threads miss {}, other processes see \
         {}",
        [(unseen, Form::Plain), (seen, Form::Plain)],
    )
    .by([some(unseen).refutes(), some(seen).refutes(), else_().holds()])
}

/// Confirmed by a ratio that people notice, refuted by one that they do not.
fn processes_take_more() -> Rule {
    let ratio = by_processes("worker-cost", IDLE);
    show(
        "an idle thread takes {}, an idle process {}: {} as much",
        [
            (threads("worker-cost", IDLE).q(), Form::In("B")),
            (processes("worker-cost", IDLE).q(), Form::In("B")),
            (ratio, Form::Interval),
        ],
    )
    .by([exceeds(ratio, NOTICED).holds(), else_().refutes()])
}

/// Confirmed by what is light, refuted otherwise.
fn threads_are_light() -> Rule {
    let each = threads("worker-cost", IDLE).q();
    show("an idle thread takes {} of its own", [(each, Form::In("B"))])
        .by([at_most(each, LIGHT).holds(), else_().refutes()])
}

/// To reach state is to see it without being sent it; it is easy because the
/// state stays where it is. Confirmed by both, refuted by a write that was not
/// seen.
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
        else_().rewords("they do, but copying it to a process costs no more"),
    ])
}

/// Confirmed by a row that costs noticeably more, otherwise refuted.
fn objects_are_shared_less_easily() -> Rule {
    a_row().by([exceeds(ROW, NOTICED).holds(), else_().refutes()])
}

/// "Fast" compares moving with encoding. (An earlier rule compared with a share
/// of a frame and decided nothing: a thread takes about that long for a
/// megabyte of rows.) Confirmed if moving a row costs noticeably less, refuted
/// if it costs noticeably more.
fn threads_use_the_same_data() -> Rule {
    a_row().by([
        exceeds(ROW, NOTICED).holds(),
        at_most(ROW, UNNOTICED).refutes(),
        else_().rewords("the same data, but encoding it is just as fast"),
    ])
}

fn a_row() -> Shown {
    let row = "hand-over-row";
    show(
        "receiving a row takes {} from a thread, {} from a process: {} as long",
        [
            (threads("responsive-ui", row).q(), Form::In("s")),
            (processes("responsive-ui", row).q(), Form::In("s")),
            (ROW, Form::Interval),
        ],
    )
}
