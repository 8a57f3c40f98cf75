//! iceoryx2: samples are lent from a pool in shared memory, and only their
//! offsets travel, through a lock-free queue.
//!
//! Both ends poll: a subscriber on its own never sleeps.

use std::{
    fs,
    hint::spin_loop,
    io::{self, PipeReader, Read as _},
    path::Path,
    ptr,
    time::{Duration, Instant},
};

use ::iceoryx2::{
    node::Node,
    port::{
        BackpressureAction, BackpressureInfo, publisher::Publisher,
        subscriber::Subscriber,
    },
    prelude::{
        Config, FileName, NodeBuilder, Path as RootPath, SemanticString as _,
        SignalHandlingMode, ipc,
    },
    sample::Sample,
    sample_mut::SampleMut,
    service::port_factory::publish_subscribe::PortFactory,
};
use anyhow::{Context as _, Result, bail, ensure};
use common::scenarios::ipc::{Message, Plan, Reading, Receives, Sends, whole};
use process_kit::Parent;
use tempfile::TempDir;

use crate::{
    end::{far, near, spawn_and_join},
    in_place::{self, Reads, Writes},
    job::{FarEnd, Group, Job},
};

/// How long an end waits for the other before it assumes that it is dead. There
/// is no other sign: the queue of a killed process looks like that of a busy
/// one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Polls between two readings of the clock, which cost more than a poll.
const POLLS: u32 = 1 << 16;

/// The near end.
pub fn run(job: &Job) -> Result<f64> {
    let domain = Domain::new()?;
    let job = &job.at(domain.path()?);
    let (mut sender, mut receiver) = open(job, "there", "back")?;
    let (release, hold) = io::pipe()?;
    spawn_and_join(job, FarEnd::Iceoryx2(release), || {
        let mut hello = vec![1; job.plan.words()];
        sender.send(&mut hello)?;
        receiver.receive(&mut hello)?;
        drop(domain);
        let seconds = match job.row.group {
            Group::StreamInPlace => {
                in_place::near(job, &mut sender, &mut receiver)
            }
            _ => near(job, &mut sender, &mut receiver),
        };
        drop(hold);
        seconds
    })
}

/// The far end. Its last message may be in memory that disappears with it, so
/// it stays until it is released.
pub fn worker(
    job: &Job,
    mut release: PipeReader,
    parent: &Parent,
) -> Result<()> {
    let (mut sender, mut receiver) = open(job, "back", "there")?;
    parent.gate.wait()?;
    let mut hello = vec![0; job.plan.words()];
    receiver.receive(&mut hello)?;
    sender.send(&mut hello)?;
    match job.row.group {
        Group::StreamInPlace => in_place::far(job, &mut receiver, &mut sender)?,
        _ => far(job, &mut receiver, &mut sender)?,
    }
    release.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The names of one measurement: files in a folder of its own, and shared
/// memory, which has no folders, under a prefix of its own.
///
/// iceoryx2 removes what a node has created when that node is dropped, but
/// never the segment that counts the nodes, nor its folders; and a killed
/// process removes nothing. So this is dropped when each end has received a
/// message: what they have mapped stays, and nothing is left to clean up.
struct Domain(TempDir);

impl Domain {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("yardsticks").tempdir();
        Ok(Domain(folder.context("cannot create a temporary folder")?))
    }

    fn path(&self) -> Result<&str> {
        let path = self.0.path().to_str();
        path.context("the temporary folder's path is not UTF-8")
    }

    fn sweep(&self) -> Result<()> {
        let prefix = prefix(self.path()?)?;
        for entry in fs::read_dir("/dev/shm")? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        if let Err(error) = self.sweep() {
            let path = self.0.path().display();
            eprintln!("names of {path} are left in /dev/shm: {error:#}");
        }
    }
}

/// What all names of shared memory start with: the folder's name, which is
/// unique.
fn prefix(root: &str) -> Result<String> {
    let name = Path::new(root).file_name().context("the folder has no name")?;
    Ok(format!("{}_", name.to_string_lossy()))
}

