//! The judge, judged: what it says of pairs whose truth is known.
//!
//! One program is compared with itself, where any difference is a false one;
//! and with itself at work that really is 10 % more, where "no clear
//! difference" is a false one. Nothing is simulated and no figure is edited:
//! the noise is that of this machine at this hour, and it goes through the
//! rounds, the pairing and the interval as that of a comparison does.
//!
//! The program is `shared-state-threads` with its partitions, whose time is
//! its number of transfers: what is compared is the lap of its work, and not
//! the start of a process, which would not take 10 % longer. A run is short,
//! so that hundreds of comparisons fit in a few minutes. A longer run is
//! calmer: who is judged rightly here is judged rightly there.
//!
//! One core is left to whoever else there is. A run that takes them all waits
//! for the last of its workers, and so for anything that any core does beside
//! it: that is noise which the judge has to name, and no test of the judge.
//! `--workers` has it tried on all.

use std::{
    fmt,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use common::{
    demo,
    escaped::Escaped,
    outcome::{Better, Model},
    progress::Progress,
    scenarios::{self, Scenario},
};

use crate::{
    arguments::Arguments,
    child::{self, Ending},
    disturbance, document,
    environment::Environment,
    judge::{self, Finding},
    plan::count,
    progress::roughly,
    table,
};

/// In percent of the comparisons: more than its interval's own 5 % of false
/// answers, and the judge is wrong. "Too noisy to tell" is no false answer.
const MOST_WRONG: usize = 5;

/// How long the work of a run is to take: hundreds of times what it takes to
/// open the gate, and short enough for thousands of runs.
const WORK: f64 = 0.05;

/// What the first runs make, to find out how many fit in [`WORK`].
const PILOT: u64 = 10_000_000;

/// What came of it.
#[derive(Debug)]
pub struct Calibration {
    alike: Tally,
    slowed: Tally,
    rounds: usize,
    workers: usize,
    transfers: u64,
    environment: Environment,
}

/// How often the judge was right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    right: usize,
    wrong: usize,
    too_noisy: usize,
}

/// What the tallies mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Trusted,
    TooNoisy,
    Wrong,
}

/// Lets the judge judge what is known.
///
/// # Errors
///
/// Fails if the program cannot be run, or does not do what it is told.
pub fn calibrate(
    arguments: &Arguments,
    comparisons: usize,
) -> anyhow::Result<Calibration> {
    let subject = Subject::new(arguments)?;
    let rounds = arguments.rounds();
    let transfers = subject.transfers()?;
    announce(&subject, transfers, comparisons, rounds)?;
    let mut calibration = Calibration {
        alike: Tally::default(),
        slowed: Tally::default(),
        rounds,
        workers: subject.workers,
        transfers,
        environment: Environment::begin(),
    };
    let progress = Progress::new(2 * comparisons);
    for _ in 0..comparisons {
        calibration.judge_alike(&subject, &progress)?;
        calibration.judge_slowed(&subject, &progress)?;
    }
    calibration.environment.read_after("the calibration");
    Ok(calibration)
}

/// How long it will take, before it does.
fn announce(
    subject: &Subject,
    transfers: u64,
    comparisons: usize,
    rounds: usize,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    subject.work(transfers)?;
    let runs = comparisons * 2 * 2 * (rounds + 1);
    let time = begin.elapsed().mul_f64(runs as f64);
    demo::tell(format_args!(
        "2 × {} of {}: about {}",
        count(comparisons, "comparison"),
        count(rounds, "round"),
        roughly(time)
    ));
    Ok(())
}

/// One of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    First,
    Second,
}

impl Tally {
    /// `truth` is the better side. None if they are alike.
    fn add(&mut self, finding: Finding<Side>, truth: Option<Side>) {
        let expected = match truth {
            Some(side) => Finding::Better(side),
            None => Finding::NoClearDifference,
        };
        *match finding {
            Finding::TooNoisy => &mut self.too_noisy,
            found if found == expected => &mut self.right,
            _ => &mut self.wrong,
        } += 1;
    }

    fn all(&self) -> usize {
        self.right + self.wrong + self.too_noisy
    }

