//! Where the server is found, and where nobody is.

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

/// The ports behind the addresses, on the loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Where the server listens.
    pub open: u16,
    /// Where nobody does.
    pub closed: u16,
}

/// What keeps the ports ours.
#[derive(Debug)]
pub struct Doors {
    /// Which they are.
    pub ports: Ports,
    /// For the server, and to be dropped here: where nobody accepts but some
    /// socket listens, who connects is not refused but waits.
    pub listener: TcpListener,
    /// A socket that has its port and does not listen: so nobody else can
    /// have it, and the kernel refuses all who come.
    pub closed: OwnedFd,
}

impl Doors {
    /// Takes two ports that are free. Whoever knows them can connect from now
    /// on, and is let in when the server is there.
    ///
    /// # Errors
    ///
    /// Fails if there is no loopback, or no port.
    pub fn open() -> Result<Self> {
        Doors::bind().context("no port on 127.0.0.1 can be had")
    }

    fn bind() -> io::Result<Self> {
        let free = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let listener = TcpListener::bind(free)?;
        let closed = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        bind(&closed, &free)?;
        let taken = SocketAddr::try_from(getsockname(&closed)?)?;
        let ports =
            Ports { open: listener.local_addr()?.port(), closed: taken.port() };
        Ok(Doors { ports, listener, closed })
    }
}
