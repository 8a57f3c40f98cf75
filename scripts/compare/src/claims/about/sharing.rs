//! Claims on what several write to: what it takes to lose nothing, and what
//! is lost otherwise.
//!
//! That updates *can* be lost is shown by forcing two workers into one
//! another's way; how often they are, by letting them run. An update that was
//! lost by either confirms it. That none was lost refutes nothing: the claims
//! are then not measured. That the other variants lose nothing is what their
//! programs hold against the serial reference, balance by balance.
//!
//! In CPython one script is for both sides. It names what it guards with where
//! that is made, and takes it where it is needed: there it is counted.

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
                "locks, or atomics, or a part for each; the grain counts",
            ),
            cpython: locks_are_chosen(
                Text::Python,
                &["partition"],
                "locks, or a part for each; the grain counts",
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
    Group { title: "What several write to", claims }
}

const SCENARIO: &str = "shared-state";

/// Said where nothing was lost.
pub const TO_SEE: &str = "nothing was lost, which proves nothing; again: \
    scripts/compare.sh --scenario shared-state";

/// Whose sources are counted.
#[derive(Clone, Copy)]
enum Text {
    Rust,
    Python,
}

impl Text {
    /// What a side names, or takes, in these variants to guard the ledger.
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

/// By force.
pub const fn forced(model: Model) -> Quantity {
    lost(model, "lost-updates.forced")
}

/// By load and store apart, and nothing to guard them.
pub const fn raced(model: Model) -> Quantity {
    lost(model, "lost-updates.racy")
}

fn can_lose(model: Model) -> When {
    any([some(forced(model)), some(raced(model))])
}

/// Of a variant that should not.
pub const fn lost_by(model: Model, variant: &'static str) -> Quantity {
    Quantity::Seen(Fact::Lost(model, variant))
}

const APART: &[&str] = &["owner", "partition"];

/// A lock is what can be forgotten, so little locking is none; atomics may
/// remain, as where a worker lays down its sum. Refuted by a variant of
/// processes that names a lock without need for one, or that lost an update.
/// Confirmed if processes need none where nothing is shared.
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
        "threads {}, apart {}, {}; processes {}, apart {}, {}",
        [a, b, c, d, e, f],
    )
    .by([
        any(loses).refutes(),
        not(spare(Processes)).refutes(),
        spare(Threads)
            .rewords("messages or sharing decides that, on both sides"),
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

/// By so much finer locks are faster.
pub const GRAIN: Quantity = Quantity::Ratio(
    threads(SCENARIO, "transfers.lock-per-account"),
    threads(SCENARIO, "transfers.lock"),
);

/// Refuted if a queue takes locks as well. Confirmed if updates can be lost,
/// nothing else spares the locks, and it matters how fine they are.
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
    show("threads: finer locks {}", [(GRAIN, Form::Interval)]).by([
        takes_locks("owner").refutes(),
        not(can_lose(Threads)).tells_nothing(TO_SEE),
        is_little.rewords("locks, and it matters little how fine they are"),
        any(spare).rewords(instead),
        else_().holds(),
    ])
}

/// Of either side: their `racy` does the same in the same words.
pub const UNSAFE: Quantity =
    Quantity::Count(Count::UnsafeBlocks("src/racy.rs"));

/// Confirmed by an update that threads can lose. What processes lost says only
/// in which words.
fn threaded_code_is_harder() -> Rule {
    let can_lose = |side| can_lose(side);
    lost_by_both().by([
        not(can_lose(Threads)).tells_nothing(TO_SEE),
        some(UNSAFE).holds(),
        can_lose(Processes).rewords(
            "shared memory is, of processes too; no data race compiles",
        ),
        else_().rewords("safe Rust refuses data races, and not races of logic"),
    ])
}

/// The same, where no compiler refuses anything.
fn threaded_code_is_harder_in_python() -> Rule {
    lost_by_both().by([
        not(can_lose(Threads)).tells_nothing(TO_SEE),
        can_lose(Processes).rewords("shared memory is, of processes too"),
        else_().holds(),
    ])
}

fn lost_by_both() -> Shown {
    show(
        "lost if let, at most: threads {}, processes {}",
        [(raced(Threads), Form::Share), (raced(Processes), Form::Share)],
    )
}

/// Confirmed by an update that was lost.
fn threads_may_write_at_once() -> Rule {
    show(
        "threads lose up to {} in {}",
        [(raced(Threads), Form::Share), (UNSAFE, Form::Of("unsafe block"))],
    )
    .by([
        not(can_lose(Threads)).tells_nothing(TO_SEE),
        some(UNSAFE).holds(),
        else_().rewords(
            "in safe Rust only to atomics, of which each write is whole",
        ),
    ])
}

/// Where there is no GIL, what guards the data is seen by taking it away: void
/// if updates can be lost, and are not with a lock.
fn the_gil_guards_the_data() -> Rule {
    show(
        "threads lose up to {}, and with a lock {}",
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

/// What the GIL guards is the interpreter's own data. That it guards more is
/// refuted by one update, and confirmed by none.
fn the_gil_guards_the_data_in_python() -> Rule {
    let lost = (raced(Threads), Form::Share);
    show("threads lose up to {} under the GIL", [lost])
        .by([
            none(Quantity::Gil).tells_nothing("there is no GIL in this build"),
            can_lose(Threads).refutes(),
        ])
        .or(TO_SEE)
}
