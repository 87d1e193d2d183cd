//! Who and what a frame or a record speaks of.

use serde::{Deserialize, Serialize};

/// A device: its Ed25519 public key (RFC 8032), as TLS has shown it (RFC 7250).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Device(pub [u8; 32]);

/// A member of a hub, numbered from 1 in the order in which they came; for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberNo(pub u32);

/// A room of a hub, numbered from 1. What is private to a member lies in a room of its own, its inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomNo(pub u32);

/// Which message of a device: a repeated send is the same message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// The outbox that it was written in: a random number, made with the outbox.
    pub stream: u64,
    /// Its place there, from 1. A number is given once, also when the program was killed in between.
    pub number: u64,
}

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{}", self.stream, self.number)
    }
}
