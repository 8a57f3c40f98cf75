//! A stage: a folder of planted programs, and a comparison of them.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use assert_cmd::Command;
use common::{
    laps::{Laps, Seconds},
    machine::Machine,
    outcome::{Better, Metric, Model, Outcome},
    resources::Resources,
    scenarios,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{CWD, FileType, Mode, OFlags, mknodat},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The program that is tested.
pub const COMPARE: &str = env!("CARGO_BIN_EXE_compare");

pub const BOTH: [Model; 2] = [Model::Threads, Model::Processes];

/// So many pairs have outcomes of their own. The next one has that of the
/// first, and so on.
pub const PAIRS: usize = 12;

/// After so many pairs it is first looked at what came out.
pub const LOOK: usize = 8;

/// How long a comparison may take: a test that fails must not hang.
const PATIENCE: Duration = Duration::from_secs(600);

pub struct Stage {
    folder: TempDir,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        Stage { folder }
    }

    /// Both sides of a scenario, which do well.
    pub fn with(scenario: &str) -> Self {
        let stage = Stage::new();
        for model in BOTH {
            stage.plant(scenario, model, |_| {});
        }
        stage
    }

    /// A program that gives the usual outcome, altered for each pair.
    pub fn plant(
        &self,
        scenario: &str,
        model: Model,
        alter: impl Fn(&mut Asked),
    ) -> PathBuf {
        self.script(scenario, model, alter, "")
    }

    /// The same, which does what a few lines of shell say before it answers.
    /// They find the number of its pair in `$pair`, and its outcome in the
    /// file `$outcome`.
    pub fn misbehave(
        &self,
        scenario: &str,
        model: Model,
        lines: &str,
    ) -> PathBuf {
        self.script(scenario, model, |_| {}, lines)
    }

    fn script(
        &self,
        scenario: &str,
        model: Model,
        alter: impl Fn(&mut Asked),
        lines: &str,
    ) -> PathBuf {
        let program = self.programs().join(format!("{scenario}-{model}"));
        self.script_at(program, scenario, model, alter, lines)
    }

    fn script_at(
        &self,
        program: PathBuf,
        scenario: &str,
        model: Model,
        alter: impl Fn(&mut Asked),
        lines: &str,
    ) -> PathBuf {
        for pair in 1..=PAIRS {
            for workers in [1, 2] {
                let outcome = usual(scenario, model, workers);
                let mut asked = Asked { pair, workers, outcome };
                alter(&mut asked);
                let name = format!("{}.{pair}.{workers}", program.display());
                fs::write(&name, asked.outcome.json().unwrap()).unwrap();
                asked.outcome.metrics.clear();
                let name = format!("{name}.other");
                fs::write(name, asked.outcome.json().unwrap()).unwrap();
            }
        }
        let preamble = PREAMBLE.replace("FLAGS", &flags_of_whole(scenario));
        write_program(&program, &format!("{preamble}{lines}\n{ENDING}"));
        program
    }

    /// An interpreter, and what its script of this scenario prints.
    pub fn plant_python(
        &self,
        scenario: &str,
        alter: impl Fn(&mut Asked, Model),
    ) {
        fs::create_dir_all(self.scripts()).unwrap();
        write_program(&self.python(), SHIM);
        write_program(&file_of(&self.python(), "itself"), PYTHON);
        let script = scenario.replace('-', "_");
        let path = |ending: &str| self.scripts().join(script.clone() + ending);
        fs::write(path(".py"), "").unwrap();
        for model in BOTH {
            let alter = |asked: &mut Asked| {
                asked.outcome.machine.interpreter = Some("Planted".into());
                asked.outcome.machine.rustc.clear();
                alter(asked, model);
            };
            let program = path(&format!("-{model}"));
            self.script_at(program, scenario, model, alter, "");
        }
    }

    pub fn python(&self) -> PathBuf {
        self.folder.path().join("planted-python")
    }

    pub fn scripts(&self) -> PathBuf {
        self.folder.path().join("scripts")
    }

    /// A comparison of what is planted in both languages.
    pub fn compare_in_both(&self, scenarios: &[&str]) -> Command {
        let mut arguments = self.arguments(2, scenarios);
        arguments.retain(|argument| argument != "--no-python");
        let mut command = Command::new(COMPARE);
        command
            .args(arguments)
            .arg("--python")
            .arg(self.python())
            .arg("--scripts")
            .arg(self.scripts())
            .timeout(PATIENCE);
        command
    }

    pub fn programs(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    /// The file where the comparison keeps its samples by default.
    pub fn samples(&self) -> PathBuf {
        self.folder.path().join("compare").join("samples.json")
    }

    /// The document in that file.
    pub fn document(&self) -> Value {
        let text = fs::read_to_string(self.samples()).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// A comparison of what is planted, with two workers, in as few pairs as
    /// say anything.
    pub fn compare(&self, scenarios: &[&str]) -> Command {
        self.compare_with(2, scenarios)
    }

    /// The same with other workers than two.
    pub fn compare_with(&self, workers: usize, scenarios: &[&str]) -> Command {
        let mut command = Command::new(COMPARE);
        command.args(self.arguments(workers, scenarios)).timeout(PATIENCE);
        command
    }

    /// The arguments of such a comparison.
    pub fn arguments(&self, workers: usize, scenarios: &[&str]) -> Vec<String> {
        let programs = self.programs().display().to_string();
        let workers = workers.to_string();
        [
            "--no-python",
            "--quick",
            "--all",
            "--budget",
            "0",
            "--workers",
            &workers,
        ]
        .into_iter()
        .chain(["--keep-disturbed", "--programs", &programs])
        .chain(scenarios.iter().flat_map(|name| ["--scenario", name]))
        .map(str::to_owned)
        .collect()
    }

    /// How often a program was started.
    pub fn starts(&self, program: &Path) -> usize {
        let text = fs::read_to_string(file_of(program, "pairs"));
        text.map_or(0, |text| text.trim().parse().unwrap())
    }
}

/// What a planted program is asked, and what it will answer.
pub struct Asked {
    /// From 1.
    pub pair: usize,
    pub workers: usize,
    pub outcome: Outcome,
}

impl Asked {
    /// Makes one of the metrics so many times as large.
    pub fn scale(&mut self, metric: usize, by: f64) {
        let value = &mut self.outcome.metrics[metric].value;
        *value = value.map(|value| value * by);
    }

    /// Makes the memory so many times as large.
    pub fn scale_memory(&mut self, by: f64) {
        let memory = &mut self.outcome.resources.peak_proportional_memory;
        *memory = memory.map(|bytes| (bytes as f64 * by) as u64);
    }
}

/// Of all parts, only that which stands for the whole has metrics: a figure is
/// of one part.
const PREAMBLE: &str = r#"#!/bin/sh
pair=$(($(cat "$0.pairs" 2>/dev/null || echo 0) + 1))
echo $pair > "$0.pairs"
echo '{"ready":1}'
while read -r request; do
echo "$request" >> "$0.told"
workers=2
case $request in *'"--workers","1"'*) workers=1 ;; esac
outcome=$0.$(((pair - 1) % 12 + 1)).$workers
case $request in FLAGS) ;; *) outcome=$outcome.other ;; esac
"#;

