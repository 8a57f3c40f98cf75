//! What travels between processes: messages in frames.
//!
//! | bytes | contain |
//! |---|---|
//! | 4 | the length of the payload in bytes, little-endian |
//! | 4 | the CRC-32 of these four bytes and the payload, little-endian |
//! | … | the payload: the message as `postcard` encodes it |
//!
//! A frame is received as it was sent, or refused. The kernel does not corrupt
//! data, but a second sender on the same pipe tears frames apart.
//!
//! An announced length allocates nothing: memory is allocated as bytes arrive,
//! and `postcard` lets a sequence claim no more elements than there are bytes
//! left, and a map no more than 1 MiB at first. Two things no frame format can
//! prevent: a sequence of elements that take no bytes, such as `Vec<()>`, takes
//! as long to decode as its length says; and a recursive type is decoded as
//! deep as the bytes say, beyond any stack. So do not use such types if you do
//! not trust the sender.

use std::{
    io::{self, ErrorKind, Read},
    mem,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    channel::error::{Corrupt, RecvError, SendError},
    share::descriptor,
};

/// In bytes. A longer payload is refused as a fault, or an attack on memory.
pub(crate) const LONGEST_PAYLOAD: usize = 64 << 20;

const HEADER: usize = 8;

/// How much memory a frame gets before any of its bytes have arrived.
const LEAST_ROOM: usize = 4096;

/// Encodes the frame of `message` into `frame`, which is empty after an error.
pub(crate) fn encode(
    message: &impl Serialize,
    frame: &mut Vec<u8>,
) -> Result<(), SendError> {
    frame.clear();
    frame.extend([0; HEADER]);
    let mut whole =
        postcard::to_extend(message, mem::take(frame)).map_err(|error| {
            match descriptor::reason() {
                Some(reason) => SendError::Refused(reason),
                None => SendError::Encode(error),
            }
        })?;
    let (length, longest) = (whole.len() - HEADER, LONGEST_PAYLOAD);
    if length > longest {
        return Err(SendError::TooLong { length, longest });
    }
    seal(&mut whole);
    *frame = whole;
    Ok(())
}

/// Writes the header for the payload after it.
fn seal(frame: &mut [u8]) {
    let (header, payload) = frame.split_at_mut(HEADER);
    let length = (payload.len() as u32).to_le_bytes();
    header[..4].copy_from_slice(&length);
    header[4..].copy_from_slice(&checksum(length, payload).to_le_bytes());
}

/// Decodes the message of a whole frame.
pub(crate) fn decode<T: DeserializeOwned>(frame: &[u8]) -> Result<T, Corrupt> {
    let cut = Corrupt::Cut { after: frame.len() };
    let Some((header, payload)) = frame.split_first_chunk() else {
        return Err(cut);
    };
    let length = length_in(header)?;
    if payload.len() < length {
        return Err(cut);
    }
    let (payload, rest) = payload.split_at(length);
    nothing_in(rest)?;
    check(header, payload)?;
    let (message, rest) =
        postcard::take_from_bytes(payload).map_err(|error| {
            match descriptor::reason() {
                Some(reason) => Corrupt::Refused(reason),
                None => Corrupt::Decode(error),
            }
        })?;
    nothing_in(rest)?;
    Ok(message)
}

fn nothing_in(rest: &[u8]) -> Result<(), Corrupt> {
    match rest.len() {
        0 => Ok(()),
        bytes => Err(Corrupt::TooMany { bytes }),
    }
}

/// The payload's length, if it is allowed.
fn length_in(header: &[u8; HEADER]) -> Result<usize, Corrupt> {
    let [a, b, c, d, ..] = *header;
    match u32::from_le_bytes([a, b, c, d]) as usize {
        length @ ..=LONGEST_PAYLOAD => Ok(length),
        length => Err(Corrupt::TooLong { length }),
    }
}

fn check(header: &[u8; HEADER], payload: &[u8]) -> Result<(), Corrupt> {
    let [a, b, c, d, e, f, g, h] = *header;
    let announced = u32::from_le_bytes([e, f, g, h]);
    let found = checksum([a, b, c, d], payload);
    if announced == found {
        Ok(())
    } else {
        Err(Corrupt::Checksum { announced, found })
    }
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// The frame that is being received. It keeps the bytes that have arrived if a
/// read fails, and the next call continues there.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// Reused from frame to frame, and at least as long as `filled`.
    room: Vec<u8>,
    filled: usize,
}

impl Incoming {
    /// The next message. Reads no further than the end of its frame.
    ///
    /// The end of `source` between two frames is `Disconnected`.
    pub(crate) fn receive<T: DeserializeOwned>(
        &mut self,
        source: &mut impl Read,
    ) -> Result<T, RecvError> {
        Ok(decode(self.frame(source)?)?)
    }

    /// The next whole frame. Only its length is checked.
    pub(crate) fn frame(
        &mut self,
        source: &mut impl Read,
    ) -> Result<&[u8], RecvError> {
        while let missing @ 1.. = self.missing()? {
            self.read(missing, source)?;
        }
        Ok(&self.room[..mem::take(&mut self.filled)])
    }

    /// How many bytes of the header are missing or, if none, of the payload.
    fn missing(&self) -> Result<usize, Corrupt> {
        match self.room[..self.filled].first_chunk() {
            None => Ok(HEADER - self.filled),
            Some(header) => Ok(HEADER + length_in(header)? - self.filled),
        }
    }

    /// Reads some of the missing bytes, in one call. After a signal the next
    /// call continues, as after a short read.
    fn read(
        &mut self,
        missing: usize,
        source: &mut impl Read,
    ) -> Result<(), RecvError> {
        match no_more_is_no_error(source.read(self.room_for(missing))) {
            Ok(0) if self.filled == 0 => Err(RecvError::Disconnected),
            Ok(0) => Err(Corrupt::Cut { after: self.filled }.into()),
            Ok(read) => {
                self.filled += read;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(RecvError::Io(error)),
        }
    }

    /// Room for some of the missing bytes. If there is none, makes room for as
    /// many bytes as have already arrived.
    fn room_for(&mut self, missing: usize) -> &mut [u8] {
        if self.filled == self.room.len() {
            let more = missing.min(self.filled.max(LEAST_ROOM));
            self.room.resize(self.filled + more, 0);
        }
        let end = self.room.len().min(self.filled + missing);
        &mut self.room[self.filled..end]
    }
}

/// A sender that exits with unread data resets its socket, and is just as gone.
fn no_more_is_no_error(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(0),
        read => read,
    }
}

#[cfg(test)]
mod tests;
