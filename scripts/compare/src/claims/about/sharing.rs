//! Claims about shared writes: what it takes to lose nothing, and what is lost
//! otherwise.
//!
//! That updates *can* be lost is shown by forcing two workers into each other's
//! way; how often they are, by letting them run. An update lost in either way
//! confirms it. If none was lost, nothing is refuted: the claims are then not
//! measured. That the other variants lose nothing is verified by their
//! programs, which compare every balance with the serial reference.
//!
//! In CPython one script serves both sides. It names its guards where it
//! creates them, and takes them where they are needed: the latter is counted.

use common::outcome::Model::{self, Processes, Threads};

use crate::claims::{
    claim::{Claim, Group, NOTICED, Place, UNNOTICED},
    quantity::{Count, Fact, Figure, Quantity, threads},
    rule::{
        Form, Rule, Shown, When, all, any, at_most, else_, none, not, show,
        some,
    },
    sources::counts::Means,
};

pub fn group() -> Group {
    let place = |file, function| Place::new(SCENARIO, file, function);
    let claims = vec![
        Claim {
            id: "C05",
            statement: "separate memory needs little locking",
            place: place("src/owner.rs", "own"),
            rust: separate_memory_needs_little_locking(Text::Rust),
            cpython: separate_memory_needs_little_locking(Text::Python),
        },
        Claim {
            id: "C18",
            statement: "with no queue: locks, fine or coarse",
            place: place("src/lock_per_account.rs", "make"),
            rust: locks_are_chosen(
                Text::Rust,
                &["atomic", "partition"],
                "locks, atomics or partitioned data; granularity matters",
            ),
            cpython: locks_are_chosen(
                Text::Python,
                &["partition"],
                "locks or partitioned data; granularity matters",
            ),
        },
        Claim {
            id: "C19",
            statement: "threaded code is harder to get right",
            place: place("src/racy.rs", "worker"),
            rust: threaded_code_is_harder(),
            cpython: threaded_code_is_harder_in_python(),
        },
        Claim {
            id: "C21",
            statement: "threads may write one memory at once",
            place: place("src/racy.rs", "update"),
            rust: threads_may_write_at_once(),
            cpython: lost_by_both().by([can_lose(Threads).holds()]).or(TO_SEE),
        },
        Claim {
            id: "C22",
            statement: "the GIL guards the program's data",
            place: place("src/lock.rs", "worker"),
            rust: the_gil_guards_the_data(),
            cpython: the_gil_guards_the_data_in_python(),
        },
    ];
    Group { title: "Shared writes", claims }
}

const SCENARIO: &str = "shared-state";

/// The reason when nothing was lost.
pub const TO_SEE: &str = "no update was lost, which proves nothing; try again: \
    scripts/compare.sh --scenario shared-state";

/// Whose sources are counted.
#[derive(Clone, Copy)]
enum Text {
    Rust,
    Python,
}

impl Text {
    /// The guards of the ledger that a side names, or takes, in these variants.
    fn guards(
        self,
        model: Model,
        means: Means,
        variants: &'static [&'static str],
    ) -> Quantity {
        Quantity::Count(match self {
            Text::Rust => Count::Guards { model, means, variants },
            Text::Python => Count::LocksTaken(variants),
        })
    }

    fn locks(
        self,
        model: Model,
        variants: &'static [&'static str],
    ) -> Quantity {
        self.guards(model, Means::Lock, variants)
    }
}

/// The share of updates that a side lost.
const fn lost(model: Model, id: &'static str) -> Quantity {
    Quantity::Most(Figure { model, scenario: SCENARIO, id })
}

/// When forced.
pub const fn forced(model: Model) -> Quantity {
    lost(model, "lost-updates.forced")
}

/// With separate load and store and no guard.
pub const fn raced(model: Model) -> Quantity {
    lost(model, "lost-updates.racy")
}

fn can_lose(model: Model) -> When {
    any([some(forced(model)), some(raced(model))])
}

/// By a variant that should lose none.
pub const fn lost_by(model: Model, variant: &'static str) -> Quantity {
    Quantity::Seen(Fact::Lost(model, variant))
}

const APART: &[&str] = &["owner", "partition"];

/// A lock can be forgotten, so "little locking" means none; atomics may remain,
/// for example where a worker stores its sum. Refuted by a variant of processes
/// that needs no lock but names one, or that lost an update. Confirmed if
/// processes need no lock where nothing is shared.
fn separate_memory_needs_little_locking(text: Text) -> Rule {
    let locks = |model| text.locks(model, &["lock"]);
    let apart = |model| text.locks(model, APART);
    let spare = |model| all([some(locks(model)), none(apart(model))]);
    let variants = ["lock", "owner", "partition"];
    let loses = [Threads, Processes].into_iter().flat_map(|model| {
        variants.map(|variant| some(lost_by(model, variant)))
    });
    let of = |model| {
        [
            (locks(model), Form::Of("lock")),
            (apart(model), Form::Of("lock")),
            (atomics(text, model), Form::Of("atomic")),
        ]
    };
    let ([a, b, c], [d, e, f]) = (of(Threads), of(Processes));
    show(
        "with threads, shared data takes {}, separate data {} and {}; with \
         processes, {}, {} and {}",
        [a, b, c, d, e, f],
    )
    .by([
        any(loses).refutes(),
        not(spare(Processes)).refutes(),
        spare(Threads).rewords(
            "true of both: data that is sent, not shared, needs no lock",
        ),
        else_().holds(),
    ])
}

