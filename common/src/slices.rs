//! Slices: a program that keeps running and serves requests.
//!
//! The best way to compare two programs is to alternate them: one does a piece
//! of work of some 10 to 50 ms, then the other does the same while the machine
//! is in the same state. Starting a new program for each piece would cost more
//! than the piece. Each start would also bring a new memory layout, which
//! changes the measurement.
//!
//! # The protocol
//!
//! With `--slices` a demo first reports that it is ready, and which version of
//! this protocol it speaks. Until then, its parent may have used stdin as the
//! lifeline of something else, such as an interpreter.
//!
//! ```text
//! {"ready":1}
//! ```
//!
//! Then it reads requests from stdin. A request is one line: a JSON array of
//! strings, which are the demo's own flags.
//!
//! ```text
//! ["--variant", "lock", "--transfers", "200000", "--workers", "2"]
//! ```
//!
//! The demo does what `main` would do with them, and answers with exactly one
//! line on stdout: the document that `--json` would print, or an error.
//!
//! ```text
//! {"outcome": {"schema": 2, "scenario": "shared-state", …}}
//! {"error": "expected a number from 1 to 1024"}
//! ```
//!
//! Then it waits for the next line. A wrong answer, a rejected flag and a
//! malformed request are errors, but the program keeps running. It exits with
//! status 0 at the end of stdin.
//!
//! - While the demo *works*, stdin is its [lifeline]: closing it terminates the
//!   demo and its workers. While the demo *waits*, it sees the end of stdin and
//!   exits by itself.
//! - Between slices it sleeps: it has no workers and uses no CPU time. The
//!   exception is the scenario about workers that cannot be stopped, which
//!   declares it: see [`Part`](crate::scenarios::Part).
//! - A slice leaves nothing behind that would change the figures of the next
//!   one. The CPU affinity is restored, see [`placement`], and freed memory
//!   goes back to the kernel. Otherwise threads would reuse the heap of the
//!   previous slice, with its pages already present, while a new worker process
//!   must fault in every page. In separate runs both have to.
//!
//! # Rejected alternatives
//!
//! - A socket, or a name in the file system: it needs cleanup, and other
//!   programs could connect.
//! - A thread that reads stdin while another works: every demo would have one
//!   thread more than its source shows, and the thread's memory would count.
//! - SIGSTOP and SIGCONT for a program that works endlessly: they would stop it
//!   at any point, perhaps while it holds a lock.
//! - A binary protocol: a person cannot type it, and a slice takes a thousand
//!   times as long as its line of JSON anyway.

