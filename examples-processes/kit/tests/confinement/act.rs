//! What a confined worker tries, each for real.

use std::{
    collections::HashMap,
    env,
    fs::{self, File},
    io::{self, Read as _, Write as _, pipe},
    iter,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    os::{
        fd::{AsRawFd as _, BorrowedFd, RawFd},
        linux::net::SocketAddrExt as _,
        unix::{
            fs::{FileExt as _, PermissionsExt as _},
            net::{SocketAddr, UnixStream},
        },
    },
    path::{Path, PathBuf},
    process::{Command, abort},
    ptr, thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use common::resources::cpu_as_limited;
use libc::{c_int, c_void, iovec};
use rustix::{
    io::dup,
    mm::{MapFlags, ProtFlags, mmap_anonymous},
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketType, connect, ipproto,
        listen, sendto, socket,
    },
    process::{
        Pid, Resource, Rlimit, Signal, WaitOptions, getrlimit, kill_process,
        prlimit, setrlimit, waitpid,
    },
};
use serde::{Deserialize, Serialize};

/// What a worker is asked to try. The numbers are those of its parent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Act {
    /// What every worker should still be able to do, in this folder.
    Work(PathBuf),
    Panic,
    Abort,
    Sleep,
    WriteAndSleep(PathBuf),
    /// Closes all that it can, its lifeline included.
    CloseAndSleep(PathBuf),
    Read(PathBuf),
    Write(PathBuf),
    /// Writes this many bytes.
    Fill(PathBuf, usize),
    Remove(PathBuf),
    Truncate(PathBuf),
    ChangeMode(PathBuf),
    ChangeFolder(PathBuf),
    Connect(u16),
    ConnectByMultipath(u16),
    ConnectByFastOpen(u16),
    ConnectToName(String),
    ConnectToPath(PathBuf),
    Listen,
    ListenUnbound,
    Signal(i32),
    SignalThroughPipe(i32),
    ReadMemory(i32, u64),
    OpenMemory(i32, u64),
    Trace(i32),
    LimitOther(i32),
    RaiseLimit,
    Unshare,
    Allocate(usize),
    AllocateShared(usize),
    AllocateInFile,
    OpenMany(usize),
    /// Seconds of CPU time.
    Spin(u32),
    Fork,
    ForkAndKill,
    StartProgram,
    ReadDescriptor(RawFd),
    ReadVariable(String),
    ReadInitialVariables(String),
    DumpCore(PathBuf),
}

/// What the parent's memory and files contain, for a worker to find.
pub const SECRET: [u8; 16] = *b"sixteen  secrets";

impl Act {
    /// Does it, and returns what it found, if anything.
    pub fn commit(self) -> Result<String> {
        match self {
            Act::Work(folder) => work(&folder)?,
            Act::Panic => panic!("as asked"),
            Act::Abort => abort(),
            Act::Sleep => hang(),
            Act::WriteAndSleep(path) => {
                fs::write(path, "written")?;
                hang();
            }
            Act::CloseAndSleep(path) => {
                close_all();
                fs::write(path, "written")?;
                hang();
            }
            Act::Read(path) => return Ok(fs::read_to_string(path)?),
            Act::Write(path) => fs::write(path, "written")?,
            Act::Fill(path, size) => fs::write(path, vec![1; size])?,
            Act::Remove(path) => fs::remove_file(path)?,
            Act::Truncate(path) => truncate(&path)?,
            Act::ChangeMode(path) => {
                fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
            }
            Act::ChangeFolder(path) => env::set_current_dir(path)?,
            Act::Connect(port) => drop(TcpStream::connect(local(port))?),
            Act::ConnectByMultipath(port) => by_multipath(port)?,
            Act::ConnectByFastOpen(port) => by_fast_open(port)?,
            Act::ConnectToName(name) => {
                let name = SocketAddr::from_abstract_name(name)?;
                UnixStream::connect_addr(&name)?;
            }
            Act::ConnectToPath(path) => drop(UnixStream::connect(path)?),
            Act::Listen => drop(TcpListener::bind(local(0))?),
            Act::ListenUnbound => listen_unbound()?,
            act => return act.commit_on_processes(),
        }
        Ok(String::new())
    }

