//! Spawning threads that borrow, and joining them, with the calls that
//! `process_kit` has for processes.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, Builder, ScopedJoinHandle},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::gate::{Gate, GateKeeper};

/// Runs `body`, which can spawn threads, and returns when all of them have
/// exited. A thread can only be waited for: after an early `?` in `body`, this
/// waits for the threads that have passed the gate and cancels the others.
///
/// # Errors
///
/// Fails if `body` does.
pub fn scope<'env, T>(
    body: impl for<'scope> FnOnce(&Scope<'scope, 'env>) -> Result<T>,
) -> Result<T> {
    thread::scope(|threads| {
        let (keeper, spawned) = (GateKeeper::default(), Cell::new(0));
        body(&Scope { threads, keeper, spawned })
    })
}

/// Spawns threads that share one start gate.
#[derive(Debug)]
pub struct Scope<'scope, 'env> {
    threads: &'scope thread::Scope<'scope, 'env>,
    keeper: GateKeeper,
    spawned: Cell<usize>,
}

/// The thread that spawned this worker, as the worker sees it.
#[derive(Debug)]
pub struct Parent {
    /// The index of this worker, from 0.
    pub index: usize,
    /// The gate at which the workers of a scope start together.
    pub gate: Gate,
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a thread that runs `work`, with everything it borrows.
    ///
    /// # Errors
    ///
    /// Fails if a thread cannot be started, where `thread::spawn` would panic.
    pub fn spawn<A: Send + 'scope>(
        &self,
        work: impl FnOnce(&mut Parent) -> Result<A> + Send + 'scope,
    ) -> Result<JoinHandle<'scope, A>> {
        self.spawn_by(Builder::new(), work)
    }

    /// As [`spawn`](Scope::spawn), with a stack of `bytes` bytes: for when
    /// std's 2 MiB are too few or too many, or must not be the reused stack of
    /// another thread.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Scope::spawn).
    pub fn spawn_with_stack<A: Send + 'scope>(
        &self,
        bytes: usize,
        work: impl FnOnce(&mut Parent) -> Result<A> + Send + 'scope,
    ) -> Result<JoinHandle<'scope, A>> {
        self.spawn_by(Builder::new().stack_size(bytes), work)
    }

    fn spawn_by<A: Send + 'scope>(
        &self,
        builder: Builder,
        work: impl FnOnce(&mut Parent) -> Result<A> + Send + 'scope,
    ) -> Result<JoinHandle<'scope, A>> {
        let index = self.spawned.get();
        let (desk, gate) = (Arc::new(Desk::default()), self.keeper.gate());
        let theirs = Arc::clone(&desk);
        let worker = move || serve(Parent { index, gate }, work, &theirs);
        let thread = builder.spawn_scoped(self.threads, worker);
        let thread = thread.context("cannot start a worker")?;
        self.spawned.set(index + 1);
        Ok(JoinHandle { index, thread, desk: Release(desk), heard: None })
    }

    /// Waits until every worker spawned so far has arrived at the gate or
    /// exited. This is the time to start the clock: once the gate is open, the
    /// workers may get the cores before the parent does.
    ///
    /// # Errors
    ///
    /// Fails if the gate is already open.
    pub fn wait_for_all(&self) -> Result<()> {
        ensure!(!self.keeper.is_open(), "the gate is already open");
        self.keeper.wait_for(self.spawned.get());
        Ok(())
    }

    /// Releases all workers at the gate at once. Workers spawned later find it
    /// open.
    pub fn open_gate(&self) {
        self.keeper.open();
    }
}

/// Where a worker leaves its answer, and where it waits to be released. The
/// rejected alternative is two channels: each takes half a kilobyte, which
/// would count as the worker's cost.
#[derive(Debug)]
struct Desk<A> {
    /// `None` if the worker panicked.
    answer: Mutex<Option<Result<A>>>,
    answered: OnceLock<()>,
    released: OnceLock<()>,
}

impl<A> Default for Desk<A> {
    fn default() -> Self {
        let (answered, released) = (OnceLock::new(), OnceLock::new());
        Desk { answer: Mutex::new(None), answered, released }
    }
}

/// The body of a worker's thread: leaves the answer of `work`, or none if it
/// panics. The panic's message is already on stderr by then and goes no
/// further: it is of no use to the other workers.
fn serve<A>(
    mut parent: Parent,
    work: impl FnOnce(&mut Parent) -> Result<A>,
    desk: &Desk<A>,
) {
    // Whatever a panic leaves half done is visible to those who share it: a
    // lock, for example, is poisoned.
    let done = catch_unwind(AssertUnwindSafe(|| work(&mut parent)));
    // A worker that never waited at the gate does not hold up the others.
    drop(parent);
    *desk.answer.lock().unwrap_or_else(PoisonError::into_inner) = done.ok();
    desk.answered.get_or_init(|| ());
    desk.released.wait();
}

/// Keeps a worker parked. Dropping it releases the worker.
#[derive(Debug)]
struct Release<A>(Arc<Desk<A>>);

