//! Bounds of a hub. Each is an option of the hub; the defaults are here.

use serde::{Deserialize, Serialize};

/// What a hub allows. Members are told when they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The longest message, in bytes of UTF-8.
    pub message: u32,
    /// The longest name of a member, a room or a hub, in bytes of UTF-8.
    pub name: u32,
    /// Messages a second that a device may send; 0 is without a limit.
    pub rate: u32,
    /// Messages that it may send at once before `rate` counts.
    pub burst: u32,
    /// Rooms of the hub, inboxes not counted.
    pub rooms: u32,
    /// Devices that are members of the hub.
    pub members: u32,
    /// Connections of one device.
    pub sessions: u32,
    /// Members of a room up to which everybody is told who comes, goes and has seen what; above, only counts are.
    pub shown: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { message: 4096, name: 32, rate: 20, burst: 40, rooms: 256, members: 3200, sessions: 16, shown: 50 }
    }
}

impl Limits {
    /// With what a frame can carry: at most 8 KiB a message, 64 B a name, 100 members shown; at least one message at once and one
    /// connection.
    #[must_use]
    pub fn bounded(self) -> Limits {
        Limits {
            message: self.message.min(8192),
            name: self.name.min(64),
            burst: self.burst.max(1),
            sessions: self.sessions.max(1),
            shown: self.shown.min(100),
            ..self
        }
    }
}

/// The longest frame that either side takes, in bytes.
pub const FRAME: usize = 16 * 1024;

/// Records that one request for history is answered with, at most.
pub const PAGE: usize = 128;

/// Bytes of records that one request for history is answered with, at most, but always one record.
pub const PAGE_BYTES: usize = 64 * 1024;

/// Streams (outboxes) that a session may speak for.
pub const STREAMS: usize = 16;

/// Records that may wait for the log at a time; what comes above is not taken, and comes again.
pub const WAITING: usize = 65_536;

/// Messages that a member may have pending.
pub const PENDING: usize = 10_000;
