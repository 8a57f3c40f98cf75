//! What carries a channel's frames. All that tells one transport from another
//! is here: how a frame is sent and received, and by which descriptors
//! another process gets at an end.
//!
//! Which transport an end belongs to, its first descriptor says (fstat(2)):
//! so nothing has to be sent along with it and be believed.

use std::{
    io::{self, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, OFlags, fcntl_getfl, fstat},
    net::{SendFlags, send},
};
use serde::de::DeserializeOwned;

use super::{RecvError, SendError, ring};
use crate::channel::frame::Incoming;

/// What gives the next of the descriptors that came.
pub(super) type Next<'a> = dyn FnMut() -> anyhow::Result<OwnedFd> + 'a;

/// As much as a pipe holds, unless it is told otherwise (pipe(7)): so one
/// read can empty it.
const BUFFER: usize = 64 << 10;

/// Where a sender's frames go.
#[derive(Debug)]
pub(super) enum Sink {
    /// Nobody left to read is an error and no signal: std has SIGPIPE ignored
    /// before `main`.
    Pipe(PipeWriter),
    Socket(Socket),
    Ring(ring::Sink),
}

impl Sink {
    pub(super) fn socket(socket: UnixStream) -> Self {
        Sink::Socket(Socket(socket))
    }

    /// The sending end whose descriptors come next.
    pub(super) fn take(next: &mut Next<'_>) -> anyhow::Result<Self> {
        let end = next()?;
        match file_type(&end)? {
            FileType::Fifo => {
                must_be_open_for(OFlags::WRONLY, "writing", &end)?;
                Ok(Sink::Pipe(end.into()))
            }
            FileType::Socket => Ok(Sink::socket(end.into())),
            FileType::RegularFile => {
                Ok(Sink::Ring(ring::End::take(end, next()?)?))
            }
            other => bail!("{other:?} came, and a sender's end was expected"),
        }
    }

    /// What [`take`](Sink::take) takes.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Sink::Pipe(pipe) => vec![pipe.as_fd()],
            Sink::Socket(Socket(socket)) => vec![socket.as_fd()],
            Sink::Ring(end) => end.descriptors(),
        }
    }

    /// Sends a whole frame. After `Disconnected` or `Io` part of it may be
    /// sent.
    pub(super) fn send(&mut self, frame: &[u8]) -> Result<(), SendError> {
        let sent = match self {
            Sink::Pipe(pipe) => pipe.write_all(frame),
            Sink::Socket(socket) => socket.write_all(frame),
            Sink::Ring(end) => return end.send(frame),
        };
        sent.map_err(|error| match error.kind() {
            // A socket is reset if its receiver leaves something unread.
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                SendError::Disconnected
            }
            _ => SendError::Io(error),
        })
    }
}

/// A socket that never sends SIGPIPE, whatever the program does about it.
#[derive(Debug)]
pub(super) struct Socket(UnixStream);

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(&self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a receiver's frames come from.
#[derive(Debug)]
pub(super) enum Source {
    Pipe(Stream<PipeReader>),
    Socket(Stream<UnixStream>),
    Ring(ring::Source),
}

impl Source {
    pub(super) fn pipe(pipe: PipeReader) -> Self {
        Source::Pipe(Stream::new(pipe))
    }

    pub(super) fn socket(socket: UnixStream) -> Self {
        Source::Socket(Stream::new(socket))
    }

    /// The receiving end whose descriptors come next.
    pub(super) fn take(next: &mut Next<'_>) -> anyhow::Result<Self> {
        let end = next()?;
        match file_type(&end)? {
            FileType::Fifo => {
                must_be_open_for(OFlags::RDONLY, "reading", &end)?;
                Ok(Source::pipe(end.into()))
            }
            FileType::Socket => Ok(Source::socket(end.into())),
            FileType::RegularFile => {
                Ok(Source::Ring(ring::End::take(end, next()?)?))
            }
            other => bail!("{other:?} came, and a receiver's end was expected"),
        }
    }

    /// What [`take`](Source::take) takes.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Source::Pipe(stream) => vec![stream.reader.get_ref().as_fd()],
            Source::Socket(stream) => vec![stream.reader.get_ref().as_fd()],
            Source::Ring(end) => end.descriptors(),
        }
    }

    /// The next message. It is an `Io` error of the kind `TimedOut` if it has
    /// not come whole by the deadline; without one, the wait is for ever.
    pub(super) fn receive<T: DeserializeOwned>(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<T, RecvError> {
        match self {
            Source::Pipe(stream) => stream.receive(deadline),
            Source::Socket(stream) => stream.receive(deadline),
            Source::Ring(end) => end.receive(deadline),
        }
    }
}

