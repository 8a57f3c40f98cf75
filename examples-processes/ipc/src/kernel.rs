//! What the kernel offers to processes: pipes and sockets, which copy all bytes
//! twice, once on the way in and once on the way out.
//!
//! It has no twin: threads could use the same pipes and sockets, at the same
//! cost, but their channels need neither the kernel nor the copies.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use anyhow::{Result, bail};
use common::{
    laps::Laps,
    scenarios::ipc::{EndReport, Mechanism, Plan, Receives, Sends, far, near},
};
use process_kit::{Parent, descriptor};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};

use crate::{FarEnd, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(EndReport, EndReport)> {
    let (to_far, from_near) = open(plan)?;
    let (to_near, from_far) = open(plan)?;
    let far_end = FarEnd::Kernel { receiver: from_near, sender: to_near };
    spawn_and_join(plan, far_end, laps, || near(plan, to_far, from_far))
}

/// A kernel channel: the end to write to, and the end to read from.
fn open(plan: &Plan) -> Result<(End, End)> {
    match plan.mechanism {
        Mechanism::Pipe => {
            let (reader, writer) = io::pipe()?;
            Ok((End::new(writer), End::new(reader)))
        }
        Mechanism::UnixStream => {
            let (one, other) = UnixStream::pair()?;
            Ok((End::new(one), End::new(other)))
        }
        Mechanism::UnixSeqpacket => {
            let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
            let (one, other) =
                socketpair(AddressFamily::UNIX, kind, flags, None)?;
            Ok((End::new(one), End::new(other)))
        }
        other => bail!("{other:?} is not a channel of processes"),
    }
}

pub fn worker(
    plan: &Plan,
    receiver: End,
    sender: End,
    parent: &Parent,
) -> Result<EndReport> {
    parent.gate.wait()?;
    far(plan, receiver, sender)
}

/// One end of a channel, which is read or written like a file.
#[derive(Serialize, Deserialize)]
pub struct End(#[serde(with = "descriptor")] File);

impl End {
    /// The most that is written at once. A packet has to fit into the
    /// socket's buffer, 208 KiB by default (unix(7)). For pipes and streams it
    /// does not matter.
    const PIECE: usize = 64 << 10;

    fn new(descriptor: impl Into<OwnedFd>) -> Self {
        End(File::from(descriptor.into()))
    }
}

impl Sends<Vec<u64>> for End {
    fn send(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(parcel);
        for piece in bytes.chunks(End::PIECE) {
            self.0.write_all(piece)?;
        }
        Ok(())
    }
}

impl Receives<Vec<u64>> for End {
    fn receive(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(parcel);
        for piece in bytes.chunks_mut(End::PIECE) {
            self.0.read_exact(piece)?;
        }
        Ok(())
    }
}
