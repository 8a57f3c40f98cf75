#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! Shared by both siblings: the addresses; the server behind them, which delays
//! and fails as an address asks; what a worker does with each address; and the
//! outcome.

use std::{io, path::PathBuf, process::Child, time::Duration};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum as _, builder::RangedU64ValueParser};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{Arguments, Common, parse_time, parse_workers},
    outcome::Model,
    units,
};

mod addresses;
mod client;
mod outcome;
mod ports;
mod server;
mod wish;

use addresses::addresses;
pub use client::{
    Address, Failure, FetchLog, Kind, LONGEST_BODY, Page, Reply, agent,
};
pub use outcome::{Finished, outcome};
pub use ports::Ports;
use server::serve_until_stdin_is_closed;
pub use server::{Served, ServerProcess};
pub use wish::{Fault, Wish};

const EXAMPLES: &str = "\
Examples:
  PROGRAM                          from one worker to 64, then with faults
  PROGRAM --workers 200            as many workers as you like
  PROGRAM --delay 5ms --size 1000000
                                   less waiting, more data
  PROGRAM --faults 20 --workers 8  mostly faults
  PROGRAM --url-file addresses.txt --timeout 3s
                                   your own addresses
  PROGRAM --serve                  only the server, for other clients
  PROGRAM --quick --json           for a script";

/// Fetch many slow replies at once.
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Replies per measurement, rounded up to a multiple of the workers
    /// [default: 3 per worker; 8 with 32 workers or more]
    #[arg(long, value_name = "N",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1 << 32))]
    requests: Option<u64>,

    /// How long the server waits before each reply
    #[arg(long, value_name = "TIME", default_value = "50ms",
          value_parser = parse_time)]
    delay: Duration,

    /// Bytes per reply
    #[arg(long, value_name = "BYTES", default_value_t = 10_000,
          value_parser = RangedU64ValueParser::<u64>::new()
              .range(0..=LONGEST_BODY))]
    size: u64,

    /// Faults of each kind, in a measurement of their own
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = RangedU64ValueParser::<u64>::new().range(0..=10_000))]
    faults: u64,

    /// Time limit of each step: connect, head of the reply, body [default: 10s;
    /// 250ms beyond the delay where faults are expected]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,

    /// Fetch the addresses in this file, one per line, instead of our own. For
    /// https: cargo run --features https
    #[arg(long, value_name = "FILE",
          conflicts_with_all = ["requests", "delay", "size", "faults"])]
    url_file: Option<PathBuf>,

    /// Run only the server: print its address, and report what it served when
    /// stdin is closed
    #[arg(long, conflicts_with_all = [
        "requests", "delay", "size", "faults", "timeout", "url_file",
        "workers", "seed", "quick", "json", "lifeline", "slices", "expect"])]
    serve: bool,

    /// Number of workers, threads or processes [default: 1, 4, 16 and 64 in
    /// turn; 16 with faults; 8 for a file]
    #[arg(long, value_name = "N", value_parser = parse_workers)]
    workers: Option<usize>,

    #[command(flatten)]
    common: Common,
}

/// From one worker to many more than there are cores.
const CREWS: [usize; 4] = [1, 4, 16, 64];

/// The crews of a first look.
const FEW_CREWS: [usize; 2] = [1, 64];

/// Where all workers start at once, their first replies come late: it takes
/// more replies to reach a steady state.
const MANY: usize = 32;

/// Enough workers to tell one fault from the next.
const CREW_AMONG_FAULTS: usize = 16;

/// For other people's servers, which did not ask for a load test.
const POLITE_CREW: usize = 8;

/// Long enough for the Internet,
const PATIENCE: Duration = Duration::from_secs(10);

/// and, beyond the delay, for a machine with nothing else to do.
const PATIENCE_AMONG_FAULTS: Duration = Duration::from_millis(250);

impl Arguments for Args {
    fn common(&self) -> &Common {
        &self.common
    }

    fn instead(&self) -> Option<fn() -> Result<()>> {
        self.serve.then_some(serve_until_stdin_is_closed)
    }

    fn check(&self, _model: Model) -> Result<(), String> {
        let timeout = self.timeout.unwrap_or(PATIENCE);
        if timeout.is_zero() {
            return Err("--timeout must be greater than zero".into());
        }
        if timeout <= self.delay && self.url_file.is_none() {
            return Err("no reply would arrive in time: --timeout must be \
                        longer than --delay (without --timeout, it is 10s)"
                .into());
        }
        Ok(())
    }
}

