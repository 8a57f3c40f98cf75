//! Under a limit of the system (setrlimit(2)), and where /dev/shm is full,
//! every demo does its work, or says in words what it cannot have: never a
//! panic, never a hang, and nothing is left behind.
//!
//! The values rise from the least under which a program can be loaded at all,
//! so that it fails at one moment after the other, until it does not.
//!
//! For memory on its own heap a Rust program asks without a way back: where
//! there is none, std ends it with SIGABRT and "memory allocation of N bytes
//! failed". Glibc does the same where it cannot keep its own books, and std
//! panics where a thread that it starts has no room to take a signal. That too
//! is an error with a reason, under a limit of memory and no other. (What so
//! becomes of a *worker* process is an error of its parent, with status 1.)
//!
//! | module | holds |
//! |---|---|
//! | this | the trials: which values, and what must come of them |
//! | `limit` | what is limited, and how |
//! | `circumstance` | what else may be inherited, or be missing |
//! | `attempt` | one run of a demo, and what is to be seen of it |

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(dead_code, reason = "not every test needs all of the support")]

mod attempt;
mod circumstance;
mod limit;
#[path = "../support/not_run.rs"]
mod not_run;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/traces.rs"]
mod traces;

use std::{
    ffi::OsString,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use common::{
    outcome::Model,
    scenarios::{ALL, Scenario},
};
use libtest_mimic::{Arguments, Trial};
use rustix::process::{Pid, Resource, Signal, geteuid, kill_process};
use serde_json::Value;

use attempt::Attempt;
use limit::{Limit, SharedMemory, under};
use not_run::not_run;
use support::{MODELS, programs};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Quarters of a MiB, beyond what it takes to load a program.
const MEMORY: [u64; 11] = [0, 1, 2, 3, 6, 12, 24, 36, 48, 96, 256];

/// At the most. No demo needs as many of anything, as small as they are here.
const ENOUGH: u64 = 64;

fn main() -> ExitCode {
    if let Some(status) = limit::obey() {
        return status;
    }
    traces::become_subreaper();
    let own = limit::own_mounts();
    let mut trials = vec![
        trial("processes", uncrowded(&own), processes),
        trial("full_shared_memory", own, full_shared_memory),
        trial("open_files", Ok(()), open_files),
        trial("address_space", Ok(()), address_space),
        trial("data", Ok(()), data),
        trial("file_size", Ok(()), file_size),
        trial("cpu_time", Ok(()), cpu_time),
        trial("stack", Ok(()), stack),
        trial("compare_in_few_bytes", Ok(()), compare_in_few_bytes),
        trial("background_job", Ok(()), background_job),
    ];
    trials.extend(circumstance::ALL.iter().map(|(name, _)| {
        trial(name, possible(name), move || in_spite_of(name))
    }));
    let hidden = possible(MEMORY_NOT_TOLD);
    trials.push(trial("unknown_memory_is_absent", hidden, unknown_memory));
    let mut arguments = Arguments::from_args();
    // One looks at the children and at the /dev/shm of another.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test that this machine may not allow: then it says so, and
/// `scripts/test.sh` says it once more at the end. By the name that all share,
/// that script runs them beside the rest.
fn trial(
    name: &str,
    allowed: Result<()>,
    test: impl FnOnce() + Send + 'static,
) -> Trial {
    let run = move || {
        test();
        Ok(())
    };
    let trial = Trial::test(format!("limits::{name}"), run);
    let Err(reason) = allowed else { return trial };
    not_run(&format!("the test of limits, {name}: {reason:#}"));
    trial.with_ignored_flag(true)
}

/// Whether programs can be run as a user of whom there are no others: they
/// would count. Root has another user for that, and others a namespace.
fn uncrowded(own: &Result<()>) -> Result<()> {
    if let (Err(error), false) = (own, geteuid().is_root()) {
        bail!("this user has other processes, and {error:#}");
    }
    let one = DEMOS[0].program();
    let limit = Limit { of: Resource::Nproc, value: ENOUGH };
    let output = limit.command(&one).arg("--help").output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "no other user: {}", error.trim());
    Ok(())
}

/// One side of a pair, with little to do, and what comes of it without
/// limits.
struct Demo {
    scenario: &'static Scenario,
    model: Model,
    answer: String,
    /// All that it printed.
    document: String,
    /// It may speak of panics: some scenarios are about them.
    panics: bool,
}

static DEMOS: LazyLock<Vec<Demo>> = LazyLock::new(|| {
    let both = |scenario| MODELS.map(|model| Demo::new(scenario, model));
    ALL.iter().flat_map(both).collect()
});

impl Demo {
    fn new(scenario: &'static Scenario, model: Model) -> Self {
        let [answer, document] = [(); 2].map(|()| String::new());
        let mut demo = Demo { scenario, model, answer, document, panics: true };
        let unlimited = demo.run(Command::new(demo.program()), "no limit");
        demo.answer = unlimited.outcome().answer;
        demo.panics = unlimited.has_panicked();
        demo.document = unlimited.stdout;
        demo
    }

    fn program(&self) -> PathBuf {
        programs().join(self.scenario.program(self.model))
    }

    fn arguments(&self) -> &'static str {
        match self.scenario.name {
            "shared-state" => "--transfers 1000 --workers 4",
            "ipc" => "--messages 4",
            "matrix" => "--rows 80 --columns 12 --workers 4",
            "kill-workers" => {
                "--jobs 50 --variant loop --stuck 1 --workers 4 --grace 1s"
            }
            "responsive-ui" => "--steps 20000 --cancels 1 --queries 2",
            "crash" => "--transfers 50 --deaths 1 --workers 4",
            "address-space" => "--operations 4 --workers 2",
            "confine" => "--variant bare --act read --act dirt --starts 1",
            "fetch" => "--requests 8 --delay 1ms --faults 0 --workers 4",
            "worker-cost" => {
                "--starts 2 --crew 4 --table 64KiB --parent-memory 1MiB"
            }
            _ => "--quick",
        }
    }

    fn run(&self, mut command: Command, limit: &str) -> Attempt {
        let name = self.scenario.program(self.model);
        command.args(self.arguments().split(' ')).arg("--json");
        Attempt::run(&mut command, format!("{name}, {limit}"))
    }

    /// Whether it has done its work under the limit. If it has not, it must
    /// have said why.
    fn is_done_under(&self, limit: Limit) -> bool {
        let command = limit.command(&self.program());
        let attempt = self.run(command, &format!("{limit:?}"));
        let is_of_memory = [Resource::As, Resource::Data].contains(&limit.of);
        self.judge(&attempt, is_of_memory)
    }

    fn judge(&self, attempt: &Attempt, is_memory_short: bool) -> bool {
        let lacks_memory = is_memory_short && attempt.lacks_memory();
        let may_panic = self.panics || lacks_memory;
        assert!(may_panic || !attempt.has_panicked(), "{attempt}");
        if attempt.is_done() {
            assert_eq!(attempt.outcome().answer, self.answer, "{attempt}");
        } else if !(lacks_memory && attempt.is_aborted()) {
            attempt.must_say_why();
        }
        attempt.is_done()
    }

    /// The least limit, in these steps, under which it can be loaded: below,
    /// the kernel and the dynamic linker fail, and it has no say.
    fn least(&self, of: Resource, step: u64) -> u64 {
        let is_loaded = |value| {
            let mut program = Limit { of, value }.command(&self.program());
            program.arg("--help").output().unwrap().status.success()
        };
        let (mut too_little, mut enough) = (0, 1024);
        while enough - too_little > 1 {
            let middle = (too_little + enough) / 2;
            if is_loaded(middle * step) {
                enough = middle;
            } else {
                too_little = middle;
            }
        }
        enough * step
    }
}

