//! Claims on killing and dying. What became of whom is a fact and no sample:
//! the slices are not estimated from, and all of them count. Only what was
//! tried says anything.

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
    Group { title: "Killing and dying", claims }
}

const KILL: &str = "kill-workers";

const fn hang(model: Model, what: Hanging) -> Quantity {
    Quantity::Seen(Fact::Hanging(model, what))
}

const fn death(model: Model, what: Dying) -> Quantity {
    Quantity::Seen(Fact::Dying(model, what))
}

/// Confirmed if of each kind of hang some were interrupted and some killed, in
/// every slice; refuted by one that went on in spite of all. A kind that no
/// interruption ended, where it was tried, is only killed. What was not tried
/// says nothing.
fn processes_can_be_interrupted() -> Rule {
    let of = |what| hang(Processes, what);
    let plain = |what| (of(what), Form::Plain);
    show(
        "of {} kinds of hang {} interrupted, {} killed, within {}",
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
            .rewords("killed in any case, but not interrupted"),
        all([none(of(Hanging::NotKilled)), none(of(Hanging::NotInterrupted))])
            .holds(),
    ])
    .or("not each way was tried on each kind of hang; all are: \
         cargo run --release -p kill-workers-processes")
}

/// Confirmed by kinds of hang that went on in spite of all, in any slice.
/// Refuted only if each kind was seen to end, and none to go on.
fn threads_cannot_be_interrupted() -> Rule {
    let of = |what| hang(Threads, what);
    let (goes_on, ends) = (of(Hanging::GoesOn), of(Hanging::EndsAlways));
    show(
        "{} of {} kinds of hang go on",
        [(goes_on, Form::Plain), (of(Hanging::Kinds), Form::Plain)],
    )
    .by([
        all([some(goes_on), some(ends)])
            .rewords("except where a thread itself provides for it"),
        all([some(goes_on), none(of(Hanging::Open))]).holds(),
        all([none(goes_on), none(of(Hanging::Open))]).refutes(),
    ])
    .or("not each kind of hang was seen to end or to go on; all are: \
         cargo run --release -p kill-workers-threads")
}

/// Confirmed if nobody else ever died of any way to die, whatever the victim
/// held; refuted by one who did. A lock that tells nobody when its holder is
/// dead is shared by processes as well as by threads, if they share memory;
/// then nobody gets any further.
fn a_crash_spares_the_others() -> Rule {
    let of = |what| death(Processes, what);
    show(
        "processes {} of {} ways to die, threads {}",
        [
            (of(Dying::Spared), Form::Plain),
            (of(Dying::Ways), Form::Plain),
            (death(Threads, Dying::Spared), Form::Plain),
        ],
    )
    .by([
        none(Quantity::Setting(Setting::Others))
            .tells_nothing("crash: needs two workers"),
        some(of(Dying::Felled)).refutes(),
        some(of(Dying::Untried)).tells_nothing(
            "crash: not each way to die was tried with all that may be held; \
             all are: cargo run --release -p crash-processes",
        ),
        some(of(Dying::Stalled))
            .rewords("unless it dies with a lock that tells nobody"),
        else_().holds(),
    ])
}
