//! Where a request ends, and whether another may follow: RFC 9112, sections 6 and 9.3.

use super::{Control, Why};
use crate::core::head::{Head, Version};

/// What follows the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Nothing.
    Empty,
    /// A body of so many bytes, one at least.
    Length(u64),
    /// A body in chunks.
    Chunked,
}

/// Content-Length twice is refused even where both say the same, which RFC 9112, section 6.3, leaves to us.
pub(super) fn read(control: &Control<'_>, version: Version) -> Result<Framing, Why> {
    match (control.coding, control.length) {
        (None, None) => Ok(Framing::Empty),
        (Some(_), Some(_)) => Err(Why::TransferEncoding),
        (Some(_), None) if version == Version::Http10 => Err(Why::TransferEncoding),
        (Some(coding), None) => chunked(coding),
        (None, Some(length)) => match number(length).ok_or(Why::ContentLength)? {
            0 => Ok(Framing::Empty),
            length => Ok(Framing::Length(length)),
        },
    }
}

/// A connection of HTTP/1.1 goes on unless the client says `close`; one of 1.0 only if it says `keep-alive`.
pub(super) fn keeps_alive(head: &Head<'_>) -> bool {
    let (mut close, mut keep) = (false, head.version == Version::Http11);
    for option in head.all("connection").flat_map(|line| line.split(|b| *b == b',')) {
        let option = option.trim_ascii();
        close |= option.eq_ignore_ascii_case(b"close");
        keep |= option.eq_ignore_ascii_case(b"keep-alive");
    }
    keep && !close
}

/// `chunked` alone. Other codings in front of it are valid, but none is known here.
fn chunked(value: &[u8]) -> Result<Framing, Why> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(Framing::Chunked);
    }
    let is_token = |c: &[u8]| !c.is_empty() && c.iter().all(|b| b.is_ascii_alphanumeric() || b"-_+.".contains(b));
    let mut codings: Vec<&[u8]> = value.split(|b| *b == b',').map(<[u8]>::trim_ascii).collect();
    let is_chunked = |c: &[u8]| c.eq_ignore_ascii_case(b"chunked");
    let last = codings.pop().is_some_and(is_chunked);
    let others = !codings.is_empty() && codings.iter().all(|c| is_token(c) && !is_chunked(c));
    Err(if last && others { Why::TransferCoding } else { Why::TransferEncoding })
}

/// Digits alone: no sign, no space, no list.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    })
}
