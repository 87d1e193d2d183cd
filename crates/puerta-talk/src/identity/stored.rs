//! The device key on the disk: `key`, Ed25519 in PKCS#8 as PEM (RFC 7468), which `openssl pkey -in key` reads.

use super::folder::Folder;
use super::key::{DER, Key, Secret, wipe};
use crate::problem::Problem;
use data_encoding::BASE64;
use std::io::Read;

const NAME: &str = "key";
const BEGIN: &[u8] = b"-----BEGIN PRIVATE KEY-----\n";
const END: &[u8] = b"\n-----END PRIVATE KEY-----\n";
/// Of 48 bytes, in base64.
const BODY: usize = DER / 3 * 4;
const PEM: usize = BEGIN.len() + BODY + END.len();

impl Key {
    /// The key of this folder; made on first use. Of two processes that come first at once, both get the same one.
    ///
    /// # Errors
    /// [`Problem::WrongKind`], [`Problem::NotOurs`], [`Problem::Loose`], [`Problem::KeyDamaged`], [`Problem::File`]; a key that is there
    /// is never written over.
    pub fn of(folder: &Folder) -> Result<Self, Problem> {
        if let Some(key) = read(folder)? {
            return Ok(key);
        }
        let der = Secret::random()?;
        let key = Key::from_der(&der).ok_or(Problem::Random)?;
        let draft = folder.draft(NAME, &pem(&der).0)?;
        if folder.place(draft, NAME)? {
            return Ok(key);
        }
        read(folder)?.ok_or_else(|| Problem::file(&folder.file(NAME), std::io::ErrorKind::NotFound.into()))
    }
}

/// Overwritten when dropped.
struct Pem([u8; PEM]);

impl Drop for Pem {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn read(folder: &Folder) -> Result<Option<Key>, Problem> {
    let Some(mut file) = folder.open_file(NAME)? else { return Ok(None) };
    let path = folder.file(NAME);
    let failed = |error| Problem::file(&path, error);
    let damaged = || Problem::KeyDamaged { path: path.to_string_lossy().into_owned() };
    if file.metadata().map_err(failed)?.len() != PEM as u64 {
        return Err(damaged());
    }
    let mut pem = Pem([0; PEM]);
    file.read_exact(&mut pem.0).map_err(failed)?;
    let body = pem.0.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)).ok_or_else(damaged)?;
    let mut der = Secret([0; DER]);
    match BASE64.decode_mut(body, &mut der.0) {
        Ok(DER) => Key::from_der(&der).map(Some).ok_or_else(damaged),
        _ => Err(damaged()),
    }
}

fn pem(der: &Secret) -> Pem {
    let mut pem = Pem([0; PEM]);
    let (begin, rest) = pem.0.split_at_mut(BEGIN.len());
    let (body, end) = rest.split_at_mut(BODY);
    begin.copy_from_slice(BEGIN);
    BASE64.encode_mut(&der.0, body);
    end.copy_from_slice(END);
    pem
}
