//! What every worker does with an address, and what comes of it.

use std::{
    fmt,
    io::{ErrorKind, Read as _},
    time::Duration,
};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use ureq::{Agent, Error};

use super::{Plan, addresses::shown_in};
use crate::{arguments::name, digest::Digest, resources::Thread};

/// The longest body that is taken. It is the limit of `ureq` itself, which a
/// reader of a body in pieces has to ask for.
pub const LONGEST_BODY: u64 = 10 << 20;

/// An address, and its place among all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// From 0.
    pub place: u64,
    /// With scheme and host.
    pub url: String,
}

/// What came of one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The place of its address.
    pub place: u64,
    /// What was fetched, or why nothing was.
    pub result: Result<Page, Failure>,
}

/// A body, which is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its bytes.
    pub length: u64,
    /// Their fingerprint.
    pub digest: String,
}

/// Why an address could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// To be counted by.
    pub kind: Kind,
    /// In the words of who found out, without the passwords in them.
    pub reason: String,
}

/// What a failure is counted as.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    ValueEnum,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nobody listens there.
    Refused,
    /// The connection ended before the reply did.
    Cut,
    /// It took longer than it may.
    Timeout,
    /// One address points to the next, and so on.
    Redirects,
    /// The server says that it failed, or that we did.
    Status,
    /// There is more of it than anybody wants.
    Oversized,
    /// Anything else: no such name, no such certificate, no HTTP.
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&name(self))
    }
}

/// Of each connection, there and back. The usual 128 KiB are filled with
/// zeros at its start, which was most of what a worker takes (256 of 320 kB,
/// 2026-11-23), and each of 64 waits for it.
const BUFFER: usize = 16 << 10;

/// The longest head of a reply. It is read in one piece: where the buffer is
/// full and the head goes on, `ureq` would say that the server is gone.
const LONGEST_HEAD: usize = BUFFER - 1;

/// An agent that keeps as many connections as there are workers to use it.
/// Between two requests each is idle for a moment, and of those that are idle
/// at once the usual agent keeps three.
///
/// Every step has its time: to connect, to send, the head of a reply, all of
/// its body. A limit for the whole would be simpler to say, but then `ureq`
/// resolves each name in a thread of its own, once for each request. So what
/// resolves names has its own limit, that of the C library (resolv.conf(5)).
pub fn agent(plan: &Plan, workers: usize) -> Agent {
    let limit: Option<Duration> = Some(plan.timeout);
    let builder = Agent::config_builder()
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .max_response_header_size(LONGEST_HEAD)
        .max_idle_connections(workers)
        .max_idle_connections_per_host(workers)
        .timeout_connect(limit)
        .timeout_send_request(limit)
        .timeout_recv_response(limit)
        .timeout_recv_body(limit);
    // A proxy that the environment names would be asked for our own server.
    let builder = match plan.is_local() {
        true => builder.proxy(None),
        false => builder,
    };
    builder.build().new_agent()
}

/// Fetches one address, once.
fn fetch(agent: &Agent, url: &str) -> Result<Page, Error> {
    let body = agent.get(url).call()?.into_body();
    let mut body = body.into_with_config().limit(LONGEST_BODY).reader();
    let (mut digest, mut length) = (Digest::new(), 0);
    let mut piece = [0; 1 << 14];
    loop {
        match body.read(&mut piece)? {
            0 => break,
            count => {
                digest.bytes(&piece[..count]);
                length += count as u64;
            }
        }
    }
    Ok(Page { length, digest: digest.hex() })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let reason = shown_in(&error.to_string());
        Failure { kind: Kind::of(&error), reason }
    }
}

impl Kind {
    fn of(error: &Error) -> Self {
        match error {
            Error::Timeout(_) => Kind::Timeout,
            Error::TooManyRedirects => Kind::Redirects,
            Error::StatusCode(_) => Kind::Status,
            Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => {
                Kind::Oversized
            }
            Error::Io(error) => match error.kind() {
                ErrorKind::ConnectionRefused => Kind::Refused,
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe => Kind::Cut,
                ErrorKind::TimedOut => Kind::Timeout,
                _ => Kind::Other,
            },
            _ => Kind::Other,
        }
    }
}

/// What one worker has fetched.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchLog {
    /// In the order in which they came.
    pub replies: Vec<Reply>,
    /// What its thread took, from the gate on.
    pub used: Thread,
}

impl FetchLog {
    /// Before the first.
    pub fn begin() -> Self {
        FetchLog { replies: Vec::new(), used: Thread::so_far() }
    }

    /// Fetches one more, and notes what comes of it.
    pub fn fetch(&mut self, agent: &Agent, address: Address) {
        let Address { place, url } = address;
        let result = fetch(agent, &url).map_err(Failure::from);
        self.replies.push(Reply { place, result });
    }

    /// After the last.
    pub fn end(self) -> Self {
        FetchLog { used: Thread::so_far() - self.used, ..self }
    }
}
