//! A ring between ends of good will: every message arrives as it was sent
//! and in order, and what cannot be done is said as it is.
//!
//! `src/ring/loom_tests.rs` has the order of steps, `ring_hostile.rs` ill will.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    array,
    cell::Cell,
    collections::VecDeque,
    ptr::NonNull,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use common::{
    input::Input,
    ring::{
        Error, Manner, Receiver, Sender, Side, Waiting,
        memory::{BLOCK, Block, Futex, Heap, Memory, Region},
        on_heap,
        protocol::{self, End, Place, Word},
        size,
    },
};
use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

const MANNERS: [Manner; 3] =
    [Manner::Spin, Manner::SpinThenPark, Manner::Block];

/// Messages begin at multiples of this.
const GRAIN: usize = protocol::GRAIN as usize;

/// The least ring.
const TINY: usize = 1024;

/// Round trips where each waits for the other.
const ROUNDS: u32 = 10_000;

/// Whatever takes so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

type Ends = (Sender<Arc<Heap>>, Receiver<Arc<Heap>>);

/// Both ends, which give up after so long.
fn ends(capacity: usize, manner: Manner, timeout: Duration) -> Ends {
    let (mut sender, mut receiver) = on_heap(capacity, manner).unwrap();
    sender.set_timeout(Some(timeout));
    receiver.set_timeout(Some(timeout));
    (sender, receiver)
}

/// What is said of a ring on which nothing can be done without a wait, by
/// ends that do not wait.
fn timeout(side: Side) -> Error {
    Error::Timeout { side, timeout: Duration::ZERO }
}

/// The message of that number.
fn message(number: usize, length: usize) -> Vec<u8> {
    let mut input = Input::new(number as u64, 0);
    let word = || input.below(u32::MAX).to_ne_bytes();
    let words = std::iter::repeat_with(word);
    words.flatten().take(length).collect()
}

/// What is done to a ring, with how long a message.
#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    /// In place, in whole words.
    Fill(usize),
    ReserveInVain(usize),
    Receive,
    /// Into a buffer that is a byte too short, and again.
    ReceiveTwice,
    /// In place.
    Read,
}

fn step(longest: usize) -> impl Strategy<Value = Step> {
    let any = 0..=longest;
    prop_oneof![
        3 => any.clone().prop_map(Step::Send),
        2 => any.clone().prop_map(|length| Step::Fill(length / 8 * 8)),
        1 => any.prop_map(Step::ReserveInVain),
        3 => Just(Step::Receive),
        1 => Just(Step::ReceiveTwice),
        2 => Just(Step::Read),
    ]
}

/// A capacity, and what is done to a ring of it.
fn steps() -> impl Strategy<Value = (usize, Vec<Step>)> {
    let capacity = prop_oneof![Just(TINY), Just(2 * TINY), Just(4 * TINY)];
    let part = prop_oneof![Just(1), Just(4), Just(16)];
    (capacity, part).prop_flat_map(|(capacity, part)| {
        (Just(capacity), vec(step(capacity / part), 1..300))
    })
}

/// The block of a message whose first word has that index. What lies beyond
/// the message is not zero, so that it would be noticed.
fn block(message: &[u8], at: usize) -> Block {
    let word = |word| {
        let rest = message.get((at + word) * 8..);
        let word = rest.and_then(<[u8]>::first_chunk);
        word.map_or(u64::MAX, |word| u64::from_ne_bytes(*word))
    };
    array::from_fn(word).into()
}

/// The bytes of the ring that a message takes.
fn record(length: usize) -> usize {
    length.max(1).next_multiple_of(GRAIN)
}

/// A ring, and what must come out of it.
struct Pair {
    sender: Sender<Arc<Heap>>,
    receiver: Receiver<Arc<Heap>>,
    capacity: usize,
    messages: VecDeque<Vec<u8>>,
    numbers: usize,
    /// The record of the longest message so far.
    largest: usize,
}

impl Pair {
    fn new(capacity: usize) -> Self {
        let ends = ends(capacity, Manner::Block, Duration::ZERO);
        let (sender, receiver) = ends;
        let (messages, numbers, largest) = (VecDeque::new(), 0, 0);
        Pair { sender, receiver, capacity, messages, numbers, largest }
    }

    fn next_message(&mut self, length: usize) -> Vec<u8> {
        self.numbers += 1;
        self.largest = self.largest.max(record(length));
        message(self.numbers, length)
    }

