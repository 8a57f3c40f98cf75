//! What a worker may still do: for jobs that are not trusted.
//!
//! A process has memory of its own and can be killed; with that alone it can
//! still do all that its user can. The kernel can take most of that away, by
//! several means, none of which holds against everything:
//!
//! | means | holds against | source |
//! |---|---|---|
//! | [`descriptors`](Confinement::descriptors) | what the parent left open by accident | fcntl(2) |
//! | [`environment`](Confinement::environment) | secrets in variables | environ(7) |
//! | [`undumpable`](Confinement::undumpable) | a core dump, and a look into the worker by others | prctl(2) |
//! | [`unprivileged`](Confinement::unprivileged) | what only root may do | capabilities(7) |
//! | [`dies_with_parent`](Confinement::dies_with_parent) | a worker that outlives its parent | prctl(2) |
//! | [`limits`](Confinement::limits) | all memory, descriptors, disk or time used up | setrlimit(2) |
//! | [`files`](Confinement::files) | files read, written or removed | landlock(7) |
//! | [`tcp`](Confinement::tcp) | TCP connections and servers | landlock(7) |
//! | [`signals`](Confinement::signals) | signals, and abstract sockets | landlock(7) |
//! | [`calls`](Confinement::calls) | every other system call | seccomp(2) |
//!
//! Any Landlock rule also hides the memory of processes outside (landlock(7),
//! "ptrace restrictions"); [`hide_memory`] does it from the parent's side.
//!
//! What is left to a worker with all of them: its cores until its time is up,
//! memory up to its limit, whatever its job and its wire give it, and its
//! stderr, which is the parent's: it can print there, or seek and truncate if
//! that is a file. It can see which files exist (stat(2)). It can attack the
//! kernel through the calls that it needs. So the parent must not trust its
//! answers, and a worker that did a job for one user should do none for
//! another.
//!
//! A thread cannot be confined like this: it shares its descriptors, its limits
//! and its memory with threads that are not.

mod calls;
mod files;
mod lack;
mod leftovers;
mod limits;

use std::{fs, io};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::{
    process::{
        DumpableBehavior, Signal, set_dumpable_behavior,
        set_parent_process_death_signal,
    },
    thread::{
        CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs,
    },
};
use serde::{Deserialize, Serialize};

use calls::Filter;
use files::{Asked, Rules};

pub use calls::Calls;
pub use files::{Files, Tcp};
pub use lack::{Lack, Part};
pub use limits::Limits;

/// The means to confine a worker. Each can be taken away on its own, and
/// [`Confinement::default()`] has none of them.
///
/// It is plain data, so that a parent can send it with a job or in one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Whether to disable the descriptors that were left open across execve(2):
    /// every use of them fails, as if they were closed. They are those that
    /// lack close-on-exec: this program opens its own with it, and those of a
    /// job arrive with it. Standard input, output and error stay.
    pub descriptors: bool,
    /// The names of the variables that stay; all others are overwritten in
    /// memory.
    pub environment: Option<Vec<String>>,
    /// Whether no other process of the same user may read this one's memory
    /// (`PR_SET_DUMPABLE`, prctl(2)), and no core dump is written. It protects
    /// the *worker*, from other workers for example; for the parent see
    /// [`hide_memory`]. Its price: the parent cannot read the worker's
    /// smaps_rollup either, unless it is privileged.
    pub undumpable: bool,
    /// Whether to give up all capabilities. It matters for root: with them, it
    /// opens files of every user, looks into every process, and raises its
    /// limits. Root's own files stay its own.
    pub unprivileged: bool,
    /// Whether it dies with the *thread* that started it (`PR_SET_PDEATHSIG`,
    /// prctl(2)). A worker that is not trusted can close its
    /// [lifeline](common::lifeline), and would then outlive a parent that is
    /// killed. In a [`scope`](crate::scope()) the thread outlives the worker;
    /// a [`Pool`](crate::Pool) has to stay in the thread that starts it. Only
    /// [`calls`](Confinement::calls) keep the worker from taking it back.
    pub dies_with_parent: bool,
    /// How much of the machine it may use.
    pub limits: Limits,
    /// The files that it may open, or `None` for all.
    pub files: Option<Files>,
    /// The TCP ports that it may use, or `None` for all.
    pub tcp: Option<Tcp>,
    /// Whether signals and abstract unix sockets reach only the processes that
    /// are confined together: this one and those that it starts.
    pub signals: bool,
    /// The system calls that it may make, or `None` for all.
    pub calls: Option<Calls>,
}

/// The part of a confinement that is in force. That is all of it, except what
/// this kernel lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "the kernel may lack a part of what was asked for"]
pub struct Held {
    /// What was asked for and is not in force.
    pub lacking: Vec<Lack>,
}

impl Confinement {
    /// All means, with these limits: no file, no port, no process, no variable.
    pub fn strict(limits: Limits) -> Self {
        Confinement {
            descriptors: true,
            environment: Some(Vec::new()),
            undumpable: true,
            unprivileged: true,
            dies_with_parent: true,
            limits,
            files: Some(Files::default()),
            tcp: Some(Tcp::default()),
            signals: true,
            calls: Some(Calls::default()),
        }
    }