    fn words(&self, [right, wrong]: [&str; 2]) -> String {
        format!(
            "{right} in {} of {}, {wrong} in {}, too noisy to tell in {}",
            self.right,
            self.all(),
            self.wrong,
            self.too_noisy
        )
    }

    fn is_wrong(&self) -> bool {
        100 * self.wrong > MOST_WRONG * self.all()
    }

    fn is_right(&self) -> bool {
        100 * (self.all() - self.right) <= MOST_WRONG * self.all()
    }
}

/// The program that is compared with itself.
struct Subject {
    program: PathBuf,
    scenario: &'static Scenario,
    workers: usize,
    seed: u64,
    patience: Duration,
}

impl Subject {
    fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        const NAME: &str = "shared-state";
        let mut all = scenarios::ALL.iter();
        let scenario = all
            .find(|scenario| scenario.name == NAME)
            .with_context(|| format!("there is no scenario {NAME}"))?;
        let program = scenario.program(Model::Threads);
        Ok(Subject {
            program: arguments.programs()?.join(program),
            scenario,
            workers: arguments.workers_beside_others(),
            seed: arguments.seed,
            patience: arguments.deadline,
        })
    }

    /// How many fit in [`WORK`], a multiple of ten. The best of a few runs
    /// counts, of which the first also warms up.
    fn transfers(&self) -> anyhow::Result<u64> {
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            best = best.min(self.work(PILOT)?);
        }
        ensure!(
            best > 0.0,
            "{} says that its work took no time",
            Escaped(&self.program)
        );
        let fitting = PILOT as f64 * WORK / best;
        Ok((fitting / 10.0).max(1.0) as u64 * 10)
    }

    /// One comparison: a warm-up, then rounds in turns (ABBA), as [`plan`] has
    /// them.
    ///
    /// [`plan`]: crate::plan
    fn compare(
        &self,
        first: u64,
        second: u64,
        rounds: usize,
    ) -> anyhow::Result<Finding<Side>> {
        let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let (this, that) = match round % 2 {
                0 => (self.work(first)?, self.work(second)?),
                _ => {
                    let that = self.work(second)?;
                    (self.work(first)?, that)
                }
            };
            if round > 0 {
                firsts.push(this);
                seconds.push(that);
            }
        }
        judge::advantage(&firsts, &seconds, Better::Lower)
            .map(|ratio| Finding::between(ratio, [Side::First, Side::Second]))
            .context("a time has no better and worse")
    }

    /// One run: seconds of its work.
    fn work(&self, transfers: u64) -> anyhow::Result<f64> {
        self.run(transfers).with_context(|| {
            format!("{} cannot be calibrated with", Escaped(&self.program))
        })
    }

    fn run(&self, transfers: u64) -> anyhow::Result<f64> {
        let report = child::run(&mut self.command(transfers), self.patience)?;
        let words = String::from_utf8_lossy(&report.stderr);
        ensure!(
            report.ending == Ending::Ended && report.status.success(),
            "it ended with {}: {}",
            report.status,
            words.trim()
        );
        match document::read(&report.stdout, self.scenario, Model::Threads) {
            Ok((_, outcome)) => Ok(outcome.laps.work),
            Err(fault) => anyhow::bail!("{fault}"),
        }
    }

    fn command(&self, transfers: u64) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--json", "--lifeline"])
            .args(["--variant", "partition"])
            .args(["--seed", &self.seed.to_string()])
            .args(["--workers", &self.workers.to_string()])
            .args(["--transfers", &transfers.to_string()]);
        command
    }
}

impl Calibration {
    fn judge_alike(
        &mut self,
        subject: &Subject,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        progress.now("threads against themselves");
        let same = self.transfers;
        let finding = subject.compare(same, same, self.rounds)?;
        self.alike.add(finding, None);
        progress.step();
        Ok(())
    }

    /// The number is a multiple of ten, so the slow-down is one of 10 %.
    fn judge_slowed(
        &mut self,
        subject: &Subject,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        progress.now("threads against a slow-down of 10 %");
        let more = self.transfers / 10 * 11;
        let finding = subject.compare(self.transfers, more, self.rounds)?;
        self.slowed.add(finding, Some(Side::First));
        progress.step();
        Ok(())
    }

