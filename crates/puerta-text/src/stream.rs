//! The state machine: bytes in, visible text out, however the bytes are split.

use crate::class::{Class, class, joins, selects};

/// How many zero-width marks stay on one base. Living languages use up to five.
pub const MARKS: u8 = 8;

/// How many joiners in a row tie characters into one. The longest emoji has three.
pub const JOINS: u8 = 8;

/// What passes besides printable text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Show newline and tab as `^J` and `^I`: for a name, or a text that must stay on its line. Default: they pass.
    pub one_line: bool,
}

/// Makes a stream of bytes visible; the table is at the [top of the crate](crate).
///
/// The result does not depend on how the stream was split. The state is a few bytes, nothing is allocated but what `out`
/// grows by, and all of the output is at most 4 times the input. What can't be judged yet is held back: up to three bytes of a character,
/// a carriage return, a joiner. The next [`push`](Self::push) or [`finish`](Self::finish) gives it out.
///
/// ```
/// use puerta_text::{Options, Visible};
/// let (mut stream, mut out) = (Visible::new(Options::default()), Vec::new());
/// stream.push(b"\x1b]52;c;cm0gLXJm\x07 caf\xc3", &mut out);
/// stream.push(b"\xa9 \xff\r", &mut out);
/// stream.push(b"\n", &mut out);
/// stream.finish(&mut out);
/// assert_eq!(String::from_utf8(out).unwrap(), "^[]52;c;cm0gLXJm^G café \\xff\n");
/// ```
#[derive(Debug, Clone)]
pub struct Visible {
    options: Options,
    /// The start of a UTF-8 sequence that is not whole yet.
    partial: [u8; 4],
    partial_len: u8,
    /// A carriage return whose next character has not come.
    cr: bool,
    /// A joiner whose next character has not come.
    joiner: Option<char>,
    /// What the next mark would draw on; nothing behind a control character or an escape.
    base: Option<char>,
    marks: u8,
    joined: u8,
    selected: bool,
}

impl Visible {
    /// A stream from its start.
    pub fn new(options: Options) -> Visible {
        Visible {
            options,
            partial: [0; 4],
            partial_len: 0,
            cr: false,
            joiner: None,
            base: None,
            marks: 0,
            joined: 0,
            selected: false,
        }
    }

    /// Appends to `out` what these bytes look like.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len());
        let mut rest = bytes;
        loop {
            if self.is_plain() {
                let plain = rest.iter().take_while(|b| matches!(b, b' '..=b'~')).count();
                let (run, behind) = rest.split_at(plain);
                out.extend_from_slice(run);
                if let Some(last) = run.last() {
                    self.start_base(char::from(*last));
                }
                rest = behind;
            }
            let Some((&byte, behind)) = rest.split_first() else { return };
            self.byte(byte, out);
            rest = behind;
        }
    }

    /// Appends what was held back, as it looks with nothing behind it, and starts anew.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let partial = self.partial;
        self.invalid(partial.get(..usize::from(self.partial_len)).unwrap_or_default(), out);
        self.settle(None, out);
        *self = Visible::new(self.options);
    }

    /// Nothing is held back.
    fn is_plain(&self) -> bool {
        self.partial_len == 0 && !self.cr && self.joiner.is_none()
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.partial_len == 0 && byte.is_ascii() {
            return self.char(char::from(byte), out);
        }
        let held = usize::from(self.partial_len);
        let Some(slot) = self.partial.get_mut(held) else { return };
        *slot = byte;
        let whole = self.partial;
        let Some(sequence) = whole.get(..=held) else { return };
        match std::str::from_utf8(sequence) {
            Ok(text) => {
                self.partial_len = 0;
                text.chars().for_each(|c| self.char(c, out));
            }
            Err(error) if error.error_len().is_none() => self.partial_len += 1,
            Err(_) => {
                // The byte broke the sequence before it, and may start the next.
                self.partial_len = 0;
                match held {
                    0 => self.invalid(&[byte], out),
                    _ => {
                        self.invalid(sequence.get(..held).unwrap_or_default(), out);
                        self.byte(byte, out);
                    }
                }
            }
        }
    }

    fn invalid(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            self.settle(None, out);
            self.base = None;
            append(out, format_args!("\\x{byte:02x}"));
        }
    }

    fn char(&mut self, c: char, out: &mut Vec<u8>) {
        if self.cr && c == '\n' {
            self.cr = false;
            self.base = None;
            return out.push(b'\n');
        }
        let tied = self.settle(Some(c), out);
        match class(c) {
            Class::Base => {
                let joined = if tied { self.joined } else { 0 };
                self.start_base(c);
                self.joined = joined;
                self.pass(c, out);
            }
            Class::Mark if self.base.is_some() && self.marks < MARKS => {
                self.marks += 1;
                self.pass(c, out);
            }
            Class::Selector
                if !tied && self.marks == 0 && !self.selected && self.base.is_some_and(|b| selects(b, c)) =>
            {
                self.selected = true;
                self.pass(c, out);
            }
            Class::Joiner if !tied && self.joined < JOINS && self.base.is_some_and(joins) => self.joiner = Some(c),
            Class::Caret => self.control(c, out),
            _ => self.escape(c, out),
        }
    }

    /// Gives out a carriage return or joiner that was held back, now that `next` is known; tells whether a joiner stayed.
    fn settle(&mut self, next: Option<char>, out: &mut Vec<u8>) -> bool {
        if std::mem::take(&mut self.cr) {
            out.extend_from_slice(b"^M");
        }
        let Some(joiner) = self.joiner.take() else { return false };
        let fits = next.is_some_and(|c| joins(c) && matches!(class(c), Class::Base | Class::Mark));
        if fits || self.marks > 0 {
            self.joined += 1;
            self.pass(joiner, out);
        } else {
            self.escape(joiner, out);
        }
        fits
    }

    fn control(&mut self, c: char, out: &mut Vec<u8>) {
        self.base = None;
        match c {
            '\n' | '\t' if !self.options.one_line => self.pass(c, out),
            '\r' if !self.options.one_line => self.cr = true,
            '\u{7f}' => out.extend_from_slice(b"^?"),
            _ => append(out, format_args!("^{}", char::from((c as u8) ^ 0x40))),
        }
    }

    fn escape(&mut self, c: char, out: &mut Vec<u8>) {
        self.base = None;
        append(out, format_args!("\\u{{{:x}}}", u32::from(c)));
    }

    fn start_base(&mut self, c: char) {
        self.base = Some(c);
        self.marks = 0;
        self.joined = 0;
        self.selected = false;
    }

    fn pass(&mut self, c: char, out: &mut Vec<u8>) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = std::io::Write::write_fmt(out, text);
}
