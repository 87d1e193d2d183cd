//! Peers inside the test, for what no tool does on demand: resets, silence, answers at a given time.

use puerta::{Connected, Socket, Tcp, opt};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

/// Closes with a reset: SO_LINGER 0.
pub fn reset(stream: TcpStream) {
    let socket: Socket<Tcp, Connected> = stream.try_into().unwrap();
    socket.set(opt::Linger, Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// A server of one client on a port of its own, which does `work` with it.
pub fn server<T: Send + 'static>(work: impl FnOnce(TcpStream) -> T + Send + 'static) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    (at, std::thread::spawn(move || work(listener.accept().unwrap().0)))
}

/// Connects to a port of this machine; waits for nothing longer than the harness does.
pub fn client(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(super::LIMIT)).unwrap();
    stream.set_write_timeout(Some(super::LIMIT)).unwrap();
    stream
}

/// Reads to the end of file.
pub fn all_of(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Reads exactly so many bytes.
pub fn some_of(mut stream: impl Read, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Writes until the peer takes no more or breaks the connection.
pub fn pour(mut stream: impl Write) {
    while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
}
