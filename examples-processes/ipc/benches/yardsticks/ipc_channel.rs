//! ipc-channel, which Servo uses between its processes. A message is copied
//! into a socket and out of it, and both ends sleep in the kernel while they
//! wait.

use ::ipc_channel::ipc::{
    self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcReceiver,
    IpcSender,
};
use anyhow::{Context as _, Result};
use common::scenarios::ipc::{Parcel, Receives, Sends};
use process_kit::Parent;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    end::{far, near, spawn_and_join},
    job::{FarEnd, Job},
};

/// The near end. The library chooses the name by which it is found, a socket
/// in a temporary folder, and removes both when it accepts. By then the far end
/// is waiting at the gate, so it has already connected.
pub fn run<K: Kind>(job: &Job, far_end: FarEnd) -> Result<f64> {
    let (server, name) = IpcOneShotServer::<Ends<K>>::new()?;
    spawn_and_join(&job.at(&name), far_end, || {
        let (_, (mut sender, mut receiver)) = server.accept()?;
        near(job, &mut sender, &mut receiver)
    })
}

/// The far end: creates both channels, and sends the near end its ends.
pub fn worker<K: Kind>(job: &Job, parent: &Parent) -> Result<()> {
    let server = IpcSender::connect(job.address.clone())
        .with_context(|| format!("cannot connect to {}", job.address))?;
    let (there, mut receiver) = K::channel()?;
    let (mut sender, back) = K::channel()?;
    server.send((there, back))?;
    parent.gate.wait()?;
    far(job, &mut receiver, &mut sender)
}

/// What an end sends to, and what it receives from.
type Ends<K> = (<K as Kind>::Sender, <K as Kind>::Receiver);

/// The kind of a channel's messages.
pub trait Kind {
    type Parcel: Parcel;
    type Sender: Sends<Self::Parcel> + Serialize + DeserializeOwned;
    type Receiver: Receives<Self::Parcel> + Serialize + DeserializeOwned;

    fn channel() -> Result<Ends<Self>>;
}

/// One of the library's ends, which can themselves be sent as messages.
#[derive(Serialize, Deserialize)]
pub struct End<E>(E);

/// Values, encoded by the library.
pub enum Typed {}

/// A line, as serde can encode it: 64 bytes, and 64 in transit. As words its
/// length would vary, because the library encodes small integers in fewer
/// bytes; and serde supports no array of more than 32 elements.
type Line = [[u8; 32]; 2];

impl Kind for Typed {
    type Parcel = [u64; 8];
    type Sender = End<IpcSender<Line>>;
    type Receiver = End<IpcReceiver<Line>>;

    fn channel() -> Result<Ends<Self>> {
        let (sender, receiver) = ipc::channel()?;
        Ok((End(sender), End(receiver)))
    }
}

impl Sends<[u64; 8]> for End<IpcSender<Line>> {
    fn send(&mut self, parcel: &mut [u64; 8]) -> Result<()> {
        Ok(self.0.send(bytemuck::cast(*parcel))?)
    }
}

impl Receives<[u64; 8]> for End<IpcReceiver<Line>> {
    fn receive(&mut self, parcel: &mut [u64; 8]) -> Result<()> {
        *parcel = bytemuck::cast(self.0.recv()?);
        Ok(())
    }
}

/// Raw bytes.
///
/// A message that does not fit into the socket's buffer (some 200 kB) is sent
/// in pieces, through a socket pair created for this one message. The sender
/// holds both ends until the last piece is out: if the receiver dies before
/// that, the sender waits forever, and only the watchdog stops it.
pub enum Bytes {}

impl Kind for Bytes {
    type Parcel = Packet;
    type Sender = End<IpcBytesSender>;
    type Receiver = End<IpcBytesReceiver>;

    fn channel() -> Result<Ends<Self>> {
        let (sender, receiver) = ipc::bytes_channel()?;
        Ok((End(sender), End(receiver)))
    }
}

/// Bytes, in memory that the library has allocated for them.
pub struct Packet(Vec<u8>);

/// An allocation of the C library happens to be aligned to its words. If it
/// were not, this would panic.
impl Parcel for Packet {
    fn with_words(words: usize) -> Self {
        Packet(vec![0; words * size_of::<u64>()])
    }

    fn words(&self) -> &[u64] {
        bytemuck::cast_slice(&self.0)
    }

    fn words_mut(&mut self) -> &mut [u64] {
        bytemuck::cast_slice_mut(&mut self.0)
    }

    fn take(&mut self) -> Self {
        Packet(std::mem::take(&mut self.0))
    }
}

impl Sends<Packet> for End<IpcBytesSender> {
    fn send(&mut self, parcel: &mut Packet) -> Result<()> {
        Ok(self.0.send(&parcel.0)?)
    }
}

impl Receives<Packet> for End<IpcBytesReceiver> {
    fn receive(&mut self, parcel: &mut Packet) -> Result<()> {
        parcel.0 = self.0.recv()?;
        Ok(())
    }
}
