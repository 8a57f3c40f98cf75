//! A receiver's end of a pipe: frames come in, in time or not.

use std::{
    io::{self, BufReader, ErrorKind, PipeReader, Read},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::de::DeserializeOwned;

use super::RecvError;
use crate::channel::frame::Incoming;

/// As much as a pipe holds, unless it is told otherwise (pipe(7)): so one
/// read can empty it.
const BUFFER: usize = 64 << 10;

/// Frames that come one after the other, without borders. It reads ahead, or
/// each message would cost two calls of the kernel: one for its header.
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

    /// The next message. It is an `Io` error of the kind `TimedOut` if it has
    /// not come whole by the deadline; without one, this waits forever.
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

/// A stream whose reads fail with `TimedOut` from some time on.
#[derive(Debug)]
struct Until<'a> {
    reader: &'a mut BufReader<PipeReader>,
    deadline: Option<Instant>,
    /// When the time is up, one more read may take what is there; but no
    /// sender is followed who adds to it again and again.
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
        // Not before: a look that a signal interrupts is none.
        self.is_last = left.is_zero();
        Ok(())
    }
}

/// Whether there is something to read within `limit`, be it the end.
fn is_ready(pipe: &PipeReader, limit: Duration) -> io::Result<bool> {
    let mut ends = [PollFd::new(pipe, PollFlags::IN)];
    // What no clock can count to is no limit.
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
