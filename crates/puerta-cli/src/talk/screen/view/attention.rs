//! Bells and notifications: at most one a second.

use std::time::{Duration, Instant};

/// Between two of them.
const PAUSE: Duration = Duration::from_secs(1);

/// What to ring for. Clean text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// Who, and where.
    pub(crate) title: String,
    /// What was said.
    pub(crate) text: String,
}

#[derive(Debug, Default)]
pub(super) struct Attention {
    last: Option<Instant>,
    call: Option<Call>,
}

impl Attention {
    /// Someone calls. What comes within the pause rings no more: its unread mark stays.
    pub(super) fn call(&mut self, title: String, text: &str, now: Instant) {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE) {
            self.last = Some(now);
            self.call = Some(Call { title, text: text.lines().next().unwrap_or_default().to_owned() });
        }
    }

    pub(super) fn take(&mut self) -> Option<Call> {
        self.call.take()
    }
}

/// Whether a text names someone: as a word, in any case.
pub(super) fn names(text: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let alone = |(at, _): (usize, &str)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let behind = text.get(at + name.len()..).and_then(|t| t.chars().next());
        !word(before) && !word(behind)
    };
    text.match_indices(name.as_str()).any(alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_as_a_word_in_any_case() {
        assert!(names("Ana, come here", "ana"));
        assert!(names("@ana?", "ana"));
        assert!(names("¡José!", "josé"));
        assert!(!names("banana", "ana"));
        assert!(!names("anabel", "ana"));
        assert!(!names("anything", ""));
    }

    #[test]
    fn it_rings_at_most_once_a_second() {
        let start = Instant::now();
        let mut attention = Attention::default();
        attention.call("ana".to_owned(), "hola\nmore", start);
        assert_eq!(attention.take(), Some(Call { title: "ana".to_owned(), text: "hola".to_owned() }));
        attention.call("ana".to_owned(), "again", start + PAUSE / 2);
        assert_eq!(attention.take(), None);
        attention.call("ana".to_owned(), "later", start + PAUSE);
        assert!(attention.take().is_some());
    }
}
