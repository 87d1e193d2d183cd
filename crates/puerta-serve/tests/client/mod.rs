//! A client of HTTP/1 that reads responses from any stream: the tests of the command have it, too.

#![allow(dead_code, unreachable_pub, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// No read waits longer than this.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A response, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// A response whose body is still to come; `None`: that is none.
    pub fn new(head: String) -> Option<Self> {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Reply { status, head, body: Vec::new() })
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// All fields, as they came.
    pub fn fields(&self) -> Vec<(String, String)> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub fn closes(&self) -> bool {
        self.field("Connection") == Some("close")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub fn connect(at: impl ToSocketAddrs) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A request.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A connection: over TCP, a Unix socket or TLS.
pub struct Client<S = TcpStream> {
    pub stream: S,
    had: Vec<u8>,
}

impl Client {
    pub fn new(at: impl ToSocketAddrs) -> Self {
        Client::over(connect(at))
    }

    /// Sends nothing more.
    pub fn end(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Client { stream, had: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// GET, and the response.
    pub fn get(&mut self, path: &str) -> Reply {
        self.send(get(path)).reply()
    }

    /// The next response to GET.
    pub fn reply(&mut self) -> Reply {
        self.reply_to("GET")
    }

    /// The next response, to a request by that method.
    pub fn reply_to(&mut self, method: &str) -> Reply {
        let mut reply = self.head();
        let length = reply.field("Content-Length").map(|length| length.parse().unwrap());
        reply.body = match length {
            _ if method == "HEAD" || matches!(reply.status, 204 | 304) => Vec::new(),
            Some(length) => self.take(length),
            None if reply.field("Transfer-Encoding") == Some("chunked") => self.chunks(),
            None => self.rest(),
        };
        reply
    }

    /// The head of the next response alone.
    pub fn head(&mut self) -> Reply {
        let head = self.through(b"\r\n\r\n");
        let head = String::from_utf8(head).unwrap();
        Reply::new(head.clone()).unwrap_or_else(|| panic!("no status: {head}"))
    }

    /// So many bytes.
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        while self.had.len() < length {
            assert!(self.more().expect("bytes"), "the end after {} of {length} bytes", self.had.len());
        }
        self.had.drain(..length).collect()
    }

    /// Everything up to the end, which is an orderly one.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more().expect("an end") {}
        std::mem::take(&mut self.had)
    }

    /// Everything up to a reset.
    pub fn until_reset(&mut self) -> Vec<u8> {
        loop {
            match self.more() {
                Ok(true) => {}
                Ok(false) => panic!("an orderly end after {} bytes", self.had.len()),
                Err(kind) => {
                    assert_eq!(kind, ErrorKind::ConnectionReset);
                    return std::mem::take(&mut self.had);
                }
            }
        }
    }

    /// Everything up to the end, be it an orderly one or a reset.
    pub fn until_cut(&mut self) -> Vec<u8> {
        loop {
            match self.more() {
                Ok(true) => {}
                Ok(false) | Err(ErrorKind::ConnectionReset) => return std::mem::take(&mut self.had),
                Err(kind) => panic!("{kind} after {} bytes", self.had.len()),
            }
        }
    }

    /// Nothing more comes but the end.
    pub fn assert_end(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "after the last response: {:?}", String::from_utf8_lossy(&rest));
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.through(b"\r\n");
            let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let chunk = self.take(length + 2);
            body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                return body;
            }
        }
    }

    /// Everything up to this, and this.
    fn through(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.had.windows(end.len()).position(|w| w == end) {
                return self.had.drain(..at + end.len()).collect();
            }
            let goes_on = self.more().expect("a response");
            assert!(goes_on, "the end within a response: {:?}", String::from_utf8_lossy(&self.had));
        }
    }

    /// Whether more has come, or the end.
    fn more(&mut self) -> Result<bool, ErrorKind> {
        let mut buffer = vec![0; 1 << 16];
        let read = self.stream.read(&mut buffer).map_err(|e| e.kind())?;
        self.had.extend_from_slice(&buffer[..read]);
        Ok(read > 0)
    }
}
