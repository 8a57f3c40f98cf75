//! A ring whose other end means ill: it writes what it likes, where it likes
//! and when it likes. An end of good will may fail by that, and no more: it
//! does not panic, does not wait beyond its timeout, and touches nothing
//! outside its ring and its buffer.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    mem,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use common::{
    input::Input,
    ring::{
        Error, Manner, Receiver, Sender, Side, Waiting,
        memory::{Heap, Memory},
        protocol, size,
    },
};
use rustix::thread::futex;

const MANNERS: [Manner; 3] =
    [Manner::Spin, Manner::SpinThenPark, Manner::Block];

const SIDES: [Side; 2] = [Side::Sender, Side::Receiver];

/// In place of a length: the rest of the ring is skipped.
const SKIP: u32 = u32::MAX;

/// Messages begin at multiples of this.
const GRAIN: usize = protocol::GRAIN as usize;

/// The bytes of the least ring, and of its first grains.
const TINY: u32 = 1024;
const ONE: u32 = protocol::GRAIN;
const TWO: u32 = 2 * ONE;

/// Between two words of the header.
const LINE: usize = 128;

/// So long that an end waits once.
const MOMENT: Duration = Duration::from_nanos(1);

/// How an end waits, and for how long.
type How = (Manner, Duration);

/// It only looks.
const LOOK: How = (Manner::Block, Duration::ZERO);

const SPIN: How = (Manner::Spin, MOMENT);
const SPIN_THEN_PARK: How = (Manner::SpinThenPark, MOMENT);
const BLOCK: How = (Manner::Block, MOMENT);

/// Bytes before and after the ring's memory, which nobody may touch.
const GUARD: usize = 4096;

/// A ring's memory between two guards.
#[derive(Debug)]
struct Guarded {
    whole: Heap,
    length: usize,
}

// SAFETY: the bytes stay where the whole is, and live as long; a guard is a
// multiple of 128. What the test writes there meanwhile, another process
// could as well: it is what the ring has to bear, and it is atomic.
unsafe impl Memory for Guarded {
    fn bytes(&self) -> NonNull<[u8]> {
        // SAFETY: the whole is as long as this and two guards.
        let start = unsafe { self.whole.bytes().cast::<u8>().add(GUARD) };
        NonNull::slice_from_raw_parts(start, self.length)
    }
}

/// The hand of the process at the other end: it reaches every word.
#[derive(Debug, Clone)]
struct Hand {
    memory: Arc<Guarded>,
    capacity: usize,
}

impl Hand {
    fn new(capacity: usize) -> Self {
        let length = size(capacity);
        let lengths = capacity / GRAIN * size_of::<u32>();
        assert_eq!(length, 4 * LINE + lengths + capacity);
        let whole = Heap::new(length + 2 * GUARD).unwrap();
        Hand { memory: Arc::new(Guarded { whole, length }), capacity }
    }

    fn sender(&self, how: How) -> Sender<Arc<Guarded>> {
        let waiting = Waiting::new(how.0).with_timeout(how.1);
        Sender::new(self.memory.clone(), waiting).unwrap()
    }

    fn receiver(&self, how: How) -> Receiver<Arc<Guarded>> {
        let waiting = Waiting::new(how.0).with_timeout(how.1);
        Receiver::new(self.memory.clone(), waiting).unwrap()
    }

    fn position(&self, side: Side) -> &AtomicU32 {
        self.header(side as usize)
    }

    fn sleeps(&self, side: Side) -> &AtomicU32 {
        self.header(SIDES.len() + side as usize)
    }

    fn header(&self, line: usize) -> &AtomicU32 {
        assert!(line < 4);
        self.word(line * LINE)
    }

    /// The length of the record in a grain.
    fn length(&self, grain: usize) -> &AtomicU32 {
        assert!(grain < self.capacity / GRAIN);
        self.word(4 * LINE + grain * size_of::<u32>())
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        let bytes = self.memory.bytes();
        assert!(offset.is_multiple_of(4) && offset < bytes.len());
        // SAFETY: the word is in the memory, as was just asserted.
        let word = unsafe { bytes.cast::<u8>().add(offset) };
        // SAFETY: it is aligned, and the memory outlives the borrow.
        unsafe { word.cast::<AtomicU32>().as_ref() }
    }

