//! Our sockets and tokio's, into each other.

use super::os_error;
use crate::error::{Call, Error, Result};
use crate::protocol::{Tcp, Udp, UnixDatagram, UnixStream};
use crate::role::{Bound, Connected, Listening, Unbound};
use crate::socket::Socket;
use std::os::fd::OwnedFd;

macro_rules! tokio_types {
    ($($protocol:ident $role:ident, $tokio:ty, $std:ty;)*) => {$(
        impl TryFrom<Socket<$protocol, $role>> for $tokio {
            type Error = Error;

            /// Registers it with the runtime of the caller, non-blocking.
            ///
            /// # Panics
            /// Outside of a tokio runtime, or in one without I/O.
            fn try_from(socket: Socket<$protocol, $role>) -> Result<Self> {
                socket.set_nonblocking(true)?;
                Self::from_std(<$std>::from(OwnedFd::from(socket))).map_err(|e| os_error(Call::EpollCtl, &e))
            }
        }

        impl TryFrom<$tokio> for Socket<$protocol, $role> {
            type Error = Error;

            /// Ends its registration; the socket is blocking. It is closed where it is in another role.
            fn try_from(theirs: $tokio) -> Result<Self> {
                theirs.into_std().map_err(|e| os_error(Call::EpollCtl, &e))?.try_into()
            }
        }
    )*};
}

tokio_types! {
    Tcp Connected, tokio::net::TcpStream, std::net::TcpStream;
    Tcp Listening, tokio::net::TcpListener, std::net::TcpListener;
    Udp Bound, tokio::net::UdpSocket, std::net::UdpSocket;
    Udp Connected, tokio::net::UdpSocket, std::net::UdpSocket;
    UnixStream Connected, tokio::net::UnixStream, std::os::unix::net::UnixStream;
    UnixStream Listening, tokio::net::UnixListener, std::os::unix::net::UnixListener;
    UnixDatagram Unbound, tokio::net::UnixDatagram, std::os::unix::net::UnixDatagram;
    UnixDatagram Bound, tokio::net::UnixDatagram, std::os::unix::net::UnixDatagram;
    UnixDatagram Connected, tokio::net::UnixDatagram, std::os::unix::net::UnixDatagram;
}