/// Frames that come one after the other, without borders. It reads ahead, or
/// each message would cost two calls of the kernel: one for its header.
#[derive(Debug)]
pub(super) struct Stream<S> {
    reader: BufReader<S>,
    incoming: Incoming,
}

impl<S: Read + AsFd> Stream<S> {
    fn new(stream: S) -> Self {
        let reader = BufReader::with_capacity(BUFFER, stream);
        Stream { reader, incoming: Incoming::default() }
    }

    fn receive<T: DeserializeOwned>(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<T, RecvError> {
        let reader = &mut self.reader;
        self.incoming.receive(&mut Until { reader, deadline, is_last: false })
    }
}

/// A stream whose reads fail with `TimedOut` from some time on.
#[derive(Debug)]
struct Until<'a, S> {
    reader: &'a mut BufReader<S>,
    deadline: Option<Instant>,
    /// When the time is up, one more read may take what is there; but no
    /// sender is followed who adds to it again and again.
    is_last: bool,
}

impl<S: Read + AsFd> Read for Until<'_, S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.deadline {
            Some(deadline) if self.reader.buffer().is_empty() => {
                self.wait(deadline)?;
            }
            _ => {}
        }
        self.reader.read(room)
    }
}

impl<S: AsFd> Until<'_, S> {
    fn wait(&mut self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if self.is_last || !is_ready(self.reader.get_ref(), left)? {
            return Err(ErrorKind::TimedOut.into());
        }
        // Not before: a look that a signal interrupts is none.
        self.is_last = left.is_zero();
        Ok(())
    }
}

/// Whether there is something to read within `limit`, be it the end.
fn is_ready(stream: &impl AsFd, limit: Duration) -> io::Result<bool> {
    let mut ends = [PollFd::new(stream, PollFlags::IN)];
    // What no clock can count to is no limit.
    let limit = Timespec::try_from(limit).ok();
    Ok(poll(&mut ends, limit.as_ref())? > 0)
}

fn file_type(end: &OwnedFd) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(end)?.st_mode))
}

/// A socket's ends need no such look: the wrong one is shut for ever, see
/// [`socket_pair`](super::socket_pair).
fn must_be_open_for(
    mode: OFlags,
    purpose: &str,
    pipe: &OwnedFd,
) -> anyhow::Result<()> {
    ensure!(
        fcntl_getfl(pipe)? & OFlags::RWMODE == mode,
        "a pipe's end came that is not open for {purpose}"
    );
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::io::pipe;

    use super::*;

    #[test]
    fn who_keeps_on_sending_does_not_hold_up_the_deadline() {
        let (reader, mut writer) = pipe().unwrap();
        let (mut reader, mut room) = (BufReader::new(reader), [0; 2]);
        writer.write_all(b"ab").unwrap();
        let mut late = Until {
            reader: &mut reader,
            deadline: Some(Instant::now()),
            is_last: false,
        };
        assert_eq!(late.read(&mut room[..1]).unwrap(), 1);
        assert_eq!(late.read(&mut room).unwrap(), 1, "what was there");
        writer.write_all(b"c").unwrap();
        let error = late.read(&mut room).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "what came later");
    }
}