    fn commit_on_processes(self) -> Result<String> {
        match self {
            Act::Signal(id) => kill_process(pid(id)?, Signal::USR1)?,
            Act::SignalThroughPipe(id) => signal_through_pipe(id)?,
            Act::ReadMemory(id, address) => return read_memory(id, address),
            Act::OpenMemory(id, address) => return open_memory(id, address),
            Act::Trace(id) => trace(id)?,
            Act::LimitOther(id) => {
                let same = getrlimit(Resource::Core);
                prlimit(Some(pid(id)?), Resource::Core, same)?;
            }
            Act::RaiseLimit => raise_limit()?,
            Act::Unshare => unshare()?,
            Act::Allocate(size) => Vec::<u8>::new().try_reserve_exact(size)?,
            Act::AllocateShared(size) => allocate_shared(size)?,
            Act::AllocateInFile => {
                drop(process_kit::Mapping::new(1 << 20)?);
            }
            Act::OpenMany(count) => open_many(count)?,
            Act::Spin(seconds) => while cpu_as_limited() < seconds.into() {},
            Act::Fork => fork()?,
            Act::ForkAndKill => fork_and_kill()?,
            Act::StartProgram => {
                ensure!(Command::new("true").status()?.success());
            }
            Act::ReadDescriptor(number) => return read_descriptor(number),
            Act::ReadVariable(name) => return Ok(env::var(name)?),
            Act::ReadInitialVariables(name) => return initial(&name),
            Act::DumpCore(folder) => dump_core(&folder)?,
            other => anyhow::bail!("not about processes: {other:?}"),
        }
        Ok(String::new())
    }
}

/// Also what std and glibc do behind one's back: a thread has a stack, a guard
/// page, a name and a signal stack; a map has random keys.
fn work(folder: &Path) -> Result<()> {
    let numbers: HashMap<_, _> = (0..1000).map(|it| (it, it * it)).collect();
    let thread = thread::Builder::new().name("worker of worker".into());
    let sum = thread.spawn(move || numbers.values().sum::<u64>())?;
    ensure!(sum.join().ok() == Some(332_833_500));
    let caught = thread::spawn(|| std::panic::resume_unwind(Box::new(7)));
    while !caught.is_finished() {
        thread::sleep(Duration::from_millis(1));
    }
    ensure!(caught.join().is_err());
    ensure!(thread::available_parallelism()?.get() > 0);
    exchange()?;
    keep_files(folder)
}

fn exchange() -> Result<()> {
    let (mut one, mut other) = UnixStream::pair()?;
    let (mut reader, mut writer) = pipe()?;
    one.set_read_timeout(Some(Duration::from_secs(1)))?;
    other.write_all(b"a")?;
    writer.write_all(b"b")?;
    let mut bytes = [0; 2];
    one.read_exact(&mut bytes[..1])?;
    reader.read_exact(&mut bytes[1..])?;
    ensure!(bytes == *b"ab");
    Ok(())
}

