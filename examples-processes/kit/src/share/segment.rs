//! Named memory that several processes map and all may write to.

use std::{
    alloc::{Layout, LayoutError},
    any::{TypeId, type_name},
    fmt,
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    io,
    ops::Deref,
    ptr::{self, NonNull},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, Result, bail, ensure};
use bytemuck::Pod;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use shared_memory::{Shmem, ShmemConf, ShmemError};

use crate::{
    guard::sweeper::{self, Claim},
    share::descriptor,
    share::mutex::{self, Mutex},
    share::plain_mutex::{self, PlainMutex},
};

/// Where Linux keeps named shared memory (shm_overview(7)).
pub(crate) const FOLDER: &str = "/dev/shm";

/// Marks a segment as ours, and as complete: it is written last.
const MAGIC: u64 = u64::from_le_bytes(*b"segment2");

/// The smallest page that Linux has. Mapped memory begins on one.
const PAGE: usize = 4096;

/// What an element of a segment can be: memory that any process may change
/// at any time, and still every value of its bytes is a valid one.
///
/// # Safety
///
/// All bytes lie in an `UnsafeCell`, none is a pointer, every bit pattern
/// that `initialise` and safe code produce means the same in every process.
pub unsafe trait Element: 'static {
    /// What it is made from.
    type Value: Copy;

    /// Makes the element in place.
    ///
    /// # Safety
    ///
    /// `place` is aligned, can be written, and nobody uses it yet.
    unsafe fn initialise(place: *mut Self, value: Self::Value);

    /// See [`Contents::is_held`].
    fn is_held(&self) -> bool {
        false
    }
}

// SAFETY: an atomic is one cell, of which every bit pattern is a number.
unsafe impl Element for AtomicI64 {
    type Value = i64;

    unsafe fn initialise(place: *mut Self, value: i64) {
        // SAFETY: as the caller promises.
        unsafe { place.write(AtomicI64::new(value)) };
    }
}

// SAFETY: an array of elements is nothing but elements.
unsafe impl<E: Element, const N: usize> Element for [E; N] {
    type Value = [E::Value; N];

    unsafe fn initialise(place: *mut Self, values: Self::Value) {
        for (index, value) in values.into_iter().enumerate() {
            // SAFETY: the caller's place has room for N elements.
            let element = unsafe { place.cast::<E>().add(index) };
            // SAFETY: as the caller promises for the whole.
            unsafe { E::initialise(element, value) };
        }
    }

    fn is_held(&self) -> bool {
        self.iter().any(E::is_held)
    }
}

// SAFETY: the value lies in a cell and is reached under the lock only; it is
// plain data. A pthread mutex made for it works from every process.
unsafe impl<T: Pod> Element for Mutex<T> {
    type Value = T;

    unsafe fn initialise(place: *mut Self, value: T) {
        // SAFETY: as the caller promises; segments do not move.
        unsafe { mutex::initialise(place) };
        // SAFETY: the mutex is initialised and nobody else knows it.
        if let Ok(mut guard) = unsafe { &*place }.lock() {
            *guard = value;
        }
    }

    fn is_held(&self) -> bool {
        Mutex::is_held(self)
    }
}

// SAFETY: as for `Mutex`. No list leads through one that is held, so that its
// memory may go.
unsafe impl<T: Pod> Element for PlainMutex<T> {
    type Value = T;

    unsafe fn initialise(place: *mut Self, value: T) {
        // SAFETY: as the caller promises; segments do not move.
        unsafe { plain_mutex::initialise(place, value) };
    }
}

/// What a whole segment can be: a slice of elements, or one lock around a
/// slice of plain data.
///
/// # Safety
///
/// `layout` describes the memory that `at` refers to, or more.
pub unsafe trait Contents: 'static {
    /// What it is made from, a slice of it.
    type Value: Copy;

    /// The memory it takes.
    ///
    /// # Errors
    ///
    /// Fails if the size is beyond all memory.
    fn layout(length: usize) -> Result<Layout, LayoutError>;

    /// The contents at `base`, which is aligned for them.
    fn at(base: *mut u8, length: usize) -> *mut Self;

    /// Makes the contents in place.
    ///
    /// # Safety
    ///
    /// `contents` came from `at`, with the length of `values`; the memory
    /// can be written and nobody uses it yet.
    unsafe fn initialise(contents: *mut Self, values: &[Self::Value]);

    /// Whether the memory must stay mapped after the segment's drop, because
    /// a thread's list of robust mutexes may lead through it.
    fn is_held(&self) -> bool;
}

// SAFETY: a slice of `length` elements has the layout of their array.
unsafe impl<E: Element> Contents for [E] {
    type Value = E::Value;

    fn layout(length: usize) -> Result<Layout, LayoutError> {
        Layout::array::<E>(length)
    }

    fn at(base: *mut u8, length: usize) -> *mut Self {
        ptr::slice_from_raw_parts_mut(base.cast(), length)
    }

