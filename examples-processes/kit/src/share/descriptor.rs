//! Open descriptors as fields of a job or an answer.
//!
//! The number of a descriptor means nothing in another process: the kernel has
//! to duplicate the descriptor there, alongside the message (`SCM_RIGHTS`,
//! unix(7)). A field marked with this module is sent that way:
//!
//! ```
//! use std::io::PipeWriter;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Job {
//!     first: u64,
//!     #[serde(with = "process_kit::descriptor")]
//!     log: PipeWriter,
//! }
//! ```
//!
//! The encoded bytes contain its position among the descriptors of the message,
//! which the receiver checks: each descriptor can be taken once, and only if it
//! arrived.
//!
//! An encoder cannot carry descriptors, so they wait in a thread-local table
//! while a message is encoded or decoded. The rejected alternative is to take
//! them by hand, in the order in which they were sent: then nothing notices
//! when two of them are swapped.

use std::{
    cell::RefCell,
    os::fd::{AsFd, OwnedFd},
};

use serde::{
    Deserialize as _, Deserializer, Serializer,
    de::{self, Error as _},
    ser::Error as _,
};

use crate::channel::{Corrupt, SendError};

thread_local! {
    /// The descriptors of the current message; `None` if it cannot have any.
    static TABLE: RefCell<Option<Vec<Option<OwnedFd>>>> =
        const { RefCell::new(None) };

    /// Why part of it was refused. `postcard` does not keep the text of an
    /// error.
    static REASON: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Sends a duplicate of the descriptor.
///
/// # Errors
///
/// Fails if descriptors cannot be sent with this message, as in a channel or to
/// a pool, or if this process has too many descriptors.
pub fn serialize<S: Serializer>(
    end: &impl AsFd,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let place = lend(end).map_err(|error| S::Error::custom(refuse(error)))?;
    serializer.serialize_u8(place)
}

/// Takes the descriptor that arrived for this field.
///
/// # Errors
///
/// Fails if it did not arrive, or was already taken.
pub fn deserialize<'de, T: From<OwnedFd>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let end = claim(u8::deserialize(deserializer)?);
    end.map(T::from).map_err(|error| D::Error::custom(refuse(error)))
}

/// For a field that is an `Option` of a descriptor:
/// `#[serde(with = "process_kit::descriptor::optional")]`.
pub mod optional {
    use std::os::fd::{AsFd, OwnedFd};

    use serde::{
        Deserialize as _, Deserializer, Serialize as _, Serializer,
        de::Error as _, ser::Error as _,
    };

    use super::{claim, lend, refuse};

    /// Sends a duplicate of the descriptor, if there is one.
    ///
    /// # Errors
    ///
    /// As [`serialize`](super::serialize).
    pub fn serialize<S: Serializer>(
        end: &Option<impl AsFd>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let place = end.as_ref().map(lend).transpose();
        let place = place.map_err(|error| S::Error::custom(refuse(error)))?;
        place.serialize(serializer)
    }

    /// Takes the descriptor, if one arrived for this field.
    ///
    /// # Errors
    ///
    /// As [`deserialize`](super::deserialize).
    pub fn deserialize<'de, T: From<OwnedFd>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let place = Option::<u8>::deserialize(deserializer)?;
        let end = place.map(claim).transpose();
        let end = end.map_err(|error| D::Error::custom(refuse(error)))?;
        Ok(end.map(T::from))
    }
}

/// Runs `encode`, and returns the descriptors to send with the message.
pub(crate) fn lent_by(
    encode: impl FnOnce() -> Result<(), SendError>,
) -> Result<Vec<OwnedFd>, SendError> {
    let before = TABLE.replace(Some(Vec::new()));
    let encoded = encode();
    let lent = TABLE.replace(before).unwrap_or_default();
    encoded.map(|()| lent.into_iter().flatten().collect())
}

/// Runs `decode` on a message that these descriptors arrived with. It must take
/// all of them.
pub(crate) fn given_to<R>(
    came: Vec<OwnedFd>,
    decode: impl FnOnce() -> Result<R, Corrupt>,
) -> Result<R, Corrupt> {
    let came = came.into_iter().map(Some).collect();
    let before = TABLE.replace(Some(came));
    let decoded = decode();
    let left = TABLE.replace(before).unwrap_or_default();
    match left.into_iter().flatten().count() {
        0 => decoded,
        left => decoded.and(Err(Corrupt::Refused(format!(
            "{left} descriptors arrived that the message does not use"
        )))),
    }
}

