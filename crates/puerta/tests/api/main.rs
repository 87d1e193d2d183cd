//! What the public API promises, shown on the loopback network and on Unix sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod addresses;
mod adopt;
mod datagrams;
mod errors;
mod streams;
mod unix;

use puerta::{Bound, Ip, Socket, Tcp, TcpListener, TcpStream, Udp, UdpSocket};
use std::net::SocketAddr;
use std::path::PathBuf;

fn v4() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn tcp_listener() -> TcpListener {
    Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4()).unwrap().listen(16).unwrap()
}

/// Client and server of one connection.
fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = tcp_listener();
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&listener.local_addr().unwrap()).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}

fn udp() -> UdpSocket {
    Socket::<Udp>::new(Ip::V4).unwrap().bind(&v4()).unwrap()
}

/// A bound TCP socket that does not listen: its port refuses connections and nobody else gets it.
fn refusing() -> (Socket<Tcp, Bound>, SocketAddr) {
    let socket = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("puerta-api-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
