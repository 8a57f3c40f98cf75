//! The memory of a ring: its header, its bytes, and how they are accessed.
//!
//! Another process may write to these bytes at any time, whatever it has
//! promised. A `&[u8]` to them would be undefined behaviour, and so would a
//! plain read or write. So a message is copied with atomics, or with assembly
//! that is opaque to the compiler, in blocks of a cache line: sixteen bytes per
//! instruction pass between cores half as fast again as eight do (1 MiB
//! messages on an Intel Xeon, 2026-11-23: 20 GB/s against 13).

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    hint::spin_loop,
    marker::PhantomData,
    ops::RangeInclusive,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rustix::{thread::futex, time::Timespec};

use super::{
    Error,
    protocol::{GRAIN, Header, Place, Word},
};

/// Words in a block: as many as in a cache line.
pub const BLOCK: usize = 8;

/// A block, in the processor's vector registers. An array of words would go
/// through memory instead, at half the speed, in programs where the compiler
/// finds no better way.
#[derive(Debug, Clone, Copy)]
pub struct Block(block::Lanes);

impl From<[u64; BLOCK]> for Block {
    #[inline]
    fn from(words: [u64; BLOCK]) -> Self {
        Block(bytemuck::cast(words))
    }
}

impl From<Block> for [u64; BLOCK] {
    #[inline]
    fn from(block: Block) -> Self {
        bytemuck::cast(block.0)
    }
}

impl Block {
    /// A block of copies of one word.
    #[inline]
    pub fn splat(word: u64) -> Self {
        Block(block::splat(word))
    }

    /// Adds word by word, without a carry between words.
    #[inline]
    #[must_use]
    pub fn wrapping_add(self, other: Block) -> Self {
        Block(block::add(self.0, other.0))
    }
}

const BLOCK_BYTES: usize = BLOCK * size_of::<u64>();

/// The bytes before the ring's lengths.
const HEADER: usize = size_of::<Header<Futex>>();

/// The smallest and the largest capacity in bytes, both powers of two. The
/// lengths of the smallest fill a line. Positions are 32 bits wide, and must
/// distinguish a full ring from an empty one.
const CAPACITIES: RangeInclusive<usize> = 1024..=1 << 30;

/// The bytes of a length. There is one for each grain of the ring, in a
/// separate table. So a message starts on a cache line, and a message that
/// fills a line takes only one.
const LENGTH: usize = size_of::<u32>();

/// Memory that both ends can reach.
///
/// # Safety
///
/// The bytes stay at the same address, readable and writable, for as long as
/// the value lives, even if it is moved. They start at a multiple of 128. This
/// program accesses them only through a ring.
pub unsafe trait Memory: Send {
    /// The bytes.
    fn bytes(&self) -> NonNull<[u8]>;
}

// SAFETY: the bytes are those of the shared value, which does not move.
unsafe impl<M: Memory + Sync> Memory for Arc<M> {
    fn bytes(&self) -> NonNull<[u8]> {
        M::bytes(self)
    }
}

