//! What a program inherits from the one that started it, and what it makes of
//! that. Linux only.
//!
//! A shell, a supervisor or a container may leave us signals that are ignored
//! or blocked, a mask for new files, and limits. With some of them a program
//! would be killed without a word, or could not look after its children. So
//! [`put_in_order`] comes first in every program, and workers inherit what it
//! has set.
//!
//! | inherited | here | why |
//! |---|---|---|
//! | SIGCHLD ignored | default | the kernel would reap our children, and nobody would learn how they ended |
//! | SIGTERM ignored | default | it is how a pool and a lifeline ask for the end |
//! | SIGXFSZ | ignored | a write beyond `ulimit -f` is then an error, EFBIG, and not the end |
//! | SIGXCPU | a sentence and status 1 | its default is the end without a word; so is SIGKILL, a second later |
//! | SIGPIPE | ignored, by std | a reader who is gone is an error; each child's own std ignores it again |
//! | SIGINT ignored | kept | a shell's background job is not for Ctrl-C |
//! | SIGHUP, SIGQUIT ignored | kept | it is what `nohup` and a shell's background job want |
//! | other signals ignored | kept | nothing here waits for one, and faults end a program all the same |
//! | any signal blocked | unblocked | a blocked SIGTERM ends nobody, and every child would inherit the mask |
//! | umask | never against the owner | we must be able to open what we have made; group and others are the user's business |
//! | closed stdin, stdout, stderr | /dev/null, by std | or a file of ours would take the number, and be printed into |
//! | RLIMIT_FSIZE, NOFILE, AS, DATA | kept | beyond them is an error, to which [`in_words`] adds limit and remedy |
//! | RLIMIT_CPU | warns a second before it kills | see SIGXCPU |
//! | RLIMIT_NPROC | kept | a worker that cannot be started is an error |
//! | RLIMIT_STACK | kept | workers that are threads have stacks of std's size |
//! | RLIMIT_CORE | kept | a scenario that crashes on purpose sets its own |
//! | RLIMIT_SIGPENDING | kept | a lifeline's signals are no real-time signals, and need no place in a queue |
//! | RLIMIT_MEMLOCK, MSGQUEUE, LOCKS, RSS, NICE, RTPRIO, RTTIME | kept | nothing here asks for what they limit |
//! | nice, scheduling class, cores | kept | the user wants it so; [`machine::cores`](crate::machine::cores) counts only those that may be used |

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

/// See the table above. To be called before anything is started or opened;
/// a second call does nothing.
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

/// Whether the program that started us wants a signal to be ignored.
pub fn is_ignored(signal: c_int) -> bool {
    // SAFETY: a `sigaction` is integers and pointers, for which zero is a
    // value.
    let mut found: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is set, and what is found is written to a live value.
    unsafe { libc::sigaction(signal, ptr::null(), &raw mut found) };
    found.sa_sigaction == SIG_IGN
}

/// `what` is one of the two actions that run no code of ours.
fn set(signal: c_int, what: libc::sighandler_t) {
    // SAFETY: by default or not at all: neither runs code of ours.
    unsafe { libc::signal(signal, what) };
}

/// What is said when the time is up, made before: a handler may allocate
/// nothing (signal-safety(7)).
static LAST_WORDS: OnceLock<String> = OnceLock::new();

/// Of a limit on CPU time the kernel warns by SIGXCPU at the soft limit, and
/// kills at the hard one. Where both are one, it would only kill.
fn speak_before_the_time_is_up() {
    let Rlimit { current: Some(soft), maximum } = getrlimit(Resource::Cpu)
    else {
        return;
    };
    if maximum == Some(soft) && soft > 1 {
        let warned = Rlimit { current: Some(soft - 1), maximum };
        // To be warned is all that is lost if this is refused.
        let _ = setrlimit(Resource::Cpu, warned);
    }
    LAST_WORDS.get_or_init(|| {
        format!(
            "error: the time is up: this program may take no more than \
             {soft} s of CPU time: raise that with `ulimit -t`\n"
        )
    });
    // SAFETY: the handler reads what was made before, writes and ends: all of
    // that is allowed in one. Where it cannot be set, the default stays.
    let _ = unsafe { low_level::register(libc::SIGXCPU, say_and_end) };
}

fn say_and_end() {
    let words = LAST_WORDS.get().map_or(&b""[..], String::as_bytes);
    // Nobody is left to tell of an error.
    let _ = rustix::io::write(rustix::stdio::stderr(), words);
    low_level::exit(1);
}

fn unblock_all_signals() {
    // SAFETY: a set of signals is integers, for which zero is a value.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is live, and this makes it empty.
    unsafe { libc::sigemptyset(&raw mut none) };
    // SAFETY: the set is live, and the mask that was is not asked for.
    unsafe {
        libc::pthread_sigmask(
            libc::SIG_SETMASK,
            &raw const none,
            ptr::null_mut(),
        )
    };
}

/// An error and its causes in one line. Where a limit that was inherited is
/// the cause, the kernel's words do not say which: this names it, its value,
/// and how to raise it.
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
        Errno::FBIG => (Resource::Fsize, "bytes in one file", "-f"),
        Errno::MFILE => (Resource::Nofile, "open files", "-n"),
        Errno::NOMEM => (Resource::As, "bytes of memory", "-v"),
        _ => return None,
    };
    let most = getrlimit(of).current?;
    Some(format!(
        "this program may have no more than {most} {what}: raise that with \
         `ulimit {option}`"
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
