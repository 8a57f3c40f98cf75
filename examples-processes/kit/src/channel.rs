//! Typed messages between a parent and one worker, over a socket pair.
//!
//! A message is a frame: its length in four bytes, little-endian, then that
//! many bytes of `postcard`. Open descriptors travel beside a frame
//! (`SCM_RIGHTS`, unix(7)), which a pipe cannot do: hence a socket pair.

use std::{
    io::{self, IoSlice, IoSliceMut, Read},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use anyhow::{Context as _, Result, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Serialize, de::DeserializeOwned};

/// A longer frame is refused: it would be a fault, or an attack on memory.
const LONGEST_FRAME: usize = 64 << 20;

/// More descriptors at once than any job here has. The kernel's own limit is
/// 253.
const MOST_DESCRIPTORS: usize = 8;

/// One end of the socket pair.
#[derive(Debug)]
pub(crate) struct Channel(UnixStream);

impl Channel {
    /// Both ends. They are closed on exec, so no other child inherits them.
    pub(crate) fn pair() -> io::Result<(Channel, Channel)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Channel(one), Channel(other)))
    }

    /// Sends one message, and lends `descriptors` to the receiver, who gets
    /// copies of them.
    pub(crate) fn send(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<()> {
        let frame = encode(message)?;
        let sent = self.send_with(&frame, descriptors)?;
        io::Write::write_all(&mut &self.0, &frame[sent..])?;
        Ok(())
    }

    /// The next message and its descriptors; nothing if the other end is
    /// closed.
    pub(crate) fn receive<T: DeserializeOwned>(
        &self,
    ) -> Result<Option<(T, Vec<OwnedFd>)>> {
        let mut header = [0; 4];
        let (read, descriptors) = self.receive_with(&mut header)?;
        if read == 0 {
            return Ok(None);
        }
        (&self.0).read_exact(&mut header[read..])?;
        let message = decode(&self.body(u32::from_le_bytes(header))?)?;
        Ok(Some((message, descriptors)))
    }

    /// Reads as the bytes come: a length alone allocates nothing.
    fn body(&self, length: u32) -> Result<Vec<u8>> {
        let length = length as usize;
        ensure!(
            length <= LONGEST_FRAME,
            "a frame of {length} bytes was announced, \
             and {LONGEST_FRAME} are the most"
        );
        let mut body = Vec::new();
        (&self.0).take(length as u64).read_to_end(&mut body)?;
        ensure!(
            body.len() == length,
            "a frame of {length} bytes was cut after {}",
            body.len()
        );
        Ok(body)
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
        let sent = retry(|| {
            sendmsg(&self.0, &bytes, &mut ancillary, SendFlags::NOSIGNAL)
        })?;
        Ok(sent)
    }

    fn receive_with(&self, bytes: &mut [u8]) -> Result<(usize, Vec<OwnedFd>)> {
        let mut space = [MaybeUninit::uninit();
            rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = retry(|| {
            recvmsg(
                &self.0,
                &mut [IoSliceMut::new(bytes)],
                &mut ancillary,
                RecvFlags::CMSG_CLOEXEC,
            )
        })?;
        ensure!(
            !received.flags.contains(ReturnFlags::CTRUNC),
            "more than {MOST_DESCRIPTORS} descriptors came with a frame"
        );
        let descriptors = ancillary.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        Ok((received.bytes, descriptors.flatten().collect()))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Channel {
    fn from(descriptor: OwnedFd) -> Self {
        Channel(descriptor.into())
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0.into()
    }
}

fn encode(message: &impl Serialize) -> Result<Vec<u8>> {
    let frame = postcard::to_extend(message, vec![0; 4])
        .context("a message could not be encoded")?;
    let length = frame.len() - 4;
    ensure!(
        length <= LONGEST_FRAME,
        "a message is {length} bytes long, and {LONGEST_FRAME} are the most"
    );
    let mut frame = frame;
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(frame)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let (message, rest) = postcard::take_from_bytes(bytes)
        .context("a frame could not be decoded")?;
    ensure!(rest.is_empty(), "a frame has {} bytes too many", rest.len());
    Ok(message)
}

fn retry<T>(
    mut call: impl FnMut() -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn carries_a_message_and_a_descriptor() {
        let (here, there) = Channel::pair().unwrap();
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
    fn a_closed_end_is_the_end() {
        let (here, there) = Channel::pair().unwrap();
        drop(here);
        assert!(there.receive::<u8>().unwrap().is_none());
    }

    #[test]
    fn refuses_what_is_no_frame() {
        for (bytes, reason) in [
            (&[255, 255, 255, 255][..], "are the most"),
            (&[9, 0, 0, 0, 1], "was cut after 1"),
            (&[2, 0, 0, 0, 1, 1], "1 bytes too many"),
            (&[1, 0, 0, 0, 200], "could not be decoded"),
            (&[1, 0], "fill whole buffer"),
        ] {
            let (here, there) = Channel::pair().unwrap();
            (&here.0).write_all(bytes).unwrap();
            drop(here);
            let error = there.receive::<u16>().unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains(reason), "{bytes:?}: {text}");
        }
    }

    #[test]
    fn refuses_to_send_what_would_be_refused() {
        let (here, _there) = Channel::pair().unwrap();
        let descriptors = vec![here.as_fd(); MOST_DESCRIPTORS + 1];
        assert!(here.send(&1, &descriptors).is_err());
        assert!(encode(&vec![1_u8; LONGEST_FRAME]).is_err());
    }
}
