//! Text in two columns, for what explains.

use puerta_text::{visible, width};
use std::fmt::Write as _;

/// How wide the text gets.
const WIDTH: usize = 100;

/// Each row with its right side beside its left one, or below where that is wider than `widest`.
pub(crate) fn columns(rows: &[(&str, &str)], widest: usize) -> String {
    let mut text = String::new();
    let fits = |left: &str| width(left) <= widest;
    let width_of_left = rows.iter().map(|(left, _)| *left).filter(|left| fits(left)).map(width).max().unwrap_or(0);
    for (left, right) in rows {
        let blank = width_of_left.saturating_sub(width(left));
        if fits(left) {
            let _ = write!(text, "  {left}{:blank$}  ", "");
        } else {
            let _ = write!(text, "  {left}\n  {:width_of_left$}  ", "");
        }
        text += wrapped(right, width_of_left + 4).trim_start();
    }
    text
}

/// Lines of at most [`WIDTH`], each after `indent` spaces.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width == 0 || width + 1 + length > WIDTH {
            if width > 0 {
                out.push('\n');
            }
            out += &" ".repeat(indent);
            width = indent;
        } else {
            out.push(' ');
            width += 1;
        }
        out += word;
        width += length;
    }
    out + "\n"
}

/// What others chose (names, paths) cannot reach the terminal raw.
pub(crate) fn visible_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", visible(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, columns};

    #[test]
    fn what_is_too_wide_stands_alone_and_no_line_ends_in_blanks() {
        let long = "word ".repeat(60);
        let text = columns(&[("a", "one"), ("ñandú", "two"), ("too wide for it", "three"), ("b", long.trim())], 8);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..4], ["  a      one", "  ñandú  two", "  too wide for it", "         three"]);
        assert!(lines.len() > 5 && lines[5].starts_with("         word"), "{text}");
        assert!(lines.iter().all(|line| line.trim_end() == *line && line.chars().count() <= WIDTH), "{text}");
    }
}
