//! What can go wrong with a message, under crossbeam's names.

use std::{error::Error, fmt, io};

use crate::channel::frame::LONGEST_PAYLOAD;

/// Why a message was not sent.
#[derive(Debug)]
pub enum SendError {
    /// The receiver was dropped, or its process ended. Also after an error
    /// in the middle of a message: then the sender has hung up.
    Disconnected,
    /// The message takes more bytes than any may. Nothing was sent, and the
    /// channel can be used as before.
    TooLong {
        /// What it takes, in bytes.
        length: usize,
        /// The most that this channel takes.
        longest: usize,
    },
    /// The message has no encoding, says its `Serialize`. Nothing was sent,
    /// and the channel can be used as before.
    Encode(postcard::Error),
    /// A part of the message cannot be sent, and why. Nothing was sent, and
    /// the channel can be used as before.
    Refused(String),
    /// The kernel refuses.
    Io(io::Error),
}

/// Why no message was received.
#[derive(Debug)]
pub enum RecvError {
    /// All that was sent has been received, and the sender was dropped, or
    /// its process ended. Also after [`Corrupt`](RecvError::Corrupt): then
    /// the receiver has hung up.
    Disconnected,
    /// What came is no message of this channel.
    Corrupt(Corrupt),
    /// The kernel refuses.
    Io(io::Error),
}

/// Why no message was received in time.
#[derive(Debug)]
pub enum RecvTimeoutError {
    /// The time is up. What has come of a message is kept for the next call.
    Timeout,
    /// As [`RecvError::Disconnected`].
    Disconnected,
    /// As [`RecvError::Corrupt`].
    Corrupt(Corrupt),
    /// As [`RecvError::Io`].
    Io(io::Error),
}

/// What is wrong with the bytes that came.
#[derive(Debug)]
pub enum Corrupt {
    /// A frame announces a payload longer than any may be.
    TooLong {
        /// What it announces, in bytes.
        length: usize,
    },
    /// The sender ended within a frame.
    Cut {
        /// How many bytes of the frame came.
        after: usize,
    },
    /// Bytes were changed, lost or mixed with others on the way.
    Checksum {
        /// The checksum that came with the frame.
        announced: u32,
        /// The checksum of what came.
        found: u32,
    },
    /// The frame came whole, and is no value of the receiver's type.
    Decode(postcard::Error),
    /// The frame came whole, and a part of it cannot be had here, and why.
    Refused(String),
    /// The frame goes on behind its message.
    TooMany {
        /// How many bytes there are too many.
        bytes: usize,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Disconnected => {
                formatter.write_str("the receiver is gone: nobody would read")
            }
            SendError::TooLong { length, longest } => write!(
                formatter,
                "a message is {length} bytes long, and {longest} are the \
                 most: send it in parts, or as a Mapping"
            ),
            SendError::Encode(error) => {
                write!(formatter, "a message could not be encoded: {error}")
            }
            SendError::Refused(reason) => {
                write!(formatter, "a message could not be sent: {reason}")
            }
            SendError::Io(error) => {
                write!(formatter, "a message could not be sent: {error}")
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
                formatter.write_str("no whole message came in time")
            }
            RecvTimeoutError::Disconnected => formatter.write_str(NO_MORE),
            RecvTimeoutError::Corrupt(corrupt) => corrupt.fmt(formatter),
            RecvTimeoutError::Io(error) => not_received(error, formatter),
        }
    }
}

const NO_MORE: &str = "the sender is gone: no more will come";

fn not_received(
    error: &io::Error,
    formatter: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(formatter, "a message could not be received: {error}")
}

impl fmt::Display for Corrupt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Corrupt::TooLong { length } => write!(
                formatter,
                "a frame of {length} bytes was announced, and \
                 {LONGEST_PAYLOAD} are the most"
            ),
            Corrupt::Cut { after } => write!(
                formatter,
                "a frame was cut after {after} bytes: its sender ended"
            ),
            Corrupt::Checksum { announced, found } => write!(
                formatter,
                "a frame's checksum is {found:#010x}, and {announced:#010x} \
                 was announced: has the channel more than one sender?"
            ),
            Corrupt::Refused(reason) => {
                write!(formatter, "a message was refused: {reason}")
            }
            Corrupt::Decode(error) => write!(
                formatter,
                "a frame could not be decoded: {error}: are both ends of the \
                 same type?"
            ),
            Corrupt::TooMany { bytes } => write!(
                formatter,
                "a frame has {bytes} bytes too many: are both ends of the \
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

// The texts name their causes, so none is given as a source: it would be
// told twice.
impl Error for SendError {}
impl Error for RecvError {}
impl Error for RecvTimeoutError {}
impl Error for Corrupt {}
