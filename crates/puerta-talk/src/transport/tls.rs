//! TLS 1.3 with raw public keys (RFC 7250): each side shows its device key; there are no certificates and no names.

use super::config::{ALPN, unsuitable};
use super::dial::Expected;
use crate::identity::{Key, device_of};
use crate::problem::Problem;
use crate::room::ids::Device;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, ServerConfig,
    SignatureScheme, version,
};
use std::sync::{Arc, OnceLock};

/// The hub's side.
pub(super) fn server(key: &Key) -> Result<ServerConfig, Problem> {
    let provider = Arc::new(provider());
    let verifier = Arc::new(MemberKey { algorithms: provider.signature_verification_algorithms });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(unsuitable)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key.certified())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No tickets: memory for each member, and a handshake that is resumed shows no key.
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The member's side.
pub(super) fn client(key: &Key, verifier: Arc<HubKey>) -> Result<ClientConfig, Problem> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&version::TLS13])
        .map_err(unsuitable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key.certified())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

/// The key of what TLS calls a certificate: here a SubjectPublicKeyInfo.
pub(super) fn device(shown: &CertificateDer<'_>) -> Option<Device> {
    device_of(&SubjectPublicKeyInfoDer::from(shown.as_ref()))
}

/// ring; AES-128 first, which QUIC needs anyway and which costs less than AES-256.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
        ],
        kx_groups: vec![kx_group::X25519],
        ..default_provider()
    }
}

/// A member checks the hub's key, and keeps what it was shown.
#[derive(Debug)]
pub(super) struct HubKey {
    expected: Expected,
    shown: OnceLock<Device>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl HubKey {
    pub(super) fn new(expected: Expected) -> Self {
        let algorithms = default_provider().signature_verification_algorithms;
        HubKey { expected, shown: OnceLock::new(), algorithms }
    }

    /// What was expected and what was shown instead, where that ended the handshake.
    pub(super) fn wrong(&self) -> Option<(Device, Device)> {
        match (self.expected, self.shown.get()) {
            (Expected::Key(expected), Some(shown)) if *shown != expected => Some((expected, *shown)),
            _ => None,
        }
    }
}

impl ServerCertVerifier for HubKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = raw_key(end_entity, intermediates)?;
        let shown = *self.shown.get_or_init(|| shown);
        match self.expected {
            Expected::Key(expected) if expected != shown => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            Expected::Key(_) | Expected::Any => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signed(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// A hub takes every key that its owner proves to have; who may be a member is the room's to say.
#[derive(Debug)]
struct MemberKey {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for MemberKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        raw_key(end_entity, intermediates).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signed(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

fn raw_key(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Result<Device, Error> {
    let only = if intermediates.is_empty() { device(end_entity) } else { None };
    only.ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn signed(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    if dss.scheme != SignatureScheme::ED25519 {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    verify_tls13_signature_with_raw_key(message, &SubjectPublicKeyInfoDer::from(cert.as_ref()), dss, algorithms)
}
