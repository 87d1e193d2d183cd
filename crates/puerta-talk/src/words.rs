//! The words for problems: one place, so that they can be translated.

use crate::announcement::{NAME, Unfit};
use crate::fingerprint::{Fingerprint, NoFingerprint};
use crate::invite::{self, BadInvite};
use crate::problem::{Kind, Problem};
use crate::rung::{Rung, Trouble, Why};
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
            Problem::Invite(bad) => write!(f, "{bad}"),
            Problem::NoHome => f.write_str("there is no folder for keys: neither XDG_CONFIG_HOME nor HOME is set"),
            Problem::File { path, error } => write!(f, "{}: {}", visible(path), reason(error)),
            Problem::WrongKind { path, kind, link: true } => {
                write!(f, "{} is a symbolic link, not {}: not used", visible(path), article(*kind))
            }
            Problem::WrongKind { path, kind, link: false } => {
                write!(f, "{} is not {}: not used", visible(path), article(*kind))
            }
            Problem::NotOurs { path, .. } => write!(f, "{} belongs to another user: not used", visible(path)),
            Problem::Loose { path, mode, .. } => {
                write!(f, "{} is open to others (mode {mode:04o}): not used", visible(path))
            }
            Problem::KeyDamaged { path } => write!(f, "{} holds no device key, or a damaged one", visible(path)),
            Problem::HubsDamaged { path, line, reason } => {
                write!(f, "{} is damaged at line {line}: {}", visible(path), visible(reason))
            }
            Problem::HubsLocked { path, within } => {
                write!(f, "{} is held by another process for {}", visible(path), units::print_time(*within))
            }
            Problem::TooManyHubs { limit } => write!(f, "{limit} hubs are remembered, and no more can be"),
            Problem::UnknownHub { name } => write!(f, "no hub called {} is remembered", visible(name)),
            Problem::HubName { name } => write!(f, "{} cannot be the name of a hub or a room", quoted(name)),
            Problem::KeyChanged { name, remembered, shown } => write!(
                f,
                "the key of {} has changed from {} to {}: not joined",
                visible(name),
                Fingerprint::of(*remembered),
                Fingerprint::of(*shown)
            ),
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
            Problem::NotKept { messages, why } => {
                let plural = if *messages == 1 { "message is" } else { "messages are" };
                write!(f, "{messages} {plural} lost, which the outbox did not take: {why}")
            }
            Problem::Announcement(Unfit::Name) => write!(f, "the hub's name is longer than {NAME} bytes"),
            Problem::Announcement(Unfit::Room) => write!(f, "the room's name is longer than {NAME} bytes"),
            Problem::Announcement(Unfit::Port) => f.write_str("a hub at port 0 cannot be announced"),
        }
    }
}

impl Problem {
    /// What to do about it, in a line.
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(match self {
            Problem::WrongKind { path, .. } => return Some(format!("mv {0} {0}.old", shell(path)).into()),
            Problem::NotOurs { path, .. } => {
                return Some(format!("make it yours: sudo chown \"$(id -u)\" {}", shell(path)).into());
            }
            Problem::Loose { path, kind: Kind::Folder, .. } => {
                return Some(format!("chmod 700 {}", shell(path)).into());
            }
            Problem::Loose { path, kind: Kind::File, .. } => return Some(format!("chmod 600 {}", shell(path)).into()),
            Problem::KeyDamaged { path } => {
                let text = format!("restore it from a copy, or begin as somebody new: mv {0} {0}.old", shell(path));
                return Some(text.into());
            }
            Problem::HubsDamaged { path, .. } => {
                return Some(format!("mend that line, or forget every hub: mv {0} {0}.old", shell(path)).into());
            }
            Problem::KeyChanged { name, .. } => {
                let text = format!(
                    "ask its host whether the key is new; if it is: puerta talk forget {}",
                    shell(&visible(name))
                );
                return Some(text.into());
            }
            Problem::Socket(error) => return error.hint(),
            Problem::System(error) => match error.raw_os_error() {
                Some(errno::EMFILE | errno::ENFILE) => "there are too few descriptors: raise the limit (`ulimit -n`)",
                _ => return None,
            },
            Problem::Random => "check that getrandom(2) is allowed here (a sandbox may forbid it)",
            Problem::Invite(bad) => bad.hint(),
            Problem::NoHome => "set HOME, or XDG_CONFIG_HOME to a folder by its absolute path",
            Problem::File { error, .. } => match error.raw_os_error() {
                Some(errno::ENOSPC) => "the disk is full: make room and try again",
                _ => "check that the folder is there and that you may write in it",
            },
            Problem::HubsLocked { .. } => "end the other puerta, and try again",
            Problem::TooManyHubs { .. } => "forget one that is not needed: puerta talk forget NAME",
            Problem::UnknownHub { .. } => "puerta talk doctor lists those that are remembered",
            Problem::HubName { .. } => {
                "a name has 1 to 32 bytes, all of them to be seen, no white space, and no #, @, ~, / or - in front"
            }
            Problem::NoAnswer { .. } => {
                "check the address and the port, that the hub runs, and that no firewall keeps its UDP port closed"
            }
            Problem::HubFull { .. } => "try again later, or ask its host to allow more",
            Problem::NotTalk { .. } => "check the port, and that both sides have the same version of puerta",
            Problem::Handshake { .. } => "check the address; if it is the right one, try again",
            Problem::WrongKey { .. } => {
                "somebody may be in between, or the hub is another one now: ask its host for the fingerprint or a new invite"
            }
            Problem::NotKept { .. } => "make room on the disk if it is full, and say it again",
            Problem::Announcement(Unfit::Name | Unfit::Room) => "choose a shorter one",
            Problem::Announcement(Unfit::Port) => "announce the port that the hub listens on",
        }))
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rung::Machine => "this machine",
            Rung::Broadcast => "broadcast",
            Rung::Multicast => "IPv6 multicast",
            Rung::Mdns => "mDNS",
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rung)?;
        if let Some(interface) = &self.interface {
            write!(f, " on {}", visible(interface))?;
        }
        match &self.why {
            Why::Socket(error) => write!(f, ": {error}"),
            Why::Mdns(reason) => write!(f, ": {}", visible(reason)),
            Why::NoNetwork => f.write_str(": this machine has no network for it"),
            Why::Random => f.write_str(": the system gave no random bytes"),
            Why::TooMany(most) => write!(f, ": more than {most} hubs announce themselves; the others are not shown"),
        }
    }
}

