//! Claims about waiting: a person for a frame, a client for replies.

use common::scenarios::FRAME;

use crate::claims::{
    claim::{Claim, Group, NOTICED, Place},
    quantity::{Figure, Quantity, by_processes, threads},
    rule::{Case, Form, Rule, all, any, at_most, else_, exceeds, show},
};

pub fn group() -> Group {
    let screen = |function| Place::new(SCREEN, "src/main.rs", function);
    let claims = vec![
        Claim {
            id: "C13",
            statement: "threads make a UI responsive",
            place: screen("spawn_and_join"),
            rust: threads_make_it_responsive(),
            cpython: threads_make_it_responsive(),
        },
        Claim {
            id: "C15",
            statement: "threads are a great choice for I/O",
            place: Place::new(FETCH, "src/main.rs", "worker"),
            rust: threads_are_great_for_io(),
            cpython: threads_are_great_for_io(),
        },
        Claim {
            id: "C24",
            statement: "a query freezes the UI's only thread",
            place: screen("run"),
            rust: a_query_freezes_the_screen(),
            cpython: a_query_freezes_the_screen(),
        },
        Claim {
            id: "C25",
            statement: "a worker thread keeps it responsive",
            place: screen("worker"),
            rust: a_thread_keeps_it_responsive(),
            cpython: a_thread_keeps_it_responsive_in_python(),
        },
    ];
    Group { title: "Waiting", claims }
}

const SCREEN: &str = "responsive-ui";

const FETCH: &str = "fetch";

/// The time from a key to the frame that shows it, for all keys but one in a
/// hundred.
pub const ALONE: Quantity = threads(SCREEN, "input-to-frame-p99.no-worker").q();
pub const HELPED: Quantity = threads(SCREEN, "input-to-frame-p99.worker").q();
pub const PYTHON: Quantity =
    threads(SCREEN, "input-to-frame-p99.worker-pure-python").q();

/// How long the database is busy.
const QUERY: Figure = threads(SCREEN, "query.no-worker");
const HELPED_QUERY: Figure = threads(SCREEN, "query.worker");
const PYTHON_QUERY: Figure = threads(SCREEN, "query.worker-pure-python");

/// The longest time without a frame.
const GAP: Figure = threads(SCREEN, "longest-frame-gap.no-worker");
pub const FROZEN_SHARE: Quantity = Quantity::Ratio(GAP, QUERY);

/// "Responsive": up to a tenth of a second, a person feels that the screen
/// reacts at once (J. Nielsen, Usability Engineering, chapter 5).
const INSTANT: f64 = 0.1;

/// "Frozen": for nine tenths of the query or more, nothing moves.
const FROZEN: f64 = 0.9;

/// "Keeps": within a frame, a key must also be read and drawn. One that first
/// waits half a frame for the GIL is late for some frames.
const ROOM: f64 = 0.5;

/// "Great": waiting alone would take at least four fifths of the time.
const GREAT: f64 = 0.8;

/// With the most threads that were tried: one more is easy where many wait.
pub const SHARE: Quantity = threads(FETCH, "share-of-ideal.workers-*").q();

/// What threads take, relative to processes.
const fn cost(id: &'static str) -> Quantity {
    match by_processes(FETCH, id) {
        Quantity::Ratio(processes, threads) => {
            Quantity::Ratio(threads, processes)
        }
        other => other,
    }
}

pub const MEMORY: Quantity = cost("memory.workers-*");
pub const CPU: Quantity = cost("cpu.workers-*");

/// If a query is over in an instant, nobody waits, however it is run.
fn is_too_short(query: Figure) -> Case {
    at_most(query.q(), INSTANT)
        .tells_nothing("responsive-ui: the query is too short to be noticed")
}

/// Confirmed if the screen reacts at once with a worker and not without:
/// otherwise the worker is not the reason.
fn threads_make_it_responsive() -> Rule {
    show(
        "99 % of keypresses are handled within {} with a worker thread, {} \
         without",
        [(HELPED, Form::In("s")), (ALONE, Form::In("s"))],
    )
    .by([
        is_too_short(QUERY),
        at_most(ALONE, INSTANT).refutes(),
        at_most(HELPED, INSTANT).holds(),
        else_().refutes(),
    ])
}

/// Great means close to the ideal, without a cheaper alternative. Refuted if
/// not close to it.
fn threads_are_great_for_io() -> Rule {
    show(
        "threads reach {} of the ideal, with {} the memory and {} the CPU time \
         of processes",
        [(SHARE, Form::In("share")), (MEMORY, Form::Times), (CPU, Form::Times)],
    )
    .by([
        at_most(SHARE, GREAT).refutes(),
        any([exceeds(MEMORY, NOTICED), exceeds(CPU, NOTICED)])
            .rewords("they come near the ideal, but processes are cheaper"),
        else_().holds(),
    ])
}

/// Confirmed if hardly a frame appears while the query runs; refuted otherwise.
fn a_query_freezes_the_screen() -> Rule {
    show(
        "no frame is drawn for {}, {} of the query",
        [(GAP.q(), Form::In("s")), (FROZEN_SHARE, Form::In("share"))],
    )
    .by([
        is_too_short(QUERY),
        exceeds(FROZEN_SHARE, FROZEN).holds(),
        else_().refutes(),
    ])
}

/// Confirmed within a frame, refuted by what a person notices.
fn a_thread_keeps_it_responsive() -> Rule {
    show("99 % of keypresses are handled within {}", [(HELPED, Form::In("s"))])
        .by([
            is_too_short(HELPED_QUERY),
            at_most(HELPED, FRAME.as_secs_f64()).holds(),
            exceeds(HELPED, INSTANT).refutes(),
            else_().rewords("no delay is noticed, but frames are missed"),
        ])
}

/// A database releases the GIL while it works; pure Python does not, and is
/// only asked for it from time to time.
fn a_thread_keeps_it_responsive_in_python() -> Rule {
    let frame = FRAME.as_secs_f64();
    show(
        "99 % of keypresses are handled within {}; beside pure Python, {}",
        [(HELPED, Form::In("s")), (PYTHON, Form::In("s"))],
    )
    .by([
        is_too_short(HELPED_QUERY),
        is_too_short(PYTHON_QUERY),
        all([at_most(HELPED, frame), at_most(PYTHON, frame * ROOM)]).holds(),
        exceeds(HELPED, INSTANT).refutes(),
        exceeds(HELPED, frame)
            .rewords("no delay is noticed, but frames are missed"),
        else_().rewords("only while it runs SQL: pure Python holds the GIL"),
    ])
}
