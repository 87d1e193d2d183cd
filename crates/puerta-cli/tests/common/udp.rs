//! UDP sockets inside the test.

use super::{Running, same};
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
        let mut buffer = vec![0; 70_000];
        let n = self.0.recv(&mut buffer).expect("no datagram came");
        same(&buffer[..n], expected.as_ref());
        self
    }

    /// The next datagram as text.
    pub fn text(&self) -> String {
        let mut buffer = vec![0; 70_000];
        let n = self.0.recv(&mut buffer).expect("no datagram came");
        String::from_utf8_lossy(&buffer[..n]).into_owned()
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
    let mut buffer = vec![0; 70_000];
    let (n, from) = socket.recv_from(&mut buffer).expect("no datagram came");
    buffer.truncate(n);
    (buffer, from)
}
