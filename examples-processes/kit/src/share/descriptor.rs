//! Open descriptors as fields of a job or an answer.
//!
//! The number of a descriptor means nothing in another process: the kernel
//! has to copy the descriptor over, beside the message (`SCM_RIGHTS`,
//! unix(7)). A field that is marked with this module crosses in that way:
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
//! In the bytes stands its place among those that go along, which the
//! receiver checks: each can be taken once, and only if it came.
//!
//! An encoder has no room for them, so they wait in a table of this thread
//! while one message is encoded or decoded. The rejected alternative is to
//! have them taken by hand, in the order in which they were lent: nothing
//! tells if two are mistaken for each other.

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
    /// What goes along with the message at hand, if anything can.
    static TABLE: RefCell<Option<Vec<Option<OwnedFd>>>> =
        const { RefCell::new(None) };

    /// Why a part of it was refused. `postcard` keeps no text of an error.
    static REASON: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Sends a copy of the descriptor along.
///
/// # Errors
///
/// Fails if nothing can go along with this message, as in a channel or to a
/// pool, or if this process has too many descriptors.
pub fn serialize<S: Serializer>(
    end: &impl AsFd,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let place = lend(end).map_err(|error| S::Error::custom(refuse(error)))?;
    serializer.serialize_u8(place)
}

/// Takes the descriptor that came along.
///
/// # Errors
///
/// Fails if it did not come, or was taken already.
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

    /// Sends a copy of the descriptor along, if there is one.
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

    /// Takes the descriptor, if one came along for this field.
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

/// What has to go along with a message, once `encode` is done with it.
pub(crate) fn lent_by(
    encode: impl FnOnce() -> Result<(), SendError>,
) -> Result<Vec<OwnedFd>, SendError> {
    let before = TABLE.replace(Some(Vec::new()));
    let encoded = encode();
    let lent = TABLE.replace(before).unwrap_or_default();
    encoded.map(|()| lent.into_iter().flatten().collect())
}

/// What `decode` makes of a message with which these came. It has to take all
/// of them.
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
            "{left} descriptors came along that it does not name"
        )))),
    }
}

/// Why what came in a field is refused.
pub(crate) fn refused<E: de::Error>(error: anyhow::Error) -> E {
    E::custom(refuse(format!("{error:#}")))
}

/// Notes why a part of the message at hand is refused.
pub(crate) fn refuse(reason: String) -> String {
    REASON.set(Some(reason.clone()));
    reason
}

/// Why a part of it was refused, if that is why it failed.
pub(crate) fn reason() -> Option<String> {
    REASON.take()
}

fn lend(end: &impl AsFd) -> Result<u8, String> {
    let copy = end
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| format!("no copy of a descriptor: {error}"))?;
    TABLE.with_borrow_mut(|table| {
        let table = table
            .as_mut()
            .ok_or("no descriptor can go along with this message")?;
        table.push(Some(copy));
        u8::try_from(table.len() - 1).map_err(|_| "too many of them".into())
    })
}

fn claim(place: u8) -> Result<OwnedFd, String> {
    let take = |table: &mut Option<Vec<Option<OwnedFd>>>| {
        table.as_mut()?.get_mut(usize::from(place))?.take()
    };
    let none = || format!("no descriptor {place} came along");
    TABLE.with_borrow_mut(take).ok_or_else(none)
}

/// Whatever it is, as a field.
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

    /// The bytes are another process's: they may name what is not there, or
    /// one twice.
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
        assert!(error.contains("can go along"), "{error}");
    }
}