impl Args {
    /// The measurements in order.
    ///
    /// # Errors
    ///
    /// Fails if a file of addresses was requested and cannot be used.
    pub fn plans(&self) -> Result<Vec<Plan>> {
        if let Some(file) = &self.url_file {
            let workers = self.workers.unwrap_or(POLITE_CREW);
            let timeout = self.timeout.unwrap_or(PATIENCE);
            let source = Source::File(addresses(file)?);
            return Ok(vec![Plan { workers, timeout, source }]);
        }
        let given = self.workers.map(|workers| vec![workers]);
        let usual: &[usize] =
            if self.common.quick { &FEW_CREWS } else { &CREWS };
        let crews = given.unwrap_or_else(|| usual.to_vec());
        let mut plans: Vec<_> =
            crews.into_iter().map(|workers| self.smooth(workers)).collect();
        plans.extend((self.faults > 0).then(|| self.faulty()));
        Ok(plans)
    }

    /// A measurement in which nothing fails.
    fn smooth(&self, workers: usize) -> Plan {
        let crew = workers as u64;
        let each = match (workers < MANY, self.common.quick) {
            (true, false) => 3,
            (true, true) => 2,
            (false, false) => 8,
            (false, true) => 4,
        };
        let requests = self.requests.unwrap_or(each * crew);
        let load = self.load(requests.next_multiple_of(crew), 0);
        let timeout = self.timeout.unwrap_or(PATIENCE);
        Plan { workers, timeout, source: Source::Server(load) }
    }

    /// A measurement with faults.
    fn faulty(&self) -> Plan {
        let kinds = Fault::value_variants().len() as u64;
        let load = self.load(kinds * self.faults * STRIDE, STRIDE);
        let timeout =
            self.timeout.unwrap_or(self.delay + PATIENCE_AMONG_FAULTS);
        let workers = self.workers.unwrap_or(CREW_AMONG_FAULTS);
        Plan { workers, timeout, source: Source::Server(load) }
    }

    fn load(&self, requests: u64, stride: u64) -> Load {
        let Args { delay, size, .. } = *self;
        let seed = self.common.seed;
        // The ports are set once the server has them.
        let ports = Ports { open: 0, closed: 0 };
        Load { requests, delay, size, seed, stride, ports }
    }
}

/// Where faults are planted, one request in this many is a fault.
const STRIDE: u64 = 9;

/// A measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// How many workers fetch at once.
    pub workers: usize,
    /// The time limit of each step.
    pub timeout: Duration,
    /// Where the addresses come from.
    pub source: Source,
}

/// Where addresses come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// Our own server: each address is built when it is needed.
    Server(Load),
    /// A file.
    File(Vec<String>),
}

/// The requests to our own server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The number of requests.
    pub requests: u64,
    /// How long each reply is delayed.
    pub delay: Duration,
    /// Bytes per reply.
    pub size: u64,
    /// The seed of the bytes.
    pub seed: u64,
    /// One request in this many fails; none if this is zero.
    pub stride: u64,
    /// The ports of the server.
    pub ports: Ports,
}

impl Plan {
    /// Starts our own server with `start`, if the plan needs it, and puts its
    /// ports into the addresses. The child that `start` returns is a demo with
    /// `--serve`, whose stdin and stdout are pipes.
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be started, or does not report its address.
    pub fn server(
        &mut self,
        start: impl FnOnce() -> io::Result<Child>,
    ) -> Result<Option<ServerProcess>> {
        let Source::Server(load) = &mut self.source else { return Ok(None) };
        let child = start().context("cannot start the server")?;
        let server = ServerProcess::meet(child)?;
        load.ports = server.ports();
        Ok(Some(server))
    }

    /// The address with this number; None after the last.
    pub fn address(&self, place: i64) -> Option<Address> {
        let place = u64::try_from(place).ok()?;
        let url = match &self.source {
            Source::File(urls) => {
                urls.get(usize::try_from(place).ok()?)?.clone()
            }
            Source::Server(load) => load.url(place)?,
        };
        Some(Address { place, url })
    }

    /// How many addresses there are.
    pub fn requests(&self) -> u64 {
        match &self.source {
            Source::Server(load) => load.requests,
            Source::File(urls) => urls.len() as u64,
        }
    }

    /// The name in the progress report: `64 workers, with faults`.
    pub fn name(&self) -> String {
        let workers = self.crew();
        match &self.source {
            Source::File(urls) => {
                format!("{workers}, {} addresses", urls.len())
            }
            Source::Server(load) if load.stride == 0 => workers,
            Source::Server(_) => format!("{workers}, with faults"),
        }
    }