impl Trouble {
    /// What to do about it, in a line.
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(match &self.why {
            Why::Socket(error) => return error.hint(),
            Why::Mdns(_) => "the other ways go on; check that a firewall lets UDP port 5353 pass",
            Why::NoNetwork => "connect to a network, or join by an address or an invite",
            Why::Random => "check that getrandom(2) is allowed here (a sandbox may forbid it)",
            Why::TooMany(_) => "join by an address or an invite",
        }))
    }
}

impl fmt::Display for NoFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a fingerprint: it has 20 letters and digits, such as 7K3M-9QXT-0VBN-4H2C-WJ8E")
    }
}

impl std::error::Error for NoFingerprint {}

impl fmt::Display for BadInvite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadInvite::Scheme => f.write_str("not an invite: it does not begin with puerta://"),
            BadInvite::TooLong => write!(f, "not an invite: it is longer than {} bytes", invite::LONGEST),
            BadInvite::NoSecret => f.write_str("the invite is cut: the part from # on is missing"),
            BadInvite::Damaged => f.write_str("the invite is damaged: what follows its # was cut or changed"),
            BadInvite::Version(version) => {
                write!(f, "the invite is of version {version}, which this puerta does not know")
            }
            BadInvite::TooManyPlaces => write!(f, "the invite names more than {} addresses", invite::PLACES),
            BadInvite::Place(place) if place.is_empty() => f.write_str("the invite names no address"),
            BadInvite::Place(place) => write!(f, "the invite is damaged: {} is no host:port", visible(place)),
            BadInvite::NoRoom => f.write_str("the invite names no room"),
            BadInvite::Room => write!(
                f,
                "the invite is damaged: its room is no name of at most {} bytes, all of them to be seen",
                invite::ROOM
            ),
        }
    }
}

impl std::error::Error for BadInvite {}

impl BadInvite {
    /// What to do about it, in a line.
    pub fn hint(&self) -> &'static str {
        match self {
            BadInvite::Scheme => "an invite is puerta://host:port/room#…; a hub without one is puerta talk HOST:PORT",
            BadInvite::NoSecret => "put the link in quotes, or give it on stdin: puerta talk -",
            BadInvite::Version(_) => "use the same version as the hub, or ask for a new invite",
            BadInvite::TooLong | BadInvite::Damaged => "copy the whole link again, or ask for a new invite",
            BadInvite::TooManyPlaces | BadInvite::Place(_) => "it has host:port[,host:port…], with IPv6 in brackets",
            BadInvite::NoRoom | BadInvite::Room => "the room stands between the address and the #: host:port/room#…",
        }
    }
}

/// The reason and the errno by name, as the library's errors have them.
fn reason(error: &io::Error) -> String {
    if error.raw_os_error().is_none() {
        return error.to_string();
    }
    // Only its words are used, and they do not depend on the call.
    let error = Error::from_io(Call::Bind, error);
    format!("{} ({})", error.reason(), error.name())
}

fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "a file",
        Kind::Folder => "a folder",
    }
}

/// A name from outside, of which only the beginning may matter.
fn quoted(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("\"{}\"", visible(&name))
}

/// A word for the shell, in quotes where it needs them.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.,:@%=_+-".contains(c);
    let word = visible(word);
    if word.chars().all(plain) { word.into_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// An address for people: an IPv4 peer of a dual-stack socket as IPv4.
fn shown(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
