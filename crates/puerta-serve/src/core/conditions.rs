//! Preconditions (RFC 9110 section 13), in the order of section 13.2.2. To GET and HEAD alone, and only where the answer
//! without them would be 200 or 206 (section 13.2.1): the caller sees to that.

use super::date::Date;
use super::etag::ETag;
use super::head::Head;
use super::list::trim;
use std::time::{Duration, SystemTime};

/// What the preconditions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer as if there were none.
    Proceed,
    /// 304: the client has it.
    NotModified,
    /// 412: it is not what the client takes it for.
    Failed,
}

/// What identifies the bytes that would be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validators<'a> {
    /// Their tag; a listing has none.
    pub etag: Option<&'a ETag>,
    /// The `Last-Modified` that is sent.
    pub modified: Option<&'a Date>,
}

/// What `If-Match`, `If-Unmodified-Since`, `If-None-Match` and `If-Modified-Since` say. A date that is not valid, that
/// comes twice or has nothing to be compared with is passed over; of a list of tags what stands before the first that is
/// not valid counts.
pub fn check(head: &Head<'_>, validators: Validators<'_>) -> Verdict {
    let since = |name| Some((head.only(name).and_then(Date::parse)?.seconds(), validators.modified?.seconds()));
    if has(head, "If-Match") {
        if !names(head, "If-Match", validators.etag, Compare::Strong) {
            return Verdict::Failed;
        }
    } else if since("If-Unmodified-Since").is_some_and(|(since, modified)| modified > since) {
        return Verdict::Failed;
    }
    if has(head, "If-None-Match") {
        if names(head, "If-None-Match", validators.etag, Compare::Weak) {
            return Verdict::NotModified;
        }
    } else if since("If-Modified-Since").is_some_and(|(since, modified)| modified <= since) {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether a `Range` counts (section 13.1.5): there is no `If-Range`, or it names exactly these bytes. A weak tag never
/// does, and a date only if it is the one that is sent and a second old: what changes twice within a second keeps its date
/// (section 8.8.2.2).
pub fn range_counts(head: &Head<'_>, validators: Validators<'_>, now: SystemTime) -> bool {
    if !has(head, "If-Range") {
        return true;
    }
    let Some(value) = head.only("If-Range") else { return false };
    if value.starts_with(b"\"") || value.starts_with(b"W/") {
        return validators.etag.is_some_and(|etag| value == etag.text());
    }
    let (Some(date), Some(modified)) = (Date::parse(value), validators.modified) else { return false };
    let settled = now.checked_sub(Duration::from_secs(1)).and_then(Date::of);
    date.seconds() == modified.seconds() && settled.is_some_and(|settled| modified.seconds() <= settled.seconds())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    /// Neither is weak (section 8.8.3.2).
    Strong,
    /// Whether they are weak does not matter.
    Weak,
}

fn has(head: &Head<'_>, name: &str) -> bool {
    head.first(name).is_some()
}

/// Whether the field names the tag, or anything that is there: `*`.
fn names(head: &Head<'_>, name: &str, etag: Option<&ETag>, compare: Compare) -> bool {
    if head.only(name) == Some(b"*") {
        return true;
    }
    let Some(etag) = etag else { return false };
    head.all(name).any(|list| Tags(list).any(|(weak, tag)| tag == etag.text() && !(weak && compare == Compare::Strong)))
}

/// The tags of a list, each with its quotes and whether it is weak; ends at what is none. A comma may stand in a tag.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = (bool, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let [b' ' | b'\t' | b',', rest @ ..] = self.0 {
            self.0 = rest;
        }
        let (weak, rest) = match self.0 {
            [b'W', b'/', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let inner = rest.strip_prefix(b"\"")?;
        let len = inner.iter().position(|&b| !matches!(b, 0x21 | 0x23..=0x7e | 0x80..))?;
        let (tag, behind) = rest.split_at_checked(len + 2).filter(|(tag, _)| tag.ends_with(b"\""))?;
        let behind = trim(behind);
        // A comma or the end, else this is no tag either.
        self.0 = if behind.is_empty() { behind } else { behind.strip_prefix(b",")? };
        Some((weak, tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::head::{Field, Method, Version};

    const DAY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn with<T>(fields: &[(&str, &str)], test: impl FnOnce(&Head<'_>, Validators<'_>) -> T) -> T {
        let etag = ETag::of_content(b"x");
        let text = String::from_utf8(etag.text().to_vec()).unwrap();
        let modified = Date::parse(DAY.as_bytes()).unwrap();
        let values: Vec<(&str, String)> =
            fields.iter().map(|(name, value)| (*name, value.replace("\"x\"", &text))).collect();
        let fields: Vec<Field<'_>> =
            values.iter().map(|(name, value)| Field { name, value: value.as_bytes() }).collect();
        let head = Head { method: Method::Get, target: b"/", version: Version::Http11, fields: &fields };
        test(&head, Validators { etag: Some(&etag), modified: Some(&modified) })
    }

    #[test]
    fn preconditions_are_weighed_in_the_order_of_the_standard() {
        use Verdict::{Failed, NotModified, Proceed};
        let (fits, other) = ("\"x\"", "\"other\"");
        let cases: &[(&[(&str, &str)], Verdict)] = &[
            (&[], Proceed),
            (&[("If-Match", fits)], Proceed),
            (&[("if-match", fits)], Proceed),
            (&[("If-Match", other)], Failed),
            (&[("If-Match", "*")], Proceed),
            (&[("If-Match", "W/\"x\"")], Failed),
            (&[("If-Match", "\"other\", \"x\"")], Proceed),
            (&[("If-Match", "W/\"x\", \"x\"")], Proceed),
            (&[("If-Match", other), ("If-Match", fits)], Proceed),
            (&[("If-Match", "")], Failed),
            (&[("If-Match", "x")], Failed),
            (&[("If-Match", "\"x\"y")], Failed),
            (&[("If-Match", "\"a,b\",\"x\"")], Proceed),
            (&[("If-Match", "\"a\" \"x\"")], Failed),
            (&[("If-Match", ", ,\"x\"")], Proceed),
            (&[("If-Match", "*, \"other\"")], Failed),
            (&[("If-None-Match", fits)], NotModified),
            (&[("If-None-Match", "W/\"x\"")], NotModified),
            (&[("If-None-Match", "w/\"x\"")], Proceed),
            (&[("If-None-Match", other)], Proceed),
            (&[("If-None-Match", "*")], NotModified),
            (&[("If-None-Match", "\"*\"")], Proceed),
            (&[("If-None-Match", "\"other\",\"x\"")], NotModified),
            (&[("If-None-Match", "\"a,\",W/\"x\"")], NotModified),
            (&[("If-None-Match", "\"ñ\", \"x\"")], NotModified),
            (&[("If-None-Match", other), ("If-None-Match", fits)], NotModified),
            (&[("If-None-Match", "bad, \"x\"")], Proceed),
            (&[("If-None-Match", "\"x\", bad")], NotModified),
            (&[("If-None-Match", "\"x")], Proceed),
            (&[("If-None-Match", "\"a b\", \"x\"")], Proceed),
            (&[("If-None-Match", "")], Proceed),
            (&[("If-Modified-Since", DAY)], NotModified),
            (&[("If-Modified-Since", AFTER)], NotModified),
            (&[("If-Modified-Since", BEFORE)], Proceed),
            (&[("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT")], NotModified),
            (&[("If-Modified-Since", "Sun Nov  6 08:49:37 1994")], NotModified),
            (&[("If-Modified-Since", "yesterday")], Proceed),
            (&[("If-Modified-Since", "784111777")], Proceed),
            (&[("If-Modified-Since", DAY), ("If-Modified-Since", DAY)], Proceed),
            (&[("If-Unmodified-Since", DAY)], Proceed),
            (&[("If-Unmodified-Since", AFTER)], Proceed),
            (&[("If-Unmodified-Since", BEFORE)], Failed),
            (&[("If-Unmodified-Since", "never")], Proceed),
            // A tag outweighs a date, whatever the date says.
            (&[("If-None-Match", other), ("If-Modified-Since", AFTER)], Proceed),
            (&[("If-None-Match", fits), ("If-Modified-Since", BEFORE)], NotModified),
            (&[("If-Match", fits), ("If-Unmodified-Since", BEFORE)], Proceed),
            (&[("If-Match", other), ("If-Unmodified-Since", AFTER)], Failed),
            // 412 comes before 304.
            (&[("If-Match", other), ("If-None-Match", fits)], Failed),
            (&[("If-Match", fits), ("If-None-Match", fits)], NotModified),
            (&[("If-Unmodified-Since", BEFORE), ("If-None-Match", fits)], Failed),
            (&[("If-Unmodified-Since", DAY), ("If-Modified-Since", DAY)], NotModified),
        ];
        for (fields, verdict) in cases {
            assert_eq!(with(fields, check), *verdict, "{fields:?}");
        }
    }

    #[test]
    fn a_range_counts_only_for_the_very_bytes() {
        let later = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 + seconds);
        for (fields, now, counts) in [
            (&[][..], later(9), true),
            (&[("If-Range", "\"x\"")], later(9), true),
            (&[("If-Range", "W/\"x\"")], later(9), false),
            (&[("If-Range", "\"other\"")], later(9), false),
            (&[("If-Range", "\"x\", \"x\"")], later(9), false),
            (&[("If-Range", "*")], later(9), false),
            (&[("If-Range", "x")], later(9), false),
            (&[("If-Range", "")], later(9), false),
            (&[("If-Range", "\"x\""), ("If-Range", "\"x\"")], later(9), false),
            (&[("If-Range", DAY)], later(9), true),
            (&[("If-Range", DAY)], later(1), true),
            (&[("If-Range", DAY)], later(0), false),
            (&[("If-Range", BEFORE)], later(9), false),
            (&[("If-Range", AFTER)], later(9), false),
            (&[("If-Range", "Sun, 06 Nov 1994")], later(9), false),
        ] {
            assert_eq!(with(fields, |head, validators| range_counts(head, validators, now)), counts, "{fields:?}");
        }
    }

    #[test]
    fn what_has_no_validators_matches_no_tag_and_no_date() {
        let none = Validators { etag: None, modified: None };
        for (name, value, verdict) in [
            ("If-Match", "\"x\"", Verdict::Failed),
            ("If-Match", "*", Verdict::Proceed),
            ("If-None-Match", "\"x\"", Verdict::Proceed),
            ("If-None-Match", "*", Verdict::NotModified),
            ("If-Modified-Since", DAY, Verdict::Proceed),
            ("If-Unmodified-Since", DAY, Verdict::Proceed),
        ] {
            assert_eq!(with(&[(name, value)], |head, _| check(head, none)), verdict, "{name}: {value}");
        }
        assert!(!with(&[("If-Range", DAY)], |head, _| range_counts(head, none, SystemTime::now())));
    }
}
