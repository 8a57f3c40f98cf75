//! Each means alone: without it the act succeeds, with it the act fails. And
//! each means taken away: with all others the act succeeds.

use std::{
    fs::{self, Permissions},
    io::ErrorKind,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::{PermissionsExt as _, chown},
            net::{SocketAddr, UnixListener},
            process::ExitStatusExt as _,
        },
    },
    path::PathBuf,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use anyhow::Result;
use process_kit::{
    Confinement,
    confinement::{Calls, Files, Lack, Limits, Part, hide_memory},
};
use rustix::{
    process::{
        DumpableBehavior, Resource, Signal, getrlimit, getuid,
        set_dumpable_behavior,
    },
    thread::{CapabilitySet, capabilities},
};
use signal_hook::consts::SIGUSR1;

use crate::{
    VARIABLE,
    act::{Act, SECRET},
    job::{
        Before, Job, NOT_PERMITTED, answer, bites, death, fails, filtered, run,
        strict, succeeds, until, with_ports,
    },
    stake::Stake,
};

pub fn files_are_confined() -> Result<()> {
    let stake = Stake::new()?;
    let files = Files { read: Vec::new(), write: vec![stake.folder()] };
    let files = Confinement { files: Some(files), ..Confinement::default() };
    let denied = "Permission denied";
    let victim = || stake.file("victim");
    bites(&files, || Ok(Act::Read(stake.secret())), denied)?;
    bites(&files, || Ok(Act::Write(stake.secret())), denied)?;
    bites(&files, || Ok(Act::Write(stake.path().join("new"))), denied)?;
    bites(&files, || Ok(Act::Truncate(victim()?)), denied)?;
    bites(&files, || Ok(Act::Remove(victim()?)), denied)?;
    succeeds(&files, Act::Work(stake.folder()))?;
    let read = Files { read: vec![stake.secret()], write: Vec::new() };
    let read = Confinement { files: Some(read), ..Confinement::default() };
    succeeds(&read, Act::Read(stake.secret()))?;
    bites(&read, || Ok(Act::Write(stake.secret())), denied)?;
    bites(&read, || Ok(Act::StartProgram), denied)
}

/// Landlock checks a file when it is opened, and never again.
pub fn descriptors_stay_open() -> Result<()> {
    let stake = Stake::new()?;
    let files = Some(Files::default());
    let files = Confinement { files, ..Confinement::default() };
    let (_open, number) = stake.leftover()?;
    let (_, found) = answer(&files, Act::ReadDescriptor(number))?;
    assert_eq!(found, "secret");
    Ok(())
}

/// Landlock does not check these calls, so a filter has to.
pub fn what_no_path_protects() -> Result<()> {
    let stake = Stake::new()?;
    let files = Some(Files::default());
    let files = Confinement { files, ..Confinement::default() };
    let change = || Ok(Act::ChangeMode(stake.secret()));
    succeeds(&files, change()?)?;
    bites(&filtered(), change, NOT_PERMITTED)?;
    let leave = || Ok(Act::ChangeFolder(stake.folder()));
    succeeds(&files, leave()?)?;
    bites(&filtered(), leave, NOT_PERMITTED)
}

pub fn tcp_is_confined() -> Result<()> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    let port = server.local_addr()?.port();
    let none = with_ports(&[], &[]);
    bites(&none, || Ok(Act::Connect(port)), "Permission denied")?;
    bites(&none, || Ok(Act::Listen), "Permission denied")?;
    succeeds(&with_ports(&[port], &[]), Act::Connect(port))?;
    succeeds(&with_ports(&[], &[0]), Act::Listen)?;
    bites(&filtered(), || Ok(Act::Connect(port)), NOT_PERMITTED)?;
    bites(&filtered(), || Ok(Act::Listen), NOT_PERMITTED)?;
    let calls = Some(Calls { connect: true, ..Calls::default() });
    let both = Confinement { calls, ..with_ports(&[port], &[]) };
    succeeds(&both, Act::Connect(port))?;
    fails(&both, Act::Listen, NOT_PERMITTED)?;
    let calls = Some(Calls { listen: true, ..Calls::default() });
    let both = Confinement { calls, ..with_ports(&[], &[]) };
    let (held, _) = answer(&both, Act::ListenUnbound)?;
    assert_eq!(held.lacking, [Lack::ListenWithoutBind]);
    Ok(())
}