    /// Confines this process, for good. A worker calls it before its first job.
    ///
    /// The order: first all that can fail because of what is asked for, while
    /// nothing is in force. Then what needs /proc or privileges. Then the
    /// limits, which stop nothing below. Then `no_new_privs`, without which an
    /// ordinary user may neither restrict itself with Landlock nor set a filter
    /// (a program that is set-user-ID could be fooled otherwise). The filter is
    /// last: it forbids the calls that all the others are made of.
    ///
    /// The worker does this itself, after execve(2). The rejected alternative
    /// is `pre_exec`, in the child of the parent: with it, `Command` forks, and
    /// the new program would have to be loaded under its own confinement, which
    /// would then have to allow that.
    ///
    /// # Errors
    ///
    /// Fails if this process has several threads, if what was asked for cannot
    /// be had, or if the kernel refuses, as it does the second time. What the
    /// kernel does not have is not an error here: see [`Held`]. After an error,
    /// this process may be confined in part: let it exit, and give it no job.
    pub fn apply(&self) -> Result<Held> {
        must_have_one_thread()?;
        let means = self.prepare()?;
        self.drop_leftovers()?;
        self.limit_itself()?;
        let mut held = means.restrict_thread()?;
        held.lacking.extend(self.processes_of_root());
        Ok(held)
    }

    /// Confines the calling thread alone, for good, by what the kernel keeps
    /// for each thread: [`files`](Confinement::files),
    /// [`tcp`](Confinement::tcp), [`signals`](Confinement::signals) and
    /// [`calls`](Confinement::calls).
    ///
    /// It is no sandbox: code that is hostile gets another thread to act for
    /// it, or changes the memory that another thread works with. It helps
    /// against mistakes. The pair `confine` shows both.
    ///
    /// # Errors
    ///
    /// Fails if one of the other means is asked for, which belong to the whole
    /// process, and as [`apply`](Confinement::apply).
    pub fn apply_to_thread(&self) -> Result<Held> {
        let of_threads = Confinement {
            files: self.files.clone(),
            tcp: self.tcp.clone(),
            signals: self.signals,
            calls: self.calls,
            ..Confinement::default()
        };
        ensure!(
            *self == of_threads,
            "a thread has no descriptors, variables, limits or privileges of \
             its own: confine it by files, tcp, signals and calls alone, or \
             confine a process"
        );
        self.prepare()?.restrict_thread()
    }

    /// What can fail because of what is asked for.
    fn prepare(&self) -> Result<Prepared> {
        let (rules, lacking) = self.asked_of_landlock().rules()?;
        let filter = self.calls.map(Calls::filter).transpose()?;
        Ok(Prepared { rules, filter, lacking })
    }

    fn drop_leftovers(&self) -> Result<()> {
        if self.descriptors {
            leftovers::disable_descriptors()?;
        }
        if let Some(kept) = &self.environment {
            leftovers::erase_environment(kept);
        }
        Ok(())
    }

    fn limit_itself(&self) -> Result<()> {
        if self.undumpable {
            hide_memory().context("cannot hide this process's memory")?;
        }
        if self.dies_with_parent {
            set_parent_process_death_signal(Some(Signal::KILL))
                .context("cannot tie this process to its parent")?;
        }
        self.limits.apply()?;
        if self.unprivileged {
            give_up_capabilities().context("cannot give up capabilities")?;
        }
        Ok(())
    }

    fn asked_of_landlock(&self) -> Asked<'_> {
        Asked {
            files: self.files.as_ref(),
            tcp: self.tcp.as_ref(),
            signals: self.signals,
            calls: self.calls,
        }
    }

    /// Whether processes are limited only by a number that does not count for
    /// root.
    fn processes_of_root(&self) -> Option<Lack> {
        let is_forbidden = self.calls.is_some_and(|calls| !calls.processes);
        let is_limited = self.limits.processes.is_some();
        let is_root = rustix::process::getuid().is_root();
        (is_limited && is_root && !is_forbidden)
            .then_some(Lack::ProcessesOfRoot)
    }
}

/// Rules and a filter that are not in force yet.
struct Prepared {
    rules: Option<Rules>,
    filter: Option<Filter>,
    lacking: Vec<Lack>,
}

impl Prepared {
    /// Puts them in force, for this thread and those that it starts.
    fn restrict_thread(mut self) -> Result<Held> {
        if self.rules.is_some() || self.filter.is_some() {
            set_no_new_privs(true).context("cannot set no_new_privs")?;
        }
        if let Some(rules) = self.rules {
            rules.restrict_self()?;
        }
        if let Some(filter) = self.filter {
            self.lacking.extend(filter.install()?);
        }
        Ok(Held { lacking: self.lacking })
    }
}

impl Held {
    /// Whether all that was asked for is in force.
    ///
    /// # Errors
    ///
    /// Fails with the names of all parts that are not.
    pub fn complete(self) -> Result<()> {
        if self.lacking.is_empty() {
            return Ok(());
        }
        let lacking: Vec<_> =
            self.lacking.iter().map(ToString::to_string).collect();
        bail!("{}", lacking.join("; "))
    }
}

/// Forbids other processes of the same user to read this one's memory
/// (ptrace(2), process_vm_readv(2), /proc/pid/mem), for a parent that starts
/// workers which it does not trust. It does not hold against root, and it is
/// not inherited: execve(2) resets it, so each process calls it for itself.
///
/// Its price: /proc/self belongs to root then, so an ordinary user cannot read
/// its own environ there, no debugger can attach, and no core dump is written.
///
/// # Errors
///
/// Fails if the kernel, or a filter, refuses.
pub fn hide_memory() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Landlock before ABI 8, and a filter, confine only the thread that asks for
/// it: the others would stay free, and could do its work.
fn must_have_one_thread() -> Result<()> {
    let threads = fs::read_dir("/proc/self/task")
        .context("cannot count the threads of this process")?
        .count();
    ensure!(
        threads == 1,
        "only a process with one thread can be confined, this one has \
         {threads}: confine it before it starts any"
    );
    Ok(())
}

fn give_up_capabilities() -> io::Result<()> {
    let none = CapabilitySet::empty();
    let none =
        CapabilitySets { effective: none, permitted: none, inheritable: none };
    Ok(set_capabilities(None, none)?)
}