    fn assert_guards_untouched(&self) {
        let whole = self.memory.whole.bytes().cast::<AtomicU64>();
        for start in [0, GUARD + self.memory.length] {
            for word in (start..start + GUARD).step_by(size_of::<u64>()) {
                // SAFETY: the word is in a guard, and so in the whole.
                let word = unsafe { whole.byte_add(word) };
                // SAFETY: it is aligned, and the whole outlives the borrow.
                let word = unsafe { word.as_ref() };
                assert_eq!(word.load(Relaxed), 0);
            }
        }
    }
}

/// What a hand writes. Random numbers alone would be refused at the first
/// look: so most are what they might be, or nearly.
struct Malice {
    input: Input,
    capacity: u32,
}

impl Malice {
    fn new(seed: u64, hand: &Hand) -> Self {
        let capacity = hand.capacity as u32;
        Malice { input: Input::new(seed, 0), capacity }
    }

    fn any(&mut self) -> u32 {
        self.input.below(u32::MAX)
    }

    /// Near a position: up to a ring and a bit before or behind it.
    fn position(&mut self, near: u32) -> u32 {
        let reach = self.capacity + TWO;
        let ahead = self.input.below(2 * reach / ONE) * ONE;
        let near = near - near % ONE;
        let grain = near.wrapping_add(ahead).wrapping_sub(reach);
        match self.input.below(16) {
            0 => self.any(),
            1 => grain | self.input.below(ONE),
            2..8 => grain | (self.input.below(ONE / 2) * 2),
            _ => grain,
        }
    }

    fn length(&mut self) -> u32 {
        match self.input.below(16) {
            0 | 1 => SKIP,
            2 => SKIP - self.input.below(16),
            3 => self.any(),
            4 => self.capacity - 16 + self.input.below(32),
            5..8 => self.input.below(self.capacity),
            _ => self.input.below(3 * ONE),
        }
    }

    /// Writes to the whole header, to all lengths and to some of the ring.
    /// The victim's position was `near`.
    fn scribble(&mut self, hand: &Hand, near: u32) {
        for side in SIDES {
            hand.position(side).store(self.position(near), Relaxed);
            hand.sleeps(side).store(self.any(), Relaxed);
        }
        for grain in 0..hand.capacity / GRAIN {
            hand.length(grain).store(self.length(), Relaxed);
        }
        self.scribble_into_a_message(hand);
    }

    fn scribble_into_a_message(&mut self, hand: &Hand) {
        let ring = hand.memory.bytes().len() - hand.capacity;
        let word = self.input.below(self.capacity / 4) as usize;
        let word = hand.word(ring + word * size_of::<u32>());
        word.store(self.any(), Relaxed);
    }

    /// Writes one word, anywhere. A position is one of an early spell.
    fn scribble_once(&mut self, hand: &Hand) {
        let side = SIDES[self.input.below(2) as usize];
        match self.input.below(8) {
            0 => hand.sleeps(side).store(self.any(), Relaxed),
            1 => self.scribble_into_a_message(hand),
            2 | 3 => {
                let near = self.input.below(4 * self.capacity);
                hand.position(side).store(self.position(near), Relaxed);
            }
            _ => {
                let grain = self.input.below(self.capacity / ONE);
                let length = hand.length(grain as usize);
                length.store(self.length(), Relaxed);
            }
        }
    }
}

/// What stands in a buffer before a message is received into it.
const UNTOUCHED: u8 = 0xa5;

/// Does something with a receiver, and gives how many bytes it received.
fn receive(
    receiver: &mut Receiver<Arc<Guarded>>,
    hand: &Hand,
    malice: &mut Malice,
) -> Result<usize, Error> {
    let mut buffer = vec![UNTOUCHED; hand.capacity];
    let result = match malice.input.below(4) {
        0 => read_in_place(receiver, &mut buffer),
        1 => receiver.receive_into(&mut buffer[..8]),
        _ => receiver.receive_into(&mut buffer),
    };
    let touched = result.unwrap_or(0);
    assert!(touched <= hand.capacity);
    assert!(buffer[touched..].iter().all(|&byte| byte == UNTOUCHED));
    assert_possible(result.err(), Side::Sender, hand);
    result
}

fn read_in_place(
    receiver: &mut Receiver<Arc<Guarded>>,
    buffer: &mut [u8],
) -> Result<usize, Error> {
    let received = receiver.receive()?;
    let region = received.region();
    region.read(&mut buffer[..region.len()]);
    if region.len() % 8 == 0 {
        let mut bytes = 0;
        region.read_blocks(|block| bytes += size_of_val(&block));
        assert!(bytes >= region.len());
    }
    Ok(region.len())
}