impl<A> Drop for Release<A> {
    fn drop(&mut self) {
        self.0.released.get_or_init(|| ());
    }
}

/// A spawned worker. Dropping the handle without [`join`](JoinHandle::join)
/// lets the worker exit as soon as it has finished.
#[derive(Debug)]
pub struct JoinHandle<'scope, A> {
    index: usize,
    thread: ScopedJoinHandle<'scope, ()>,
    desk: Release<A>,
    heard: Option<A>,
}

impl<A> JoinHandle<'_, A> {
    /// Waits for the answer. The worker stays parked until it is joined, so the
    /// time that it takes to exit can be measured separately from its work, and
    /// its memory can be measured.
    ///
    /// # Errors
    ///
    /// Fails with the error of the worker, or if it panicked.
    pub fn wait_for_answer(&mut self) -> Result<&A> {
        let answer = match self.heard.take() {
            Some(answer) => answer,
            None => {
                self.take_answer().ok_or_else(|| panicked(self.index))??
            }
        };
        Ok(self.heard.insert(answer))
    }

    /// Waits for the answer, releases the worker, and joins it.
    ///
    /// # Errors
    ///
    /// As [`wait_for_answer`](JoinHandle::wait_for_answer).
    pub fn join(mut self) -> Result<A> {
        self.wait_for_answer()?;
        let JoinHandle { index, thread, heard, desk } = self;
        drop(desk);
        thread.join().map_err(|_panic| panicked(index))?;
        heard.context("the answer was already taken")
    }

    /// Waits for the answer; `None` if the worker panicked.
    fn take_answer(&self) -> Option<Result<A>> {
        let Release(desk) = &self.desk;
        desk.answered.wait();
        desk.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn panicked(index: usize) -> anyhow::Error {
    anyhow!("worker {index} panicked")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{
        hint::black_box,
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use anyhow::bail;
    use common::resources::proportional_memory;

    use super::*;

    #[test]
    fn nobody_passes_before_all_stand_there() {
        let passed = &AtomicUsize::new(0);
        scope(|scope| {
            let mut handles = Vec::new();
            for _ in 0..4 {
                handles.push(scope.spawn(move |parent| {
                    parent.gate.wait()?;
                    passed.fetch_add(1, SeqCst);
                    Ok(parent.index)
                })?);
            }
            scope.wait_for_all()?;
            assert_eq!(passed.load(SeqCst), 0);
            scope.open_gate();
            for (index, handle) in handles.iter_mut().enumerate() {
                assert_eq!(*handle.wait_for_answer()?, index);
            }
            assert_eq!(passed.load(SeqCst), 4);
            for (index, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.join()?, index);
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_worker_is_parked_until_it_is_joined() {
        scope(|scope| {
            let mut handle = scope.spawn(|_| Ok(vec![7]))?;
            handle.wait_for_answer()?;
            assert!(!handle.thread.is_finished());
            assert_eq!(handle.join()?, [7]);
            Ok(())
        })
        .unwrap();
    }

    /// A thread that has exited has given its stack back, and would seem to
    /// have cost nothing.
    #[test]
    fn memory_that_is_read_while_workers_are_parked_has_their_stacks() {
        const WORKERS: u64 = 64;
        const STACK: usize = 256 << 10;
        let memory = || proportional_memory(&[]).unwrap();
        let before = memory();
        scope(|scope| {
            let mut handles = Vec::new();
            for _ in 0..WORKERS {
                handles
                    .push(scope.spawn(|_| {
                        Ok(black_box([1_u8; STACK]).contains(&0))
                    })?);
            }
            for handle in &mut handles {
                assert!(!*handle.wait_for_answer()?);
            }
            let parked = memory() - before;
            assert!(parked > WORKERS * STACK as u64, "{parked} bytes");
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_parent_that_gives_up_holds_up_nobody() {
        let begun = &AtomicUsize::new(0);
        let given_up: Result<()> = scope(|scope| {
            let _handle = scope.spawn(|parent| {
                parent.gate.wait()?;
                begun.fetch_add(1, SeqCst);
                Ok(())
            })?;
            bail!("no more")
        });
        assert_eq!(given_up.unwrap_err().to_string(), "no more");
        assert_eq!(begun.load(SeqCst), 0);
    }

    #[test]
    fn a_panic_is_the_answer_of_one_and_holds_up_nobody() {
        let lock = &Mutex::new(());
        scope(|scope| {
            let mut early =
                scope.spawn(|_| -> Result<()> { panic!("early") })?;
            let other = scope.spawn(move |parent| {
                parent.gate.wait()?;
                let _held = lock.lock();
                Ok(5)
            })?;
            scope.wait_for_all()?;
            scope.open_gate();
            let error = early.wait_for_answer().unwrap_err().to_string();
            assert_eq!(error, "worker 0 panicked");
            assert_eq!(other.join()?, 5);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn an_error_is_the_answer() {
        scope(|scope| {
            let handle = scope.spawn(|_| -> Result<()> { bail!("no luck") })?;
            assert_eq!(handle.join().unwrap_err().to_string(), "no luck");
            Ok(())
        })
        .unwrap();
    }
}
