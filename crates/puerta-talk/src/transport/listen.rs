//! A hub takes members.

use super::config::{self, Acknowledgements};
use super::{endpoint, failed, peer};
use crate::identity::Key;
use crate::problem::Problem;
use crate::room::ids::Device;
use quinn::{Connecting, Connection, Endpoint, Incoming, ServerConfig};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Handshakes that are under way at a time: 256, some 8 MiB. Who comes above waits.
pub const HANDSHAKES: usize = 256;
/// How long a handshake may take: 10 s.
pub const HANDSHAKE: Duration = config::IDLE;
/// Connections of a hub, unless it [says otherwise](Listener::limit): 4,096. Who comes above is told that it is full.
pub const CONNECTIONS: usize = 4096;

/// Takes connections on one UDP socket.
#[derive(Debug)]
pub struct Listener {
    endpoint: Endpoint,
    config: ServerConfig,
    /// The same for members on this machine.
    near: Arc<ServerConfig>,
    connections: usize,
    handshakes: Arc<Semaphore>,
    /// One whose address is validated, while no handshake is free.
    waiting: Option<Incoming>,
}

/// Somebody whose address is validated, and whose key is not known yet.
#[derive(Debug)]
pub struct Arrival {
    connecting: Connecting,
    from: SocketAddr,
    _handshake: OwnedSemaphorePermit,
}

impl Listener {
    /// Takes a socket, such as [`hub_socket`](super::hub_socket) makes. It is made non-blocking.
    ///
    /// # Errors
    /// [`Problem::System`] where the runtime cannot register it.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O or time.
    pub fn new(key: &Key, socket: UdpSocket) -> Result<Self, Problem> {
        let config = config::server(key)?;
        let port = socket.local_addr().map_err(Problem::System)?.port();
        let endpoint = endpoint(config::hub_endpoint(key, port)?, Some(config.clone()), socket)?;
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        let near = Arc::new(config.clone());
        let mut made = Listener { endpoint, config, near, connections: CONNECTIONS, handshakes, waiting: None };
        made.acknowledgements(Acknowledgements::default());
        Ok(made)
    }

    /// How many connections there may be.
    pub fn limit(&mut self, connections: usize) {
        self.connections = connections;
    }

    /// How often the members who come from now on acknowledge; for those who are here it stays as it was.
    pub fn acknowledgements(&mut self, how: Acknowledgements) {
        let mut near = self.config.clone();
        near.transport_config(Arc::new(config::hub(how, config::LOOPBACK)));
        self.near = Arc::new(near);
        self.config.transport_config(Arc::new(config::hub(how, config::ETHERNET)));
        self.endpoint.set_server_config(Some(self.config.clone()));
    }

    /// The next one whose address is validated: every first packet without a token of ours is answered with Retry, which is shorter than it. `None` when
    /// the endpoint is closed. Dropped while it waits, it loses nobody.
    ///
    /// [Finish](Arrival::finish) each in a task of its own.
    pub async fn next(&mut self) -> Option<Arrival> {
        loop {
            let incoming = match self.waiting.take() {
                Some(incoming) => incoming,
                None => self.endpoint.accept().await?,
            };
            if !incoming.remote_address_validated() {
                // Without a valid token Retry is always allowed; were it not, nothing is answered.
                incoming.retry().unwrap_or_else(|e| e.into_incoming().ignore());
                continue;
            }
            if self.endpoint.open_connections() >= self.connections {
                incoming.refuse();
                continue;
            }
            self.waiting = Some(incoming);
            let handshake = self.handshakes.clone().acquire_owned().await.ok()?;
            let incoming = self.waiting.take()?;
            let from = incoming.remote_address();
            // One that fails here was no proper first packet, or waited for too long.
            let accepted =
                if config::is_near(from) { incoming.accept_with(self.near.clone()) } else { incoming.accept() };
            if let Ok(connecting) = accepted {
                return Some(Arrival { connecting, from, _handshake: handshake });
            }
        }
    }

    /// The endpoint: its address, to close it, and to wait until the members know.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Arrival {
    /// Who comes.
    pub fn from(&self) -> SocketAddr {
        self.from
    }

    /// Shakes hands; within [`HANDSHAKE`]. The device has proved to have its key.
    ///
    /// # Errors
    /// [`Problem::NoAnswer`], [`Problem::NotTalk`], [`Problem::Handshake`].
    pub async fn finish(self) -> Result<(Connection, Device), Problem> {
        let at = self.from;
        match tokio::time::timeout(HANDSHAKE, self.connecting).await {
            Err(_) => Err(Problem::NoAnswer { at, within: HANDSHAKE }),
            Ok(Err(error)) => Err(failed(at, &error)),
            Ok(Ok(connection)) => match peer(&connection) {
                Some(device) => Ok((connection, device)),
                None => Err(Problem::Handshake { at, reason: "no key was shown".to_owned() }),
            },
        }
    }
}
