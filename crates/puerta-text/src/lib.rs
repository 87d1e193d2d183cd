//! Text from outside made visible: what a peer, a name or a file sends can neither steer the terminal nor hide in it.
//!
//! [`Visible`] does it to a stream of bytes on its way to a terminal, [`visible`] to one line such as a name or an error
//! text. Both are one table and one state machine, without I/O. What is shown is for eyes: a backslash that was there
//! stays as it is, so the escapes cannot be told from the same characters written out, and nothing decodes them.
//!
//! | what comes | what is shown |
//! | --- | --- |
//! | `\n`, `\t`, printable text of any script, emoji | itself; on one line `^J`, `^I` |
//! | `\r\n` | a newline; a `\r` alone is `^M`; on one line `^M^J` |
//! | another C0 control, DEL | caret notation: `^[`, `^G`, `^?` |
//! | a C1 control (U+0080–9F) | `\u{9b}` |
//! | a byte that is not UTF-8 (a raw C1 control too) | `\x9b` |
//! | bidi controls, zero-width and other invisible characters, line separators, tags, noncharacters | `\u{202e}` |
//! | a zero-width mark | itself, up to [`MARKS`] for each base; those beyond, and one without a base, as `\u{301}` |
//! | ZWJ, ZWNJ, the Mongolian vowel separator | itself between two letters of a script that uses it, between emoji, and behind a virama or other mark of such a script; up to [`JOINS`] in a row; else `\u{200d}` |
//! | a variation selector | itself directly behind a base that can have one, once; else `\u{fe0f}` |
//!
//! Invisible are the characters of general category Cf and those with `Default_Ignorable_Code_Point`, from the Unicode
//! Character Database 15.0, but for the Arabic, Syriac and Kaithi signs in Cf that are ink. So the flags of England, Scotland
//! and Wales, which are spelled in tags, are shown with their tags. Right-to-left letters pass: a terminal may reorder them.

#![forbid(unsafe_code)]

mod class;
mod stream;
mod width;

pub use stream::{JOINS, MARKS, Options, Visible};
pub use width::{fit, width};

use std::borrow::Cow;

/// One line made visible: as [`Visible`] with [`Options::one_line`], so that newline and tab are shown too.
///
/// At most 4 bytes for each byte of `text`; borrowed where nothing had to change.
///
/// ```
/// assert_eq!(puerta_text::visible("ana"), "ana");
/// assert_eq!(puerta_text::visible("ana\x1b[2J\n"), "ana^[[2J^J");
/// assert_eq!(puerta_text::visible("exe.\u{202e}gpj"), "exe.\\u{202e}gpj");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut stream = Visible::new(Options { one_line: true });
    stream.push(text.as_bytes(), &mut out);
    stream.finish(&mut out);
    if out == text.as_bytes() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}
