//! Messages between a parent and one worker, and open descriptors beside
//! them (`SCM_RIGHTS`, unix(7)), which a pipe cannot carry: hence a socket
//! pair. The messages are framed as everywhere, see [`frame`].

use std::{
    borrow::Borrow,
    io::{self, IoSlice, IoSliceMut, Read, Write as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use anyhow::{Result, ensure};
use rustix::{
    io::retry_on_intr,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    channel::error::RecvError,
    channel::frame::{self, Incoming},
    share::descriptor,
};

/// More descriptors with a message than any job here has. The kernel's own
/// limit is 253 for each part that is sent of it, and parts may be many.
const MOST_DESCRIPTORS: usize = 8;

/// One end of the socket pair.
#[derive(Debug)]
pub(crate) struct Wire(UnixStream);

impl Wire {
    /// Both ends. They are closed on exec, so no other child inherits them.
    pub(crate) fn pair() -> io::Result<(Wire, Wire)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Wire(one), Wire(other)))
    }

    /// Sends one message, and lends to the receiver, who gets copies of them,
    /// its own descriptors and `descriptors`.
    pub(crate) fn send(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<()> {
        let mut frame = Vec::new();
        let (encoded, own) =
            descriptor::lent_by(|| frame::encode(message, &mut frame));
        encoded?;
        let mut all: Vec<_> = own.iter().map(AsFd::as_fd).collect();
        all.extend(descriptors);
        let sent = self.send_with(&frame, &all)?;
        (&self.0).write_all(&frame[sent..])?;
        Ok(())
    }

    /// The next message, and the descriptors that came with it and are not in
    /// it; nothing if the other end is closed.
    pub(crate) fn receive<T: DeserializeOwned>(
        &self,
    ) -> Result<Option<(T, Vec<OwnedFd>)>> {
        let mut source = Source { wire: self, descriptors: Vec::new() };
        let mut incoming = Incoming::default();
        let frame = match incoming.frame(&mut source) {
            Err(RecvError::Disconnected) => return Ok(None),
            received => received?,
        };
        let (message, rest) =
            descriptor::given_to(source.descriptors, || frame::decode(frame));
        Ok(Some((message?, rest)))
    }

    fn send_with(
        &self,
        bytes: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<usize> {
        let mut space = [MaybeUninit::uninit();
            rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ensure!(
            descriptors.len() <= MOST_DESCRIPTORS,
            "{} descriptors were to be sent, and {MOST_DESCRIPTORS} are the \
             most",
            descriptors.len()
        );
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let bytes = [IoSlice::new(bytes)];
        let sent = retry_on_intr(|| {
            sendmsg(&self.0, &bytes, &mut ancillary, SendFlags::NOSIGNAL)
        })?;
        Ok(sent)
    }
}

/// Reads a wire, and collects the descriptors that come beside the bytes.
#[derive(Debug)]
pub(crate) struct Source<W> {
    pub(crate) wire: W,
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl<W: Borrow<Wire>> Read for Source<W> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit();
            rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(
            &self.wire.borrow().0,
            &mut [IoSliceMut::new(room)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(io::Error::other(format!(
                "descriptors of a message are lost: more than \
                 {MOST_DESCRIPTORS} came, or no more may be open"
            )));
        }
        let came = ancillary.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        self.descriptors.extend(came.flatten());
        if self.descriptors.len() > MOST_DESCRIPTORS {
            return Err(io::Error::other(format!(
                "more than {MOST_DESCRIPTORS} descriptors came with a message"
            )));
        }
        Ok(received.bytes)
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Wire {
    fn from(descriptor: OwnedFd) -> Self {
        Wire(descriptor.into())
    }
}

impl From<Wire> for OwnedFd {
    fn from(wire: Wire) -> Self {
        wire.0.into()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::thread;

    use super::*;
    use crate::{channel::frame::LONGEST_PAYLOAD, guard::signal::interrupt};

    #[test]
    fn carries_a_message_and_a_descriptor() {
        let (here, there) = Wire::pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        here.send(&("job", 7_u8), &[writer.as_fd()]).unwrap();
        drop(writer);
        let (message, mut descriptors) =
            there.receive::<(String, u8)>().unwrap().unwrap();
        assert_eq!(message, ("job".into(), 7));
        let sent = io::PipeWriter::from(descriptors.remove(0));
        (&sent).write_all(b"through").unwrap();
        drop(sent);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn signals_interrupt_nothing() {
        let (here, there) = Wire::pair().unwrap();
        let long = vec![7_u8; 4 << 20];
        let (reader, _writer) = io::pipe().unwrap();
        let message = long.clone();
        let sending =
            thread::spawn(move || here.send(&message, &[reader.as_fd()]));
        interrupt(&sending);
        let receiving = thread::spawn(move || there.receive::<Vec<u8>>());
        interrupt(&receiving);
        let (message, descriptors) =
            receiving.join().unwrap().unwrap().unwrap();
        assert_eq!((message, descriptors.len()), (long, 1));
        sending.join().unwrap().unwrap();
    }

    #[test]
    fn reads_no_further_than_one_message() {
        let (here, there) = Wire::pair().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        here.send(&1_u8, &[reader.as_fd()]).unwrap();
        here.send(&2_u8, &[writer.as_fd(), reader.as_fd()]).unwrap();
        for (number, count) in [(1, 1), (2, 2)] {
            let (message, descriptors) =
                there.receive::<u8>().unwrap().unwrap();
            assert_eq!((message, descriptors.len()), (number, count));
        }
    }

    #[test]
    fn a_closed_end_is_the_end() {
        let (here, there) = Wire::pair().unwrap();
        drop(here);
        assert!(there.receive::<u8>().unwrap().is_none());
    }

    #[test]
    fn an_end_that_read_nothing_is_the_end() {
        let (here, there) = Wire::pair().unwrap();
        here.send(&7_u8, &[]).unwrap();
        drop(there);
        assert!(here.receive::<u8>().unwrap().is_none());
    }

    #[test]
    fn refuses_what_is_no_frame() {
        let (here, there) = Wire::pair().unwrap();
        (&here.0).write_all(&[1, 0]).unwrap();
        drop(here);
        let error = there.receive::<u16>().unwrap_err().to_string();
        assert!(error.contains("was cut after 2"), "{error}");
    }

    /// Of too many the kernel hands over some, and says that it did not hand
    /// over all.
    #[test]
    fn refuses_a_message_of_whose_descriptors_some_are_lost() {
        let (here, there) = Wire::pair().unwrap();
        send_raw(&here, &frame_of(7), MOST_DESCRIPTORS + 4);
        let error = there.receive::<u8>().unwrap_err().to_string();
        assert!(error.contains("are lost"), "{error}");
    }

    #[test]
    fn refuses_more_descriptors_than_may_come_in_all_parts_of_a_message() {
        for (parts, is_refused) in [(1, false), (2, true), (5, true)] {
            let (here, there) = Wire::pair().unwrap();
            let frame = frame_of(7);
            for byte in &frame[..parts] {
                send_raw(&here, &[*byte], MOST_DESCRIPTORS);
            }
            (&here.0).write_all(&frame[parts..]).unwrap();
            match there.receive::<u8>() {
                Ok(message) => {
                    let (message, came) = message.unwrap();
                    assert_eq!((message, came.len()), (7, MOST_DESCRIPTORS));
                    assert!(!is_refused, "{parts} parts");
                }
                Err(error) => {
                    assert!(is_refused, "{parts} parts: {error}");
                    assert!(error.to_string().contains("more than 8 desc"));
                }
            }
        }
    }

    fn frame_of(message: u8) -> Vec<u8> {
        let mut frame = Vec::new();
        frame::encode(&message, &mut frame).unwrap();
        frame
    }

    /// What a peer can send that does not keep to the rules.
    fn send_raw(wire: &Wire, bytes: &[u8], count: usize) {
        let descriptors = vec![wire.as_fd(); count];
        let mut space =
            [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let bytes = [IoSlice::new(bytes)];
        sendmsg(&wire.0, &bytes, &mut ancillary, SendFlags::empty()).unwrap();
    }

    #[test]
    fn refuses_to_send_what_would_be_refused() {
        let (here, _) = Wire::pair().unwrap();
        let long = vec![1_u8; LONGEST_PAYLOAD];
        let descriptors = vec![here.as_fd(); MOST_DESCRIPTORS + 1];
        for refused in [here.send(&long, &[]), here.send(&1, &descriptors)] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("the most"), "{error}");
        }
    }
}