use std::{
    io::{self, BufRead as _},
    iter::once,
    os::fd::AsFd,
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustix::fs::{FileType, fstat};

use crate::{
    arguments::Arguments,
    demo,
    escaped::escaped_json,
    inherited, lifeline,
    machine::Machine,
    outcome::{Model, Outcome},
    placement, progress,
};

/// The flag that makes a program read requests.
pub const FLAG: &str = "--slices";

/// The version of the protocol.
pub const VERSION: u32 = 1;

/// Serves each request on stdin until stdin ends.
///
/// # Errors
///
/// Fails if stdin is not a pipe or socket, or if an answer cannot be written.
pub fn serve<A: Arguments>(
    model: Model,
    run: impl Fn(Model, &A) -> Result<Outcome>,
) -> Result<()> {
    let lifeline = io::stdin();
    check(&lifeline)?;
    progress::keep_silent();
    demo::print(format_args!("{{\"ready\":{VERSION}}}\n"))?;
    let (mut stdin, mut line) = (io::stdin().lock(), Vec::new());
    while stdin.read_until(b'\n', &mut line).context("cannot read stdin")? > 0 {
        let answer = beside(&lifeline, || answer(&line, model, &run))?;
        demo::print(format_args!("{answer}\n"))?;
        line.clear();
    }
    Ok(())
}

/// Rejects a file: it has no other end that could be closed.
fn check(lifeline: impl AsFd) -> Result<()> {
    let kind = FileType::from_raw_mode(fstat(lifeline)?.st_mode);
    ensure!(
        matches!(kind, FileType::Fifo | FileType::Socket),
        "--slices needs a pipe or a socket as stdin, not another kind of file"
    );
    Ok(())
}

/// Works while closing stdin would terminate the program and its workers.
fn beside<T>(lifeline: impl AsFd, work: impl FnOnce() -> T) -> Result<T> {
    lifeline::hold_if_cut(&lifeline).context("stdin was lost")?;
    let done = work();
    lifeline::let_go(&lifeline).context("stdin was lost")?;
    Ok(done)
}

/// The answer to a request, as one line.
fn answer<A: Arguments>(
    request: &[u8],
    model: Model,
    run: impl Fn(Model, &A) -> Result<Outcome>,
) -> String {
    let outcome = slice(request, model, run).and_then(|it| it.json());
    outcome.map_or_else(
        |error| {
            let words = inherited::in_words(&error);
            escaped_json(&serde_json::json!({ "error": words }).to_string())
        },
        |outcome| format!("{{\"outcome\":{outcome}}}"),
    )
}

/// Does what `main` does with the same flags.
fn slice<A: Arguments>(
    request: &[u8],
    model: Model,
    run: impl Fn(Model, &A) -> Result<Outcome>,
) -> Result<Outcome> {
    let arguments: A = understood(request, model)?;
    let kept = placement::keep()?;
    let outcome = run(model, &arguments);
    drop(kept);
    give_memory_back();
    let outcome = Outcome { machine: Machine::this(), ..outcome? };
    demo::check(&outcome, arguments.common().expect.as_deref())?;
    Ok(outcome)
}

/// Returns the freed memory that malloc(3) keeps for reuse to the kernel.
#[cfg(target_env = "gnu")]
fn give_memory_back() {
    // SAFETY: it takes no pointer, and touches only memory not in use.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators decide themselves what they keep, and for how long.
#[cfg(not(target_env = "gnu"))]
fn give_memory_back() {}

fn understood<A: Arguments>(request: &[u8], model: Model) -> Result<A> {
    let flags: Vec<String> = serde_json::from_slice(request)
        .context("a request must be a JSON array of strings on one line")?;
    let program = once(demo::program());
    let arguments = A::try_parse_from(program.chain(flags))
        .map_err(|error| refused(&error))?;
    let common = arguments.common();
    if common.slices || common.lifeline {
        bail!("a slice cannot have slices or a lifeline of its own");
    }
    if arguments.list(model).is_some() || arguments.instead().is_some() {
        bail!("a slice must be a run, but these flags do something else");
    }
    if arguments.owns_the_terminal() {
        bail!("a slice has no terminal: use --headless");
    }
    arguments.check(model).map_err(|reason| anyhow!(reason))?;
    Ok(arguments)
}

/// Clap's message without its prefix: the answer is already marked as an error.
fn refused(error: &clap::Error) -> anyhow::Error {
    let words = error.to_string();
    let words = words.strip_prefix("error: ").unwrap_or(&words);
    anyhow!("{}", words.trim_end())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{net::Shutdown, os::unix::net::UnixStream};

    use clap::Parser;
    use serde_json::Value;

    use super::*;
    use crate::{arguments::Common, laps::Laps};

    /// Does something twice as often as requested.
    #[derive(Debug, Parser)]
    struct Args {
        #[arg(long, default_value_t = 1)]
        times: u32,

        /// Serves others
        #[arg(long)]
        serve: bool,

        #[command(flatten)]
        common: Common,
    }

    impl Arguments for Args {
        fn common(&self) -> &Common {
            &self.common
        }

        fn list(&self, _model: Model) -> Option<String> {
            (self.times == 77).then(String::new)
        }

        fn instead(&self) -> Option<fn() -> Result<()>> {
            self.serve.then_some(|| panic!("nobody asked"))
        }

        fn check(&self, _model: Model) -> Result<(), String> {
            match self.times {
                99 => Err("99 is \u{202e} too many".into()),
                _ => Ok(()),
            }
        }
    }

    fn run(model: Model, arguments: &Args) -> Result<Outcome> {
        let times = 2 * arguments.times;
        anyhow::ensure!(times > 0, "nothing is to be done");
        let outcome = Outcome::new("test", model, &Laps::none());
        Ok(Outcome { answer: times.to_string(), ..outcome })
    }

    fn said(request: &[u8]) -> Value {
        let line = answer(request, Model::Threads, run);
        assert!(!line.contains(['\n', '\u{202e}']), "{line:?}");
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn a_request_is_answered_as_main_would() {
        for (request, expected) in [
            ("[]", "2"),
            ("[\"--times\", \"21\"]\n", "42"),
            (r#"["--times=3", "--json", "--expect=6"]"#, "6"),
        ] {
            let said = said(request.as_bytes());
            assert_eq!(said["outcome"]["answer"], expected, "{request}");
            assert_eq!(said["outcome"]["scenario"], "test", "{request}");
            assert_eq!(said.as_object().unwrap().len(), 1, "{said}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        for (request, reason) in [
            ("", "JSON array of strings"),
            ("\n", "JSON array of strings"),
            ("{}", "JSON array of strings"),
            ("[1]", "JSON array of strings"),
            ("[\"--times\", ", "JSON array of strings"),
            (r#"["--nonsense"]"#, "--nonsense"),
            (r#"["--help"]"#, "--times"),
            (r#"["--times", "many"]"#, "invalid value 'many'"),
            (r#"["--times", "0"]"#, "nothing is to be done"),
            (r#"["--times", "77"]"#, "must be a run"),
            (r#"["--times", "99"]"#, "too many"),
            (r#"["--serve"]"#, "must be a run"),
            (r#"["--slices"]"#, "of its own"),
            (r#"["--lifeline"]"#, "of its own"),
            (r#"["--expect", "3"]"#, "expected 3"),
        ] {
            let said = said(request.as_bytes());
            let words = said["error"].as_str().unwrap_or_default();
            assert!(words.contains(reason), "{request}: {said}");
            assert_eq!(said.as_object().unwrap().len(), 1, "{said}");
        }
        assert!(said(b"[\"\xff\"]")["error"].is_string());
    }

    /// Nothing may happen at the other end meanwhile: it would terminate this
    /// test.
    #[test]
    fn stdin_is_a_lifeline_during_the_work_and_only_then() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        assert_eq!(beside(&ours, || 7).unwrap(), 7);
        theirs.shutdown(Shutdown::Both).unwrap();
        assert!(check(&ours).is_ok());
        assert!(check(io::pipe().unwrap().0).is_ok());
        let file = std::fs::File::open("/dev/null").unwrap();
        let error = check(&file).unwrap_err().to_string();
        assert!(error.contains("needs a pipe"), "{error}");
    }
}