fn open_files() {
    for demo in &*DEMOS {
        let of = Resource::Nofile;
        let values = demo.least(of, 1)..ENOUGH;
        rise(demo, values.map(|value| Limit { of, value }));
    }
}

fn processes() {
    for demo in &*DEMOS {
        let limit = |value| Limit { of: Resource::Nproc, value };
        rise(demo, (1..ENOUGH).map(limit));
    }
}

/// Raises the limit until the work is done. For a process sibling the first
/// values are too low, or they were not limits at all.
fn rise(demo: &Demo, mut limits: impl Iterator<Item = Limit>) {
    let done = limits.position(|limit| demo.is_done_under(limit));
    let name = demo.scenario.program(demo.model);
    let refused = done.unwrap_or_else(|| panic!("{name} is never done"));
    let is_tested = demo.model == Model::Threads || refused > 0;
    assert!(is_tested, "{name} was refused nothing");
}

fn address_space() {
    memory(Resource::As, &MEMORY);
}

fn data() {
    memory(Resource::Data, &[0, 6, 48, 256]);
}

/// More memory is not always enough where less was: with threads, glibc takes
/// an arena for each if it can have one, and then there is less for others.
fn memory(of: Resource, more: &[u64]) {
    let step = MIB / 4;
    let mut refused = 0;
    for demo in &*DEMOS {
        let least = demo.least(of, step);
        for more in more {
            let limit = Limit { of, value: least + more * step };
            let is_refused = !demo.is_done_under(limit);
            refused +=
                usize::from(is_refused && demo.model == Model::Processes);
        }
    }
    assert!(refused > 0, "no process sibling was refused memory");
}

