//! The loader of web servers: keep-alive connections, each with one request outstanding; epoll(7), and what comes is discarded in the
//! kernel, not copied (`MSG_TRUNC`, tcp(7)). Only the first and the last answer of a connection are read.

use super::answer;
use super::site::Page;
use crate::Result;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::{RecvFlags, recv};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much is discarded at once. The memory is never touched.
const DISCARD: usize = 4 << 20;

/// How many events are taken at once.
const EVENTS: usize = 512;

/// Connections to a server, each verified.
pub(crate) struct Load {
    connections: Vec<Connection>,
    request: Vec<u8>,
    epoll: OwnedFd,
    discard: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// How long its answer is, as the first one was.
    length: usize,
    /// How much of the answer under way has not come yet.
    missing: usize,
}

impl Load {
    /// Opens so many connections one after the other, and asks each for the page, whose body must be `content`.
    ///
    /// # Errors
    /// One was refused, or its answer is another.
    pub(crate) fn open(port: u16, count: usize, page: Page, content: &[u8]) -> Result<Load> {
        let request = request(port, page);
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(|e| format!("epoll: {e}"))?;
        let mut connections = Vec::with_capacity(count);
        for at in 0..count {
            let tell = |e: String| format!("connection {at}: {e}");
            let (stream, length) = connect(port)
                .map_err(|e| e.to_string())
                .and_then(|stream| verify(&stream, &request, content).map(|length| (stream, length)))
                .map_err(tell)?;
            epoll::add(&epoll, &stream, EventData::new_u64(at as u64), EventFlags::IN)
                .map_err(|e| tell(e.to_string()))?;
            connections.push(Connection { stream, length, missing: 0 });
        }
        Ok(Load { connections, request, epoll, discard: vec![0; DISCARD] })
    }

    /// Asks again and again on every connection for so long; tells how many answers came, the last ones after that time included.
    ///
    /// # Errors
    /// A connection ended, an answer took too long, or was longer than the first.
    pub(crate) fn run(&mut self, time: Duration) -> Result<u64> {
        let end = Instant::now() + time;
        for connection in &mut self.connections {
            connection.send(&self.request)?;
        }
        let mut under_way = self.connections.len();
        let mut answers = 0;
        let patience = Timespec::try_from(PATIENCE).map_err(|e| e.to_string())?;
        let mut events = Vec::with_capacity(EVENTS);
        while under_way > 0 {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience)) {
                Ok(0) => return Err(format!("{under_way} answers did not come within {} s", PATIENCE.as_secs())),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(format!("epoll: {error}")),
            }
            let over = Instant::now() >= end;
            for event in &events {
                let at = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                let Some(connection) = self.connections.get_mut(at) else { continue };
                if !connection.receive(&mut self.discard)? {
                    continue;
                }
                answers += 1;
                match over {
                    true => under_way -= 1,
                    false => connection.send(&self.request)?,
                }
            }
        }
        Ok(answers)
    }

    /// Asks each connection once more: it is still there, and answers with the same bytes.
    ///
    /// # Errors
    /// One does not.
    pub(crate) fn verify(&self, content: &[u8]) -> Result<()> {
        for (at, connection) in self.connections.iter().enumerate() {
            let tell = |e| format!("connection {at}, at the end: {e}");
            let length = verify(&connection.stream, &self.request, content).map_err(tell)?;
            if length != connection.length {
                return Err(tell(format!("an answer of {length} bytes, the first had {}", connection.length)));
            }
        }
        Ok(())
    }
}

impl Connection {
    fn send(&mut self, request: &[u8]) -> Result<()> {
        self.missing = self.length;
        (&self.stream).write_all(request).map_err(|e| format!("a request was not taken: {e}"))
    }

    /// Discards what has come; tells whether the answer is complete.
    fn receive(&mut self, into: &mut [u8]) -> Result<bool> {
        let (_, count) = match recv(&self.stream, into, RecvFlags::TRUNC | RecvFlags::DONTWAIT) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(false),
            done => done.map_err(|e| format!("a connection broke: {e}"))?,
        };
        if count == 0 {
            return Err(format!("a connection ended {} bytes before the answer did", self.missing));
        }
        self.missing = self.missing.checked_sub(count).ok_or("an answer was longer than the first")?;
        Ok(self.missing == 0)
    }
}

/// One request on a connection of its own: the body of the answer.
///
/// # Errors
/// There is none, or it is another than status 200.
pub(crate) fn ask(port: u16, page: Page) -> Result<Vec<u8>> {
    let stream = connect(port).map_err(|e| e.to_string())?;
    exchange(&stream, &request(port, page)).map(|answer| answer.body)
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// What curl asks, by another name.
fn request(port: u16, page: Page) -> Vec<u8> {
    let name = page.name;
    format!("GET /{name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n").into_bytes()
}

fn exchange(mut stream: &TcpStream, request: &[u8]) -> Result<answer::Answer> {
    stream.write_all(request).map_err(|e| format!("a request was not taken: {e}"))?;
    answer::read(stream)
}

/// The length of the answer, whose body is `content`.
fn verify(stream: &TcpStream, request: &[u8], content: &[u8]) -> Result<usize> {
    let answer = exchange(stream, request)?;
    match answer.body == content {
        true => Ok(answer.length),
        false => Err(format!("another body, {} bytes", answer.body.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::SMALL;
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    /// Answers each request on one connection with the next of these, then ends.
    fn server(answers: &'static [&'static str]) -> (u16, JoinHandle<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (port, serving)
    }

    const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nHola";
    const LONGER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nAge: 1\r\n\r\nHola";

    #[test]
    fn every_answer_is_counted_and_the_last_is_verified() {
        let (port, serving) = server(&[GOOD, GOOD, GOOD]);
        let mut load = Load::open(port, 1, SMALL, b"Hola").unwrap();
        assert_eq!(load.run(Duration::ZERO), Ok(1));
        assert_eq!(load.verify(b"Hola"), Ok(()));
        serving.join().unwrap();
    }

    #[test]
    fn an_answer_of_another_length_or_body_is_an_error() {
        let (port, serving) = server(&[GOOD, LONGER]);
        let mut load = Load::open(port, 1, SMALL, b"Hola").unwrap();
        assert_eq!(load.run(Duration::ZERO), Err("an answer was longer than the first".to_owned()));
        serving.join().unwrap();
        let (port, serving) = server(&[GOOD]);
        assert!(Load::open(port, 1, SMALL, b"Adeu").is_err());
        serving.join().unwrap();
    }

    #[test]
    fn a_connection_that_ends_is_an_error() {
        let (port, serving) = server(&[GOOD]);
        let mut load = Load::open(port, 1, SMALL, b"Hola").unwrap();
        serving.join().unwrap();
        assert!(load.run(Duration::from_secs(1)).is_err());
    }
}