/// Does something with a sender.
fn send(
    sender: &mut Sender<Arc<Guarded>>,
    hand: &Hand,
    malice: &mut Malice,
) -> Result<(), Error> {
    let longest = hand.capacity;
    let length = malice.input.below(malice.capacity + 64) as usize;
    let result = match malice.input.below(4) {
        0 => sender.reserve(length).map(drop),
        1 => sender.reserve(length).map(|reserved| reserved.send()),
        _ => sender.send(&vec![UNTOUCHED; length]),
    };
    if length > longest {
        assert_eq!(result, Err(Error::TooLong { length, longest }));
    } else {
        assert_possible(result.err(), Side::Receiver, hand);
    }
    result
}

/// What may be said of an end that means ill.
fn assert_possible(error: Option<Error>, ill: Side, hand: &Hand) {
    let ring = hand.capacity;
    let is_possible = match error {
        None => true,
        Some(Error::Gone(side)) => side == ill,
        Some(Error::Timeout { side, timeout }) => {
            side == ill && timeout <= MOMENT
        }
        Some(Error::Position { side, .. }) => side == ill,
        Some(Error::Record { longest, .. }) => {
            ill == Side::Sender && longest <= ring
        }
        Some(Error::TooLong { length, longest }) => {
            ill == Side::Sender && longest < length && length <= ring
        }
        Some(Error::Memory { .. } | Error::Scarce { .. }) => false,
    };
    assert!(is_possible, "{error:?}");
}

/// How often each thing happened: what never does is not tested.
#[derive(Debug, Default)]
struct Tally {
    done: u32,
    gone: u32,
    timeout: u32,
    position: u32,
    record: u32,
    too_long: u32,
}

impl Tally {
    fn count<T>(&mut self, result: &Result<T, Error>) {
        let counter = match result {
            Ok(_) => &mut self.done,
            Err(Error::Gone(_)) => &mut self.gone,
            Err(Error::Timeout { .. }) => &mut self.timeout,
            Err(Error::Position { .. }) => &mut self.position,
            Err(Error::Record { .. }) => &mut self.record,
            Err(_) => &mut self.too_long,
        };
        *counter += 1;
    }
}

/// Operations between two new ends: positions start at zero again.
const SPELL: u32 = 16;

/// Writes garbage everywhere before each of so many operations on one end.
fn besiege<E>(
    hand: &Hand,
    cases: u32,
    side: Side,
    end: impl Fn() -> E,
    operate: impl Fn(&mut E, &mut Malice) -> Result<(), Error>,
) -> Tally {
    let mut malice = Malice::new(cases.into(), hand);
    let mut tally = Tally::default();
    for _ in 0..cases / SPELL {
        let (mut end, mut position) = (end(), 0);
        for _ in 0..SPELL {
            malice.scribble(hand, position);
            let scribbled = hand.position(side).load(Relaxed);
            tally.count(&operate(&mut end, &mut malice));
            let after = hand.position(side).load(Relaxed);
            if after != scribbled {
                position = after;
            }
        }
    }
    hand.assert_guards_untouched();
    tally
}

fn besiege_a_receiver(capacity: usize, how: How, cases: u32) {
    let hand = &Hand::new(capacity);
    let end = || hand.receiver(how);
    let tally = besiege(hand, cases, Side::Receiver, end, |end, malice| {
        receive(end, hand, malice).map(drop)
    });
    let Tally { done, gone, timeout, position, record, too_long } = tally;
    for count in [done, gone, timeout, position, record, too_long] {
        assert!(count > 0, "{tally:?}");
    }
}

fn besiege_a_sender(capacity: usize, how: How, cases: u32) {
    let hand = &Hand::new(capacity);
    let end = || hand.sender(how);
    let tally = besiege(hand, cases, Side::Sender, end, |end, malice| {
        send(end, hand, malice)
    });
    let Tally { done, gone, timeout, position, record, too_long } = tally;
    for count in [done, gone, timeout, position, too_long] {
        assert!(count > 0, "{tally:?}");
    }
    assert_eq!(record, 0, "a sender reads no records");
}

