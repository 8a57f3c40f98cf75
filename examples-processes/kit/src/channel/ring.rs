//! The transport that no kernel carries: a ring in memory that both ends map.
//! A frame is a message of the ring.

use std::{
    io::{self, ErrorKind},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::Instant,
};

use anyhow::Result;
use common::ring::{self, Error, Manner, Side, Waiting, size};
use rustix::fs::fstat;
use serde::de::DeserializeOwned;

use super::{Corrupt, RecvError, SendError};
use crate::{
    Lifeline, Shared,
    channel::frame::{self, HEADER},
};

/// Both ends have to wait in the same manner, and what they know of each
/// other is two descriptors. This one is good for all: it costs no core while
/// nothing comes, and no call of the kernel while much does.
const MANNER: Manner = Manner::SpinThenPark;

/// One end, be it [`ring::Sender`] or [`ring::Receiver`].
#[derive(Debug)]
pub(super) enum End<E> {
    /// As it was made, or lent. To drop it then says nothing to the other
    /// end, but that one fewer holds the lifeline.
    Unused { memory: Shared, lifeline: OwnedFd },
    /// As it is used. To drop it is to hang up.
    Used(E),
    /// As it is left if it could not be used.
    Lost,
}

pub(super) type Sink = End<ring::Sender<Shared>>;
pub(super) type Source = End<ring::Receiver<Shared>>;

/// Both ends of a new ring of at least so many bytes.
pub(super) fn pair(capacity: usize) -> Result<(Sink, Source)> {
    let memory = Shared::new(size(capacity))?;
    let again = Shared::open(memory.lend()?, size(capacity))?;
    let (one, other) = UnixStream::pair()?;
    Ok((
        End::Unused { memory, lifeline: one.into() },
        End::Unused { memory: again, lifeline: other.into() },
    ))
}

impl<E> End<E> {
    /// The end whose memory and lifeline came.
    pub(super) fn take(memory: OwnedFd, lifeline: OwnedFd) -> Result<Self> {
        let size = fstat(&memory)?.st_size as usize;
        let memory = Shared::open(memory, size)?;
        Ok(End::Unused { memory, lifeline })
    }

    /// What [`take`](End::take) takes. A used end cannot be lent: the other
    /// one would come to know two of them.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            End::Unused { memory, lifeline } => {
                vec![memory.as_fd(), lifeline.as_fd()]
            }
            End::Used(_) | End::Lost => Vec::new(),
        }
    }

    fn used(
        &mut self,
        attach: fn(Shared, Waiting) -> Result<E, Error>,
    ) -> io::Result<&mut E> {
        if let End::Unused { .. } = self
            && let End::Unused { memory, lifeline } =
                std::mem::replace(self, End::Lost)
        {
            let waiting = Lifeline::from(lifeline).waiting(MANNER);
            *self =
                End::Used(attach(memory, waiting).map_err(io::Error::other)?);
        }
        match self {
            End::Used(end) => Ok(end),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Sink {
    pub(super) fn send(&mut self, frame: &[u8]) -> Result<(), SendError> {
        let ring = self.used(ring::Sender::new).map_err(SendError::Io)?;
        if ring.is_receiver_dropped() {
            return Err(SendError::Disconnected);
        }
        ring.send(frame).map_err(|error| match error {
            Error::Gone(Side::Receiver) => SendError::Disconnected,
            Error::TooLong { length, longest } => SendError::TooLong {
                length: length - HEADER,
                longest: longest - HEADER,
            },
            error => SendError::Io(io::Error::other(error)),
        })
    }
}

impl Source {
    pub(super) fn receive<T: DeserializeOwned>(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<T, RecvError> {
        let ring = self.used(ring::Receiver::new).map_err(RecvError::Io)?;
        let now = Instant::now;
        ring.set_timeout(
            deadline.map(|at| at.saturating_duration_since(now())),
        );
        let received = ring.receive().map_err(|error| match error {
            Error::Gone(Side::Sender) => RecvError::Disconnected,
            Error::Timeout { .. } => RecvError::Io(ErrorKind::TimedOut.into()),
            error => RecvError::Corrupt(Corrupt::Ring(error)),
        })?;
        // The ring has checked that it is no longer than itself.
        let mut frame = vec![0; received.region().len()];
        received.region().read(&mut frame);
        Ok(frame::decode(&frame)?)
    }
}
