//! A parent's end of a worker's socket. It never waits: a worker that stops in
//! the middle of a message delays no one but itself.

use std::{
    io::{self, BufReader, ErrorKind},
    marker::PhantomData,
    mem,
    os::fd::{AsFd, BorrowedFd},
};

use rustix::{
    io::{Errno, ioctl_fionbio},
    net::{SendFlags, Shutdown, send, shutdown},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    channel::error::{RecvError, SendError},
    channel::frame::{self, Incoming},
    share::descriptor,
    start::wire::{Source, Wire},
};

/// Sends and receives frames, as far as that is possible without waiting.
#[derive(Debug)]
pub(crate) struct Link<R> {
    /// Reads ahead; otherwise each message would cost another system call.
    source: BufReader<Source<Wire>>,
    incoming: Incoming,
    frame: Vec<u8>,
    /// How much of the frame has been sent.
    sent: usize,
    report: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Link<R> {
    /// The next message, if it has arrived whole.
    pub(crate) fn receive(&mut self) -> Result<Option<R>, RecvError> {
        let frame = match self.incoming.frame(&mut self.source) {
            Err(RecvError::Io(error))
                if error.kind() == ErrorKind::WouldBlock =>
            {
                return Ok(None);
            }
            received => received?,
        };
        let came = mem::take(&mut self.source.get_mut().descriptors);
        Ok(Some(descriptor::given_to(came, || frame::decode(frame))?))
    }
}

impl<R> Link<R> {
    /// The link over a wire, once the worker has its setup.
    pub(crate) fn new(wire: Wire) -> io::Result<Self> {
        ioctl_fionbio(&wire, true)?;
        Ok(Link {
            source: BufReader::new(Source { wire, descriptors: Vec::new() }),
            incoming: Incoming::default(),
            frame: Vec::new(),
            sent: 0,
            report: PhantomData,
        })
    }

    /// Starts to send a message. A worker has one at a time.
    pub(crate) fn send(
        &mut self,
        message: &impl Serialize,
    ) -> Result<(), SendError> {
        self.sent = 0;
        frame::encode(message, &mut self.frame)?;
        self.flush();
        Ok(())
    }

    /// Sends what can be sent now. If the worker is gone, that is not an error
    /// here: its death is reported in other ways.
    pub(crate) fn flush(&mut self) {
        while self.is_sending() {
            let rest = &self.frame[self.sent..];
            match send(&*self, rest, SendFlags::NOSIGNAL) {
                Ok(sent) => self.sent += sent,
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Whether part of a message is still to be sent.
    pub(crate) fn is_sending(&self) -> bool {
        self.sent < self.frame.len()
    }

    /// Tells the worker to exit: it finds the end of its input.
    pub(crate) fn close(&self) {
        // An error means that the worker is gone.
        let _ = shutdown(self, Shutdown::Both);
    }
}

impl<R> AsFd for Link<R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get_ref().wire.as_fd()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{
        io::Write as _,
        os::{fd::OwnedFd, unix::net::UnixStream},
    };

    use super::*;
    use crate::channel::error::Corrupt;

    fn link() -> (Link<Vec<u64>>, UnixStream) {
        let (ours, theirs) = Wire::pair().unwrap();
        (Link::new(ours).unwrap(), OwnedFd::from(theirs).into())
    }

    #[test]
    fn half_a_message_holds_up_nobody() {
        let (mut link, mut other) = link();
        let mut frame = Vec::new();
        frame::encode(&vec![1_u64, 2], &mut frame).unwrap();
        for byte in &frame {
            assert!(link.receive().unwrap().is_none());
            other.write_all(&[*byte]).unwrap();
        }
        assert_eq!(link.receive().unwrap().unwrap(), [1, 2]);
        other.write_all(&frame[..5]).unwrap();
        drop(other);
        assert!(matches!(
            link.receive(),
            Err(RecvError::Corrupt(Corrupt::Cut { after: 5 }))
        ));
    }

    #[test]
    fn a_worker_that_does_not_read_holds_up_nobody() {
        let (mut link, other) = link();
        let long = vec![7_u64; 1 << 20];
        link.send(&long).unwrap();
        assert!(link.is_sending());
        let reader = std::thread::spawn(move || {
            Wire::from(OwnedFd::from(other)).receive::<Vec<u64>>()
        });
        while link.is_sending() {
            link.flush();
        }
        assert_eq!(reader.join().unwrap().unwrap().unwrap(), long);
    }

    #[test]
    fn the_last_answer_is_read_before_the_end() {
        let (mut link, mut other) = link();
        let mut frame = Vec::new();
        frame::encode(&vec![3_u64], &mut frame).unwrap();
        link.send(&vec![4_u64]).unwrap();
        other.write_all(&frame).unwrap();
        drop(other); // with a message unread
        assert_eq!(link.receive().unwrap().unwrap(), [3]);
        assert!(matches!(link.receive(), Err(RecvError::Disconnected)));
    }
}
