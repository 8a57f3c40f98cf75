//! A sending end that never waits.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, PipeWriter, Write as _},
    marker::PhantomData,
};

use rustix::io::ioctl_fionbio;
use serde::Serialize;

use super::{Receiver, SendError};
use crate::channel::frame::{LONGEST_PAYLOAD, encode};

/// A channel over a pipe whose sender never waits: messages that do not fit are
/// queued, and sent later.
///
/// # Errors
///
/// Fails if the kernel cannot create a pipe.
pub fn outbox<T>() -> io::Result<(Outbox<T>, Receiver<T>)> {
    let (reader, pipe) = io::pipe()?;
    // This flag is for this end alone: the receiver still waits for messages.
    ioctl_fionbio(&pipe, true)?;
    let (kept, frame) = (VecDeque::new(), Vec::new());
    let outbox = Outbox { pipe, kept, frame, message: PhantomData };
    Ok((outbox, Receiver::of(reader)))
}

/// The sending end. It stays in the process that created it.
#[derive(Debug)]
pub struct Outbox<T> {
    pipe: PipeWriter,
    /// Bytes that did not fit into the pipe yet.
    kept: VecDeque<u8>,
    /// Reused from message to message.
    frame: Vec<u8>,
    message: PhantomData<fn(&T)>,
}

impl<T: Serialize> Outbox<T> {
    /// Sends a message, or queues what does not fit. A message is refused while
    /// more bytes are queued than the longest message has.
    ///
    /// # Errors
    ///
    /// See [`SendError`]. The error of a refused message is `Io`, of the kind
    /// `WouldBlock`.
    pub fn send(&mut self, message: &T) -> Result<(), SendError> {
        if self.kept.len() > LONGEST_PAYLOAD {
            return Err(SendError::Io(ErrorKind::WouldBlock.into()));
        }
        encode(message, &mut self.frame)?;
        self.kept.extend(&self.frame);
        self.flush()
    }
}

impl<T> Outbox<T> {
    /// Sends as much of the queue as fits into the pipe now.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub fn flush(&mut self) -> Result<(), SendError> {
        while !self.kept.is_empty() {
            match self.pipe.write(self.kept.as_slices().0) {
                Ok(count) => drop(self.kept.drain(..count)),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => break,
                    ErrorKind::Interrupted => {}
                    _ => return Err(error.into()),
                },
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{super::RecvTimeoutError, *};

    #[test]
    fn sends_without_waiting_and_loses_nothing() {
        let (mut outbox, mut receiver) = outbox().unwrap();
        let long = vec![7_u8; 3 << 20];
        for message in [&long, &vec![1], &long] {
            outbox.send(message).unwrap();
        }
        assert!(outbox.kept.len() > long.len(), "more than fits into a pipe");
        for message in [&long, &vec![1], &long] {
            let received = loop {
                outbox.flush().unwrap();
                match receiver.recv_timeout(Default::default()) {
                    Err(RecvTimeoutError::Timeout) => {}
                    received => break received.unwrap(),
                }
            };
            assert!(&received == message);
        }
        assert!(outbox.kept.is_empty());
    }

    #[test]
    fn keeps_no_more_than_so_much() {
        let (mut outbox, _receiver) = outbox().unwrap();
        let long = vec![7_u8; LONGEST_PAYLOAD - 10];
        let sent = (0..3).map(|_| outbox.send(&long)).collect::<Vec<_>>();
        assert!(matches!(&sent[..], [Ok(()), Ok(()), Err(SendError::Io(_))]));
    }

    #[test]
    fn tells_that_nobody_receives() {
        let (mut outbox, receiver) = outbox().unwrap();
        outbox.send(&vec![7_u8; 1 << 20]).unwrap();
        drop(receiver);
        for gone in [outbox.flush(), outbox.send(&vec![7])] {
            assert!(matches!(gone, Err(SendError::Disconnected)));
        }
    }
}