    /// The same as a key: `workers-64.with-faults`.
    pub(crate) fn key(&self) -> String {
        let workers = self.workers;
        match &self.source {
            Source::File(urls) => {
                format!("workers-{workers}.addresses-{}", urls.len())
            }
            Source::Server(load) if load.stride == 0 => {
                format!("workers-{workers}")
            }
            Source::Server(_) => format!("workers-{workers}.with-faults"),
        }
    }

    /// The name with the figures: `64 workers`.
    pub fn crew(&self) -> String {
        match self.workers {
            1 => "1 worker".into(),
            more => format!("{more} workers"),
        }
    }

    pub(crate) fn is_local(&self) -> bool {
        matches!(self.source, Source::Server(_))
    }
}

impl Load {
    fn url(&self, place: u64) -> Option<String> {
        let wish = self.wish(place)?;
        let port = match wish.fault {
            Some(Fault::Refused) => self.ports.closed,
            _ => self.ports.open,
        };
        Some(format!("http://127.0.0.1:{port}{wish}"))
    }

    /// The request with this number. Faults need no delay.
    pub(crate) fn wish(&self, place: u64) -> Option<Wish> {
        let fault = self.fault(place);
        let size = match fault {
            Some(Fault::Oversized) => LONGEST_BODY + 1,
            _ => self.size.max(2 * u64::from(fault.is_some())),
        };
        let delay = if fault.is_some() { Duration::ZERO } else { self.delay };
        let wish = Wish { delay, size, seed: self.seed, page: place, fault };
        (place < self.requests).then_some(wish)
    }

    /// The kinds of fault alternate, with good requests in between.
    fn fault(&self, place: u64) -> Option<Fault> {
        let turn = place.checked_div(self.stride)?;
        let kinds = Fault::value_variants();
        let kind = kinds[(turn % kinds.len() as u64) as usize];
        (place % self.stride == self.stride / 2).then_some(kind)
    }
}

/// A time as people write it.
fn time(time: Duration) -> String {
    units::human(time.as_secs_f64(), "s")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn plans(arguments: &str) -> Vec<Plan> {
        let words = ["fetch"].into_iter().chain(arguments.split(' '));
        Args::try_parse_from(words).unwrap().plans().unwrap()
    }

    fn load(plan: &Plan) -> &Load {
        match &plan.source {
            Source::Server(load) => load,
            Source::File(_) => panic!("a file"),
        }
    }

    #[test]
    fn all_workers_have_as_many() {
        for workers in [1, 3, 64, 100] {
            for plan in plans(&format!("--workers {workers} --requests 10")) {
                assert_eq!(plan.workers, workers);
                if load(&plan).stride == 0 {
                    assert_eq!(plan.requests() % workers as u64, 0);
                    assert!(
                        (10..10 + workers as u64 * 10)
                            .contains(&plan.requests())
                    );
                }
            }
        }
        let crews: Vec<_> =
            plans("--faults 0").iter().map(|plan| plan.workers).collect();
        assert_eq!(crews, CREWS);
    }

    #[test]
    fn every_kind_of_fault_comes_as_often_as_asked() {
        for faults in [1, 2, 5] {
            let plans = plans(&format!("--faults {faults}"));
            let load = load(plans.last().unwrap());
            let mut times: BTreeMap<Fault, u64> = BTreeMap::new();
            for place in 0..load.requests {
                let wish = load.wish(place).unwrap();
                if let Some(fault) = wish.fault {
                    *times.entry(fault).or_default() += 1;
                }
            }
            assert_eq!(times.len(), Fault::value_variants().len());
            assert!(times.values().all(|count| *count == faults));
        }
        assert!(plans("--faults 0").iter().all(|plan| load(plan).stride == 0));
    }

    #[test]
    fn an_address_is_where_it_says() {
        let mut plan = plans("--faults 1").pop().unwrap();
        let Source::Server(load) = &mut plan.source else { unreachable!() };
        let (open, closed) = (7, 8);
        load.ports = Ports { open, closed };
        for place in 0..63 {
            let Address { url, .. } = plan.address(place).unwrap();
            let is_refused = url.ends_with("fault=refused");
            let port = if is_refused { closed } else { open };
            assert!(url.starts_with(&format!("http://127.0.0.1:{port}/?")));
        }
        assert_eq!(plan.address(63), None);
        assert_eq!(plan.address(-1), None);
    }
}
