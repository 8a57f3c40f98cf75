//! What a program inherits from its parent, and what it changes. Linux only.
//!
//! A shell, a supervisor or a container may pass on ignored or blocked signals,
//! a umask, and resource limits. Some of them would kill a program silently, or
//! keep it from reaping its children. So every program calls [`put_in_order`]
//! first, and its workers inherit the result.
//!
//! | inherited | here | why |
//! |---|---|---|
//! | SIGCHLD ignored | default | the kernel would reap our children, and we would never see their exit status |
//! | SIGTERM ignored | default | pools and lifelines use it to request termination |
//! | SIGXFSZ | ignored | a write beyond `ulimit -f` then fails with EFBIG instead of killing the program |
//! | SIGXCPU | an error message and status 1 | by default it kills silently, as does SIGKILL a second later |
//! | SIGPIPE | ignored, by std | a closed pipe is an error; each child's own std ignores it again |
//! | SIGINT ignored | kept | Ctrl-C is not meant for a shell's background job |
//! | SIGHUP, SIGQUIT ignored | kept | `nohup` and a shell's background job want it so |
//! | other signals ignored | kept | nothing here waits for one, and faults kill a program anyway |
//! | any signal blocked | unblocked | a blocked SIGTERM terminates nothing, and every child would inherit the mask |
//! | umask | never against the owner | we must be able to open the files we create; group and others are up to the user |
//! | closed stdin, stdout, stderr | /dev/null, by std | otherwise one of our files would get the number, and we would print into it |
//! | RLIMIT_FSIZE, NOFILE, AS, DATA | kept | exceeding them is an error, to which [`in_words`] adds limit and remedy |
//! | RLIMIT_CPU | warns a second before it kills | see SIGXCPU |
//! | RLIMIT_NPROC | kept | a worker that cannot be started is an error |
//! | RLIMIT_STACK | kept | worker threads have stacks of std's size |
//! | RLIMIT_CORE | kept | a scenario that crashes on purpose sets its own |
//! | RLIMIT_SIGPENDING | kept | a lifeline's signals are not real-time signals, so they do not queue |
//! | RLIMIT_MEMLOCK, MSGQUEUE, LOCKS, RSS, NICE, RTPRIO, RTTIME | kept | nothing here uses what they limit |
//! | nice, scheduling class, cores | kept | the user chose them; [`machine::cores`](crate::machine::cores) counts only the allowed cores |

use std::{error::Error, io, ptr, sync::OnceLock};

use libc::{SIG_DFL, SIG_IGN, c_int};
use rustix::{
    fs::Mode,
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit, umask},
};
use signal_hook::{
    consts::{SIGCHLD, SIGTERM, SIGXFSZ},
    low_level,
};

/// See the table above. Call it before starting or opening anything. A second
/// call does nothing.
pub fn put_in_order() {
    for signal in [SIGCHLD, SIGTERM] {
        if is_ignored(signal) {
            set(signal, SIG_DFL);
        }
    }
    set(SIGXFSZ, SIG_IGN);
    speak_before_the_time_is_up();
    unblock_all_signals();
    let inherited = umask(Mode::empty());
    umask(inherited.difference(Mode::RWXU));
}

/// Whether our parent had us ignore a signal.
pub fn is_ignored(signal: c_int) -> bool {
    // SAFETY: a `sigaction` is integers and pointers, for which zero is a
    // value.
    let mut found: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: it sets nothing, and writes the current action to a live value.
    unsafe { libc::sigaction(signal, ptr::null(), &raw mut found) };
    found.sa_sigaction == SIG_IGN
}

/// `what` is one of the two actions that run no code of ours.
fn set(signal: c_int, what: libc::sighandler_t) {
    // SAFETY: the default action and ignoring both run no code of ours.
    unsafe { libc::signal(signal, what) };
}

/// The message for an exceeded CPU limit, built in advance: a handler must not
/// allocate (signal-safety(7)).
static LAST_WORDS: OnceLock<String> = OnceLock::new();

/// The kernel warns with SIGXCPU at the soft limit on CPU time, and kills at
/// the hard limit. If both are equal, it only kills.
fn speak_before_the_time_is_up() {
    let Rlimit { current: Some(soft), maximum } = getrlimit(Resource::Cpu)
    else {
        return;
    };
    if maximum == Some(soft) && soft > 1 {
        let warned = Rlimit { current: Some(soft - 1), maximum };
        // If this fails, we only lose the warning.
        let _ = setrlimit(Resource::Cpu, warned);
    }
    LAST_WORDS.get_or_init(|| {
        format!(
            "error: out of CPU time: the limit is {soft} s; use `ulimit -t` \
             to raise it\n"
        )
    });
    // SAFETY: the handler reads the message built above, writes it and exits:
    // a handler may do all of that. If it cannot be set, the default stays.
    let _ = unsafe { low_level::register(libc::SIGXCPU, say_and_end) };
}

fn say_and_end() {
    let words = LAST_WORDS.get().map_or(&b""[..], String::as_bytes);
    // There is no place to report an error.
    let _ = rustix::io::write(rustix::stdio::stderr(), words);
    low_level::exit(1);
}

fn unblock_all_signals() {
    // SAFETY: a signal set is made of integers, for which zero is a value.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is live, and this makes it empty.
    unsafe { libc::sigemptyset(&raw mut none) };
    // SAFETY: the set is live, and a null pointer requests no old mask.
    unsafe {
        libc::pthread_sigmask(
            libc::SIG_SETMASK,
            &raw const none,
            ptr::null_mut(),
        )
    };
}

/// An error and its causes in one line. If an inherited limit is the cause, the
/// kernel's message does not name it: this adds the limit, its value, and how
/// to raise it.
pub fn in_words(error: &anyhow::Error) -> String {
    let words = format!("{error:#}");
    match error.chain().find_map(errno).and_then(remedy) {
        Some(remedy) => format!("{words}: {remedy}"),
        None => words,
    }
}

fn errno(error: &(dyn Error + 'static)) -> Option<Errno> {
    let of_std = || Errno::from_io_error(error.downcast_ref::<io::Error>()?);
    error.downcast_ref::<Errno>().copied().or_else(of_std)
}

fn remedy(errno: Errno) -> Option<String> {
    let (of, what, option) = match errno {
        Errno::FBIG => (Resource::Fsize, "bytes per file", "-f"),
        Errno::MFILE => (Resource::Nofile, "open files", "-n"),
        Errno::NOMEM => (Resource::As, "bytes of memory", "-v"),
        _ => return None,
    };
    let most = getrlimit(of).current?;
    Some(format!(
        "the limit is {most} {what}; use `ulimit {option}` to raise it"
    ))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_limit_is_named_with_its_value() {
        let most = getrlimit(Resource::Nofile).current;
        let cause = io::Error::from(Errno::MFILE);
        let error = Err::<(), _>(cause).context("no pipe").err();
        let words = error.as_ref().map(in_words).unwrap_or_default();
        assert!(words.starts_with("no pipe: "), "{words}");
        let value = most.map_or(String::new(), |most| most.to_string());
        assert!(words.contains(&value), "{words}");
        assert_eq!(words.contains("`ulimit -n`"), most.is_some(), "{words}");
        let other = anyhow::Error::from(Errno::NOENT);
        assert_eq!(in_words(&other), format!("{other:#}"));
    }
}
