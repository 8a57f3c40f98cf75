//! Typed messages from one process to another, under the names that
//! `crossbeam::channel` has for threads.
//!
//! | crossbeam | here | the difference |
//! |---|---|---|
//! | `bounded`, `unbounded` | [`pipe`], [`socket_pair`] | bounded by the kernel, in bytes: a pipe holds 64 KiB (pipe(7)) |
//! | `bounded` | [`ring`](ring()) | bounded in bytes, and no call of the kernel for a message |
//! | `Sender::send` | [`Sender::send`] | the message is lent and encoded, not moved |
//! | `Sender::try_send` | [`outbox`](outbox()) | what there is no room for is kept, and sent later |
//! | `Receiver::recv` | [`Receiver::recv`] | the message is decoded, and can be corrupt |
//! | `Receiver::recv_timeout` | [`Receiver::recv_timeout`] | the time may be up in the middle of a message, which is not lost |
//! | `Receiver::iter` | [`Receiver::iter`] | of results, for errors must not look like an end |
//! | a closure takes an end along | a job has it as a field | and our own copy must be dropped |
//! | disconnected once all senders are dropped | the same | also when they are killed |
//! | `Sender: Clone`, `Receiver: Clone` | absent | two processes at one end would tear each other's frames |
//! | `select!` | absent | a channel for each worker, a thread for each channel |
//!
//! An end crosses to a worker as a field of its job, and back as one of its
//! answer:
//!
//! ```no_run
//! use anyhow::Result;
//! use process_kit::{Parent, channel::{self, Sender}, scope};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Job {
//!     count: u64,
//!     lines: Sender<String>,
//! }
//!
//! fn run() -> Result<()> {
//!     let (lines, receiver) = channel::pipe()?;
//!     let job = Job { count: 3, lines };
//!     scope(|scope| {
//!         let handle = scope.spawn::<_, ()>(&job)?;
//!         drop(job); // or it would never be disconnected
//!         for line in receiver {
//!             println!("{}", line?);
//!         }
//!         handle.join()
//!     })
//! }
//!
//! fn worker(job: Job, _parent: &mut Parent) -> Result<()> {
//!     let Job { count, mut lines } = job;
//!     for number in 0..count {
//!         lines.send(&format!("line {number}"))?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! **The parent must drop its copy** of an end that it lent. The kernel tells
//! a receiver that its sender is gone when the last copy is closed; as long
//! as the parent holds one, the receiver waits, and so does a sender whose
//! receiver was killed. Other workers inherit no copy: all descriptors here
//! are closed on exec.
//!
//! That both ends have the same `T` is for the program to see to, as for the
//! job of a worker: what travels does not name its type.

mod crossing;
pub(crate) mod error;
pub(crate) mod frame;
mod outbox;
mod ring;
mod transport;