fn keep_files(folder: &Path) -> Result<()> {
    let inner = folder.join("inner");
    fs::create_dir_all(&inner)?;
    let (one, other) = (inner.join("one"), folder.join("other"));
    fs::write(&one, "contents")?;
    File::options().write(true).open(&one)?.set_len(4)?;
    fs::rename(&one, &other)?;
    io::copy(&mut File::open(&other)?, &mut File::create(&one)?)?;
    ensure!(fs::read_to_string(&one)? == "cont");
    ensure!(fs::read_dir(folder)?.count() == 2);
    fs::remove_file(other)?;
    Ok(fs::remove_dir_all(inner)?)
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

fn close_all() {
    for number in 3..64 {
        // SAFETY: nothing uses a descriptor of this process any more.
        unsafe { libc::close(number) };
    }
}

fn local(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

fn pid(id: i32) -> Result<Pid> {
    Pid::from_raw(id).context("no process")
}

/// Truncate(2), which opens nothing.
fn truncate(path: &Path) -> Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the path ends with a zero, and lives during the call.
    checked(unsafe { libc::truncate(path.as_ptr(), 0) }.into()).map(drop)
}

fn by_multipath(port: u16) -> Result<()> {
    let (inet, stream) = (AddressFamily::INET, SocketType::STREAM);
    let socket = socket(inet, stream, Some(ipproto::MPTCP))?;
    Ok(connect(socket, &local(port))?)
}

/// It connects and sends at once, without connect(2).
fn by_fast_open(port: u16) -> Result<()> {
    let (inet, stream) = (AddressFamily::INET, SocketType::STREAM);
    let socket = socket(inet, stream, None)?;
    let flags = SendFlags::from_bits_retain(libc::MSG_FASTOPEN as u32);
    sendto(&socket, b"a", flags, &local(port))?;
    rustix::net::recv(&socket, &mut [0; 1], RecvFlags::DONTWAIT)
        .map(drop)
        .or_else(|error| {
            let is_connected = error == rustix::io::Errno::AGAIN;
            if is_connected { Ok(()) } else { Err(error.into()) }
        })
}

/// The kernel then chooses a port.
fn listen_unbound() -> Result<()> {
    let (inet, stream) = (AddressFamily::INET, SocketType::STREAM);
    Ok(listen(socket(inet, stream, None)?, 1)?)
}

/// As `common::lifeline` does it: the kernel signals whom the descriptor names.
fn signal_through_pipe(id: i32) -> Result<()> {
    const F_SETSIG: c_int = 10;
    let (reader, mut writer) = pipe()?;
    for (command, value) in [
        (libc::F_SETOWN, id),
        (F_SETSIG, libc::SIGUSR1),
        (libc::F_SETFL, libc::O_ASYNC),
    ] {
        // SAFETY: the descriptor is open, and the commands take a number.
        let done = unsafe { libc::fcntl(reader.as_raw_fd(), command, value) };
        checked(done.into())?;
    }
    Ok(writer.write_all(b"a")?)
}

fn read_memory(id: i32, address: u64) -> Result<String> {
    let mut found = [0_u8; SECRET.len()];
    let there =
        iovec { iov_base: address as *mut c_void, iov_len: found.len() };
    let here = iovec {
        iov_base: found.as_mut_ptr().cast::<c_void>(),
        iov_len: found.len(),
    };
    // SAFETY: the kernel checks the address there, and writes to as many bytes
    // here as there are.
    let read = unsafe {
        libc::process_vm_readv(id, &raw const here, 1, &raw const there, 1, 0)
    };
    checked(read as i64)?;
    Ok(String::from_utf8(found.to_vec())?)
}

fn open_memory(id: i32, address: u64) -> Result<String> {
    let mut found = [0_u8; SECRET.len()];
    let memory = File::open(format!("/proc/{id}/mem"))?;
    memory.read_exact_at(&mut found, address)?;
    Ok(String::from_utf8(found.to_vec())?)
}

/// It does not stop the other, and lets go of it when this process exits.
fn trace(id: i32) -> Result<()> {
    let none = ptr::null_mut::<c_void>();
    // SAFETY: this request reads and writes no memory of either.
    checked(unsafe { libc::ptrace(libc::PTRACE_SEIZE, id, none, none) })
        .map(drop)
}

/// Lowers a hard limit, which anyone may, and raises it again.
fn raise_limit() -> Result<()> {
    let before = getrlimit(Resource::Nofile);
    let fewer = before.maximum.map(|most| most - 1);
    let lower = Rlimit { current: fewer, maximum: fewer };
    setrlimit(Resource::Nofile, lower)?;
    Ok(setrlimit(Resource::Nofile, before)?)
}

fn unshare() -> Result<()> {
    // SAFETY: this process has one thread, so there is nothing to unshare.
    checked(unsafe { libc::unshare(libc::CLONE_FILES) }.into()).map(drop)
}

fn allocate_shared(size: usize) -> Result<()> {
    let (access, flags) = (ProtFlags::READ, MapFlags::SHARED);
    // SAFETY: the kernel chooses an address that is free.
    unsafe { mmap_anonymous(ptr::null_mut(), size, access, flags) }?;
    Ok(())
}

fn open_many(count: usize) -> Result<()> {
    let opened = iter::repeat_with(|| dup(io::stderr())).take(count);
    let opened: Vec<_> = opened.collect::<Result<_, _>>()?;
    ensure!(opened.len() == count);
    Ok(())
}

fn fork() -> Result<()> {
    // SAFETY: the child exits at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: it runs no handlers.
        unsafe { libc::_exit(0) };
    }
    checked(child.into())?;
    waitpid(Pid::from_raw(child), WaitOptions::empty())?;
    Ok(())
}

fn fork_and_kill() -> Result<()> {
    // SAFETY: the child only waits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        hang();
    }
    checked(child.into())?;
    kill_process(pid(child)?, Signal::KILL)?;
    waitpid(Pid::from_raw(child), WaitOptions::empty())?;
    Ok(())
}

fn read_descriptor(number: RawFd) -> Result<String> {
    // SAFETY: it is borrowed for one call, which fails if it is not open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    let mut text = String::new();
    File::from(dup(descriptor)?).read_to_string(&mut text)?;
    Ok(text)
}

/// The variables as execve(2) left them.
fn initial(name: &str) -> Result<String> {
    let variables = fs::read_to_string("/proc/self/environ")?;
    let prefix = format!("{name}=");
    let found = variables.split('\0').find_map(|it| it.strip_prefix(&prefix));
    found.map(str::to_owned).context("no such variable")
}

fn dump_core(folder: &Path) -> Result<()> {
    let most = getrlimit(Resource::Core).maximum;
    let limit = Rlimit { current: most, maximum: most };
    setrlimit(Resource::Core, limit)?;
    env::set_current_dir(folder)?;
    abort()
}

fn checked(result: i64) -> Result<i64> {
    if result == -1 {
        Err(io::Error::last_os_error())?;
    }
    Ok(result)
}
