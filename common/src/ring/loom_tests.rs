//! Checks the source of `protocol.rs` in every interleaving that the memory
//! model allows: loom runs a model again and again, each time with different
//! switches between its threads and different stale values.
//!
//! It would find a lost wake-up (both ends sleep: loom reports a deadlock), a
//! grain that both ends access (a race), and a message out of order (an
//! assertion). `memory.rs` is replaced by words that sleep in loom, and a cell
//! for each grain of the ring. The protocol itself determines how words are
//! read and written, and where the fences are.

use std::{
    cell::Cell,
    sync::{Arc, atomic::AtomicU32 as NoStep},
    time::Duration,
};

use loom::{
    cell::UnsafeCell,
    model::Builder,
    sync::{
        Mutex,
        atomic::{self, AtomicU32, Ordering::Relaxed},
    },
    thread::{self, Thread},
};

use super::{Error, Manner, Side, Waiting};
use protocol::{End, GRAIN, Header, Place, Word};

/// The same source file, but here its `atomic` is loom's, fences included.
#[path = "protocol.rs"]
#[expect(clippy::duplicate_mod, reason = "it uses different atomics")]
#[expect(dead_code, reason = "a model does not do all that a ring does")]
mod protocol;

/// More reads in a row than an end makes before it sleeps.
const MANY_LOOKS: u32 = 1 << 12;

loom::thread_local! {
    /// Which end this thread plays.
    static SIDE: Cell<Side> = Cell::new(Side::Sender);
}

std::thread_local! {
    /// How often each side has slept in all runs of a model. All runs are on
    /// the thread of their test: loom's threads are not the system's.
    static SLEPT: Cell<[u32; 2]> = const { Cell::new([0; 2]) };
}

/// A word of the header.
#[derive(Debug, Default)]
struct LoomWord {
    value: AtomicU32,
    /// What the only end that reads this word last saw in a spin.
    seen: NoStep,
    /// Locked to compare and sleep, and to wake: futex(2) guarantees that each
    /// is atomic with respect to the other. It guarantees no more, so the
    /// comparison may see a stale value.
    sleeper: Mutex<Option<Thread>>,
}

impl Word for LoomWord {
    fn atomic(&self) -> &AtomicU32 {
        &self.value
    }

    /// In a spin only the first read is real, and the others repeat its result.
    /// This loses nothing: reads change nothing, so a spin that sees something
    /// in its last read is equivalent to one that starts that late. But two
    /// thousand reads would be as many places to switch at.
    ///
    /// An end that never sleeps does a real read now and then, after yielding
    /// to the other end.
    fn look(&self, nth: u32) -> u32 {
        if nth.is_multiple_of(MANY_LOOKS) {
            if nth > 0 {
                thread::yield_now();
            }
            self.seen.store(self.load(), Relaxed);
        }
        self.seen.load(Relaxed)
    }

    fn pause() {}

    /// Sleeps forever, so that only a wake-up helps.
    fn park(&self, expected: u32, _at_most: Duration) {
        let mut sleeper = self.sleeper.lock().unwrap();
        if self.atomic().load(Relaxed) == expected {
            *sleeper = Some(thread::current());
            drop(sleeper);
            count_a_sleep();
            thread::park();
        }
    }

    fn wake(&self) -> bool {
        let sleeper = self.sleeper.lock().unwrap().take();
        sleeper.inspect(Thread::unpark).is_some()
    }
}

fn count_a_sleep() {
    let mut slept = SLEPT.get();
    slept[SIDE.with(Cell::get) as usize] += 1;
    SLEPT.set(slept);
}

/// The memory of a ring: a cell in place of each grain.
struct Ring {
    header: Header<LoomWord>,
    cells: Vec<UnsafeCell<u32>>,
}

// SAFETY: only the end that owns a cell accesses it. The protocol has to ensure
// that, and loom verifies it.
unsafe impl Sync for Ring {}

/// The ring, as each end holds it.
struct Room(Arc<Ring>);

impl Place for Room {
    type Word = LoomWord;

    fn header(&self) -> &Header<LoomWord> {
        &self.0.header
    }
}

/// The next cells of an end, which must own them.
fn cells(end: &End<Room>, grains: u32) -> &[UnsafeCell<u32>] {
    let at = (end.index() / GRAIN) as usize;
    &end.place().0.cells[at..][..grains as usize]
}

