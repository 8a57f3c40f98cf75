//! What a library gives to threads: channels, through which messages are
//! moved. What is inline is copied, what is on the heap changes its owner.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
};

use anyhow::{Result, bail, ensure};
use common::{
    laps::Laps,
    scenarios::ipc::{
        Mechanism, Parcel, Plan, Receives, Report, Sends, far, near,
    },
};
use crossbeam::channel;

use crate::spawn_and_join;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Report, Report)> {
    match plan.words() {
        1 => open::<[u64; 1]>(plan, laps), // threads: as a struct, inline
        8 => open::<[u64; 8]>(plan, laps),
        _ => open::<Vec<u64>>(plan, laps), // threads: on the heap
    }
}

fn open<P: Parcel>(plan: &Plan, laps: &mut Laps) -> Result<(Report, Report)> {
    let room = plan.room(); // threads: counted in messages
    match plan.mechanism {
        Mechanism::Bounded => {
            connect::<P, _, _>(plan, laps, || channel::bounded(room)) // threads: crossbeam
        }
        Mechanism::Unbounded => {
            connect::<P, _, _>(plan, laps, channel::unbounded)
        }
        Mechanism::Rendezvous => {
            connect::<P, _, _>(plan, laps, || channel::bounded(0)) // threads: no room
        }
        Mechanism::Mpsc => {
            connect::<P, _, _>(plan, laps, || mpsc::sync_channel(room)) // threads: std
        }
        Mechanism::Condvar => {
            connect::<P, _, _>(plan, laps, || Queue::with_room(room)) // threads: by hand
        }
        other => bail!("{other:?} is no channel between threads"),
    }
}

fn connect<P, S, R>(
    plan: &Plan,
    laps: &mut Laps,
    channel: impl Fn() -> (S, R), // threads: any that has two ends
) -> Result<(Report, Report)>
where
    P: Parcel,
    End<S>: Sends<P> + Send, // threads: an end must be fit to be sent
    End<R>: Receives<P> + Send,
{
    let (to_far, from_near) = channel();
    let (to_near, from_far) = channel();
    let (receiver, sender) = (End(from_near), End(to_near));
    let worker = move || worker(plan, receiver, sender); // threads: moved
    spawn_and_join(plan, laps, worker, || {
        near(plan, End(to_far), End(from_far)) // threads: typed
    })
}

fn worker<P: Parcel>(
    plan: &Plan,
    receiver: impl Receives<P>, // threads: typed
    sender: impl Sends<P>,
) -> Result<Report> {
    far(plan, receiver, sender)
}

/// One end of a channel.
struct End<C>(C);

impl<P: Parcel> Sends<P> for End<channel::Sender<P>> {
    fn send(&mut self, parcel: &mut P) -> Result<()> {
        Ok(self.0.send(parcel.take())?) // threads: moved
    }
}

impl<P: Parcel> Receives<P> for End<channel::Receiver<P>> {
    fn receive(&mut self, parcel: &mut P) -> Result<()> {
        *parcel = self.0.recv()?; // threads: it is ours now
        Ok(())
    }
}

impl<P: Parcel> Sends<P> for End<mpsc::SyncSender<P>> {
    fn send(&mut self, parcel: &mut P) -> Result<()> {
        Ok(self.0.send(parcel.take())?) // threads: moved
    }
}

impl<P: Parcel> Receives<P> for End<mpsc::Receiver<P>> {
    fn receive(&mut self, parcel: &mut P) -> Result<()> {
        *parcel = self.0.recv()?; // threads: it is ours now
        Ok(())
    }
}

/// What a channel is at heart: a queue, a lock, and two events to wait for.
struct Queue<P> {
    state: Mutex<State<P>>, // threads: one memory
    sent: Condvar,
    received: Condvar,
    room: usize,
}

struct State<P> {
    parcels: VecDeque<P>, // threads: one heap
    is_closed: bool,
}

/// An end of a queue, which closes it when it is dropped.
struct Half<P>(Arc<Queue<P>>);

impl<P> Queue<P> {
    fn with_room(room: usize) -> (Half<P>, Half<P>) {
        let parcels = VecDeque::with_capacity(room); // threads: one allocation
        let state = Mutex::new(State { parcels, is_closed: false });
        let (sent, received) = (Condvar::new(), Condvar::new());
        let queue = Arc::new(Queue { state, sent, received, room });
        (Half(queue.clone()), Half(queue)) // threads: counted, not copied
    }
}

impl<P> Drop for Half<P> {
    fn drop(&mut self) {
        let Queue { state, sent, received, .. } = &*self.0; // threads: shared
        let state = state.lock();
        state.unwrap_or_else(PoisonError::into_inner).is_closed = true;
        sent.notify_one();
        received.notify_one();
    }
}

impl<P: Parcel> Sends<P> for End<Half<P>> {
    fn send(&mut self, parcel: &mut P) -> Result<()> {
        let Queue { state, sent, received, room } = &*self.0.0; // threads: shared
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |state: &mut State<P>| {
            state.parcels.len() == *room && !state.is_closed // threads: one look
        };
        let state = received.wait_while(state, is_full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        ensure!(!state.is_closed, "the other end is gone"); // threads: told
        state.parcels.push_back(parcel.take());
        drop(state);
        sent.notify_one(); // threads: one may sleep
        Ok(())
    }
}

impl<P: Parcel> Receives<P> for End<Half<P>> {
    fn receive(&mut self, parcel: &mut P) -> Result<()> {
        let Queue { state, sent, received, .. } = &*self.0.0; // threads: shared
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = |state: &mut State<P>| {
            state.parcels.is_empty() && !state.is_closed // threads: one look
        };
        let state = sent.wait_while(state, is_empty);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let Some(next) = state.parcels.pop_front() else {
            bail!("the other end is gone"); // threads: told
        };
        drop(state);
        received.notify_one(); // threads: one may sleep
        *parcel = next;
        Ok(())
    }
}
