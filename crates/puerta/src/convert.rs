//! Our sockets and the standard library's, into each other. Both are blocking afterwards.

use crate::error::{Error, Result};
use crate::protocol::{Tcp, Udp, UnixDatagram, UnixStream};
use crate::role::{Bound, Connected, Listening, Unbound};
use crate::socket::Socket;
use crate::sys::call::Fd;
use crate::sys::socket::dup_number;
use std::net;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net as unix;

/// A copy of a descriptor that this process was started with: by number, as systemd's `LISTEN_FDS` counts them from 3
/// (sd_listen_fds(3)). It is CLOEXEC, by fcntl(2) with `F_DUPFD_CLOEXEC`; [`Socket::adopt`] makes a socket of it. The one that is
/// copied stays open.
///
/// # Errors
/// `EBADF`: no descriptor of that number is open.
pub fn inherited(number: RawFd) -> Result<OwnedFd> {
    dup_number(number).map(Fd::into_owned)
}

macro_rules! std_types {
    ($($protocol:ident $role:ident, $std:ty;)*) => {$(
        impl TryFrom<Socket<$protocol, $role>> for $std {
            type Error = Error;

            /// The same socket, blocking.
            fn try_from(socket: Socket<$protocol, $role>) -> Result<Self> {
                socket.set_nonblocking(false)?;
                Ok(OwnedFd::from(socket).into())
            }
        }

        impl TryFrom<$std> for Socket<$protocol, $role> {
            type Error = Error;

            /// The same socket, blocking. It is closed where it is in another role: one that lost its peer to a reset is no
            /// longer connected.
            fn try_from(theirs: $std) -> Result<Self> {
                let socket = Socket::<$protocol>::adopt::<$role>(theirs.into()).map_err(|(_, error)| error)?;
                socket.set_nonblocking(false)?;
                Ok(socket)
            }
        }
    )*};
}

std_types! {
    Tcp Connected, net::TcpStream;
    Tcp Listening, net::TcpListener;
    Udp Bound, net::UdpSocket;
    Udp Connected, net::UdpSocket;
    UnixStream Connected, unix::UnixStream;
    UnixStream Listening, unix::UnixListener;
    UnixDatagram Unbound, unix::UnixDatagram;
    UnixDatagram Bound, unix::UnixDatagram;
    UnixDatagram Connected, unix::UnixDatagram;
}