/// As they stand in a request, as a pattern of a shell: of the pair, or of what
/// is compared in two languages.
fn flags_of_whole(scenario: &str) -> String {
    let mut all = scenarios::ALL.iter();
    let scenario = all.find(|one| one.name == scenario).unwrap();
    let parts = scenario.parts.iter().chain(scenario.cpython);
    let patterns: Vec<String> = parts
        .filter(|part| part.whole)
        .map(|part| {
            let flags = part.flags.iter().map(|flag| format!("\"{flag}\""));
            format!("*'{}'*", flags.collect::<Vec<_>>().join(","))
        })
        .collect();
    patterns.join("|")
}

/// It says what it is, and where; it runs no script.
const SHIM: &str = r#"#!/bin/sh
env | grep '^PYTHON' >&2 && exit 1
[ "$1" = -c ] && echo "$0.itself" && echo "Planted 3.99, GIL, fork" && echo True
"#;

/// A script is run by what is planted beside it. A run that is only to see
/// whether there is an outcome is not counted.
const PYTHON: &str = r#"#!/bin/sh
env | grep '^PYTHON' >&2 && exit 1
script=${1%.py}-$3
shift 3
case "$*" in *"--transfers=1 "*) exec cat "$script.1.1" ;; esac
exec "$script" "$@"
"#;

