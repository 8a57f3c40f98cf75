//! The bare minimum of copying: slots in memory that both ends map, the C
//! library's `memcpy` into them and out of them, and two counters.
//!
//! It is not a channel. It trusts the other end with everything, supports only
//! one length, and spins forever if the other end is dead. Nor is it always the
//! fastest copy: glibc copies this much with `rep movsb`, which reaches 15 GB/s
//! on an Intel Xeon, where vectors reach 18 (glibc.cpu.x86_rep_movsb_threshold
//! in `GLIBC_TUNABLES`, 2026-11-23).

use std::{
    hint::spin_loop,
    ptr::{self, NonNull},
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Release},
    },
};

use anyhow::{Result, ensure};
use common::{
    ring::memory::Memory as _,
    scenarios::ipc::{Plan, Receives, Sends},
};
use process_kit::{Parent, Shared};

use crate::{
    duplex::Duplex,
    end::{far, near, spawn_and_join},
    job::{FarEnd, Job},
};

/// How many messages were put in, and how many were taken out, each count on
/// its own pair of cache lines.
#[repr(C, align(4096))]
struct Header {
    sent: Counter,
    received: Counter,
}

#[repr(align(128))]
struct Counter(AtomicU64);

/// The near end.
pub fn run(job: &Job) -> Result<f64> {
    let (ours, theirs) = Duplex::pair(size(&job.plan))?;
    let mut sender = Sender(Slots::new(ours.there.clone(), &job.plan)?);
    let mut receiver = Receiver(Slots::new(ours.back.clone(), &job.plan)?);
    spawn_and_join(job, FarEnd::Memcpy(theirs), || {
        near(job, &mut sender, &mut receiver)
    })
}

/// The far end.
pub fn worker(job: &Job, ours: &Duplex, parent: &Parent) -> Result<()> {
    let mut receiver = Receiver(Slots::new(ours.there.clone(), &job.plan)?);
    let mut sender = Sender(Slots::new(ours.back.clone(), &job.plan)?);
    parent.gate.wait()?;
    far(job, &mut receiver, &mut sender)
}

fn size(plan: &Plan) -> usize {
    size_of::<Header>() + plan.room() * plan.size
}

/// Room for as many messages as in the ring.
struct Slots {
    header: NonNull<Header>,
    first: NonNull<u64>,
    room: u64,
    words: usize,
    /// Messages that this end has put in, or taken out.
    passed: u64,
    _memory: Shared,
}

impl Slots {
    fn new(memory: Shared, plan: &Plan) -> Result<Self> {
        let bytes = memory.bytes();
        ensure!(bytes.len() == size(plan), "{} bytes", bytes.len());
        let header = bytes.cast::<Header>();
        ensure!(header.is_aligned(), "the mapping is not page-aligned");
        // SAFETY: the memory is longer than the header.
        let first = unsafe { header.add(1) }.cast();
        let (room, words) = (plan.room() as u64, plan.words());
        let passed = 0;
        Ok(Slots { header, first, room, words, passed, _memory: memory })
    }

    fn header(&self) -> &Header {
        // SAFETY: the memory was checked to be long enough and aligned, it
        // lives as long as this, and a header consists of atomics.
        unsafe { self.header.as_ref() }
    }

    /// Where the next message goes, or is.
    fn slot(&self) -> *mut u64 {
        let index = (self.passed % self.room) as usize;
        // SAFETY: the memory has `room` slots, and the index is below that.
        unsafe { self.first.add(index * self.words) }.as_ptr()
    }

    /// Tells the other end that one more message has passed.
    fn pass(&mut self, counter: fn(&Header) -> &Counter) {
        self.passed += 1;
        counter(self.header()).0.store(self.passed, Release);
    }
}

/// Waits while a counter has this value.
fn wait_while(counter: &Counter, value: u64) {
    while counter.0.load(Acquire) == value {
        spin_loop();
    }
}

struct Sender(Slots);

impl Sends<Vec<u64>> for Sender {
    fn send(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        let slots = &mut self.0;
        ensure!(parcel.len() == slots.words, "{} words", parcel.len());
        // The slots are full as long as only this many were taken out.
        if let Some(full) = slots.passed.checked_sub(slots.room) {
            wait_while(&slots.header().received, full);
        }
        // SAFETY: the parcel is as long as a slot, and the slot is empty:
        // until it is passed on, the other end does not touch it.
        unsafe {
            ptr::copy_nonoverlapping(
                parcel.as_ptr(),
                slots.slot(),
                parcel.len(),
            );
        }
        slots.pass(|header| &header.sent);
        Ok(())
    }
}

struct Receiver(Slots);

impl Receives<Vec<u64>> for Receiver {
    fn receive(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        let slots = &mut self.0;
        ensure!(parcel.len() == slots.words, "{} words", parcel.len());
        wait_while(&slots.header().sent, slots.passed);
        // SAFETY: the parcel is as long as a slot, and the slot is full:
        // until it is passed on, the other end does not touch it.
        unsafe {
            ptr::copy_nonoverlapping(
                slots.slot(),
                parcel.as_mut_ptr(),
                parcel.len(),
            );
        }
        slots.pass(|header| &header.received);
        Ok(())
    }
}
