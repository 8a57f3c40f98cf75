//! What is limited, and how.
//!
//! This test starts itself again, limits itself, and then becomes the
//! program: so there is no `pre_exec`, and the test itself is not limited.

use std::{
    env,
    ffi::{CString, OsString},
    fs,
    hash::{BuildHasher as _, RandomState},
    ops::RangeInclusive,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
    sync::LazyLock,
};

use anyhow::{Context as _, Result};
use rustix::{
    mount::{
        MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change,
        unmount,
    },
    process::{Resource, Rlimit, getegid, geteuid, setrlimit},
    thread::{
        CapabilitiesSecureBits, CapabilitySet, UnshareFlags, capabilities,
        configure_capability_in_ambient_set, set_capabilities,
        set_capabilities_secure_bits, unshare_unsafe,
    },
};

use crate::circumstance;

/// The first argument of this test as the one that limits.
const LIMITER: &str = "limiter";

/// Its status if it fails: none that a program has.
const FAILED: u8 = 125;

const SHARED_MEMORY: &str = "/dev/shm";

/// The limits, by the names that they have between test and limiter.
const RESOURCES: [(&str, Resource); 7] = [
    ("open-files", Resource::Nofile),
    ("processes", Resource::Nproc),
    ("address-space", Resource::As),
    ("data", Resource::Data),
    ("file-size", Resource::Fsize),
    ("cpu-time", Resource::Cpu),
    ("stack", Resource::Stack),
];

/// The numbers of users that systemd's UIDS-GIDS leaves to nobody, and that are
/// there in most containers.
const STRANGERS: RangeInclusive<u32> = 60_578..=61_183;

/// A user of whom there are no processes: those of another checkout, which may
/// run this test at the same time, are hardly ever of the same user.
static STRANGER: LazyLock<u32> = LazyLock::new(|| {
    let count = u64::from(STRANGERS.end() - STRANGERS.start() + 1);
    let any = RandomState::new().hash_one(()) % count;
    STRANGERS.start() + any as u32
});

/// A limit of the system, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub of: Resource,
    pub value: u64,
}

impl Limit {
    /// The program, under this limit. It prints no backtraces: for one that
    /// finds no memory std waits for a lock that it holds.
    pub fn command(self, program: &Path) -> Command {
        let is_this = |(_, of): &&(_, Resource)| *of == self.of;
        let (name, _) = RESOURCES.iter().find(is_this).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args([LIMITER, name]);
        command.args([self.value.to_string(), STRANGER.to_string()]);
        command.arg(program).env_remove("RUST_BACKTRACE");
        command
    }
}

/// The program, as started by one who has done this, see
/// [`circumstance::ALL`].
pub fn under(circumstance: &str, program: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([LIMITER, circumstance, "", ""]).arg(program);
    command
}

/// Plays the limiter, if this process is one: then it returns only if the
/// program cannot be started.
pub fn obey() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != LIMITER {
        return None;
    }
    let error = match limited(arguments) {
        Ok(mut program) => program.exec().into(),
        Err(error) => error,
    };
    eprintln!("the limiter failed: {error:#}");
    Some(ExitCode::from(FAILED))
}

fn limited(mut arguments: impl Iterator<Item = OsString>) -> Result<Command> {
    let mut next = || arguments.next().context("an argument is missing");
    let (name, value, stranger) = (next()?, next()?, next()?);
    let mut command = Command::new(next()?);
    command.args(arguments);
    let mut all = circumstance::ALL.iter();
    if let Some((_, create)) = all.find(|(known, _)| name == **known) {
        create()?;
        return Ok(command);
    }
    let named = RESOURCES.iter().find(|(known, _)| name == **known);
    let (_, of) = *named.context("there is no such limit")?;
    let value = Some(value.to_string_lossy().parse()?);
    if of == Resource::Nproc && geteuid().is_root() {
        become_another(stranger.to_string_lossy().parse()?, &mut command)?;
    }
    setrlimit(of, Rlimit { current: value, maximum: value })?;
    Ok(command)
}

/// The kernel does not count the processes of root. So the program belongs to
/// another user, of root's powers with nothing but the one to read and write
/// every file (capabilities(7)), wherever it was built.
fn become_another(user: u32, command: &mut Command) -> Result<()> {
    let files = CapabilitySet::DAC_OVERRIDE;
    let bits = CapabilitiesSecureBits::NO_SETUID_FIXUP;
    set_capabilities_secure_bits(bits).context("no secure bits")?;
    let mut sets = capabilities(None)?;
    sets.inheritable |= files;
    set_capabilities(None, sets).context("no inheritable capability")?;
    configure_capability_in_ambient_set(files, true)
        .context("no ambient capability")?;
    command.uid(user).gid(user);
    Ok(())
}

/// From now on this process has mounts of its own, and may have a /dev/shm of
/// its own.
pub fn own_mounts() -> Result<()> {
    private_mounts()?;
    // That it can be done is to be known before a test relies on it.
    SharedMemory::of(1 << 20).map(drop)
}

/// Who is not root needs a user namespace for that.
pub fn private_mounts() -> Result<()> {
    let (user, group) = (geteuid(), getegid());
    let mut what = UnshareFlags::NEWNS;
    if !user.is_root() {
        what |= UnshareFlags::NEWUSER;
    }
    // SAFETY: the table of open files stays as it is.
    unsafe { unshare_unsafe(what) }.context("no namespace of its own")?;
    if !user.is_root() {
        let same = |id: u32| format!("{id} {id} 1");
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", same(user.as_raw()))?;
        fs::write("/proc/self/gid_map", same(group.as_raw()))?;
    }
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", flags).context("the mounts stay shared")
}

/// A /dev/shm of this process alone, until it is dropped.
pub struct SharedMemory;

impl SharedMemory {
    /// With room for so many bytes.
    pub fn of(bytes: u64) -> Result<Self> {
        let options = CString::new(format!("mode=1777,size={bytes}"))?;
        let (kind, flags) = ("tmpfs", MountFlags::empty());
        mount(kind, SHARED_MEMORY, kind, flags, Some(&*options))
            .context("nothing can be mounted on /dev/shm")?;
        Ok(SharedMemory)
    }
}

/// It is refused while anyone has a file open there: nobody should.
impl Drop for SharedMemory {
    fn drop(&mut self) {
        let unmounted = unmount(SHARED_MEMORY, UnmountFlags::empty());
        if !std::thread::panicking() {
            unmounted.unwrap();
        }
    }
}
