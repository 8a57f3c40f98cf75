//! What the hostile acts are after: real files, a real server, real memory.

use std::{
    fs::{File, metadata},
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener},
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd},
        unix::{fs::PermissionsExt as _, net::UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use memmap2::{MmapOptions, MmapRaw};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd},
    process::{Resource, getrlimit},
};

use super::{Act, Attempt, Target, Traces, deed::CHILDREN};
use crate::input::Input;

/// A secret of 32 letters, different for each seed. An act is not told the seed:
/// if it returns the secret, it has read it.
pub fn secret(seed: u64) -> String {
    let mut input = Input::new(seed, u64::MAX);
    let mut letter = |_| char::from(b'a' + input.below(26) as u8);
    (0..32).map(&mut letter).collect()
}

/// The secret as the contents of a segment, which is a file in /dev/shm.
pub fn file_secret(seed: u64) -> Vec<i64> {
    let secret = secret(seed).into_bytes();
    let (words, _) = secret.as_chunks::<8>();
    words.iter().map(|word| i64::from_ne_bytes(*word)).collect()
}

/// What lies outside the host: two files, a server, and a leash that holds
/// every process that an act starts.
#[derive(Debug)]
pub struct Bait {
    secret: PathBuf,
    other: PathBuf,
    mode: u32,
    server: TcpListener,
    leash: UnixStream,
}

/// Long enough for a process that has only to exit.
const PATIENCE: Duration = Duration::from_secs(30);

impl Bait {
    /// Lays it out. The second value is the other end of the leash, for the
    /// host to lend to an act.
    ///
    /// # Errors
    ///
    /// Fails if there is no free port or no free descriptor.
    pub fn lay_out(
        secret: PathBuf,
        other: PathBuf,
    ) -> Result<(Self, UnixStream)> {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        server.set_nonblocking(true)?;
        let (leash, lent) = UnixStream::pair()?;
        let mode = mode(&secret)?;
        Ok((Bait { secret, other, mode, server, leash }, lent))
    }

    /// Where an act finds all this.
    ///
    /// # Errors
    ///
    /// Fails if the server has no address.
    pub fn target(&self) -> Result<Target> {
        Ok(Target {
            secret: self.secret.clone(),
            other: self.other.clone(),
            port: self.server.local_addr()?.port(),
            ..Target::default()
        })
    }

    /// What can be seen now that the host is gone; `words` are those in the
    /// other file. Ends all processes that an act left behind.
    ///
    /// # Errors
    ///
    /// Fails if such a process does not end.
    pub fn traces(
        mut self,
        attempt: &Attempt,
        words: &[i64],
    ) -> Result<Traces> {
        Ok(Traces {
            is_overwritten: words != file_secret(attempt.seed),
            is_open_to_all: mode(&self.secret)? != self.mode,
            is_connected: self.server.accept().is_ok(),
            processes: self.left_behind()?,
        })
    }

    /// Asks who is there, once for each process that can be. Each that hears
    /// it answers and ends. If there are fewer, questions are left over, which
    /// the kernel reports as a reset.
    fn left_behind(&mut self) -> Result<usize> {
        let is_end = |error: &io::Error| {
            let kind = error.kind();
            matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
        };
        match self.leash.write_all(&[0; CHILDREN as usize]) {
            Err(error) if is_end(&error) => return Ok(0),
            asked => asked?,
        }
        self.leash.shutdown(Shutdown::Write)?;
        self.leash.set_read_timeout(Some(PATIENCE))?;
        let mut answers = Vec::new();
        match self.leash.read_to_end(&mut answers) {
            Err(error) if is_end(&error) => Ok(answers.len()),
            heard => heard.context("a process that an act left does not end"),
        }
    }
}

fn mode(file: &Path) -> io::Result<u32> {
    Ok(metadata(file)?.permissions().mode())
}

/// What lies inside the host: a secret in its memory and in its environment, a
/// descriptor that it left open, a scratch file, and memory to share.
#[derive(Debug)]
pub struct Inside {
    secret: String,
    scratch: File,
    leftover: OwnedFd,
    page: Page,
}

/// The number of the descriptor that is left open: above all that are in use,
/// below the limit.
const HIGH: RawFd = 200;

impl Inside {
    /// Puts it in place. The process must have one thread.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses a file.
    pub fn put(attempt: &Attempt, target: &Target) -> Result<Self> {
        let secret = secret(attempt.seed);
        // SAFETY: no other thread reads or writes the environment.
        unsafe { std::env::set_var(Target::VARIABLE, &secret) };
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let number = HIGH.min(most as RawFd / 2);
        let open = File::open(&target.secret)?;
        let leftover = fcntl_dupfd_cloexec(open, number)?;
        fcntl_setfd(&leftover, FdFlags::empty())?;
        Ok(Inside {
            secret,
            scratch: tempfile::tempfile()?,
            leftover,
            page: Page::new(attempt.is_sealed())?,
        })
    }

    /// Where an act finds this, too.
    pub fn target(&self, outside: &Target) -> Target {
        Target {
            host: std::process::id(),
            memory: self.secret.as_ptr() as u64,
            page: self.page.address(),
            leftover: self.leftover.as_raw_fd(),
            ..outside.clone()
        }
    }

    /// What an act is given: the means to do its harm, which it could not bring
    /// along itself.
    ///
    /// # Errors
    ///
    /// Fails if there is no free descriptor.
    pub fn lend(&self, act: Act, leash: UnixStream) -> Result<Arc<OwnedFd>> {
        let lent = match act {
            Act::Fork => leash.into(),
            Act::Scribble => self.page.file()?,
            _ => self.scratch.as_fd().try_clone_to_owned()?,
        };
        Ok(Arc::new(lent))
    }

    /// Bytes in the scratch file.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does not say.
    pub fn scratch(&self) -> Result<u64> {
        Ok(self.scratch.metadata()?.len())
    }

    /// Whether the shared memory is no longer as it was.
    pub fn is_scribbled(&self) -> bool {
        self.page.is_scribbled()
    }
}

/// Memory of one process that another may read.
#[derive(Debug)]
pub struct Page {
    file: OwnedFd,
    memory: MmapRaw,
}

impl Page {
    /// Bytes, which is one page on every machine or part of one.
    pub(super) const SIZE: usize = 4096;

    /// New memory, sealed against writing or not.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses.
    pub fn new(sealed: bool) -> Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut file = File::from(memfd_create("page", flags)?);
        file.write_all(&[1; Page::SIZE])?;
        // Before Linux 6.7, memory that is mapped through a descriptor for
        // writing counts as writable, and keeps a file from being sealed.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut options = MmapOptions::new();
        let memory = options.len(Page::SIZE);
        let memory = memory.map_raw_read_only(&File::open(path)?)?;
        if sealed {
            let all = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK;
            fcntl_add_seals(&file, all | SealFlags::SEAL)?;
        }
        Ok(Page { file: file.into(), memory })
    }

    fn file(&self) -> io::Result<OwnedFd> {
        self.file.try_clone()
    }

    fn address(&self) -> u64 {
        self.memory.as_ptr() as u64
    }

    fn is_scribbled(&self) -> bool {
        let start = self.memory.as_ptr();
        let read = |offset| {
            // SAFETY: the byte is inside the mapping, which lives as long as
            // `self`. Another process may write to it meanwhile, which a
            // volatile read allows for.
            unsafe { start.wrapping_add(offset).read_volatile() }
        };
        (0..Page::SIZE).any(|offset| read(offset) != 1)
    }
}
