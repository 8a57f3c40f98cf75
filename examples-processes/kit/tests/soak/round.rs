//! One round: a worker is started, stopped and continued, and killed while it
//! is stopped.

use std::{
    fs, io,
    os::unix::process::ExitStatusExt as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use common::input::Input;
use process_kit::{JoinHandle, first_ready, scope};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid,
};

use crate::{
    Part,
    ends::{End, Transport},
    message::Flow,
    meter::{Count, Meter},
    play::{Played, play, up_to},
    signal::interrupt,
    support::DEADLINE,
    tally::Tally,
};

/// How long the worker is stopped again and again.
const LENGTH: Duration = Duration::from_millis(150);

/// The longest stop, and the longest time between stops.
const LONGEST_STOP: Duration = Duration::from_millis(3);

/// How many messages must pass before the first stop, and after the last.
const ENOUGH: u64 = 50;

/// Our end, on its own thread.
type Near = thread::JoinHandle<Result<Played>>;

/// Runs both ends, and returns what they met.
///
/// # Errors
///
/// Fails if [`play`] fails at either end; and if one of them hangs, finishes
/// before the worker is killed, or misses a message that was sent before.
pub fn round(transport: Transport, seed: u64) -> Result<Tally> {
    let part = Part::new(transport, seed);
    let meter = Meter::new()?;
    let (end, far) = transport.ends(!part.sends)?;
    scope(|scope| {
        let worker = scope.spawn(&(part, &meter, &far))?;
        drop(far); // or nobody would be told of its death
        let near = start(end, part.flow(), meter.clone());
        let storm = Storm {
            part: &part,
            worker: Pid::from_raw(worker.id() as i32).context("no id")?,
            near: &near,
            meter: &meter,
            input: Input::new(seed, 2),
            tally: Tally::default(),
        };
        let tally = storm.rage()?;
        end_round(&part, worker, near, &meter, tally)
    })
}

fn start(end: End, flow: Flow, meter: Meter) -> Near {
    thread::spawn(move || play(end, flow, &meter))
}

/// Stops the worker, and interrupts our end.
struct Storm<'a> {
    part: &'a Part,
    worker: Pid,
    near: &'a Near,
    meter: &'a Meter,
    input: Input,
    tally: Tally,
}

impl Storm<'_> {
    /// Leaves the worker stopped. If an end finishes early, others notice that.
    fn rage(mut self) -> Result<Tally> {
        self.messages_flow().context("before the first stop")?;
        let start = Instant::now();
        while start.elapsed() < LENGTH && !self.near.is_finished() {
            self.rest();
            self.stop()?;
            if self.part.is_ours_interrupted() {
                interrupt(self.near);
            }
            self.rest();
            kill_process(self.worker, Signal::CONT)?;
        }
        self.messages_flow().context("after the last stop")?;
        self.rest();
        self.stop()?;
        Ok(self.tally)
    }

    /// Waits for some more messages: an end that hangs forever is caught here.
    fn messages_flow(&self) -> Result<()> {
        let received = || self.meter.get(Count::Received);
        let (start, goal) = (Instant::now(), received() + ENOUGH);
        while received() < goal && !self.near.is_finished() {
            ensure!(
                start.elapsed() < DEADLINE,
                "it hangs: {} messages sent, {} received",
                self.meter.get(Count::Sent),
                received()
            );
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn rest(&mut self) {
        thread::sleep(up_to(LONGEST_STOP, &mut self.input));
    }

    /// Stops the worker, and records where it was hit. If it has exited, it is
    /// not reaped here.
    fn stop(&mut self) -> Result<()> {
        kill_process(self.worker, Signal::STOP)?;
        let states = WaitIdOptions::STOPPED | WaitIdOptions::EXITED;
        let options = states | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.worker), options)?;
        self.tally.stops += 1;
        match system_call(self.worker) {
            Ok(None) => self.tally.awake += 1,
            Ok(Some(call)) if self.part.transport.waits_in(call) => {
                self.tally.asleep[usize::from(self.part.sends)] += 1;
            }
            Ok(Some(_)) => {}
            Err(_) => self.tally.unseen += 1,
        }
        Ok(())
    }
}

/// The system call that a stopped process is in, if any (proc(5)).
fn system_call(process: Pid) -> io::Result<Option<i64>> {
    let path = format!("/proc/{}/syscall", process.as_raw_pid());
    let line = fs::read_to_string(path)?;
    let number = line.split(' ').next().and_then(|word| word.parse().ok());
    Ok(number.filter(|&number| number >= 0))
}

/// Kills the stopped worker: our end must reach the end of what was sent, and
/// get no more.
fn end_round(
    part: &Part,
    worker: JoinHandle<'_, ()>,
    near: Near,
    meter: &Meter,
    mut tally: Tally,
) -> Result<Tally> {
    if near.is_finished() || is_answered(&worker, Duration::ZERO) {
        return Err(early(worker, near));
    }
    let status = worker.kill()?;
    ensure!(status.signal() == Some(9), "the worker had exited: {status}");
    let played = result(near).context("after the worker was killed")?;
    nothing_is_lost(part, meter, &played)?;
    tally.add_round(part, meter, &played);
    Ok(tally)
}

/// The reports of both ends, if one finished while the other was alive.
fn early(worker: JoinHandle<'_, ()>, near: Near) -> Error {
    let near = said(result(near));
    let id = Pid::from_raw(worker.id() as i32);
    let _ = id.map(|id| kill_process(id, Signal::CONT));
    let worker = if is_answered(&worker, DEADLINE) {
        said(worker.join())
    } else {
        "it hangs".into()
    };
    anyhow!("one end finished before the kill. Ours: {near}. Worker: {worker}")
}

fn said<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "the other is gone".into(),
        Err(error) => format!("{error:#}"),
    }
}

fn is_answered(worker: &JoinHandle<'_, ()>, patience: Duration) -> bool {
    !matches!(first_ready([worker], Some(patience)), Ok(None))
}

/// What our end has seen. It gives up by itself, unless it is the one that
/// hangs.
fn result(near: Near) -> Result<Played> {
    let start = Instant::now();
    while !near.is_finished() {
        ensure!(start.elapsed() < 2 * DEADLINE, "our end hangs");
        thread::sleep(Duration::from_millis(1));
    }
    near.join().map_err(|_| anyhow!("our end panicked"))?
}

/// A sending worker may be killed after a message is sent and before it is
/// counted. With a receiving worker, the messages in transit are lost with it.
fn nothing_is_lost(part: &Part, meter: &Meter, played: &Played) -> Result<()> {
    let (sent, received) = (meter.get(Count::Sent), meter.get(Count::Received));
    let possible = match (part.sends, played.is_cut) {
        (true, false) => sent..=sent + 1,
        (true, true) if part.transport == Transport::Pipe => sent..=sent,
        (false, false) => 0..=sent,
        _ => bail!("a message was cut off, which is impossible"),
    };
    ensure!(
        possible.contains(&received),
        "{sent} messages were sent, but {received} were received"
    );
    Ok(())
}
