//! What a program may be started with, beside limits: signals, descriptors, a
//! mask for new files; and what its kernel may not tell or allow.

use std::{env, fs, io, os::unix::net::UnixListener, process, ptr};

use anyhow::{Context as _, Result, ensure};
use libc::{
    BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, c_int, c_ulong,
    sock_filter, sock_fprog,
};
use rustix::{
    fs::Mode,
    mount::{MountFlags, mount, mount_bind},
    process::{Resource, Rlimit, setrlimit, umask},
    thread::{CapabilitySet, remove_capability_from_bounding_set},
};

use crate::limit::private_mounts;

/// What creates a circumstance, in the process that becomes the program.
type Create = fn() -> Result<()>;

/// By the names that they have between test and limiter.
pub static ALL: [(&str, Create); 9] = [
    ("signals-ignored", ignore_signals),
    ("signals-blocked", block_signals),
    ("strict-umask", forbid_new_files_to_everybody),
    ("no-stdin-no-stderr", || close(&[0, 2])),
    ("nothing-to-spare", leave_nothing_to_spare),
    ("pidfd-forbidden", || refuse_pidfds(libc::EPERM)),
    ("pidfd-unknown", || refuse_pidfds(libc::ENOSYS)),
    ("processes-only-in-proc", show_processes_only),
    ("memory-not-told", hide_memory),
];

/// All that can be ignored, as if `trap '' ...` came before.
fn ignore_signals() -> Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: to ignore a signal runs no code of ours. What cannot be
        // ignored is refused.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    Ok(())
}

fn block_signals() -> Result<()> {
    // SAFETY: a set of signals is integers, for which zero is a value.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is live, and this fills it.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: the set is live, and the mask that was is not asked for.
    let refused = unsafe {
        libc::pthread_sigmask(
            libc::SIG_SETMASK,
            &raw const all,
            ptr::null_mut(),
        )
    };
    ensure!(refused == 0, "signals cannot be blocked: error {refused}");
    Ok(())
}

/// Root has to obey as others do, and so it loses the powers not to.
fn forbid_new_files_to_everybody() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        for power in
            [CapabilitySet::DAC_OVERRIDE, CapabilitySet::DAC_READ_SEARCH]
        {
            remove_capability_from_bounding_set(power)?;
        }
    }
    umask(Mode::RWXU | Mode::RWXG | Mode::RWXO);
    Ok(())
}

fn close(descriptors: &[c_int]) -> Result<()> {
    for &descriptor in descriptors {
        // SAFETY: nothing of this process uses it from now on.
        unsafe { libc::close(descriptor) };
    }
    Ok(())
}

/// No limit that a program can do without leaves anything.
fn leave_nothing_to_spare() -> Result<()> {
    for of in [
        Resource::Core,
        Resource::Locks,
        Resource::Memlock,
        Resource::Msgqueue,
        Resource::Nice,
        Resource::Rss,
        Resource::Rtprio,
        Resource::Sigpending,
    ] {
        setrlimit(of, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    Ok(())
}

/// As a container's filter of system calls does, or a kernel before 5.3.
fn refuse_pidfds(error: c_int) -> Result<()> {
    let step = |code: u32, k: u32, jt: u8, jf: u8| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load_number = step(BPF_LD | BPF_W | BPF_ABS, 0, 0, 0);
    let is = |call, jt, jf| step(BPF_JMP | BPF_JEQ | BPF_K, call, jt, jf);
    let answer = |what| step(BPF_RET | BPF_K, what, 0, 0);
    let mut filter = [
        load_number,
        is(libc::SYS_pidfd_open as u32, 1, 0),
        is(libc::SYS_pidfd_send_signal as u32, 0, 1),
        answer(libc::SECCOMP_RET_ERRNO | error as u32),
        answer(libc::SECCOMP_RET_ALLOW),
    ];
    let program =
        sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    let [one, none]: [c_ulong; 2] = [1, 0];
    // SAFETY: the call takes integers only.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, one, none, none, none)
    };
    ensure!(done == 0, "no_new_privs: {}", io::Error::last_os_error());
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the program is live, and points to as many steps as it says.
    let done =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    ensure!(done == 0, "no filter: {}", io::Error::last_os_error());
    Ok(())
}

/// No /proc/meminfo, /proc/stat, /proc/cpuinfo (proc(5), `subset=pid`).
fn show_processes_only() -> Result<()> {
    private_mounts()?;
    let (kind, flags) = ("proc", MountFlags::empty());
    mount(kind, "/proc", kind, flags, Some(c"subset=pid"))
        .context("there is no /proc with processes only")
}

/// The program has this process's id. Its `smaps_rollup` cannot be opened,
/// because a socket lies over it.
fn hide_memory() -> Result<()> {
    private_mounts()?;
    let name = format!("hides-memory-of-{}", process::id());
    let socket = env::temp_dir().join(name);
    let _listener = UnixListener::bind(&socket)?;
    let hidden = mount_bind(&socket, "/proc/self/smaps_rollup");
    fs::remove_file(&socket)?;
    hidden.context("/proc/self/smaps_rollup cannot be hidden")
}