/// What Landlock does not take for TCP, a filter has to. A kernel that takes it
/// some day may make this fail, and the lack wrong.
pub fn tcp_by_other_ways() -> Result<()> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    let port = server.local_addr()?.port();
    let calls =
        Some(Calls { connect: true, listen: false, ..Calls::default() });
    let filtered = Confinement { calls, ..Confinement::default() };
    let ways = [
        Act::ConnectByMultipath(port),
        Act::ConnectByFastOpen(port),
        Act::ListenUnbound,
    ];
    for way in ways {
        let (held, _) = answer(&with_ports(&[], &[]), way.clone())?;
        assert_eq!(held.lacking, [Lack::OtherWaysOfTcp]);
        bites(&filtered, || Ok(way.clone()), NOT_PERMITTED)?;
    }
    Ok(())
}

pub fn signals_are_confined() -> Result<()> {
    let came = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGUSR1, came.clone())?;
    let signals = Confinement { signals: true, ..Confinement::default() };
    let id = process::id() as i32;
    for act in [Act::Signal(id), Act::SignalThroughPipe(id)] {
        for confinement in [&signals, &filtered()] {
            succeeds(&Confinement::default(), act.clone())?;
            until("the signal comes", || came.swap(false, SeqCst))?;
            // Through a pipe, the kernel drops it without a word.
            let _ = answer(confinement, act.clone());
            assert!(!came.load(SeqCst), "{act:?} under {confinement:?}");
        }
    }
    let signal = || Ok(Act::Signal(id));
    bites(&signals, signal, NOT_PERMITTED)?;
    bites(&filtered(), signal, NOT_PERMITTED)
}

pub fn unix_sockets_are_confined() -> Result<()> {
    let stake = Stake::new()?;
    let name = format!("confinement-{}", process::id());
    let address = SocketAddr::from_abstract_name(&name)?;
    let _abstract = UnixListener::bind_addr(&address)?;
    let path = stake.path().join("socket");
    let _named = UnixListener::bind(&path)?;
    let signals = Confinement { signals: true, ..Confinement::default() };
    let abstractly = || Ok(Act::ConnectToName(name.clone()));
    bites(&signals, abstractly, NOT_PERMITTED)?;
    bites(&filtered(), abstractly, NOT_PERMITTED)?;
    bites(&filtered(), || Ok(Act::ConnectToPath(path.clone())), NOT_PERMITTED)
}

/// By any rule of Landlock. What root may depends on its capabilities: it must
/// have all that the other has. A filter sees calls: /proc/pid/mem is a file.
pub fn the_parents_memory_is_hidden() -> Result<()> {
    let landlock = Confinement { signals: true, ..Confinement::default() };
    let unprivileged =
        Confinement { unprivileged: true, ..Confinement::default() };
    let [read, open, trace] = looks();
    for (act, how) in [
        (&read, NOT_PERMITTED),
        (&open, "Permission denied"),
        (&trace, NOT_PERMITTED),
    ] {
        bites(&landlock, || Ok(act.clone()), how)?;
        if getuid().is_root() {
            bites(&unprivileged, || Ok(act.clone()), how)?;
        }
    }
    bites(&filtered(), || Ok(read.clone()), NOT_PERMITTED)?;
    bites(&filtered(), || Ok(trace.clone()), NOT_PERMITTED)?;
    succeeds(&filtered(), open).map(drop)
}

/// It holds against the same user, and not against root.
pub fn a_parent_that_hides_its_memory() -> Result<()> {
    for act in looks() {
        succeeds(&Confinement::default(), act.clone())?;
        hide_memory()?;
        let looked = answer(&Confinement::default(), act.clone());
        set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        assert_eq!(looked.is_ok(), getuid().is_root(), "{act:?}");
    }
    Ok(())
}

