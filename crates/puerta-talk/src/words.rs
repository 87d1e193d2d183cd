//! The words for problems: one place, so that they can be translated.

use crate::fingerprint::{Fingerprint, NoFingerprint};
use crate::problem::Problem;
use puerta::{Call, Error, errno, units};
use puerta_text::visible;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::{fmt, io};

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Socket(error) => write!(f, "{error}"),
            Problem::System(error) => write!(f, "the system refused: {}", reason(error)),
            Problem::Random => f.write_str("the system gave no random bytes"),
            Problem::NoAnswer { at, within } => {
                write!(f, "no hub answers at {} within {}", shown(*at), units::print_time(*within))
            }
            Problem::HubFull { at } => write!(f, "the hub at {} takes no more connections", shown(*at)),
            Problem::NotTalk { at } => write!(f, "what answers at {} does not speak puerta-talk/1", shown(*at)),
            Problem::Handshake { at, reason } => {
                write!(f, "the handshake with {} failed: {}", shown(*at), visible(reason))
            }
            Problem::WrongKey { at, expected, shown: key } => write!(
                f,
                "the hub at {} shows the key {}, not {}: not joined",
                shown(*at),
                Fingerprint::of(*key),
                Fingerprint::of(*expected)
            ),
        }
    }
}

impl Problem {
    /// What to do about it, in a line.
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(match self {
            Problem::Socket(error) => return error.hint(),
            Problem::System(error) => match error.raw_os_error() {
                Some(errno::EMFILE | errno::ENFILE) => "there are too few descriptors: raise the limit (`ulimit -n`)",
                _ => return None,
            },
            Problem::Random => "check that getrandom(2) is allowed here (a sandbox may forbid it)",
            Problem::NoAnswer { .. } => {
                "check the address and the port, that the hub runs, and that no firewall keeps its UDP port closed"
            }
            Problem::HubFull { .. } => "try again later, or ask its host to allow more",
            Problem::NotTalk { .. } => "check the port, and that both sides have the same version of puerta",
            Problem::Handshake { .. } => "check the address; if it is the right one, try again",
            Problem::WrongKey { .. } => {
                "somebody may be in between, or the hub is another one now: ask its host for the fingerprint or a new invite"
            }
        }))
    }
}

impl fmt::Display for NoFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a fingerprint: it has 20 letters and digits, such as 7K3M-9QXT-0VBN-4H2C-WJ8E")
    }
}

impl std::error::Error for NoFingerprint {}

/// The reason and the errno by name, as the library's errors have them.
fn reason(error: &io::Error) -> String {
    if error.raw_os_error().is_none() {
        return error.to_string();
    }
    // Only its words are used, and they do not depend on the call.
    let error = Error::from_io(Call::Bind, error);
    format!("{} ({})", error.reason(), error.name())
}

/// An address for people: an IPv4 peer of a dual-stack socket as IPv4.
fn shown(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
