//! Threads or processes, for a given task? The answer follows from a few
//! questions and the last results of this machine.
//!
//! | module | contents |
//! |---|---|
//! | [`task`] | the questions, as flags or at a terminal |
//! | [`rules`] | what each answer is a reason for |
//! | [`figures`] | the results, and what either side costs |
//! | [`changes`](mod@changes) | what would change the advice |

use std::{
    fmt,
    io::{self, IsTerminal as _, stderr, stdin},
};

use common::{escaped::Escaped, machine::Machine, outcome::Model, scenarios};

use crate::{
    claims::{
        self,
        sources::{self, Pair},
    },
    judge::results::Results,
    run::plan::count,
    show::layout,
};

mod changes;
mod figures;
mod rules;
mod task;

pub use figures::ASKED;
use figures::Figures;
use rules::{Reason, Weight};
pub use task::Task;

/// Completes the task with questions, where there is a terminal.
///
/// # Errors
///
/// Fails if the terminal does.
pub fn complete(task: Task) -> io::Result<Task> {
    if stdin().is_terminal() && stderr().is_terminal() {
        task.ask(&mut stdin().lock(), &mut stderr())
    } else {
        Ok(task)
    }
}

/// What to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recommendation {
    Threads,
    Processes,
    /// Processes, with threads in each.
    Both,
}

impl Recommendation {
    /// What only one side can do decides. If both sides have such a reason, it
    /// is both. If nothing requires processes, threads are simpler.
    fn of(reasons: &[Reason]) -> Self {
        let decides = |side| {
            reasons.iter().any(|reason| {
                reason.side == side && reason.weight == Weight::Decisive
            })
        };
        match (decides(Model::Threads), decides(Model::Processes)) {
            (true, true) => Recommendation::Both,
            (false, true) => Recommendation::Processes,
            (_, false) => Recommendation::Threads,
        }
    }

    fn is_for(self, side: Model) -> bool {
        match self {
            Recommendation::Both => true,
            Recommendation::Threads => side == Model::Threads,
            Recommendation::Processes => side == Model::Processes,
        }
    }
}

impl fmt::Display for Recommendation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Recommendation::Threads => "threads",
            Recommendation::Processes => "processes",
            Recommendation::Both => "a pool of processes, with threads in each",
        })
    }
}

const SIMPLER: &str = "\
Nothing in this task requires processes, and threads are simpler: they pass \
references, and the compiler checks them.";

/// The recommendation, the reasons, and what would change it.
#[derive(Debug)]
pub struct Advice {
    recommended: Recommendation,
    reasons: Vec<Reason>,
    costs: Option<String>,
    changes: Vec<(Recommendation, String)>,
    source: String,
    missing: Vec<&'static str>,
}

impl Advice {
    /// For this task, from these results.
    pub fn new(task: &Task, results: &Results) -> Self {
        let verdicts = results.verdicts();
        let answers = claims::answers(results);
        let pure_python = claims::pure_python(results);
        let figures = Figures {
            verdicts: &verdicts,
            answers: &answers,
            pure_python: pure_python.as_deref(),
            workers: results.heading.workers,
        };
        Self::by(task, &figures, source(results))
    }

    fn by(task: &Task, figures: &Figures<'_>, source: String) -> Self {
        let reasons = rules::reasons(task, figures);
        let recommended = Recommendation::of(&reasons);
        let changes = changes::changes(task, figures).into_iter();
        let changes = changes.map(|(condition, task)| {
            let reasons = rules::reasons(&task, figures);
            (Recommendation::of(&reasons), condition)
        });
        Advice {
            recommended,
            reasons,
            costs: figures.costs(),
            changes: changes.filter(|(it, _)| *it != recommended).collect(),
            source,
            missing: figures.missing(),
        }
    }

    /// The reasons for the recommendation, or those against it.
    fn reasons(&self, are_for: bool) -> Vec<&str> {
        let recommended = self.recommended;
        self.reasons
            .iter()
            .filter(|reason| recommended.is_for(reason.side) == are_for)
            .map(|reason| reason.words.as_str())
            .collect()
    }

    /// The sentences after "Why", or one of its own if nothing decides.
    fn why(&self) -> Vec<&str> {
        let mut why = self.reasons(true);
        if self.recommended == Recommendation::Threads {
            why.insert(0, SIMPLER);
        }
        why
    }

    /// What else would have to be recommended, and when.
    fn other(&self) -> Vec<String> {
        let changes = self.changes.iter();
        let other: Vec<_> = changes
            .map(|(recommended, when)| format!("Use {recommended} if {when}."))
            .collect();
        if other.is_empty() {
            vec!["Nothing: no other answer to a single question does.".into()]
        } else {
            other
        }
    }

