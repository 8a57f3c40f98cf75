//! What every worker does with an address, and the result.

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

/// The longest body that is accepted. It is also the limit of `ureq` itself,
/// but code that reads a body in pieces must request it.
pub const LONGEST_BODY: u64 = 10 << 20;

/// An address and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// From 0.
    pub place: u64,
    /// Complete, with scheme and host.
    pub url: String,
}

/// The result of one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The number of its address.
    pub place: u64,
    /// What was fetched, or why nothing was.
    pub result: Result<Page, Failure>,
}

/// A body, which is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its length in bytes.
    pub length: u64,
    /// Its digest.
    pub digest: String,
}

/// Why an address could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The category for counting.
    pub kind: Kind,
    /// The original error text, without passwords.
    pub reason: String,
}

/// The category of a failure.
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
    /// It took too long.
    Timeout,
    /// An endless chain of redirects.
    Redirects,
    /// The server reports an error, its own or ours.
    Status,
    /// The body is too long.
    Oversized,
    /// Anything else: unknown host, bad certificate, not HTTP.
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&name(self))
    }
}

/// The buffer size of each connection, in either direction. The usual 128 KiB
/// are filled with zeros at the start of a connection, which was most of a
/// worker's memory (256 of 320 kB, 2026-11-23), and each of 64 workers waits
/// for it.
const BUFFER: usize = 16 << 10;

/// The longest head of a reply. It must fit into the buffer: otherwise `ureq`
/// would report that the server is gone.
const LONGEST_HEAD: usize = BUFFER - 1;

/// An agent that keeps as many connections as there are workers to use it.
/// Between two requests each connection is idle for a moment, and by default
/// the agent keeps only three idle ones.
///
/// Every step has its own time limit: to connect, to send, the head of a reply,
/// its whole body. A limit for all of them together would be simpler, but then
/// `ureq` resolves each name in a new thread, once per request. So name
/// resolution has its own limit, that of the C library (resolv.conf(5)).
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
    // A proxy set in the environment would be used even for our own server.
    let builder = if plan.is_local() { builder.proxy(None) } else { builder };
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

/// What one worker fetched.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchLog {
    /// In the order in which they came.
    pub replies: Vec<Reply>,
    /// What its thread used since the gate opened.
    pub used: Thread,
}

impl FetchLog {
    /// Call this before the first fetch.
    pub fn begin() -> Self {
        FetchLog { replies: Vec::new(), used: Thread::so_far() }
    }

    /// Fetches one more address and records the result.
    pub fn fetch(&mut self, agent: &Agent, address: Address) {
        let Address { place, url } = address;
        let result = fetch(agent, &url).map_err(Failure::from);
        self.replies.push(Reply { place, result });
    }

    /// Call this after the last fetch.
    pub fn end(self) -> Self {
        FetchLog { used: Thread::so_far() - self.used, ..self }
    }
}