/// Memory of this process, for ends in two of its threads. It starts on a
/// page, as mapped memory does.
#[derive(Debug)]
pub struct Heap {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it owns its bytes, and gives access to them only through `Memory`.
unsafe impl Send for Heap {}
// SAFETY: as above; a shared `Heap` gives no more than their address.
unsafe impl Sync for Heap {}

impl Heap {
    /// Allocates `size` zero bytes.
    ///
    /// # Errors
    ///
    /// Fails if `size` is zero or larger than any ring, or if memory runs out.
    pub fn new(size: usize) -> Result<Self, Error> {
        if size == 0 || size > self::size(*CAPACITIES.end()) {
            return Err(Error::Memory { bytes: size });
        }
        let layout = Layout::from_size_align(size, 4096)
            .map_err(|_| Error::Memory { bytes: size })?;
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).ok_or(Error::Scarce { bytes: size })?;
        Ok(Heap { start, layout })
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and no end is left: an
        // end owns the memory.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

// SAFETY: an allocation does not move with the value that owns it, and its
// alignment is a page.
unsafe impl Memory for Heap {
    fn bytes(&self) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(self.start, self.layout.size())
    }
}

/// The memory, in bytes, for a ring of at least `capacity` bytes. If `capacity`
/// is too large, the result is more than any ring may have.
pub fn size(capacity: usize) -> usize {
    let (least, most) = CAPACITIES.into_inner();
    let capacity = capacity.clamp(least, most + 1).next_power_of_two();
    HEADER + lengths(capacity) + capacity
}

/// The bytes of all lengths.
fn lengths(capacity: usize) -> usize {
    capacity / GRAIN as usize * LENGTH
}

/// The capacity of a ring in memory of this size.
fn capacity(size: usize) -> Option<usize> {
    let grains = size.checked_sub(HEADER)? / (GRAIN as usize + LENGTH);
    let capacity = grains * GRAIN as usize;
    let fits = CAPACITIES.contains(&capacity) && capacity.is_power_of_two();
    (fits && self::size(capacity) == size).then_some(capacity)
}

/// Memory checked to fit a ring.
#[derive(Debug)]
pub struct Laid<M> {
    header: NonNull<Header<Futex>>,
    lengths: NonNull<AtomicU32>,
    ring: NonNull<u8>,
    capacity: u32,
    _memory: M,
}

// SAFETY: the pointers are into memory that it owns and that may be sent. All
// access through them is atomic, or by the assembly of `block`, so it is
// defined no matter what else reads and writes there.
unsafe impl<M: Memory> Send for Laid<M> {}

impl<M: Memory> Laid<M> {
    pub(super) fn new(memory: M) -> Result<Self, Error> {
        let bytes = memory.bytes();
        let header = bytes.cast::<Header<Futex>>();
        let size = bytes.len();
        let Some(capacity) = capacity(size).filter(|_| header.is_aligned())
        else {
            return Err(Error::Memory { bytes: size });
        };
        // SAFETY: the memory is as long as the header, the lengths and the
        // ring: `capacity` has checked that.
        let lengths = unsafe { bytes.cast::<u8>().add(HEADER) };
        // SAFETY: as above.
        let ring = unsafe { lengths.add(self::lengths(capacity)) };
        let (lengths, capacity) = (lengths.cast(), capacity as u32);
        Ok(Laid { header, lengths, ring, capacity, _memory: memory })
    }

    pub(super) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// The length of a record at an index of the ring.
    ///
    /// # Panics
    ///
    /// If the index is not in the ring.
    pub(super) fn length(&self, index: u32) -> &AtomicU32 {
        assert!(index < self.capacity);
        // SAFETY: there is a length for each grain of the ring.
        let length = unsafe { self.lengths.add((index / GRAIN) as usize) };
        // SAFETY: it is aligned and an integer, and the memory outlives it.
        unsafe { length.as_ref() }
    }

    /// The bytes of the ring from an index on.
    ///
    /// # Panics
    ///
    /// If they are not in the ring, or do not start on a grain: callers check
    /// every index and length first.
    pub(super) fn region(&self, index: u32, length: u32) -> Region<'_> {
        assert!(index.is_multiple_of(GRAIN) && index < self.capacity);
        assert!(length <= self.capacity - index);
        // SAFETY: the index is in the ring, as was just asserted.
        let start = unsafe { self.ring.add(index as usize) };
        Region { start, length: length as usize, memory: PhantomData }
    }
}

impl<M: Memory> Place for Laid<M> {
    type Word = Futex;

    fn header(&self) -> &Header<Futex> {
        // SAFETY: the memory was checked to be long enough and aligned, it
        // lives as long as this, and a header is made of atomics, for which
        // all bytes are values.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    fn fetch(&self, index: u32) {
        prefetch::to_read(self.region(index, GRAIN).start);
    }

    #[inline]
    fn claim(&self, index: u32, position: &Futex) {
        prefetch::to_write(self.region(index, GRAIN).start);
        prefetch::to_write(NonNull::from(position).cast());
    }
}

