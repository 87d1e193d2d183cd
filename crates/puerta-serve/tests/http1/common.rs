//! A folder, a server of it, and a client that reads responses.

use puerta::{AnyStream, Endpoint, Family, Socket};
use puerta_serve::core::site::Site;
use puerta_serve::event::{Event, Report};
use puerta_serve::gate::Gate;
use puerta_serve::http1::{Limits, Service, Tally};
use puerta_serve::log::Log;
use puerta_serve::server::{Server, Settings};
use puerta_serve::store::{self, Store};
use rustls::ServerConfig;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::oneshot;

/// No test waits longer than this.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Bytes that repeat only after a long time, so that a piece that is lost or doubled shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(next).collect()
}

/// A folder that is removed with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("puerta-http1-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.0.join(name), content).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Tells events to the test.
#[derive(Debug)]
struct Teller(Mutex<Sender<String>>);

impl Report for Teller {
    fn event(&self, event: &Event<'_>) {
        let _ = self.0.lock().unwrap().send(event.to_string());
    }
}

/// How a server is to be.
#[derive(Default)]
pub(crate) struct How {
    pub(crate) limits: Limits,
    pub(crate) settings: Settings,
    pub(crate) site: Site,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) log: Option<Log>,
    pub(crate) gate: Gate,
}

/// A server that is stopped with the test.
pub(crate) struct Served {
    pub(crate) at: SocketAddr,
    pub(crate) folder: Folder,
    events: Receiver<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    pub(crate) fn new(folder: Folder, how: How) -> Self {
        let any = Endpoint::Inet("127.0.0.1:0".parse().unwrap());
        let listener = Socket::<AnyStream>::new(Family::of(&any)).unwrap().bind(&any).unwrap().listen(64).unwrap();
        let at = listener.local_addr().unwrap().inet().unwrap();
        let (tell, events) = channel();
        let report = Arc::new(Teller(Mutex::new(tell)));
        let store = Store::open(&folder.0, &store::Settings::default()).unwrap();
        let How { site, limits, gate, log, settings, tls } = how;
        let service = Arc::new(Service { site, store, limits, gate, report, log, tally: Tally::default() });
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::start(vec![listener], service, tls, &settings).unwrap();
                server.run(async { drop(stopped.await) }).await.unwrap();
            });
        });
        Served { at, folder, events, stop: Some(stop), thread: Some(thread) }
    }

    /// With all defaults.
    pub(crate) fn plain(folder: Folder) -> Self {
        Served::new(folder, How::default())
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.at)
    }

    /// The next event.
    pub(crate) fn event(&self) -> String {
        self.events.recv_timeout(LONG).expect("an event")
    }

    /// Stops without waiting.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    /// Waits until it has stopped.
    pub(crate) fn join(&mut self) {
        self.stop();
        self.thread.take().map(JoinHandle::join).transpose().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A response, read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    pub(crate) fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

/// A connection.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    had: Vec<u8>,
}

impl Client {
    pub(crate) fn new(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client::over(stream)
    }

    pub(crate) fn end(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Client { stream, had: Vec::new() }
    }

    pub(crate) fn send(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(text.as_ref()).unwrap();
        self
    }

    /// GET in HTTP/1.1, and the answer.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(get(path)).answer()
    }

    /// The next response to GET.
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    /// The next response.
    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        let end = loop {
            if let Some(at) = self.had.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().expect("a response"), "the end in a head: {:?}", String::from_utf8_lossy(&self.had));
        };
        let head: Vec<u8> = self.had.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"));
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.field("content-length").map(|l| l.parse::<usize>().unwrap());
        answer.body = match length {
            _ if method == "HEAD" || matches!(status, 204 | 304) => Vec::new(),
            Some(length) => self.take(length),
            None if answer.field("transfer-encoding") == Some("chunked") => self.chunks(),
            None => self.rest(),
        };
        answer
    }

    /// Everything up to the end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.more().expect("an end") {}
        std::mem::take(&mut self.had)
    }

    /// Nothing more comes but the end.
    pub(crate) fn assert_end(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "after the last response: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Reads until the connection is reset; how many bytes came before.
    pub(crate) fn until_reset(&mut self) -> usize {
        loop {
            match self.more() {
                Ok(true) => {}
                Ok(false) => panic!("an orderly end after {} bytes", self.had.len()),
                Err(kind) => {
                    assert_eq!(kind, ErrorKind::ConnectionReset);
                    return self.had.len();
                }
            }
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.had.len() < length {
            assert!(self.more().expect("a body"), "the end after {} of {length} bytes", self.had.len());
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
                assert!(self.more().expect("a chunk"), "the end between chunks");
            };
            let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let chunk = self.take(length + 2);
            body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                return body;
            }
        }
    }

    fn more(&mut self) -> Result<bool, ErrorKind> {
        let mut buffer = vec![0; 1 << 16];
        let read = self.stream.read(&mut buffer).map_err(|e| e.kind())?;
        self.had.extend_from_slice(&buffer[..read]);
        Ok(read > 0)
    }
}

/// A request.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}
