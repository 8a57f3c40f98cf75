//! What std lacks for worker threads: a supervised pool, and a lock as
//! CPython's interpreter has one.
//!
//! The [`Pool`] is the twin of `process_kit::Pool`, with the same names and
//! rules, so that two programs can be compared that both have one.
//!
//! | `process_kit::Pool` | here | the difference |
//! |---|---|---|
//! | a job is encoded | it is cloned | nothing has to be serialised |
//! | a request | [`Turn::is_cancelled`] | the same flag, in the same memory |
//! | SIGTERM | [`Turn::on_interrupt`] | what the job waits for is closed, if it said how |
//! | SIGKILL | nothing | the thread is abandoned: it goes on until the program ends |
//! | a worker dies | it panics | all other deaths are the whole program's |
//! | [`Drop`] kills the workers | the idle ones end | who is busy ends some day, or never |
//!
//! # What is absent
//!
//! There is no way to end a thread from outside. `pthread_cancel` exists, and
//! is no way: it unwinds through frames of Rust, which is undefined behaviour
//! where any of them holds a destructor (pthreads(7), the Rust reference on
//! `extern "C"` and forced unwinding), and it leaves locks held that are
//! nobody's any more. So no library offers it, and this one does not either.
//!
//! The workers are in no [scope](std::thread::scope): that would wait for
//! the abandoned, and so for ever. Hence `'static` bounds, and an `Arc` for
//! what the jobs share.
//!
//! # A lock that Rust does not need
//!
//! The [`GlobalLock`] shows what a GIL does to a program: one thread runs at
//! a time, and yet what a program does in two steps is not whole. It has no
//! twin. A process that holds a lock of its own waits for nobody, which is
//! how processes avoid CPython's; so both siblings use this one.

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
