//! Threads or processes, for a given task? The answer follows from a few
//! questions and the last results of this machine.
//!
//! | module | contents |
//! |---|---|
//! | [`task`] | the questions, as flags or at a terminal |
//! | [`rules`] | what each answer is a reason for |

use std::{
    fmt,
    io::{self, IsTerminal as _, stderr, stdin},
};

use common::{escaped::Escaped, machine::Machine, outcome::Model, scenarios};

use crate::{
    claims::sources::{self, Pair},
    judge::results::Results,
    run::plan::count,
    show::layout,
};

mod rules;
mod task;

pub use rules::ASKED;
use rules::{Figures, Reason, Weight};
pub use task::Task;

/// Completes the task with questions, where there is a terminal.
///
/// # Errors
///
/// Fails if the terminal does.
pub fn complete(task: Task) -> io::Result<Task> {
    match stdin().is_terminal() && stderr().is_terminal() {
        true => task.ask(&mut stdin().lock(), &mut stderr()),
        false => Ok(task),
    }
}

/// The recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Threads,
    Processes,
    /// Processes, with threads in each.
    Both,
}

impl Answer {
    /// What only one side can do decides. If both sides have such a reason, it
    /// is both. If nothing requires processes, threads are simpler.
    fn of(reasons: &[Reason]) -> Self {
        let decides = |side| {
            reasons.iter().any(|reason| {
                reason.side == side && reason.weight == Weight::Decisive
            })
        };
        match (decides(Model::Threads), decides(Model::Processes)) {
            (true, true) => Answer::Both,
            (false, true) => Answer::Processes,
            (_, false) => Answer::Threads,
        }
    }

    fn is_for(self, side: Model) -> bool {
        match self {
            Answer::Both => true,
            Answer::Threads => side == Model::Threads,
            Answer::Processes => side == Model::Processes,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Answer::Threads => "Threads.",
            Answer::Processes => "Processes.",
            Answer::Both => "Both: a pool of processes, with threads in each.",
        })
    }
}

const SIMPLER: &str = "\
Nothing requires processes, and threads are simpler: they pass references, \
and the compiler checks them.";

/// The answer and the reasons.
#[derive(Debug)]
pub struct Advice {
    answer: Answer,
    reasons: Vec<Reason>,
    source: String,
    missing: Vec<&'static str>,
}

impl Advice {
    /// For this task, from these results.
    pub fn new(task: &Task, results: &Results) -> Self {
        let verdicts = results.verdicts();
        let workers = results.heading.workers;
        let figures = Figures { verdicts: &verdicts, workers };
        Self::by(task, &figures, source(results))
    }

    fn by(task: &Task, figures: &Figures<'_>, source: String) -> Self {
        let reasons = rules::reasons(task, figures);
        Advice {
            answer: Answer::of(&reasons),
            source,
            missing: figures.missing(),
            reasons,
        }
    }

    /// The reasons for the answer, or those against it.
    fn words(&self, are_for: bool) -> impl Iterator<Item = &str> {
        let answer = self.answer;
        self.reasons
            .iter()
            .filter(move |reason| answer.is_for(reason.side) == are_for)
            .map(|reason| reason.words.as_str())
    }

    /// What is for the answer, then what is against it.
    fn write_reasons(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = match self.words(true).next() {
            Some(_) => None,
            None => Some(["+", SIMPLER]),
        };
        let reasons = self.words(true).map(|words| ["+", words]);
        let against = self.words(false).map(|words| ["-", words]);
        for reason in default.into_iter().chain(reasons).chain(against) {
            writeln!(formatter, "{}", layout::facts([reason]))?;
        }
        Ok(())
    }

    fn write_pair(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Pair { threads, processes }) = self.pair() else {
            return Ok(());
        };
        let [from, twin] = match self.answer {
            Answer::Threads => [threads.path, processes.path],
            Answer::Processes | Answer::Both => [processes.path, threads.path],
        };
        writeln!(formatter, "\nCopy from {from}")?;
        writeln!(formatter, "(the same with the other: {twin})\n")
    }

    /// The pair to copy from: that of the first reason.
    fn pair(&self) -> Option<Pair> {
        let name = self
            .reasons
            .iter()
            .find(|reason| self.answer.is_for(reason.side))
            .map_or("shared-state", |reason| reason.scenario);
        let scenario = scenarios::ALL.iter().find(|it| it.name == name)?;
        sources::pairs(scenario).first().copied()
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n", self.answer)?;
        self.write_reasons(formatter)?;
        self.write_pair(formatter)?;
        for scenario in &self.missing {
            writeln!(
                formatter,
                "Not measured: {scenario}. To measure it: scripts/compare.sh \
                 --scenario {scenario}"
            )?;
        }
        writeln!(formatter, "{}", self.source)
    }
}