/// A word on which threads of any process can sleep in the kernel.
///
/// The flag for ends in one process, `FUTEX_PRIVATE_FLAG`, would save the
/// kernel a lookup of the mapping. Neither sibling uses it, so that they differ
/// only in the mechanism.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Futex(AtomicU32);

impl Word for Futex {
    #[inline]
    fn atomic(&self) -> &AtomicU32 {
        &self.0
    }

    #[inline]
    fn pause() {
        spin_loop();
    }

    /// Every result means: check again. It was woken, or timed out, or the word
    /// had changed before it slept.
    fn park(&self, expected: u32, at_most: Duration) {
        let at_most = Timespec {
            tv_sec: at_most.as_secs() as i64,
            tv_nsec: at_most.subsec_nanos().into(),
        };
        let flags = futex::Flags::empty();
        let _look_again = futex::wait(&self.0, flags, expected, Some(&at_most));
    }

    fn wake(&self) -> bool {
        futex::wake(&self.0, futex::Flags::empty(), 1) == Ok(1)
    }
}

/// Bytes in a ring that belong to one end for now. A well-behaved peer leaves
/// them alone, but a hostile one may not: so they can be copied in and out, but
/// never borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Region<'ring> {
    /// On a grain. The ring extends to the next grain after the region's end.
    start: NonNull<u8>,
    length: usize,
    memory: PhantomData<&'ring AtomicU64>,
}

impl Region<'_> {
    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Copies bytes in.
    ///
    /// # Panics
    ///
    /// If there are more or fewer than the region has.
    #[inline]
    pub fn write(&self, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.length);
        let mut blocks = bytes.chunks_exact(BLOCK_BYTES);
        let mut at = 0;
        for block in &mut blocks {
            self.store_block(at, Block(bytemuck::pod_read_unaligned(block)));
            at += BLOCK;
        }
        for word in blocks.remainder().chunks(size_of::<u64>()) {
            let mut padded = [0; size_of::<u64>()];
            padded[..word.len()].copy_from_slice(word);
            self.store_word(at, u64::from_ne_bytes(padded));
            at += 1;
        }
    }

    /// Copies bytes out.
    ///
    /// # Panics
    ///
    /// If there are more or fewer than the region has.
    #[inline]
    pub fn read(&self, bytes: &mut [u8]) {
        assert_eq!(bytes.len(), self.length);
        let mut blocks = bytes.chunks_exact_mut(BLOCK_BYTES);
        let mut at = 0;
        for block in &mut blocks {
            block.copy_from_slice(bytemuck::bytes_of(&self.load_block(at).0));
            at += BLOCK;
        }
        for word in blocks.into_remainder().chunks_mut(size_of::<u64>()) {
            let whole = self.load_word(at).to_ne_bytes();
            word.copy_from_slice(&whole[..word.len()]);
            at += 1;
        }
    }

    /// Fills the region in place. `fill` returns each block in turn, given the
    /// index of its first word. The part of the last block beyond the region is
    /// dropped.
    ///
    /// # Panics
    ///
    /// If the region's length is no multiple of eight.
    #[inline]
    pub fn write_blocks(&self, mut fill: impl FnMut(usize) -> Block) {
        let whole = self.words() / BLOCK * BLOCK;
        for at in (0..whole).step_by(BLOCK) {
            self.store_block(at, fill(at));
        }
        let rest: [u64; BLOCK] = fill(whole).into();
        for (at, word) in (whole..self.words()).zip(rest) {
            self.store_word(at, word);
        }
    }

    /// Reads the region in place, block by block, as it was written. The part
    /// of the last block beyond the region is zero.
    ///
    /// # Panics
    ///
    /// If the region's length is no multiple of eight.
    #[inline]
    pub fn read_blocks(&self, mut read: impl FnMut(Block)) {
        let whole = self.words() / BLOCK * BLOCK;
        for at in (0..whole).step_by(BLOCK) {
            read(self.load_block(at));
        }
        if whole == self.words() {
            return;
        }
        let mut rest = [0; BLOCK];
        for (at, word) in (whole..self.words()).zip(&mut rest) {
            *word = self.load_word(at);
        }
        read(rest.into());
    }

    /// Writes the word at an index.
    ///
    /// # Panics
    ///
    /// If the region ends before it.
    #[inline]
    pub fn store_word(&self, at: usize, word: u64) {
        self.word(at).store(word, Relaxed);
    }

    /// Reads the word at an index.
    ///
    /// # Panics
    ///
    /// If the region ends before it.
    #[inline]
    pub fn load_word(&self, at: usize) -> u64 {
        self.word(at).load(Relaxed)
    }

    /// Inlined, because a call overwrites all vector registers. Even a call
    /// after the loop kept the sums of a message in memory while it was read in
    /// place: 1 MiB messages arrived at 17 GB/s, where they otherwise arrive at
    /// 25 (AMD EPYC, 2026-11-30).
    #[inline]
    fn words(&self) -> usize {
        assert_eq!(self.length % size_of::<u64>(), 0);
        self.length / size_of::<u64>()
    }

    #[inline]
    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at < self.length.div_ceil(size_of::<u64>()));
        // SAFETY: the word is in the ring, as was just asserted.
        let word = unsafe { self.start.cast::<AtomicU64>().add(at) };
        // SAFETY: it is aligned and an integer, and the ring outlives it.
        unsafe { word.as_ref() }
    }

    #[inline]
    fn load_block(&self, at: usize) -> Block {
        assert!(at + BLOCK <= self.length / size_of::<u64>());
        // SAFETY: the block is in the ring, as was just asserted.
        let block = unsafe { self.start.cast::<u64>().add(at) };
        // SAFETY: it is readable for as long as the ring lives.
        Block(unsafe { block::load(block.as_ptr()) })
    }

    #[inline]
    fn store_block(&self, at: usize, words: Block) {
        assert!(at + BLOCK <= self.length / size_of::<u64>());
        // SAFETY: the block is in the ring, as was just asserted.
        let block = unsafe { self.start.cast::<u64>().add(at) };
        // SAFETY: it is writable for as long as the ring lives.
        unsafe { block::store(block.as_ptr(), words.0) };
    }
}