    /// The source to copy from: that of the first reason.
    fn source_to_copy(&self) -> Option<&'static str> {
        let name = self
            .reasons
            .iter()
            .find(|reason| self.recommended.is_for(reason.side))
            .map_or("shared-state", |reason| reason.scenario);
        let scenario = scenarios::ALL.iter().find(|it| it.name == name)?;
        let pairs = sources::pairs(scenario);
        let Pair { threads, processes } = pairs.first()?;
        Some(match self.recommended {
            Recommendation::Threads => threads.path,
            Recommendation::Processes | Recommendation::Both => processes.path,
        })
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "Use {}.", self.recommended)?;
        write_list(formatter, "Why", &self.why())?;
        write_list(formatter, "Why not", &self.reasons(false))?;
        if let Some(costs) = &self.costs {
            writeln!(formatter, "\n{costs}")?;
        }
        let other = self.other();
        let other: Vec<_> = other.iter().map(String::as_str).collect();
        write_list(formatter, "What would change this advice", &other)?;
        if let Some(path) = self.source_to_copy() {
            writeln!(formatter, "\nCopy from {path}\n")?;
        }
        for scenario in &self.missing {
            writeln!(
                formatter,
                "Not all was measured: {scenario}. To measure it: \
                 scripts/compare.sh --scenario {scenario}"
            )?;
        }
        writeln!(formatter, "{}", self.source)
    }
}

