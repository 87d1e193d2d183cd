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

/// A precondition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// `If-Match`
    Match,
    /// `If-Unmodified-Since`
    UnmodifiedSince,
    /// `If-None-Match`
    NoneMatch,
    /// `If-Modified-Since`
    ModifiedSince,
}

/// What one precondition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighed {
    /// It is not there.
    Absent,
    /// It has no objection.
    Holds,
    /// It decides: [`Rule::verdict`].
    Decides,
    /// It is there and passed over.
    PassedOver(Invalid),
}

/// Why a date is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// A tag says more: section 13.1.3, 13.1.4.
    Outweighed,
    /// It is no date, or comes twice.
    Date,
    /// There is no `Last-Modified` that it could be compared with.
    Nothing,
}

/// What `If-Range` says (section 13.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRange {
    /// It is not there, or names exactly these bytes.
    Same,
    /// It comes twice.
    Twice,
    /// It names another tag, or there is none.
    OtherTag,
    /// Its tag is weak, and a range needs a strong one.
    Weak,
    /// It is neither a tag nor a date.
    Invalid,
    /// It names another date, or there is none.
    OtherDate,
    /// It names the date, which is less than a second old.
    TooNew,
}

/// What identifies the bytes that would be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validators<'a> {
    /// Their tag; a listing has none.
    pub etag: Option<&'a ETag>,
    /// The `Last-Modified` that is sent.
    pub modified: Option<&'a Date>,
}

impl Rule {
    /// All, in the order in which they are weighed.
    pub const ALL: [Rule; 4] = [Rule::Match, Rule::UnmodifiedSince, Rule::NoneMatch, Rule::ModifiedSince];

    /// The field.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Match => "If-Match",
            Rule::UnmodifiedSince => "If-Unmodified-Since",
            Rule::NoneMatch => "If-None-Match",
            Rule::ModifiedSince => "If-Modified-Since",
        }
    }

    /// What it comes to where it decides.
    pub const fn verdict(self) -> Verdict {
        match self {
            Rule::Match | Rule::UnmodifiedSince => Verdict::Failed,
            Rule::NoneMatch | Rule::ModifiedSince => Verdict::NotModified,
        }
    }
}

/// What `If-Match`, `If-Unmodified-Since`, `If-None-Match` and `If-Modified-Since` say: the first that decides.
pub fn check(head: &Head<'_>, validators: Validators<'_>) -> Verdict {
    let decides = |rule: &Rule| weigh(*rule, head, validators) == Weighed::Decides;
    Rule::ALL.into_iter().find(decides).map_or(Verdict::Proceed, Rule::verdict)
}

/// What one of them says. A date that is not valid, that comes twice or has nothing to be compared with is passed over; of a
/// list of tags what stands before the first that is not valid counts.
pub fn weigh(rule: Rule, head: &Head<'_>, validators: Validators<'_>) -> Weighed {
    if !has(head, rule.name()) {
        return Weighed::Absent;
    }
    let decides = match rule {
        Rule::Match => !names(head, rule.name(), validators.etag, Compare::Strong),
        Rule::NoneMatch => names(head, rule.name(), validators.etag, Compare::Weak),
        Rule::UnmodifiedSince if has(head, Rule::Match.name()) => return Weighed::PassedOver(Invalid::Outweighed),
        Rule::ModifiedSince if has(head, Rule::NoneMatch.name()) => return Weighed::PassedOver(Invalid::Outweighed),
        Rule::UnmodifiedSince | Rule::ModifiedSince => {
            let Some(since) = head.only(rule.name()).and_then(Date::parse) else {
                return Weighed::PassedOver(Invalid::Date);
            };
            let Some(modified) = validators.modified else { return Weighed::PassedOver(Invalid::Nothing) };
            (modified.seconds() > since.seconds()) == (rule == Rule::UnmodifiedSince)
        }
    };
    if decides { Weighed::Decides } else { Weighed::Holds }
}