/// Python has none.
fn atomics(text: Text, model: Model) -> Quantity {
    let variants = match text {
        Text::Rust => APART,
        Text::Python => &[],
    };
    Quantity::Count(Count::Guards { model, means: Means::Atomic, variants })
}

/// How many times faster finer locks are.
pub const GRAIN: Quantity = Quantity::Ratio(
    threads(SCENARIO, "transfers.lock-per-account"),
    threads(SCENARIO, "transfers.lock"),
);

/// Refuted if a queue takes locks too. Confirmed if updates can be lost,
/// nothing else avoids the locks, and their granularity matters.
fn locks_are_chosen(
    text: Text,
    others: &[&'static str],
    instead: &'static str,
) -> Rule {
    let takes_locks = |variant: &'static str| {
        let file: &[&str] = match variant {
            "owner" => &["owner"],
            "atomic" => &["atomic"],
            _ => &["partition"],
        };
        any([some(lost_by(Threads, variant)), some(text.locks(Threads, file))])
    };
    let spare = others.iter().map(|variant| not(takes_locks(variant)));
    let is_little =
        all([at_most(GRAIN, NOTICED), not(at_most(GRAIN, UNNOTICED))]);
    show(
        "a lock per account makes threads {} as fast as one lock",
        [(GRAIN, Form::Interval)],
    )
    .by([
        takes_locks("owner").refutes(),
        not(can_lose(Threads)).tells_nothing(TO_SEE),
        is_little.rewords("locks, but their granularity matters little"),
        any(spare).rewords(instead),
        else_().holds(),
    ])
}

/// On either side: their `racy` does the same in the same words.
pub const UNSAFE: Quantity =
    Quantity::Count(Count::UnsafeBlocks("src/racy.rs"));

/// Confirmed by an update that threads can lose. What processes lost only
/// affects the correction.
fn threaded_code_is_harder() -> Rule {
    let can_lose = |side| can_lose(side);
    lost_by_both().by([
        not(can_lose(Threads)).tells_nothing(TO_SEE),
        some(UNSAFE).holds(),
        can_lose(Processes).rewords(
            "so is memory shared by processes; data races do not compile",
        ),
        else_().rewords("safe Rust rules out data races, but no logic races"),
    ])
}

/// The same where no compiler refuses anything.
fn threaded_code_is_harder_in_python() -> Rule {
    lost_by_both().by([
        not(can_lose(Threads)).tells_nothing(TO_SEE),
        can_lose(Processes).rewords("so is memory shared by processes"),
        else_().holds(),
    ])
}

fn lost_by_both() -> Shown {
    show(
        "without a guard, threads lose up to {} of updates, processes {}",
        [(raced(Threads), Form::Share), (raced(Processes), Form::Share)],
    )
}

/// Confirmed by a lost update.
fn threads_may_write_at_once() -> Rule {
    show(
        "threads lose up to {} of updates, with {}",
        [(raced(Threads), Form::Share), (UNSAFE, Form::Of("unsafe block"))],
    )
    .by([
        not(can_lose(Threads)).tells_nothing(TO_SEE),
        some(UNSAFE).holds(),
        else_().rewords(
            "in safe Rust only through atomics, whose writes are indivisible",
        ),
    ])
}

/// Without a GIL, removing the guard shows what it guards: void if updates can
/// be lost, and are not lost with a lock.
fn the_gil_guards_the_data() -> Rule {
    show(
        "threads lose up to {} of updates, and {} with a lock",
        [
            (raced(Threads), Form::Share),
            (lost_by(Threads, "lock"), Form::Plain),
        ],
    )
    .by([
        not(can_lose(Threads)).tells_nothing(TO_SEE),
        some(lost_by(Threads, "lock")).refutes(),
        else_().only_in_cpython(),
    ])
}

/// The GIL guards the interpreter's own data. That it guards more is refuted by
/// one lost update; no lost update confirms nothing.
fn the_gil_guards_the_data_in_python() -> Rule {
    let lost = (raced(Threads), Form::Share);
    show("threads lose up to {} of updates under the GIL", [lost])
        .by([
            none(Quantity::Gil).tells_nothing("this build has no GIL"),
            can_lose(Threads).refutes(),
        ])
        .or(TO_SEE)
}
