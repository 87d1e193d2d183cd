//! How QUIC and TLS are set: limits, windows, times.

use super::{tls, tokens};
use crate::identity::{Key, random};
use crate::problem::Problem;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    AckFrequencyConfig, ClientConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, MtuDiscoveryConfig,
    ServerConfig, TransportConfig, ValidationTokenConfig, VarInt,
};
use ring::hmac;
use rustls::SignatureScheme;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The protocol's name in TLS (RFC 7301). Another version has another name.
pub const ALPN: &[u8] = b"puerta-talk/1";

/// Bytes that a member may send on its stream before the hub has read them: 16 KiB.
pub const STREAM_WINDOW: u32 = 16 << 10;
/// The same for all of a connection: 32 KiB.
pub const CONNECTION_WINDOW: u32 = 32 << 10;
/// Bytes that either side keeps of what it sent, until the other has acknowledged them: 128 KiB.
pub const SEND_WINDOW: u32 = 128 << 10;
/// Bytes that the hub may send before a member has read them: 1 MiB. A member says so each time it has read an eighth of this: were
/// it as small as what the hub keeps, every other packet of a busy room would be answered by one that tells of the window alone.
pub const MEMBER_WINDOW: u32 = 1 << 20;
/// Bytes of TLS that may arrive out of order: 8 KiB. A handshake with raw keys has less than 1 KiB.
pub const CRYPTO_BUFFER: usize = 8 << 10;

/// A connection on which nothing came for so long is over: 10 s. Up to 20 s where something was sent to the silent end in the meantime, since
/// that begins the time anew once (RFC 9000, section 10.1).
pub const IDLE: Duration = Duration::from_secs(10);
/// A member says so often that it is still there, when it has nothing else to say: 4 s. Two such packets may get lost.
pub const KEEP_ALIVE: Duration = Duration::from_secs(4);

/// What a round trip is taken for before one was measured: 100 ms, so a first packet that got lost is sent again after 300 ms.
/// QUIC's 333 ms (RFC 9002, section 6.2.2) is a second without a word; where the way is longer, one packet more is sent.
pub(super) const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);

/// Handshakes that are under way at a time: 256, some 8 MiB. Who comes above waits. From half of them on, one address of IPv4 or
/// /64 of IPv6 has an eighth at most, unless it is this machine.
pub const HANDSHAKES: usize = 256;
/// How long a handshake may take: 10 s.
pub const HANDSHAKE: Duration = IDLE;
/// Who has not opened its stream and said a whole frame after this time is cut off: 10 s.
pub const HELLO: Duration = Duration::from_secs(10);
/// Connections of a hub, unless it [says otherwise](super::Server::limit): 4,096. Who comes above is told that it is full.
pub const CONNECTIONS: usize = 4096;

/// First packets that wait for the hub: 1,024, and from half of them on an eighth of one source, as of [`HANDSHAKES`]. What comes above is dropped; members send theirs again.
pub const INCOMING: usize = 1024;
/// Bytes that are kept of what follows one of these packets: 4 KiB.
pub const INCOMING_BUFFER: u64 = 4 << 10;
/// The same for all of them: 1 MiB.
pub const INCOMING_BUFFERS: u64 = 1 << 20;

/// The pause between two stateless resets, whoever they are for: 5 ms. Each is shorter than what it answers.
const RESETS: Duration = Duration::from_millis(5);

/// QUIC version 1 (RFC 9000) alone: drafts would make the answer to an unknown version longer.
const VERSIONS: [u32; 1] = [1];
/// The largest UDP payload that is looked for on a way that may be Ethernet, in bytes.
pub(super) const ETHERNET: u16 = 1452;
/// The same on this machine, whose loopback device takes 64 KiB: what many say at once goes in one packet.
pub(super) const LOOPBACK: u16 = 16_336;

/// A busy hub's members acknowledge every 11th packet, or after their `max_ack_delay` (25 ms).
const SPARSE: u32 = 10;

/// How often members acknowledge what the hub sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acknowledgements {
    /// Every other packet, as QUIC has it (RFC 9000, section 13.2.2).
    #[default]
    Usual,
    /// After ten packets that were not acknowledged (draft-ietf-quic-ack-frequency): less work for a hub that sends a lot.
    Sparse,
}

/// For members: the version, and a random key for stateless resets.
pub(super) fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.supported_versions(VERSIONS.to_vec());
    take_large(&mut config);
    config
}

