//! The device key: Ed25519 (RFC 8032), by which hubs and members know each other.

use crate::problem::Problem;
use crate::room::ids::Device;
use ring::rand::{SecureRandom, SystemRandom};
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use rustls::sign::{CertifiedKey, SigningKey};
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

/// Bytes of an Ed25519 private key (RFC 8032, section 5.1.5).
const SEED: usize = 32;
/// PKCS#8 (RFC 5958) of version 1 around the private key (RFC 8410, section 7): what every tool reads.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// SubjectPublicKeyInfo (RFC 8410, section 4) in front of the public key.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The length of a key file's bytes before they are PEM.
pub(super) const DER: usize = PKCS8.len() + SEED;

/// A private key. It signs, and tells nothing of itself: `Debug` shows the public key alone.
///
/// The bytes that it was read or made from are overwritten as soon as ring has them. ring keeps its own copy, unreachable from
/// outside, and does not overwrite it when the key is dropped.
#[derive(Clone)]
pub struct Key {
    device: Device,
    signer: Arc<dyn SigningKey>,
}

impl Key {
    /// A new key, from the system's randomness (getrandom(2)). It is written nowhere.
    ///
    /// # Errors
    /// [`Problem::Random`] where the system gives none.
    pub fn generate() -> Result<Self, Problem> {
        Key::from_der(&Secret::random()?).ok_or(Problem::Random)
    }

    /// Its public half.
    pub fn device(&self) -> Device {
        self.device
    }

    /// What TLS shows and signs with: a raw public key (RFC 7250).
    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        let shown = CertificateDer::from(spki_of(self.device).to_vec());
        Arc::new(CertifiedKey::new(vec![shown], self.signer.clone()))
    }

    /// `None` for what is no Ed25519 key.
    pub(super) fn from_der(der: &Secret) -> Option<Self> {
        let signer = any_eddsa_type(&PrivatePkcs8KeyDer::from(&der.0[..])).ok()?;
        let device = signer.public_key().as_ref().and_then(device_of)?;
        Some(Key { device, signer })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("device", &self.device).finish_non_exhaustive()
    }
}

/// Bytes of a private key in PKCS#8, overwritten when dropped.
pub(super) struct Secret(pub(super) [u8; DER]);

impl Secret {
    pub(super) fn random() -> Result<Self, Problem> {
        let mut der = Secret([0; DER]);
        let (head, seed) = der.0.split_at_mut(PKCS8.len());
        head.copy_from_slice(&PKCS8);
        SystemRandom::new().fill(seed).map_err(|_| Problem::Random)?;
        Ok(der)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrites; the compiler may not leave it out, since for all that it knows somebody looks.
pub(super) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    black_box(bytes);
}

/// `N` random bytes of the system (getrandom(2)): for a join token, an outbox's number.
///
/// # Errors
/// [`Problem::Random`] where the system gives none.
pub fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Problem::Random)?;
    Ok(bytes)
}

/// The key of a SubjectPublicKeyInfo; `None` for anything but Ed25519 in the one encoding that it has.
pub(crate) fn device_of(spki: &SubjectPublicKeyInfoDer<'_>) -> Option<Device> {
    spki.as_ref().strip_prefix(&SPKI)?.try_into().ok().map(Device)
}

fn spki_of(device: Device) -> [u8; SPKI.len() + SEED] {
    let mut spki = [0; SPKI.len() + SEED];
    let (head, key) = spki.split_at_mut(SPKI.len());
    head.copy_from_slice(&SPKI);
    key.copy_from_slice(&device.0);
    spki
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// RFC 8410, section 10.3.
    #[test]
    fn the_example_of_the_standard_gives_its_public_key() {
        let seed = data_encoding::HEXLOWER
            .decode(b"d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842")
            .unwrap();
        let mut der = Secret([0; DER]);
        der.0[..PKCS8.len()].copy_from_slice(&PKCS8);
        der.0[PKCS8.len()..].copy_from_slice(&seed);
        let public = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
        assert_eq!(data_encoding::HEXLOWER.encode(&Key::from_der(&der).unwrap().device().0), public);
    }

    #[test]
    fn a_key_shows_nothing_but_its_public_half() {
        let der = Secret::random().unwrap();
        let key = Key::from_der(&der).unwrap();
        let shown = format!("{key:?} {key:#?} {:?}", key.certified());
        let dense: String = shown.split_whitespace().collect();
        let seed = &der.0[PKCS8.len()..];
        for secret in [
            data_encoding::HEXLOWER.encode(&seed[..8]),
            data_encoding::BASE64.encode(&seed[..9]),
            data_encoding::BASE64.encode(&der.0)[24..36].to_owned(),
            seed[..8].iter().map(u8::to_string).collect::<Vec<_>>().join(","),
        ] {
            assert!(!dense.contains(&secret), "{shown}");
        }
        assert!(shown.contains(&format!("{:?}", key.device())), "{shown}");
    }

    #[test]
    fn other_public_keys_are_no_devices() {
        let good = spki_of(Device([7; 32]));
        assert_eq!(device_of(&good.to_vec().into()), Some(Device([7; 32])));
        let mut long = good.to_vec();
        long.push(0);
        let mut other = good.to_vec();
        other[8] = 0x6e; // X25519
        for bad in [long, other, good[..43].to_vec(), Vec::new()] {
            assert_eq!(device_of(&bad.into()), None);
        }
    }
}
