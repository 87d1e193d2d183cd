//! Columns of a terminal.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns a line takes on a terminal (UAX #11, emoji sequences included). For text that went through
/// [`visible`](crate::visible): a control character counts as one column, wherever it would move the cursor.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The line cut to at most so many columns, with `…` as the last of them where something was cut. A character stays with
/// its marks and joined parts. For text that went through [`visible`](crate::visible).
///
/// ```
/// assert_eq!(puerta_text::fit("Hola, servidor!", 20), "Hola, servidor!");
/// assert_eq!(puerta_text::fit("Hola, servidor!", 6), "Hola,…");
/// ```
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if columns == 0 {
        return Cow::Borrowed("");
    }
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut end = 0;
    let mut used = 0;
    for cluster in Clusters(text) {
        used += width(cluster);
        if used >= columns {
            break;
        }
        end += cluster.len();
    }
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}

/// Splits before each character that takes columns and is not joined to the one before.
struct Clusters<'a>(&'a str);

impl<'a> Iterator for Clusters<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut before = self.0.chars().next()?;
        let starts = |(i, c): (usize, char)| {
            let joined = std::mem::replace(&mut before, c) == '\u{200d}';
            (i > 0 && !joined && c.width() != Some(0)).then_some(i)
        };
        let end = self.0.char_indices().find_map(starts).unwrap_or(self.0.len());
        let (cluster, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(cluster)
    }
}
