//! Soak test: confined workers do good jobs, and each at last a hostile one.
//! Every good job must be done once, whatever was at stake must be untouched,
//! and nothing may be left: no process, no descriptor, no memory.
//!
//! The order follows from a seed. In CI this takes a few seconds. A thousand
//! hostile jobs among ten thousand good ones:
//!
//! ```text
//! SOAK_SEED=$RANDOM SOAK_HOSTILE=1000 \
//!     cargo test --release -p confine-processes --test soak
//! ```

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../src/fork.rs"]
mod fork;
#[path = "../src/hired.rs"]
mod hired;
#[path = "../src/means.rs"]
mod means;
#[path = "../../../scripts/compare/tests/support/not_run.rs"]
mod not_run;
mod part {
    use serde::{Deserialize, Serialize};

    /// What a child is to be.
    #[derive(Serialize, Deserialize)]
    pub enum Part {
        Worker(Box<crate::hired::Post>),
    }
}
#[path = "../../kit/tests/support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum as _;
use common::{
    input::Input,
    resources::anonymous_memory,
    scenarios::confine::{
        Act, Attempt, Bait, FILE_SIZE, Inside, Seen, Target, Task, Traces,
        Variant, file_secret, good_work, secret,
    },
};
use hired::Hired;
use not_run::not_run;
use part::Part;
use process_kit::{Parent, Role, Scope, Segment, role, scope};
use support::{DEADLINE, no_child_is_left, run, trial};

fn main() -> ExitCode {
    match role() {
        Role::Main => run(vec![trial("hostile_among_good_ones", soak)]),
        Role::Worker(parent) => parent.serve(play),
    }
}

fn play(part: Part, _: &mut Parent) -> Result<Option<Seen>> {
    let Part::Worker(mut post) = part;
    post.confine()?;
    post.work().map(|()| None)
}

fn soak() -> Result<()> {
    let (seed, hostile) =
        (setting("SOAK_SEED", 1)?, setting("SOAK_HOSTILE", 45)?);
    println!("SOAK_SEED={seed} SOAK_HOSTILE={hostile}");
    let shifts = shifts(seed, hostile);
    let mut at_stake = Stake::new(seed)?;
    if let Some(lacking) = at_stake.what_is_lacking()? {
        not_run(&format!("confine, soak: {lacking}"));
        return Ok(());
    }
    let before = Holdings::now()?;
    let mut done = BTreeMap::new();
    for shift in &shifts {
        scope(|scope| at_stake.work(scope, shift, &mut done))
            .with_context(|| format!("{shift:?}"))?;
    }
    before.must_be(&Holdings::now()?)?;
    let all = shifts.iter().flat_map(|shift| &shift.good);
    ensure!(done.keys().eq(all), "not every good job was done");
    ensure!(done.values().all(|&times| times == 1), "one was done twice");
    at_stake.must_be_untouched()?;
    no_child_is_left(DEADLINE)
}

fn setting(name: &str, usual: u64) -> Result<u64> {
    let Ok(value) = env::var(name) else { return Ok(usual) };
    u64::from_str(&value).with_context(|| format!("{name}={value}"))
}

/// The life of a worker: some good jobs, and a hostile one.
#[derive(Debug)]
struct Shift {
    good: Vec<u64>,
    act: Act,
}

/// Ten good jobs for each hostile one, at random. Each act in turn comes first,
/// so that a short run has all of them.
fn shifts(seed: u64, hostile: u64) -> Vec<Shift> {
    let mut input = Input::new(seed, 0);
    let acts = Act::value_variants();
    let mut next = 0;
    let mut shift = |place: u64| {
        let most = 10 * (place + 1) - next;
        let count = u64::from(input.below(most as u32 + 1));
        let count = if place + 1 == hostile { most } else { count };
        let good = (next..next + count).collect();
        next += count;
        let act = match usize::try_from(place) {
            Ok(place) if place < acts.len() => acts[place],
            _ => acts[input.below(acts.len() as u32) as usize],
        };
        Shift { good, act }
    };
    (0..hostile).map(&mut shift).collect()
}

