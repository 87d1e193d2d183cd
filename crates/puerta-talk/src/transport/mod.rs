//! Rooms over QUIC (RFC 9000, RFC 9001): UDP, TLS 1.3, raw public keys (RFC 7250).
//!
//! Both ends show their device key and prove that they have it. A hub [listens](listen()) with a loop of its own over all its
//! [connections](Server): it answers the first packet of an address with Retry (RFC 9000, section 8.1.2), so that nobody gets more
//! bytes from it than he sent before he has shown that the address is his. A member [dials](Dialer), and says [which key](Expected)
//! it expects.

mod config;
mod dial;
mod listen;
mod server;
mod socket;
mod timers;
mod tls;
mod tokens;
mod twice;
mod watch;

pub use config::{
    ALPN, Acknowledgements, CONNECTION_WINDOW, CONNECTIONS, CRYPTO_BUFFER, HANDSHAKE, HANDSHAKES, HELLO, IDLE,
    INCOMING, INCOMING_BUFFER, INCOMING_BUFFERS, KEEP_ALIVE, MEMBER_WINDOW, SEND_WINDOW, STREAM_WINDOW,
};
pub use dial::{Dialer, Expected, NAME, member_config};
pub use listen::{Door, Wait, listen};
pub use server::{Counts, Event, Peer, Server, Sink};
pub use socket::{BUFFER, HubSocket, hub_socket, member_socket};
pub use twice::{ADDRESSES, COPIES, YOUNG};
pub use watch::{LOOK, Watch};

use crate::problem::Problem;
use crate::room::ids::Device;
use quinn::{Connection, ConnectionError, Endpoint, EndpointConfig, Runtime, TokioRuntime, TransportErrorCode};
use rustls::pki_types::CertificateDer;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

/// What a hub says to its members when it ends, as the reason of QUIC's close.
pub const CLOSED: &[u8] = b"the hub was stopped";

/// Whether a connection ended because its hub did, and said so.
pub fn was_closed(connection: &Connection) -> bool {
    matches!(connection.close_reason(), Some(ConnectionError::ApplicationClosed(close)) if close.reason == CLOSED)
}

/// The device key that the peer has shown, and proved to have, in the handshake.
pub fn peer(connection: &Connection) -> Option<Device> {
    let shown = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    tls::device(shown.first()?)
}

/// QUIC on a member's socket.
fn endpoint(config: EndpointConfig, socket: UdpSocket) -> Result<Endpoint, Problem> {
    let runtime = Arc::new(TokioRuntime);
    let socket = twice::Twice::new(runtime.wrap_udp_socket(socket).map_err(Problem::System)?);
    Endpoint::new_with_abstract_socket(config, None, socket, runtime).map_err(Problem::System)
}

/// The alert of TLS that says that no protocol is common to both (RFC 7301, section 3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// Why a handshake with `at` failed.
fn failed(at: SocketAddr, error: &ConnectionError) -> Problem {
    let code = match error {
        ConnectionError::TransportError(ours) => Some(ours.code),
        ConnectionError::ConnectionClosed(theirs) => Some(theirs.error_code),
        _ => None,
    };
    match error {
        ConnectionError::TimedOut => Problem::NoAnswer { at, within: IDLE },
        ConnectionError::VersionMismatch => Problem::NotTalk { at },
        _ if code == Some(TransportErrorCode::CONNECTION_REFUSED) => Problem::HubFull { at },
        _ if code == Some(TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL)) => Problem::NotTalk { at },
        other => Problem::Handshake { at, reason: other.to_string() },
    }
}
