//! A member comes to a hub.

use super::tls::HubKey;
use super::tokens::Kept;
use super::{config, endpoint, failed, peer};
use crate::identity::Key;
use crate::problem::Problem;
use crate::room::ids::Device;
use puerta::{Ip, Socket, Udp};
use quinn::{ClientConfig, ConnectError, Connection, Endpoint, EndpointConfig};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// Which key the hub has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This one: from an invite, or remembered.
    Key(Device),
    /// Any. Nothing may be said to the hub before somebody has agreed to the key that it has shown.
    Any,
}

/// Makes connections from one UDP socket.
#[derive(Debug, Clone)]
pub struct Dialer {
    endpoint: Endpoint,
    key: Key,
    tokens: Arc<Kept>,
}

/// TLS wants a name for the peer. It is neither sent nor checked: the key is.
pub const NAME: &str = "hub";

/// What a [`Dialer`] gives to QUIC for one connection without tokens of earlier ones: for those who run QUIC in a loop of their own.
///
/// # Errors
/// [`Problem::System`]: never with the provider of this crate.
pub fn member_config(key: &Key, to: SocketAddr, expected: Expected) -> Result<(EndpointConfig, ClientConfig), Problem> {
    let verifier = Arc::new(HubKey::new(expected));
    let client = config::client(key, to, verifier, Arc::default(), config::FIRST_ROUND_TRIP)?;
    Ok((config::endpoint(), client))
}

impl Dialer {
    /// Takes a socket, such as [`member_socket`](super::member_socket) makes. It is made non-blocking.
    ///
    /// # Errors
    /// [`Problem::System`] where the runtime cannot register it.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O or time.
    pub fn new(key: &Key, socket: UdpSocket) -> Result<Self, Problem> {
        let endpoint = endpoint(config::endpoint(), socket)?;
        Ok(Dialer { endpoint, key: key.clone(), tokens: Arc::default() })
    }

    /// Connects and shakes hands; within [`IDLE`](super::IDLE), 10 s. Dropped while it waits, it leaves nothing open.
    ///
    /// # Errors
    /// [`Problem::WrongKey`] where another key was shown than expected (who showed it may not have it: the proof is not waited for);
    /// [`Problem::NoAnswer`], [`Problem::HubFull`], [`Problem::NotTalk`], [`Problem::Handshake`]; [`Problem::Socket`] where no way
    /// leads there.
    pub async fn connect(&self, to: SocketAddr, expected: Expected) -> Result<(Connection, Device), Problem> {
        self.dial(to, expected, None).await
    }

    /// The same; but when nobody has answered within `answer`, it ends, and the first packet is not sent again before that: for
    /// attempts that overlap.
    ///
    /// # Errors
    /// As of [`connect`](Self::connect).
    pub async fn attempt(
        &self,
        to: SocketAddr,
        expected: Expected,
        answer: Duration,
    ) -> Result<(Connection, Device), Problem> {
        self.dial(to, expected, Some(answer)).await
    }

    async fn dial(
        &self,
        to: SocketAddr,
        expected: Expected,
        answer: Option<Duration>,
    ) -> Result<(Connection, Device), Problem> {
        // QUIC would try for 10 s where the kernel knows that there is no route.
        Socket::<Udp>::new(Ip::of(&to))?.connect(&to)?;
        let verifier = Arc::new(HubKey::new(expected));
        // QUIC repeats its first packet after three round trips.
        let first = answer.map_or(config::FIRST_ROUND_TRIP, |answer| answer / 2);
        let client = config::client(&self.key, to, verifier.clone(), self.tokens.clone(), first)?;
        let mut connecting = self.endpoint.connect_with(client, to, NAME).map_err(|error| refused(to, &error))?;
        let within = config::IDLE;
        let joined = tokio::time::timeout(within, async {
            if let Some(answer) = answer
                && tokio::time::timeout(answer, connecting.handshake_data()).await.is_err()
            {
                return Err(Problem::NoAnswer { at: to, within: answer });
            }
            connecting.await.map_err(|error| match verifier.wrong() {
                Some((expected, shown)) => Problem::WrongKey { at: to, expected, shown },
                None => failed(to, &error),
            })
        });
        let connection = joined.await.unwrap_or(Err(Problem::NoAnswer { at: to, within }))?;
        match peer(&connection) {
            Some(device) => Ok((connection, device)),
            None => Err(Problem::Handshake { at: to, reason: "no key was shown".to_owned() }),
        }
    }

    /// The endpoint: to close it, and to wait until the peers know.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

fn refused(at: SocketAddr, error: &ConnectError) -> Problem {
    Problem::Handshake { at, reason: error.to_string() }
}
