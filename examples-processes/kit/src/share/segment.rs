//! Named memory that several processes map and may all write.

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

/// The smallest page size of Linux. Mappings start on a page boundary.
const PAGE: usize = 4096;

/// An element of a segment: memory that any process may change at any time, and
/// whose bytes are still always a valid value.
///
/// # Safety
///
/// All bytes are in an `UnsafeCell`, none belongs to a pointer, and every bit
/// pattern that `initialise` and safe code produce means the same in every
/// process.
pub unsafe trait Element: 'static {
    /// The value that initialises it.
    type Value: Copy;

    /// Initialises the element in place.
    ///
    /// # Safety
    ///
    /// `place` is aligned and writable, and nothing uses it yet.
    unsafe fn initialise(place: *mut Self, value: Self::Value);

    /// See [`Contents::is_held`].
    fn is_held(&self) -> bool {
        false
    }
}

// SAFETY: an atomic is a single cell, and each of its bit patterns is a number.
unsafe impl Element for AtomicI64 {
    type Value = i64;

    unsafe fn initialise(place: *mut Self, value: i64) {
        // SAFETY: the caller guarantees that `place` is aligned, writable and
        // unused.
        unsafe { place.write(AtomicI64::new(value)) };
    }
}

// SAFETY: an array of elements consists of nothing but elements.
unsafe impl<E: Element, const N: usize> Element for [E; N] {
    type Value = [E::Value; N];

    unsafe fn initialise(place: *mut Self, values: Self::Value) {
        for (index, value) in values.into_iter().enumerate() {
            // SAFETY: the place has room for N elements, and `index` is less
            // than N.
            let element = unsafe { place.cast::<E>().add(index) };
            // SAFETY: the caller's guarantee for the whole covers each element.
            unsafe { E::initialise(element, value) };
        }
    }

    fn is_held(&self) -> bool {
        self.iter().any(E::is_held)
    }
}

// SAFETY: the value is in a cell, is accessed only under the lock, and is plain
// data. A pthread mutex initialised for it works from every process.
unsafe impl<T: Pod> Element for Mutex<T> {
    type Value = T;

    unsafe fn initialise(place: *mut Self, value: T) {
        // SAFETY: the caller guarantees that the memory is aligned, writable
        // and unused; segments do not move.
        unsafe { mutex::initialise(place) };
        // SAFETY: the mutex is initialised, and nothing else uses it yet.
        if let Ok(mut guard) = unsafe { &*place }.lock() {
            *guard = value;
        }
    }

    fn is_held(&self) -> bool {
        Mutex::is_held(self)
    }
}

// SAFETY: as for `Mutex`. No list of robust mutexes leads through a plain one,
// so the memory may be unmapped while it is held.
unsafe impl<T: Pod> Element for PlainMutex<T> {
    type Value = T;

    unsafe fn initialise(place: *mut Self, value: T) {
        // SAFETY: the caller guarantees that the memory is aligned, writable
        // and unused; segments do not move.
        unsafe { plain_mutex::initialise(place, value) };
    }
}

/// The contents of a whole segment: a slice of elements, or one lock around a
/// slice of plain data.
///
/// # Safety
///
/// `layout` describes the memory that `at` refers to, or more.
pub unsafe trait Contents: 'static {
    /// A slice of these initialises it.
    type Value: Copy;

    /// The memory that it needs.
    ///
    /// # Errors
    ///
    /// Fails if the size overflows.
    fn layout(length: usize) -> Result<Layout, LayoutError>;

    /// The contents at `base`, which is aligned for them.
    fn at(base: *mut u8, length: usize) -> *mut Self;

    /// Initialises the contents in place.
    ///
    /// # Safety
    ///
    /// `contents` is from `at`, with the length of `values`; the memory is
    /// writable, and nothing uses it yet.
    unsafe fn initialise(contents: *mut Self, values: &[Self::Value]);

    /// Whether the memory must stay mapped after the segment is dropped,
    /// because a thread's list of robust mutexes may lead through it.
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
            // SAFETY: the memory has room for as many elements as there are
            // values.
            let element = unsafe { contents.cast::<E>().add(index) };
            // SAFETY: the caller's guarantee for the whole covers each element.
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
        // SAFETY: the caller guarantees that the memory is aligned, writable
        // and unused; segments do not move.
        unsafe { mutex::initialise(contents) };
        // SAFETY: the mutex is initialised, and nothing else uses it yet.
        if let Ok(mut guard) = unsafe { &*contents }.lock() {
            guard.copy_from_slice(values);
        }
    }

    fn is_held(&self) -> bool {
        Mutex::is_held(self)
    }
}

/// The start of a segment. Each field is an atomic, because another process may
/// write it at any time.
#[repr(C, align(64))]
struct Header {
    magic: AtomicU64,
    bytes: AtomicU64,
    length: AtomicU64,
    kind: AtomicU64,
}

/// Shared memory with a name: an `Arc` between processes. It derefs to its
/// contents, `[AtomicI64]`, `[Mutex<i64>]`, `Mutex<[i64]>`, ….
///
/// It has one owner, which [creates](Segment::create) it; other processes
/// [open](Segment::open) it by its [name](Segment::name). When the owner is
/// gone, in whatever way, a [sweeper] removes the name. Processes that have
/// opened the segment can keep using the memory.
///
/// The crate `shared_memory` maps it, but leaves three problems, which are
/// solved here: it reserves nothing, so with a full /dev/shm the first write
/// would raise SIGBUS; a process that opens the segment early would see it
/// unfinished; and the name of a killed owner stays. So the crate only opens
/// what is created here.
///
/// A clone is the same segment, and the name is removed with the last clone. In
/// a job, the segment is encoded as its name, and opened when the job is
/// decoded.
pub struct Segment<C: ?Sized + Contents>(Arc<Mapped<C>>);

