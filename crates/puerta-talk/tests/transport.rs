//! Handshakes with the right, the wrong and any key; bounds of what a connection may do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod listener;
mod strangers;

use listener::Listener;
use puerta_talk::identity::Key;
use puerta_talk::problem::Problem;
use puerta_talk::room::ids::Device;
use puerta_talk::transport::{
    Acknowledgements, Dialer, Event, Expected, Peer, SEND_WINDOW, STREAM_WINDOW, hub_socket, member_socket, peer,
};
use quinn::crypto::rustls::QuicServerConfig;
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use strangers::{client, key, tls};

const LIMIT: Duration = Duration::from_secs(20);

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what).await.expect("within 20 s")
}

fn listener(key: &Key) -> (Listener, SocketAddr) {
    let listener = Listener::new(key, hub_socket((Ipv4Addr::LOCALHOST, 0).into()).unwrap().socket);
    let address = listener.door.address().unwrap();
    (listener, address)
}

fn dialer(key: &Key) -> Dialer {
    Dialer::new(key, member_socket().unwrap()).unwrap()
}

type Arrived = Result<(Peer, Device), Problem>;
type Joined = Result<(quinn::Connection, Device), Problem>;

/// Who comes to a hub, or why nobody does.
async fn arrival(listener: &mut Listener) -> Result<(Peer, Device), Problem> {
    match listener.next().await {
        Event::Joined(peer, device) => Ok((peer, device)),
        Event::Failed(problem) => Err(problem),
        other => panic!("{other:?}"),
    }
}

/// What the hub and the member see of one handshake. The hub goes on until both have seen its end.
async fn shake(listener: &mut Listener, dialer: &Dialer, at: SocketAddr, expected: Expected) -> (Arrived, Joined) {
    let mut came = None;
    let here = in_time(async {
        let mut here = std::pin::pin!(dialer.connect(at, expected));
        loop {
            tokio::select! {
                there = arrival(listener) => came = Some(there),
                here = &mut here => break here,
            }
        }
    });
    let here = here.await;
    let there = match came {
        Some(there) => there,
        None => in_time(arrival(listener)).await,
    };
    (there, here)
}

#[tokio::test]
async fn both_ends_learn_the_key_of_the_other() {
    let (hub, member) = (Key::generate().unwrap(), Key::generate().unwrap());
    assert_ne!(hub.device(), member.device());
    for expected in [Expected::Key(hub.device()), Expected::Any] {
        let (mut listener, at) = listener(&hub);
        let (there, here) = shake(&mut listener, &dialer(&member), at, expected).await;
        let ((_, came), (here, shown)) = (there.unwrap(), here.unwrap());
        assert_eq!(came, member.device());
        assert_eq!(shown, hub.device());
        assert_eq!(peer(&here), Some(hub.device()));
    }
}

