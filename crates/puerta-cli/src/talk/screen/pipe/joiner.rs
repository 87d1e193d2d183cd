//! Lines that come together become one message.

use std::time::{Duration, Instant};

/// How long lines are gathered.
const TOGETHER: Duration = Duration::from_millis(100);
/// Text that waits above which nothing more is read, in bytes.
const WAITING: usize = 256 << 10;
/// The longest message, until the hub tells another limit, in bytes.
const LIMIT: usize = 4096;

/// Gathers text, and gives it out in messages: whole lines where they fit, never a part of a character.
#[derive(Debug)]
pub(super) struct Joiner {
    text: String,
    /// The beginning of a character whose end has not come.
    partial: Vec<u8>,
    since: Option<Instant>,
    limit: usize,
    ended: bool,
    cut: bool,
}

impl Joiner {
    pub(super) fn new() -> Self {
        Joiner { text: String::new(), partial: Vec::new(), since: None, limit: LIMIT, ended: false, cut: false }
    }

    pub(super) fn limit(&mut self, limit: usize) {
        self.limit = limit.max(4);
    }

    /// Takes bytes in. What is not UTF-8 becomes U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8], now: Instant) {
        self.since = self.since.or(Some(now));
        let mut all = std::mem::take(&mut self.partial);
        all.extend_from_slice(bytes);
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.text.push_str(text);
                    return;
                }
                Err(error) => {
                    let (valid, behind) = rest.split_at(error.valid_up_to());
                    self.text.push_str(&String::from_utf8_lossy(valid));
                    let Some(bad) = error.error_len() else {
                        self.partial = behind.to_vec();
                        return;
                    };
                    self.text.push(char::REPLACEMENT_CHARACTER);
                    rest = behind.get(bad..).unwrap_or_default();
                }
            }
        }
    }

    /// Nothing more comes: what is here goes without waiting.
    pub(super) fn end(&mut self) {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        self.ended = true;
    }

    /// The next message, if it is full, or if its lines had their time and nothing holds them up.
    pub(super) fn take(&mut self, now: Instant, busy: bool) -> Option<String> {
        loop {
            let due = !busy && self.since.is_some_and(|since| since + TOGETHER <= now);
            let end = self.next_end(self.ended || due)?;
            let rest = self.text.split_off(end);
            let message = std::mem::replace(&mut self.text, rest);
            if self.text.is_empty() {
                self.since = None;
            }
            let message = message.replace("\r\n", "\n");
            let message = message.trim_matches('\n');
            // Empty lines alone are no message.
            if !message.trim().is_empty() {
                return Some(message.to_owned());
            }
        }
    }

    /// When lines have had their time.
    pub(super) fn due(&self) -> Option<Instant> {
        let has_line = self.text.contains('\n');
        self.since.filter(|_| has_line).map(|since| since + TOGETHER)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.partial.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= WAITING
    }

    /// Whether a line was longer than a message.
    pub(super) fn has_cut(&self) -> bool {
        self.cut
    }

    /// Where the next message ends; its last line break is not counted in its length.
    fn next_end(&mut self, now: bool) -> Option<usize> {
        if self.text.is_empty() {
            return None;
        }
        // One byte more: a line of exactly the limit has its line break behind it.
        let most = floor(&self.text, self.limit + 1);
        let fits = self.text.get(..most).unwrap_or_default();
        let last = fits.rfind('\n').map(|at| at + 1);
        if self.text.len() <= self.limit {
            return if self.ended { Some(self.text.len()) } else { last.filter(|_| now) };
        }
        last.or_else(|| {
            self.cut = true;
            Some(floor(&self.text, self.limit))
        })
    }
}

/// The last border of a character that is not behind `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_come_together_are_one_message() {
        let start = Instant::now();
        let mut joiner = Joiner::new();
        joiner.push(b"one\r\ntwo\nthr", start);
        assert_eq!(joiner.take(start, false), None);
        assert_eq!(joiner.due(), Some(start + TOGETHER));
        assert_eq!(joiner.take(start + TOGETHER, true), None);
        assert_eq!(joiner.take(start + TOGETHER, false).as_deref(), Some("one\ntwo"));
        assert_eq!(joiner.take(start + TOGETHER * 9, false), None);
        joiner.push(b"ee", start);
        joiner.end();
        assert_eq!(joiner.take(start, true).as_deref(), Some("three"));
        assert!(joiner.is_empty());
    }

    #[test]
    fn a_message_is_full_lines_up_to_the_limit() {
        let now = Instant::now();
        let mut joiner = Joiner::new();
        joiner.limit(10);
        joiner.push(b"1234\n5678\n9\nabcdefghij\nk\n", now);
        assert_eq!(joiner.take(now, false).as_deref(), Some("1234\n5678"));
        assert_eq!(joiner.take(now, false).as_deref(), Some("9"));
        assert_eq!(joiner.take(now, false).as_deref(), Some("abcdefghij"));
        assert!(!joiner.has_cut());
        assert_eq!(joiner.take(now, false), None);
    }

    #[test]
    fn a_character_is_never_cut_and_nothing_is_lost() {
        let now = Instant::now();
        let text = "añ日👩x".repeat(50);
        for limit in 4..20 {
            let mut joiner = Joiner::new();
            joiner.limit(limit);
            for byte in text.as_bytes() {
                joiner.push(&[*byte], now);
            }
            joiner.end();
            let all: Vec<String> = std::iter::from_fn(|| joiner.take(now, false)).collect();
            assert!(all.iter().all(|m| m.len() <= limit));
            assert_eq!(all.concat(), text);
            assert!(joiner.has_cut());
        }
    }

    #[test]
    fn what_is_no_utf8_is_shown_as_such() {
        let now = Instant::now();
        let mut joiner = Joiner::new();
        joiner.push(b"a\xffb\xe2\x82", now);
        joiner.push(b"\xac\n\xe2", now);
        joiner.end();
        assert_eq!(joiner.take(now, false).as_deref(), Some("a\u{fffd}b€\n\u{fffd}"));
    }
}
