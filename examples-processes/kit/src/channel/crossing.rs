//! How an end is sent in a job or an answer: as its descriptor, which is
//! [duplicated](crate::descriptor), and checked on arrival.

use std::os::fd::{AsFd, OwnedFd};

use anyhow::ensure;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, ser::Error as _,
};

use super::{Receiver, Sender};
use crate::share::descriptor;

/// Fails if it has hung up.
impl<T> Serialize for Sender<T> {
    fn serialize<S: Serializer>(
        &self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        lend(self.pipe.as_ref(), serializer)
    }
}

/// Fails if the descriptor received is not a sending end.
impl<'de, T> Deserialize<'de> for Sender<T> {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        take(deserializer, OFlags::WRONLY, "writing").map(Sender::to)
    }
}

/// Fails if it has hung up. Send it before using it: it reads ahead, and those
/// bytes stay here.
impl<T> Serialize for Receiver<T> {
    fn serialize<S: Serializer>(
        &self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        lend(self.stream.as_ref(), serializer)
    }
}

/// Fails if the descriptor received is not a receiving end.
impl<'de, T> Deserialize<'de> for Receiver<T> {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        take(deserializer, OFlags::RDONLY, "reading").map(Receiver::of)
    }
}

fn lend<S: Serializer>(
    end: Option<&impl AsFd>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let hung_up = || descriptor::refuse("this end has hung up".into());
    let end = end.ok_or_else(|| S::Error::custom(hung_up()))?;
    descriptor::serialize(end, serializer)
}

fn take<'de, E: From<OwnedFd>, D: Deserializer<'de>>(
    deserializer: D,
    mode: OFlags,
    purpose: &str,
) -> Result<E, D::Error> {
    let end = descriptor::deserialize(deserializer)?;
    must_be_a_pipe(&end, mode, purpose).map_err(descriptor::refused)?;
    Ok(end.into())
}

fn must_be_a_pipe(
    end: &OwnedFd,
    mode: OFlags,
    purpose: &str,
) -> anyhow::Result<()> {
    let kind = FileType::from_raw_mode(fstat(end)?.st_mode);
    ensure!(kind == FileType::Fifo, "expected a pipe, got {kind:?}");
    ensure!(
        fcntl_getfl(end)? & OFlags::RWMODE == mode,
        "the pipe received is not open for {purpose}"
    );
    Ok(())
}
