//! Our sockets and the standard library's, into each other. Both are blocking afterwards.

use crate::error::{Error, Result};
use crate::protocol::{Tcp, Udp, UnixDatagram, UnixStream};
use crate::role::{Bound, Connected, Listening, Unbound};
use crate::socket::Socket;
use std::net;
use std::os::fd::OwnedFd;
use std::os::unix::net as unix;

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
