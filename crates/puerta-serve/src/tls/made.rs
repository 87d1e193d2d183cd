//! A certificate made on the spot, for the names and addresses of this machine. Nobody vouches for it, so a browser asks once;
//! it is kept, so that the answer lasts.

use super::{Closed, Validity, file, shown, valid};
use crate::problem::Problem;
use data_encoding::BASE64;
use puerta::{Endpoint, interfaces};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::client::verify_server_name;
use rustls::crypto::ring as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(86_400);
/// How long it is valid.
const VALID: u32 = 90;
/// In its last days it is made anew.
const LAST: u32 = 14;
/// How many addresses are in it.
const MOST: usize = 64;

/// The certificate that is kept in a file, with its key; made where there is none, or where it is nearly over, or not for all
/// of these names. Whether it is new.
///
/// # Errors
/// A file that others can read, or that cannot be written.
pub fn kept(path: &Path, names: &[String], now: SystemTime) -> Result<(CertifiedKey, bool), Problem> {
    match file(path, Closed::ToAll) {
        Ok(pem) => {
            if let Some(key) = parse(&pem).filter(|key| serves(key, names, now)) {
                return Ok((key, false));
            }
        }
        Err(Problem::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
        Err(problem) => return Err(problem),
    }
    let pem = make(names, now).map_err(|_| Problem::NotMade)?;
    write(path, &pem).map_err(|error| Problem::NotKept { path: shown(path), error })?;
    Ok((parse(&pem).ok_or(Problem::NotMade)?, true))
}

/// What this machine is called and reached by: its name, alone and as multicast DNS has it, and its addresses.
pub fn names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_ascii_lowercase();
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if !host.is_empty() && host != "localhost" && host.bytes().all(is_name) {
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
        names.push(host);
    }
    names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    for interface in interfaces().unwrap_or_default() {
        // An address of a link alone means nothing without the link.
        let address = Endpoint::Inet((interface.address, 0).into()).inet().map(|at| at.ip().to_canonical().to_string());
        names.extend(address.filter(|address| !address.starts_with("fe80:") && !names.contains(address)));
    }
    names.truncate(MOST);
    names
}

fn parse(pem: &[u8]) -> Option<CertifiedKey> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let key = PrivateKeyDer::from_pem_slice(pem).ok()?;
    CertifiedKey::from_der(vec![certificate], key, &provider::default_provider()).ok()
}

fn serves(key: &CertifiedKey, names: &[String], now: SystemTime) -> bool {
    let Some(certificate) = key.cert.first() else { return false };
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
    let is_for = |name: &String| {
        ServerName::try_from(name.as_str()).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    };
    valid(key, now) == Validity::Now && valid(key, now + DAY * LAST) == Validity::Now && names.iter().all(is_for)
}

fn make(names: &[String], now: SystemTime) -> Result<Vec<u8>, rcgen::Error> {
    let mut about = CertificateParams::new(names.to_vec())?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    // Clocks differ.
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    about.not_before = epoch + since.saturating_sub(DAY);
    about.not_after = epoch + since + DAY * VALID;
    about.distinguished_name = DistinguishedName::new();
    about.distinguished_name.push(
        DnType::CommonName,
        format!("puerta serve on {}", names.get(1).or(names.first()).map_or("this machine", |name| name)),
    );
    about.is_ca = IsCa::ExplicitNoCa;
    about.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    about.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = about.self_signed(&key)?;
    let mut pem = pem("CERTIFICATE", certificate.der());
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    pem.extend(self::pem("PRIVATE KEY", key.secret_pkcs8_der()));
    Ok(pem)
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let mut text = format!("-----BEGIN {label}-----\n").into_bytes();
    for line in BASE64.encode(der).as_bytes().chunks(64) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    text
}

/// Whole or not at all, and never to be read by others.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let done = File::options().write(true).create_new(true).mode(0o600).open(&new).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    });
    done.inspect_err(|_| drop(std::fs::remove_file(&new)))
}
