//! Claims about code that is not trusted. What a hostile act did is a fact, not
//! a sample: all slices count, and harm in one of them is enough. That acts did
//! no harm refutes a claim only if every act was tried.

use common::outcome::Model::{self, Processes, Threads};

use crate::claims::{
    claim::{Claim, Group, Place},
    quantity::{Acting, Fact, Quantity},
    rule::{Form, Rule, all, none, show, some},
};

pub fn group() -> Group {
    let claims = vec![
        Claim {
            id: "C32",
            statement: "a thread cannot be confined",
            place: Place::new("confine", "src/means.rs", "confinement"),
            rust: a_thread_cannot_be_confined(),
            cpython: a_thread_cannot_be_confined(),
        },
        Claim {
            id: "C33",
            statement: "a process by itself is no sandbox",
            place: Place::new("confine", "src/main.rs", "worker"),
            rust: a_process_is_no_sandbox(),
            cpython: a_process_is_no_sandbox(),
        },
    ];
    Group { title: "Hostile code", claims }
}

/// A worker as it is.
pub const BARE: &str = "bare";

/// A worker that gave up all that its kind can give up.
pub const CONFINED: &str = "confined";

const fn act(model: Model, variant: &'static str, what: Acting) -> Quantity {
    Quantity::Seen(Fact::Acting(model, variant, what))
}

/// Confirmed by acts that did harm although the thread was confined, if its
/// filter held none of them. A filter that held some until the thread asked a
/// sibling is a correction: it holds for that thread alone. Refuted only if
/// every act was tried and did no harm.
fn a_thread_cannot_be_confined() -> Rule {
    let of = |what| act(Threads, CONFINED, what);
    let plain = |quantity| (quantity, Form::Plain);
    show(
        "of {} hostile acts, a thread's filter holds {}, and {} once the \
         thread asks a sibling; a confined process contains {}",
        [
            plain(of(Acting::Tried)),
            plain(of(Acting::Held)),
            plain(of(Acting::Contained)),
            plain(act(Processes, CONFINED, Acting::Contained)),
        ],
    )
    .by([
        some(of(Acting::Bypassed))
            .rewords("a filter holds for a thread until it asks another"),
        all([none(of(Acting::Harmful)), none(of(Acting::Untried))]).refutes(),
        all([some(of(Acting::Harmful)), none(of(Acting::Held))]).holds(),
    ])
    .or("not every act was tried, or the filter held some acts for good; \
         to try all: cargo run --release -p confine-threads")
}

/// Confirmed by one act that did harm. Refuted only if every act was tried and
/// did none.
fn a_process_is_no_sandbox() -> Rule {
    let of = |what| act(Processes, BARE, what);
    let plain = |quantity| (quantity, Form::Plain);
    show(
        "of {} hostile acts, a process as it is contains {}, a confined one {}",
        [
            plain(of(Acting::Tried)),
            plain(of(Acting::Contained)),
            plain(act(Processes, CONFINED, Acting::Contained)),
        ],
    )
    .by([
        some(of(Acting::Harmful)).holds(),
        all([none(of(Acting::Harmful)), none(of(Acting::Untried))]).refutes(),
    ])
    .or("not every act was tried, and none of the others did harm; to try \
         all: cargo run --release -p confine-processes")
}
