//! Messages between a parent and one worker, with open descriptors attached
//! (`SCM_RIGHTS`, unix(7)). A pipe cannot carry descriptors, hence a socket
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

/// More descriptors than any job here has. The kernel's own limit is 253 for
/// each part of a message that is sent separately, and there may be many parts.
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

    /// Sends a message. The receiver gets duplicates of the descriptors in it.
    pub(crate) fn send(&self, message: &impl Serialize) -> Result<()> {
        let mut frame = Vec::new();
        let lent = descriptor::lent_by(|| frame::encode(message, &mut frame))?;
        let lent: Vec<_> = lent.iter().map(AsFd::as_fd).collect();
        let sent = self.send_with(&frame, &lent)?;
        (&self.0).write_all(&frame[sent..])?;
        Ok(())
    }

    /// The next message; `None` if the other end is closed.
    pub(crate) fn receive<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let mut source = Source { wire: self, descriptors: Vec::new() };
        let mut incoming = Incoming::default();
        let frame = match incoming.frame(&mut source) {
            Err(RecvError::Disconnected) => return Ok(None),
            received => received?,
        };
        let came = source.descriptors;
        Ok(Some(descriptor::given_to(came, || frame::decode(frame))?))
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
            "too many descriptors in a message: {}, the maximum is \
             {MOST_DESCRIPTORS}",
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

/// Reads from a wire, and collects the descriptors that arrive with the bytes.
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
                "descriptors of a message were lost: more than \
                 {MOST_DESCRIPTORS} arrived, or no more may be open"
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
    use crate::{
        channel::frame::LONGEST_PAYLOAD, guard::signal::interrupt,
        share::descriptor::End,
    };

    #[test]
    fn carries_a_message_and_a_descriptor() {
        let (here, there) = Wire::pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        here.send(&("job", End(writer.into()), 7_u8)).unwrap();
        let (job, End(sent), number): (String, _, u8) =
            there.receive().unwrap().unwrap();
        assert_eq!((&job[..], number), ("job", 7));
        io::PipeWriter::from(sent).write_all(b"through").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn signals_interrupt_nothing() {
        let (here, there) = Wire::pair().unwrap();
        let long = vec![7_u8; 4 << 20];
        let (reader, _writer) = io::pipe().unwrap();
        let message = (long.clone(), End(reader.into()));
        let sending = thread::spawn(move || here.send(&message));
        interrupt(&sending);
        let receiving =
            thread::spawn(move || there.receive::<(Vec<u8>, End)>());
        interrupt(&receiving);
        let (message, _) = receiving.join().unwrap().unwrap().unwrap();
        assert_eq!(message, long);
        sending.join().unwrap().unwrap();
    }

    #[test]
    fn reads_no_further_than_one_message() {
        let (here, there) = Wire::pair().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        here.send(&(1_u8, End(reader.into()))).unwrap();
        here.send(&(2_u8, End(writer.into()))).unwrap();
        for number in [1, 2] {
            let (message, _) = there.receive::<(u8, End)>().unwrap().unwrap();
            assert_eq!(message, number);
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
        here.send(&7_u8).unwrap();
        drop(there);
        assert!(here.receive::<u8>().unwrap().is_none());
    }

    #[test]
    fn refuses_what_is_no_frame() {
        let (here, there) = Wire::pair().unwrap();
        (&here.0).write_all(&[1, 0]).unwrap();
        drop(here);
        let error = there.receive::<u16>().unwrap_err().to_string();
        assert!(error.contains("was cut off after 2"), "{error}");
    }

    /// If there are too many, the kernel delivers some, and reports that it did
    /// not deliver all.
    #[test]
    fn refuses_a_message_of_whose_descriptors_some_are_lost() {
        let (here, there) = Wire::pair().unwrap();
        send_raw(&here, &frame_of(&7_u8), MOST_DESCRIPTORS + 4);
        let error = there.receive::<u8>().unwrap_err().to_string();
        assert!(error.contains("were lost"), "{error}");
    }

    #[test]
    fn refuses_descriptors_that_the_message_does_not_name() {
        let (here, there) = Wire::pair().unwrap();
        send_raw(&here, &frame_of(&(7_u8, 0_u8)), 3);
        let error = there.receive::<(u8, End)>().unwrap_err().to_string();
        assert!(error.contains("2 descriptors arrived"), "{error}");
    }

    #[test]
    fn refuses_more_descriptors_than_may_come_in_all_parts_of_a_message() {
        for (parts, is_refused) in [(1, false), (2, true), (5, true)] {
            let (here, there) = Wire::pair().unwrap();
            let places: [u8; MOST_DESCRIPTORS] = [0, 1, 2, 3, 4, 5, 6, 7];
            let frame = frame_of(&places);
            for byte in &frame[..parts] {
                send_raw(&here, &[*byte], MOST_DESCRIPTORS);
            }
            (&here.0).write_all(&frame[parts..]).unwrap();
            match there.receive::<[End; MOST_DESCRIPTORS]>() {
                Ok(came) => assert!(came.is_some() && !is_refused),
                Err(error) => {
                    assert!(is_refused, "{parts} parts: {error}");
                    assert!(error.to_string().contains("more than 8 desc"));
                }
            }
        }
    }

    fn frame_of(message: &impl Serialize) -> Vec<u8> {
        let mut frame = Vec::new();
        frame::encode(message, &mut frame).unwrap();
        frame
    }

    /// Sends what a peer that breaks the rules can send.
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
        let copy = |_| End(here.0.try_clone().unwrap().into());
        let many: Vec<_> = (0..=MOST_DESCRIPTORS).map(copy).collect();
        for refused in [here.send(&long), here.send(&many)] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("the maximum is"), "{error}");
        }
    }
}
