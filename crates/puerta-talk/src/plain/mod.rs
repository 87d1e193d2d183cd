//! Plain mode: messages as the classic programs send them, one frame each. Nothing is encrypted, and nobody is who they say.
//!
//! [`Peer`] and [`Hub`] decide, without I/O; [`Talk`] moves their frames over UDP or TCP.
//!
//! Bounds: a hub has at most [`MEMBERS`] members. It forgets those without a datagram either way for [`IDLE`]
//! ([`IDLE_JOINED`] where the wire says who quits), and those who were silent for [`SILENT_MAX`] whatever others say. Each
//! may send [`RATE`] messages a second, [`BURST`] at once, joins and quits included; whoever comes again goes on with what those had
//! left who were at that address before. An answer has never more bytes than came from where it goes. A member
//! of a TCP hub that is [`BEHIND`] frames behind is dropped.

mod driver;
mod event;
mod hub;
mod over_tcp;
mod over_udp;
mod peer;
mod quota;
mod settings;
mod words;

pub use driver::{Moved, Talk};
pub use event::{Event, Who, Why};
pub use hub::{Hub, SILENT_MAX};
pub use over_tcp::BEHIND;
pub use peer::{KEPT_MAX, Peer};
pub use quota::Quota;
pub use settings::Settings;
pub use words::{UNPROTECTED, slow_down};

use std::time::Duration;

/// The port by default.
pub const PORT: u16 = 7778;
/// How many members a hub has at most.
pub const MEMBERS: usize = 1024;
/// How long a member is remembered without a datagram either way.
pub const IDLE: Duration = Duration::from_secs(60);
/// The same where the wire says who joins and who quits.
pub const IDLE_JOINED: Duration = Duration::from_secs(600);
/// How many messages a second a member may send.
pub const RATE: u32 = 20;
/// How many at once.
pub const BURST: u32 = 40;
