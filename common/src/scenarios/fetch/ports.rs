//! The port where our own server listens, and a port where nobody does.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener},
    os::fd::OwnedFd,
};

use anyhow::{Context as _, Result};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with,
};
use serde::{Deserialize, Serialize};

/// A free loopback port, chosen by the kernel.
const FREE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

/// The context of a kernel error.
const NO_PORT: &str = "cannot get a port on 127.0.0.1";

/// The ports in the addresses, on the loopback interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Where the server listens.
    pub open: u16,
    /// Where nobody does.
    pub closed: u16,
}

/// Listens at a free port.
pub(super) fn listen() -> Result<TcpListener> {
    TcpListener::bind(FREE).context(NO_PORT)
}

/// A socket that has a port but does not listen: so nobody else can take the
/// port, and the kernel refuses every connection to it.
#[derive(Debug)]
pub(super) struct ClosedPort {
    /// The port.
    pub number: u16,
    _socket: OwnedFd,
}

impl ClosedPort {
    /// Takes a free port.
    pub fn new() -> Result<Self> {
        ClosedPort::bind().context(NO_PORT)
    }

    fn bind() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        bind(&socket, &FREE)?;
        let taken = SocketAddr::try_from(getsockname(&socket)?)?;
        Ok(ClosedPort { number: taken.port(), _socket: socket })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{io::ErrorKind, net::TcpStream};

    use super::*;

    #[test]
    fn a_closed_port_refuses_and_an_open_one_does_not() {
        let closed = ClosedPort::new().unwrap();
        let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, closed.number));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let listener = listen().unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    }
}
