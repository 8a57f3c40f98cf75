//! Jobs for workers that confine themselves, and what comes of them.

use std::{env, process::ExitStatus, thread, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use process_kit::{
    Confinement, Parent,
    confinement::{Calls, Files, Held, Limits, Tcp},
    scope,
};
use seccompiler::{SeccompAction, SeccompFilter, apply_filter};
use serde::{Deserialize, Serialize};

use crate::{act::Act, stake::Stake, support::DEADLINE};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    pub before: Before,
    pub confinement: Confinement,
    pub act: Act,
}

/// What happens in a worker before it is confined.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Before {
    Nothing,
    StartThread,
    /// These calls fail with `ENOSYS`, as on an older kernel.
    Hide(Vec<i64>),
}

pub fn worker(job: Job, _: &mut Parent) -> Result<(Held, String)> {
    match job.before {
        Before::Nothing => {}
        Before::StartThread => drop(thread::spawn(thread::park)),
        Before::Hide(calls) => hide(calls)?,
    }
    let held = job.confinement.apply().context("cannot confine")?;
    Ok((held, job.act.commit()?))
}

/// It is confined before its first job, and stays so.
pub fn work_in_pool(job: Job, held: &mut Option<Held>) -> Result<String> {
    if held.is_none() {
        *held = Some(job.confinement.apply().context("cannot confine")?);
    }
    job.act.commit()
}

fn hide(calls: Vec<i64>) -> Result<()> {
    let calls = calls.into_iter().map(|call| (call, Vec::new())).collect();
    let missing = SeccompAction::Errno(libc::ENOSYS as u32);
    let allow = SeccompAction::Allow;
    let target = env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(calls, allow, missing, target)?;
    let program: seccompiler::BpfProgram = filter.try_into()?;
    Ok(apply_filter(&program)?)
}

/// Everything at once, except one folder.
pub fn strict(stake: &Stake) -> Confinement {
    let limits = Limits {
        memory: Some(1 << 30),
        processor_seconds: Some(60),
        descriptors: Some(64),
        file_size: Some(1 << 20),
        processes: None,
    };
    let files = Files { read: Vec::new(), write: vec![stake.folder()] };
    Confinement { files: Some(files), ..Confinement::strict(limits) }
}

pub const NOT_PERMITTED: &str = "Operation not permitted";

pub fn filtered() -> Confinement {
    Confinement { calls: Some(Calls::default()), ..Confinement::default() }
}

pub fn with_ports(connect: &[u16], bind: &[u16]) -> Confinement {
    let tcp = Tcp { connect: connect.to_vec(), bind: bind.to_vec() };
    Confinement { tcp: Some(tcp), ..Confinement::default() }
}

/// The act succeeds without the confinement, and with it fails in this way.
pub fn bites(
    confinement: &Confinement,
    act: impl Fn() -> Result<Act>,
    how: &str,
) -> Result<()> {
    succeeds(&Confinement::default(), act()?)?;
    fails(confinement, act()?, how)
}

/// The act is done, whatever the kernel lacks: only one means is tested.
pub fn succeeds(confinement: &Confinement, act: Act) -> Result<String> {
    let name = format!("{act:?}");
    let (_held, found) = answer(confinement, act)
        .with_context(|| format!("{name} fails under {confinement:?}"))?;
    Ok(found)
}

/// What the kernel lacks, and what the act found.
pub fn answer(confinement: &Confinement, act: Act) -> Result<(Held, String)> {
    run(&job(confinement, act))
}

/// The act, or the confinement itself, fails in this way.
pub fn fails(confinement: &Confinement, act: Act, how: &str) -> Result<()> {
    let name = format!("{act:?}");
    match answer(confinement, act) {
        Ok((_, found)) => bail!("{name} succeeds, and finds {found:?}"),
        Err(error) => {
            let error = error.to_string();
            ensure!(error.contains(how), "{name} fails otherwise: {error}");
            Ok(())
        }
    }
}

/// How the worker dies of the act.
pub fn death(confinement: &Confinement, act: Act) -> Result<ExitStatus> {
    scope(|scope| {
        let job = job(confinement, act);
        let mut worker = scope.spawn::<_, (Held, String)>(&job)?;
        worker.wait_for_answer_or_death()?.context("it lives")
    })
}

pub fn run(job: &Job) -> Result<(Held, String)> {
    scope(|scope| scope.spawn(job)?.join())
}

pub fn job(confinement: &Confinement, act: Act) -> Job {
    let confinement = confinement.clone();
    Job { before: Before::Nothing, confinement, act }
}

pub fn until(what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !is_so() {
        ensure!(start.elapsed() < DEADLINE, "it never happens: {what}");
        thread::yield_now();
    }
    Ok(())
}