    unsafe fn initialise(contents: *mut Self, values: &[E::Value]) {
        for (index, &value) in values.iter().enumerate() {
            // SAFETY: the caller's memory holds as many elements.
            let element = unsafe { contents.cast::<E>().add(index) };
            // SAFETY: as the caller promises for the whole.
            unsafe { E::initialise(element, value) };
        }
    }

    fn is_held(&self) -> bool {
        self.iter().any(E::is_held)
    }
}

// SAFETY: `Mutex` is `repr(C)`: its head, then the slice at its alignment.
unsafe impl<T: Pod> Contents for Mutex<[T]> {
    type Value = T;

    fn layout(length: usize) -> Result<Layout, LayoutError> {
        let head = Layout::new::<Mutex<[T; 0]>>();
        let (whole, _) = head.extend(Layout::array::<T>(length)?)?;
        Ok(whole.pad_to_align())
    }

    fn at(base: *mut u8, length: usize) -> *mut Self {
        ptr::slice_from_raw_parts_mut(base.cast::<T>(), length) as *mut Self
    }

    unsafe fn initialise(contents: *mut Self, values: &[T]) {
        // SAFETY: as the caller promises; segments do not move.
        unsafe { mutex::initialise(contents) };
        // SAFETY: the mutex is initialised and nobody else knows it.
        if let Ok(mut guard) = unsafe { &*contents }.lock() {
            guard.copy_from_slice(values);
        }
    }

    fn is_held(&self) -> bool {
        Mutex::is_held(self)
    }
}

/// What stands at the start of a segment. Each field is an atomic, because
/// another process may write to it at any time.
#[repr(C, align(64))]
struct Header {
    magic: AtomicU64,
    bytes: AtomicU64,
    length: AtomicU64,
    kind: AtomicU64,
}

/// Shared memory under a name: an `Arc` between processes. It derefs to its
/// contents, `[AtomicI64]`, `[Mutex<i64>]`, `Mutex<[i64]>`, ….
///
/// It has one owner, who [creates](Segment::create) it; others
/// [open](Segment::open) it by its [name](Segment::name). The name goes with
/// the owner, however that ends: a [sweeper] sees to it. Who has it open may
/// go on using the memory.
///
/// `shared_memory` maps it, and leaves three things to do, which are done
/// here: nothing is reserved by it, so that a full /dev/shm would be a SIGBUS
/// at the first write; who opens it early would see it unfinished; the name
/// of a killed owner stays. So it opens what was made here.
///
/// A clone is the same segment, and the name goes with the last one. In a job
/// it crosses by itself: it is encoded as its name, and decoded as opened.
pub struct Segment<C: ?Sized + Contents>(Arc<Mapped<C>>);

/// A segment in the memory of this process.
struct Mapped<C: ?Sized + Contents> {
    contents: NonNull<C>,
    memory: Option<Shmem>,
    name: String,
    /// The owner's.
    _claim: Option<Claim>,
}

impl<C: ?Sized + Contents> Segment<C> {
    /// A new segment, made from `values`.
    ///
    /// # Errors
    ///
    /// Fails if /dev/shm has no room for it; the error names both sizes. Also
    /// if its contents are aligned to more than a page.
    pub fn create(values: &[C::Value]) -> Result<Self> {
        sweeper::sweep_orphans().context("/dev/shm cannot be swept")?;
        let (size, _) = size_and_offset::<C>(values.len())?;
        let claim = Claim::new(size)?;
        let memory = map(claim.name())?;
        let contents = contents_of::<C>(&memory, values.len())?;
        // SAFETY: the memory is mapped, as long as `size` says, aligned to a
        // page, and nobody uses it before the magic is written, below.
        unsafe { C::initialise(contents, values) };
        header_of(&memory)?.complete::<C>(size, values.len());
        let name = claim.name().to_owned();
        Segment::new(contents, memory, name, Some(claim))
    }

    /// Opens a segment that another process created: one of this program,
    /// because only for the same program a type is surely the same.
    ///
    /// # Errors
    ///
    /// Fails if there is none of this name, or if it holds something else.
    pub fn open(name: &str) -> Result<Self> {
        let memory = map(name)?;
        let is_not = || format!("{name} is not the segment expected");
        let length = header_of(&memory)
            .and_then(|header| header.check::<C>(memory.len()))
            .with_context(is_not)?;
        let contents = contents_of::<C>(&memory, length)?;
        Segment::new(contents, memory, name.to_owned(), None)
    }

    /// What another process opens it by.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    fn new(
        contents: *mut C,
        memory: Shmem,
        name: String,
        claim: Option<Claim>,
    ) -> Result<Self> {
        let mapped = Mapped {
            contents: NonNull::new(contents).context("mapped at null")?,
            memory: Some(memory),
            name,
            _claim: claim,
        };
        Ok(Segment(Arc::new(mapped)))
    }
}

impl<C: ?Sized + Contents> Deref for Segment<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.0.contents()
    }
}

