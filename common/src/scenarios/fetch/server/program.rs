//! The server as a separate process, which `--serve` makes of a demo: for the
//! demo itself, and for clients in another language, or `curl`.
//!
//! It prints its address on one line, and serves until its stdin is closed.
//! Then it prints what it served, as JSON on another line. If the parent is
//! killed, the kernel closes that stdin: so no server outlives its demo.

use std::{
    io::{BufRead as _, BufReader, Read as _, stdin},
    net::SocketAddr,
    process::{Child, ChildStdout},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    super::ports::{ClosedPort, Ports, listen},
    Served, serve,
};
use crate::demo::print;

/// Implements `--serve`.
///
/// # Errors
///
/// Fails if no port is available, or as [`serve`].
pub fn serve_until_stdin_is_closed() -> Result<()> {
    let listener = listen()?;
    print(format_args!("http://{}\n", listener.local_addr()?))?;
    let served = serve(&listener, stdin())?;
    print(format_args!("{}\n", serde_json::to_string(&served)?))
}

/// A demo that was started with `--serve`, as its parent sees it.
#[derive(Debug)]
pub struct ServerProcess {
    child: KilledOnDrop,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    closed: ClosedPort,
}

impl ServerProcess {
    /// Waits until the child listens. Its stdin and stdout must be pipes.
    pub(in super::super) fn meet(child: Child) -> Result<Self> {
        let mut child = KilledOnDrop(child);
        let stdout = child.0.stdout.take();
        let mut stdout = BufReader::new(stdout.context("no stdout pipe")?);
        let mut line = String::new();
        stdout.read_line(&mut line).context("cannot read from the server")?;
        let address = line.trim_end().strip_prefix("http://");
        let address = address.and_then(|address| address.parse().ok());
        let address = address.context("the server reports no address")?;
        let closed = ClosedPort::new()?;
        Ok(ServerProcess { child, stdout, address, closed })
    }

    /// Where it listens, and where nobody does.
    pub fn ports(&self) -> Ports {
        Ports { open: self.address.port(), closed: self.closed.number }
    }

    /// Stops the server, reaps it, and returns what it served.
    ///
    /// # Errors
    ///
    /// Fails if it has failed, or was killed.
    pub fn end(mut self) -> Result<Served> {
        let KilledOnDrop(child) = &mut self.child;
        drop(child.stdin.take());
        let mut said = String::new();
        self.stdout.read_to_string(&mut said)?;
        let status = child.wait().context("cannot reap the server")?;
        ensure!(status.success(), "the server failed: {status}");
        serde_json::from_str(&said).context("the server reports no figures")
    }
}

/// A child that does not outlive its owner.
#[derive(Debug)]
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // An error means that it is gone already, and reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// A shell script in the role of the server.
    fn play(script: &str) -> Result<ServerProcess> {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdin(Stdio::piped());
        ServerProcess::meet(shell.stdout(Stdio::piped()).spawn().unwrap())
    }

    #[test]
    fn tells_where_it_is_and_what_it_has_served() {
        let server = play(
            "echo http://127.0.0.1:7; cat; \
             echo '{\"connections\":1,\"requests\":2}'",
        );
        let server = server.unwrap();
        assert_eq!(server.ports().open, 7);
        let served = Served { connections: 1, requests: 2 };
        assert_eq!(server.end().unwrap(), served);
    }

    #[test]
    fn a_server_that_failed_or_was_killed_is_an_error() {
        for (script, reason) in [
            ("exit 1", "reports no address"),
            ("echo http://127.0.0.1:7; exit 3", "failed: exit status: 3"),
            ("echo http://127.0.0.1:7; kill -9 $$", "failed: signal: 9"),
            ("echo http://127.0.0.1:7", "reports no figures"),
        ] {
            let error = play(script).and_then(ServerProcess::end).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn is_killed_when_the_demo_gives_up() {
        let server = play("echo http://127.0.0.1:7; exec sleep 1000").unwrap();
        let id = server.child.0.id();
        drop(server);
        assert!(!std::fs::exists(format!("/proc/{id}")).unwrap());
    }
}
