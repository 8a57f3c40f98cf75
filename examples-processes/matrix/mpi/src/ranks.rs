//! The ranks of MPI, and the messages between them.
//!
//! | processes of one machine | ranks |
//! |---|---|
//! | the first argument is the role | the number of the rank is |
//! | a spawn | `mpirun`, before `main` begins |
//! | a gate, which is a pipe | a roll call; then the first job is sent |
//! | a frame on a socket | a message with a tag |
//! | a descriptor of sealed memory | the floats themselves |
//! | a guard that kills one worker | `mpirun`: when one rank dies, all do |
//!
//! A rank that waits looks for a message, sleeps, and looks again. The blocking
//! calls of MPI look without a pause: they are quicker by half a [`PAUSE`], and
//! right where each rank has a core to itself. Here they would take the core
//! from a rank that works.

mod join_set;

use std::{process::ExitCode, thread, time::Duration};

use anyhow::{Context as _, Result};
use common::{
    demo, inherited,
    laps::monotonic,
    resources::{self, Resources},
    scenarios::matrix::{Finished, Report},
};
use mpi::{
    Rank, Tag, Threading,
    environment::Universe,
    initialize_with_threading,
    point_to_point::{Message, Status},
    request,
    topology::SimpleCommunicator,
    traits::*,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Answer, Job};

pub use join_set::JoinSet;

/// Between two looks for a message: long enough to cost next to nothing, and
/// short beside the work on a database.
const PAUSE: Duration = Duration::from_millis(1);

const ORDER: Tag = 1;
const PRESENT: Tag = 2;
const REPLY: Tag = 3;
const PROJECTION: Tag = 4;

/// What each rank does with a job.
type Work = fn(Job, &mut Parent) -> Result<Answer>;

/// A message from rank 0.
#[derive(Serialize, Deserialize)]
enum Order {
    /// Say that you are there, and what you have used.
    RollCall,
    /// Do a job. `sent` is the time on the clock of rank 0.
    Work { place: usize, sent: Duration, job: Job },
    /// There will be no more jobs.
    Leave,
}

/// A message to rank 0, followed by the projection if there is one. An error
/// cannot be sent, but its text can.
#[derive(Serialize, Deserialize)]
struct Reply {
    place: usize,
    result: Result<Report, String>,
}

/// What a worker knows about its place.
pub struct Parent {
    /// Its rank.
    pub index: usize,
}

/// All ranks, as seen by one of them.
pub struct Ranks {
    world: SimpleCommunicator,
    /// Leaves MPI when dropped.
    _universe: Universe,
}

impl Ranks {
    /// Meets the others.
    pub fn join() -> Result<Self> {
        inherited::put_in_order();
        // Rank 0 has a thread for its own share, and it never calls MPI.
        let joined = initialize_with_threading(Threading::Funneled);
        let (universe, _) = joined.context("MPI is in use already")?;
        Ok(Ranks { world: universe.world(), _universe: universe })
    }

    /// The number of this rank.
    pub fn own(&self) -> Rank {
        self.world.rank()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.world.size() as usize
    }

    /// Does what rank 0 says, until it says no more.
    pub fn serve(&self, work: Work) -> ExitCode {
        match self.obey(work) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                demo::status(Err(error.context("a rank has lost rank 0")));
                // Rank 0 would wait for it forever.
                self.world.abort(1)
            }
        }
    }

    fn obey(&self, work: Work) -> Result<()> {
        let mut parent = Parent { index: self.own() as usize };
        loop {
            match self.receive(0, ORDER)? {
                Order::RollCall => self.send(0, PRESENT, &used())?,
                Order::Work { place, sent, job } => {
                    let received = monotonic();
                    let result = work(job, &mut parent);
                    self.reply(place, result, [received, sent])?;
                }
                Order::Leave => return Ok(()),
            }
        }
    }

    /// `clocks` are times of the same moment on our clock and on that of rank
    /// 0, which may be on another machine.
    fn reply(
        &self,
        place: usize,
        result: Result<Answer>,
        [here, there]: [Duration; 2],
    ) -> Result<()> {
        let mut projection = None;
        let result = result.map(|Answer { mut report, projection: floats }| {
            projection = Some(floats);
            report.timeline = report.timeline.on_clock(here, there);
            report
        });
        let result = result.map_err(|error| inherited::in_words(&error));
        self.send(0, REPLY, &Reply { place, result })?;
        if let Some(floats) = projection {
            self.send_floats(&floats);
        }
        Ok(())
    }

    /// Sleeps while rank 0 copies them, so as to leave it a core for that.
    fn send_floats(&self, floats: &[f64]) {
        let main = self.world.process_at_rank(0);
        request::scope(|scope| {
            let mut sending =
                main.immediate_send_with_tag(scope, floats, PROJECTION);
            while let Err(unfinished) = sending.test() {
                thread::sleep(PAUSE);
                sending = unfinished;
            }
        });
    }

    /// The reply that this message is, and who sent it.
    fn take(
        &self,
        message: (Message, Status),
    ) -> Result<(Rank, usize, Result<Answer>)> {
        let (from, Reply { place, result }) = decode(message)?;
        let result = result.map_err(anyhow::Error::msg).map(|report| {
            let sender = self.world.process_at_rank(from);
            let (projection, _) = sender.receive_vec_with_tag(PROJECTION);
            Finished { report, projection }
        });
        Ok((from, place, result))
    }

    /// What each of the others has used so far. They answer, so they are there.
    fn call_the_roll(&self) -> Result<Vec<Resources>> {
        let others = 1..self.world.size();
        for rank in others.clone() {
            self.send(rank, ORDER, &Order::RollCall)?;
        }
        others.map(|rank| self.receive(rank, PRESENT)).collect()
    }

    fn send(&self, to: Rank, tag: Tag, message: &impl Serialize) -> Result<()> {
        let bytes = postcard::to_stdvec(message)?;
        self.world.process_at_rank(to).send_with_tag(&bytes[..], tag);
        Ok(())
    }

    fn receive<T: DeserializeOwned>(&self, from: Rank, tag: Tag) -> Result<T> {
        let sender = self.world.process_at_rank(from);
        loop {
            match sender.immediate_matched_probe_with_tag(tag) {
                Some(message) => return Ok(decode(message)?.1),
                None => thread::sleep(PAUSE),
            }
        }
    }
}

/// Rank 0 tells the others to leave: MPI is left by all, or by none.
impl Drop for Ranks {
    fn drop(&mut self) {
        // The others would wait for one that has panicked.
        if thread::panicking() {
            self.world.abort(101);
        }
        if self.own() == 0 {
            for rank in 1..self.world.size() {
                // There is no place to report an error.
                let _ = self.send(rank, ORDER, &Order::Leave);
            }
        }
    }
}

fn decode<T: DeserializeOwned>(
    message: (Message, Status),
) -> Result<(Rank, T)> {
    let (bytes, status) = message.matched_receive_vec::<u8>();
    let decoded = postcard::from_bytes(&bytes);
    Ok((status.source_rank(), decoded.context("not a message of ours")?))
}

/// What this process has used, and the memory that it has now.
fn used() -> Resources {
    let memory = resources::proportional_memory(&[]);
    Resources { peak_proportional_memory: memory, ..Resources::so_far() }
}
