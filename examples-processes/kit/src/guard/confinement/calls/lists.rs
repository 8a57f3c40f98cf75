//! Which system calls are allowed, by what they are for. What is missing from a
//! list that looks complete is missing on purpose; the comments say why.

use libc::{c_int, c_long};

/// On files and descriptors. Missing: chmod, chown, utime and setxattr, which
/// Landlock does not check (so `fs::copy` fails, which also copies the mode;
/// `io::copy` does not); chdir and umask, which would be left for the next
/// job; truncate, for which `set_len` of an open file is enough; splice and the
/// like, without which std copies by hand.
pub(super) const FILES: &[c_long] = &[
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pipe2,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
];

/// On its own memory. Missing: process_madvise and all others that take a
/// process; userfaultfd, which stops the kernel in the middle of a copy; mlock.
pub(super) const MEMORY: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
];

/// On its own threads and signals. Missing: tkill, which names a thread without
/// its process; the calls that queue a signal or set priorities and cores, all
/// of which take any process of the same user.
pub(super) const THREADS: &[c_long] = &[
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
];

/// Waiting. Missing: io_uring, whose work no filter sees.
pub(super) const WAITING: &[c_long] = &[
    libc::SYS_clock_nanosleep,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
];

/// What is asked about itself and the machine, and about sockets that it has.
pub(super) const FACTS: &[c_long] = &[
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpeername,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// The same under the names that only this architecture has, and that glibc
/// still uses.
#[cfg(target_arch = "x86_64")]
pub(super) const LEGACY: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_getdents,
    libc::SYS_getpgrp,
    libc::SYS_getrlimit,
    libc::SYS_link,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pause,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_symlink,
    libc::SYS_time,
    libc::SYS_unlink,
];

/// Newer architectures have none.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const LEGACY: &[c_long] = &[];

/// For a server. Without bind(2), listen(2) takes any free port, unseen by
/// Landlock.
pub(super) const LISTENING: &[c_long] =
    &[libc::SYS_accept, libc::SYS_accept4, libc::SYS_bind, libc::SYS_listen];

/// For other processes, beside clone(2), which has conditions. Missing: setsid
/// and setpgid, with which a child would not die with the worker; fork and
/// vfork, which glibc does not use.
pub(super) const PROCESSES: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_kill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_tgkill,
    libc::SYS_wait4,
    libc::SYS_waitid,
];

/// Missing: `F_SETOWN` and `F_SETSIG`. With them, a pipe sends any signal to
/// any process of the same user, SIGKILL included; lifelines are made of that.
pub(super) const FCNTL: &[c_int] = &[
    libc::F_ADD_SEALS,
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_GETFL,
    libc::F_GETLK,
    libc::F_GET_SEALS,
    libc::F_OFD_GETLK,
    libc::F_OFD_SETLK,
    libc::F_OFD_SETLKW,
    libc::F_SETFD,
    libc::F_SETFL,
    libc::F_SETLK,
    libc::F_SETLKW,
];

/// Missing: `FIOSETOWN`, which is `F_SETOWN` again, and `TIOCSTI`, which types
/// into the terminal that stderr may be.
pub(super) const IOCTL: &[libc::Ioctl] = &[
    libc::FIOCLEX,
    libc::FIONBIO,
    libc::FIONCLEX,
    libc::FIONREAD,
    libc::TCGETS,
    libc::TIOCGWINSZ,
];
