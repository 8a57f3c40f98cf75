//! One job of `kill-workers` as a command line, for engines whose jobs are
//! programs: `one_job 7` does the good job 7, and `one_job 7 stuck` never
//! returns. Nothing here supervises it. That is up to the engine, which is told
//! the result on stdout, and its failure by the exit status.

use std::{env, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use common::{
    demo,
    scenarios::kill_workers::{good_work, native_call},
};

/// That of the demos, if nobody gives another one.
const SEED: u64 = 1;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        [number] => good(number),
        [_, "stuck"] => stuck(),
        _ => Err(anyhow::anyhow!("usage: one_job NUMBER [stuck]")),
    };
    demo::status(result)
}

fn good(number: &str) -> Result<()> {
    let number = number.parse().context("a job has a number")?;
    demo::print(format_args!("{}\n", good_work(SEED, number)))
}

fn stuck() -> Result<()> {
    bail!("the call returned {}", native_call())
}