/// Memory that is shared is a file as well.
fn file_size() {
    let mut refused = 0;
    for value in [0, 4 * KIB, 64 * KIB, MIB] {
        let limit = Limit { of: Resource::Fsize, value };
        for demo in &*DEMOS {
            let command = limit.command(&demo.program());
            let attempt = demo.run(command, &format!("{limit:?}"));
            if !demo.judge(&attempt, false) {
                attempt.must_name("`ulimit -f`");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "no demo was refused a file");
}

/// Far more work than two seconds are enough for.
const ENDLESS: &str = "--variant lock --transfers 4000000000 --json";

fn cpu_time() {
    let limit = Limit { of: Resource::Cpu, value: 2 };
    let shared_state = &ALL[0];
    for model in MODELS {
        let name = shared_state.program(model);
        let mut command = limit.command(&programs().join(&name));
        command.args(ENDLESS.split(' '));
        let attempt = Attempt::run(&mut command, format!("{name}, {limit:?}"));
        attempt.must_name("`ulimit -t`");
    }
}

fn stack() {
    for value in [256 * KIB, u64::MAX] {
        let limit = Limit { of: Resource::Stack, value };
        for demo in &*DEMOS {
            let is_done = demo.is_done_under(limit);
            assert!(
                is_done,
                "{}, {limit:?}",
                demo.scenario.program(demo.model)
            );
        }
    }
}

/// Whether this machine allows a program to be started so.
fn possible(circumstance: &str) -> Result<()> {
    let output = under(circumstance, Path::new("/bin/true")).output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", error.trim());
    Ok(())
}

/// Nothing of this is a reason not to work.
fn in_spite_of(circumstance: &str) {
    for demo in &*DEMOS {
        let command = under(circumstance, &demo.program());
        let attempt = demo.run(command, circumstance);
        assert!(demo.judge(&attempt, false), "{attempt}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = under(circumstance, Path::new(COMPARE));
    command.args(quick_comparison(folder.path()));
    let attempt =
        Attempt::run(&mut command, format!("compare, {circumstance}"));
    assert!(attempt.is_done(), "{attempt}");
}

/// A shell's background job is not for Ctrl-C, and is for SIGTERM.
fn background_job() {
    let program = programs().join(ALL[0].program(Model::Threads));
    let mut command = under("signals-ignored", &program);
    let mut child =
        command.args(ENDLESS.split(' ')).stdin(Stdio::null()).spawn().unwrap();
    let (interrupt, terminate) = (1 << 1, 1 << 14);
    let signals = |kind: &str| {
        let status = format!("/proc/{}/status", child.id());
        let status = fs::read_to_string(status).unwrap();
        let mut lines = status.lines();
        let mask = lines.find_map(|line| line.strip_prefix(kind)).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    };
    let begin = Instant::now();
    while signals("SigCgt:") & terminate == 0 {
        assert!(begin.elapsed() < attempt::DEADLINE, "it obeys nothing");
        thread::sleep(Duration::from_millis(1));
    }
    let ignored = signals("SigIgn:");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(ignored & (interrupt | terminate), interrupt);
}

const MEMORY_NOT_TOLD: &str = "memory-not-told";

/// How the ids begin of the metrics that `smaps_rollup` tells.
const TOLD_OF_MEMORY: [&str; 3] = ["memory.", "private.", "pss."];

/// And not zero.
fn unknown_memory() {
    for demo in &*DEMOS {
        let command = under(MEMORY_NOT_TOLD, &demo.program());
        let outcome = demo.run(command, MEMORY_NOT_TOLD).outcome();
        let memory = outcome.resources.peak_proportional_memory;
        assert_eq!(memory, None, "{}", demo.scenario.program(demo.model));
        let mut figures = outcome.metrics.iter();
        let zero = figures.find(|it| {
            let mut told = TOLD_OF_MEMORY.iter();
            told.any(|begin| it.id.starts_with(begin)) && it.value == Some(0.0)
        });
        assert_eq!(zero, None, "{}", demo.scenario.program(demo.model));
    }
}

const COMPARE: &str = env!("CARGO_BIN_EXE_compare");

/// Of programs that say to each request what the real ones have said.
fn quick_comparison(folder: &Path) -> Vec<OsString> {
    for demo in DEMOS.iter().filter(|demo| demo.scenario.name == ALL[0].name) {
        let program = folder.join(demo.scenario.program(demo.model));
        let script = format!(
            "#!/bin/sh\necho '{{\"ready\":1}}'\nwhile read -r request; do\n\
             printf '{{\"outcome\":'; tr -d '\\n' <<'EOF'\n{}EOF\n\
             echo '}}'\ndone\n",
            demo.document
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    }
    let usual = "--no-python --quick --budget 0 --workers 2 --scenario";
    let usual = usual.split(' ').chain([ALL[0].name]).map(OsString::from);
    let samples = folder.join("samples.json").into();
    let places = ["--programs".into(), folder.into(), "--json".into()];
    usual.chain(places).chain([samples]).collect()
}

/// The file of samples is whole, however few there are room for.
fn compare_in_few_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let limit = Limit { of: Resource::Fsize, value: 16 * KIB };
    let mut command = limit.command(Path::new(COMPARE));
    command.args(quick_comparison(folder.path()));
    let attempt = Attempt::run(&mut command, format!("compare, {limit:?}"));
    attempt.must_name("`ulimit -f`");
    let text = fs::read_to_string(folder.path().join("samples.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(!document["samples"].as_array().unwrap().is_empty());
}

/// Not every demo needs a named segment.
fn full_shared_memory() {
    let mut refused = 0;
    for room in [4 * KIB, 16 * KIB, 32 * KIB, MIB] {
        let _mounted = SharedMemory::of(room).unwrap();
        for demo in &*DEMOS {
            let limit = format!("{room} bytes in /dev/shm");
            let attempt = demo.run(Command::new(demo.program()), &limit);
            refused += usize::from(!demo.judge(&attempt, false));
        }
    }
    assert!(refused > 0, "no demo was refused shared memory");
}
