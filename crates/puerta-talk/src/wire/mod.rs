//! The frames of plain mode: what classic programs put on the wire, byte by byte. No I/O.
//!
//! | wire | bytes | fields |
//! | --- | --- | --- |
//! | `text` | as long as the line | UTF-8, a final newline that may be missing |
//! | `ull1024` | 1024 | text\[1024\] |
//! | `ull1106` | 1106 | user\[32\] time\[50\] text\[1024\] |
//! | `ull2096` | 2096 | user\[25\] text\[2048\] pad\[7\], length of the user and of the text (64 bits, little-endian) |
//! | `ull1066` | 1066, over TCP | user\[16\] text\[1024\] time\[26\] |
//!
//! Such programs send structs as they lie in memory: behind the NUL of a field is what was there before. So a field ends at
//! its first NUL when it is read, and is filled with zeros when it is written.

mod cutter;
mod frame;
pub mod time;

pub use cutter::Cutter;
pub use frame::{Control, Decoded, Flaw, Frame, Misfit, SERVER};

use std::ops::Range;
use std::str::FromStr;

/// The longest text of the wire `text`: one datagram over IPv4 (65,507 bytes) less the newline.
pub const TEXT_MAX: usize = 65_506;

/// A frame, by its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Wire {
    /// One line is one datagram: `nc -u`, `socat`, anything by hand.
    #[default]
    Text,
    /// A text alone.
    Ull1024,
    /// User, time and text; members join a hub and quit.
    Ull1106,
    /// User and text, with their lengths; a talk is quit.
    Ull2096,
    /// User, text and time, over TCP; a hub relays the frame as it is.
    Ull1066,
}

/// Where the fields of a frame lie.
pub(crate) struct Layout {
    pub(crate) len: usize,
    pub(crate) user: Range<usize>,
    pub(crate) time: Range<usize>,
    pub(crate) text: Range<usize>,
    /// Where the length of the user stands, then that of the text.
    pub(crate) counts: Option<usize>,
}

impl Wire {
    /// All of them.
    pub const ALL: [Wire; 5] = [Wire::Text, Wire::Ull1024, Wire::Ull1106, Wire::Ull2096, Wire::Ull1066];

    /// The name on the command line: `ull1106`.
    pub const fn name(self) -> &'static str {
        match self {
            Wire::Text => "text",
            Wire::Ull1024 => "ull1024",
            Wire::Ull1106 => "ull1106",
            Wire::Ull2096 => "ull2096",
            Wire::Ull1066 => "ull1066",
        }
    }

    /// True where frames go over TCP; the others are datagrams.
    pub const fn is_stream(self) -> bool {
        matches!(self, Wire::Ull1066)
    }

    /// How long each frame is, in bytes; `None`: as long as its text.
    pub fn frame_len(self) -> Option<usize> {
        self.layout().map(|layout| layout.len)
    }

    /// The longest text, in bytes: that of the field, less its NUL.
    pub fn text_max(self) -> usize {
        self.layout().map_or(TEXT_MAX, |layout| layout.text.len() - 1)
    }

    /// The longest name of a user, in bytes. `None`: this wire carries no names.
    pub fn user_max(self) -> Option<usize> {
        self.layout().and_then(|layout| layout.user.len().checked_sub(1))
    }

    /// Whether members say that they join, and are answered.
    pub const fn has_join(self) -> bool {
        matches!(self, Wire::Ull1106)
    }

    pub(crate) fn layout(self) -> Option<Layout> {
        let none = 0..0;
        Some(match self {
            Wire::Text => return None,
            Wire::Ull1024 => Layout { len: 1024, user: none.clone(), time: none, text: 0..1024, counts: None },
            Wire::Ull1106 => Layout { len: 1106, user: 0..32, time: 32..82, text: 82..1106, counts: None },
            Wire::Ull2096 => Layout { len: 2096, user: 0..25, time: none, text: 25..2073, counts: Some(2080) },
            Wire::Ull1066 => Layout { len: 1066, user: 0..16, time: 1040..1066, text: 16..1040, counts: None },
        })
    }
}

/// A name that is no wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWire;

impl FromStr for Wire {
    type Err = UnknownWire;

    fn from_str(name: &str) -> Result<Self, UnknownWire> {
        Wire::ALL.into_iter().find(|wire| wire.name() == name).ok_or(UnknownWire)
    }
}
