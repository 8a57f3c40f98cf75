//! The hostile acts, each done for real.

use std::{
    env,
    fs::{self, File, Permissions},
    io::{self, Read as _, Write as _},
    iter,
    net::{Ipv4Addr, TcpStream},
    os::{
        fd::{AsFd as _, BorrowedFd, RawFd},
        unix::fs::{FileExt as _, PermissionsExt as _},
    },
    process, ptr, slice,
};

use anyhow::{Context as _, Result};
use libc::{c_void, iovec};
use rustix::{
    io::dup,
    mm::{MapFlags, ProtFlags, mmap, mmap_anonymous},
    process::{Pid, Signal, kill_process},
};
use serde::{Deserialize, Serialize};

use super::{Act, DESCRIPTORS, FILE_SIZE, MEMORY, Page, SECONDS, Target, dirt};
use crate::resources::cpu_as_limited;

/// What an act has got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loot {
    /// How much it took: bytes, milliseconds or descriptors.
    pub amount: u64,
    /// What it read.
    pub found: Vec<u8>,
}

/// Commits an act, and returns what it has got.
pub(super) fn commit(
    act: Act,
    target: &Target,
    lent: BorrowedFd<'_>,
    split: Split,
) -> Result<Loot> {
    match act {
        Act::Memory => take_memory().map(Loot::of),
        Act::Spin => Ok(Loot::of(spin())),
        Act::Fork => leave_many(lent, split).map(Loot::of),
        Act::Disk => fill(lent).map(Loot::of),
        Act::Read => Ok(Loot::from(fs::read(&target.secret)?)),
        Act::Write => overwrite(target).map(|()| Loot::default()),
        Act::Connect => connect(target.port).map(|()| Loot::default()),
        Act::Signal => kill(target.host).map(|()| Loot::default()),
        Act::Peek => peek(target).map(Loot::from),
        Act::Scribble => scribble(target, lent).map(|()| Loot::default()),
        Act::Dirt => Ok(Loot::of(dirt::leave())),
        Act::Descriptors => open_many().map(Loot::of),
        Act::Call => open_to_all(target).map(|()| Loot::default()),
        Act::Variable => variable().map(Loot::from),
        Act::Leftover => leftover(target.leftover).map(Loot::from),
    }
}

impl Loot {
    fn of(amount: u64) -> Self {
        Loot { amount, found: Vec::new() }
    }
}

impl From<Vec<u8>> for Loot {
    fn from(found: Vec<u8>) -> Self {
        Loot { amount: 0, found }
    }
}

/// Memory counts once it is written to.
fn take_memory() -> Result<u64> {
    let bytes = 2 * MEMORY as usize;
    let mut taken = Vec::new();
    taken.try_reserve_exact(bytes)?;
    taken.resize(bytes, 1_u8);
    Ok(std::hint::black_box(&taken).len() as u64)
}

/// Half as long again as it may, so that nothing has to stop it for us.
fn spin() -> u64 {
    let begin = cpu_as_limited();
    let used = || (1e3 * (cpu_as_limited() - begin)) as u64;
    while used() < 1500 * SECONDS {
        std::hint::spin_loop();
    }
    used()
}

/// Splits this process in two, and returns whether this is the copy. The
/// siblings have it, because nothing here starts a process.
pub type Split = fn() -> io::Result<bool>;

/// How many processes an act leaves. One would do; a fork bomb has no end.
pub(super) const CHILDREN: u64 = 16;

/// Each child has a session of its own, so that it does not die with the
/// worker's process group. It makes system calls only, which is allowed even if
/// the program has other threads (signal-safety(7)).
fn leave_many(leash: BorrowedFd<'_>, split: Split) -> Result<u64> {
    let (mut ready, mark) = io::pipe()?;
    for _ in 0..CHILDREN {
        if split()? {
            wait_at(leash, mark.as_fd());
        }
        ready.read_exact(&mut [0])?;
    }
    Ok(CHILDREN)
}

/// Waits until the judge asks who is there, answers, and ends. It ends as well
/// when the judge is gone.
fn wait_at(leash: BorrowedFd<'_>, mark: BorrowedFd<'_>) -> ! {
    let _ = rustix::process::setsid();
    let _ = rustix::io::write(mark, &[1]);
    if rustix::io::read(leash, &mut [0_u8; 1]) == Ok(1) {
        let _ = rustix::io::write(leash, &[1]);
    }
    // SAFETY: it runs no handlers of the process that this one is a copy of.
    unsafe { libc::_exit(0) }
}

