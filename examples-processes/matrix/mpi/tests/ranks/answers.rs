//! Ranks have the answer of threads, bit for bit.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{SMALL, alone, outcome, ranks, sibling};

#[test]
fn any_number_of_ranks_has_the_answer_of_the_siblings() {
    let _alone = alone();
    let threads = sibling("matrix-threads");
    let processes = sibling("matrix-processes");
    assert_eq!(threads["answer"], processes["answer"]);
    for count in [1, 2, 4] {
        let found = outcome(ranks(count).arg("--json").args(SMALL));
        assert_eq!(found["answer"], threads["answer"], "{count} ranks");
        assert_eq!(found["portable"], threads["portable"], "{count} ranks");
        assert_eq!(workers(&found), (0..count as u64).collect(), "{count}");
        assert_eq!(found["parameters"]["workers"], count);
    }
}

/// A run is checked against a serial one, unless its answer was before.
#[test]
fn an_answer_that_was_checked_is_enough() {
    let _alone = alone();
    let first = outcome(ranks(2).arg("--json").args(SMALL));
    let answer = first["answer"].as_str().unwrap();
    let mut again = ranks(2);
    again.args(["--json", "--expect", answer]).args(SMALL);
    assert_eq!(outcome(&mut again)["answer"], answer);
    let mut wrong = ranks(2);
    wrong.args(["--expect", "another"]).args(SMALL);
    assert!(!wrong.output().unwrap().status.success());
}

#[test]
fn a_global_lock_changes_no_answer() {
    let _alone = alone();
    let free = outcome(ranks(2).arg("--json").args(SMALL));
    for how in ["held", "released"] {
        let mut locked = ranks(2);
        locked.args(["--json", "--global-lock", how]).args(SMALL);
        assert_eq!(outcome(&mut locked)["answer"], free["answer"], "{how}");
    }
}

/// All ranks count, not only rank 0.
#[test]
fn what_all_ranks_use_is_added_up() {
    let _alone = alone();
    let [one, four] = [1, 4].map(|count| {
        let found = outcome(ranks(count).arg("--json").args(SMALL));
        found["resources"]["peak_proportional_memory"].as_u64().unwrap()
    });
    assert!(four > one, "{four} bytes in four ranks, {one} in one");
}

/// The ranks that did anything.
pub fn workers(outcome: &Value) -> BTreeSet<u64> {
    let databases = outcome["result"].as_array().unwrap();
    let worker = |it: &Value| it["timeline"]["worker"].as_u64().unwrap();
    databases.iter().map(worker).collect()
}
