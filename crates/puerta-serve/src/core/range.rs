//! Byte ranges (RFC 9110 section 14).
//!
//! Memory and work are bounded by what may be asked for, never by the file: at most [`MOST`] ranges, and never more bytes
//! than the file has, else the whole file is the answer (section 14.2 lets a server pass over a Range field).

use super::conditions::IfRange;
use super::list::elements;

/// How many ranges one request may ask for, before they are merged; with more, it gets the whole.
pub const MOST: usize = 16;

/// What a field `Range` asks for of so many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// Everything, with 200.
    Whole(Whole),
    /// One range, with 206.
    One(Range),
    /// Two to [`MOST`], with 206, in the order in which they were asked for; none overlaps or touches another.
    Many(Vec<Range>),
    /// None of them begins before the end: 416.
    Unsatisfiable,
}

/// Why everything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// No range is asked for.
    NotAsked,
    /// The field comes twice.
    Twice,
    /// Ranges are for GET alone (section 14.2).
    Method,
    /// `If-Range` does not name these bytes.
    Changed(IfRange),
    /// Another unit than bytes.
    Unit,
    /// The field is not valid.
    Invalid,
    /// More than [`MOST`] ranges.
    TooMany,
    /// More bytes, in all, than there are.
    TooLong,
    /// There are no bytes.
    Empty,
}

/// Bytes `from` to `from + length`; never empty, never beyond the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Bytes before the first.
    pub from: u64,
    /// How many: at least one.
    pub length: u64,
}

/// What the value of a field `Range` asks for of `size` bytes.
pub fn read(value: &[u8], size: u64) -> Ranges {
    let Some(set) = in_bytes(value) else { return Ranges::Whole(Whole::Unit) };
    if size == 0 {
        return Ranges::Whole(Whole::Empty);
    }
    let mut asked: [Option<Range>; MOST] = [None; MOST];
    let mut count = 0;
    for spec in elements(set) {
        let Some(range) = read_one(spec, size) else { return Ranges::Whole(Whole::Invalid) };
        let Some(slot) = asked.get_mut(count) else { return Ranges::Whole(Whole::TooMany) };
        *slot = range;
        count += 1;
    }
    let asked = asked.into_iter().flatten();
    if count == 0 {
        return Ranges::Whole(Whole::Invalid);
    }
    if asked.clone().fold(0, |sum: u64, range| sum.saturating_add(range.length)) > size {
        return Ranges::Whole(Whole::TooLong);
    }
    let mut merged: Vec<Range> = Vec::new();
    for range in asked {
        merge(&mut merged, range);
    }
    match merged.as_slice() {
        [] => Ranges::Unsatisfiable,
        [one] => Ranges::One(*one),
        _ => Ranges::Many(merged),
    }
}

/// How many ranges the value of a field `Range` asks for, valid or not.
pub fn count(value: &[u8]) -> usize {
    in_bytes(value).map_or(0, |set| elements(set).count())
}

impl Range {
    /// Behind the last byte.
    pub fn end(&self) -> u64 {
        self.from.saturating_add(self.length)
    }

    /// The value of `Content-Range`: `bytes 0-499/1234` (section 14.4).
    pub fn content_range(&self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.from, self.end().saturating_sub(1))
    }
}

/// The range set, where the unit is `bytes`, in any case (section 14.1).
fn in_bytes(value: &[u8]) -> Option<&[u8]> {
    let (unit, set) = value.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(set)
}

/// `None`: not valid. `Some(None)`: valid, and not satisfiable.
fn read_one(spec: &[u8], size: u64) -> Option<Option<Range>> {
    let dash = spec.iter().position(|&b| b == b'-')?;
    let (first, last) = (spec.get(..dash)?, spec.get(dash + 1..)?);
    if first.is_empty() {
        let length = number(last)?.min(size);
        return Some((length > 0).then_some(Range { from: size - length, length }));
    }
    let from = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < from {
        return None;
    }
    Some((from < size).then(|| Range { from, length: last.min(size - 1) - from + 1 }))
}

/// Digits alone; what no file can have is as good as the largest number.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0u64, |n, &b| n.saturating_mul(10).saturating_add(u64::from(b - b'0'))))
}

/// Takes in all that `range` overlaps or touches, at the place of the first of them (section 15.3.7.2).
fn merge(merged: &mut Vec<Range>, mut range: Range) {
    let touches = |a: &Range, b: &Range| a.from <= b.end() && b.from <= a.end();
    let mut place = merged.len();
    while let Some(at) = merged.iter().position(|other| touches(other, &range)) {
        let other = merged.remove(at);
        let from = other.from.min(range.from);
        range = Range { from, length: other.end().max(range.end()) - from };
        place = place.min(at);
    }
    merged.insert(place.min(merged.len()), range);
}

#[cfg(test)]
mod tests {
    use super::Ranges::{Many, One, Unsatisfiable};
    use super::*;
    use proptest::prelude::*;

    fn one(from: u64, length: u64) -> Ranges {
        One(Range { from, length })
    }

    fn many(all: &[(u64, u64)]) -> Ranges {
        Many(all.iter().map(|&(from, length)| Range { from, length }).collect())
    }

