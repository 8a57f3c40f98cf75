//! A new worker for each job, as std starts one.

use std::{
    env,
    io::{self, PipeReader, Read as _, Write as _},
    process::{Child, Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    laps.started();
    let starts = measure(plan, start)?;
    laps.worked(&[]);
    Ok(starts)
}

/// With nothing that `Command` would need fork for: it is vfork inside.
fn start(token: u64) -> Result<Stamp> {
    let (stamp, stdout) = io::pipe()?; // processes: its way to answer
    let worker = Program::again(token).stdout(stdout).spawn(); // processes: posix_spawn(3)
    join(worker.context("no worker can be started")?, stamp)
}

/// Waits for its end, and reads what it has left in the pipe: so that this
/// process wakes once, and not also for the stamp.
pub fn join(mut worker: Child, stamp: PipeReader) -> Result<Stamp> {
    let status = worker.wait()?; // processes: reaped
    ensure!(status.success(), "a worker ended badly: {status}");
    Program::stamp(stamp) // processes: bytes
}

/// This program in the role of a worker that does one thing, and ends.
pub struct Program; // processes: a thread has a closure

impl Program {
    /// The first argument. The second is the token.
    pub const EMPTY: &str = "empty-worker"; // processes: a role

    /// To be started again, by its open file: see the kit.
    pub fn again(token: u64) -> Command {
        let mut command = Command::new("/proc/self/exe"); // processes: execve(2)
        command.arg(Program::EMPTY).arg(token.to_string());
        command
    }

    /// The token, in such a worker.
    pub fn token() -> Option<u64> {
        let mut arguments = env::args_os().skip(1); // processes: text
        let role = arguments.next()?;
        let token = arguments.next()?.into_string().ok()?;
        (role == Program::EMPTY).then(|| token.parse().ok())?
    }

    /// The whole of such a worker: no flag is parsed, and no kit is met.
    pub fn play(token: u64) -> ExitCode {
        let stamp = Stamp::now(token); // processes: its first act
        match io::stdout().write_all(bytemuck::bytes_of(&stamp)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }

    /// What it has left.
    pub fn stamp(mut pipe: PipeReader) -> Result<Stamp> {
        let mut bytes = [0; size_of::<Stamp>()]; // processes: bytes
        pipe.read_exact(&mut bytes).context("a worker left no stamp")?;
        Ok(bytemuck::cast(bytes))
    }
}
