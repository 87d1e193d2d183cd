//! The same over TLS.

use crate::client::{LIMIT, get};
use crate::common::{Folder, How, Served, pattern};
use puerta_serve::http1::Limits;
use puerta_serve::server::Settings;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn certificate() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    (Arc::new(server), Arc::new(client.with_root_certificates(roots).with_no_client_auth()))
}

pub(crate) fn connect(served: &Served, client: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let stream = TcpStream::connect(served.at).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(client.clone(), name).unwrap(), stream)
}

#[test]
fn requests_over_tls_are_answered_in_order_with_large_files_and_ranges() {
    let big = pattern(3_000_000);
    let folder = Folder::new().with("a.txt", "alpha").with("big", &big);
    let (server, client) = certificate();
    let served = Served::new(folder, How { tls: Some(server), ..How::default() });
    let mut stream = connect(&served, &client);
    let range = "GET /big HTTP/1.1\r\nHost: a\r\nRange: bytes=1000000-1999999\r\n\r\n";
    let last = get("/a.txt").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream.write_all([&get("/a.txt"), &get("/big"), range, &last].concat().as_bytes()).unwrap();
    let mut came = Vec::new();
    // close_notify came, or this would be an error.
    stream.read_to_end(&mut came).unwrap();
    let mut rest = &came[..];
    let mut body = |length: usize| {
        let start = rest.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let body = &rest[start..start + length];
        rest = &rest[start + length..];
        body
    };
    assert_eq!(body(5), b"alpha");
    assert!(body(3_000_000) == big, "the file came changed");
    assert!(body(1_000_000) == &big[1_000_000..2_000_000], "the range came changed");
    assert_eq!(body(5), b"alpha");
    assert!(rest.is_empty());
}

#[test]
fn a_handshake_that_does_not_come_is_not_waited_for() {
    let limits = Limits { head_time: Duration::from_millis(50), ..Limits::default() };
    let (server, _) = certificate();
    let served = Served::new(Folder::new(), How { tls: Some(server), limits, ..How::default() });
    served.client().assert_end();
}

#[test]
fn who_finds_no_place_over_tls_is_disconnected_without_a_word_in_the_clear() {
    let (server, client) = certificate();
    let settings = Settings { per_address: 1, ..Settings::default() };
    let served = Served::new(Folder::new(), How { tls: Some(server), settings, ..How::default() });
    let mut first = connect(&served, &client);
    first.write_all(get("/none").as_bytes()).unwrap();
    first.read_exact(&mut [0; 12]).unwrap();
    served.client().assert_end();
    assert!(served.event().contains("1 connections from 127.0.0.1"));
}