#[test]
fn garbage_does_a_receiver_no_harm() {
    besiege_a_receiver(TINY as usize, LOOK, 1_000_000);
    besiege_a_receiver(4096, LOOK, 100_000);
    for how in [SPIN, SPIN_THEN_PARK, BLOCK] {
        besiege_a_receiver(TINY as usize, how, 20_000);
    }
}

#[test]
fn garbage_does_a_sender_no_harm() {
    besiege_a_sender(TINY as usize, LOOK, 1_000_000);
    besiege_a_sender(4096, LOOK, 100_000);
    for how in [SPIN, SPIN_THEN_PARK, BLOCK] {
        besiege_a_sender(TINY as usize, how, 20_000);
    }
}

/// Does so many operations on one end while garbage is written. Where a spell
/// begins, the header is in order for once.
fn endure<E>(
    hand: &Hand,
    operations: u32,
    end: impl Fn() -> E,
    operate: impl Fn(&mut E, &mut Malice) -> Result<(), Error>,
) -> Tally {
    let mut malice = Malice::new(operations.into(), hand);
    let mut tally = Tally::default();
    for _ in 0..operations / SPELL {
        let mut end = end();
        for side in SIDES {
            hand.position(side).store(0, Relaxed);
        }
        for _ in 0..SPELL {
            tally.count(&operate(&mut end, &mut malice));
        }
    }
    tally
}

/// Both ends work while a third thread writes anywhere.
fn endure_at_any_time(how: How, operations: u32) -> [Tally; 2] {
    let hand = &Hand::new(1024);
    let sender = move || hand.sender(how);
    let receiver = move || hand.receiver(how);
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            endure(hand, operations, sender, |end, malice| {
                send(end, hand, malice)
            })
        });
        let receiving = scope.spawn(move || {
            endure(hand, operations, receiver, |end, malice| {
                receive(end, hand, malice).map(drop)
            })
        });
        let mut malice = Malice::new(0, hand);
        while !sending.is_finished() || !receiving.is_finished() {
            malice.scribble_once(hand);
        }
        hand.assert_guards_untouched();
        [sending.join().unwrap(), receiving.join().unwrap()]
    })
}

#[test]
fn garbage_at_any_time_does_no_harm() {
    for how in [SPIN, SPIN_THEN_PARK, BLOCK] {
        endure_at_any_time(how, 10_000);
    }
    for tally in endure_at_any_time(LOOK, 1_000_000) {
        assert!(tally.done > 0 && tally.position > 0, "{tally:?}");
    }
}

fn timeout(side: Side) -> Error {
    Error::Timeout { side, timeout: Duration::ZERO }
}

/// A receiver of a tiny ring, and what the hand makes of the ring.
struct Target {
    hand: Hand,
    receiver: Receiver<Arc<Guarded>>,
}

impl Target {
    fn new() -> Self {
        let hand = Hand::new(TINY as usize);
        let receiver = hand.receiver(LOOK);
        Target { hand, receiver }
    }

    /// One that has received a message of one grain.
    fn in_the_second_grain() -> Self {
        let mut target = Target::new();
        assert_eq!(target.receive(ONE, 0, 1), Ok(1));
        target
    }

    /// Receives after the sender says that it is there, and that the record
    /// in that grain is so long.
    fn receive(
        &mut self,
        sent: u32,
        grain: usize,
        length: u32,
    ) -> Result<usize, Error> {
        self.hand.position(Side::Sender).store(sent, Relaxed);
        self.hand.length(grain).store(length, Relaxed);
        // Not received, because it is not dropped.
        let in_place = self.receiver.receive().map(mem::forget);
        let mut buffer = [UNTOUCHED; TINY as usize];
        let result = self.receiver.receive_into(&mut buffer);
        assert_eq!(in_place.err(), result.err());
        let touched = result.unwrap_or(0);
        assert!(buffer[touched..].iter().all(|&byte| byte == UNTOUCHED));
        result
    }
}

fn impossible(side: Side, seen: u32) -> Error {
    Error::Position { side, seen }
}