/// Where the figures come from, and whether that is here.
fn source(results: &Results) -> String {
    let heading = &results.heading;
    let here = Machine::this();
    let machine = &heading.machine;
    let whose = match machine.is(&here) {
        Some(true) => "this machine",
        None => "this or another machine (its kernel does not identify it)",
        Some(false) => "ANOTHER MACHINE (to measure here: scripts/compare.sh)",
    };
    format!(
        "The figures come from {whose}: {}, {}, {}.",
        Escaped(machine.processor()),
        count(machine.cores, "core"),
        heading.date
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::io::Cursor;

    use clap::Parser as _;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        arguments::Arguments,
        judge::{verdict::Verdict, words::Words},
    };

    /// A row with these figures in s, B or B/s.
    fn row(
        scenario: &'static str,
        id: &str,
        unit: &str,
        [threads, processes]: [f64; 2],
    ) -> Verdict {
        Verdict {
            scenario,
            id: id.into(),
            label: String::new(),
            variant: None,
            unit: unit.into(),
            is_headline: false,
            threads: Some(threads),
            processes: Some(processes),
            ratio: None,
            finding: None,
            only: None,
            words: Words::plain(""),
        }
    }

    /// Like a server of 2023, slower or faster by this factor.
    fn measured(by: f64) -> Vec<Verdict> {
        let s = |both: [f64; 2]| both.map(|time| time * by);
        let channel = "trip-64.bounded.spin-then-park";
        vec![
            row("crash", "resumed-free.abort", "s", s([2e-3, 5e-5])),
            row("crash", "resumed-free.segfault", "s", s([2e-3, 5e-5])),
            row("kill-workers", "stopped-after.native", "s", s([0.0, 4e-4])),
            row("kill-workers", "threads-left", "1", s([3.0, 0.0])),
            row("worker-cost", "finish.anew", "s", s([1e-5, 7e-4])),
            row("worker-cost", "finish.pool", "s", s([4e-6, 4e-6])),
            row("worker-cost", "private.idle-64", "B", s([9e3, 7e4])),
            row("ipc", "trip-64.pipe.block", "s", s([0.0, 5e-5])),
            row("ipc", channel, "s", s([4e-6, 0.0])),
            row("ipc", "flow-1048576.pipe.block", "B/s", s([0.0, 1e9])),
        ]
    }

    fn task(flags: &str) -> Task {
        let line = format!("compare --advise {flags}");
        Arguments::try_parse_from(line.split_whitespace()).unwrap().task
    }

    fn advice_by(flags: &str, verdicts: &[Verdict]) -> Advice {
        let figures = Figures { verdicts, workers: 2 };
        Advice::by(&task(flags), &figures, "From a test.".into())
    }

    fn advice(flags: &str) -> Advice {
        advice_by(flags, &measured(1.0))
    }

    #[test]
    fn every_decisive_answer_flips_the_advice() {
        assert_eq!(advice("").answer, Answer::Threads);
        for flag in
            ["--crash-safe", "--killable", "--untrusted", "--from-python"]
        {
            let yes = advice(&format!("{flag} yes"));
            assert_eq!(yes.answer, Answer::Processes, "{flag}");
            let no = advice(&format!("{flag} no"));
            assert_eq!(no.answer, Answer::Threads, "{flag}");
        }
        for flags in ["--memory 100KiB", "--how-often 30000", "--shared 100MiB"]
        {
            let both = advice(&format!("--killable yes {flags}"));
            assert_eq!(both.answer, Answer::Both, "{flags}");
        }
    }

    #[test]
    fn what_weighs_less_is_said_and_does_not_decide() {
        for (flags, words) in [
            ("--task-time 1ms", "41.2 %"),
            ("--how-often 10000", "50.0 %"),
            ("--shared 4MiB", "41.9 %"),
        ] {
            let alone = advice(flags);
            assert_eq!(alone.answer, Answer::Threads, "{flags}");
            let text = advice(&format!("{flags} --crash-safe yes")).to_string();
            assert!(text.starts_with("Processes.\n"), "{text}");
            assert!(text.contains("\n- "), "{text}");
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(words), "{words}: {text}");
        }
        let long = advice("--task-time 1s --how-often 1 --shared 1KiB");
        assert!(long.reasons.is_empty(), "{long}");
    }

    #[test]
    fn the_same_task_is_another_on_another_machine() {
        let flags = "--killable yes --how-often 10000";
        let slow = advice_by(flags, &measured(3.0));
        assert_eq!(advice(flags).answer, Answer::Processes);
        assert_eq!(slow.answer, Answer::Both);
    }

    #[test]
    fn a_scenario_that_was_not_measured_is_named() {
        let text = advice_by("--crash-safe yes --how-often 99999", &[]);
        let text = text.to_string();
        assert!(text.starts_with("Processes."), "{text}");
        assert!(text.contains("not measured (crash)"), "{text}");
        for name in ["crash", "kill-workers", "worker-cost", "ipc"] {
            assert!(text.contains(&format!("Not measured: {name}")), "{text}");
        }
        assert!(!advice("").to_string().contains("Not measured"));
    }

    #[test]
    fn there_is_always_a_pair_to_copy_from() {
        for flags in
            ["", "--crash-safe yes", "--killable yes", "--from-python yes"]
        {
            let Pair { threads, processes } = advice(flags).pair().unwrap();
            assert!(threads.path.starts_with("examples-threads/"));
            assert!(processes.path.ends_with("/src/main.rs"));
        }
        let text = advice("--killable yes").to_string();
        assert!(text.contains("examples-processes/kill-workers/"), "{text}");
    }

    #[test]
    fn eight_questions_are_asked_unless_a_flag_tells() {
        let all = "maybe\nYES\n\n\n1ms\n4MiB\n10\n\nno\n";
        let mut screen = Vec::new();
        let asked = task("").ask(&mut Cursor::new(all), &mut screen).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        assert_eq!(screen.matches('?').count(), 9, "{screen}");
        assert!(screen.contains("invalid value 'maybe'"), "{screen}");
        let figures = Figures { verdicts: &measured(1.0), workers: 2 };
        let by = |task| Advice::by(task, &figures, String::new()).to_string();
        let told = task(
            "--crash-safe yes --task-time 1ms --shared 4MiB \
                         --how-often 10 --from-python no",
        );
        assert_eq!(by(&asked), by(&told));
        let mut screen = Vec::new();
        told.ask(&mut Cursor::new("\n\n\n"), &mut screen).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        assert_eq!(screen.matches('?').count(), 3, "{screen}");
    }

    #[test]
    fn a_question_needs_somebody_who_asks_for_advice() {
        let line = ["compare", "--killable", "yes"];
        assert!(Arguments::try_parse_from(line).is_err());
    }

    /// All numbers, except in the names of scenarios and units.
    fn numbers(text: &str) -> Vec<String> {
        text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
            .filter(|piece| {
                piece.contains(|digit: char| digit.is_ascii_digit())
            })
            .map(|piece| piece.trim_matches('.').to_owned())
            .collect()
    }

    proptest! {
        /// A typed number would be the same whatever was measured.
        #[test]
        fn every_figure_comes_from_the_results(by in 1.1..5.0_f64) {
            let flags = "--crash-safe yes --killable yes --untrusted yes \
                         --task-time 2ms --memory 50KiB --how-often 8000 \
                         --shared 40KiB --from-python yes";
            let (one, other) = (measured(1.0), measured(by));
            for rule in rules::reasons(&task(flags), &Figures { verdicts: &one, workers: 2 }) {
                let again = rules::reasons(&task(flags), &Figures { verdicts: &other, workers: 2 });
                let same = again.iter().find(|it| it.words[..12] == rule.words[..12]);
                let Some(same) = same else { continue };
                let pairs = numbers(&rule.words).into_iter().zip(numbers(&same.words));
                for (this, that) in pairs {
                    prop_assert_ne!(this, that, "{}", rule.words);
                }
            }
        }
    }
}