/// Ways to look into this process.
fn looks() -> [Act; 3] {
    static MEMORY: [u8; SECRET.len()] = SECRET;
    let (id, address) = (process::id() as i32, MEMORY.as_ptr() as u64);
    [Act::ReadMemory(id, address), Act::OpenMemory(id, address), Act::Trace(id)]
}

pub fn calls_are_confined() -> Result<()> {
    let id = process::id() as i32;
    for act in [Act::Unshare, Act::LimitOther(id), Act::AllocateInFile] {
        bites(&filtered(), || Ok(act.clone()), NOT_PERMITTED)?;
    }
    let calls = Some(Calls { memory_files: true, ..Calls::default() });
    let files = Confinement { calls, ..Confinement::default() };
    succeeds(&files, Act::AllocateInFile).map(drop)
}

pub fn processes_are_confined() -> Result<()> {
    for act in [Act::Fork, Act::ForkAndKill, Act::StartProgram] {
        bites(&filtered(), || Ok(act.clone()), NOT_PERMITTED)?;
        let calls = Some(Calls { processes: true, ..Calls::default() });
        let signals = true;
        let allowed = Confinement { calls, signals, ..Confinement::default() };
        succeeds(&allowed, act)?;
    }
    let processes = Some(0);
    let limits = Limits { processes, ..Limits::default() };
    let limited = Confinement { limits, ..Confinement::default() };
    if getuid().is_root() {
        let (held, _) = answer(&limited, Act::Fork)?;
        assert_eq!(held.lacking, [Lack::ProcessesOfRoot]);
        let both = Confinement { calls: filtered().calls, ..limited };
        let (held, _) = answer(&both, Act::ReadVariable("PATH".into()))?;
        held.complete()
    } else {
        bites(&limited, || Ok(Act::Fork), "temporarily unavailable")
    }
}

pub fn memory_is_limited() -> Result<()> {
    let memory = Some(1 << 30);
    let limits = Limits { memory, ..Limits::default() };
    let limited = Confinement { limits, ..Confinement::default() };
    bites(&limited, || Ok(Act::Allocate(1 << 30)), "memory allocation failed")?;
    let shared = || Ok(Act::AllocateShared(1 << 30));
    bites(&limited, shared, "Cannot allocate memory")?;
    succeeds(&limited, Act::Allocate(1 << 20)).map(drop)
}

pub fn time_is_limited() -> Result<()> {
    let processor_seconds = Some(1);
    let limits = Limits { processor_seconds, ..Limits::default() };
    let limited = Confinement { limits, ..Confinement::default() };
    succeeds(&Confinement::default(), Act::Spin(2))?;
    let how = death(&limited, Act::Spin(2))?;
    assert_eq!(how.signal(), Some(Signal::XCPU.as_raw()));
    Ok(())
}

pub fn limits_hold() -> Result<()> {
    let stake = Stake::new()?;
    let limits = Limits {
        descriptors: Some(50),
        file_size: Some(1000),
        ..Limits::default()
    };
    let limited = Confinement { limits, ..Confinement::default() };
    bites(&limited, || Ok(Act::OpenMany(50)), "Too many open files")?;
    let own = || stake.folder().join("large");
    bites(&limited, || Ok(Act::Fill(own(), 1001)), "File too large")?;
    succeeds(&limited, Act::Fill(own(), 1000))?;
    bites(&limited, || Ok(Act::AllocateInFile), "File too large")
}

/// Without this capability, which root may lack in a container, nobody can
/// raise them.
pub fn limits_of_root_hold() -> Result<()> {
    let unprivileged =
        Confinement { unprivileged: true, ..Confinement::default() };
    let own = capabilities(None)?.effective;
    for confinement in [&unprivileged, &filtered()] {
        if own.contains(CapabilitySet::SYS_RESOURCE) {
            bites(confinement, || Ok(Act::RaiseLimit), NOT_PERMITTED)?;
        } else {
            fails(confinement, Act::RaiseLimit, NOT_PERMITTED)?;
        }
    }
    Ok(())
}

