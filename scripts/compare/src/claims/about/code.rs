//! Claims about the programs' text. Their evidence is counted in the sources as
//! of the build, and needs no run.

use crate::claims::{
    claim::{Claim, Group, NOTICED, Place},
    quantity::{Count, Effort, Quantity},
    rule::{Form, Rule, any, at_most, else_, exceeds, show, some},
};

pub fn group() -> Group {
    let claims = vec![
        Claim {
            id: "C02",
            statement: "processes make straightforward code",
            place: Place::new("shared-state", "src/main.rs", "spawn_and_join"),
            rust: processes_are_straightforward(),
            cpython: processes_are_straightforward_in_python(),
        },
        Claim {
            id: "C07",
            statement: "processes have a thread's interface",
            place: Place::new("kill-workers", "src/main.rs", "spawn_and_join"),
            rust: processes_have_the_interface(),
            cpython: processes_have_the_interface_in_python(),
        },
    ];
    Group { title: "Code", claims }
}

/// Texts are alike if they have more in common than not.
const ALIKE: f64 = 0.5;

/// If both are written as one text, they are alike if nine lines of ten do not
/// depend on which of both they serve.
const AS_ONE: f64 = 0.9;

/// What processes need, relative to threads.
pub const fn effort(effort: Effort, with_kits: bool) -> Quantity {
    Quantity::Count(Count::Effort { effort, with_kits })
}

/// One kind of effort is enough to make code hard. Others' code is theirs to
/// maintain, so a kit does not count against the programs; but in Rust somebody
/// has to write it.
fn processes_are_straightforward() -> Rule {
    let efforts = |with_kits| Effort::ALL.map(|one| effort(one, with_kits));
    let are_more =
        |with_kits| any(efforts(with_kits).map(|one| exceeds(one, NOTICED)));
    let [a, b, c, d, e] = efforts(false).map(|one| (one, Form::Times));
    let [f, g, h, i, j] = efforts(true).map(|one| (one, Form::Times));
    show(
        "relative to threads, processes need {} the lines, {} the functions, {} \
         the fallible calls, {} the unsafe blocks, {} the concepts; counting \
         the kits, which pairs call, as well: {}, {}, {}, {}, {}",
        [a, b, c, d, e, f, g, h, i, j],
    )
    .by([
        are_more(false).refutes(),
        are_more(true).rewords(
            "on top of a kit, which provides what std has for threads",
        ),
        else_().holds(),
    ])
}

pub const SCRIPT_LINES: Quantity = Quantity::Count(Count::ScriptLines);
pub const CARE: Quantity = Quantity::Count(Count::NamesToKnow);

/// To be strict, all lines specific to a model count as if they were for
/// processes.
fn processes_are_straightforward_in_python() -> Rule {
    show(
        "at most {} the lines, {} to know",
        [(SCRIPT_LINES, Form::Times), (CARE, Form::Of("name"))],
    )
    .by([
        exceeds(SCRIPT_LINES, NOTICED).refutes(),
        some(CARE)
            .rewords("with care for how they start, exit and obtain memory"),
        else_().holds(),
    ])
}

pub const IN_COMMON: Quantity = Quantity::Count(Count::LinesInCommon);
pub const OF_KIT: Quantity = Quantity::Count(Count::NamesOf("process_kit::"));
pub const OF_STD: Quantity = Quantity::Count(Count::NamesOf("std::process::"));
pub const MORE_OF_KIT: Quantity = Quantity::Count(Count::MoreNamesOfKit);

/// Siblings do the same work, so where their lines differ, the interfaces
/// differ.
fn processes_have_the_interface() -> Rule {
    show(
        "{} of the lines are the same; {} names come from a kit, {} from std",
        [
            (IN_COMMON, Form::In("share")),
            (OF_KIT, Form::Plain),
            (OF_STD, Form::Plain),
        ],
    )
    .by([
        at_most(IN_COMMON, ALIKE).refutes(),
        some(MORE_OF_KIT).rewords("not in std, but in a kit"),
        else_().holds(),
    ])
}

pub const SHARED_LINES: Quantity = Quantity::Count(Count::SharedLines);

/// One text serves both, so where a line does not, the interfaces differ.
fn processes_have_the_interface_in_python() -> Rule {
    show("{} of the lines serve both", [(SHARED_LINES, Form::In("share"))])
        .by([exceeds(SHARED_LINES, AS_ONE).holds(), else_().refutes()])
}
