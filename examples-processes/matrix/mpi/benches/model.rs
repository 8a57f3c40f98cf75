//! Where the time goes as ranks grow: the costs of the model in README.md, what
//! it predicts of a whole run, and how long one takes.
//!
//! ```text
//! cargo bench --manifest-path examples-processes/matrix/mpi/Cargo.toml \
//!     --target-dir target
//! ```
//!
//! First in this machine, where the speed-up of two ranks is also held against
//! that of two workers of the processes sibling; then over the two machines of
//! scripts/machines.sh, if they can be had. In each round everything is run
//! once, and each figure is the median of the rounds.

#![expect(clippy::unwrap_used, reason = "nothing is left to do after an error")]
#![expect(dead_code, reason = "not every bench needs all of the support")]

#[path = "../tests/ranks/support.rs"]
mod support;

use std::{
    env, iter,
    process::{Command, Stdio},
    time::Instant,
};

use common::{
    estimate::{median, ratio},
    goals::{Bound, Goal, Goals},
    machine::Machine,
    units::human,
};
use serde_json::Value;
use support::{PROGRAM, SMALL, built, on_two_machines, outcome, ranks};

/// How many ranks are tried.
const COUNTS: [usize; 3] = [1, 2, 4];

/// The databases of a run.
const DATABASES: usize = 6;

/// What is asked of a prediction: the median run takes neither more than this
/// times as long, nor less than its inverse.
const CLOSE: f64 = 1.15;

/// What is asked of the speed-up, beside that of processes.
const SPEED_UP: f64 = 0.9;

fn main() {
    // Cargo passes `--bench` to measure. Without it this is a test run, which
    // only checks that everything works.
    let measures = env::args().any(|flag| flag == "--bench");
    let rounds = if measures { 5 } else { 1 };
    let machine = Machine::this();
    let cpu = machine.processor();
    let Machine { cores, kernel, rustc, profile, .. } = &machine;
    println!("{cpu}, {cores} cores, {kernel}, {rustc}, {profile}\n");
    let mut goals = Goals::default();
    speed_up(rounds, &mut goals);
    test_the_model("one machine", &here, rounds, &mut goals);
    if on_two_machines(&["true"]).is_some() {
        test_the_model("two machines", &there, rounds, &mut goals);
    }
    print!("{goals}");
}

fn here(count: usize) -> Command {
    ranks(count)
}

fn there(count: usize) -> Command {
    let words = ["mpirun", "-n", &count.to_string(), PROGRAM];
    on_two_machines(&words).unwrap()
}

/// Of the work alone, without what starts or stops it.
fn speed_up(rounds: usize, goals: &mut Goals) {
    let processes = built("matrix-processes");
    let mut work = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        for count in [1, 2] {
            let mut ours = here(count);
            work[count - 1].push(lap(&outcome(ours.arg("--json")), "work"));
            let mut theirs = Command::new(&processes);
            theirs.args(["--json", "--workers", &count.to_string()]);
            work[count + 1].push(lap(&outcome(&mut theirs), "work"));
        }
    }
    let [one_rank, two_ranks, one_process, two_processes] = &work;
    let ours = ratio(one_rank, two_ranks).median;
    let theirs = ratio(one_process, two_processes).median;
    println!("speed-up of two ranks {ours:.2}, of two processes {theirs:.2}\n");
    goals.add(Goal {
        what: "speed-up of two, ranks / processes".into(),
        figure: ours / theirs,
        unit: "",
        asked: Bound::AtLeast(SPEED_UP),
    });
}

/// The costs of the model, in seconds.
struct Costs {
    /// `mpirun`, meeting and leaving, by [`COUNTS`].
    start: [f64; 3],
    /// One database, loaded and transformed.
    work: f64,
    /// What rank 0 does with all results: its answer.
    answer: f64,
    /// From the end of a job until its rank has begun the next, when next to
    /// nothing is sent.
    deal: f64,
    /// The same, less `deal`, for a projection.
    gather: f64,
}

impl Costs {
    /// A rank works alone on its core, so more ranks than cores do not help.
    fn predict(&self, which: usize) -> f64 {
        let count = COUNTS[which];
        let at_once = count.min(Machine::this().cores);
        let jobs = DATABASES.div_ceil(at_once) as f64;
        let messages = if count == 1 { 0.0 } else { self.deal + self.gather };
        self.start[which] + jobs * (self.work + messages) + self.answer
    }
}

