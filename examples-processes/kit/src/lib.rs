//! What std lacks for worker processes, under the names that std has for
//! threads wherever the meaning is the same. How a worker starts, works and
//! ends, and where to read that, is in the package's README.
//!
//! | std | here | the difference |
//! |---|---|---|
//! | `thread::scope` | [`scope()`] | what is not joined is killed, not waited for |
//! | `Scope::spawn` | [`Scope::spawn`] | a job that is encoded, not a closure |
//! | `JoinHandle::join` | [`JoinHandle::join`] | the answer is decoded; the worker is reaped |
//! | tokio's `JoinSet` | [`JoinSet`] | a worker for each job, only so many at once |
//! | `JoinHandle::is_finished` | [`first_ready`] | waits for whoever answers or dies first, and not for ever |
//! | `JoinHandle::join`, which tells of a panic | [`Supervisor`] | tells of every death and every hang, so that the caller can replace workers |
//! | rayon's pool | [`Pool`] | supervised: jobs have deadlines, workers are replaced |
//! | `Barrier` | [`Gate`] | a worker that dies on the way holds up nobody |
//! | `mpsc`, crossbeam's `channel` | [`channel`] | messages are encoded, and checked when they come |
//! | an open `File` in a closure | [`descriptor`] | a copy, in a marked field of a job or an answer |
//! | `Mutex`, `PoisonError` | [`Mutex`], std's own `PoisonError` | a holder that was *killed* poisons too |
//! | the same without poison | [`PlainMutex`] | a holder that was killed is waited for, for ever |
//! | `Arc<[T]>` | [`Segment`] | it has a name, which outlives a careless owner |
//! | memory behind an `Arc` | [`Shared`], [`Lifeline`] | both may write, so neither may trust it; and who else is alive? |
//! | a moved `Vec` | [`Mapping`], then [`Frozen`] | sealed, so that the receiver may trust it |
//!
//! A program that uses the kit plays several roles, and its `main` says so:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use process_kit::{Parent, Role, role, scope};
//!
//! fn main() -> ExitCode {
//!     match role() {
//!         Role::Main => match run() {
//!             Ok(()) => ExitCode::SUCCESS,
//!             Err(_) => ExitCode::FAILURE,
//!         },
//!         Role::Worker(parent) => parent.serve(worker),
//!     }
//! }
//!
//! fn run() -> anyhow::Result<()> {
//!     scope(|scope| {
//!         let handle = scope.spawn::<u64, u64>(&20)?;
//!         scope.wait_for_all()?;
//!         scope.open_gate();
//!         anyhow::ensure!(handle.join()? == 400);
//!         Ok(())
//!     })
//! }
//!
//! fn worker(job: u64, parent: &mut Parent) -> anyhow::Result<u64> {
//!     parent.gate.wait()?;
//!     Ok(job * job)
//! }
//! ```
//!
//! # What holds, however a program ends
//!
//! - A worker ends with its parent: it holds a [lifeline](common::lifeline),
//!   by which the kernel kills it.
//! - A worker that nobody joined is killed and reaped by its handle's drop.
//! - What a worker has started ends with it, unless it leaves the worker's
//!   process group.
//! - A worker's death is known by its process: no descriptor that its own
//!   child holds open can hide it.
//! - The name of a segment goes with its owner: a [`sweeper`] waits for that.
//! - A terminal is given back as it was: a [keeper](common::terminal) waits
//!   for that.
//! - A program that draws ends with its terminal, whatever it waits in.
//! - What a worker prints goes to stderr; stdout is the parent's alone.
//! - Bytes from another process are checked before they are used.
//! - Who waits for messages learns that the sender is gone, and a message
//!   that it did not finish is no message.
//!
//! # What is absent
//!
//! There is no `fork` without `exec`: in a program with threads a forked
//! child may do little more than `exec` (fork(2), signal-safety(7)). There is
//! no `pre_exec` either: with it, `Command` forks instead of `posix_spawn`,
//! at a cost that grows with the parent's memory.
//!
//! Linux only: [`Mapping`] and [`Shared`] (memfd), [`Mutex`] (robust pthread mutexes, which
//! other Unixes have too), and the names of segments in /dev/shm.

pub mod channel;
mod guard;
mod pool;
mod share;
mod start;

pub use guard::{
    lifeline::Lifeline,
    supervisor::{News, Supervisor},
    sweeper,
};
pub use pool::{Pool, Turn, chaos};
pub use share::{
    descriptor,
    mapping::{Frozen, Mapping},
    mutex::{Mutex, MutexGuard},
    plain_mutex::{PlainMutex, PlainMutexGuard},
    segment::{Contents, Element, Segment},
    shared::Shared,
};
pub use start::{
    gate::Gate,
    join_set::{Answer, JoinSet, first_ready},
    role::{Parent, Role, role},
    scope::{JoinHandle, Scope, ids, scope},
};
