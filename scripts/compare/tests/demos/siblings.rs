//! Both sides of a pair do the same, and print and list it the same way.

use common::{machine::Machine, outcome::Model};

use crate::{
    running::{refusal, run, scenario},
    support::{MODELS, demo},
    worker_cost::WAYS_TO_START,
};

/// Whatever is measured on a processor by one side is by the other.
#[test]
fn siblings_report_the_same_figures() {
    for (name, arguments) in [
        ("shared-state", "--transfers 1000"),
        ("matrix", "--rows 80 --columns 12"),
        ("ipc", "--messages 30"),
        ("kill-workers", "--jobs 20 --stuck 1 --variant read"),
        ("crash", "--transfers 100 --deaths 1"),
        ("address-space", "--operations 16 --workers 4"),
        ("fetch", "--quick --timeout 5s"),
        ("worker-cost", "--starts 3 --crew 12 --table 1MiB"),
        ("responsive-ui", "--quick --steps 9999 --cancels 3"),
        ("confine", "--variant bare --act read --act dirt --starts 2"),
    ] {
        let [threads, processes] = MODELS.map(|model| {
            let found = run(name, model, arguments);
            assert!(found.laps.start > 0.0 && found.laps.work > 0.0);
            assert!(
                found.resources.peak_proportional_memory.unwrap() > 1 << 16
            );
            let metrics = found.metrics.into_iter();
            let metrics = metrics.filter(|one| one.only.is_none());
            let names =
                metrics.map(|one| (one.id, one.label, one.variant, one.unit));
            // How a program is linked may be a matter of its mechanism.
            let machine = Machine { link: String::new(), ..found.machine };
            (names.collect::<Vec<_>>(), found.parameters, machine)
        });
        assert_eq!(threads, processes);
    }
}

#[test]
fn seeds_and_sizes_make_a_difference() {
    for (name, one, other) in [
        ("shared-state", "--variant lock --transfers 50", "--seed 2"),
        ("shared-state", "--variant lock --transfers 50", "--accounts 9"),
        ("matrix", "--rows 80 --columns 12", "--seed 2"),
        ("kill-workers", "--jobs 20 --stuck 0", "--seed 2"),
        ("crash", "--variant abort --transfers 50", "--seed 2"),
        ("crash", "--variant abort --transfers 50", "--workers 9"),
        ("fetch", "--workers 2 --delay 1ms --faults 0", "--seed 2"),
        ("fetch", "--workers 2 --delay 1ms --faults 0", "--size 9"),
        ("ipc", "--variant ring --messages 9 --size 64", "--seed 2"),
        ("ipc", "--variant ring --messages 9 --size 64", "--size 72"),
        ("address-space", "--variant files --operations 9", "--seed 2"),
        ("worker-cost", "--quick --starts 3 --crew 2", "--seed 2"),
        ("worker-cost", "--quick --starts 3 --crew 2", "--table 64KiB"),
        ("responsive-ui", "--quick --steps 9999 --cancels 0", "--seed 2"),
        ("responsive-ui", "--quick --cancels 0 --steps 9999", "--queries 2"),
        ("confine", "--variant bare --only acts --act dirt", "--seed 2"),
        ("confine", "--variant bare --only acts --act dirt", "--act read"),
    ] {
        let answer = run(name, Model::Threads, one).answer;
        let expecting = format!("{one} --expect {answer}");
        assert_eq!(run(name, Model::Processes, &expecting).answer, answer);
        let other = format!("{expecting} {other}");
        let found = refusal(name, Model::Threads, &other, 1);
        let reason = format!("expected {answer}");
        assert!(found.contains(&reason), "{other}: {found}");
    }
}

#[test]
fn a_person_gets_a_story_that_fits_the_screen() {
    for (name, arguments) in [
        ("shared-state", "--transfers 1000"),
        ("matrix", "--rows 80 --columns 12"),
        ("ipc", "--messages 30"),
        ("kill-workers", "--jobs 20 --stuck 1 --variant read"),
        ("crash", "--transfers 100 --deaths 1"),
        ("address-space", "--operations 16 --workers 4"),
        ("fetch", "--quick --timeout 5s"),
        ("worker-cost", "--starts 3 --crew 12 --table 1MiB"),
        ("responsive-ui", "--quick --steps 9999 --cancels 3"),
        ("confine", "--act read --act dirt --starts 2"),
    ] {
        for model in MODELS {
            let mut demo = demo(scenario(name), model);
            let output = demo.args(arguments.split(' ')).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            let text = String::from_utf8(output.stdout).unwrap();
            let heading = format!("{name}, {model}\n");
            assert!(text.starts_with(&heading), "{text}\n{errors}");
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= 80, "{text}");
        }
    }
}

#[test]
fn variants_are_listed() {
    for (name, model, variants) in [
        (
            "shared-state",
            Model::Threads,
            "racy forced global-lock lock lock-per-account atomic owner \
             partition by-hand",
        ),
        (
            "shared-state",
            Model::Processes,
            "racy forced global-lock lock lock-per-account atomic owner \
             partition by-hand",
        ),
        (
            "crash",
            Model::Threads,
            "panic exit abort segfault stack-overflow memory-limit",
        ),
        (
            "crash",
            Model::Processes,
            "panic exit abort segfault stack-overflow memory-limit",
        ),
        ("address-space", Model::Threads, "map touch allocate protect files"),
        ("address-space", Model::Processes, "map touch allocate protect files"),
        (
            "ipc",
            Model::Threads,
            "cache-line ring ring-in-place bounded unbounded rendezvous mpsc \
             condvar",
        ),
        (
            "ipc",
            Model::Processes,
            "cache-line ring ring-in-place pipe unix-stream unix-seqpacket",
        ),
        ("worker-cost", Model::Threads, WAYS_TO_START),
        ("worker-cost", Model::Processes, WAYS_TO_START),
        ("confine", Model::Threads, "bare confined"),
        ("confine", Model::Processes, "bare confined"),
    ] {
        let mut demo = demo(scenario(name), model);
        let output = demo.arg("--list-variants").output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(listed, variants.replace(' ', "\n") + "\n");
    }
}