    /// Notes what was sent. It may be refused only if there may be no room
    /// for it: beside the messages that are there, the ring's end may be
    /// skipped, for this message and for an earlier one, by less than each
    /// takes; and the receiver may keep back less than a quarter of the ring,
    /// which it has read, as long as it has more to read.
    fn note(&mut self, result: Result<(), Error>, message: Vec<u8>) {
        let lengths = self.messages.iter().map(Vec::len);
        let there: usize = lengths.map(record).sum();
        let taken = there + record(message.len());
        if result.is_ok() {
            assert!(taken <= self.capacity);
            self.messages.push_back(message);
        } else {
            assert_eq!(result, Err(timeout(Side::Receiver)));
            let skipped = record(message.len()) + self.largest - 2 * GRAIN;
            let kept = self.capacity / 4 - GRAIN;
            assert!(taken + skipped + kept > self.capacity);
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Send(length) => self.send(length),
            Step::Fill(length) => self.fill(length),
            Step::ReserveInVain(length) => self.reserve_in_vain(length),
            Step::Receive => self.receive(),
            Step::ReceiveTwice => self.receive_twice(),
            Step::Read => self.read(),
        }
    }

    fn send(&mut self, length: usize) {
        let message = self.next_message(length);
        let result = self.sender.send(&message);
        self.note(result, message);
    }

    fn fill(&mut self, length: usize) {
        let message = self.next_message(length);
        let result = self.sender.reserve(length).map(|reserved| {
            reserved.region().write_blocks(|at| block(&message, at));
            reserved.send();
        });
        self.note(result, message);
    }

    fn reserve_in_vain(&mut self, length: usize) {
        let message = self.next_message(length);
        let result = self.sender.reserve(length).map(|reserved| {
            reserved.region().write(&message);
        });
        let is_done = result.is_ok();
        self.note(result, message);
        if is_done {
            self.messages.pop_back();
        }
    }

    fn receive(&mut self) {
        let mut buffer = vec![0; self.capacity];
        let result = self.receiver.receive_into(&mut buffer);
        let received = result.map(|length| buffer[..length].to_vec());
        self.assert_next(received);
    }

    fn assert_next(&mut self, received: Result<Vec<u8>, Error>) {
        let expected = self.messages.pop_front();
        assert_eq!(received, expected.ok_or(timeout(Side::Sender)));
    }

    fn receive_twice(&mut self) {
        let length = self.messages.front().map_or(0, Vec::len);
        if let Some(longest) = length.checked_sub(1) {
            let result = self.receiver.receive_into(&mut vec![0; longest]);
            assert_eq!(result, Err(Error::TooLong { length, longest }));
        }
        self.receive();
    }

    fn read(&mut self) {
        let received = self.receiver.receive().map(|received| {
            let region = received.region();
            match region.len() % 8 {
                0 => read_blocks(&region),
                _ => read_bytes(&region),
            }
        });
        self.assert_next(received);
    }

    fn read_all(&mut self) {
        while !self.messages.is_empty() {
            self.read();
        }
        self.read();
    }
}

fn read_bytes(region: &Region<'_>) -> Vec<u8> {
    let mut bytes = vec![0; region.len()];
    region.read(&mut bytes);
    bytes
}

/// What lies beyond the message is zero.
fn read_blocks(region: &Region<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    region.read_blocks(|block| {
        let words = <[u64; BLOCK]>::from(block);
        bytes.extend_from_slice(bytemuck::bytes_of(&words));
    });
    let beyond = bytes.split_off(region.len());
    assert!(beyond.iter().all(|&byte| byte == 0));
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// In the end a message as long as the ring has room: the first time it
    /// may be refused because the ring's end has to be skipped.
    #[test]
    fn messages_are_received_as_sent_and_in_order(
        (capacity, steps) in steps()
    ) {
        let mut pair = Pair::new(capacity);
        for step in &steps {
            pair.take(step);
        }
        pair.read_all();
        pair.send(capacity);
        pair.read_all();
        prop_assert_eq!(pair.sender.send(&vec![1; capacity]), Ok(()));
    }
}