/// Hints to fetch a cache line. They never wait, nor fault.
#[cfg(target_arch = "x86_64")]
mod prefetch {
    use std::{
        arch::{
            asm,
            x86_64::{_MM_HINT_T0, _mm_prefetch},
        },
        ptr::NonNull,
    };

    #[inline]
    pub(super) fn to_read(line: NonNull<u8>) {
        // SAFETY: every x86-64 has SSE, and a prefetch may have any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }

    /// Takes the line away from all other cores. The intrinsic with the hint
    /// `ET0` does so only if the compiler may assume a processor of 2014.
    #[inline]
    pub(super) fn to_write(line: NonNull<u8>) {
        // SAFETY: as above; a processor that does not know the instruction
        // skips it (AMD64 Architecture Programmer's Manual, PREFETCHW).
        unsafe {
            asm!(
                "prefetchw [{line}]",
                line = in(reg) line.as_ptr(),
                options(nostack, preserves_flags, readonly),
            );
        }
    }
}

/// Whether prefetches help other processors was not measured.
#[cfg(not(target_arch = "x86_64"))]
mod prefetch {
    use std::ptr::NonNull;

    pub(super) fn to_read(_line: NonNull<u8>) {}

    pub(super) fn to_write(_line: NonNull<u8>) {}
}

/// Sixteen bytes per instruction. Rust's memory model has no such access that
/// may race with others. The processor has, and assembly may do whatever the
/// processor can to memory that the compiler knows to be shared.
#[cfg(target_arch = "x86_64")]
mod block {
    use std::{
        arch::{
            asm,
            x86_64::{__m128i, _mm_add_epi64, _mm_set1_epi64x},
        },
        array,
    };

