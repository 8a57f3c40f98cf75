//! The core of a channel, built by hand: a queue, a lock, and two events to
//! wait for.
//!
//! It has no twin: the queue and its messages are on the heap, where no other
//! process can reach them.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use common::scenarios::ipc::{Parcel, Receives, Sends};

/// Both ends of a queue with room for this many messages.
pub fn bounded<P>(room: usize) -> (Sender<P>, Receiver<P>) {
    let parcels = VecDeque::with_capacity(room);
    let state = Mutex::new(State { parcels, is_closed: false });
    let (sent, received) = (Condvar::new(), Condvar::new());
    let queue = Arc::new(Queue { state, sent, received, room });
    (Sender(queue.clone()), Receiver(queue))
}

/// Closes the queue when dropped.
pub struct Sender<P>(Arc<Queue<P>>);

/// Closes the queue when dropped.
pub struct Receiver<P>(Arc<Queue<P>>);

struct Queue<P> {
    state: Mutex<State<P>>,
    sent: Condvar,
    received: Condvar,
    room: usize,
}

struct State<P> {
    parcels: VecDeque<P>,
    is_closed: bool,
}

impl<P: Parcel> Sends<P> for Sender<P> {
    fn send(&mut self, parcel: &mut P) -> Result<()> {
        let Queue { sent, received, room, .. } = &*self.0;
        let is_full = |state: &mut State<P>| {
            state.parcels.len() == *room && !state.is_closed
        };
        let mut state = self.0.wait_while(received, is_full);
        ensure!(!state.is_closed, "the other end is gone");
        state.parcels.push_back(parcel.take());
        drop(state);
        sent.notify_one();
        Ok(())
    }
}

impl<P: Parcel> Receives<P> for Receiver<P> {
    fn receive(&mut self, parcel: &mut P) -> Result<()> {
        let Queue { sent, received, .. } = &*self.0;
        let is_empty =
            |state: &mut State<P>| state.parcels.is_empty() && !state.is_closed;
        let mut state = self.0.wait_while(sent, is_empty);
        let next = state.parcels.pop_front();
        drop(state);
        *parcel = next.context("the other end is gone")?;
        received.notify_one();
        Ok(())
    }
}

impl<P> Queue<P> {
    fn wait_while(
        &self,
        event: &Condvar,
        is_too_early: impl FnMut(&mut State<P>) -> bool,
    ) -> MutexGuard<'_, State<P>> {
        let state = event.wait_while(self.lock(), is_too_early);
        state.unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.sent.notify_one();
        self.received.notify_one();
    }

    /// Ignores poison: nothing panics while it is locked.
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Drop for Sender<P> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<P> Drop for Receiver<P> {
    fn drop(&mut self) {
        self.0.close();
    }
}
