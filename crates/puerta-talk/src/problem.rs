//! What can go wrong, as a value; its words stand in `words`.

use crate::announcement::Unfit;
use crate::invite::BadInvite;
use crate::room::ids::Device;
use puerta::{Bad, Call, Cause, Error, errno};
use std::io;
use std::net::SocketAddr;
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
    /// A hub cannot be announced as it is.
    Announcement(Unfit),
}

impl Problem {
    /// The exit status: the table of all commands.
    pub fn status(&self) -> u8 {
        match self {
            Problem::Socket(error) => status_of(error),
            Problem::System(_) | Problem::Random => 1,
            Problem::Invite(_) | Problem::Announcement(_) => 2,
            Problem::NoAnswer { .. }
            | Problem::HubFull { .. }
            | Problem::NotTalk { .. }
            | Problem::Handshake { .. }
            | Problem::WrongKey { .. } => 6,
        }
    }
}

fn status_of(error: &Error) -> u8 {
    match (error.call(), error.cause()) {
        (_, Cause::Resolve(_) | Cause::Bad(Bad::NoAddress | Bad::Interface)) => 4,
        (_, Cause::Bad(Bad::Deadline)) => 6,
        (_, Cause::Bad(_)) => 2,
        (Call::Socket | Call::SetSockOpt | Call::SocketPair, _) => 3,
        (Call::GetAddrInfo | Call::GetNameInfo, _) => 4,
        (Call::Bind | Call::Listen, _) => 5,
        (Call::Connect, _) | (_, Cause::Os(errno::ECONNREFUSED | errno::EHOSTUNREACH | errno::ENETUNREACH)) => 6,
        _ => 7,
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
