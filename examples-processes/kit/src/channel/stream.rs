//! A receiver's end of a pipe: reads frames, with or without a deadline.

use std::{
    io::{self, BufReader, ErrorKind, PipeReader, Read},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::de::DeserializeOwned;

use super::RecvError;
use crate::channel::frame::Incoming;

/// The default capacity of a pipe (pipe(7)): so one read can empty it.
const BUFFER: usize = 64 << 10;

/// A stream of frames. It reads ahead; otherwise each message would cost two
/// system calls, one of them for its header.
#[derive(Debug)]
pub(super) struct Stream {
    reader: BufReader<PipeReader>,
    incoming: Incoming,
}

impl Stream {
    pub(super) fn new(pipe: PipeReader) -> Self {
        let reader = BufReader::with_capacity(BUFFER, pipe);
        Stream { reader, incoming: Incoming::default() }
    }

    /// The next message. Fails with an `Io` error of the kind `TimedOut` if the
    /// message has not arrived whole by the deadline. Without a deadline, it
    /// waits forever.
    pub(super) fn receive<T: DeserializeOwned>(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<T, RecvError> {
        let reader = &mut self.reader;
        self.incoming.receive(&mut Until { reader, deadline, is_last: false })
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.get_ref().as_fd()
    }
}

/// A stream whose reads fail with `TimedOut` after the deadline.
#[derive(Debug)]
struct Until<'a> {
    reader: &'a mut BufReader<PipeReader>,
    deadline: Option<Instant>,
    /// When the time is up, one more read may take what has arrived, but not
    /// more: a sender that keeps adding data must not keep us here.
    is_last: bool,
}

impl Read for Until<'_> {
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

impl Until<'_> {
    fn wait(&mut self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if self.is_last || !is_ready(self.reader.get_ref(), left)? {
            return Err(ErrorKind::TimedOut.into());
        }
        // Only now: a poll that a signal interrupts does not count.
        self.is_last = left.is_zero();
        Ok(())
    }
}

/// Whether there is something to read within `limit`, or the end of the stream.
fn is_ready(pipe: &PipeReader, limit: Duration) -> io::Result<bool> {
    let mut ends = [PollFd::new(pipe, PollFlags::IN)];
    // A time that the clock cannot represent is no limit.
    let limit = Timespec::try_from(limit).ok();
    Ok(poll(&mut ends, limit.as_ref())? > 0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::io::{Write as _, pipe};

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