#[tokio::test]
async fn another_key_than_expected_ends_the_handshake_and_both_are_told() {
    let (hub, member, other) = (Key::generate().unwrap(), Key::generate().unwrap(), Key::generate().unwrap());
    let (mut listener, at) = listener(&hub);
    let (there, here) = shake(&mut listener, &dialer(&member), at, Expected::Key(other.device())).await;
    let problem = here.unwrap_err();
    match &problem {
        Problem::WrongKey { expected, shown, .. } => {
            assert_eq!((*expected, *shown), (other.device(), hub.device()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(problem.status(), 6);
    assert!(matches!(there, Err(Problem::Handshake { .. })), "{there:?}");
}

#[tokio::test]
async fn a_member_reaches_a_hub_on_either_family() {
    let (hub, member) = (Key::generate().unwrap(), Key::generate().unwrap());
    let socket = hub_socket((Ipv6Addr::UNSPECIFIED, 0).into()).unwrap();
    let mut listener = Listener::new(&hub, socket.socket);
    let port = listener.door.address().unwrap().port();
    let dialer = dialer(&member);
    let mut hosts: Vec<std::net::IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
    if !socket.ipv6_off {
        hosts.push(Ipv6Addr::LOCALHOST.into());
    }
    for host in hosts {
        let expected = Expected::Key(hub.device());
        let (there, here) = shake(&mut listener, &dialer, (host, port).into(), expected).await;
        assert_eq!((there.unwrap().1, here.as_ref().unwrap().1), (member.device(), hub.device()), "{host}");
        drop(here);
        assert!(matches!(in_time(listener.next()).await, Event::Closed(_)));
    }
}

#[test]
fn two_hubs_never_share_a_port() {
    let first = hub_socket((Ipv4Addr::LOCALHOST, 0).into()).unwrap().socket;
    let error = hub_socket(first.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.name(), "EADDRINUSE");
    assert_eq!(Problem::from(error).status(), 5);
}

/// How a member by hand is seen off: `change` may take away what ours always has.
async fn stranger(at: SocketAddr, change: impl FnOnce(&mut rustls::ClientConfig)) -> quinn::ConnectionError {
    let mut config = tls();
    change(&mut config);
    let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    match endpoint.connect_with(client(config), at, "hub").unwrap().await {
        // TLS 1.3: the client is done before the server has looked at its key.
        Ok(connection) => connection.closed().await,
        Err(error) => error,
    }
}

#[tokio::test]
async fn who_shows_no_key_is_no_member() {
    for silent in [false, true] {
        let (mut listener, at) = listener(&Key::generate().unwrap());
        let here = stranger(at, |config| {
            if silent {
                config.client_auth_cert_resolver = Arc::new(Silent);
            }
        });
        let nobody = async {
            loop {
                arrival(&mut listener).await.unwrap_err();
            }
        };
        let here = in_time(async {
            tokio::select! {
                never = nobody => never,
                here = here => here,
            }
        })
        .await;
        let quinn::ConnectionError::ConnectionClosed(close) = &here else { panic!("{here:?}") };
        // TLS alerts (RFC 8446, section 6): handshake_failure, certificate_required.
        let alert = if silent { 116 } else { 40 };
        assert_eq!(close.error_code, quinn::TransportErrorCode::crypto(alert), "{here:?}");
    }
}

#[tokio::test]
async fn another_protocol_is_told_apart_from_a_hub() {
    let (mut listener, at) = listener(&Key::generate().unwrap());
    let other = stranger(at, |config| config.alpn_protocols = vec![b"h3".to_vec()]);
    let error = in_time(async {
        tokio::select! {
            error = other => error,
            never = async {
                loop {
                    arrival(&mut listener).await.unwrap_err();
                }
            } => never,
        }
    })
    .await;
    let quinn::ConnectionError::ConnectionClosed(close) = &error else { panic!("{error:?}") };
    assert_eq!(close.error_code, quinn::TransportErrorCode::crypto(120), "{error:?}");

    let server = web_server(stolen(Key::generate().unwrap().device()), b"h3");
    let at = server.local_addr().unwrap();
    let dialer = dialer(&Key::generate().unwrap());
    let web = async { server.accept().await.unwrap().await.err() };
    let (_, here) = in_time(async { tokio::join!(web, dialer.connect(at, Expected::Any)) }).await;
    let problem = here.unwrap_err();
    assert!(matches!(problem, Problem::NotTalk { .. }), "{problem:?}");
    assert_eq!(problem.status(), 6);
}

#[tokio::test]
async fn a_full_hub_says_so() {
    let hub = Key::generate().unwrap();
    let (mut listener, at) = listener(&hub);
    listener.server.limit(1);
    let dialer = dialer(&Key::generate().unwrap());
    let (there, first) = shake(&mut listener, &dialer, at, Expected::Any).await;
    let (_there, _first) = (there.unwrap(), first.unwrap());
    let second = in_time(async {
        tokio::select! {
            event = listener.next() => panic!("{event:?}"),
            done = dialer.connect(at, Expected::Any) => done,
        }
    })
    .await;
    assert!(matches!(second, Err(Problem::HubFull { .. })), "{second:?}");
}

#[tokio::test]
async fn an_attempt_that_nobody_answers_ends_in_its_time_and_its_first_packet_was_sent_twice() {
    let trap = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    trap.set_nonblocking(true).unwrap();
    let at = trap.local_addr().unwrap();
    let dialer = dialer(&Key::generate().unwrap());
    let answer = Duration::from_millis(300);
    let done = in_time(dialer.attempt(at, Expected::Any, answer)).await;
    assert!(matches!(done, Err(Problem::NoAnswer { within, .. }) if within == answer), "{done:?}");
    let mut buffer = [0; 2048];
    let packets: Vec<Vec<u8>> =
        std::iter::from_fn(|| trap.recv(&mut buffer).ok().map(|n| buffer.get(..n).unwrap().to_vec())).collect();
    // Then it may have said that it gives up.
    assert!((2..=4).contains(&packets.len()), "{} packets", packets.len());
    assert_eq!(packets.first(), packets.get(1));
}

/// The key of `victim` shown by somebody who does not have it.
fn stolen(victim: Device) -> Arc<rustls::sign::CertifiedKey> {
    let spki = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], &victim.0[..]].concat();
    Arc::new(rustls::sign::CertifiedKey::new(vec![spki.into()], key()))
}

#[tokio::test]
async fn a_key_that_is_shown_but_not_had_is_not_believed() {
    let victim = Key::generate().unwrap().device();
    let server = web_server(stolen(victim), b"puerta-talk/1");
    let at = server.local_addr().unwrap();
    let dialer = dialer(&Key::generate().unwrap());
    for expected in [Expected::Key(victim), Expected::Any] {
        let fake = async { server.accept().await.unwrap().await.err() };
        let (_, here) = in_time(async { tokio::join!(fake, dialer.connect(at, expected)) }).await;
        assert!(matches!(here, Err(Problem::Handshake { .. })), "{here:?}");
    }

    let (mut listener, at) = listener(&Key::generate().unwrap());
    let fake = stranger(at, |config| {
        let resolver = rustls::client::AlwaysResolvesClientRawPublicKeys::new(stolen(victim));
        config.client_auth_cert_resolver = Arc::new(resolver);
    });
    let there = in_time(async {
        let mut fake = std::pin::pin!(fake);
        tokio::select! {
            there = arrival(&mut listener) => there,
            // It may be told before the hub tells us.
            _ = &mut fake => arrival(&mut listener).await,
        }
    })
    .await;
    assert!(matches!(there, Err(Problem::Handshake { .. })), "{there:?}");
}

/// A server that asks for no key of its clients.
fn web_server(shown: Arc<rustls::sign::CertifiedKey>, protocol: &[u8]) -> quinn::Endpoint {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::server::AlwaysResolvesServerRawPublicKeys::new(shown)));
    config.alpn_protocols = vec![protocol.to_vec()];
    let config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config).unwrap()));
    quinn::Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap()
}