/// For a hub: its stateless resets (RFC 9000, section 10.3) have a key that is the same after a restart, so that members of a
/// hub that was killed come again at once, and not after [`IDLE`].
pub(super) fn hub_endpoint(key: &Key, port: u16) -> Result<EndpointConfig, Problem> {
    let mut config = EndpointConfig::new(Arc::new(reset_key(key, port)?));
    config.supported_versions(VERSIONS.to_vec()).min_reset_interval(RESETS);
    take_large(&mut config);
    // quinn's own IDs are only those of this process to it: no reset would be sent for those of the one before.
    config.cid_generator(|| Box::new(Ids));
    Ok(config)
}

/// What comes may be as large as is looked for on this machine. Of the memory that quinn sets aside, only what is filled is taken.
fn take_large(config: &mut EndpointConfig) {
    // Refused below 1,200 alone.
    let _ = config.max_udp_payload_size(LOOPBACK);
}

/// What only the holder of the device key can make, and anew: its signature (RFC 8032 has no randomness in it) of words that TLS
/// never signs. Hubs on other ports have other keys, so that none resets the connections of another.
fn reset_key(key: &Key, port: u16) -> Result<hmac::Key, Problem> {
    let words = format!("puerta-talk stateless reset, port {port}");
    let certified = key.certified();
    let signer = certified.key.choose_scheme(&[SignatureScheme::ED25519]);
    let signature = signer.ok_or(Problem::Random)?.sign(words.as_bytes()).map_err(unsuitable)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &signature))
}

/// Connection IDs of a hub: random bytes. Any ID may be one of the process before, so none is passed by without a reset.
struct Ids;

/// Bytes of a hub's connection IDs.
const ID: usize = 8;

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        // Without randomness no handshake was possible either.
        ConnectionId::new(&random::<ID>().unwrap_or_default())
    }

    fn cid_len(&self) -> usize {
        ID
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// For a hub, but for what [`hub`] sets.
pub(super) fn server(key: &Key) -> Result<ServerConfig, Problem> {
    let crypto = QuicServerConfig::try_from(tls::server(key)?).map_err(unsuitable)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    // A member that moves to another address comes again: an address that was not validated gets nothing.
    config.migration(false);
    config.max_incoming(INCOMING).incoming_buffer_size(INCOMING_BUFFER).incoming_buffer_size_total(INCOMING_BUFFERS);
    let mut validation = ValidationTokenConfig::default();
    validation.sent(tokens::SENT).lifetime(tokens::LIFETIME).log(Arc::new(tokens::Used::default()));
    config.validation_token_config(validation);
    Ok(config)
}

/// For a member: one connection to `hub`, whose verifier is `verifier`, with the tokens of those before.
/// `first` is what a round trip is taken for before one was measured.
pub(super) fn client(
    key: &Key,
    hub: SocketAddr,
    verifier: Arc<tls::HubKey>,
    kept: Arc<tokens::Kept>,
    first: Duration,
) -> Result<ClientConfig, Problem> {
    let crypto = QuicClientConfig::try_from(tls::client(key, verifier)?).map_err(unsuitable)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    let largest = if is_near(hub) { LOOPBACK } else { ETHERNET };
    config.token_store(kept).transport_config(Arc::new(member(first, largest)));
    Ok(config)
}

/// Whether somebody is on this machine.
pub(super) fn is_near(who: SocketAddr) -> bool {
    who.ip().to_canonical().is_loopback()
}

/// For a hub's connections, whose packets have at most so many bytes.
pub(super) fn hub(acknowledgements: Acknowledgements, largest: u16) -> TransportConfig {
    let mut config = common(largest);
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW));
    if acknowledgements == Acknowledgements::Sparse {
        let mut sparse = AckFrequencyConfig::default();
        sparse.ack_eliciting_threshold(VarInt::from_u32(SPARSE));
        config.ack_frequency_config(Some(sparse));
    }
    config
}

fn member(first: Duration, largest: u16) -> TransportConfig {
    let mut config = common(largest);
    config
        .initial_rtt(first)
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(MEMBER_WINDOW))
        .receive_window(VarInt::from_u32(MEMBER_WINDOW))
        .keep_alive_interval(Some(KEEP_ALIVE));
    config
}

/// GSO stays on. The MTU is looked for from the 1,200 bytes that QUIC can rely on.
fn common(largest: u16) -> TransportConfig {
    let mut config = TransportConfig::default();
    let mut search = MtuDiscoveryConfig::default();
    search.upper_bound(largest);
    config
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .send_window(u64::from(SEND_WINDOW))
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        .crypto_buffer_size(CRYPTO_BUFFER)
        .initial_rtt(FIRST_ROUND_TRIP)
        .max_idle_timeout(Some(VarInt::from_u32(IDLE.as_millis() as u32).into()))
        .mtu_discovery_config(Some(search))
        .enable_segmentation_offload(true);
    config
}

/// The provider has what QUIC needs; were it otherwise, no command could run.
pub(super) fn unsuitable(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::System(io::Error::other(error))
}
