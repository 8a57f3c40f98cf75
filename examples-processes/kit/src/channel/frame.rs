//! What travels between processes: a message in its frame.
//!
//! | bytes | hold |
//! |---|---|
//! | 4 | how many bytes the payload has, little-endian |
//! | 4 | the CRC-32 of these four bytes and the payload, little-endian |
//! | … | the payload: the message as `postcard` encodes it |
//!
//! A frame is received as it was sent, or refused. The kernel garbles
//! nothing, but a second sender on the same pipe tears frames apart.
//!
//! What a frame announces allocates nothing: memory is had as bytes come, and
//! `postcard` lets a sequence claim no more elements than there are bytes
//! left, and a map no more than 1 MiB at first. Two things no frame can
//! prevent: a sequence whose elements take no bytes, a `Vec<()>`, costs time
//! without end if its length says so, and a type that contains itself is
//! decoded as deep as the bytes say, beyond any stack. So do not send such
//! types where the sender is not trusted.

use std::{
    io::{self, ErrorKind, Read},
    mem,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    channel::error::{Corrupt, RecvError, SendError},
    share::descriptor,
};

/// In bytes. A longer payload is refused: it would be a fault, or an attack
/// on memory.
pub(crate) const LONGEST_PAYLOAD: usize = 64 << 20;

const HEADER: usize = 8;

/// How much memory a frame gets before any of its bytes came.
const LEAST_ROOM: usize = 4096;

/// Makes the frame of `message` in the memory of `frame`, which an error
/// leaves empty.
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

/// Writes the header for the payload behind it.
fn seal(frame: &mut [u8]) {
    let (header, payload) = frame.split_at_mut(HEADER);
    let length = (payload.len() as u32).to_le_bytes();
    header[..4].copy_from_slice(&length);
    header[4..].copy_from_slice(&checksum(length, payload).to_le_bytes());
}

/// The message of a whole frame.
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

/// The payload's length, if it may be as long.
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
    match announced == found {
        true => Ok(()),
        false => Err(Corrupt::Checksum { announced, found }),
    }
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// The frame that is coming in. It keeps what came of it when a read fails:
/// the next call goes on there.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// Kept from frame to frame, and no shorter than what is filled of it.
    room: Vec<u8>,
    filled: usize,
}

impl Incoming {
    /// The next message. Reads no further than its frame goes.
    ///
    /// The end of `source` between two frames is `Disconnected`.
    pub(crate) fn receive<T: DeserializeOwned>(
        &mut self,
        source: &mut impl Read,
    ) -> Result<T, RecvError> {
        Ok(decode(self.frame(source)?)?)
    }

    /// The next frame, whole. Nothing but its length is looked at.
    pub(crate) fn frame(
        &mut self,
        source: &mut impl Read,
    ) -> Result<&[u8], RecvError> {
        while let missing @ 1.. = self.missing()? {
            self.read(missing, source)?;
        }
        Ok(&self.room[..mem::take(&mut self.filled)])
    }

    /// How many bytes the header lacks, or else the payload.
    fn missing(&self) -> Result<usize, Corrupt> {
        match self.room[..self.filled].first_chunk() {
            None => Ok(HEADER - self.filled),
            Some(header) => Ok(HEADER + length_in(header)? - self.filled),
        }
    }

    /// Some of the missing bytes: what one call gives. The next goes on
    /// after a signal as after a short read.
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

    /// Room for some of the missing bytes: where there is none, for as many
    /// as have come already.
    fn room_for(&mut self, missing: usize) -> &mut [u8] {
        if self.filled == self.room.len() {
            let more = missing.min(self.filled.max(LEAST_ROOM));
            self.room.resize(self.filled + more, 0);
        }
        let end = self.room.len().min(self.filled + missing);
        &mut self.room[self.filled..end]
    }
}

/// A sender that ended with something unread resets its socket, and is gone
/// no less.
fn no_more_is_no_error(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(0),
        read => read,
    }
}

#[cfg(test)]
mod tests;
