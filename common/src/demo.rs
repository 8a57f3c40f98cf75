//! The frame of every `main`: arguments in, outcome out, exit status.

use std::{
    env, fmt, io,
    io::Write as _,
    path::Path,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context as _, bail};
use clap::error::ErrorKind;
use rustix::process::Signal;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::{
    arguments::{Arguments, Common},
    escaped::{Escaped, EscapedLines},
    inherited, lifeline,
    outcome::{Model, Outcome},
    progress::Progress,
    slices,
};

/// Runs a demo and prints what came out, for a person or as JSON.
///
/// The exit status is 0 if the work was done and the answer right, 1 if not,
/// 2 for bad usage, 130 after Ctrl-C and 143 after SIGTERM.
pub fn main<A: Arguments>(
    model: Model,
    run: impl Fn(Model, &A) -> anyhow::Result<Outcome>,
) -> ExitCode {
    inherited::put_in_order();
    let arguments = parse::<A>();
    if let Some(names) = arguments.list(model) {
        return status(print(format_args!("{names}\n")));
    }
    if let Err(reason) = arguments.check(model) {
        let mut command = A::command().bin_name(program());
        command.error(ErrorKind::ValueValidation, reason).exit();
    }
    status(
        obey_the_outside(&arguments)
            .and_then(|()| perform(model, &arguments, run)),
    )
}

/// What is asked for: a run, or many, or something else.
fn perform<A: Arguments>(
    model: Model,
    arguments: &A,
    run: impl Fn(Model, &A) -> anyhow::Result<Outcome>,
) -> anyhow::Result<()> {
    let Common { json, expect, slices, .. } = arguments.common();
    if *slices {
        return slices::serve(model, run);
    }
    if let Some(other) = arguments.instead() {
        return other();
    }
    let outcome = run(model, arguments)?;
    check(&outcome, expect.as_deref())?;
    print_outcome(&outcome, *json)
}

/// Does one piece of work after the other, with a progress bar. `name` is
/// what the bar and an error call a piece.
///
/// # Errors
///
/// As the first piece that fails.
pub fn each<P, F>(
    plans: Vec<P>,
    name: impl Fn(&P) -> String,
    mut run: impl FnMut(P) -> anyhow::Result<F>,
) -> anyhow::Result<Vec<F>> {
    let progress = Progress::new(plans.len());
    let mut finished = Vec::new();
    for plan in plans {
        let name = name(&plan);
        progress.now(&name);
        finished.push(run(plan).context(name)?);
        progress.step();
    }
    Ok(finished)
}

/// The exit status of a program that has done this. An error is told on
/// stderr.
pub fn status(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("error: {}", inherited::in_words(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to stderr. If that is full, nobody can be told that it is:
/// `eprintln!` would panic, and the program end with another status.
pub fn tell(line: impl fmt::Display) {
    let line = line.to_string();
    let line = format!("{}\n", EscapedLines(&line));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Writes to stdout. A reader who has seen enough (`| head`) is not an error.
///
/// # Errors
///
/// Fails if it cannot be written for any other reason: the disk is full, say.
pub fn print(text: impl fmt::Display) -> anyhow::Result<()> {
    let text = EscapedLines(&text.to_string()).to_string();
    let mut stdout = io::stdout();
    let written =
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("what came out could not be written to stdout")
        }
        _ => Ok(()),
    }
}

fn parse<A: Arguments>() -> A {
    let command = A::command().bin_name(program());
    let matches = command.after_help(examples::<A>()).get_matches();
    A::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The siblings share their help: only the program's name in it differs.
fn examples<A: Arguments>() -> String {
    let help = A::command().get_after_help().map(ToString::to_string);
    help.unwrap_or_default().replace("PROGRAM", &program())
}

/// The name that this program was called by.
pub(crate) fn program() -> String {
    let path = env::args_os().next().unwrap_or_default();
    let name = Path::new(&path).file_name().unwrap_or_default();
    Escaped(name).to_string()
}

fn obey_the_outside(arguments: &impl Arguments) -> anyhow::Result<()> {
    if !arguments.owns_the_terminal() {
        end_on_signals()?;
    }
    if arguments.common().lifeline {
        lifeline::hold(io::stdin(), Signal::TERM)
            .context("--lifeline needs a pipe as stdin")?;
    }
    Ok(())
}

/// Ctrl-C, SIGTERM and a closed lifeline end the program at once, with the
/// status that shells expect. There is no clean-up on this path, because
/// SIGKILL allows none: whatever must be gone when a program is gone is tied
/// to its life by the kernel, and so it is gone after every kind of end.
///
/// # Errors
///
/// Fails if the kernel does not let a handler be set.
pub fn end_on_signals() -> anyhow::Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    for signal in [SIGINT, SIGTERM] {
        // A shell's background job is not for Ctrl-C.
        if inherited::is_ignored(signal) {
            continue;
        }
        let status = 128 + signal;
        flag::register_conditional_shutdown(signal, status, always.clone())
            .context("no handler for SIGINT and SIGTERM could be set")?;
    }
    Ok(())
}

pub(crate) fn check(
    outcome: &Outcome,
    expected: Option<&str>,
) -> anyhow::Result<()> {
    let answer = &outcome.answer;
    match expected {
        Some(expected) if answer != expected => {
            bail!("the answer is {answer}, and not {expected} as expected")
        }
        _ => Ok(()),
    }
}

fn print_outcome(outcome: &Outcome, json: bool) -> anyhow::Result<()> {
    let text = if json { outcome.json()? } else { outcome.human() };
    print(format_args!("{text}\n"))
}
