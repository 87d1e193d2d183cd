//! A device's key in a form that two people can compare aloud.
//!
//! `7K3M-9QXT-0VBN-4H2C-WJ8E`: the first 100 bits of the SHA-256 (FIPS 180-4) of the key, in Crockford's base 32, in groups of
//! four. Its alphabet has no I, L, O and U, so that no two symbols sound or look alike; capitals make no difference, and who
//! writes O, I or L means 0 and 1. To find another key with
//! the same fingerprint takes some 2^100 tries.

use crate::room::ids::Device;
use data_encoding::{Encoding, Specification};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// Symbols of a fingerprint, of 5 bits each.
const SYMBOLS: usize = 20;
const GROUP: usize = 4;
/// The longest text that is looked at; a fingerprint has 24 bytes.
const LONGEST: usize = 128;
const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The start of a key's hash: 100 bits, as symbols.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; SYMBOLS]);

/// Text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFingerprint;

impl Fingerprint {
    /// The fingerprint of a key.
    pub fn of(device: Device) -> Self {
        let hash = ring::digest::digest(&ring::digest::SHA256, &device.0);
        let text = CROCKFORD.encode(hash.as_ref());
        let mut symbols = [b'0'; SYMBOLS];
        symbols.iter_mut().zip(text.bytes()).for_each(|(symbol, byte)| *symbol = byte);
        Fingerprint(symbols)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, symbol) in self.0.iter().enumerate() {
            if i > 0 && i % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*symbol))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// As printed; small letters, white space or nothing instead of the hyphens, and O for 0, I and L for 1 are fine.
impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        if text.len() > LONGEST {
            return Err(NoFingerprint);
        }
        let mut symbols = [0; SYMBOLS];
        let mut places = symbols.iter_mut();
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let symbol = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            if !ALPHABET.contains(symbol) {
                return Err(NoFingerprint);
            }
            *places.next().ok_or(NoFingerprint)? = u8::try_from(symbol).map_err(|_| NoFingerprint)?;
        }
        if places.next().is_some() { Err(NoFingerprint) } else { Ok(Fingerprint(symbols)) }
    }
}

static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str(ALPHABET);
    // 32 symbols, none twice: nothing can be wrong with it.
    specification.encoding().unwrap_or(data_encoding::BASE32_NOPAD)
});

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SHA-256 of 32 zero bytes is 66687aad f862bd77 6c8fc18b …
    #[test]
    fn a_fingerprint_is_the_start_of_the_hash_and_never_changes() {
        assert_eq!(Fingerprint::of(Device([0; 32])).to_string(), "CSM7-NBFR-CAYQ-EV4F-R65R");
    }

    #[test]
    fn what_was_heard_or_typed_differently_is_the_same_fingerprint() {
        let printed: Fingerprint = "01AB-C0D1-1234-5678-9XYZ".parse().unwrap();
        for text in [" 01ab c0d1 1234 5678 9xyz\n", "OLabCODi123456789xyz", "01AB-C0D1-12345678-9XYZ"] {
            assert_eq!(text.parse(), Ok(printed), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_fingerprint() {
        let long = "0".repeat(10_000);
        for text in ["", "01AB", "01AB-C0D1-1234-5678-9XY", "01AB-C0D1-1234-5678-9XYZZ", "U1AB-C0D1-1234-5678-9XYZ"] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text}");
        }
        for text in ["01AB-C0D1-1234-5678-9XYé", "01AB_C0D1_1234_5678_9XYZ", &long] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_fingerprint_reads_back_as_printed(key: [u8; 32]) {
            let fingerprint = Fingerprint::of(Device(key));
            prop_assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            if let Ok(fingerprint) = text.parse::<Fingerprint>() {
                prop_assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
            }
        }
    }
}
