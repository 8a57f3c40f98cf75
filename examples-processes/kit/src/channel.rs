//! Typed messages from one process to another, under the names that
//! `crossbeam::channel` has for threads.
//!
//! | crossbeam | here | the difference |
//! |---|---|---|
//! | `bounded`, `unbounded` | [`pipe`] | bounded by the kernel, in bytes: the capacity of a pipe is 64 KiB (pipe(7)) |
//! | `Sender::send` | [`Sender::send`] | the message is borrowed and encoded, not moved |
//! | `Sender::try_send` | [`outbox`](outbox()) | a message that does not fit is queued, and sent later |
//! | `Receiver::recv` | [`Receiver::recv`] | the message is decoded, and may be corrupt |
//! | `Receiver::recv_timeout` | [`Receiver::recv_timeout`] | the timeout may fall in the middle of a message, which is not lost |
//! | `Receiver::iter` | [`Receiver::iter`] | yields results, because an error must not look like the end |
//! | a closure captures an end | a job has it as a field | the parent must drop its own copy |
//! | disconnected once all senders are dropped | the same | killed senders count as dropped |
//! | `Sender: Clone`, `Receiver: Clone` | missing | two processes at one end would tear each other's frames |
//! | `select!` | missing | use one channel per worker and one thread per channel |
//!
//! An end is sent to a worker as a field of its job, and back as a field of its
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
//!         drop(job); // or the channel would never disconnect
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
//! **The parent must drop its copy** of an end that it sent. The kernel
//! disconnects a channel when the last copy of an end is closed. As long as the
//! parent holds one, a receiver whose sender is gone waits, and so does a
//! sender whose receiver was killed. Other workers inherit no copy: all
//! descriptors here are closed on exec.
//!
//! The program must make sure that both ends have the same `T`, as with a
//! worker's job: the bytes do not name their type.

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
/// Fails if the kernel cannot create a pipe.
pub fn pipe<T>() -> io::Result<(Sender<T>, Receiver<T>)> {
    let (reader, writer) = io::pipe()?;
    Ok((Sender::to(writer), Receiver::of(reader)))
}

/// The sending end. Each channel has one, in one process.
///
/// Its methods take `&mut self`, where crossbeam's take `&self`, because a
/// frame must be written whole before the next one starts.
#[derive(Debug)]
pub struct Sender<T> {
    /// `None` once it has hung up. If the receiver is gone, that is an error
    /// and not a signal: std ignores SIGPIPE from before `main`.
    pipe: Option<PipeWriter>,
    /// Reused from message to message.
    frame: Vec<u8>,
    message: PhantomData<fn(&T)>,
}

impl<T: Serialize> Sender<T> {
    /// Sends a message. Waits while the pipe has no room for it.
    ///
    /// # Errors
    ///
    /// See [`SendError`]. Success does not mean that the message was received:
    /// the receiver may exit before it reads the message.
    pub fn send(&mut self, message: &T) -> Result<(), SendError> {
        let pipe = self.pipe.as_mut().ok_or(SendError::Disconnected)?;
        frame::encode(message, &mut self.frame)?;
        pipe.write_all(&self.frame).map_err(|error| {
            // Part of the frame may have been sent, and nothing can follow
            // that.
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

/// The receiving end. Each channel has one, in one process.
#[derive(Debug)]
pub struct Receiver<T> {
    /// `None` once it has hung up.
    stream: Option<Stream>,
    message: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Receiver<T> {
    /// The next message. Waits until it has arrived whole.
    ///
    /// # Errors
    ///
    /// See [`RecvError`].
    pub fn recv(&mut self) -> Result<T, RecvError> {
        self.receive(None)
    }

    /// The next message, if it arrives whole before the timeout. A timeout of
    /// zero takes only what has already arrived, like crossbeam's `try_recv`.
    ///
    /// # Errors
    ///
    /// See [`RecvTimeoutError`].
    pub fn recv_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<T, RecvTimeoutError> {
        // A time that the clock cannot represent is no limit.
        let deadline = Instant::now().checked_add(timeout);
        self.receive(deadline).map_err(RecvTimeoutError::from)
    }

    /// Iterates over messages until there are no more. Only [`RecvError::Io`]
    /// can be followed by others; any other error is the last item.
    pub fn iter(&mut self) -> Iter<'_, T> {
        Iter(self)
    }

    fn receive(&mut self, deadline: Option<Instant>) -> Result<T, RecvError> {
        let stream = self.stream.as_mut().ok_or(RecvError::Disconnected)?;
        let received = stream.receive(deadline);
        if let Err(RecvError::Corrupt(_)) = received {
            // There is no way to find the start of the next frame.
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

/// Messages as they arrive, see [`Receiver::iter`].
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

/// Messages as they arrive; owns its receiver.
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
