//! What std lacks for worker threads: a supervised pool, and a lock like the
//! one in CPython's interpreter.
//!
//! The [`Pool`] is the twin of `process_kit::Pool`, with the same names and
//! rules, so that two programs that use one can be compared.
//!
//! | `process_kit::Pool` | here | the difference |
//! |---|---|---|
//! | a job is encoded | it is cloned | nothing needs to be serialised |
//! | a request to stop | [`Turn::is_cancelled`] | the same flag, in ordinary memory |
//! | SIGTERM | [`Turn::on_interrupt`] | interrupts a wait, if the job registered how |
//! | SIGKILL | nothing | the thread is abandoned: it may run until the program exits |
//! | a worker dies | it panics | any other death takes the whole program down |
//! | [`Drop`] kills the workers | idle workers exit | busy workers exit after their job, or never |
//!
//! # What is missing
//!
//! A thread cannot be killed from outside. `pthread_cancel` exists, but is no
//! solution: it unwinds through Rust frames, which is undefined behaviour if
//! any of them has a destructor (pthreads(7), the Rust reference on forced
//! unwinding and `extern "C"`), and the locks that the thread held stay locked.
//! So no library offers it, and neither does this one.
//!
//! The workers do not run in a [scope](std::thread::scope): it would wait for
//! abandoned workers, that is, forever. Hence the `'static` bounds, and an
//! `Arc` around the state that jobs share.
//!
//! # A lock that Rust does not need
//!
//! The [`GlobalLock`] shows what a GIL does to a program: only one thread runs
//! at a time, and yet an update in two steps is not atomic. It has no twin:
//! processes avoid CPython's GIL because each has its own and waits for no one.
//! So both siblings use this one.

mod gate;
mod global_lock;
mod pool;
mod scope;
mod turn;

pub use gate::Gate;
pub use global_lock::{GlobalLock, Held};
pub use pool::Pool;
pub use scope::{JoinHandle, Parent, Scope, scope};
pub use turn::Turn;