/// An error for a field whose contents are refused.
pub(crate) fn refused<E: de::Error>(error: anyhow::Error) -> E {
    E::custom(refuse(format!("{error:#}")))
}

/// Records why part of the current message is refused.
pub(crate) fn refuse(reason: String) -> String {
    REASON.set(Some(reason.clone()));
    reason
}

/// Why part of the message was refused, if that is why it failed.
pub(crate) fn reason() -> Option<String> {
    REASON.take()
}

fn lend(end: &impl AsFd) -> Result<u8, String> {
    let copy = end
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| format!("cannot duplicate a descriptor: {error}"))?;
    TABLE.with_borrow_mut(|table| {
        let table = table
            .as_mut()
            .ok_or("descriptors cannot be sent with this message")?;
        table.push(Some(copy));
        u8::try_from(table.len() - 1)
            .map_err(|_| "too many descriptors in this message".into())
    })
}

fn claim(place: u8) -> Result<OwnedFd, String> {
    let take = |table: &mut Option<Vec<Option<OwnedFd>>>| {
        table.as_mut()?.get_mut(usize::from(place))?.take()
    };
    let none = || format!("no descriptor {place} arrived");
    TABLE.with_borrow_mut(take).ok_or_else(none)
}

/// Any descriptor, as a field.
#[cfg(test)]
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct End(#[serde(with = "crate::descriptor")] pub(crate) OwnedFd);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{channel, start::wire::Wire};

    #[derive(Serialize, Deserialize)]
    struct Ends {
        number: u16,
        #[serde(with = "crate::descriptor")]
        writer: PipeWriter,
        #[serde(with = "crate::descriptor")]
        reader: PipeReader,
    }

    fn ends() -> Ends {
        let (reader, writer) = pipe().unwrap();
        Ends { number: 7, writer, reader }
    }

    #[test]
    fn each_field_gets_its_own() {
        let (here, there) = Wire::pair().unwrap();
        here.send(&ends()).unwrap();
        let message = there.receive::<Ends>().unwrap().unwrap();
        let Ends { number, mut writer, mut reader } = message;
        assert_eq!(number, 7);
        writer.write_all(b"through").unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    /// The bytes come from another process: they may name a descriptor that did
    /// not arrive, or one twice.
    #[test]
    fn refuses_what_did_not_come_and_what_was_taken() {
        for (places, came) in [([0_u8, 1], 1), ([0, 0], 2), ([255, 0], 2)] {
            let (here, there) = Wire::pair().unwrap();
            let other = |_| End(pipe().unwrap().0.into());
            let others: Vec<_> = (0..came).map(other).collect();
            here.send(&(7_u16, places[0], places[1], others)).unwrap();
            let error = there.receive::<Ends>().map(drop).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("no descriptor"), "{places:?}: {error}");
        }
    }

    #[derive(Serialize, Deserialize)]
    struct Perhaps {
        #[serde(with = "crate::share::descriptor::optional")]
        first: Option<PipeWriter>,
        #[serde(with = "crate::share::descriptor::optional")]
        second: Option<PipeWriter>,
        number: u16,
    }

    #[test]
    fn an_optional_field_may_be_missing() {
        let (here, there) = Wire::pair().unwrap();
        let (mut reader, writer) = pipe().unwrap();
        let sent = Perhaps { first: None, second: Some(writer), number: 7 };
        here.send(&sent).unwrap();
        drop(sent);
        let message = there.receive::<Perhaps>().unwrap().unwrap();
        let Perhaps { first, second, number } = message;
        assert_eq!((first.is_none(), number), (true, 7));
        second.unwrap().write_all(b"through").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn refuses_an_optional_one_that_is_named_and_did_not_come() {
        let (here, there) = Wire::pair().unwrap();
        here.send(&(None::<u8>, Some(0_u8), 7_u16)).unwrap();
        let error = there.receive::<Perhaps>().map(drop).unwrap_err();
        assert!(error.to_string().contains("no descriptor 0"), "{error}");
    }

    #[test]
    fn nothing_goes_along_where_nothing_can() {
        let (mut sender, _receiver) = channel::pipe::<Ends>().unwrap();
        let error = sender.send(&ends()).unwrap_err().to_string();
        assert!(error.contains("descriptors cannot be sent"), "{error}");
    }
}
