//! What std lacks for worker processes, under std's names for threads wherever
//! the meaning is the same. The package's README follows a worker from start to
//! exit, file by file.
//!
//! | std | here | the difference |
//! |---|---|---|
//! | `thread::scope` | [`scope()`] | a worker that is not joined is killed, not waited for |
//! | `Scope::spawn` | [`Scope::spawn`] | takes a job, which is encoded, not a closure |
//! | `JoinHandle::join` | [`JoinHandle::join`] | the answer is decoded; the worker is reaped |
//! | tokio's `JoinSet` | [`JoinSet`] | one worker per job, with a limit on how many run at once |
//! | `JoinHandle::is_finished` | [`first_ready`] | waits, with a timeout, for the first worker that answers or dies |
//! | `JoinHandle::join`, which reports a panic | [`Supervisor`] | reports every death and every hang, so that the caller can replace workers |
//! | rayon's pool | [`Pool`] | supervised: jobs have deadlines, workers are replaced |
//! | `Barrier` | [`Gate`] | a worker that dies before it arrives does not block the others |
//! | `mpsc`, crossbeam's `channel` | [`channel`] | messages are encoded, and checked on arrival |
//! | an open `File` in a closure | [`descriptor`] | a duplicate, in a marked field of a job or an answer |
//! | `Mutex`, `PoisonError` | [`Mutex`], std's own `PoisonError` | a holder that is *killed* also poisons it |
//! | the same without poison | [`PlainMutex`] | if its holder is killed, the next `lock` waits forever |
//! | `Arc<[T]>` | [`Segment`] | has a name, which could outlive its owner |
//! | memory behind an `Arc` | [`Shared`], [`Lifeline`] | both may write, so neither trusts the contents; a lifeline shows whether the other is alive |
//! | a moved `Vec` | [`Mapping`], then [`Frozen`] | sealed, so that the receiver can trust the contents |
//! | nothing: a thread shares what it could be denied | [`Confinement`] | the worker gives up files, network, calls and limits before its first job |
//!
//! A program that uses the kit plays several roles; its `main` chooses one:
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
//! # Guarantees, however a program ends
//!
//! - A worker dies with its parent: it holds a [lifeline](common::lifeline),
//!   through which the kernel kills it.
//! - Dropping the handle of a worker that was not joined kills and reaps the
//!   worker.
//! - Processes that a worker starts die with it, unless they leave its process
//!   group.
//! - A worker's death is detected through its process: a descriptor that one of
//!   its children holds open cannot hide it.
//! - A segment's name disappears with its owner: a [`sweeper`] waits for that.
//! - A terminal gets its settings back: a [keeper](common::terminal) waits for
//!   that.
//! - A program that draws exits with its terminal, whatever it is waiting for.
//! - A worker's output goes to stderr; stdout belongs to the parent alone.
//! - Bytes from another process are checked before they are used.
//! - A receiver learns that its sender is gone, and never gets a message that
//!   the sender did not finish.
//!
//! # What is missing
//!
//! There is no `fork` without `exec`: a child forked from a program with
//! threads may do little more than `exec` (fork(2), signal-safety(7)). There is
//! no `pre_exec` either: with it, `Command` uses `fork` instead of
//! `posix_spawn`, at a cost that grows with the parent's memory.
//!
//! Linux only: [`Mapping`] and [`Shared`] need memfd, [`Mutex`] needs robust
//! pthread mutexes (which other Unixes have too), and the names of segments are
//! in /dev/shm.

pub mod channel;
mod guard;
mod pool;
mod share;
mod start;

pub use guard::{
    confinement::{self, Confinement},
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
