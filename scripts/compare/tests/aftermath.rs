//! However a program ends, nothing is left: no process, no zombie, nothing
//! in /dev/shm, nothing in the temporary folder, and no half-written file. It
//! is ended at random moments in three ways:
//!
//! - SIGKILL to the program.
//! - SIGTERM to the program: it ends with the status that shells expect.
//! - Ctrl-C: a terminal sends SIGINT to the program's whole group.
//!
//! It says how long it took at worst until nothing was left, and holds no
//! time against the machine.
//!
//! One test, because children belong to the whole process. In CI it takes
//! some seconds for each program. In full:
//!
//! ```text
//! AFTERMATH_SEED=$RANDOM AFTERMATH_MOMENTS=200 \
//!     cargo test -p compare --test aftermath -- --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(dead_code, reason = "not every test needs all of the support")]

#[path = "support/signals.rs"]
mod signals;
mod support;
#[path = "support/traces.rs"]
mod traces;

use std::{
    env, fs,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{input::Input, scenarios::ALL};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signals::hear;
use support::{MODELS, programs};
use traces::{become_subreaper, nothing_is_left, orphaned_names};

/// Random moments for each program and signal, unless the environment asks
/// for others.
const MOMENTS: u64 = 4;

/// The latest of them. Where a program is done by then, it is started again
/// and given half the time.
const LATEST: Duration = Duration::from_millis(250);

/// Far beyond what any end takes, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// How to end a program.
struct End {
    name: &'static str,
    signal: Signal,
    /// Whether its whole group is hit, as by a terminal.
    is_for_all: bool,
}

const ENDS: [End; 3] = [
    End { name: "SIGKILL", signal: Signal::KILL, is_for_all: false },
    End { name: "SIGTERM", signal: Signal::TERM, is_for_all: false },
    End { name: "Ctrl-C", signal: Signal::INT, is_for_all: true },
];

#[test]
fn nothing_is_left_however_it_ends() {
    hear(Signal::INT);
    become_subreaper();
    generate_databases();
    let moments = variable("AFTERMATH_MOMENTS").unwrap_or(MOMENTS);
    let mut input = Input::new(variable("AFTERMATH_SEED").unwrap_or(2026), 0);
    for end in ENDS {
        let (mut count, mut worst) = (0, Duration::ZERO);
        for program in victims() {
            for _ in 0..moments {
                let moment = LATEST.mul_f64(input.uniform());
                worst = worst.max(end.by(&program, moment));
                count += 1;
            }
        }
        let End { name, .. } = end;
        println!("{name}: {count} times, nothing left after {worst:?}");
    }
}

/// What the environment says, if it does.
fn variable(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Every demo, and the comparison of them all; and one whose workers would go
/// on for a minute, if they were left alone.
fn victims() -> Vec<Vec<String>> {
    let programs_of = |model| ALL.iter().map(move |one| one.program(model));
    let alone = MODELS.into_iter().flat_map(programs_of);
    let more =
        ["compare --quick", "shared-state-processes --transfers 9000000000"];
    let words = |line: String| line.split(' ').map(String::from).collect();
    alone.chain(more.map(String::from)).map(words).collect()
}

/// So that no victim has to, which is long and under a lock.
fn generate_databases() {
    for quick in [&[][..], &["--quick"]] {
        let mut demo = Command::new(programs().join("matrix-threads"));
        let done = demo.args(quick).stdout(Stdio::null()).status().unwrap();
        assert!(done.success());
    }
}

impl End {
    /// Ends a program at a moment of its life, the given one or an earlier
    /// one, and says how long it took until nothing was left of it.
    fn by(&self, program: &[String], latest: Duration) -> Duration {
        let mut moment = latest;
        while moment > Duration::ZERO {
            match self.at(program, moment) {
                Some(took) => return took,
                None => moment /= 2,
            }
        }
        panic!("{program:?} does not end for {}", self.name);
    }

    /// The same at this very moment, or nothing if it was done before.
    fn at(&self, program: &[String], moment: Duration) -> Option<Duration> {
        let what = format!("{program:?}, {} after {moment:?}", self.name);
        let (names, home) = (orphaned_names(), tempfile::tempdir().unwrap());
        let mut victim = start(program, home.path());
        thread::sleep(moment);
        let end = Instant::now();
        self.hit(&victim);
        let status = victim.wait().unwrap();
        nothing_is_left(&names, end + DEADLINE, &what);
        let took = end.elapsed();
        nothing_but_valid_samples(home.path(), &what);
        if status.success() {
            return None;
        }
        self.check(status, &what);
        Some(took)
    }

    fn hit(&self, victim: &Child) {
        let id = Pid::from_child(victim);
        let hit = if self.is_for_all {
            kill_process_group(id, self.signal)
        } else {
            kill_process(id, self.signal)
        };
        hit.unwrap();
    }

    /// Before a handler is set, the signal itself is the end: shells say the
    /// same of both.
    fn check(&self, status: ExitStatus, what: &str) {
        let expected = match self.signal {
            Signal::KILL => None,
            signal => Some(128 + signal.as_raw()),
        };
        let is_right = status.code() == expected
            || status.signal() == Some(self.signal.as_raw());
        assert!(is_right, "{what}: {status}");
    }
}

/// Starts a program in a group of its own, as a shell does.
fn start(program: &[String], home: &Path) -> Child {
    let mut victim = Command::new(programs().join(&program[0]));
    victim.args(&program[1..]).env("TMPDIR", home);
    if program[0] == "compare" {
        victim.arg("--json").arg(home.join("samples.json"));
    }
    victim
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn nothing_but_valid_samples(home: &Path, what: &str) {
    for file in fs::read_dir(home).unwrap() {
        let path = file.unwrap().path();
        assert!(path.ends_with("samples.json"), "{what}: {}", path.display());
        let text = fs::read_to_string(path).unwrap();
        if let Err(error) = serde_json::from_str::<serde_json::Value>(&text) {
            panic!("{what}: {error}: {text}");
        }
    }
}
