//! What can go wrong with a message, under crossbeam's names.

use std::{error::Error, fmt, io};

use crate::channel::frame::LONGEST_PAYLOAD;

/// Why a message was not sent.
#[derive(Debug)]
pub enum SendError {
    /// The receiver was dropped, or its process exited. Also returned after an
    /// error in the middle of a message: then the sender has hung up.
    Disconnected,
    /// The message is too long. Nothing was sent, and the channel is still
    /// usable.
    TooLong {
        /// Its length, in bytes.
        length: usize,
        /// The maximum length for this channel.
        longest: usize,
    },
    /// The message's `Serialize` failed. Nothing was sent, and the channel is
    /// still usable.
    Encode(postcard::Error),
    /// Part of the message cannot be sent, for this reason. Nothing was sent,
    /// and the channel is still usable.
    Refused(String),
    /// The system call failed.
    Io(io::Error),
}

/// Why no message was received.
#[derive(Debug)]
pub enum RecvError {
    /// Everything that was sent has been received, and the sender was dropped
    /// or its process exited. Also returned after
    /// [`Corrupt`](RecvError::Corrupt): then the receiver has hung up.
    Disconnected,
    /// The bytes received are not a message of this channel.
    Corrupt(Corrupt),
    /// The system call failed.
    Io(io::Error),
}

/// Why no message was received in time.
#[derive(Debug)]
pub enum RecvTimeoutError {
    /// The time is up. A partly received message is kept for the next call.
    Timeout,
    /// As [`RecvError::Disconnected`].
    Disconnected,
    /// As [`RecvError::Corrupt`].
    Corrupt(Corrupt),
    /// As [`RecvError::Io`].
    Io(io::Error),
}

/// What is wrong with the bytes received.
#[derive(Debug)]
pub enum Corrupt {
    /// A frame announces a payload that is too long.
    TooLong {
        /// The announced length, in bytes.
        length: usize,
    },
    /// The sender exited in the middle of a frame.
    Cut {
        /// How many bytes of the frame arrived.
        after: usize,
    },
    /// Bytes were changed, lost or mixed with others on the way.
    Checksum {
        /// The checksum in the frame.
        announced: u32,
        /// The checksum of the bytes that arrived.
        found: u32,
    },
    /// The frame arrived whole, but is not a value of the receiver's type.
    Decode(postcard::Error),
    /// The frame arrived whole, but part of it was refused, for this reason.
    Refused(String),
    /// The frame has trailing bytes after its message.
    TooMany {
        /// How many trailing bytes there are.
        bytes: usize,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Disconnected => {
                formatter.write_str("the receiver is gone")
            }
            SendError::TooLong { length, longest } => write!(
                formatter,
                "a message of {length} bytes is too long, the maximum is \
                 {longest}: send it in parts, or as a Mapping"
            ),
            SendError::Encode(error) => {
                write!(formatter, "cannot encode a message: {error}")
            }
            SendError::Refused(reason) => {
                write!(formatter, "cannot send a message: {reason}")
            }
            SendError::Io(error) => {
                write!(formatter, "cannot send a message: {error}")
            }
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Disconnected => formatter.write_str(NO_MORE),
            RecvError::Corrupt(corrupt) => corrupt.fmt(formatter),
            RecvError::Io(error) => not_received(error, formatter),
        }
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvTimeoutError::Timeout => {
                formatter.write_str("no whole message arrived in time")
            }
            RecvTimeoutError::Disconnected => formatter.write_str(NO_MORE),
            RecvTimeoutError::Corrupt(corrupt) => corrupt.fmt(formatter),
            RecvTimeoutError::Io(error) => not_received(error, formatter),
        }
    }
}

const NO_MORE: &str = "the sender is gone: no more messages will come";

fn not_received(
    error: &io::Error,
    formatter: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(formatter, "cannot receive a message: {error}")
}

impl fmt::Display for Corrupt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Corrupt::TooLong { length } => write!(
                formatter,
                "a frame announces {length} bytes, the maximum is \
                 {LONGEST_PAYLOAD}"
            ),
            Corrupt::Cut { after } => write!(
                formatter,
                "a frame was cut off after {after} bytes: its sender exited"
            ),
            Corrupt::Checksum { announced, found } => write!(
                formatter,
                "a frame announces the checksum {announced:#010x}, but has \
                 {found:#010x}: does the channel have more than one sender?"
            ),
            Corrupt::Refused(reason) => {
                write!(formatter, "a message was refused: {reason}")
            }
            Corrupt::Decode(error) => write!(
                formatter,
                "cannot decode a frame: {error}: do both ends have the same \
                 type?"
            ),
            Corrupt::TooMany { bytes } => write!(
                formatter,
                "a frame has {bytes} trailing bytes: do both ends have the \
                 same type?"
            ),
        }
    }
}

impl From<io::Error> for SendError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => SendError::Disconnected,
            _ => SendError::Io(error),
        }
    }
}

impl From<Corrupt> for RecvError {
    fn from(corrupt: Corrupt) -> Self {
        RecvError::Corrupt(corrupt)
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Disconnected => RecvTimeoutError::Disconnected,
            RecvError::Corrupt(corrupt) => RecvTimeoutError::Corrupt(corrupt),
            RecvError::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                RecvTimeoutError::Timeout
            }
            RecvError::Io(error) => RecvTimeoutError::Io(error),
        }
    }
}

// The texts include their causes, so `source` returns none: they would be
// printed twice.
impl Error for SendError {}
impl Error for RecvError {}
impl Error for RecvTimeoutError {}
impl Error for Corrupt {}
