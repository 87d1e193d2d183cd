//! The one place where text from outside becomes text for a screen: it can neither steer the terminal nor hide in it.

use puerta_text::{Options, Visible, visible};

/// Columns that a tab moves on to a multiple of.
const TAB: usize = 4;

/// First strong isolate and pop directional isolate (UAX #9): what is between them is laid out for itself.
const ISOLATE: (char, char) = ('\u{2068}', '\u{2069}');

/// A name, or another text that stays on one line.
pub(crate) fn name(text: &str) -> String {
    visible(text).into_owned()
}

/// The name of a room without its `#`, shown with it.
pub(crate) fn room(text: &str) -> String {
    format!("#{}", visible(text))
}

/// A message: its lines are kept, tabs become spaces, everything else that is no ink is shown.
pub(crate) fn text(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut stream = Visible::new(Options { one_line: false });
    stream.push(text.as_bytes(), &mut bytes);
    stream.finish(&mut bytes);
    let shown = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    if shown.contains('\t') { untabbed(&shown) } else { shown }
}

/// A clean name that other text stands beside: right-to-left letters in it do not reorder what follows. A name in ASCII
/// cannot, and stays as it is: it can be searched for.
pub(crate) fn isolated(name: &str) -> String {
    if name.is_ascii() { name.to_owned() } else { format!("{}{name}{}", ISOLATE.0, ISOLATE.1) }
}

fn untabbed(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let start = out.len();
        for (j, part) in line.split('\t').enumerate() {
            if j > 0 {
                let column = puerta_text::width(out.get(start..).unwrap_or_default());
                out.extend(std::iter::repeat_n(' ', TAB - column % TAB));
            }
            out.push_str(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_tabs_become_spaces_and_controls_are_shown() {
        assert_eq!(text("a\tb\nc\x1b[2J\r"), "a   b\nc^[[2J^M");
        assert_eq!(name("a\nb\u{202e}"), "a^Jb\\u{202e}");
        assert_eq!(room("bu\x07ild"), "#bu^Gild");
    }

    #[test]
    fn only_a_name_that_could_reorder_is_isolated() {
        assert_eq!(isolated("ana"), "ana");
        assert_eq!(isolated("שלום"), "\u{2068}שלום\u{2069}");
    }
}