    pub(super) type Lanes = [__m128i; 4];

    #[inline]
    pub(super) fn splat(word: u64) -> Lanes {
        // SAFETY: every x86-64 has SSE2.
        [unsafe { _mm_set1_epi64x(word.cast_signed()) }; 4]
    }

    #[inline]
    pub(super) fn add(one: Lanes, other: Lanes) -> Lanes {
        // SAFETY: every x86-64 has SSE2.
        array::from_fn(|at| unsafe { _mm_add_epi64(one[at], other[at]) })
    }

    /// Reads a block, and prefetches the one to be read a few hundred
    /// nanoseconds later. Without that, a reader that has fallen behind stays
    /// behind, because its data has left the writer's cache: 1 MiB messages in
    /// place arrived at 10 GB/s, and at 20 with it (Intel Xeon, 2026-11-23). A
    /// prefetch beyond the mapping does nothing and does not fault.
    ///
    /// # Safety
    ///
    /// The block is readable.
    #[inline]
    pub(super) unsafe fn load(from: *const u64) -> Lanes {
        let (a, b, c, d): (__m128i, __m128i, __m128i, __m128i);
        // SAFETY: four aligned or unaligned reads of the block. It is not
        // marked `pure`: the bytes may change between two calls.
        unsafe {
            asm!(
                "prefetcht0 [{from} + 2048]",
                "movups {a}, [{from}]",
                "movups {b}, [{from} + 16]",
                "movups {c}, [{from} + 32]",
                "movups {d}, [{from} + 48]",
                from = in(reg) from,
                a = out(xmm_reg) a,
                b = out(xmm_reg) b,
                c = out(xmm_reg) c,
                d = out(xmm_reg) d,
                options(nostack, preserves_flags, readonly),
            );
        }
        [a, b, c, d]
    }

    /// Writes a block.
    ///
    /// # Safety
    ///
    /// The block is writable.
    #[inline]
    pub(super) unsafe fn store(to: *mut u64, lanes: Lanes) {
        let [a, b, c, d] = lanes;
        // SAFETY: four aligned or unaligned writes to the block.
        unsafe {
            asm!(
                "movups [{to}], {a}",
                "movups [{to} + 16], {b}",
                "movups [{to} + 32], {c}",
                "movups [{to} + 48], {d}",
                to = in(reg) to,
                a = in(xmm_reg) a,
                b = in(xmm_reg) b,
                c = in(xmm_reg) c,
                d = in(xmm_reg) d,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// Eight bytes per instruction, which every processor has as atomics.
#[cfg(not(target_arch = "x86_64"))]
mod block {
    use std::{
        array,
        sync::atomic::{AtomicU64, Ordering::Relaxed},
    };

    use super::BLOCK;

    pub(super) type Lanes = [u64; BLOCK];

    #[inline]
    pub(super) fn splat(word: u64) -> Lanes {
        [word; BLOCK]
    }

    #[inline]
    pub(super) fn add(one: Lanes, other: Lanes) -> Lanes {
        array::from_fn(|at| one[at].wrapping_add(other[at]))
    }

    /// Reads a block.
    ///
    /// # Safety
    ///
    /// The block is readable, and aligned to its words.
    #[inline]
    pub(super) unsafe fn load(from: *const u64) -> Lanes {
        // SAFETY: an array of atomics is as long and aligned as the block.
        let words = unsafe { &*from.cast::<[AtomicU64; BLOCK]>() };
        array::from_fn(|at| words[at].load(Relaxed))
    }

    /// Writes a block.
    ///
    /// # Safety
    ///
    /// The block is writable, and aligned to its words.
    #[inline]
    pub(super) unsafe fn store(to: *mut u64, values: Lanes) {
        // SAFETY: an array of atomics is as long and aligned as the block.
        let words = unsafe { &*to.cast::<[AtomicU64; BLOCK]>() };
        for (word, value) in words.iter().zip(values) {
            word.store(value, Relaxed);
        }
    }
}
