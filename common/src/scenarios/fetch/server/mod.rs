//! An HTTP server that replies slowly, and wrongly on request.
//!
//! It is one thread that waits for all its clients at once (poll(2)): a thread
//! per client would take cores from the programs being measured, and hundreds
//! of clients just wait for time to pass. [`Connection`] decides what a client
//! is sent, and when, and knows no sockets; this module has only those.
//!
//! The rejected alternative is an existing server: `tiny_http` hangs when
//! connections are kept alive under load, and none of the others can break a
//! reply on purpose.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::fd::AsFd,
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Resource, getrlimit, setrlimit},
};
use serde::{Deserialize, Serialize};

use crate::laps::monotonic;

mod connection;
mod program;

use connection::Connection;
pub use program::{ServerProcess, serve_until_stdin_is_closed};

use super::wish::PIECE;

/// What a server did.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Served {
    /// Connections opened by clients.
    pub connections: u64,
    /// Valid requests received on them.
    pub requests: u64,
}

/// Serves every client that connects to `listener`, until the other end of
/// `line` is closed.
///
/// # Errors
///
/// Fails if `listener` does not listen, or if polling fails.
fn serve(listener: &TcpListener, line: impl AsFd) -> Result<Served> {
    listener.set_nonblocking(true)?;
    // Each client needs a descriptor, which may exceed the usual limit.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let mut server = Server::default();
    while server.wait(listener, &line)? {
        server.welcome(listener).context("cannot accept a client")?;
        server.attend();
    }
    Ok(server.served())
}

#[derive(Default)]
struct Server {
    clients: Vec<Client>,
    /// The counts of clients that are gone.
    served: Served,
    /// Whether there was no descriptor for another client. Then new clients
    /// wait in the queue of the listener.
    is_full: bool,
}

/// When to try again for room if no client has left by then: other programs may
/// hold descriptors and memory too.
const RETRY: Duration = Duration::from_millis(100);

struct Client {
    stream: TcpStream,
    connection: Connection,
    ready: PollFlags,
}

impl Server {
    /// Waits until a client needs attention: false once the line is cut.
    fn wait(
        &mut self,
        listener: &TcpListener,
        line: &impl AsFd,
    ) -> Result<bool> {
        // Without room, a waiting client would end each poll at once.
        let mut newcomers = PollFlags::empty();
        newcomers.set(PollFlags::IN, !self.is_full);
        let mut ends = vec![
            PollFd::new(line, PollFlags::empty()),
            PollFd::new(listener, newcomers),
        ];
        let ends_of_clients = self.clients.iter().map(Client::awaits);
        ends.extend(ends_of_clients);
        match poll(&mut ends, self.patience().as_ref()) {
            Err(Errno::INTR) => return Ok(true),
            result => result?,
        };
        let ready: Vec<_> = ends.iter().map(PollFd::revents).collect();
        for (client, ready) in self.clients.iter_mut().zip(&ready[2..]) {
            client.ready = *ready;
        }
        Ok(ready[0].is_empty())
    }

    /// Until the next reply is due, or until there may be room again; forever
    /// if there is neither.
    fn patience(&self) -> Option<Timespec> {
        let now = monotonic();
        let dues = self.clients.iter().filter_map(|one| one.connection.due());
        let retry = self.is_full.then(|| now + RETRY);
        let due = dues.chain(retry).min()?;
        // A time beyond the kernel's clock never comes.
        Timespec::try_from(due.saturating_sub(now)).ok()
    }

    /// Accepts every waiting client, as long as there is room.
    fn welcome(&mut self, listener: &TcpListener) -> io::Result<()> {
        self.is_full = false;
        loop {
            match listener.accept() {
                Ok((stream, _)) => self.clients.extend(Client::new(stream)),
                Err(error) if is_for_later(&error) => return Ok(()),
                Err(error) if is_for_want_of_room(&error) => {
                    self.is_full = true;
                    return Ok(());
                }
                // It left before it was accepted (accept(2)).
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
            self.served.connections += 1;
        }
    }

    /// Does for each client what can be done now. A client that is gone, for
    /// any reason, is not an error of the server.
    fn attend(&mut self) {
        let (served, now) = (&mut self.served, monotonic());
        self.clients.retain_mut(|client| {
            let stays = client.attend(now).unwrap_or(false);
            if !stays {
                served.requests += client.connection.requests();
            }
            stays
        });
    }

    fn served(self) -> Served {
        let clients = self.clients.iter();
        let here: u64 =
            clients.map(|client| client.connection.requests()).sum();
        Served { requests: self.served.requests + here, ..self.served }
    }
}

impl Client {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // Otherwise the kernel holds back the end of a reply until its start is
        // acknowledged (tcp(7)).
        stream.set_nodelay(true)?;
        let connection = Connection::new();
        Ok(Client { stream, connection, ready: PollFlags::IN })
    }

