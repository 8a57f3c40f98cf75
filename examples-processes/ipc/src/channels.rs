//! What the kernel gives to processes: pipes and sockets, through which bytes
//! are copied, once on the way in and once on the way out.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use anyhow::{Result, bail};
use common::{
    laps::Laps,
    scenarios::ipc::{Mechanism, Plan, Receives, Report, Sends, far, near},
};
use process_kit::Parent;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::spawn_and_join;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Report, Report)> {
    connect(plan, laps, [open(plan)?, open(plan)?]) // processes: bytes, of any size
}

/// A channel of the kernel: where to write, and where to read.
fn open(plan: &Plan) -> Result<(OwnedFd, OwnedFd)> {
    match plan.mechanism {
        Mechanism::Pipe => {
            let (reader, writer) = io::pipe()?; // processes: pipe(7)
            Ok((writer.into(), reader.into()))
        }
        Mechanism::UnixStream => {
            let (one, other) = UnixStream::pair()?; // processes: unix(7)
            Ok((one.into(), other.into()))
        }
        Mechanism::UnixSeqpacket => {
            let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC); // processes: keeps messages apart
            Ok(socketpair(AddressFamily::UNIX, kind, flags, None)?)
        }
        other => bail!("{other:?} is no channel between processes"),
    }
}

fn connect(
    plan: &Plan,
    laps: &mut Laps,
    [there, back]: [(OwnedFd, OwnedFd); 2], // processes: descriptors
) -> Result<(Report, Report)> {
    let (to_far, from_near) = there;
    let (to_near, from_far) = back;
    let (to_far, from_far) = (End::new(to_far), End::new(from_far));
    let lent = vec![from_near, to_near]; // processes: lent
    spawn_and_join(plan, laps, lent, || near(plan, to_far, from_far))
}

pub fn worker(
    plan: &Plan,
    parent: &mut Parent, // processes: with what it was lent
) -> Result<Report> {
    let receiver = End::new(parent.take_descriptor()?); // processes: as lent
    let sender = End::new(parent.take_descriptor()?);
    parent.gate.wait()?; // processes: ready now
    far(plan, receiver, sender)
}

/// One end of a channel.
struct End(File);

impl End {
    /// The most that is written at once. A packet has to fit into the
    /// socket's buffer, which is 208 KiB unless told otherwise (unix(7)); to
    /// a pipe and a stream it does not matter.
    const PIECE: usize = 64 << 10; // processes: counted in bytes

    fn new(descriptor: OwnedFd) -> Self {
        End(descriptor.into()) // processes: read and written as a file
    }
}

impl Sends<Vec<u64>> for End {
    fn send(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(parcel); // processes: bytes
        for piece in bytes.chunks(End::PIECE) {
            self.0.write_all(piece)?; // processes: copied in
        }
        Ok(())
    }
}

impl Receives<Vec<u64>> for End {
    fn receive(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(parcel); // processes: bytes
        for piece in bytes.chunks_mut(End::PIECE) {
            self.0.read_exact(piece)?; // processes: copied out
        }
        Ok(())
    }
}
