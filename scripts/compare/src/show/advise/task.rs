//! The task for which advice is wanted: eight questions, as flags or at a
//! terminal.

use std::{
    io::{self, BufRead, Write},
    time::Duration,
};

use clap::{Args, CommandFactory as _, Parser, ValueEnum};
use common::{arguments::parse_time, units::parse_bytes};

/// The answers. A question without an answer has a default.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Your task, for --advise")]
pub struct Task {
    /// Must the rest survive if one part crashes? [default: no]
    #[arg(
        long,
        value_name = "YES|NO",
        ignore_case = true,
        requires = "advise"
    )]
    pub crash_safe: Option<YesOrNo>,

    /// Must a hung worker be killable? [default: no]
    #[arg(
        long,
        value_name = "YES|NO",
        ignore_case = true,
        requires = "advise"
    )]
    pub killable: Option<YesOrNo>,

    /// Does it run native or untrusted code? [default: no]
    #[arg(
        long,
        value_name = "YES|NO",
        ignore_case = true,
        requires = "advise"
    )]
    pub untrusted: Option<YesOrNo>,

    /// How long does one task take? [default: 100ms]
    #[arg(long, value_name = "TIME", requires = "advise",
          value_parser = parse_time)]
    pub task_time: Option<Duration>,

    /// How much data do workers share or hand over at a time? [default: 1KiB]
    #[arg(long, value_name = "SIZE", requires = "advise",
          value_parser = parse_bytes)]
    pub shared: Option<usize>,

    /// How often, in times per second? [default: 100]
    #[arg(long, value_name = "N", requires = "advise",
          value_parser = clap::value_parser!(u32))]
    pub how_often: Option<u32>,

    /// How much memory may all workers take, besides their data? [default:
    /// 1GiB]
    #[arg(long, value_name = "SIZE", requires = "advise",
          value_parser = parse_bytes)]
    pub memory: Option<usize>,

    /// Do the workers run Python code? [default: no]
    #[arg(
        long,
        value_name = "YES|NO",
        ignore_case = true,
        requires = "advise"
    )]
    pub from_python: Option<YesOrNo>,
}

/// The answer to a yes-no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum YesOrNo {
    /// Yes, or it must be so.
    Yes,
    /// No, or it need not be so.
    No,
}

impl Task {
    /// How long one task takes.
    pub fn time(&self) -> Duration {
        self.task_time.unwrap_or(Duration::from_millis(100))
    }

    /// Bytes at a time.
    pub fn shared(&self) -> usize {
        self.shared.unwrap_or(1 << 10)
    }

    /// Times per second.
    pub fn how_often(&self) -> u32 {
        self.how_often.unwrap_or(100)
    }

    /// Bytes for all workers.
    pub fn memory(&self) -> usize {
        self.memory.unwrap_or(1 << 30)
    }

    /// Asks for what the flags left open. An answer is parsed like a flag, so
    /// both are understood in the same way; an empty one means the default.
    ///
    /// # Errors
    ///
    /// Fails if reading or writing fails.
    pub fn ask(
        self,
        person: &mut impl BufRead,
        screen: &mut impl Write,
    ) -> io::Result<Self> {
        let mut form = Form { advise: true, task: self };
        for (flag, question) in form.open_questions() {
            loop {
                write!(screen, "{question} ")?;
                screen.flush()?;
                let mut answer = String::new();
                if person.read_line(&mut answer)? == 0 {
                    writeln!(screen)?;
                    return Ok(form.task);
                }
                match form.fill_in(&flag, answer.trim()) {
                    Ok(()) => break,
                    Err(error) => writeln!(screen, "{error}")?,
                }
            }
        }
        Ok(form.task)
    }
}

/// The questions as a command line of their own.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Form {
    #[arg(long)]
    advise: bool,
    #[command(flatten)]
    task: Task,
}

impl Form {
    /// The flags without a value, and their help, which is the question.
    fn open_questions(&self) -> Vec<(String, String)> {
        let Task {
            crash_safe,
            killable,
            untrusted,
            task_time,
            shared,
            how_often,
            memory,
            from_python,
        } = &self.task;
        let told = [
            ("crash-safe", crash_safe.is_some()),
            ("killable", killable.is_some()),
            ("untrusted", untrusted.is_some()),
            ("task-time", task_time.is_some()),
            ("shared", shared.is_some()),
            ("how-often", how_often.is_some()),
            ("memory", memory.is_some()),
            ("from-python", from_python.is_some()),
        ];
        questions()
            .into_iter()
            .filter(|(flag, _)| told.contains(&(flag.as_str(), false)))
            .collect()
    }

    /// An empty answer means the default; one that cannot be parsed is an
    /// error.
    fn fill_in(&mut self, flag: &str, answer: &str) -> Result<(), String> {
        if answer.is_empty() {
            return Ok(());
        }
        let flag = format!("--{flag}={}", answer);
        self.try_update_from(["--advise".to_owned(), flag]).map_err(|error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        })
    }
}

/// Every flag of the form, and its help.
fn questions() -> Vec<(String, String)> {
    let command = Form::command();
    let arguments = command.get_arguments();
    arguments
        .filter_map(|argument| {
            let flag = argument.get_long()?.to_owned();
            Some((flag, argument.get_help()?.to_string()))
        })
        .collect()
}