const ENDING: &str =
    "printf '{\"outcome\":'; cat \"$outcome\"; echo '}'\ndone\n";

/// Through another program: while a test has a file open for writing, a
/// program that another test starts inherits it for a moment, and a program
/// that is open for writing cannot be executed.
pub fn write_program(path: &Path, text: &str) {
    let mut install = std::process::Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = install.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    assert!(install.wait().unwrap().success());
}

/// A file beside a program.
/// What a program was told, run by run.
pub fn told(program: &Path) -> Vec<String> {
    let lines = fs::read_to_string(file_of(program, "told")).unwrap();
    lines.lines().map(str::to_owned).collect()
}

pub fn file_of(program: &Path, what: &str) -> PathBuf {
    PathBuf::from(format!("{}.{what}", program.display()))
}

/// Numbers such as the demos give.
fn usual(scenario: &str, model: Model, workers: usize) -> Outcome {
    let work = 1.6 / workers as f64;
    Outcome {
        parameters: json!({"workers": workers, "seed": 1}),
        answer: "9f3c1234aa".into(),
        laps: Seconds { start: 0.001, work, stop: 0.001 },
        metrics: vec![
            Metric::new(
                "transfers",
                "transfers",
                "op/s",
                Better::Higher,
                1.9e7,
            )
            .of("lock"),
            Metric::new(
                "transfers",
                "transfers",
                "op/s",
                Better::Higher,
                1.4e8,
            )
            .of("atomic"),
        ],
        resources: Resources {
            peak_proportional_memory: Some(8_400_000),
            ..Resources::default()
        },
        machine: machine(),
        ..Outcome::new(scenario, model, &Laps::none())
    }
}

fn machine() -> Machine {
    Machine {
        cpu: Some("planted".into()),
        cores: 2,
        kernel: "planted".into(),
        rustc: "rustc 1.95.0".into(),
        interpreter: None,
        profile: "release".into(),
        link: "dynamic".into(),
    }
}

/// What a comparison came to.
pub struct Result {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn run(command: &mut Command) -> Result {
    let output = command.output().unwrap();
    Result {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A page on one line, however it was wrapped.
pub fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines of shell by which a program says "here", and then holds the FIFO
/// open for as long as it, or anything that it starts, lives. It opens both
/// ends, and so does not wait for a test that may be gone.
pub const SAY_HERE: &str =
    "[ \"$said\" ] || { exec 9<> \"$0.fifo\"; echo here >&9; said=yes; }";

/// The reading end of a program's FIFO.
pub struct Fifo(File);

impl Fifo {
    pub fn of(program: &Path) -> Self {
        let path = file_of(program, "fifo");
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &path, FileType::Fifo, mode, 0).unwrap();
        // Not to wait for the program here: it does not run yet.
        let flags = OFlags::NONBLOCK.bits() as i32;
        let mut options = File::options();
        let file = options.read(true).custom_flags(flags).open(path);
        Fifo(file.unwrap())
    }

    /// Waits until the program has said that it is here.
    pub fn wait_for_here(&mut self) {
        let mut here = [0; 5];
        self.wait();
        self.0.read_exact(&mut here).unwrap();
        assert_eq!(&here, b"here\n");
    }

    /// Waits until nothing that holds the FIFO is left.
    pub fn wait_for_the_end(&mut self) {
        self.wait();
        assert_eq!(self.0.read(&mut [0]).unwrap(), 0);
    }

    /// The time limit is there for a test that fails: it fails then, and does
    /// not hang.
    fn wait(&self) {
        let limit = Timespec::try_from(Duration::from_secs(20)).unwrap();
        let mut ends = [PollFd::new(&self.0, PollFlags::IN)];
        let ready = poll(&mut ends, Some(&limit)).unwrap();
        assert_eq!(ready, 1, "a planted program lives on");
    }
}
