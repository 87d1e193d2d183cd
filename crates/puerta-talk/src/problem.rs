//! What can go wrong, as a value; its words stand in `words`.

use crate::announcement::Unfit;
use crate::invite::BadInvite;
use crate::room::ids::Device;
use puerta::Error;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Problem {
    /// A socket call or the resolver failed.
    Socket(Error),
    /// Something that this machine could not set up (a runtime's registration, a thread).
    System(io::Error),
    /// The system gave no random bytes.
    Random,
    /// What was given as an invite is none.
    Invite(BadInvite),
    /// Neither `$XDG_CONFIG_HOME` nor `$HOME` says where keys are kept.
    NoHome,
    /// A file or folder of ours could not be read or written.
    File {
        /// Its path.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Where a file or a folder of ours should be, something else is.
    WrongKind {
        /// The path.
        path: String,
        /// What it should be.
        kind: Kind,
        /// It is a symbolic link, wherever that leads.
        link: bool,
    },
    /// A file or a folder of ours belongs to another user.
    NotOurs {
        /// The path.
        path: String,
        /// What it is.
        kind: Kind,
    },
    /// A file or a folder of ours is open to others.
    Loose {
        /// The path.
        path: String,
        /// What it is.
        kind: Kind,
        /// Its permission bits.
        mode: u32,
    },
    /// The file of the device key holds none.
    KeyDamaged {
        /// The path.
        path: String,
    },
    /// The file of known hubs cannot be read; it is not written over.
    HubsDamaged {
        /// The path.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process holds the file of known hubs.
    HubsLocked {
        /// The path of its lock.
        path: String,
        /// How long was waited.
        within: Duration,
    },
    /// No more hubs are remembered.
    TooManyHubs {
        /// How many are.
        limit: usize,
    },
    /// No hub of that name is remembered.
    UnknownHub {
        /// The name.
        name: String,
    },
    /// A hub or its room is called what cannot be remembered.
    HubName {
        /// The name.
        name: String,
    },
    /// A hub that is remembered, by its name or its address, shows another key. Nothing was said to it.
    KeyChanged {
        /// The name under which it is remembered.
        name: String,
        /// The key that is remembered.
        remembered: Device,
        /// The key that it shows now.
        shown: Device,
    },
    /// No hub answered in time.
    NoAnswer {
        /// Where.
        at: SocketAddr,
        /// The time limit.
        within: Duration,
    },
    /// The hub does not take another connection.
    HubFull {
        /// Where.
        at: SocketAddr,
    },
    /// Something answers there that does not speak our protocol, or another version of it.
    NotTalk {
        /// Where.
        at: SocketAddr,
    },
    /// QUIC's handshake failed.
    Handshake {
        /// With whom.
        at: SocketAddr,
        /// What QUIC or TLS says.
        reason: String,
    },
    /// A hub shows another key than the one that was expected. Nothing was said to it.
    WrongKey {
        /// Where.
        at: SocketAddr,
        /// The key that it should have shown.
        expected: Device,
        /// The key that it has shown.
        shown: Device,
    },
    /// What was said last is neither in the outbox nor with the hub: it is lost.
    NotKept {
        /// How many messages.
        messages: usize,
        /// Why.
        why: String,
    },
    /// A hub cannot be announced as it is.
    Announcement(Unfit),
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

impl Problem {
    pub(crate) fn file(path: &Path, error: io::Error) -> Self {
        Problem::File { path: path.to_string_lossy().into_owned(), error }
    }

    /// The exit status: the table of all commands.
    pub fn status(&self) -> u8 {
        match self {
            Problem::Socket(error) => error.status(),
            Problem::System(_) | Problem::Random | Problem::TooManyHubs { .. } | Problem::HubName { .. } => 1,
            Problem::NoHome
            | Problem::File { .. }
            | Problem::WrongKind { .. }
            | Problem::NotOurs { .. }
            | Problem::Loose { .. }
            | Problem::KeyDamaged { .. }
            | Problem::HubsDamaged { .. }
            | Problem::HubsLocked { .. }
            | Problem::NotKept { .. } => 8,
            Problem::Invite(_) | Problem::Announcement(_) | Problem::UnknownHub { .. } => 2,
            Problem::NoAnswer { .. }
            | Problem::HubFull { .. }
            | Problem::NotTalk { .. }
            | Problem::Handshake { .. }
            | Problem::WrongKey { .. }
            | Problem::KeyChanged { .. } => 6,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Problem::Socket(error)
    }
}

impl From<BadInvite> for Problem {
    fn from(bad: BadInvite) -> Self {
        Problem::Invite(bad)
    }
}