pub fn leftover_descriptors_are_disabled() -> Result<()> {
    let stake = Stake::new()?;
    let disabled = Confinement { descriptors: true, ..Confinement::default() };
    let leftover = || {
        let (open, number) = stake.leftover()?;
        std::mem::forget(open);
        Ok(Act::ReadDescriptor(number))
    };
    bites(&disabled, leftover, "Bad file descriptor")?;
    succeeds(&disabled, Act::Work(stake.folder())).map(drop)
}

pub fn variables_are_erased() -> Result<()> {
    let erased = |kept: &[&str]| Confinement {
        environment: Some(kept.iter().map(ToString::to_string).collect()),
        ..Confinement::default()
    };
    let name = || VARIABLE.to_owned();
    let none = erased(&[]);
    bites(&none, || Ok(Act::ReadVariable(name())), "not found")?;
    bites(&none, || Ok(Act::ReadInitialVariables(name())), "no such")?;
    let others = erased(&["PATH", "HOME"]);
    bites(&others, || Ok(Act::ReadVariable(name())), "not found")?;
    succeeds(&others, Act::ReadVariable("PATH".into()))?;
    let kept = erased(&["OTHER", VARIABLE]);
    succeeds(&kept, Act::ReadVariable(name()))?;
    fails(&kept, Act::ReadVariable("PATH".into()), "not found")
}

pub fn no_core_is_dumped() -> Result<()> {
    if getrlimit(Resource::Core).maximum == Some(0) {
        eprintln!("not tested: no process here may dump its core");
        return Ok(());
    }
    let stake = Stake::new()?;
    let act = || Act::DumpCore(stake.folder());
    let undumpable = Confinement { undumpable: true, ..Confinement::default() };
    assert!(death(&Confinement::default(), act())?.core_dumped());
    assert!(!death(&undumpable, act())?.core_dumped());
    Ok(())
}

pub fn two_threads_are_refused() -> Result<()> {
    let before = Before::StartThread;
    let confinement = Confinement::default();
    let act = Act::ReadVariable("PATH".into());
    let error = run(&Job { before, confinement, act }).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("this one has 2: confine it before"), "{error}");
    Ok(())
}