#[test]
fn a_receiver_believes_no_impossible_position() {
    let mut target = Target::in_the_second_grain();
    let nothing = Err(timeout(Side::Sender));
    assert_eq!(target.receive(ONE, 1, 0), nothing);
    let gone = Err(Error::Gone(Side::Sender));
    assert_eq!(target.receive(ONE + 1, 1, 0), gone);
    let far = TINY + TWO;
    for grain in [0, far, far + ONE, 1 << 31, ONE.wrapping_neg()] {
        for seen in [grain, grain + 1, grain + 2, grain + 63] {
            let error = impossible(Side::Sender, seen);
            assert_eq!(target.receive(seen, 1, 0), Err(error));
        }
    }
    // All that it may be, with every other bit set, and then back again.
    assert_eq!(target.receive(far - 1, 1, ONE), Ok(GRAIN));
    let rest = (TINY - TWO) as usize;
    assert_eq!(target.receive(0, 2, TINY - TWO), Ok(rest));
    assert_eq!(target.receive(0, 0, 0), Ok(0));
    let error = impossible(Side::Sender, TINY);
    assert_eq!(target.receive(TINY, 1, 0), Err(error));
}

#[test]
fn a_sender_believes_no_impossible_position() {
    let hand = Hand::new(TINY as usize);
    let mut sender = hand.sender(LOOK);
    let mut send = |received: u32, length: u32| {
        hand.position(Side::Receiver).store(received, Relaxed);
        sender.send(&vec![0; length as usize])
    };
    assert_eq!(send(0, TINY - ONE), Ok(()));
    let full = Err(timeout(Side::Receiver));
    assert_eq!(send(0, TWO), full);
    // The last grain is skipped now.
    assert_eq!(send(ONE, TWO), full);
    let gone = Err(Error::Gone(Side::Receiver));
    assert_eq!(send(ONE + 1, TWO), gone);
    for grain in [0, TINY + ONE, TINY + TWO, 1 << 31, ONE.wrapping_neg()] {
        for seen in [grain, grain + 1, grain + 2, grain + 63] {
            let error = impossible(Side::Receiver, seen);
            assert_eq!(send(seen, TWO), Err(error));
        }
    }
    assert_eq!(send(TWO - 2, TWO), full);
    assert_eq!(send(TINY, TINY), Ok(()));
}

#[test]
fn a_receiver_believes_no_impossible_length() {
    let (all, one) = (TINY as usize, ONE as usize);
    for length in [TINY + 1, TINY + ONE, 1 << 31, SKIP - 1, SKIP] {
        let error = Error::Record { length, longest: all };
        assert_eq!(Target::new().receive(TINY, 0, length), Err(error));
    }
    for length in [ONE + 1, TWO, TINY, TINY + 1, SKIP / 2, SKIP] {
        let error = Error::Record { length, longest: one };
        let mut target = Target::new();
        assert_eq!(target.receive(ONE, 0, length), Err(error));
        assert_eq!(target.receive(ONE, 0, length), Err(error));
        assert_eq!(target.receive(ONE, 0, ONE), Ok(one));
    }
    for length in [TINY - ONE + 1, TINY, SKIP - 1] {
        let longest = all - one;
        let error = Error::Record { length, longest };
        let mut target = Target::in_the_second_grain();
        assert_eq!(target.receive(TINY + ONE, 1, length), Err(error));
        let received = target.receive(TINY + ONE, 1, TINY - ONE);
        assert_eq!(received, Ok(longest));
    }
}

#[test]
fn a_receiver_skips_nothing_but_the_rest_of_the_ring() {
    let length = TINY - ONE;
    // More than was sent.
    for sent in (TWO..TINY).step_by(GRAIN) {
        let mut target = Target::in_the_second_grain();
        let longest = (sent - ONE) as usize;
        let error = Error::Record { length, longest };
        assert_eq!(target.receive(sent, 1, SKIP), Err(error));
    }
    // All that was sent, and then again.
    let mut target = Target::in_the_second_grain();
    assert_eq!(target.receive(TINY, 1, SKIP), Err(timeout(Side::Sender)));
    let error = Error::Record { length: SKIP, longest: GRAIN };
    assert_eq!(target.receive(TINY + ONE, 0, SKIP), Err(error));
    assert_eq!(target.receive(TINY + ONE, 0, 0), Ok(0));
}

/// In the low bits of its position, a sender tells the length of the last
/// message once more, in words of eight bytes.
#[test]
fn a_tag_makes_no_message_longer_than_the_ring_says() {
    for words in 1..ONE / 2 {
        for grains in 1..=4 {
            let sent = grains * ONE + 2 * words;
            let received = Target::new().receive(sent, 0, 3).unwrap();
            let told = 8 * words;
            if told.next_multiple_of(ONE) == grains * ONE {
                assert_eq!(received, told as usize);
            } else {
                assert_eq!(received, 3);
            }
        }
    }
}

