//! Why an address is refused: what is wrong, where it stands, and what to write instead.

use std::borrow::Cow;
use std::fmt;

/// An address that does not follow the grammar. [`fmt::Display`] gives one line that names the place.
///
/// ```
/// let error = "upd://localhost:53".parse::<puerta::Address>().unwrap_err();
/// assert_eq!(error.to_string(), "bad address at byte 0: upd is no layer");
/// assert_eq!(error.hint.as_deref(), Some("did you mean udp? a host called upd is tcp://upd:PORT"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, as an offset in bytes from the start of the text; it always lies on the boundary of a character.
    pub at: usize,
    /// What is wrong in words, on one line, without the place.
    pub message: Cow<'static, str>,
    /// What to write instead, on one line, where there is something to say.
    pub hint: Option<Cow<'static, str>>,
}

/// The kinds of [`ParseError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// There is no text.
    Empty,
    /// A NUL byte: no address can hold one.
    Nul,
    /// A control character: the grammar has no way to print one.
    Control,
    /// A word stands where a layer does, and is none.
    UnknownLayer,
    /// A layer of the grammar that is not in this build.
    AbsentLayer,
    /// The layers do not go together.
    Layers,
    /// `-listen` where an address cannot say that it listens.
    Listen,
    /// The host is no name and no address.
    Host,
    /// The name of the host is longer than 253 bytes.
    HostTooLong,
    /// Something like an IPv4 address that is none.
    Ipv4,
    /// Something like an IPv6 address that is none, or one with a port and without brackets.
    Ipv6,
    /// The zone of an IPv6 address is empty, too long or holds what no interface's name does.
    Zone,
    /// The port is missing.
    PortMissing,
    /// The port is over 65535, or negative.
    PortRange,
    /// The port is no number and no name of a service.
    Port,
    /// The path or name of a Unix socket is empty.
    PathEmpty,
    /// The path or name of a Unix socket is longer than 107 bytes.
    PathTooLong,
    /// Options stand where only a base address may.
    Options,
    /// An option that nobody knows.
    UnknownOption,
    /// An option that the address's transport does not have.
    OptionUnfit,
    /// An option's value is missing, out of bounds, or not of its kind.
    OptionValue,
}

impl ParseError {
    /// An error without a hint.
    pub fn new(kind: ParseErrorKind, at: usize, message: impl Into<Cow<'static, str>>) -> Self {
        ParseError { kind, at, message: message.into(), hint: None }
    }

    /// The refusal of the first control character of a text, if there is one: the grammar has no way to print it.
    pub fn control_in(text: &str) -> Option<Self> {
        let (at, c) = text.char_indices().find(|(_, c)| c.is_control())?;
        Some(if c == '\0' {
            ParseError::new(ParseErrorKind::Nul, at, "a NUL byte cannot stand in an address")
                .with_hint("leave the NUL byte out; an abstract name is written @name")
        } else {
            let message = format!("the control character {} cannot stand in an address", c.escape_unicode());
            ParseError::new(ParseErrorKind::Control, at, message).with_hint("leave it out")
        })
    }

    /// A piece of the input for a message: at most 40 characters, and none that a terminal acts upon.
    pub fn shown(text: &str) -> String {
        const MOST: usize = 40;
        let mut out = String::new();
        for c in text.chars().take(MOST) {
            if c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ' {
                out.push(c);
            } else {
                out.extend(c.escape_unicode());
            }
        }
        if text.chars().nth(MOST).is_some() {
            out.push('…');
        }
        out
    }

    /// The same error with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error for a text in which `by` more bytes stand before.
    #[must_use]
    pub fn shifted(mut self, by: usize) -> Self {
        self.at = self.at.saturating_add(by);
        self
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad address at byte {}: {}", self.at, self.message)
    }
}

impl std::error::Error for ParseError {}

/// The candidate nearest to a mistyped word: one edit away, or two for words of six letters or more. An edit inserts,
/// drops or changes a character, or swaps two neighbours; case does not count. The word itself is never the answer.
///
/// ```
/// assert_eq!(puerta::nearest("upd", ["tcp", "udp"]), Some("udp"));
/// assert_eq!(puerta::nearest("keepalvie", ["keep-alive"]), Some("keep-alive"));
/// assert_eq!(puerta::nearest("No-Delay", ["no-delay"]), Some("no-delay"));
/// assert_eq!(puerta::nearest("http", ["tcp", "udp"]), None);
/// ```
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let word: Vec<char> = typed.chars().map(|c| c.to_ascii_lowercase()).take(LONGEST + 1).collect();
    let within = if word.len() < 6 { 1 } else { 2 };
    candidates
        .into_iter()
        .filter(|candidate| *candidate != typed)
        .filter(|candidate| word.len() <= LONGEST && candidate.chars().count().abs_diff(word.len()) <= within)
        .map(|candidate| (edits(&word, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(edits, _)| *edits <= within)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The optimal string alignment distance, row by row.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let change = last[j] + usize::from(a != b);
            let mut least = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}
