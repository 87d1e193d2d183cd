//! TLS: a certificate and its key from files or made on the spot, and how rustls is to use them.

mod ending;
mod made;

pub use ending::{BEFORE, Ending, ending};
pub use made::{kept, names};
pub use rustls::ServerConfig;

use crate::core::date::Date;
use crate::problem::Problem;
use ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

/// The largest file that is read as a certificate, a key or a password.
const LONGEST: u64 = 1 << 20;

/// Who a file of secrets must be closed to, as bits of its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is no secret.
    No,
    /// To all but its owner, and its group, which may read it: private keys are often those of a group.
    ToOthers,
    /// To all but its owner.
    ToAll,
}

/// What the server shows of itself; it can be replaced while it serves.
#[derive(Debug)]
pub struct Identity(RwLock<Arc<CertifiedKey>>);

impl Identity {
    /// With this certificate and key.
    pub fn new(key: CertifiedKey) -> Arc<Self> {
        Arc::new(Identity(RwLock::new(Arc::new(key))))
    }

    /// From now on another, for connections that come.
    pub fn replace(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }

    /// SHA-256 of the certificate, as browsers show it: `5E:0F:…`.
    pub fn fingerprint(&self) -> String {
        let key = self.current();
        let hash = key.cert.first().map(|certificate| digest(&SHA256, certificate));
        let bytes = hash.iter().flat_map(|hash| hash.as_ref());
        bytes.map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// TLS 1.2 and 1.3 with this identity, for HTTP/1.1 (RFC 7301). Sessions are resumed by tickets of the client (RFC 8446
    /// section 4.6.1), so that nothing is kept here of those that have ended.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, Problem> {
        let builder = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(Problem::tls)?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ticketer = provider::Ticketer::new().map_err(Problem::tls)?;
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }

    fn current(&self) -> Arc<CertifiedKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// Reads a certificate, with those that vouch for it behind it, and its key, both PEM (RFC 7468).
///
/// # Errors
/// A file that cannot be read, or has no such thing in it; a key that others can read, or that is another's; a certificate that is over, or not
/// valid yet.
pub fn read(certificate: &Path, key: &Path, now: SystemTime) -> Result<CertifiedKey, Problem> {
    let (chain_at, key_at) = (shown(certificate), shown(key));
    let chain = file(certificate, Closed::No)?;
    let secret = file(key, Closed::ToOthers)?;
    let bad = |path: &str| Problem::BadCertificate { path: path.to_owned() };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().map_err(|_| bad(&chain_at))?;
    if chain.is_empty() {
        return Err(Problem::NoCertificate { path: chain_at });
    }
    let Ok(secret) = PrivateKeyDer::from_pem_slice(&secret) else {
        let encrypted = secret.windows(9).any(|window| window == b"ENCRYPTED");
        return Err(if encrypted { Problem::EncryptedKey { path: key_at } } else { Problem::NoKey { path: key_at } });
    };
    let key = match CertifiedKey::from_der(chain, secret, &provider::default_provider()) {
        Ok(key) => key,
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            return Err(Problem::OtherKey { certificate: chain_at, key: key_at });
        }
        Err(Error::InvalidCertificate(_)) => return Err(bad(&chain_at)),
        Err(_) => return Err(Problem::BadKey { path: key_at }),
    };
    match valid(&key, now) {
        Validity::Now => Ok(key),
        Validity::Malformed => Err(bad(&chain_at)),
        Validity::Over(date) => Err(Problem::Expired { path: chain_at, date }),
        Validity::Later(date) => Err(Problem::NotYet { path: chain_at, date }),
    }
}

/// A file with a secret in it, or a certificate: at most 1 MiB.
///
/// # Errors
/// [`Problem::File`], [`Problem::TooOpen`].
pub fn file(path: &Path, closed: Closed) -> Result<Vec<u8>, Problem> {
    let failed = |error| Problem::File { path: shown(path), error };
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    let mode = about.permissions().mode() & 0o777;
    let open = match closed {
        Closed::No => 0,
        Closed::ToOthers => mode & 0o037,
        Closed::ToAll => mode & 0o077,
    };
    // A pipe of the shell, `<(…)`, is nobody else's, whatever its mode.
    if open != 0 && about.is_file() {
        return Err(Problem::TooOpen { path: shown(path), mode });
    }
    let mut content = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > LONGEST {
        return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(content)
}

/// Whether a certificate is valid at a time.
#[derive(Debug, PartialEq, Eq)]
enum Validity {
    Now,
    Over(String),
    Later(String),
    Malformed,
}

/// Asks what looks at the certificates of others, which begins with this. What else it may say does not concern the one who
/// shows it: whom the others trust is theirs to say.
fn valid(key: &CertifiedKey, now: SystemTime) -> Validity {
    let date = |time: UnixTime| {
        Date::at(time.as_secs()).map_or_else(String::new, |date| String::from_utf8_lossy(date.text()).into_owned())
    };
    let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    match said_of(key, now) {
        Some(Error::InvalidCertificate(CertificateError::Expired)) => Validity::Over(String::new()),
        Some(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Validity::Over(date(not_after))
        }
        Some(Error::InvalidCertificate(CertificateError::NotValidYet)) => Validity::Later(String::new()),
        Some(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
            Validity::Later(date(not_before))
        }
        Some(Error::InvalidCertificate(CertificateError::BadEncoding)) => Validity::Malformed,
        _ => Validity::Now,
    }
}

/// What is said of a certificate at a time, where it is not taken.
fn said_of(key: &CertifiedKey, now: UnixTime) -> Option<Error> {
    key.cert.split_first().and_then(|(own, others)| {
        let mut roots = RootCertStore::empty();
        roots.add(others.last().unwrap_or(own).clone()).or_else(|_| roots.add(own.clone())).ok()?;
        let provider: Arc<CryptoProvider> = Arc::new(provider::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
        let name = ServerName::try_from("localhost").ok()?;
        verifier.verify_server_cert(own, others, &name, &[], now).err()
    })
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