use std::{
    io,
    marker::PhantomData,
    net::Shutdown,
    os::{fd::BorrowedFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::Parent;
use transport::{Sink, Source};

pub use outbox::{Outbox, outbox};

pub use crate::channel::error::{
    Corrupt, RecvError, RecvTimeoutError, SendError,
};

/// A channel over a pipe.
///
/// # Errors
///
/// Fails if the kernel gives no pipe.
pub fn pipe<T>() -> io::Result<(Sender<T>, Receiver<T>)> {
    let (reader, writer) = io::pipe()?;
    Ok((Sender::to(Sink::Pipe(writer)), Receiver::of(Source::pipe(reader))))
}

/// A channel over a pair of connected sockets.
///
/// Each of them could send and receive. The way back is shut, for whoever
/// holds them: so an end that is taken for the other is disconnected from
/// the start.
///
/// # Errors
///
/// Fails if the kernel gives no sockets.
pub fn socket_pair<T>() -> io::Result<(Sender<T>, Receiver<T>)> {
    let (one, other) = UnixStream::pair()?;
    one.shutdown(Shutdown::Read)?;
    Ok((Sender::to(Sink::socket(one)), Receiver::of(Source::socket(other))))
}

/// A channel over a ring in memory, of at least `capacity` bytes: no message
/// may be longer. While both ends are awake, the kernel has no part in it. A
/// receiver that was killed is missed when the ring is full, and a sender
/// when it is empty.
///
/// # Errors
///
/// Fails if there is not so much memory, or no ring can be as large.
pub fn ring<T>(capacity: usize) -> anyhow::Result<(Sender<T>, Receiver<T>)> {
    let (sink, source) = ring::pair(capacity)?;
    Ok((Sender::to(Sink::Ring(sink)), Receiver::of(Source::Ring(source))))
}

/// The end that sends. There is one for each channel, in one process.
///
/// Its methods take `&mut self`, where crossbeam's take `&self`, because a
/// frame must be written whole before the next one begins.
#[derive(Debug)]
pub struct Sender<T> {
    /// Nothing, once it has hung up.
    sink: Option<Sink>,
    /// Kept from message to message.
    frame: Vec<u8>,
    message: PhantomData<fn(&T)>,
}

impl<T: Serialize> Sender<T> {
    /// Sends a message. Waits while the transport has no room for it.
    ///
    /// # Errors
    ///
    /// See [`SendError`]. That there is none does not mean that the message
    /// was received: the receiver may end before it comes to it.
    pub fn send(&mut self, message: &T) -> Result<(), SendError> {
        let sink = self.sink.as_mut().ok_or(SendError::Disconnected)?;
        frame::encode(message, &mut self.frame)?;
        let sent = sink.send(&self.frame);
        if let Err(SendError::Disconnected | SendError::Io(_)) = sent {
            // Part of the frame may be sent, and nothing can follow that.
            self.sink = None;
        }
        sent
    }
}

impl<T> Sender<T> {
    fn to(sink: Sink) -> Self {
        Sender { sink: Some(sink), frame: Vec::new(), message: PhantomData }
    }

    /// What to lend to a worker, see
    /// [`Scope::spawn_with`](crate::Scope::spawn_with), that it may
    /// [`take`](Sender::take) this end. Drop this copy of it then.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.sink.iter().flat_map(Sink::descriptors).collect()
    }

    /// A worker's end: the next of those that came with its job. Ends are
    /// taken in the order in which they were lent.
    ///
    /// # Errors
    ///
    /// Fails if there are no more, or if what comes next is no such end.
    pub fn take(parent: &mut Parent) -> anyhow::Result<Self> {
        Ok(Sender::to(Sink::take(&mut || parent.take_descriptor())?))
    }
}

/// The end that receives. There is one for each channel, in one process.
#[derive(Debug)]
pub struct Receiver<T> {
    /// Nothing, once it has hung up.
    source: Option<Source>,
    message: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Receiver<T> {
    /// The next message. Waits until it has come whole.
    ///
    /// # Errors
    ///
    /// See [`RecvError`].
    pub fn recv(&mut self) -> Result<T, RecvError> {
        self.receive(None)
    }

    /// The next message, if it has come whole before the time is up. No time
    /// at all takes what is there, as crossbeam's `try_recv`.
    ///
    /// # Errors
    ///
    /// See [`RecvTimeoutError`].
    pub fn recv_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<T, RecvTimeoutError> {
        // What no clock can count to is no limit.
        let deadline = Instant::now().checked_add(timeout);
        self.receive(deadline).map_err(RecvTimeoutError::from)
    }

    /// Messages until there are no more. After an error that is not
    /// [`RecvError::Io`] there are none.
    pub fn iter(&mut self) -> Iter<'_, T> {
        Iter(self)
    }

    fn receive(&mut self, deadline: Option<Instant>) -> Result<T, RecvError> {
        let source = self.source.as_mut().ok_or(RecvError::Disconnected)?;
        let received = source.receive(deadline);
        if let Err(RecvError::Corrupt(_)) = received {
            // Where the next frame begins, nobody knows.
            self.source = None;
        }
        received
    }
}

impl<T> Receiver<T> {
    fn of(source: Source) -> Self {
        Receiver { source: Some(source), message: PhantomData }
    }

    /// What to lend to a worker, see [`Sender::descriptors`]. To be lent
    /// before it is used: it reads ahead, and that stays here.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.source.iter().flat_map(Source::descriptors).collect()
    }

    /// A worker's end, see [`Sender::take`].
    ///
    /// # Errors
    ///
    /// Fails if there are no more, or if what comes next is no such end.
    pub fn take(parent: &mut Parent) -> anyhow::Result<Self> {
        Ok(Receiver::of(Source::take(&mut || parent.take_descriptor())?))
    }
}

/// Messages as they come, see [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T>(&'a mut Receiver<T>);

impl<T: DeserializeOwned> Iterator for Iter<'_, T> {
    type Item = Result<T, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.recv() {
            Err(RecvError::Disconnected) => None,
            received => Some(received),
        }
    }
}

/// Messages as they come, of a receiver that is dropped with it.
#[derive(Debug)]
pub struct IntoIter<T>(Receiver<T>);

impl<T: DeserializeOwned> Iterator for IntoIter<T> {
    type Item = Result<T, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.iter().next()
    }
}

impl<T: DeserializeOwned> IntoIterator for Receiver<T> {
    type Item = Result<T, RecvError>;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}

impl<'a, T: DeserializeOwned> IntoIterator for &'a mut Receiver<T> {
    type Item = Result<T, RecvError>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

#[cfg(test)]
mod tests;