fn test_the_model(
    place: &str,
    start: &dyn Fn(usize) -> Command,
    rounds: usize,
    goals: &mut Goals,
) {
    let answer = outcome(start(1).arg("--json"))["answer"].to_string();
    let expect = ["--json", "--expect", answer.trim_matches('"')];
    let whole = |count: usize| timed(start(count).args(expect));
    let mut samples = [const { Vec::new() }; 10];
    for _ in 0..rounds {
        let [help_1, help_2, help_4] = COUNTS.map(|it| leaves(start(it)));
        let (alone, took) = whole(1);
        let work = lap(&alone, "work");
        let deal = gap(|| outcome(start(2).arg("--json").args(SMALL)));
        let message = gap(|| whole(2).0);
        let [run_1, run_2, run_4] = COUNTS.map(|count| whole(count).1);
        let all = [
            help_1,
            help_2,
            help_4,
            work / DATABASES as f64,
            took - help_1 - work,
            deal,
            message - deal,
            run_1,
            run_2,
            run_4,
        ];
        samples.iter_mut().zip(all).for_each(|(of, it)| of.push(it));
    }
    let [help_1, help_2, help_4, work, answer, deal, gather, runs @ ..] =
        samples.map(|it| median(&it).unwrap());
    let start = [help_1, help_2, help_4];
    let costs = Costs { start, work, answer, deal, gather };
    report(place, &costs, runs, goals);
}

fn report(place: &str, costs: &Costs, runs: [f64; 3], goals: &mut Goals) {
    let Costs { start, work, answer, deal, gather } = costs;
    println!("{place}");
    for (what, seconds) in [
        ("work on a database", work),
        ("answer of rank 0", answer),
        ("deal", deal),
        ("gather", gather),
    ] {
        println!("  {what:<20}{:>10}", human(*seconds, "s"));
    }
    println!("  ranks      start  predicted   measured");
    for (which, count) in COUNTS.into_iter().enumerate() {
        let predicted = costs.predict(which);
        let [start, told, measured] =
            [start[which], predicted, runs[which]].map(|it| human(it, "s"));
        println!("  {count:<5}{start:>11}{told:>11}{measured:>11}");
        for asked in [Bound::AtMost(CLOSE), Bound::AtLeast(1.0 / CLOSE)] {
            goals.add(Goal {
                what: format!("{place}, -n {count}: measured / predicted"),
                figure: runs[which] / predicted,
                unit: "",
                asked,
            });
        }
    }
    println!();
}

/// Starts the ranks, has them meet, and leave at once.
fn leaves(mut all: Command) -> f64 {
    let begin = Instant::now();
    let left = all.arg("--help").stdout(Stdio::null()).status().unwrap();
    assert!(left.success());
    begin.elapsed().as_secs_f64()
}

fn timed(all: &mut Command) -> (Value, f64) {
    let begin = Instant::now();
    (outcome(all), begin.elapsed().as_secs_f64())
}

fn lap(outcome: &Value, name: &str) -> f64 {
    outcome["laps"][name].as_f64().unwrap()
}

/// The median time from the end of a job of rank 1 until it has begun the next.
/// If it gets only one, it is tried again.
fn gap(run: impl Fn() -> Value) -> f64 {
    let mut tries = iter::repeat_with(run).map(|outcome| gaps(&outcome));
    tries.find_map(|gaps| median(&gaps)).unwrap()
}

fn gaps(outcome: &Value) -> Vec<f64> {
    let databases = outcome["result"].as_array().unwrap();
    let timelines = databases.iter().map(|database| &database["timeline"]);
    let mut jobs: Vec<[f64; 2]> = timelines
        .filter(|timeline| timeline["worker"] == 1)
        .map(|of| [&of["load"][0], &of["transform"][1]])
        .map(|ends| ends.map(|end| end.as_f64().unwrap()))
        .collect();
    jobs.sort_by(|one, other| one[0].total_cmp(&other[0]));
    jobs.windows(2).map(|two| two[1][0] - two[0][1]).collect()
}
