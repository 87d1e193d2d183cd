//! One frame: bytes to fields and back.

use super::{Layout, TEXT_MAX, Wire};
use std::ops::Range;

/// The user in whose name a hub of `ull1106` speaks.
pub const SERVER: &str = "talk_server";

const JOIN: &[u8] = b"/talk_join";
const CONNECTED: &[u8] = b"/talk_connected";
const QUIT_1106: &[u8] = b"/talk_quit";
const QUIT_2096: &[u8] = br"\quit";

/// The fields of a frame, as bytes: peers send what they like. Empty where the wire has no such field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Who says it; nobody checks that.
    pub user: Vec<u8>,
    /// When, in the sender's words.
    pub time: Vec<u8>,
    /// What is said, without a final newline.
    pub text: Vec<u8>,
}

/// A frame that came, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decoded {
    /// As far as it could be read.
    pub frame: Frame,
    /// In the order in which they were found; empty for a frame as it should be.
    pub flaws: Vec<Flaw>,
}

/// What is wrong with a frame that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It has `len` bytes, where all frames of this wire have `wanted`.
    Length {
        /// How long it is.
        len: usize,
        /// How long it should be.
        wanted: usize,
    },
    /// A field is not UTF-8.
    NotUtf8,
    /// A length within the frame is more than its field holds.
    Count,
}

/// Why something cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// The text has `len` bytes; the field holds `max`.
    Text {
        /// How long it is.
        len: usize,
        /// The most that fits.
        max: usize,
    },
    /// The name has `len` bytes; the field holds `max`, which is 0 where the wire carries no names.
    User {
        /// How long it is.
        len: usize,
        /// The most that fits.
        max: usize,
    },
    /// The time has `len` bytes; the field holds `max`.
    Time {
        /// How long it is.
        len: usize,
        /// The most that fits.
        max: usize,
    },
    /// It holds a NUL, which would end the field.
    Nul,
    /// It is not UTF-8.
    NotUtf8,
    /// To the wire it would be a command.
    Command,
}

/// Frames that are no messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Somebody joins a hub.
    Join,
    /// A hub has taken us.
    Connected,
    /// Whoever sent it ends.
    Quit,
}

impl Wire {
    /// The bytes of a frame: whole, with zeros behind each field's text.
    ///
    /// # Errors
    /// What does not fit. Nothing is ever cut.
    pub fn encode(self, frame: &Frame) -> Result<Vec<u8>, Misfit> {
        let Frame { user, time, text } = frame;
        let Some(layout) = self.layout() else {
            fits(user, 0, |len, max| Misfit::User { len, max })?;
            fits(time, 0, |len, max| Misfit::Time { len, max })?;
            fits(text, TEXT_MAX, |len, max| Misfit::Text { len, max })?;
            return Ok([text.as_slice(), b"\n"].concat());
        };
        fits(user, layout.user.len().saturating_sub(1), |len, max| Misfit::User { len, max })?;
        fits(time, layout.time.len().saturating_sub(1), |len, max| Misfit::Time { len, max })?;
        fits(text, layout.text.len().saturating_sub(1), |len, max| Misfit::Text { len, max })?;
        if [user, time, text].iter().any(|field| field.contains(&0)) {
            return Err(Misfit::Nul);
        }
        Ok(layout.assemble(frame))
    }

    /// The fields of what came, however broken it is.
    pub fn decode(self, bytes: &[u8]) -> Decoded {
        let Some(layout) = self.layout() else {
            let text = bytes.strip_suffix(b"\n").unwrap_or(bytes).to_vec();
            let frame = Frame { text, ..Frame::default() };
            let flaws = frame.not_utf8().into_iter().collect();
            return Decoded { frame, flaws };
        };
        let mut flaws = Vec::new();
        if bytes.len() != layout.len {
            flaws.push(Flaw::Length { len: bytes.len(), wanted: layout.len });
        }
        let (mut user, mut text) = (field(bytes, &layout.user), field(bytes, &layout.text));
        if let Some(at) = layout.counts {
            for (number, field) in [&mut user, &mut text].into_iter().enumerate() {
                let room = if number == 0 { layout.user.len() } else { layout.text.len() };
                match count(bytes, at + 8 * number) {
                    Some(count) if count <= room => *field = field.get(..count).unwrap_or(field),
                    Some(_) => flaws.push(Flaw::Count),
                    None => {}
                }
            }
            flaws.dedup();
        }
        let [user, time, text] = [user, field(bytes, &layout.time), text].map(|field| until_nul(field).to_vec());
        let frame = Frame { user, time, text };
        flaws.extend(frame.not_utf8());
        Decoded { frame, flaws }
    }

    /// What a hub passes on of a frame that came: over TCP and as text the bytes themselves; else a whole frame, without
    /// what lay in the sender's memory.
    pub fn forward(self, bytes: &[u8], frame: &Frame) -> Vec<u8> {
        match self.layout() {
            Some(layout) if !self.is_stream() => layout.assemble(frame),
            _ => bytes.to_vec(),
        }
    }

    /// What the frame is, where it is no message.
    pub fn control(self, frame: &Frame) -> Option<Control> {
        match (self, frame.text.as_slice()) {
            (Wire::Ull1106, JOIN) => Some(Control::Join),
            (Wire::Ull1106, CONNECTED) => Some(Control::Connected),
            (Wire::Ull1106, QUIT_1106) | (Wire::Ull2096, QUIT_2096) => Some(Control::Quit),
            _ => None,
        }
    }

    /// The text of such a frame; `None` where the wire does not know it.
    pub fn control_text(self, control: Control) -> Option<&'static [u8]> {
        match (self, control) {
            (Wire::Ull1106, Control::Join) => Some(JOIN),
            (Wire::Ull1106, Control::Connected) => Some(CONNECTED),
            (Wire::Ull1106, Control::Quit) => Some(QUIT_1106),
            (Wire::Ull2096, Control::Quit) => Some(QUIT_2096),
            _ => None,
        }
    }
}

impl Frame {
    fn not_utf8(&self) -> Option<Flaw> {
        let valid = [&self.user, &self.time, &self.text].iter().all(|field| std::str::from_utf8(field).is_ok());
        (!valid).then_some(Flaw::NotUtf8)
    }
}

impl Layout {
    /// What was read from a field fits into it, though perhaps without a NUL.
    fn assemble(&self, frame: &Frame) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        let fields = [(&self.user, &frame.user), (&self.time, &frame.time), (&self.text, &frame.text)];
        for (range, field) in fields {
            let room = bytes.get_mut(range.clone()).unwrap_or_default();
            room.iter_mut().zip(field).for_each(|(to, from)| *to = *from);
        }
        if let Some(at) = self.counts {
            let counts = [frame.user.len(), frame.text.len()].map(|len| (len as u64).to_le_bytes()).concat();
            let room = bytes.get_mut(at..).unwrap_or_default();
            room.iter_mut().zip(counts).for_each(|(to, from)| *to = from);
        }
        bytes
    }
}

fn fits(field: &[u8], max: usize, misfit: impl FnOnce(usize, usize) -> Misfit) -> Result<(), Misfit> {
    if field.len() > max { Err(misfit(field.len(), max)) } else { Ok(()) }
}

/// As much of a field as there is.
fn field<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    bytes.get(range.start..range.end.min(bytes.len())).unwrap_or_default()
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn count(bytes: &[u8], at: usize) -> Option<usize> {
    let eight = bytes.get(at..at + 8)?.try_into().ok()?;
    Some(usize::try_from(u64::from_le_bytes(eight)).unwrap_or(usize::MAX))
}
