//! Claims about killing and dying. What happened to workers is a fact, not a
//! sample: nothing is estimated, and all slices count. Only what was tried says
//! anything.

use common::outcome::Model::{self, Processes, Threads};

use crate::claims::{
    claim::{Claim, Group, Place},
    quantity::{Dying, Fact, Hanging, Quantity, Setting},
    rule::{Form, Rule, all, else_, none, show, some},
};

pub fn group() -> Group {
    let claims = vec![
        Claim {
            id: "C06",
            statement: "processes can be interrupted/killed",
            place: Place::new(KILL, "src/main.rs", "spawn_and_join"),
            rust: processes_can_be_interrupted(),
            cpython: processes_can_be_interrupted(),
        },
        Claim {
            id: "C17",
            statement: "threads cannot be interrupted/killed",
            place: Place::new(KILL, "src/stuck.rs", "hang"),
            rust: threads_cannot_be_interrupted(),
            cpython: threads_cannot_be_interrupted(),
        },
        Claim {
            id: "C30",
            statement: "a process's crash spares the others",
            place: Place::new("crash", "src/supervisor.rs", "replace"),
            rust: a_crash_spares_the_others(),
            cpython: a_crash_spares_the_others(),
        },
    ];
    Group { title: "Killing and crashing", claims }
}

const KILL: &str = "kill-workers";

const fn hang(model: Model, what: Hanging) -> Quantity {
    Quantity::Seen(Fact::Hanging(model, what))
}

const fn death(model: Model, what: Dying) -> Quantity {
    Quantity::Seen(Fact::Dying(model, what))
}

/// Confirmed if of each kind of hang some were interrupted and some killed, in
/// every slice; refuted by one that kept running whatever was tried. A kind
/// where interruption was tried and never worked can only be killed. What was
/// not tried says nothing.
fn processes_can_be_interrupted() -> Rule {
    let of = |what| hang(Processes, what);
    let plain = |what| (of(what), Form::Plain);
    show(
        "of {} kinds of hang, {} can be interrupted and {} killed, within {}",
        [
            plain(Hanging::Kinds),
            plain(Hanging::Interrupted),
            plain(Hanging::Killed),
            (of(Hanging::Longest), Form::In("s")),
        ],
    )
    .by([
        some(of(Hanging::GoesOn)).refutes(),
        all([none(of(Hanging::NotKilled)), some(of(Hanging::Deaf))])
            .rewords("always killable, but not always interruptible"),
        all([none(of(Hanging::NotKilled)), none(of(Hanging::NotInterrupted))])
            .holds(),
    ])
    .or("not every way was tried on every kind of hang; to try all: \
         cargo run --release -p kill-workers-processes")
}

/// Confirmed by kinds of hang that kept running whatever was tried, in any
/// slice. Refuted only if every kind was seen to stop, and none to keep
/// running.
fn threads_cannot_be_interrupted() -> Rule {
    let of = |what| hang(Threads, what);
    let (goes_on, ends) = (of(Hanging::GoesOn), of(Hanging::EndsAlways));
    show(
        "{} of {} kinds of hang cannot be stopped",
        [(goes_on, Form::Plain), (of(Hanging::Kinds), Form::Plain)],
    )
    .by([
        all([some(goes_on), some(ends)])
            .rewords("unless the thread itself cooperates"),
        all([some(goes_on), none(of(Hanging::Open))]).holds(),
        all([none(goes_on), none(of(Hanging::Open))]).refutes(),
    ])
    .or("not every kind of hang was seen to stop or to keep running; \
         to try all: cargo run --release -p kill-workers-threads")
}

/// Confirmed if no other worker ever died with the victim, whatever the way to
/// die and whatever the victim held; refuted by one that did. Processes that
/// share memory can share a lock that tells nobody when its holder dies, just
/// as threads can; then nobody gets any further.
fn a_crash_spares_the_others() -> Rule {
    let of = |what| death(Processes, what);
    show(
        "of {} kinds of crash, the others survive {} with processes and {} with \
         threads",
        [
            (of(Dying::Ways), Form::Plain),
            (of(Dying::Spared), Form::Plain),
            (death(Threads, Dying::Spared), Form::Plain),
        ],
    )
    .by([
        none(Quantity::Setting(Setting::Others))
            .tells_nothing("crash: needs two workers"),
        some(of(Dying::Felled)).refutes(),
        some(of(Dying::Untried)).tells_nothing(
            "crash: not every kind of crash was tried with everything a worker \
             can hold; to try all: cargo run --release -p crash-processes",
        ),
        some(of(Dying::Stalled))
            .rewords("unless it dies holding a lock that does not report it"),
        else_().holds(),
    ])
}
