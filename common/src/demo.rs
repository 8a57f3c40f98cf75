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

/// Runs a demo and prints its outcome, for a person or as JSON.
///
/// The exit status is 0 if the run succeeded with the right answer, 1 if not,
/// 2 for bad usage, 130 after Ctrl-C and 143 after SIGTERM.
pub fn main<A: Arguments>(
    model: Model,
    run: impl Fn(Model, &A) -> anyhow::Result<Outcome>,
) -> ExitCode {
    inherited::put_in_order();
    let arguments = match parse::<A>() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    if let Some(names) = arguments.list(model) {
        return status(print(format_args!("{names}\n")));
    }
    if let Err(reason) = arguments.check(model) {
        let mut command = A::command().bin_name(program());
        return refuse(&command.error(ErrorKind::ValueValidation, reason));
    }
    status(
        obey_the_outside(&arguments)
            .and_then(|()| perform(model, &arguments, run)),
    )
}

/// Does what the flags ask for: one run, slices, or something else.
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

/// Does pieces of work in sequence, with a progress bar. `name` names a piece
/// in the bar and in errors.
///
/// # Errors
///
/// Fails with the error of the first piece that fails.
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

/// The exit status for this result. Prints an error to stderr.
pub fn status(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("error: {}", inherited::in_words(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to stderr. A failed write is ignored, because there is no
/// place to report it: `eprintln!` would panic and change the exit status.
pub fn tell(line: impl fmt::Display) {
    let line = line.to_string();
    let line = format!("{}\n", EscapedLines(&line));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Writes to stdout. A closed pipe (`| head`) is not an error.
///
/// # Errors
///
/// Fails if the write fails for another reason, such as a full disk.
pub fn print(text: impl fmt::Display) -> anyhow::Result<()> {
    let text = EscapedLines(&text.to_string()).to_string();
    let mut stdout = io::stdout();
    let written =
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout")
        }
        _ => Ok(()),
    }
}

fn parse<A: Arguments>() -> Result<A, clap::Error> {
    let command = A::command().bin_name(program());
    let matches = command.after_help(examples::<A>()).try_get_matches()?;
    A::from_arg_matches(&matches)
}

/// The exit status for bad usage, or for `--help`. Returned, where clap would
/// exit, so that `main` releases what it holds: MPI counts an exit that it was
/// not told of as a crash.
fn refuse(error: &clap::Error) -> ExitCode {
    // There is no place to report a failed write.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Siblings share their help text; only the program's name differs.
fn examples<A: Arguments>() -> String {
    let help = A::command().get_after_help().map(ToString::to_string);
    help.unwrap_or_default().replace("PROGRAM", &program())
}

/// The name by which this program was called.
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

/// Makes Ctrl-C, SIGTERM and a closed lifeline terminate the program at once,
/// with the status that shells expect. There is no cleanup on this path,
/// because SIGKILL allows none: the kernel ties everything that must not
/// outlive the program to its lifetime, so every kind of exit removes it.
///
/// # Errors
///
/// Fails if the kernel refuses a handler.
pub fn end_on_signals() -> anyhow::Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    for signal in [SIGINT, SIGTERM] {
        // Ctrl-C is not meant for a shell's background job.
        if inherited::is_ignored(signal) {
            continue;
        }
        let status = 128 + signal;
        flag::register_conditional_shutdown(signal, status, always.clone())
            .context("cannot install handlers for SIGINT and SIGTERM")?;
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
            bail!("wrong answer: got {answer}, expected {expected}")
        }
        _ => Ok(()),
    }
}

fn print_outcome(outcome: &Outcome, json: bool) -> anyhow::Result<()> {
    let text = if json { outcome.json()? } else { outcome.human() };
    print(format_args!("{text}\n"))
}
