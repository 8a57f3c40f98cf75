//! Messages by every mechanism, and ends that are pinned or killed.

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    process::{Child, Stdio},
    thread,
    time::Instant,
};

use common::{
    machine,
    outcome::{Model, Outcome},
    placement::Cores,
    scenarios::ipc::{
        self, Mechanism, Message, Reading, Task, Transcript, Waiting,
    },
};
use rustix::process::{Signal, kill_process};

use crate::{
    running::{DEADLINE, end_of, far_end, refusal, run, scenario, workers},
    support::{MODELS, demo},
};

/// Every message of every mechanism, on both sides, against messages that
/// were never sent.
#[test]
fn every_mechanism_carries_every_message() {
    for seed in [1, 2026] {
        for (size, messages) in [(8, 60), (64, 60), (4096, 20), (1 << 20, 4)] {
            let arguments =
                format!("--size {size} --messages {messages} --seed {seed}");
            let found = MODELS.map(|model| run("ipc", model, &arguments));
            for found in &found {
                carries(found, size, messages, seed);
                names_every_mechanism(found);
            }
            assert_eq!(found[0].answer, found[1].answer, "{arguments}");
        }
    }
}

fn carries(found: &Outcome, size: usize, messages: u32, seed: u64) {
    for row in found.result.as_array().unwrap() {
        let task = match row["task"].as_str().unwrap() {
            "stream" => Task::Stream,
            _ => Task::RoundTrip,
        };
        let (mechanism, waiting) = (Mechanism::Ring, Waiting::Spin);
        let cores = Cores::default();
        let plan =
            ipc::Plan { task, size, mechanism, waiting, cores, messages, seed };
        let mut expected = Transcript::new();
        for sequence in 1..=messages {
            let mut words = vec![0; plan.words()];
            Message::new(&plan, sequence).write(&mut words);
            expected.add(&Reading::of(&words)).unwrap();
        }
        let expected = format!("{:016x}", expected.digest());
        assert_eq!(row["digest"], expected, "{row}");
    }
}

/// Those that have room for every size, and wait on any number of cores.
fn names_every_mechanism(found: &Outcome) {
    let mechanisms = match found.model {
        Model::Threads => {
            &["ring", "bounded", "unbounded", "rendezvous", "mpsc", "condvar"][..]
        }
        Model::Processes => &["ring", "pipe", "unix-stream", "unix-seqpacket"],
    };
    let rows = found.result.as_array().unwrap();
    for mechanism in mechanisms {
        let is_there = rows.iter().any(|row| row["mechanism"] == *mechanism);
        assert!(is_there, "{}, {mechanism}: {rows:?}", found.model);
    }
}

#[test]
fn both_ends_may_be_kept_on_one_core_or_on_two() {
    let spins = |found: &Outcome| {
        let rows = found.result.as_array().unwrap().iter();
        rows.filter(|row| row["waiting"] == "spin").count()
    };
    for model in MODELS {
        let arguments = "--size 64 --messages 50 --pin same";
        assert_eq!(spins(&run("ipc", model, arguments)), 0, "{model}");
        if machine::cores() > 1 {
            let arguments = "--size 64 --messages 50 --pin different";
            assert!(spins(&run("ipc", model, arguments)) > 0, "{model}");
        }
    }
}

/// Asked of the kernel, while both ends are at work.
#[test]
fn both_ends_run_where_they_are_told_to() {
    let arguments = "--variant ring --waiting block --pin";
    for model in MODELS {
        for (pin, cores) in [("same", 1), ("different", 2)] {
            if machine::cores() < cores {
                continue;
            }
            let mut near = endless(model, &format!("{arguments} {pin}"));
            let deadline = Instant::now() + DEADLINE;
            let pinned = |allowed: &[String]| {
                let distinct: BTreeSet<_> = allowed.iter().collect();
                let single = |one: &String| one.parse::<u32>().is_ok();
                allowed.len() == 2
                    && allowed.iter().all(single)
                    && distinct.len() == cores
            };
            let mut allowed = cores_of_both_ends(&near);
            while !pinned(&allowed) && Instant::now() < deadline {
                thread::yield_now();
                allowed = cores_of_both_ends(&near);
            }
            near.kill().unwrap();
            near.wait().unwrap();
            assert!(pinned(&allowed), "{model}, {pin}: {allowed:?}");
        }
    }
}

/// Which cores each end may run on: the threads of a program and of its
/// worker, if it has one.
fn cores_of_both_ends(near: &Child) -> Vec<String> {
    let far = workers(near).into_iter().map(|far| far.to_string());
    let programs = far.chain([near.id().to_string()]);
    let tasks = programs
        .flat_map(|id| fs::read_dir(format!("/proc/{id}/task")))
        .flatten()
        .flatten();
    let status =
        tasks.flat_map(|task| fs::read_to_string(task.path().join("status")));
    let list = |status: String| {
        let mut lines = status.lines();
        lines.find_map(|line| {
            let cores = line.strip_prefix("Cpus_allowed_list:")?;
            Some(cores.trim().to_owned())
        })
    };
    status.filter_map(list).collect()
}

/// Whatever the near end waits in, it learns that the far one was killed.
#[test]
fn a_killed_far_end_is_missed() {
    for arguments in [
        "--variant cache-line --waiting spin",
        "--variant cache-line --waiting block",
        "--variant ring --waiting spin",
        "--variant ring --waiting spin-then-park",
        "--variant ring --waiting block",
        "--variant pipe",
        "--variant unix-stream",
        "--variant unix-seqpacket",
    ] {
        // Two ends on one core cannot spin.
        if arguments.ends_with("spin") && machine::cores() == 1 {
            continue;
        }
        let mut near = endless(Model::Processes, arguments);
        kill_process(far_end(&near), Signal::KILL).unwrap();
        let status = end_of(&mut near, arguments);
        assert_eq!(status.code(), Some(1), "{arguments}");
        let mut error = String::new();
        near.stderr.unwrap().read_to_string(&mut error).unwrap();
        assert!(error.starts_with("error: "), "{arguments}: {error}");
    }
}

/// A ladder of one step that nobody waits for.
fn endless(model: Model, arguments: &str) -> Child {
    demo(scenario("ipc"), model)
        .args(arguments.split(' '))
        .args(["--size", "64", "--messages", "1000000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The siblings have the same flags, and say what is for the other.
#[test]
fn a_mechanism_of_the_other_side_is_bad_usage() {
    for (variant, of) in
        [("pipe", Model::Processes), ("bounded", Model::Threads)]
    {
        for model in MODELS.into_iter().filter(|model| *model != of) {
            let arguments = format!("--variant {variant}");
            let text = refusal("ipc", model, &arguments, 2);
            assert!(text.contains("--list-variants"), "{text}");
        }
    }
}
