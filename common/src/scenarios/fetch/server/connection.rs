//! One client of the server: bytes in, bytes out, and a time to wait for.
//!
//! It uses no socket and no clock, so that a test can split its input anywhere
//! and need not wait.

use std::{mem, time::Duration};

use httparse::{EMPTY_HEADER, Error, Status};

use super::super::wish::{Body, Fault, PIECE, Wish};

/// The longest head of a request. Longer ones are rejected.
pub const LONGEST_HEAD: usize = 8 << 10;

/// The most headers per request.
const MOST_HEADERS: usize = 64;

/// The interval between bytes of an endless reply.
const DRIP: Duration = Duration::from_millis(10);

/// The state of one client's connection.
#[derive(Debug)]
pub struct Connection {
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    sent: usize,
    state: State,
    requests: u64,
}

#[derive(Debug)]
enum State {
    /// The head of a request is incomplete.
    Reading,
    /// The request is complete, and the reply starts at this time.
    Waiting(Duration, Request),
    /// The reply has started; this is the rest of it.
    Sending(Body, Then),
    /// An endless reply continues at this time.
    Dripping(Duration),
    /// Nothing follows what is in the outbox.
    Closing,
}

/// What happens to a connection after a reply.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Keep,
    Close,
}

#[derive(Debug)]
struct Request {
    wish: Wish,
    then: Then,
}

impl Connection {
    /// A new connection.
    pub fn new() -> Self {
        Connection {
            inbox: Vec::new(),
            outbox: Vec::new(),
            sent: 0,
            state: State::Reading,
            requests: 0,
        }
    }

    /// Takes what the client sent.
    pub fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.inbox.extend_from_slice(bytes);
        self.advance(now);
    }

    /// Whether it accepts more input. So a client that does not wait for
    /// replies cannot fill the memory.
    pub fn is_hungry(&self) -> bool {
        self.inbox.len() < LONGEST_HEAD
    }

    /// What to send to the client.
    pub fn output(&self) -> &[u8] {
        &self.outbox[self.sent..]
    }

    /// Records that `count` bytes of the output were sent.
    pub fn sent(&mut self, count: usize, now: Duration) {
        self.sent += count;
        if self.output().is_empty() {
            self.outbox.clear();
            self.sent = 0;
        }
        self.advance(now);
    }

    /// When to call [`advance`](Connection::advance), if nothing is received or
    /// sent before.
    pub fn due(&self) -> Option<Duration> {
        match self.state {
            State::Waiting(until, _) => Some(until),
            State::Dripping(next) if self.output().is_empty() => Some(next),
            _ => None,
        }
    }

    /// Whether it can be closed.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Closing) && self.output().is_empty()
    }

    /// Requests received so far.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Goes as far as possible.
    pub fn advance(&mut self, now: Duration) {
        while self.has_room() && self.step(now) {}
    }

    /// Whether a reply may start or continue. So a client that does not read
    /// its replies cannot fill the memory either.
    fn has_room(&self) -> bool {
        self.output().len() < PIECE
    }

    /// Goes one step, and returns whether another may follow.
    fn step(&mut self, now: Duration) -> bool {
        match mem::replace(&mut self.state, State::Closing) {
            State::Reading => return self.read(now),
            State::Waiting(until, request) if now < until => {
                self.state = State::Waiting(until, request);
                return false;
            }
            State::Waiting(_, request) => self.begin(request, now),
            State::Sending(mut body, then) => {
                self.state = if body.append_to(&mut self.outbox) {
                    State::Sending(body, then)
                } else {
                    after(then)
                }
            }
            State::Dripping(next) => return self.drip(next, now),
            State::Closing => return false,
        }
        true
    }

    fn read(&mut self, now: Duration) -> bool {
        match parse(&self.inbox) {
            Ok(Some((request, length))) => {
                self.inbox.drain(..length);
                self.requests += 1;
                let delay = match request.wish.fault {
                    Some(Fault::Silent) => Duration::MAX,
                    _ => request.wish.delay,
                };
                self.state = State::Waiting(now.saturating_add(delay), request);
                true
            }
            Ok(None) => {
                self.state = State::Reading;
                false
            }
            Err(status) => {
                self.head(status, Then::Close, "content-length: 0");
                false
            }
        }
    }

    /// Writes the head of a reply and sets what follows.
    fn begin(&mut self, Request { wish, then }: Request, now: Duration) {
        let length = format!("content-length: {}", wish.size);
        match wish.fault {
            // The first has its own port, where no request is ever read; the
            // second is too long only for the client.
            None | Some(Fault::Refused | Fault::Oversized) => {
                self.head("200 OK", then, &length);
                self.state = State::Sending(wish.body(), then);
            }
            Some(Fault::Cut) => {
                self.head("200 OK", Then::Keep, &length);
                self.state = State::Sending(wish.body().cut(), Then::Close);
            }
            Some(Fault::Silent | Fault::Endless) => {
                self.head("200 OK", then, "transfer-encoding: chunked");
                self.state = State::Dripping(now);
            }
            Some(Fault::Redirects) => {
                let itself = format!("content-length: 0\r\nlocation: {wish}");
                self.head("302 Found", then, &itself);
                self.state = after(then);
            }
            Some(Fault::Status) => {
                let status = "500 Internal Server Error";
                self.head(status, then, "content-length: 0");
                self.state = after(then);
            }
        }
    }

    fn drip(&mut self, next: Duration, now: Duration) -> bool {
        let is_due = now >= next && self.output().is_empty();
        if is_due {
            self.outbox.extend_from_slice(b"1\r\n.\r\n");
        }
        let next = if is_due { now + DRIP } else { next };
        self.state = State::Dripping(next);
        false
    }

    fn head(&mut self, status: &str, then: Then, headers: &str) {
        let connection = match then {
            Then::Keep => "keep-alive",
            Then::Close => "close",
        };
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}\r\nconnection: {connection}\r\n\r\n"
        );
        self.outbox.extend_from_slice(head.as_bytes());
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