/// Sends a message of this many grains, each equal to `message`, as is the tag.
fn send(end: &mut End<Room>, message: u32, grains: u32) -> Result<(), Error> {
    end.wait_for(grains * GRAIN)?;
    for cell in cells(end, grains) {
        // SAFETY: we have waited until the cell is ours.
        cell.with_mut(|cell| unsafe { *cell = message });
    }
    end.advance(grains * GRAIN);
    end.publish(message);
    Ok(())
}

/// Receives a message of this many grains, each of which must equal `message`.
/// If it is the last one, and no later publication was seen with it, the tag
/// must equal it too.
fn receive(
    end: &mut End<Room>,
    message: u32,
    grains: u32,
) -> Result<(), Error> {
    end.wait_for(grains * GRAIN)?;
    if end.usable() == grains * GRAIN {
        assert!([0, message].contains(&end.tag()));
    }
    for cell in cells(end, grains) {
        // SAFETY: we have waited until the cell is ours.
        assert_eq!(cell.with(|cell| unsafe { *cell }), message);
    }
    end.advance(grains * GRAIN);
    end.publish_at_times();
    Ok(())
}

/// Skips a grain, which is not published before we wait.
fn skip(end: &mut End<Room>) {
    end.wait_for(GRAIN).unwrap();
    end.advance(GRAIN);
}

/// A ring, and the actions of its two ends.
#[derive(Clone, Copy)]
struct Model {
    manner: Manner,
    grains: u32,
    sender: fn(&mut End<Room>),
    receiver: fn(&mut End<Room>),
}

impl Model {
    /// Tries all interleavings, or those with at most this many preemptions.
    /// Returns how often each side slept.
    fn check(self, switches: Option<usize>) -> [u32; 2] {
        SLEPT.set([0; 2]);
        let mut builder = Builder::new();
        builder.preemption_bound = switches;
        builder.check(move || self.run());
        SLEPT.get()
    }

    fn run(self) {
        let cells = (0..self.grains).map(|_| UnsafeCell::new(0)).collect();
        let ring = Arc::new(Ring { header: Header::default(), cells });
        let mut sender = self.end(&ring, Side::Sender);
        let mut receiver = self.end(&ring, Side::Receiver);
        let receiving = thread::spawn(move || {
            SIDE.with(|side| side.set(Side::Receiver));
            (self.receiver)(&mut receiver);
        });
        (self.sender)(&mut sender);
        receiving.join().unwrap();
    }

    fn end(&self, ring: &Arc<Ring>, side: Side) -> End<Room> {
        let (ring, waiting) = (Room(ring.clone()), Waiting::new(self.manner));
        End::new(ring, side, self.grains * GRAIN, waiting)
    }
}

const MANNERS: [Manner; 3] =
    [Manner::Spin, Manner::SpinThenPark, Manner::Block];

/// The preemption bound for models of several messages: each further step
/// multiplies the interleavings, and a test should take about a second. Ends
/// that sleep at once take the fewest steps.
fn few(manner: Manner) -> Option<usize> {
    match manner {
        Manner::Spin => Some(1),
        Manner::SpinThenPark => Some(2),
        Manner::Block => Some(3),
    }
}

/// Asserts that exactly the sides that may sleep did.
fn assert_slept(manner: Manner, slept: [u32; 2], sides: &[Side]) {
    for side in [Side::Sender, Side::Receiver] {
        let may_sleep = manner != Manner::Spin && sides.contains(&side);
        let times = slept[side as usize];
        assert_eq!(times > 0, may_sleep, "{manner:?}: {side} slept {times}");
    }
}

fn send_some<const MESSAGES: u32>(end: &mut End<Room>) {
    for message in 1..=MESSAGES {
        send(end, message, 1).unwrap();
    }
    end.close();
}

fn receive_some<const MESSAGES: u32>(end: &mut End<Room>) {
    for message in 1..=MESSAGES {
        receive(end, message, 1).unwrap();
    }
    end.close();
}

fn receive_all<const MESSAGES: u32>(end: &mut End<Room>) {
    for message in 1..=MESSAGES {
        receive(end, message, 1).unwrap();
    }
    assert_eq!(receive(end, 0, 1), Err(Error::Gone(Side::Sender)));
}

fn send_until_gone(end: &mut End<Room>) {
    let result = (1..).try_for_each(|message| send(end, message, 1));
    assert_eq!(result, Err(Error::Gone(Side::Receiver)));
}

