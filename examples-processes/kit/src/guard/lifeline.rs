//! How each of two processes can see whether the other is alive.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::Arc,
};

use common::ring::{Manner, Waiting};
use rustix::net::{SendFlags, send};
use serde::{Deserialize, Serialize};

use crate::share::descriptor;

/// One end of a pair of connected sockets on which nothing is ever sent.
/// However a process exits, the kernel closes its end.
///
/// It is for processes that share memory: there, a peer that is killed just
/// falls silent. Do not confuse it with a worker's own lifeline, through which
/// the worker is *killed* when its parent dies.
///
/// In a job, it is sent as a duplicate. The sender must drop its own copy, or
/// it would never see the other end closed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lifeline(#[serde(with = "descriptor")] Arc<OwnedFd>);

impl Lifeline {
    /// Our end, and the one for a worker, to be dropped here once it is sent.
    ///
    /// # Errors
    ///
    /// Fails if the kernel cannot create the sockets.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((OwnedFd::from(ours).into(), theirs.into()))
    }

    /// Whether the last copy of the other end is closed. An empty send shows
    /// it: it transfers nothing, and on connected sockets its only error is
    /// that the other end is gone. A poll(2) can fail for other reasons, for
    /// example in a process that may open no descriptors, and "cannot tell" is
    /// not "gone".
    pub fn is_cut(&self) -> bool {
        let quietly = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        send(&*self.0, &[], quietly).is_err()
    }

    /// How one end of a ring waits for the other, as long as the other is
    /// alive.
    pub fn waiting(&self, manner: Manner) -> Waiting {
        let lifeline = self.clone();
        Waiting::new(manner).with_lifeline(move || !lifeline.is_cut())
    }
}

impl From<OwnedFd> for Lifeline {
    fn from(descriptor: OwnedFd) -> Self {
        Lifeline(Arc::new(descriptor))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering::Relaxed},
        thread,
    };

    use super::*;
    use crate::{guard::signal::interrupt, start::wire::Wire};

    #[test]
    fn a_signal_cuts_nothing() {
        let (ours, _theirs) = Lifeline::pair().unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let until = done.clone();
        let looking = thread::spawn(move || {
            while !until.load(Relaxed) {
                assert!(!ours.is_cut());
            }
        });
        for _ in 0..30 {
            interrupt(&looking);
        }
        done.store(true, Relaxed);
        looking.join().unwrap();
    }

    /// It should not send anything; if it does, that must not hide its exit.
    #[test]
    fn is_cut_also_after_the_other_sent_something() {
        let (ours, theirs) = Lifeline::pair().unwrap();
        assert_eq!(send(&theirs, b"x", SendFlags::NOSIGNAL), Ok(1));
        assert!(!ours.is_cut());
        drop(theirs);
        assert!(ours.is_cut());
    }

    #[test]
    fn is_cut_when_the_last_copy_of_the_other_end_is_dropped() {
        let (ours, theirs) = Lifeline::pair().unwrap();
        let copy = theirs.try_clone().unwrap();
        drop(theirs);
        assert!(!ours.is_cut());
        drop(copy);
        assert!(ours.is_cut());
    }

    #[test]
    fn crosses_by_itself() {
        let (here, there) = Wire::pair().unwrap();
        let (ours, theirs) = Lifeline::pair().unwrap();
        let theirs = Lifeline::from(theirs);
        here.send(&theirs).unwrap();
        drop(theirs);
        let theirs = there.receive::<Lifeline>().unwrap().unwrap();
        assert!(!ours.is_cut() && !theirs.is_cut());
        drop(theirs);
        assert!(ours.is_cut());
    }
}