/// Both directions of an end. It does not matter which end opens first, but
/// both must be open before one sends: a message without a subscriber is lost.
fn open(job: &Job, out: &str, into: &str) -> Result<(Sender, Receiver)> {
    let node = NodeBuilder::new()
        .config(&config(&job.address)?)
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<ipc::Service>()?;
    let publisher = service(&node, out, &job.plan)?
        .publisher_builder()
        .initial_max_slice_len(job.plan.words())
        .max_loaned_samples(1)
        .set_backpressure_handler(retry_with_patience)
        .create()?;
    let subscriber =
        service(&node, into, &job.plan)?.subscriber_builder().create()?;
    Ok((Sender(publisher), Receiver(subscriber)))
}

/// Our own settings, not those in /etc or in the user's folder.
fn config(root: &str) -> Result<Config> {
    let mut config = Config::default();
    config.global.set_root_path(&RootPath::new(root.as_bytes())?);
    config.global.prefix = FileName::new(prefix(root)?.as_bytes())?;
    Ok(config)
}

/// One publisher, one subscriber, and a queue for as many messages as the ring
/// has room for. When it is full, the publisher waits. By default the oldest
/// message would be lost instead.
fn service(
    node: &Node<ipc::Service>,
    name: &str,
    plan: &Plan,
) -> Result<PortFactory<ipc::Service, [u64], ()>> {
    let service = node
        .service_builder(&name.try_into()?)
        .publish_subscribe::<[u64]>()
        .enable_safe_overflow(false)
        .history_size(0)
        .max_publishers(1)
        .max_subscribers(1)
        .subscriber_max_borrowed_samples(1)
        .subscriber_max_buffer_size(plan.room())
        .open_or_create()?;
    Ok(service)
}

/// Makes a publisher wait for room, but not forever: by default it would wait
/// for a dead subscriber too.
fn retry_with_patience(full: &BackpressureInfo) -> BackpressureAction {
    if full.elapsed_time < PATIENCE {
        BackpressureAction::Retry
    } else {
        BackpressureAction::DiscardDataAndFail
    }
}

struct Sender(Publisher<ipc::Service, [u64], ()>);

/// Sends it to the one subscriber.
fn send(sample: SampleMut<ipc::Service, [u64], ()>) -> Result<()> {
    let receivers = sample.send()?;
    ensure!(receivers == 1, "a message was sent to {receivers} receivers");
    Ok(())
}

impl Sends<Vec<u64>> for Sender {
    fn send(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        let sample = self.0.loan_slice_uninit(parcel.len())?;
        send(sample.write_from_slice(parcel))
    }
}

impl Writes for Sender {
    fn write(&mut self, plan: &Plan, message: &Message) -> Result<()> {
        let mut sample = self.0.loan_slice_uninit(plan.words())?;
        let payload = ptr::from_mut(sample.payload_mut());
        // SAFETY: these are bytes of a mapping, which are always initialized,
        // and any value is a valid integer. Nobody else borrows them.
        let words = unsafe { &mut *(payload as *mut [u64]) };
        message.write(words);
        // SAFETY: all words were written.
        send(unsafe { sample.assume_init() })
    }
}

struct Receiver(Subscriber<ipc::Service, [u64], ()>);

impl Receiver {
    fn wait(&self) -> Result<Sample<ipc::Service, [u64], ()>> {
        let mut begun = None;
        loop {
            for _ in 0..POLLS {
                if let Some(sample) = self.0.receive()? {
                    return Ok(sample);
                }
                spin_loop();
            }
            let begun = begun.get_or_insert_with(Instant::now);
            if begun.elapsed() > PATIENCE {
                bail!("nothing came for {PATIENCE:?}");
            }
        }
    }
}

impl Receives<Vec<u64>> for Receiver {
    fn receive(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        let sample = self.wait()?;
        whole(size_of_val(sample.payload()), size_of_val(&parcel[..]))?;
        parcel.copy_from_slice(sample.payload());
        Ok(())
    }
}

impl Reads for Receiver {
    fn read(&mut self) -> Result<Reading> {
        Ok(Reading::of(self.wait()?.payload()))
    }
}