/// Nothing but messages takes room where none has to be skipped.
#[test]
fn a_ring_holds_what_its_capacity_says() {
    for length in [0, 1, 64, 65, 128, 512, 1024] {
        let mut pair = Pair::new(1024);
        let messages = 1024 / record(length);
        for _ in 0..3 {
            for _ in 0..messages {
                assert_eq!(pair.sender.send(&vec![1; length]), Ok(()));
            }
            let full = Err(timeout(Side::Receiver));
            assert_eq!(pair.sender.send(&vec![1; length]), full);
            for _ in 0..messages {
                let received = pair.receiver.receive().unwrap();
                assert_eq!(received.region().len(), length);
            }
        }
    }
}

/// Whoever has read all that he knows of gives the room back at once: he may
/// not come back before the sender has used it.
#[test]
fn a_receiver_that_has_read_all_keeps_no_room() {
    let mut pair = Pair::new(1024);
    for _ in 0..16 {
        pair.sender.send(&[1; 64]).unwrap();
        pair.receiver.receive().unwrap();
        pair.sender.reserve(64).unwrap();
    }
    assert_eq!(pair.sender.send(&[1; 1024]), Ok(()));
}

/// Two ends that spin need two cores, and have to wait for long if tests
/// that run at the same time need them too.
fn have_the_cores() -> MutexGuard<'static, ()> {
    static CORES: Mutex<()> = Mutex::new(());
    CORES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends so many messages from one thread to another, of lengths up to the
/// longest that the ring or a page holds.
fn exchange(capacity: usize, manner: Manner, messages: usize) {
    let _cores = have_the_cores();
    let (mut sender, mut receiver) = ends(capacity, manner, PATIENCE);
    let longest = capacity.min(4096);
    let mut lengths = Input::new(capacity as u64, 0);
    let lengths = std::iter::repeat_with(|| lengths.below(longest as u32 + 1));
    let sizes: Vec<_> = lengths.map(|it| it as usize).take(messages).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for (number, &length) in sizes.iter().enumerate() {
                sender.send(&message(number, length)).unwrap();
            }
        });
        let mut buffer = vec![0; longest];
        for (number, &length) in sizes.iter().enumerate() {
            assert_eq!(receiver.receive_into(&mut buffer), Ok(length));
            assert!(buffer[..length] == message(number, length));
        }
    });
}

#[test]
fn a_tiny_ring_passes_messages_between_threads() {
    for manner in MANNERS {
        exchange(TINY, manner, 100_000);
    }
}

#[test]
fn a_big_ring_passes_messages_between_threads() {
    for manner in MANNERS {
        exchange(1 << 20, manner, 100_000);
    }
}

/// A word that sleeps until it is woken, and not for a slice: a wake-up that
/// is lost is seen.
#[derive(Debug, Default)]
struct Untiring(Futex);

impl Word for Untiring {
    fn atomic(&self) -> &AtomicU32 {
        self.0.atomic()
    }

    fn pause() {
        Futex::pause();
    }

    fn park(&self, expected: u32, _at_most: Duration) {
        let start = Instant::now();
        self.0.park(expected, PATIENCE);
        assert!(start.elapsed() < PATIENCE, "it hangs: nobody has woken it");
    }

    fn wake(&self) -> bool {
        self.0.wake()
    }
}

/// Where the ends of a ring of no bytes meet.
#[derive(Default)]
struct Header<W>(Arc<protocol::Header<W>>);

impl<W: Word> Place for Header<W> {
    type Word = W;

    fn header(&self) -> &protocol::Header<W> {
        &self.0
    }
}

fn send_a_grain(sender: &mut End<Header<Untiring>>) {
    sender.wait_for(protocol::GRAIN).unwrap();
    sender.advance(protocol::GRAIN);
    sender.publish(0);
}

fn receive_a_grain(receiver: &mut End<Header<Untiring>>) {
    receiver.wait_for(protocol::GRAIN).unwrap();
    receiver.advance(protocol::GRAIN);
    receiver.publish_at_times();
}

/// Each end waits for the other at each message.
#[test]
fn nobody_sleeps_through_a_message() {
    let _cores = have_the_cores();
    for manner in [Manner::SpinThenPark, Manner::Block] {
        let ends = || {
            let header = Arc::default();
            [Side::Sender, Side::Receiver].map(|side| {
                let place = Header(Arc::clone(&header));
                End::new(place, side, TINY as u32, Waiting::new(manner))
            })
        };
        let [mut request, mut requests] = ends();
        let [mut reply, mut replies] = ends();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    receive_a_grain(&mut requests);
                    send_a_grain(&mut reply);
                }
            });
            for _ in 0..ROUNDS {
                send_a_grain(&mut request);
                receive_a_grain(&mut replies);
            }
        });
    }
}

