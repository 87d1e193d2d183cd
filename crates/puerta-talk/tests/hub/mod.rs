//! A hub and its members over QUIC on this machine.

#![allow(dead_code, reason = "each test program uses some of it")]

use puerta_talk::hub::{self, History, Hub};
use puerta_talk::identity::Key;
use puerta_talk::join::{Joined, Keeping, Options, join};
use puerta_talk::room::ids::Device;
use puerta_talk::room::limits::Limits;
use puerta_talk::room::member::{From, Setup};
use puerta_talk::room::rooms;
use puerta_talk::transport::{Acknowledgements, hub_socket};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A hub at work. Dropped, it ends.
pub(crate) struct Running {
    pub(crate) at: SocketAddr,
    pub(crate) key: Device,
    pub(crate) handle: hub::Handle,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    /// A new one, at a free port, which keeps nothing.
    pub(crate) fn new() -> Running {
        Running::start(&Key::generate().unwrap(), "127.0.0.1:0", History::Memory, |_| {})
    }

    pub(crate) fn start(key: &Key, at: &str, history: History, change: impl FnOnce(&mut rooms::Setup)) -> Running {
        let mut setup = rooms::Setup {
            name: "test".into(),
            first: "main".into(),
            invite_only: false,
            limits: Limits::default(),
            may_move: Duration::ZERO,
        };
        change(&mut setup);
        let socket = hub_socket(at.parse().unwrap()).unwrap().socket;
        let acknowledgements = Acknowledgements::Usual;
        let hub = Hub::new(hub::Options { setup, key: key.clone(), socket, history, acknowledgements }).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (at, handle) = (hub.address().unwrap(), hub.handle());
        let task = tokio::spawn(hub.run(async {
            let _ = stopped.await;
        }));
        Running { at, key: key.device(), handle, stop: Some(stop), task }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.task.await.unwrap();
        // The task that drives the socket ends after the hub does, and only then is the port free.
        let free = async {
            while std::net::UdpSocket::bind(self.at).is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, free).await.expect("the port in time");
    }

    pub(crate) async fn member(&self, name: &str) -> Joined {
        self.member_with(name, |_| {}).await
    }

    pub(crate) async fn member_with(&self, name: &str, change: impl FnOnce(&mut Setup)) -> Joined {
        self.member_of(Key::generate().unwrap(), name, Keeping::memory().unwrap(), change).await
    }

    pub(crate) async fn member_of(
        &self,
        key: Key,
        name: &str,
        keeping: Keeping,
        change: impl FnOnce(&mut Setup),
    ) -> Joined {
        let at = vec![self.at];
        join(Options { key, at, ..options(self.key, name, keeping, change) }).await.unwrap()
    }
}

/// What a member needs to join a hub, but for where that is.
pub(crate) fn options(hub: Device, name: &str, keeping: Keeping, change: impl FnOnce(&mut Setup)) -> Options {
    let mut setup = Setup {
        name: name.into(),
        token: None,
        feed: true,
        rooms: Vec::new(),
        only: false,
        from: From::Seen { context: 100 },
        stream: keeping.stream(),
        last: keeping.last(),
        spare: keeping.spare(),
        pending: keeping.pending(),
    };
    change(&mut setup);
    let key = Key::generate().unwrap();
    Options { key, at: Vec::new(), hub, setup, keeping, within: PATIENCE }
}