/// Writes twice as much as it may.
fn fill(scratch: BorrowedFd<'_>) -> Result<u64> {
    let mut scratch = File::from(dup(scratch)?);
    let piece = [1; 64 << 10];
    let pieces = 2 * FILE_SIZE / piece.len() as u64;
    for _ in 0..pieces {
        scratch.write_all(&piece)?;
    }
    Ok(2 * FILE_SIZE)
}

fn overwrite(target: &Target) -> Result<()> {
    let other = File::options().write(true).open(&target.other)?;
    let length = other.metadata()?.len() as usize;
    Ok(other.write_all_at(&vec![0; length], 0)?)
}

fn connect(port: u16) -> Result<()> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    Ok(())
}

fn kill(host: u32) -> Result<()> {
    let host = Pid::from_raw(host as i32).context("there is no host")?;
    Ok(kill_process(host, Signal::KILL)?)
}

/// The length of the secret.
const LENGTH: usize = 32;

/// In its own address space a worker needs nobody's leave.
fn peek(target: &Target) -> Result<Vec<u8>> {
    if target.host == process::id() {
        let secret = ptr::with_exposed_provenance(target.memory as usize);
        // SAFETY: the host keeps the secret there until this job is done. A
        // hostile job does not ask: it reads wherever something is.
        return Ok(unsafe { slice::from_raw_parts(secret, LENGTH) }.to_vec());
    }
    read_other(target).or_else(|_| read_file_of_memory(target))
}

fn read_other(target: &Target) -> Result<Vec<u8>> {
    let mut found = vec![0_u8; LENGTH];
    let there =
        iovec { iov_base: target.memory as *mut c_void, iov_len: LENGTH };
    let here = iovec { iov_base: found.as_mut_ptr().cast(), iov_len: LENGTH };
    let host = target.host as i32;
    // SAFETY: the kernel checks the address there, and writes as many bytes
    // here as there is room for.
    let read = unsafe {
        libc::process_vm_readv(host, &raw const here, 1, &raw const there, 1, 0)
    };
    if read == -1 {
        Err(io::Error::last_os_error())?;
    }
    Ok(found)
}

fn read_file_of_memory(target: &Target) -> Result<Vec<u8>> {
    let mut found = vec![0_u8; LENGTH];
    let memory = File::open(format!("/proc/{}/mem", target.host))?;
    memory.read_exact_at(&mut found, target.memory)?;
    Ok(found)
}

/// Memory that a process has mapped to be read is protected by a seal on its
/// file. In one address space the mapping itself can be replaced.
fn scribble(target: &Target, file: BorrowedFd<'_>) -> Result<()> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    let page = if target.host == process::id() {
        let place = ptr::with_exposed_provenance_mut(target.page as usize);
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: one page of the host is there, which it reads by volatile
        // reads. That it gets other contents is what this act is about.
        unsafe { mmap_anonymous(place, Page::SIZE, access, flags) }?
    } else {
        let (place, flags) = (ptr::null_mut(), MapFlags::SHARED);
        // SAFETY: the kernel chooses an address that is free.
        unsafe { mmap(place, Page::SIZE, access, flags, file, 0) }?
    };
    // SAFETY: as many bytes were mapped just now, for writing.
    unsafe { page.cast::<u8>().write_bytes(0, Page::SIZE) };
    Ok(())
}

fn open_many() -> Result<u64> {
    let opened = iter::repeat_with(|| dup(io::stderr()));
    let opened = opened.take(2 * DESCRIPTORS as usize);
    let opened: Vec<_> = opened.collect::<Result<_, _>>()?;
    Ok(opened.len() as u64)
}

/// No rule about files covers chmod(2) (landlock(7)).
fn open_to_all(target: &Target) -> Result<()> {
    Ok(fs::set_permissions(&target.secret, Permissions::from_mode(0o666))?)
}

/// Also as execve(2) left it: a variable that is removed stays there.
fn variable() -> Result<Vec<u8>> {
    let found = env::var_os(Target::VARIABLE);
    if let Some(found) = found {
        return Ok(found.into_encoded_bytes());
    }
    let initial = fs::read("/proc/self/environ")?;
    let name = Target::VARIABLE.as_bytes();
    let mut all = initial.split(|&byte| byte == 0);
    let found = all.find(|variable| variable.starts_with(name));
    Ok(found.context("there is no such variable")?.to_vec())
}

fn leftover(number: RawFd) -> Result<Vec<u8>> {
    // SAFETY: it is borrowed for one call, which fails if it is not open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    let mut file = File::from(dup(descriptor)?);
    let mut found = Vec::new();
    file.read_to_end(&mut found)?;
    Ok(found)
}