/// Whether a `Range` counts (section 13.1.5): there is no `If-Range`, or it names exactly these bytes. A weak tag never
/// does, and a date only if it is the one that is sent and a second old: what changes twice within a second keeps its date
/// (section 8.8.2.2).
pub fn if_range(head: &Head<'_>, validators: Validators<'_>, now: SystemTime) -> IfRange {
    let mut all = head.all("If-Range");
    let value = match (all.next(), all.next()) {
        (None, _) => return IfRange::Same,
        (Some(_), Some(_)) => return IfRange::Twice,
        (Some(value), None) => value,
    };
    if value.starts_with(b"W/") {
        return IfRange::Weak;
    }
    if value.starts_with(b"\"") {
        let same = validators.etag.is_some_and(|etag| value == etag.text());
        return if same { IfRange::Same } else { IfRange::OtherTag };
    }
    let Some(date) = Date::parse(value) else { return IfRange::Invalid };
    let Some(modified) = validators.modified.filter(|modified| modified.seconds() == date.seconds()) else {
        return IfRange::OtherDate;
    };
    let settled = now.checked_sub(Duration::from_secs(1)).and_then(Date::of);
    let is_settled = settled.is_some_and(|settled| modified.seconds() <= settled.seconds());
    if is_settled { IfRange::Same } else { IfRange::TooNew }
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
        use IfRange::{Invalid, OtherDate, OtherTag, Same, TooNew, Twice, Weak};
        let later = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 + seconds);
        for (fields, now, says) in [
            (&[][..], later(9), Same),
            (&[("If-Range", "\"x\"")], later(9), Same),
            (&[("If-Range", "W/\"x\"")], later(9), Weak),
            (&[("If-Range", "\"other\"")], later(9), OtherTag),
            (&[("If-Range", "\"x\", \"x\"")], later(9), OtherTag),
            (&[("If-Range", "*")], later(9), Invalid),
            (&[("If-Range", "x")], later(9), Invalid),
            (&[("If-Range", "")], later(9), Invalid),
            (&[("If-Range", "\"x\""), ("If-Range", "\"x\"")], later(9), Twice),
            (&[("If-Range", DAY)], later(9), Same),
            (&[("If-Range", DAY)], later(1), Same),
            (&[("If-Range", DAY)], later(0), TooNew),
            (&[("If-Range", BEFORE)], later(9), OtherDate),
            (&[("If-Range", AFTER)], later(9), OtherDate),
            (&[("If-Range", "Sun, 06 Nov 1994")], later(9), Invalid),
        ] {
            assert_eq!(with(fields, |head, validators| if_range(head, validators, now)), says, "{fields:?}");
        }
    }

    #[test]
    fn what_does_not_decide_is_told_apart() {
        use Weighed::{Absent, Decides, Holds, PassedOver};
        let says = |fields: &[(&str, &str)]| with(fields, |head, known| Rule::ALL.map(|rule| weigh(rule, head, known)));
        let outweighed = PassedOver(Invalid::Outweighed);
        assert_eq!(says(&[]), [Absent; 4]);
        let held = [("If-Match", "\"x\""), ("If-Unmodified-Since", BEFORE), ("If-None-Match", "\"other\"")];
        assert_eq!(says(&held), [Holds, outweighed, Holds, Absent]);
        let decided = [("If-None-Match", "\"x\""), ("If-Modified-Since", BEFORE)];
        assert_eq!(says(&decided), [Absent, Absent, Decides, outweighed]);
        let dates = [("If-Unmodified-Since", "never"), ("If-Modified-Since", BEFORE)];
        assert_eq!(says(&dates), [Absent, PassedOver(Invalid::Date), Absent, Holds]);
        let none = Validators { etag: None, modified: None };
        let since = with(&[("If-Modified-Since", DAY)], |head, _| weigh(Rule::ModifiedSince, head, none));
        assert_eq!(since, PassedOver(Invalid::Nothing));
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
        assert_eq!(with(&[("If-Range", DAY)], |head, _| if_range(head, none, SystemTime::now())), IfRange::OtherDate);
    }
}
