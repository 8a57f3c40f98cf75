//! A worker that is confined lives and dies like any other.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use common::{lifeline, supervision::Supervision};
use process_kit::{Confinement, Pool, confinement::Held, scope};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::{
    VICTIM,
    act::Act,
    job::{Job, answer, death, job, strict, until},
    stake::Stake,
};

pub fn a_worker_still_works() -> Result<()> {
    let stake = Stake::new()?;
    let confinement = strict(&stake);
    let (held, _) = answer(&confinement, Act::Work(stake.folder()))?;
    held.complete()
}

pub fn a_worker_still_dies() -> Result<()> {
    let stake = Stake::new()?;
    let confinement = strict(&stake);
    let how = death(&confinement, Act::Abort)?;
    assert_eq!(how.signal(), Some(Signal::ABORT.as_raw()));
    scope(|scope| {
        let job = job(&confinement, Act::Sleep);
        let how = scope.spawn::<_, (Held, String)>(&job)?.kill()?;
        assert_eq!(how.signal(), Some(Signal::KILL.as_raw()));
        Ok(())
    })
}

pub fn a_pool_of_them_works() -> Result<()> {
    let stake = Stake::new()?;
    let rules =
        Supervision { workers: 2, attempts: 1, ..Supervision::default() };
    let mut pool = Pool::<Job, String>::start(rules)?;
    let confined = |act| job(&strict(&stake), act);
    let soon = Some(Duration::from_millis(20));
    let stuck = pool.submit_within(soon, confined(Act::Sleep));
    let dies = pool.submit(confined(Act::Abort));
    let refused = pool.submit(confined(Act::Read(stake.secret())));
    let mut good = BTreeSet::new();
    for place in 0..30 {
        let own = stake.folder().join(place.to_string());
        good.insert(pool.submit(confined(Act::Write(own))));
    }
    for finished in pool.join()? {
        let (id, result) = (finished.id, finished.result);
        if good.remove(&id) {
            result.map_err(|failure| anyhow!("{failure}"))?;
        } else {
            let failure = result.unwrap_err().to_string();
            let is_refusal = failure.contains("Permission denied");
            assert_eq!(is_refusal, id == refused, "{failure}");
            assert!([stuck, dies, refused].contains(&id));
        }
    }
    assert!(good.is_empty());
    Ok(())
}

/// Our own stderr belongs to the test harness, so the test looks at another
/// parent.
pub fn a_panic_has_its_message() -> Result<()> {
    let output =
        Command::new(env::current_exe()?).args([VICTIM, "panic"]).output()?;
    assert!(output.status.success(), "{}", output.status);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("as asked"), "{errors}");
    Ok(())
}

pub fn panic_in_a_worker() -> Result<()> {
    let stake = Stake::new()?;
    let how = death(&strict(&stake), Act::Panic)?;
    ensure!(how.code() == Some(101), "{how}");
    Ok(())
}

/// The kernel kills them through their lifelines.
pub fn they_end_with_their_parent() -> Result<()> {
    let killed = how_it_ends(SLEEPS)?;
    assert_eq!(killed, Signal::KILL);
    Ok(())
}

/// One that has closed its lifeline is alive until it is asked to stop.
pub fn a_lifeline_can_be_closed() -> Result<()> {
    assert_eq!(how_it_ends(LETS_GO)?, Signal::TERM);
    assert_eq!(how_it_ends(LETS_GO_AND_IS_TIED)?, Signal::KILL);
    Ok(())
}

/// Kills the parent of a worker, then asks the worker to stop, and returns the
/// signal that it died of. Of two signals, SIGKILL comes first.
fn how_it_ends(case: &str) -> Result<Signal> {
    let mut parent = Command::new(env::current_exe()?)
        .args([VICTIM, case])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = parent.stdout.take().context("no stdout")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    parent.kill()?;
    parent.wait()?;
    let worker = Pid::from_raw(line.trim().parse()?).context("no worker")?;
    kill_process(worker, Signal::TERM)?;
    let (_, how) = waitpid(Some(worker), WaitOptions::empty())?
        .context("it did not change")?;
    let signal = how.terminating_signal().and_then(Signal::from_named_raw);
    signal.context("it exited")
}

/// The cases of a parent that is killed.
pub const SLEEPS: &str = "sleeps";
const LETS_GO: &str = "lets-go";
const LETS_GO_AND_IS_TIED: &str = "lets-go-and-is-tied";

/// A worker reports that it is confined by writing a file.
pub fn wait_with_worker(case: &str) -> Result<()> {
    // If this test fails, nothing else kills this process.
    lifeline::hold(io::stdin(), Signal::KILL)?;
    let stake = Stake::new()?;
    let mark = stake.folder().join("mark");
    let act = match case {
        SLEEPS => Act::WriteAndSleep(mark.clone()),
        _ => Act::CloseAndSleep(mark.clone()),
    };
    let dies_with_parent = case == LETS_GO_AND_IS_TIED;
    let confinement = Confinement { dies_with_parent, ..strict(&stake) };
    scope(|scope| {
        let job = job(&confinement, act);
        let worker = scope.spawn::<_, (Held, String)>(&job)?;
        until("it is confined", || mark.exists())?;
        // A parent that is killed runs no destructors.
        fs::remove_dir_all(stake.path())?;
        println!("{}", worker.id());
        loop {
            thread::park();
        }
    })
}