/// In every interleaving; with a spin, in most of them.
#[test]
fn a_message_and_the_end_arrive() {
    for manner in MANNERS {
        let (sender, receiver) = (send_some::<1>, receive_all::<1>);
        let model = Model { manner, grains: 1, sender, receiver };
        let most = (manner == Manner::SpinThenPark).then_some(4);
        assert_slept(manner, model.check(most), &[Side::Receiver]);
    }
}

/// Each end waits for the other more than once: leftovers of one sleep could
/// harm the next.
#[test]
fn three_messages_and_the_end_arrive_where_one_fills_the_ring() {
    for manner in MANNERS {
        let (sender, receiver) = (send_some::<3>, receive_all::<3>);
        let model = Model { manner, grains: 1, sender, receiver };
        let both = [Side::Sender, Side::Receiver];
        assert_slept(manner, model.check(few(manner)), &both);
    }
}

#[test]
fn three_messages_and_the_end_arrive_where_two_fill_the_ring() {
    for manner in MANNERS {
        let (sender, receiver) = (send_some::<3>, receive_all::<3>);
        let model = Model { manner, grains: 2, sender, receiver };
        let both = [Side::Sender, Side::Receiver];
        assert_slept(manner, model.check(few(manner)), &both);
    }
}

#[test]
fn a_sender_that_leaves_ends_the_wait() {
    for manner in MANNERS {
        let (sender, receiver) = (send_some::<0>, receive_all::<0>);
        let model = Model { manner, grains: 1, sender, receiver };
        assert_slept(manner, model.check(None), &[Side::Receiver]);
    }
}

#[test]
fn a_receiver_that_leaves_ends_the_wait() {
    for manner in MANNERS {
        let (sender, receiver) = (send_until_gone, receive_some::<0>);
        let model = Model { manner, grains: 2, sender, receiver };
        assert_slept(manner, model.check(None), &[Side::Sender]);
    }
}

#[test]
fn a_receiver_that_leaves_after_a_message_ends_the_wait() {
    for manner in MANNERS {
        let (sender, receiver) = (send_until_gone, receive_some::<1>);
        let model = Model { manner, grains: 2, sender, receiver };
        let both = [Side::Sender, Side::Receiver];
        assert_slept(manner, model.check(few(manner)), &both);
    }
}

fn send_skipping(end: &mut End<Room>) {
    send(end, 1, 1).unwrap();
    skip(end);
    send(end, 2, 2).unwrap();
    end.close();
}

fn receive_skipping(end: &mut End<Room>) {
    receive(end, 1, 1).unwrap();
    skip(end);
    receive(end, 2, 2).unwrap();
    assert_eq!(receive(end, 0, 1), Err(Error::Gone(Side::Sender)));
}

/// The sender waits for the whole ring, but the receiver can return the skipped
/// part only once it knows about the skip; and vice versa.
#[test]
fn an_end_that_waits_first_publishes_its_skips() {
    for manner in MANNERS {
        let (sender, receiver) = (send_skipping, receive_skipping);
        let model = Model { manner, grains: 2, sender, receiver };
        let both = [Side::Sender, Side::Receiver];
        assert_slept(manner, model.check(few(manner)), &both);
    }
}

/// The receiver returns the room of what it has read only after a while: here
/// it keeps the first of two messages, if it saw both.
#[test]
fn a_sender_gets_back_what_a_receiver_has_kept() {
    for manner in MANNERS {
        let sender = |end: &mut _| {
            send(end, 1, 1).unwrap();
            send(end, 2, 7).unwrap();
            send(end, 3, 8).unwrap();
            end.close();
        };
        let receiver = |end: &mut _| {
            receive(end, 1, 1).unwrap();
            receive(end, 2, 7).unwrap();
            receive(end, 3, 8).unwrap();
            end.close();
        };
        let model = Model { manner, grains: 8, sender, receiver };
        let both = [Side::Sender, Side::Receiver];
        assert_slept(manner, model.check(few(manner)), &both);
    }
}

/// A receiver that has read everything may do something else, without waiting
/// or closing.
#[test]
fn a_sender_gets_back_all_that_was_sent() {
    for manner in MANNERS {
        let sender = |end: &mut End<Room>| {
            send(end, 1, 1).unwrap();
            end.wait_for(8 * GRAIN).unwrap();
        };
        let receiver = |end: &mut _| receive(end, 1, 1).unwrap();
        let model = Model { manner, grains: 8, sender, receiver };
        let both = [Side::Sender, Side::Receiver];
        assert_slept(manner, model.check(None), &both);
    }
}