/// What all of them are after. This process is their host.
struct Stake {
    seed: u64,
    files: [Segment<[AtomicI64]>; 2],
    bait: Bait,
    leash: UnixStream,
    inside: Inside,
    target: Target,
}

impl Stake {
    fn new(seed: u64) -> Result<Self> {
        let new = || Segment::create(&file_secret(seed));
        let files: [Segment<[AtomicI64]>; 2] = [new()?, new()?];
        let path = |segment: &Segment<[AtomicI64]>| -> PathBuf {
            Path::new("/dev/shm").join(segment.name().trim_start_matches('/'))
        };
        let (bait, leash) = Bait::lay_out(path(&files[0]), path(&files[1]))?;
        let inside = Inside::put(&attempt(seed, Act::Dirt), &bait.target()?)?;
        let target = inside.target(&bait.target()?);
        Ok(Stake { seed, files, bait, leash, inside, target })
    }

    /// The means that this kernel does not have.
    fn what_is_lacking(&self) -> Result<Option<String>> {
        let lacking = scope(|scope| self.hire(scope, Act::Dirt)?.join())?;
        Ok((!lacking.is_empty()).then(|| lacking.join("; ")))
    }

    fn hire<'scope>(
        &self,
        scope: &'scope Scope,
        act: Act,
    ) -> Result<Hired<'scope>> {
        let lent = self.inside.lend(act, self.leash.try_clone()?)?;
        Hired::spawn(scope, Variant::Confined, None, &self.target, &lent)
    }

    /// A worker does its good jobs, and its hostile one fails.
    fn work(
        &mut self,
        scope: &Scope,
        shift: &Shift,
        done: &mut BTreeMap<u64, u32>,
    ) -> Result<()> {
        let mut worker = self.hire(scope, shift.act)?;
        for &number in &shift.good {
            let task = Task::Good { seed: self.seed, number };
            let good = worker.ask(task)?.good()?;
            ensure!(good.answer == good_work(self.seed, number), "{number}");
            ensure!(good.dirt.is_empty(), "found {:?}", good.dirt);
            *done.entry(number).or_default() += 1;
        }
        let tried = worker.ask(Task::Hostile(shift.act))?.tried()?;
        let [id] = worker.ids();
        let should_die = shift.act == Act::Spin;
        ensure!(worker.is_dead() == should_die, "worker {id}: {tried:?}");
        let loot = tried.unwrap_or_default();
        let secret = secret(self.seed).into_bytes();
        let knows = loot.found.windows(secret.len()).any(|it| it == secret);
        ensure!(!knows, "it knows the secret");
        let may_succeed = shift.act == Act::Dirt;
        ensure!(loot.amount == 0 || may_succeed, "took {}", loot.amount);
        worker.join()?;
        Ok(())
    }

    fn must_be_untouched(self) -> Result<()> {
        let Stake { seed, files, bait, leash, inside, .. } = self;
        ensure!(inside.scratch()? <= FILE_SIZE, "the scratch file is full");
        ensure!(!inside.is_scribbled(), "shared memory has changed");
        drop((leash, inside));
        let words: Vec<_> =
            files[1].iter().map(|word| word.load(Relaxed)).collect();
        let traces = bait.traces(&attempt(seed, Act::Dirt), &words)?;
        ensure!(traces == Traces::default(), "{traces:?}");
        Ok(())
    }
}

fn attempt(seed: u64, act: Act) -> Attempt {
    Attempt { act, variant: Variant::Confined, without: None, seed }
}

/// What this process holds.
#[derive(Debug)]
struct Holdings {
    descriptors: usize,
    memory: u64,
}

impl Holdings {
    fn now() -> Result<Self> {
        let descriptors = fs::read_dir("/proc/self/fd")?.count();
        let memory = anonymous_memory(&[]).context("memory is not known")?;
        Ok(Holdings { descriptors, memory })
    }

    /// Some memory stays with the allocator.
    fn must_be(&self, now: &Holdings) -> Result<()> {
        const SLACK: u64 = 2 << 20;
        let is_same = now.descriptors == self.descriptors
            && now.memory < self.memory + SLACK;
        ensure!(is_same, "before {self:?}, now {now:?}");
        Ok(())
    }
}
