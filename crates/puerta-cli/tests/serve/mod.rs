//! `puerta serve`, started, and a client that reads responses from any stream.

#![allow(dead_code, unreachable_pub, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common::{LIMIT, Run, Running, puerta};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

/// `puerta serve FOLDER --listen 127.0.0.1:0` with further arguments.
pub fn serve(folder: &Path, more: &[&str]) -> Serving {
    let mut arguments = vec!["serve", folder.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    arguments.extend(more);
    Serving::start(puerta(arguments))
}

/// A server that has said where it serves.
pub struct Serving {
    pub run: Running,
    /// `http://127.0.0.1:40123`
    pub url: String,
}

impl Serving {
    pub fn start(run: Run) -> Self {
        let run = run.start();
        run.says(" can reach this");
        let said = run.stderr();
        let url = said.split_once(" on http://").and_then(|(_, rest)| rest.split_once("/;")).map(|(url, _)| url);
        let url = format!("http://{}", url.unwrap_or_else(|| panic!("no address in {said}")));
        Serving { run, url }
    }

    /// `127.0.0.1:40123`
    pub fn at(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub fn client(&self) -> Client<TcpStream> {
        Client::over(connect(self.at()))
    }

    /// GET, over a connection of its own.
    pub fn get(&self, path: &str) -> Reply {
        self.client().get(path)
    }
}

pub fn connect(at: &str) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// A response, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A connection: over TCP, a Unix socket or TLS.
pub struct Client<S> {
    pub stream: S,
    had: Vec<u8>,
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Client { stream, had: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).reply("GET")
    }

    /// The next response, to a request by that method.
    pub fn reply(&mut self, method: &str) -> Reply {
        let mut reply = self.head();
        let chunked = reply.field("Transfer-Encoding") == Some("chunked");
        let length = reply.field("Content-Length").map(|length| length.parse().unwrap());
        reply.body = match length {
            _ if method == "HEAD" || matches!(reply.status, 204 | 304) => Vec::new(),
            _ if chunked => self.chunks(),
            Some(length) => self.take(length),
            None => self.rest(),
        };
        reply
    }

    /// The head of the next response alone.
    pub fn head(&mut self) -> Reply {
        let end = loop {
            if let Some(at) = self.had.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more(), "it ends in a head: {:?}", String::from_utf8_lossy(&self.had));
        };
        let head: Vec<u8> = self.had.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"));
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Reply { status, fields, body: Vec::new() }
    }

    /// Everything up to the end, whatever ends it.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.had)
    }

    pub fn take(&mut self, length: usize) -> Vec<u8> {
        while self.had.len() < length {
            assert!(self.more(), "it ends after {} of {length} bytes", self.had.len());
        }
        self.had.drain(..length).collect()
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(at) = self.had.windows(2).position(|w| w == b"\r\n") {
                    break self.take(at + 2);
                }
                assert!(self.more(), "it ends between chunks");
            };
            let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            body.extend_from_slice(&self.take(length));
            self.take(2);
            if length == 0 {
                return body;
            }
        }
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 1 << 14];
        match self.stream.read(&mut buffer) {
            Ok(n) => {
                self.had.extend_from_slice(&buffer[..n]);
                n > 0
            }
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(e) => panic!("{e}"),
        }
    }
}
