//! Typed messages from one process to another, under the names that
//! `crossbeam::channel` has for threads.
//!
//! | crossbeam | here | the difference |
//! |---|---|---|
//! | `bounded`, `unbounded` | [`pipe`] | bounded by the kernel, in bytes: a pipe holds 64 KiB (pipe(7)) |
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
mod stream;

use std::{
    io::{self, PipeReader, PipeWriter, Write as _},
    marker::PhantomData,
    time::{Duration, Instant},
};

use serde::{Serialize, de::DeserializeOwned};

use stream::Stream;

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
    Ok((Sender::to(writer), Receiver::of(reader)))
}

/// The end that sends. There is one for each channel, in one process.
///
/// Its methods take `&mut self`, where crossbeam's take `&self`, because a
/// frame must be written whole before the next one begins.
#[derive(Debug)]
pub struct Sender<T> {
    /// Nothing, once it has hung up. Nobody left to read is an error and no
    /// signal: std has SIGPIPE ignored before `main`.
    pipe: Option<PipeWriter>,
    /// Kept from message to message.
    frame: Vec<u8>,
    message: PhantomData<fn(&T)>,
}

impl<T: Serialize> Sender<T> {
    /// Sends a message. Waits while the pipe has no room for it.
    ///
    /// # Errors
    ///
    /// See [`SendError`]. That there is none does not mean that the message
    /// was received: the receiver may end before it comes to it.
    pub fn send(&mut self, message: &T) -> Result<(), SendError> {
        let pipe = self.pipe.as_mut().ok_or(SendError::Disconnected)?;
        frame::encode(message, &mut self.frame)?;
        pipe.write_all(&self.frame).map_err(|error| {
            // Part of the frame may be sent, and nothing can follow that.
            self.pipe = None;
            error.into()
        })
    }
}

impl<T> Sender<T> {
    fn to(pipe: PipeWriter) -> Self {
        Sender { pipe: Some(pipe), frame: Vec::new(), message: PhantomData }
    }
}

/// The end that receives. There is one for each channel, in one process.
#[derive(Debug)]
pub struct Receiver<T> {
    /// Nothing, once it has hung up.
    stream: Option<Stream>,
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
        let stream = self.stream.as_mut().ok_or(RecvError::Disconnected)?;
        let received = stream.receive(deadline);
        if let Err(RecvError::Corrupt(_)) = received {
            // Where the next frame begins, nobody knows.
            self.stream = None;
        }
        received
    }
}

impl<T> Receiver<T> {
    fn of(pipe: PipeReader) -> Self {
        Receiver { stream: Some(Stream::new(pipe)), message: PhantomData }
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
