//! A member's side by hand, which may do what ours never does.

#![allow(dead_code, reason = "each test uses a part")]

use quinn::crypto::rustls::QuicClientConfig;
use std::sync::Arc;

/// What it says in TLS; it shows no key.
pub(crate) fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"puerta-talk/1".to_vec()];
    config
}

/// The same, with a key of its own.
pub(crate) fn with_key() -> rustls::ClientConfig {
    let shown = key().public_key().unwrap().to_vec();
    let shown = Arc::new(rustls::sign::CertifiedKey::new(vec![shown.into()], key()));
    let mut config = tls();
    config.client_auth_cert_resolver = Arc::new(rustls::client::AlwaysResolvesClientRawPublicKeys::new(shown));
    config
}

/// It on QUIC, with the usual windows and times.
pub(crate) fn client(config: rustls::ClientConfig) -> quinn::ClientConfig {
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()))
}

/// A key that everybody knows.
pub(crate) fn key() -> Arc<dyn rustls::sign::SigningKey> {
    rustls::crypto::ring::sign::any_eddsa_type(&PKCS8.as_slice().into()).unwrap()
}

/// RFC 8410, section 10.3: a key that everybody knows.
const PKCS8: [u8; 48] = {
    let mut der = [0x42; 48];
    let head = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let mut i = 0;
    while i < head.len() {
        der[i] = head[i];
        i += 1;
    }
    der
};

/// Believes everybody.
#[derive(Debug)]
struct Anybody;

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
