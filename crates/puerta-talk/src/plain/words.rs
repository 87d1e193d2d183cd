//! The words for what happens in plain mode, and for what does not fit: one place, so that they can be translated.

use crate::plain::event::{Event, Who, Why};
use crate::plain::{BURST, RATE};
use crate::wire::{Flaw, Misfit, Wire};
use std::fmt;
use std::net::SocketAddr;

/// What everybody is told at the start of plain mode.
pub const UNPROTECTED: &str =
    "plain: nothing is encrypted and names are not checked; anyone on the way can read, change or forge every message";

/// What is told to whoever sends too many messages.
pub fn slow_down() -> String {
    format!("Too many messages; slow down ({RATE}/s).")
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.user.is_empty() {
            true => f.write_str(&self.name()),
            false => write!(f, "{} ({})", self.name(), self.shown()),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Message { who, text, .. } => write!(f, "{}: {}", who.name(), String::from_utf8_lossy(text)),
            Event::Sent => f.write_str("all that was said is on its way"),
            Event::Joined(who) => write!(f, "{who} is here"),
            Event::Left { who, why } => write!(f, "{who} has left: {why}"),
            Event::Connected(who) => write!(f, "{who} has let us in"),
            Event::NoAnswer(address) => {
                write!(f, "no hub at {} has answered /talk_join; messages are sent all the same", shown(address))
            }
            Event::Flawed { who, flaw } => write!(f, "{who} sent a frame that is {flaw}"),
            Event::Dropped { address, flaw, more } => {
                write!(f, "dropped what is no frame, from {}: it is {flaw}", shown(address))?;
                if *more > 0 { write!(f, " (and {more} more)") } else { Ok(()) }
            }
            Event::Ignored { who, text } => write!(f, "{who} sent {text}, which means nothing here"),
            Event::TooMany(who) => {
                write!(f, "{who}: {} Bursts may have {BURST}; what is above is dropped", slow_down())
            }
            Event::Full { address, max } => {
                write!(f, "{} and others are not served: {max} members are here", shown(address))
            }
            Event::Refused(error) => write!(f, "{error}; the talk goes on"),
            Event::NotSent(error) => write!(f, "{error}"),
            Event::AtLimit(error) => {
                write!(f, "no more members for now: {} ({}); those who come wait", error.reason(), error.name())
            }
        }
    }
}

impl Event {
    /// The word for JSON. What is neither a message nor tells who is here is an `error`.
    pub fn word(&self) -> &'static str {
        match self {
            Event::Sent => "sent",
            Event::Message { .. } => "message",
            Event::Joined(_) | Event::Connected(_) => "joined",
            Event::Left { .. } => "left",
            _ => "error",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Quit => f.write_str("they quit"),
            Why::Idle => f.write_str("nothing came from there for a while; the next message brings them back"),
            Why::Closed(None) => f.write_str("the connection has ended"),
            Why::Closed(Some(error)) => write!(f, "{error}"),
            Why::Behind => f.write_str("they took too little of what was sent"),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Length { len, wanted } => write!(f, "{len} bytes long, not {wanted}"),
            Flaw::NotUtf8 => f.write_str("not UTF-8"),
            Flaw::Count => f.write_str("at odds with its own lengths"),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Text { len, max } => write!(f, "the text has {len} bytes, and this wire carries {max} at most"),
            Misfit::User { len, max } => write!(f, "the name has {len} bytes, and this wire carries {max} at most"),
            Misfit::Time { len, max } => write!(f, "the time has {len} bytes, and this wire carries {max} at most"),
            Misfit::Nul => f.write_str("the text holds a NUL, which ends a text on this wire"),
            Misfit::NotUtf8 => f.write_str("the text is not UTF-8"),
            Misfit::Command => f.write_str("on this wire that text is a command"),
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn shown(address: &SocketAddr) -> SocketAddr {
    Who::at(*address).shown()
}
