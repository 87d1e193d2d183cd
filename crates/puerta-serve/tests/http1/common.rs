//! A folder, and a server of it.

use crate::client::{Client, LIMIT};
use puerta::{AnyStream, Endpoint, Family, Socket};
use puerta_serve::core::site::Site;
use puerta_serve::event::{Event, Report};
use puerta_serve::gate::Gate;
use puerta_serve::http1::{Limits, Service, Tally};
use puerta_serve::log::Log;
use puerta_serve::server::{Server, Settings};
use puerta_serve::store::{self, Store};
use rustls::ServerConfig;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

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
        self.events.recv_timeout(LIMIT).expect("an event")
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