/// Nothing for no sentences.
fn write_list(
    formatter: &mut fmt::Formatter<'_>,
    heading: &str,
    sentences: &[&str],
) -> fmt::Result {
    if sentences.is_empty() {
        return Ok(());
    }
    let list = layout::facts(sentences.iter().map(|words| ["-", words]));
    writeln!(formatter, "\n{heading}\n{list}")
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
    use std::{io::Cursor, sync::LazyLock};

    use clap::Parser as _;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        arguments::Arguments,
        claims::needs::{Answer, Choice},
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
            row("worker-cost", "finish.anew", "s", s([1e-5, 7e-4])),
            row("worker-cost", "finish.pool", "s", s([4e-6, 4e-6])),
            row("worker-cost", "private.idle-64", "B", s([9e3, 7e4])),
            row("ipc", "trip-64.pipe.block", "s", s([0.0, 5e-5])),
            row("ipc", channel, "s", s([4e-6, 0.0])),
            row("ipc", "flow-1048576.pipe.block", "B/s", s([0.0, 1e9])),
            row("confine", "harm-contained.bare", "1", s([0.0, 20.0])),
            row("confine", "start.bare", "s", s([3e-5, 7e-4])),
            row("confine", "start.confined", "s", s([4e-5, 9e-4])),
            row("confine", "call.bare", "s", s([6e-8, 6e-8])),
            row("confine", "call.confined", "s", s([2e-7, 2e-7])),
        ]
    }

    fn task(flags: &str) -> Task {
        let line = format!("compare --advise {flags}");
        Arguments::try_parse_from(line.split_whitespace()).unwrap().task
    }

    static ANSWERS: LazyLock<[Answer; 3]> = LazyLock::new(|| {
        ["crash", "kill-workers", "confine"].map(|scenario| Answer {
            need: "",
            scenario,
            choice: Some(Choice::Processes),
            words: format!("processes cope with it in {scenario}"),
        })
    });

    fn figures(verdicts: &[Verdict]) -> Figures<'_> {
        let answers: &[Answer] =
            if verdicts.is_empty() { &[] } else { &*ANSWERS };
        Figures { verdicts, answers, pure_python: None, workers: 2 }
    }

    fn advice_by(flags: &str, verdicts: &[Verdict]) -> Advice {
        Advice::by(&task(flags), &figures(verdicts), "From a test.".into())
    }

    fn advice(flags: &str) -> Advice {
        advice_by(flags, &measured(1.0))
    }

    #[test]
    fn every_decisive_answer_flips_the_advice() {
        assert_eq!(advice("").recommended, Recommendation::Threads);
        for flag in
            ["--crash-safe", "--killable", "--untrusted", "--from-python"]
        {
            let yes = advice(&format!("{flag} yes"));
            assert_eq!(yes.recommended, Recommendation::Processes, "{flag}");
            let no = advice(&format!("{flag} no"));
            assert_eq!(no.recommended, Recommendation::Threads, "{flag}");
        }
        for flags in ["--memory 100KiB", "--how-often 30000", "--shared 100MiB"]
        {
            let both = advice(&format!("--killable yes {flags}"));
            assert_eq!(both.recommended, Recommendation::Both, "{flags}");
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
            assert_eq!(alone.recommended, Recommendation::Threads, "{flags}");
            let text = advice(&format!("{flags} --crash-safe yes")).to_string();
            assert!(text.starts_with("Use processes.\n"), "{text}");
            assert!(text.contains("\nWhy not\n"), "{text}");
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
        assert_eq!(advice(flags).recommended, Recommendation::Processes);
        assert_eq!(slow.recommended, Recommendation::Both);
    }

    #[test]
    fn a_scenario_that_was_not_measured_is_named() {
        let text = advice_by("--crash-safe yes --how-often 99999", &[]);
        let text = text.to_string();
        assert!(text.starts_with("Use processes."), "{text}");
        assert!(text.contains("crash was not measured"), "{text}");
        for name in ["crash", "kill-workers", "worker-cost", "ipc", "confine"] {
            let said = format!("Not all was measured: {name}");
            assert_eq!(text.matches(&said).count(), 1, "{name}: {text}");
        }
        assert!(!advice("").to_string().contains("Not all"));
    }

    #[test]
    fn what_was_measured_is_quoted() {
        let text = advice("--killable yes").to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [
            "processes cope with it in kill-workers",
            "an empty job in a new worker 10.0 µs 700 µs",
            "round trip, channel or pipe 4.00 µs 50.0 µs",
            "next work after an abort 2.00 ms 50.0 µs",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn code_that_is_not_trusted_is_to_be_confined_whatever_was_measured() {
        let advise = "confined one (process_kit::Confinement)";
        let text = |verdicts: &[Verdict]| {
            let advice = advice_by("--untrusted yes", verdicts);
            let text = advice.reasons(true).join(" ");
            assert!(text.contains(advise), "{text}");
            text
        };
        let told = text(&measured(1.0));
        for words in [
            "processes cope with it in confine.",
            "as it is contains 20 of them.",
            "takes 900 µs if it is confined, and 700 µs if not",
            "call in it takes 200 ns, and 60.0 ns if not",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        let told = text(&[]);
        assert!(told.ends_with("confine was not measured."), "{told}");
    }

    #[test]
    fn there_is_always_one_source_to_copy_from() {
        for (flags, package) in [
            ("", "threads/shared-state"),
            ("--crash-safe yes", "processes/crash"),
            ("--killable yes", "processes/kill-workers"),
            ("--untrusted yes", "processes/confine"),
            ("--from-python yes", "processes/matrix"),
        ] {
            let text = advice(flags).to_string();
            let said = format!("Copy from examples-{package}/src/main.rs");
            assert!(text.contains(&said), "{flags}: {text}");
            assert_eq!(text.matches("examples-").count(), 1, "{text}");
        }
    }

    /// It is so: just before and just beyond what is said.
    #[test]
    fn what_would_change_the_advice_does() {
        for words in ["survive a crash", "be killable", "untrusted", "Python"] {
            let mut changes = advice("").changes.into_iter();
            let change = changes.find(|(_, when)| when.contains(words));
            assert_eq!(change.unwrap().0, Recommendation::Processes);
        }
        for (words, [before, beyond]) in [
            ("a hung worker need not be", ["", "--killable no"]),
            (
                "more than 20000 messages",
                ["--how-often 19999", "--how-often 20001"],
            ),
            ("more than 10.0 MB", ["--shared 9000000", "--shared 11000000"]),
            ("less memory than 140 kB", ["--memory 141000", "--memory 139000"]),
        ] {
            let told = advice("--killable yes");
            let mut changes = told.changes.iter();
            let change = changes.find(|(_, when)| when.contains(words));
            let becomes = change.unwrap_or_else(|| panic!("{told}")).0;
            let recommended = |flags: &str| {
                let killable = if flags.contains("killable") {
                    ""
                } else {
                    "--killable yes"
                };
                advice(&format!("{killable} {flags}")).recommended
            };
            assert_eq!(recommended(before), told.recommended, "{words}");
            assert_eq!(recommended(beyond), becomes, "{words}");
        }
    }

    #[test]
    fn where_two_answers_decide_no_single_one_changes_the_advice() {
        let text = advice("--killable yes --crash-safe yes").to_string();
        let other: Vec<_> = text
            .lines()
            .skip_while(|it| !it.starts_with("What would"))
            .collect();
        assert!(
            !other.iter().any(|it| it.contains("Use threads if")),
            "{text}"
        );
    }

    #[test]
    fn eight_questions_are_asked_unless_a_flag_tells() {
        let all = "maybe\nYES\n\n\n1ms\n4MiB\n10\n\nno\n";
        let mut screen = Vec::new();
        let asked = task("").ask(&mut Cursor::new(all), &mut screen).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        assert_eq!(screen.matches('?').count(), 9, "{screen}");
        assert!(screen.contains("invalid value 'maybe'"), "{screen}");
        let verdicts = measured(1.0);
        let by = |task| {
            Advice::by(task, &figures(&verdicts), String::new()).to_string()
        };
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
            for rule in rules::reasons(&task(flags), &figures(&one)) {
                let again = rules::reasons(&task(flags), &figures(&other));
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
