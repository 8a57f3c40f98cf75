//! How an end crosses in a job or an answer: as its descriptors, which are
//! [copied over](crate::descriptor), and looked at when they come.

use std::os::fd::{BorrowedFd, OwnedFd};

use anyhow::{Context as _, ensure};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::Error as _,
    ser::Error as _,
};

use super::{
    Receiver, Sender,
    transport::{Next, Sink, Source},
};
use crate::share::descriptor;

/// A descriptor on its way out.
#[derive(Serialize)]
struct Lent<'a>(
    #[serde(serialize_with = "descriptor::serialize")] BorrowedFd<'a>,
);

/// A descriptor that came in.
#[derive(Deserialize)]
struct Given(#[serde(deserialize_with = "descriptor::deserialize")] OwnedFd);

/// Fails if it has hung up, or is a ring's and was used: the other end would
/// come to know two of them.
impl<T> Serialize for Sender<T> {
    fn serialize<S: Serializer>(
        &self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        lend(self.descriptors(), serializer)
    }
}

/// Fails if what came is no sending end.
impl<'de, T> Deserialize<'de> for Sender<T> {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        take(deserializer, Sink::take).map(Sender::to)
    }
}

/// As a [`Sender`] does. To be lent before it is used: it reads ahead, and
/// that stays here.
impl<T> Serialize for Receiver<T> {
    fn serialize<S: Serializer>(
        &self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        lend(self.descriptors(), serializer)
    }
}

/// Fails if what came is no receiving end.
impl<'de, T> Deserialize<'de> for Receiver<T> {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        take(deserializer, Source::take).map(Receiver::of)
    }
}

fn lend<S: Serializer>(
    ends: Vec<BorrowedFd<'_>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if ends.is_empty() {
        let reason = "an end of a channel has hung up, or is in use already";
        return Err(S::Error::custom(descriptor::refuse(reason.into())));
    }
    let lent: Vec<_> = ends.into_iter().map(Lent).collect();
    lent.serialize(serializer)
}

fn take<'de, E, D: Deserializer<'de>>(
    deserializer: D,
    take: impl FnOnce(&mut Next<'_>) -> anyhow::Result<E>,
) -> Result<E, D::Error> {
    let given = Vec::<Given>::deserialize(deserializer)?;
    all_of(given, take).map_err(|error| {
        D::Error::custom(descriptor::refuse(format!("{error:#}")))
    })
}

/// What they make, if they are as many as it takes.
fn all_of<E>(
    given: Vec<Given>,
    take: impl FnOnce(&mut Next<'_>) -> anyhow::Result<E>,
) -> anyhow::Result<E> {
    let mut given = given.into_iter().map(|Given(descriptor)| descriptor);
    let end =
        take(&mut || given.next().context("an end of a channel came in part"))?;
    ensure!(given.next().is_none(), "more came than an end of a channel");
    Ok(end)
}
