//! Frames as bytes: each is postcard (its specification, version 1) behind its length as two bytes, little-endian. One
//! bidirectional QUIC stream carries them.

use super::limits::FRAME;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};

/// A frame that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Longer than [`FRAME`], or empty.
    Length,
    /// Its bytes are no frame, or more than one.
    Content,
}

/// One frame behind its length, appended to `out`.
///
/// # Errors
///
/// [`Malformed::Length`] when it would be longer than [`FRAME`]; `out` is as before then.
pub fn encode<T: Serialize>(frame: &T, out: &mut BytesMut) -> Result<(), Malformed> {
    let start = out.len();
    out.put_u16_le(0);
    let written = postcard::to_extend(frame, Appender(out)).map(|_| ());
    let length = out.len().saturating_sub(start + 2);
    if written.is_err() || length > FRAME {
        out.truncate(start);
        return Err(Malformed::Length);
    }
    let prefix = u16::try_from(length).unwrap_or_default().to_le_bytes();
    if let Some(place) = out.get_mut(start..start + 2) {
        place.copy_from_slice(&prefix);
    }
    Ok(())
}

/// Bytes of a stream in, frames out.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: BytesMut,
}

impl Frames {
    /// What came; less than a frame of it stays here.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if it is there.
    ///
    /// # Errors
    ///
    /// What cannot be a frame; the connection is of no use any more.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Malformed> {
        let Some(prefix) = self.buffer.first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_le_bytes(*prefix));
        if length == 0 || length > FRAME {
            return Err(Malformed::Length);
        }
        if self.buffer.len() < 2 + length {
            return Ok(None);
        }
        self.buffer.advance(2);
        let body = self.buffer.split_to(length);
        if self.buffer.is_empty() {
            // An idle member keeps no buffer.
            self.buffer = BytesMut::new();
        }
        decode(&body).map(Some)
    }

    /// What is here and was not taken, for a reader of another kind.
    pub fn rest(self) -> Vec<u8> {
        self.buffer.to_vec()
    }

    /// Whether no part of a frame is here.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

/// One frame, without its length.
///
/// # Errors
///
/// [`Malformed::Content`]: what is no frame, or has something behind it.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    match postcard::take_from_bytes(body) {
        Ok((frame, [])) => Ok(frame),
        _ => Err(Malformed::Content),
    }
}

/// One frame as bytes of its own; empty when it would be too long, which no frame of ours is.
pub fn bytes<T: Serialize>(frame: &T) -> Bytes {
    let mut out = BytesMut::new();
    match encode(frame, &mut out) {
        Ok(()) => out.freeze(),
        Err(_) => Bytes::new(),
    }
}

/// postcard appends through [`Extend`].
struct Appender<'a>(&'a mut BytesMut);

impl Extend<u8> for Appender<'_> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        for byte in bytes {
            self.0.put_u8(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::frame::ToHub;
    use crate::room::ids::RoomNo;

    #[test]
    fn frames_cut_anywhere_are_read_whole() {
        let frames =
            [ToHub::Ping, ToHub::Join { room: "build".into() }, ToHub::Seen { room: RoomNo(3), through: 1 << 40 }];
        let mut stream = BytesMut::new();
        for frame in &frames {
            encode(frame, &mut stream).unwrap();
        }
        for cut in 0..stream.len() {
            let mut reader = Frames::default();
            let mut read = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                reader.push(part);
                while let Some(frame) = reader.take::<ToHub>().unwrap() {
                    read.push(frame);
                }
            }
            assert_eq!(read, frames);
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let mut reader = Frames::default();
        reader.push(&[0, 0]);
        assert_eq!(reader.take::<ToHub>(), Err(Malformed::Length));
        let mut reader = Frames::default();
        reader.push(&u16::MAX.to_le_bytes());
        assert_eq!(reader.take::<ToHub>(), Err(Malformed::Length));
        assert_eq!(decode::<ToHub>(&[200, 1]), Err(Malformed::Content));
        let mut whole = BytesMut::new();
        encode(&ToHub::Ping, &mut whole).unwrap();
        whole.put_u8(7);
        assert_eq!(decode::<ToHub>(&whole[2..]), Err(Malformed::Content));
    }

    #[test]
    fn a_frame_that_is_too_long_is_not_written() {
        let mut out = BytesMut::new();
        encode(&ToHub::Ping, &mut out).unwrap();
        let before = out.clone();
        assert_eq!(encode(&ToHub::Rename { name: "x".repeat(FRAME) }, &mut out), Err(Malformed::Length));
        assert_eq!(out, before);
    }
}