    #[test]
    fn a_range_is_what_the_standard_says() {
        for (value, ranges) in [
            ("bytes=0-0", one(0, 1)),
            ("bytes=0-499", one(0, 500)),
            ("bytes=500-999", one(500, 500)),
            ("bytes=-500", one(9500, 500)),
            ("bytes=9500-", one(9500, 500)),
            ("bytes=0-", one(0, 10_000)),
            ("bytes=-10000", one(0, 10_000)),
            ("bytes=-99999", one(0, 10_000)),
            ("bytes=9999-", one(9999, 1)),
            ("bytes=9999-99999999999999999999999", one(9999, 1)),
            ("bytes=0000-0001", one(0, 2)),
            ("BYTES=0-1", one(0, 2)),
            ("Bytes=0-1", one(0, 2)),
            ("bytes= 0-1", one(0, 2)),
            ("bytes=0-1\t", one(0, 2)),
            ("bytes=,0-1,,", one(0, 2)),
            ("bytes=0-0,-1", many(&[(0, 1), (9999, 1)])),
            ("bytes=0-0 ,\t-1", many(&[(0, 1), (9999, 1)])),
            ("bytes=-1,0-0", many(&[(9999, 1), (0, 1)])),
            ("bytes=500-600,601-999", one(500, 500)),
            ("bytes=500-700,601-999", one(500, 500)),
            ("bytes=601-999,500-600", one(500, 500)),
            ("bytes=0-9,100-109,5-50", many(&[(0, 51), (100, 10)])),
            ("bytes=0-9,20-29,40-49,10-19", many(&[(0, 30), (40, 10)])),
            ("bytes=40-49,0-9,20-29,8-21", many(&[(40, 10), (0, 30)])),
            ("bytes=0-1,20000-20001", one(0, 2)),
            ("bytes=20000-20001,0-1", one(0, 2)),
            ("bytes=-0,0-1", one(0, 2)),
            ("bytes=10000-", Unsatisfiable),
            ("bytes=10000-10001", Unsatisfiable),
            ("bytes=99999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=10000-,-0", Unsatisfiable),
        ] {
            assert_eq!(read(value.as_bytes(), 10_000), ranges, "{value}");
        }
    }

    #[test]
    fn a_field_that_is_not_valid_is_passed_over() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes= ",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=5-1",
            "bytes=0-1,5-1",
            "bytes=0-1;2-3",
            "bytes=0-1-2",
            "bytes=+1-2",
            "bytes=0 - 1",
            "bytes=0x1-2",
            "bytes =0-1",
            "bytes:0-1",
            " bytes=0-1",
            "lines=0-1",
            "byte=0-1",
            "bytes=--1",
            "bytes=1-\u{661}",
            "bytes=0-1,bytes=2-3",
            "none",
            "bytes=0-1,x",
        ] {
            let why = if value.starts_with("bytes=") { Whole::Invalid } else { Whole::Unit };
            assert_eq!(read(value.as_bytes(), 10_000), Ranges::Whole(why), "{value}");
        }
    }

    #[test]
    fn who_asks_for_too_much_gets_the_whole() {
        let many = |count: u64| {
            let all: Vec<String> = (0..count).map(|n| format!("{}-{}", n * 10, n * 10)).collect();
            read(format!("bytes={}", all.join(",")).as_bytes(), 10_000)
        };
        assert!(matches!(many(16), Many(ranges) if ranges.len() == 16));
        assert_eq!(many(17), Ranges::Whole(Whole::TooMany));
        assert_eq!(read(b"bytes=0-,0-", 10), Ranges::Whole(Whole::TooLong));
        assert_eq!(read(b"bytes=0-5,0-4", 10), Ranges::Whole(Whole::TooLong));
        assert_eq!(read(b"bytes=0-4,5-9", 10), one(0, 10));
        assert_eq!(read(b"bytes=0-", u64::MAX), one(0, u64::MAX));
        assert_eq!(read(b"bytes=0-,0-", u64::MAX - 1), Ranges::Whole(Whole::TooLong));
    }

    #[test]
    fn an_empty_file_is_sent_whole() {
        for value in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=5-"] {
            assert_eq!(read(value.as_bytes(), 0), Ranges::Whole(Whole::Empty), "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_lies_in_the_file_once(
            specs in proptest::collection::vec((0..60u64, 0..60u64, 0..3u8), 1..20),
            size in 0..50u64,
        ) {
            let text: Vec<String> = specs.iter().map(|(a, b, kind)| match kind {
                0 => format!("{a}-{b}"),
                1 => format!("{a}-"),
                _ => format!("-{b}"),
            }).collect();
            let ranges = match read(format!("bytes={}", text.join(",")).as_bytes(), size) {
                One(range) => vec![range],
                Many(ranges) => ranges,
                Ranges::Whole(_) | Unsatisfiable => return Ok(()),
            };
            let mut sent = vec![0; usize::try_from(size).unwrap()];
            for range in &ranges {
                prop_assert!(range.length > 0 && range.end() <= size);
                for byte in range.from..range.end() {
                    sent[usize::try_from(byte).unwrap()] += 1;
                }
            }
            for (at, count) in (0..size).zip(sent) {
                let asked = specs.iter().any(|&(a, b, kind)| match kind {
                    0 => a <= at && at <= b,
                    1 => a <= at,
                    _ => at >= size.saturating_sub(b),
                });
                prop_assert_eq!(count, u8::from(asked), "byte {}", at);
            }
        }

        #[test]
        fn no_text_is_too_much(value in "(bytes=)?[0-9, -]{0,40}|.{0,20}", size in any::<u64>()) {
            if let Many(ranges) = read(value.as_bytes(), size) {
                prop_assert!((2..=MOST).contains(&ranges.len()));
            }
        }
    }
}