    fn awaits(&self) -> PollFd<'_> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.connection.is_hungry());
        flags.set(PollFlags::OUT, !self.connection.output().is_empty());
        PollFd::new(&self.stream, flags)
    }

    /// Whether the client stays.
    fn attend(&mut self, now: Duration) -> io::Result<bool> {
        let readable = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        if self.ready.intersects(readable) && !self.read(now)? {
            return Ok(false);
        }
        self.connection.advance(now);
        self.write(now)?;
        Ok(!self.connection.is_over())
    }

    /// Whether there may be more to read at some point.
    fn read(&mut self, now: Duration) -> io::Result<bool> {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => return Ok(false),
            Ok(count) => self.connection.receive(&bytes[..count], now),
            Err(error) if is_for_later(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// One piece at most, because others wait too.
    fn write(&mut self, now: Duration) -> io::Result<()> {
        let output = self.connection.output();
        if output.is_empty() {
            return Ok(());
        }
        match self.stream.write(&output[..output.len().min(2 * PIECE)]) {
            Ok(count) => self.connection.sent(count, now),
            Err(error) if is_for_later(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whether this process or the machine has no descriptor or memory for another
/// client.
fn is_for_want_of_room(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    let full = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    errno.is_some_and(|errno| full.contains(&errno))
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{
        io::{self, PipeWriter},
        net::SocketAddr,
        thread::{self, JoinHandle},
        time::Instant,
    };

    use super::{super::Wish, *};

    /// A server in a thread of this test.
    fn start() -> (SocketAddr, PipeWriter, JoinHandle<Served>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let (line, end) = io::pipe().unwrap();
        let server = thread::spawn(move || serve(&listener, line).unwrap());
        (here, end, server)
    }

    fn ask(here: SocketAddr, wish: &Wish) -> TcpStream {
        let mut client = TcpStream::connect(here).unwrap();
        let request =
            format!("GET {wish} HTTP/1.1\r\nconnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        client
    }

    fn body(mut client: &TcpStream) -> Vec<u8> {
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        let head = reply.windows(4).position(|four| four == b"\r\n\r\n");
        reply.split_off(head.unwrap() + 4)
    }

    fn expected(wish: &Wish) -> Vec<u8> {
        let (mut body, mut bytes) = (wish.body(), Vec::new());
        while body.append_to(&mut bytes) {}
        bytes
    }

    /// In sequence, they would take 100 s.
    #[test]
    fn all_wait_at_once() {
        const DEADLINE: Duration = Duration::from_secs(60);
        let (here, end, server) = start();
        let start = Instant::now();
        let delay = Duration::from_secs(1);
        let wish = |page| Wish { delay, size: 999, page, ..Wish::default() };
        let clients: Vec<_> =
            (0..100).map(|page| ask(here, &wish(page))).collect();
        for (page, client) in (0..).zip(&clients) {
            assert!(body(client) == expected(&wish(page)));
        }
        assert!(start.elapsed() > delay);
        assert!(start.elapsed() < DEADLINE);
        drop(end);
        let served = server.join().unwrap();
        assert_eq!(served, Served { connections: 100, requests: 100 });
    }

    #[test]
    fn a_client_that_reads_late_gets_all_of_it() {
        let (here, _end, _server) = start();
        let wish = Wish { size: 20_000_000, ..Wish::default() };
        let client = ask(here, &wish);
        let small = Wish { size: 5, ..Wish::default() };
        // The others need not wait for it.
        assert!(body(&ask(here, &small)) == expected(&small));
        assert!(body(&client) == expected(&wish));
    }

    #[test]
    fn who_leaves_harms_nobody() {
        let (here, end, server) = start();
        let wish = Wish { size: 20_000_000, ..Wish::default() };
        let late = Wish { delay: Duration::from_secs(60), ..wish };
        drop(ask(here, &wish));
        drop(ask(here, &late));
        drop(TcpStream::connect(here).unwrap());
        let small = Wish { size: 5, ..Wish::default() };
        assert!(body(&ask(here, &small)) == expected(&small));
        drop(end);
        assert_eq!(server.join().unwrap().connections, 4);
    }

    #[test]
    fn ends_whoever_waits() {
        let (here, end, server) = start();
        let late =
            Wish { delay: Duration::from_secs(1 << 40), ..Wish::default() };
        let client = ask(here, &late);
        let small = Wish { size: 5, ..Wish::default() };
        // Once this one has its reply, the other one waits.
        assert!(body(&ask(here, &small)) == expected(&small));
        drop(end);
        assert_eq!(server.join().unwrap().requests, 2);
        assert_eq!((&client).read(&mut [0]).unwrap_or(0), 0);
    }
}