/// One connection that stands: the hub, its end, the member's end, and what keeps that.
async fn connection(how: Acknowledgements) -> (Listener, Peer, quinn::Connection, Dialer) {
    let (mut listener, at) = listener(&Key::generate().unwrap());
    listener.server.acknowledgements(how);
    let dialer = dialer(&Key::generate().unwrap());
    let (there, here) = shake(&mut listener, &dialer, at, Expected::Any).await;
    (listener, there.unwrap().0, here.unwrap().0, dialer)
}

/// What a member does, while the hub serves; and what comes to the hub meanwhile.
async fn meanwhile<T>(listener: &mut Listener, events: &mut Vec<Event>, what: impl Future<Output = T>) -> T {
    let mut what = std::pin::pin!(what);
    in_time(async {
        loop {
            tokio::select! {
                event = listener.next() => events.push(event),
                done = &mut what => return done,
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_member_has_one_stream_and_no_datagrams() {
    let (mut listener, _, member, _dialer) = connection(Acknowledgements::Usual).await;
    assert_eq!(member.max_datagram_size(), None);
    let mut events = Vec::new();
    let _stream = meanwhile(&mut listener, &mut events, member.open_bi()).await.unwrap();
    let mut asked = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::pin::pin!(member.open_bi()).poll(&mut asked).is_pending());
    assert!(std::pin::pin!(member.open_uni()).poll(&mut asked).is_pending());
}

/// Bytes of the member's stream that came to the hub.
fn read(events: &[Event]) -> Vec<u8> {
    let bytes = events.iter().filter_map(|event| match event {
        Event::Read(_, bytes) => Some(&bytes[..]),
        _ => None,
    });
    bytes.flatten().copied().collect()
}

#[tokio::test]
async fn bytes_pass_both_ways_and_what_is_not_read_stays_within_the_windows() {
    for how in [Acknowledgements::Usual, Acknowledgements::Sparse] {
        let (mut listener, peer, member, _dialer) = connection(how).await;
        let mut events = Vec::new();
        let (mut to_hub, mut from_hub) = meanwhile(&mut listener, &mut events, member.open_bi()).await.unwrap();
        let long = [7; 2 * STREAM_WINDOW as usize];
        meanwhile(&mut listener, &mut events, to_hub.write_all(&long)).await.unwrap();
        while read(&events).len() < long.len() {
            events.push(in_time(listener.next()).await);
        }
        assert_eq!(read(&events), long);
        let mut left = bytes::Bytes::from(vec![9; 8 * SEND_WINDOW as usize]);
        let mut got = vec![0; left.len()];
        let mut reading = Box::pin(from_hub.read_exact(&mut got));
        in_time(async {
            while listener.server.write(peer, &mut left).is_pending() {
                tokio::select! {
                    event = listener.next() => assert!(matches!(event, Event::Writable(_)), "{event:?}"),
                    read = &mut reading => panic!("{read:?}"),
                }
            }
        })
        .await;
        meanwhile(&mut listener, &mut events, reading).await.unwrap();
        assert!(got.iter().all(|byte| *byte == 9), "{how:?}");
        // Nobody reads: what the sender keeps is bounded.
        let big = 8 * SEND_WINDOW as usize;
        let mut left = bytes::Bytes::from(vec![9; big]);
        assert!(listener.server.write(peer, &mut left).is_pending());
        assert!(big - left.len() <= SEND_WINDOW as usize, "{}", left.len());
    }
}

#[tokio::test]
async fn who_was_cut_off_is_gone_once_and_a_new_one_is_another() {
    let (mut listener, first, member, dialer) = connection(Acknowledgements::Usual).await;
    listener.server.close(std::time::Instant::now(), first, 9, b"enough");
    listener.server.close(std::time::Instant::now(), first, 9, b"enough");
    let mut events = Vec::new();
    let closed = meanwhile(&mut listener, &mut events, member.closed()).await;
    assert!(matches!(&closed, quinn::ConnectionError::ApplicationClosed(why) if why.reason == "enough"), "{closed:?}");
    assert!(matches!(events[..], [Event::Closed(peer)] if peer == first), "{events:?}");
    let at = listener.door.address().unwrap();
    let (second, _member) = shake(&mut listener, &dialer, at, Expected::Any).await;
    assert!(second.unwrap().0 > first);
    assert!(matches!(listener.server.write(first, &mut "x".into()), std::task::Poll::Ready(false)));
}

/// Understands raw keys, and shows none.
#[derive(Debug)]
struct Silent;

impl rustls::client::ResolvesClientCert for Silent {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}