fn after(then: Then) -> State {
    match then {
        Then::Keep => State::Reading,
        Then::Close => State::Closing,
    }
}

/// The first request and the length of its head, if it is complete; or the
/// status of a refusal, if it can never be valid.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, &'static str> {
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() < LONGEST_HEAD => return Ok(None),
        Ok(Status::Partial) | Err(Error::TooManyHeaders) => {
            return Err("431 Request Header Fields Too Large");
        }
        Err(_) => return Err("400 Bad Request"),
    };
    if request.method != Some("GET") {
        return Err("405 Method Not Allowed");
    }
    let wish = request.path.and_then(|path| path.parse().ok());
    let wish = wish.ok_or("404 Not Found")?;
    Ok(Some((Request { wish, then: then(&request) }, length)))
}

/// HTTP/1.0 closes a connection, 1.1 keeps it unless the client asks to close
/// it (RFC 9112, 9.3).
fn then(request: &httparse::Request<'_, '_>) -> Then {
    let closes = request.headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("connection")
            && header.value.eq_ignore_ascii_case(b"close")
    });
    match request.version {
        Some(1) if !closes => Then::Keep,
        _ => Then::Close,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Duration = Duration::from_secs(100);

    /// All output, taken in small bites.
    fn drain(
        connection: &mut Connection,
        bite: usize,
        now: Duration,
    ) -> Vec<u8> {
        let mut all = Vec::new();
        while !connection.output().is_empty() {
            let count = bite.min(connection.output().len());
            all.extend_from_slice(&connection.output()[..count]);
            connection.sent(count, now);
        }
        all
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: here\r\n\r\n")
    }

    fn reply(path: &str) -> Vec<u8> {
        let wish: Wish = path.parse().unwrap();
        let mut reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\
             connection: keep-alive\r\n\r\n",
            wish.size
        )
        .into_bytes();
        let mut body = wish.body();
        while body.append_to(&mut reply) {}
        reply
    }

    fn all_of(input: &[u8]) -> (Connection, String) {
        let mut connection = Connection::new();
        connection.receive(input, START);
        let output = drain(&mut connection, usize::MAX, START);
        (connection, String::from_utf8_lossy(&output).into_owned())
    }

    proptest! {
        /// Several requests at once, split anywhere, and replies taken in bites
        /// of any size: the output is the same, in the same order.
        #[test]
        fn cuts_make_no_difference(
            sizes in prop::collection::vec(0..200_000_u64, 1..5),
            cuts in prop::collection::vec(1..60_usize, 1..40),
            bite in 1..100_000_usize,
        ) {
            let paths: Vec<_> = sizes.iter().enumerate().map(|(page, size)| {
                format!("/?size={size}&seed=1&page={page}")
            }).collect();
            let input: Vec<u8> =
                paths.iter().flat_map(|path| get(path).into_bytes()).collect();
            let expected: Vec<u8> =
                paths.iter().flat_map(|path| reply(path)).collect();
            let mut connection = Connection::new();
            let (mut rest, mut found) = (&input[..], Vec::new());
            for cut in cuts.into_iter().chain([input.len()]) {
                let (piece, others) = rest.split_at(cut.min(rest.len()));
                connection.receive(piece, START);
                found.extend(drain(&mut connection, bite, START));
                rest = others;
            }
            prop_assert!(found == expected);
            prop_assert_eq!(connection.requests(), sizes.len() as u64);
            prop_assert!(!connection.is_over());
        }

        /// Whatever comes, either more is expected, or it is rejected with a
        /// valid status line.
        #[test]
        fn garbage_is_refused(
            bytes in prop::collection::vec(any::<u8>(), 1..300)
        ) {
            let (connection, output) = all_of(&bytes);
            prop_assert!(output.is_empty() || output.starts_with("HTTP/1.1 4"));
            prop_assert_eq!(connection.is_over(), !output.is_empty());
        }
    }

    #[test]
    fn what_is_wrong_is_refused_by_its_status() {
        let long = format!("GET /?{} HTTP/1.1\r\n", "x".repeat(LONGEST_HEAD));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(99));
        for (input, status) in [
            ("\0\r\n\r\n", "400"),
            ("GET /?size=1\r\n\r\n", "400"),
            (&get("/"), "404"),
            (&get("/?size=many"), "404"),
            ("POST /?size=1 HTTP/1.1\r\n\r\n", "405"),
            (&long, "431"),
            (&many, "431"),
        ] {
            let (connection, output) = all_of(input.as_bytes());
            assert!(
                output.starts_with(&format!("HTTP/1.1 {status} ")),
                "{input}"
            );
            assert!(output.contains("connection: close"), "{output}");
            assert!(connection.is_over());
            assert_eq!(connection.requests(), 0);
        }
    }

    #[test]
    fn a_reply_comes_after_its_delay_and_not_before() {
        let mut connection = Connection::new();
        let path = "/?delay=50ms&size=3&seed=1&page=2";
        connection.receive(get(path).as_bytes(), START);
        let due = START + Duration::from_millis(50);
        assert_eq!(connection.due(), Some(due));
        connection.advance(due - Duration::from_nanos(1));
        assert!(connection.output().is_empty());
        connection.advance(due);
        assert_eq!(drain(&mut connection, usize::MAX, due), reply(path));
        assert_eq!(connection.due(), None);
    }

    #[test]
    fn ends_with_the_reply_if_the_client_says_so() {
        for request in [
            "GET /?size=2 HTTP/1.0\r\n\r\n",
            "GET /?size=2 HTTP/1.1\r\nConnection: Close\r\n\r\n",
        ] {
            let (connection, output) = all_of(request.as_bytes());
            assert!(output.contains("connection: close"), "{output}");
            assert!(connection.is_over());
        }
        assert!(!all_of(get("/?size=2").as_bytes()).0.is_over());
    }

    #[test]
    fn every_fault_is_what_it_is_called() {
        let whole = reply("/?size=900");
        let mut connection = Connection::new();
        connection.receive(get("/?size=900&fault=cut").as_bytes(), START);
        let cut = drain(&mut connection, usize::MAX, START);
        assert!(connection.is_over());
        assert!(cut == whole[..whole.len() - 450]);
        let (_, output) = all_of(get("/?fault=redirects").as_bytes());
        assert!(output.starts_with("HTTP/1.1 302 "));
        let itself = "location: /?size=0&seed=0&page=0&fault=redirects\r\n";
        assert!(output.contains(itself), "{output}");
        let (connection, output) = all_of(get("/?fault=status").as_bytes());
        assert!(output.starts_with("HTTP/1.1 500 "));
        assert!(!connection.is_over());
    }

    #[test]
    fn silence_lasts() {
        let (mut connection, output) = all_of(get("/?fault=silent").as_bytes());
        connection.advance(START + Duration::from_secs(1 << 40));
        assert!(output.is_empty() && connection.output().is_empty());
        assert!(!connection.is_over());
    }

    #[test]
    fn what_has_no_end_goes_on() {
        let (mut connection, output) =
            all_of(get("/?fault=endless").as_bytes());
        assert!(
            output.ends_with(
                "chunked\r\nconnection: keep-alive\r\n\r\n1\r\n.\r\n"
            )
        );
        for _ in 0..1000 {
            let now = connection.due().unwrap();
            connection.advance(now);
            connection.advance(now);
            let drop = drain(&mut connection, usize::MAX, now);
            assert_eq!(drop, b"1\r\n.\r\n");
        }
        assert!(!connection.is_over());
    }

    /// Neither with endless requests nor with replies that are never read.
    #[test]
    fn nobody_fills_its_memory() {
        let mut connection = Connection::new();
        let request = get("/?fault=redirects");
        let mut received = 0;
        while connection.is_hungry() {
            connection.receive(request.as_bytes(), START);
            received += request.len();
            assert!(connection.output().len() < 2 * PIECE);
            assert!(received < 64 * PIECE);
        }
        let mut connection = Connection::new();
        connection.receive(get("/?size=99999999").as_bytes(), START);
        assert!(connection.output().len() < 3 * PIECE);
    }
}
