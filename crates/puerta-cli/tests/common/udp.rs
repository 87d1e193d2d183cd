//! UDP sockets inside the test.

use super::places::wait_until_closed;
use super::{Running, same};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

/// A client that takes answers from the address alone that it asked, as nc and most programs do.
pub struct Client(UdpSocket);

impl Client {
    pub fn to(address: impl Into<SocketAddr>) -> Self {
        let to = address.into();
        let socket = UdpSocket::bind(if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).unwrap();
        socket.connect(to).unwrap();
        Client(limited(socket))
    }

    pub fn of(server: &Running) -> Self {
        Client::to(server.address().parse::<SocketAddr>().unwrap())
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) -> &Self {
        self.0.send(bytes.as_ref()).unwrap();
        self
    }

    #[track_caller]
    pub fn gets(&self, expected: impl AsRef<[u8]>) -> &Self {
        same(&receive(&self.0).0, expected.as_ref());
        self
    }

    /// The next datagram.
    pub fn bytes(&self) -> Vec<u8> {
        receive(&self.0).0
    }

    /// The next datagram as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&receive(&self.0).0).into_owned()
    }
}

/// No test waits for ever.
pub fn limited(socket: UdpSocket) -> UdpSocket {
    socket.set_read_timeout(Some(super::LIMIT)).unwrap();
    socket
}

/// A socket to connect to.
pub fn server() -> UdpSocket {
    limited(UdpSocket::bind("127.0.0.1:0").unwrap())
}

/// Its address as an argument.
pub fn udp(socket: &UdpSocket) -> String {
    format!("udp:{}", socket.local_addr().unwrap())
}

/// The next datagram, and whose it is.
pub fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    datagram(70_000, |buffer| socket.recv_from(buffer))
}

/// The same of any socket: at most so many bytes.
pub fn datagram<A>(most: usize, receive: impl Fn(&mut [u8]) -> io::Result<(usize, A)>) -> (Vec<u8>, A) {
    let mut buffer = vec![0; most];
    loop {
        // recv(2) with a time limit is not made again by the kernel after it was interrupted: signal(7).
        match receive(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            got => {
                let (n, from) = got.expect("no datagram came");
                buffer.truncate(n);
                return (buffer, from);
            }
        }
    }
}

/// Closes a socket; from then on nobody listens there.
pub fn close(socket: UdpSocket) {
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    wait_until_closed(port);
}