/// Whatever takes so long hangs. A sleep that nobody ends would.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages of which each costs a slice of sleep.
const MESSAGES: u8 = 20;

/// Waits until an end is about to sleep, and takes the mark of it away.
fn clear_the_mark(hand: &Hand, side: Side) {
    let marked = hand.sleeps(side);
    while marked.load(Relaxed).is_multiple_of(2) {
        thread::yield_now();
    }
    marked.store(0, Relaxed);
}

/// Nobody wakes the receiver: it looks for itself after a slice.
#[test]
fn a_receiver_whose_sleep_is_hidden_wakes_by_itself() {
    let hand = Hand::new(TINY as usize);
    let mut sender = hand.sender(LOOK);
    let mut receiver = hand.receiver(LOOK);
    receiver.set_timeout(Some(PATIENCE));
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            for message in 0..MESSAGES {
                clear_the_mark(&hand, Side::Receiver);
                sender.send(&[message]).unwrap();
            }
        });
        let mut buffer = [0];
        for message in 0..MESSAGES {
            receiver.receive_into(&mut buffer).unwrap();
            assert_eq!(buffer, [message]);
        }
    });
    assert!(start.elapsed() < PATIENCE, "it hangs");
}

#[test]
fn a_sender_whose_sleep_is_hidden_wakes_by_itself() {
    let hand = Hand::new(TINY as usize);
    let mut sender = hand.sender(LOOK);
    let mut receiver = hand.receiver(LOOK);
    sender.set_timeout(Some(PATIENCE));
    sender.send(&[0; TINY as usize]).unwrap();
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..MESSAGES {
                clear_the_mark(&hand, Side::Sender);
                receiver.receive().unwrap();
            }
        });
        for _ in 0..MESSAGES {
            sender.send(&[0; TINY as usize]).unwrap();
        }
    });
    assert!(start.elapsed() < PATIENCE, "it hangs");
}

#[test]
fn a_wake_up_for_nobody_is_harmless() {
    let hand = Hand::new(TINY as usize);
    let mut malice = Malice::new(1, &hand);
    let mut sender = hand.sender(LOOK);
    let mut receiver = hand.receiver(LOOK);
    for _ in 0..1000 {
        for side in SIDES {
            hand.sleeps(side).store(malice.any() | 1, Relaxed);
        }
        sender.send(&[1; TINY as usize]).unwrap();
        assert_eq!(
            receiver.receive_into(&mut [0; TINY as usize]),
            Ok(TINY as usize)
        );
    }
}

/// However often an end is woken, and whatever is written meanwhile, it gives
/// up in time.
fn harass(manner: Manner, flicker: u32) -> Error {
    let hand = Hand::new(TINY as usize);
    let timeout = Duration::from_millis(50);
    let mut receiver = hand.receiver((manner, timeout));
    let start = Instant::now();
    let error = thread::scope(|scope| {
        let receive = || receiver.receive().map(drop).unwrap_err();
        let receiving = scope.spawn(receive);
        let sent = hand.position(Side::Sender);
        while !receiving.is_finished() {
            sent.fetch_xor(flicker, Relaxed);
            hand.sleeps(Side::Receiver).fetch_add(1, Relaxed);
            let _woken = futex::wake(sent, futex::Flags::empty(), 1);
        }
        receiving.join().unwrap()
    });
    assert!(start.elapsed() < PATIENCE, "it hangs");
    if error == (Error::Timeout { side: Side::Sender, timeout }) {
        assert!(start.elapsed() >= timeout);
    }
    error
}

#[test]
fn an_end_that_is_woken_again_and_again_gives_up_in_time() {
    for manner in MANNERS {
        // Nothing changes, or nothing but what comes with a position.
        for flicker in [0, 2] {
            let error = harass(manner, flicker);
            assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        }
    }
}

#[test]
fn an_end_that_sees_a_position_flicker_gives_up_in_time() {
    for manner in MANNERS {
        for _ in 0..20 {
            let error = harass(manner, 1 << 31);
            let seen = impossible(Side::Sender, 1 << 31);
            let may_be_missed = matches!(error, Error::Timeout { .. });
            assert!(error == seen || may_be_missed, "{error:?}");
        }
    }
}