/// What a thread is confined by holds for it, and for no other.
pub fn a_thread_is_confined_alone() -> Result<()> {
    let stake = Stake::new()?;
    let files = Some(Files::default());
    let files = Confinement { files, ..Confinement::default() };
    let (held, own, other) = thread::scope(|scope| {
        let confined = scope.spawn(|| {
            let held = files.apply_to_thread();
            (held, fs::read(stake.secret()))
        });
        let (held, own) = confined.join().unwrap();
        let other = scope.spawn(|| fs::read(stake.secret()));
        (held, own, other.join().unwrap())
    });
    // Without a filter, Landlock leaves some ways open, as it says.
    let _held = held?;
    assert_eq!(own.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(other?, b"secret");
    Ok(())
}

/// Nothing is in force then: what was asked for would be half done.
pub fn a_thread_has_no_limits() -> Result<()> {
    let stake = Stake::new()?;
    let read = thread::scope(|scope| {
        let confined = scope.spawn(|| {
            let error = strict(&stake).apply_to_thread().unwrap_err();
            assert!(error.to_string().contains("of its own"), "{error}");
            fs::read(stake.secret())
        });
        confined.join().unwrap()
    });
    assert_eq!(read?, b"secret");
    Ok(())
}

/// A kernel without Landlock, and one without filters.
pub fn what_the_kernel_lacks_is_said() -> Result<()> {
    let stake = Stake::new()?;
    let confinement = Confinement { calls: None, ..strict(&stake) };
    let act = Act::Read(stake.secret());
    let before = Before::Hide(vec![libc::SYS_landlock_create_ruleset]);
    let (held, found) = run(&Job { before, confinement, act })?;
    assert_eq!(found, "secret", "it is not confined, as it says");
    let parts = [
        Part::Files,
        Part::Truncation,
        Part::Devices,
        Part::NamedSockets,
        Part::Tcp,
        Part::Signals,
    ];
    assert_eq!(held.lacking, parts.map(Lack::NoLandlock));
    let words = held.complete().unwrap_err().to_string();
    for part in ["files are not", "TCP is not", "signals and abstract"] {
        assert!(words.contains(part), "{words}");
    }
    let act = Act::Fork;
    let before = Before::Hide(vec![libc::SYS_seccomp]);
    let (held, _) = run(&Job { before, confinement: filtered(), act })?;
    assert_eq!(held.lacking, [Lack::NoFilter]);
    Ok(())
}

pub fn what_cannot_be_had_is_refused() -> Result<()> {
    let missing = PathBuf::from("/no/such/folder");
    let files = Some(Files { read: vec![missing], write: Vec::new() });
    let files = Confinement { files, ..Confinement::default() };
    let act = || Act::ReadVariable("PATH".into());
    fails(&files, act(), "cannot allow /no/such/folder")?;
    let limits = Limits { memory: Some(1), ..Limits::default() };
    let small = Confinement { limits, ..Confinement::default() };
    fails(&small, act(), "so allow more")
}

/// Each act fails under all means, and succeeds under all but one. So none is
/// decoration, and none does the work of another.
pub fn each_is_needed() -> Result<()> {
    let stake = Stake::new()?;
    let server = TcpListener::bind("127.0.0.1:0")?;
    let port = server.local_addr()?.port();
    let all = all_means(&stake);
    let without = |change: TakeAway| {
        let mut all_but_one = all.clone();
        change(&mut all_but_one);
        all_but_one
    };
    let (_open, leftover) = stake.leftover()?;
    let large = stake.folder().join("large");
    let variable = Act::ReadVariable(VARIABLE.into());
    let signal = Act::Signal(process::id() as i32);
    signal_hook::flag::register(SIGUSR1, Arc::default())?;
    let needed: [(Act, TakeAway); _] = [
        (Act::ReadDescriptor(leftover), |it| it.descriptors = false),
        (variable, |it| it.environment = None),
        (Act::Read(stake.secret()), |it| it.files = None),
        (Act::Connect(port), |it| it.tcp = None),
        (signal, |it| it.signals = false),
        (Act::ChangeMode(stake.secret()), |it| it.calls = None),
        (Act::Allocate(1 << 30), |it| it.limits.memory = None),
        (Act::OpenMany(64), |it| it.limits.descriptors = None),
        (Act::Fill(large, 2 << 20), |it| it.limits.file_size = None),
    ];
    for (act, take_away) in needed {
        fails(&all, act.clone(), "")?;
        succeeds(&without(take_away), act)?;
    }
    Ok(())
}

/// Takes one means away.
type TakeAway = fn(&mut Confinement);

/// So that no means stands behind another, calls allow what others confine.
fn all_means(stake: &Stake) -> Confinement {
    let calls = Calls { processes: true, connect: true, ..Calls::default() };
    Confinement { calls: Some(calls), ..strict(stake) }
}

/// Root opens what belongs to others, where Landlock lets it.
pub fn root_without_capabilities() -> Result<()> {
    if !getuid().is_root() {
        return Ok(());
    }
    let stake = Stake::new()?;
    let foreign = stake.folder().join("foreign");
    fs::write(&foreign, "secret")?;
    fs::set_permissions(&foreign, Permissions::from_mode(0o600))?;
    chown(&foreign, Some(65534), Some(65534))?;
    let all = all_means(&stake);
    let privileged = Confinement { unprivileged: false, ..all.clone() };
    fails(&all, Act::Read(foreign.clone()), "Permission denied")?;
    succeeds(&privileged, Act::Read(foreign)).map(drop)
}
