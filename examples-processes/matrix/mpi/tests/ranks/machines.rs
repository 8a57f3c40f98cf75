//! Over two machines, and over a link that is cut.

use std::collections::BTreeSet;

use crate::answers::workers;
use crate::support::{
    PROGRAM, SMALL, alone, on_two_machines, outcome, sibling, texts, workspace,
};

#[test]
fn a_machine_has_a_name_of_its_own() {
    let _alone = alone();
    let Some(mut run) = on_two_machines(&["mpirun", "-n", "2", "hostname"])
    else {
        return;
    };
    let (names, error) = texts(&run.output().unwrap());
    let names: BTreeSet<_> = names.lines().collect();
    assert_eq!(names, BTreeSet::from(["one", "two"]), "{error}");
}

#[test]
fn two_machines_have_the_answer_of_one() {
    let _alone = alone();
    let threads = sibling("matrix-threads");
    for count in ["1", "2", "4"] {
        let words = ["mpirun", "-n", count, PROGRAM, "--json"];
        let Some(mut run) = on_two_machines(&words) else { return };
        let found = outcome(run.args(SMALL));
        assert_eq!(found["answer"], threads["answer"], "{count} ranks");
        let all = 0..count.parse().unwrap();
        assert_eq!(workers(&found), all.collect(), "{count} ranks");
    }
}

/// As soon as there is a rank on machine two, it is stopped, so that it cannot
/// finish, and the cable is pulled. In the end no rank may be left: machine one
/// sees the processes of both.
const CUT: &str = r#"
    is_rank='grep -qs ^matrix-mpi /proc/[0-9]*/comm'
    mpirun -n 2 "$0" "$@" &
    until scripts/machines.sh ssh two "$is_rank"; do sleep 0.01; done
    scripts/machines.sh ssh two 'pkill -STOP matrix-mpi'
    scripts/machines.sh cut
    wait $! && exit 0 || status=$?
    while $is_rank; do sleep 0.01; done
    exit $status
"#;

#[test]
fn a_link_that_is_cut_is_a_clear_error() {
    let _alone = alone();
    let Some(mut run) = on_two_machines(&["bash", "-c", CUT, PROGRAM]) else {
        return;
    };
    let run = run.args(["--rows=4800", "--columns=600"]);
    let output = run.current_dir(workspace()).output().unwrap();
    let (_, error) = texts(&output);
    assert!(!output.status.success(), "{error}");
    assert_ne!(output.status.code(), Some(124), "it hangs: {error}");
    assert!(error.contains("lost communication"), "{error}");
    assert!(error.contains("on node two"), "{error}");
}