    /// Whether the judge said what is false, too often.
    pub fn is_wrong(&self) -> bool {
        self.trust() == Trust::Wrong
    }

    fn trust(&self) -> Trust {
        let tallies = [self.alike, self.slowed];
        if tallies.iter().any(Tally::is_wrong) {
            Trust::Wrong
        } else if tallies.iter().all(Tally::is_right) {
            Trust::Trusted
        } else {
            Trust::TooNoisy
        }
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disturbances = disturbance::around(&self.environment);
        let disturbances = table::disturbances(&disturbances);
        writeln!(formatter, "{}\n", self.setting())?;
        writeln!(formatter, "{}\n\n{}", self.rates(), self.trust())?;
        write!(formatter, "\n{disturbances}")
    }
}

impl Calibration {
    fn setting(&self) -> String {
        format!(
            "{} of {} each, after a warm-up, either side first by turns;\n\
             the time of the work of shared-state-threads, partition, {},\n\
             {} transfers each.",
            count(self.alike.all(), "comparison"),
            count(self.rounds, "round"),
            count(self.workers, "worker"),
            self.transfers
        )
    }

    fn rates(&self) -> String {
        let alike = self.alike.words(["no clear difference", "a false one"]);
        let slowed = self.slowed.words(["found", "missed"]);
        table::facts([
            ["threads against themselves", &alike],
            ["a slow-down of 10 %", &slowed],
        ])
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Trust::Trusted => {
                "The judge may be trusted on this machine now: of a hundred \
                 verdicts on what is alike,\nor on what differs by 10 %, no \
                 more than 5 are amiss."
            }
            Trust::TooNoisy => {
                "This machine is too noisy now: the judge says so where it \
                 cannot tell, and is not wrong,\nbut a difference of 10 % may \
                 go unseen. More rounds help: --rounds 31."
            }
            Trust::Wrong => {
                "THE JUDGE IS WRONG on this machine now, in more than 5 of a \
                 hundred verdicts:\nbelieve no difference near 10 %. Exit \
                 status 1."
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(alike: [usize; 3], slowed: [usize; 3]) -> Trust {
        let [alike, slowed] = [alike, slowed]
            .map(|[right, wrong, too_noisy]| Tally { right, wrong, too_noisy });
        let environment =
            Environment { place: Default::default(), readings: Vec::new() };
        let (rounds, transfers) = (11, 10);
        Calibration {
            alike,
            slowed,
            rounds,
            workers: 1,
            transfers,
            environment,
        }
        .trust()
    }

    #[test]
    fn five_of_a_hundred_may_be_amiss_and_no_more() {
        let good = [95, 5, 0];
        assert_eq!(trust(good, good), Trust::Trusted);
        assert_eq!(trust([95, 0, 5], good), Trust::Trusted);
        assert_eq!(trust([94, 6, 0], good), Trust::Wrong);
        assert_eq!(trust(good, [94, 6, 0]), Trust::Wrong);
        assert_eq!(trust([94, 5, 1], good), Trust::TooNoisy);
        assert_eq!(trust(good, [0, 0, 100]), Trust::TooNoisy);
        assert_eq!(trust([0, 0, 100], [0, 6, 94]), Trust::Wrong);
    }

    #[test]
    fn a_finding_is_held_against_the_truth() {
        let tally = |finding, truth| {
            let mut tally = Tally::default();
            tally.add(finding, truth);
            [tally.right, tally.wrong, tally.too_noisy]
        };
        let (right, wrong, noisy) = ([1, 0, 0], [0, 1, 0], [0, 0, 1]);
        let first = Finding::Better(Side::First);
        let second = Finding::Better(Side::Second);
        let none = Finding::NoClearDifference;
        for (finding, alike, slowed) in [
            (none, right, wrong),
            (first, wrong, right),
            (second, wrong, wrong),
            (Finding::TooNoisy, noisy, noisy),
        ] {
            assert_eq!(tally(finding, None), alike);
            assert_eq!(tally(finding, Some(Side::First)), slowed);
        }
    }
}