/// A segment, mapped in this process.
struct Mapped<C: ?Sized + Contents> {
    contents: NonNull<C>,
    memory: Option<Shmem>,
    name: String,
    /// Only the owner has one.
    _claim: Option<Claim>,
}

impl<C: ?Sized + Contents> Segment<C> {
    /// Creates a segment from `values`.
    ///
    /// # Errors
    ///
    /// Fails if /dev/shm has no room for it (the error contains both sizes), or
    /// if its contents are aligned to more than a page.
    pub fn create(values: &[C::Value]) -> Result<Self> {
        sweeper::sweep_orphans().context("cannot sweep /dev/shm")?;
        let (size, _) = size_and_offset::<C>(values.len())?;
        let claim = Claim::new(size)?;
        let memory = map(claim.name())?;
        let contents = contents_of::<C>(&memory, values.len())?;
        // SAFETY: the memory is mapped, has `size` bytes, and is aligned to a
        // page, and nothing uses it before the magic number is written, below.
        unsafe { C::initialise(contents, values) };
        header_of(&memory)?.complete::<C>(size, values.len());
        let name = claim.name().to_owned();
        Segment::new(contents, memory, name, Some(claim))
    }

    /// Opens a segment that another process created. Both must run the same
    /// program: only then is a type certain to be the same.
    ///
    /// # Errors
    ///
    /// Fails if there is no segment of this name, or if its contents have
    /// another type.
    pub fn open(name: &str) -> Result<Self> {
        let memory = map(name)?;
        let is_not = || format!("{name} is not the expected segment");
        let length = header_of(&memory)
            .and_then(|header| header.check::<C>(memory.len()))
            .with_context(is_not)?;
        let contents = contents_of::<C>(&memory, length)?;
        Segment::new(contents, memory, name.to_owned(), None)
    }

    /// The name, with which another process can open it.
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
        // SAFETY: the memory stays mapped as long as `self` lives, and contains
        // a `C`, as `create` made it or `open` checked. Everything in it that
        // other processes may change is in cells, as `Element` and `Mutex`
        // guarantee.
        unsafe { self.contents.as_ref() }
    }
}

/// A lock that is still held keeps the memory mapped: if this thread leaked the
/// guard, the thread's list of robust mutexes leads through the memory, and
/// there is no way to tell. The name is removed all the same.
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
    /// Marks the contents as complete: a process that sees the magic number
    /// also sees them.
    fn complete<C: ?Sized + Contents>(&self, size: usize, length: usize) {
        self.bytes.store(size as u64, Ordering::Relaxed);
        self.length.store(length as u64, Ordering::Relaxed);
        self.kind.store(kind::<C>(), Ordering::Relaxed);
        self.magic.store(MAGIC, Ordering::Release);
    }

    /// The length of the contents, if this header describes a `C` that fits
    /// into the `mapped` bytes. Each field is read only once, because it may
    /// change.
    fn check<C: ?Sized + Contents>(&self, mapped: usize) -> Result<usize> {
        let magic = self.magic.load(Ordering::Acquire);
        ensure!(magic == MAGIC, "it starts with {magic:#018x}");
        let kind = self.kind.load(Ordering::Relaxed);
        ensure!(
            kind == self::kind::<C>(),
            "it contains no {}, or another program created it",
            type_name::<C>()
        );
        let bytes = self.bytes.load(Ordering::Relaxed);
        let length = usize::try_from(self.length.load(Ordering::Relaxed))?;
        let (needed, _) = size_and_offset::<C>(length)?;
        if needed as u64 != bytes || needed > mapped {
            bail!(
                "{length} elements need {needed} bytes; the header says \
                 {bytes}, and {mapped} are mapped"
            );
        }
        Ok(length)
    }
}

/// Distinguishes types of the same size. The compiler gives each type of a
/// program an identity, and the process that opens a segment runs the same
/// program as its owner. A type's name would not do: two types may share it.
fn kind<C: ?Sized + Contents>() -> u64 {
    // Its keys are fixed, so the result is the same in every process.
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    hasher.hash_one(TypeId::of::<C>())
}

/// The size of a whole segment in bytes, and the offset of the contents.
fn size_and_offset<C: ?Sized + Contents>(
    length: usize,
) -> Result<(usize, usize)> {
    let contents = C::layout(length)?;
    ensure!(
        contents.align() <= PAGE,
        "{} is aligned to {} bytes, the maximum in a segment is {PAGE}",
        type_name::<C>(),
        contents.align()
    );
    let (whole, offset) = Layout::new::<Header>().extend(contents)?;
    Ok((whole.size(), offset))
}

fn map(name: &str) -> Result<Shmem> {
    let memory = ShmemConf::new().os_id(name).open().map_err(cause);
    memory.with_context(|| format!("cannot map shared memory {name}"))
}

/// The error of the kernel, which the library keeps as a bare number.
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
    ensure!(mapped >= size_of::<Header>(), "{mapped} bytes are too few");
    // SAFETY: at least a header is mapped, as was just checked; it is aligned
    // to a page, and consists of atomics.
    Ok(unsafe { &*memory.as_ptr().cast() })
}

/// The contents after the header, at the offset that their alignment requires.
fn contents_of<C: ?Sized + Contents>(
    memory: &Shmem,
    length: usize,
) -> Result<*mut C> {
    let (size, offset) = size_and_offset::<C>(length)?;
    ensure!(size <= memory.len(), "not all of {size} bytes are mapped");
    // SAFETY: the offset is within `size`, and that many bytes are mapped.
    let base = unsafe { memory.as_ptr().add(offset) };
    Ok(C::at(base, length))
}