/// A word of a peer that gives a grain whenever we look.
#[derive(Debug, Default)]
struct Trickling(AtomicU32);

impl Word for Trickling {
    fn atomic(&self) -> &AtomicU32 {
        self.0.fetch_add(protocol::GRAIN, Relaxed);
        &self.0
    }

    fn pause() {}

    fn park(&self, _expected: u32, _at_most: Duration) {}

    fn wake(&self) -> bool {
        false
    }
}

#[test]
fn what_comes_a_grain_at_a_time_is_no_reason_to_wait_too_long() {
    for manner in MANNERS {
        let (capacity, timeout) = (1 << 16, Duration::from_nanos(1));
        let waiting = Waiting::new(manner).with_timeout(timeout);
        let place = Header::<Trickling>::default();
        let mut sender = End::new(place, Side::Sender, capacity, waiting);
        sender.advance(capacity);
        let side = Side::Receiver;
        let late = Err(Error::Timeout { side, timeout });
        assert_eq!(sender.wait_for(capacity), late, "{manner:?}");
    }
}

thread_local! {
    /// How long an end would have slept, at most.
    static LONGEST_SLEEP: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A word that nobody else changes.
#[derive(Debug, Default)]
struct Silent(AtomicU32);

impl Word for Silent {
    fn atomic(&self) -> &AtomicU32 {
        &self.0
    }

    fn pause() {}

    fn park(&self, _expected: u32, at_most: Duration) {
        LONGEST_SLEEP.set(LONGEST_SLEEP.get().max(at_most));
    }

    fn wake(&self) -> bool {
        false
    }
}

/// Room may be waited for twice in one call: to skip the ring's end, and for
/// the message.
#[test]
fn all_waits_of_a_call_share_its_timeout() {
    let timeout = Duration::from_millis(10);
    let waiting = Waiting::new(Manner::Block).with_timeout(timeout);
    let place = Header::<Silent>::default();
    let mut receiver = End::new(place, Side::Receiver, 1024, waiting);
    let late = Err(Error::Timeout { side: Side::Sender, timeout });
    assert_eq!(receiver.wait_for(1), late);
    LONGEST_SLEEP.set(Duration::ZERO);
    assert_eq!(receiver.wait_for(1), late);
    assert_eq!(LONGEST_SLEEP.get(), Duration::ZERO);
}

/// Positions count bytes in 32 bits. The messages that take them there are
/// as long as the ring, and not written.
#[test]
fn positions_wrap() {
    let capacity = 1 << 16;
    let mut pair = Pair::new(capacity);
    for _ in 1..1_u64 << 32 >> 16 {
        pair.sender.reserve(capacity).unwrap().send();
        pair.receiver.receive().unwrap();
    }
    let mut lengths = Input::new(1, 0);
    for _ in 0..1000 {
        pair.send(lengths.below(1000) as usize);
        pair.send(lengths.below(40_000) as usize);
        pair.read();
    }
    pair.read_all();
}

#[test]
fn what_a_sender_sent_before_it_left_is_received() {
    for manner in MANNERS {
        let (mut sender, mut receiver) = ends(TINY, manner, PATIENCE);
        sender.send(b"one").unwrap();
        sender.send(b"two").unwrap();
        drop(sender);
        let mut buffer = [0; 3];
        for message in [b"one", b"two"] {
            receiver.receive_into(&mut buffer).unwrap();
            assert_eq!(buffer, *message);
        }
        for _ in 0..2 {
            let error = receiver.receive_into(&mut buffer).unwrap_err();
            assert_eq!(error, Error::Gone(Side::Sender));
        }
    }
}

#[test]
fn a_sender_whose_receiver_left_can_only_fill_the_ring() {
    for manner in MANNERS {
        let (mut sender, mut receiver) = ends(TINY, manner, PATIENCE);
        sender.send(&[1; TINY / 2]).unwrap();
        receiver.receive().unwrap();
        drop(receiver);
        sender.send(&[2; TINY / 2]).unwrap();
        sender.send(&[3; TINY / 2]).unwrap();
        for _ in 0..2 {
            let error = sender.send(&[4; TINY / 2]).unwrap_err();
            assert_eq!(error, Error::Gone(Side::Receiver));
        }
    }
}

/// Whether the one already waits when the other leaves is left to chance.
#[test]
fn an_end_that_is_dropped_ends_the_others_wait() {
    let _cores = have_the_cores();
    for manner in MANNERS {
        for _ in 0..300 {
            let (sender, mut receiver) = ends(TINY, manner, PATIENCE);
            thread::scope(|scope| {
                scope.spawn(|| drop(sender));
                let error = receiver.receive().unwrap_err();
                assert_eq!(error, Error::Gone(Side::Sender));
            });
            let (mut sender, receiver) = ends(TINY, manner, PATIENCE);
            sender.send(&[0; TINY]).unwrap();
            thread::scope(|scope| {
                scope.spawn(|| drop(receiver));
                let error = sender.send(&[]).unwrap_err();
                assert_eq!(error, Error::Gone(Side::Receiver));
            });
        }
    }
}

#[test]
fn a_message_is_too_long_by_a_byte() {
    let (mut sender, mut receiver) = ends(TINY, Manner::Block, PATIENCE);
    for length in [TINY + 1, 1 << 32, usize::MAX] {
        let error = Error::TooLong { length, longest: TINY };
        assert_eq!(sender.reserve(length).unwrap_err(), error);
    }
    let error = Error::TooLong { length: TINY + 1, longest: TINY };
    assert_eq!(sender.send(&[1; TINY + 1]), Err(error));
    sender.send(&[1; TINY]).unwrap();
    let error = Error::TooLong { length: TINY, longest: TINY - 1 };
    assert_eq!(receiver.receive_into(&mut [0; TINY - 1]), Err(error));
    let mut buffer = [0; TINY + 1];
    assert_eq!(receiver.receive_into(&mut buffer), Ok(TINY));
    assert_eq!((&buffer[..TINY], buffer[TINY]), (&[1; TINY][..], 0));
}

/// A part of some memory.
struct Part {
    whole: Heap,
    start: usize,
    length: usize,
}

// SAFETY: a part stays where the whole is, and lives as long. That it may
// begin at no multiple of 128 is a breach, which the ring must notice.
unsafe impl Memory for Part {
    fn bytes(&self) -> NonNull<[u8]> {
        let whole = self.whole.bytes();
        assert!(self.start + self.length <= whole.len());
        // SAFETY: the start is in the whole, as was just asserted.
        let start = unsafe { whole.cast::<u8>().add(self.start) };
        NonNull::slice_from_raw_parts(start, self.length)
    }
}

/// Whether a ring can be laid there.
fn lay(start: usize, length: usize) -> Result<(), Error> {
    let part = || Part { whole: Heap::new(size(8192)).unwrap(), start, length };
    let waiting = || Waiting::new(Manner::Block);
    let sender = Sender::new(part(), waiting()).map(drop);
    let receiver = Receiver::new(part(), waiting()).map(drop);
    assert_eq!(sender, receiver);
    sender
}

#[test]
fn only_memory_of_a_rings_size_that_is_aligned_is_one() {
    for bytes in [size(TINY), size(2 * TINY), size(4096)] {
        assert_eq!(lay(0, bytes), Ok(()));
        assert_eq!(lay(128, bytes), Ok(()));
        for start in [1, 4, 8, 64, 127, 192] {
            assert_eq!(lay(start, bytes), Err(Error::Memory { bytes }));
        }
        for bytes in [bytes - 64, bytes - 1, bytes + 1, bytes + 68] {
            assert_eq!(lay(0, bytes), Err(Error::Memory { bytes }));
        }
    }
    // Of a half, a ring and a half, and a header at most.
    let header = 2 * size(TINY) - size(2 * TINY);
    let ring = size(TINY) - header;
    for bytes in [0, 1, header, header + ring / 2, header + ring / 2 * 3] {
        assert_eq!(lay(0, bytes), Err(Error::Memory { bytes }));
    }
}

#[test]
fn a_ring_is_as_large_as_asked_for_or_the_next_power_of_two() {
    let sizes = [(0, TINY), (TINY + 1, 2 * TINY), (4096, 4096), (4097, 8192)];
    for (asked, capacity) in sizes {
        assert_eq!(size(asked), size(capacity));
        let (mut sender, _receiver) = ends(asked, Manner::Block, PATIENCE);
        assert!(sender.reserve(capacity).is_ok());
        assert!(sender.reserve(capacity + 1).is_err());
    }
}

/// Not an abort, as of an allocation that fails, and not a smaller ring.
#[test]
fn a_ring_that_is_too_large_is_an_error() {
    let most = 1 << 30;
    for capacity in [most + 1, 1 << 50, usize::MAX / 2 + 2, usize::MAX] {
        let result = on_heap(capacity, Manner::Block);
        assert!(matches!(result, Err(Error::Memory { .. })), "{capacity}");
    }
    for bytes in [0, 1 << 50, usize::MAX] {
        let error = Heap::new(bytes).unwrap_err();
        assert_eq!(error, Error::Memory { bytes });
    }
}

#[test]
fn a_timeout_says_who_was_waited_for_and_changes_nothing() {
    let timeout = Duration::from_millis(30);
    for manner in MANNERS {
        let (mut sender, mut receiver) = ends(TINY, manner, timeout);
        let start = Instant::now();
        let error = receiver.receive().unwrap_err();
        assert_eq!(error, Error::Timeout { side: Side::Sender, timeout });
        assert!(start.elapsed() >= timeout);
        sender.send(&[1; TINY]).unwrap();
        let start = Instant::now();
        let error = sender.send(&[2]).unwrap_err();
        assert_eq!(error, Error::Timeout { side: Side::Receiver, timeout });
        assert!(start.elapsed() >= timeout);
        assert_eq!(receiver.receive_into(&mut [0; TINY]), Ok(TINY));
        sender.send(&[2]).unwrap();
        assert_eq!(receiver.receive_into(&mut [0]), Ok(1));
    }
}

/// Both ends of a ring, of which neither believes that the other
/// is alive.
fn dead_ends(manner: Manner) -> Ends {
    let memory = Arc::new(Heap::new(size(TINY)).unwrap());
    let waiting = || Waiting::new(manner).with_lifeline(|| false);
    let sender = Sender::new(memory.clone(), waiting()).unwrap();
    (sender, Receiver::new(memory, waiting()).unwrap())
}

#[test]
fn what_a_sender_sent_before_it_died_is_received() {
    for manner in MANNERS {
        let (mut sender, mut receiver) = dead_ends(manner);
        sender.send(b"one").unwrap();
        sender.send(b"two").unwrap();
        for _ in 0..2 {
            assert_eq!(receiver.receive_into(&mut [0; 3]), Ok(3));
        }
        let error = receiver.receive_into(&mut [0; 3]).unwrap_err();
        assert_eq!(error, Error::Gone(Side::Sender));
    }
}

#[test]
fn a_receiver_that_died_is_gone() {
    for manner in MANNERS {
        let (mut sender, _receiver) = dead_ends(manner);
        sender.send(&[0; TINY]).unwrap();
        let error = sender.send(&[]).unwrap_err();
        assert_eq!(error, Error::Gone(Side::Receiver));
    }
}

/// The sender sends its last message after it was seen to have sent none, and
/// before it is seen to be dead.
#[test]
fn what_a_sender_sent_just_before_it_died_is_received() {
    for manner in MANNERS {
        let memory = Arc::new(Heap::new(size(TINY)).unwrap());
        let waiting = Waiting::new(manner);
        let sender = Sender::new(memory.clone(), waiting).unwrap();
        let sender = Mutex::new(sender);
        let send_and_die = move || {
            sender.lock().unwrap().send(b"last").unwrap();
            false
        };
        let waiting = Waiting::new(manner).with_lifeline(send_and_die);
        let mut receiver = Receiver::new(memory, waiting).unwrap();
        assert_eq!(receiver.receive_into(&mut [0; 4]), Ok(4));
    }
}

/// A look at the life of another process costs a system call.
#[test]
fn life_is_looked_at_only_while_waiting() {
    let memory = Arc::new(Heap::new(size(TINY)).unwrap());
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = looks.clone();
    let count = move || counted.fetch_add(1, Relaxed) < 3;
    let waiting = Waiting::new(Manner::Block);
    let mut sender = Sender::new(memory.clone(), waiting).unwrap();
    let waiting = Waiting::new(Manner::Block).with_lifeline(count);
    let mut receiver = Receiver::new(memory, waiting).unwrap();
    for _ in 0..100 {
        sender.send(&[]).unwrap();
        receiver.receive().unwrap();
    }
    assert_eq!(looks.load(Relaxed), 0);
    let error = receiver.receive().unwrap_err();
    assert_eq!((error, looks.load(Relaxed)), (Error::Gone(Side::Sender), 4));
}