impl<C: ?Sized + Contents> Clone for Segment<C> {
    fn clone(&self) -> Self {
        Segment(Arc::clone(&self.0))
    }
}

impl<C: ?Sized + Contents> Serialize for Segment<C> {
    fn serialize<S: Serializer>(
        &self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de, C: ?Sized + Contents> Deserialize<'de> for Segment<C> {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Segment::open(&name).map_err(|error| {
            D::Error::custom(descriptor::refuse(format!("{error:#}")))
        })
    }
}

impl<C: ?Sized + Contents> Mapped<C> {
    fn contents(&self) -> &C {
        // SAFETY: the memory is mapped as long as this lives, holds `C` as
        // was made or checked, and all that others may change in it lies in
        // cells, as `Element` and `Mutex` warrant.
        unsafe { self.contents.as_ref() }
    }
}

/// A lock that is still held keeps the memory mapped: if it was this thread
/// who forgot the guard, its list of robust mutexes leads through it. Whether
/// it was, nobody can tell. The name goes all the same.
impl<C: ?Sized + Contents> Drop for Mapped<C> {
    fn drop(&mut self) {
        if self.contents().is_held() {
            std::mem::forget(self.memory.take());
        }
    }
}

impl<C: ?Sized + Contents> fmt::Debug for Segment<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Segment({})", self.name())
    }
}

impl Header {
    /// Declares the contents complete; whoever sees the magic sees them.
    fn complete<C: ?Sized + Contents>(&self, size: usize, length: usize) {
        self.bytes.store(size as u64, Ordering::Relaxed);
        self.length.store(length as u64, Ordering::Relaxed);
        self.kind.store(kind::<C>(), Ordering::Relaxed);
        self.magic.store(MAGIC, Ordering::Release);
    }

    /// The length of the contents, if this header describes a `C` that fits
    /// into the `mapped` bytes. Each field is read once: it may change.
    fn check<C: ?Sized + Contents>(&self, mapped: usize) -> Result<usize> {
        let magic = self.magic.load(Ordering::Acquire);
        ensure!(magic == MAGIC, "it starts with {magic:#018x}");
        let kind = self.kind.load(Ordering::Relaxed);
        ensure!(
            kind == self::kind::<C>(),
            "it holds no {}, or was made by another program",
            type_name::<C>()
        );
        let bytes = self.bytes.load(Ordering::Relaxed);
        let length = usize::try_from(self.length.load(Ordering::Relaxed))?;
        let (needed, _) = size_and_offset::<C>(length)?;
        if needed as u64 != bytes || needed > mapped {
            bail!(
                "{length} elements take {needed} bytes; its header says \
                 {bytes}, and {mapped} are mapped"
            );
        }
        Ok(length)
    }
}

/// What tells one type from another of the same size. The compiler gives each
/// type of a program an identity, and the opener of a segment runs the same
/// program as its owner. A type's name would not do: two types may share one.
fn kind<C: ?Sized + Contents>() -> u64 {
    // Its keys are fixed, and so it gives the same in every process.
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    hasher.hash_one(TypeId::of::<C>())
}

/// The bytes of a whole segment, and at which of them the contents begin.
fn size_and_offset<C: ?Sized + Contents>(
    length: usize,
) -> Result<(usize, usize)> {
    let contents = C::layout(length)?;
    ensure!(
        contents.align() <= PAGE,
        "{} is aligned to {} bytes, and {PAGE} are the most in a segment",
        type_name::<C>(),
        contents.align()
    );
    let (whole, offset) = Layout::new::<Header>().extend(contents)?;
    Ok((whole.size(), offset))
}

fn map(name: &str) -> Result<Shmem> {
    let memory = ShmemConf::new().os_id(name).open().map_err(cause);
    memory.with_context(|| format!("no shared memory called {name}"))
}

/// What the kernel said, which the library keeps as a bare number.
fn cause(error: ShmemError) -> anyhow::Error {
    match error {
        ShmemError::MapCreateFailed(number)
        | ShmemError::MapOpenFailed(number)
        | ShmemError::UnknownOsError(number) => {
            io::Error::from_raw_os_error(number as i32).into()
        }
        other => other.into(),
    }
}

fn header_of(memory: &Shmem) -> Result<&Header> {
    let mapped = memory.len();
    ensure!(mapped >= size_of::<Header>(), "{mapped} bytes are too short");
    // SAFETY: at least a header is mapped, as was just made sure, aligned to
    // a page, and it consists of atomics.
    Ok(unsafe { &*memory.as_ptr().cast() })
}

/// The contents behind the header, where their alignment puts them.
fn contents_of<C: ?Sized + Contents>(
    memory: &Shmem,
    length: usize,
) -> Result<*mut C> {
    let (size, offset) = size_and_offset::<C>(length)?;
    ensure!(size <= memory.len(), "{size} bytes are not all mapped");
    // SAFETY: the offset is within the size, and so much is mapped.
    let base = unsafe { memory.as_ptr().add(offset) };
    Ok(C::at(base, length))
}
