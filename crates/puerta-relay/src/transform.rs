//! What happens to bytes on their way: CRLF, hex dumps, control characters made visible, the peer's name before a line.

use puerta_text::Visible;
use std::fmt::Write;

/// How what is sent differs from what was read.
#[derive(Debug, Default, Clone, Copy)]
pub struct Crlf {
    /// The last byte was a CR: a LF after it has its own already.
    after_cr: bool,
}

impl Crlf {
    /// Puts a CR before each LF that has none.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if byte == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            self.after_cr = byte == b'\r';
            out.push(byte);
        }
    }
}

/// How what was received is shown.
#[derive(Debug)]
pub enum Show {
    /// As it came.
    Raw,
    /// For a terminal: control and bidi characters made visible.
    Visible(Box<Visible>),
    /// A hex dump: offset, 16 bytes, text.
    Hex(HexDump),
}

impl Show {
    /// Adds what `bytes` look like to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Show::Raw => out.extend_from_slice(bytes),
            Show::Visible(visible) => visible.push(bytes, out),
            Show::Hex(hex) => hex.push(bytes, out),
        }
    }

    /// Adds what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Show::Raw => {}
            Show::Visible(visible) => visible.finish(out),
            Show::Hex(hex) => hex.finish(out),
        }
    }

    /// Whether bytes pass unchanged, so that they may be spliced.
    pub fn is_raw(&self) -> bool {
        matches!(self, Show::Raw)
    }
}

/// A dump in the form of `hexdump -C`. What came together is shown together: a row ends with what was pushed.
#[derive(Debug, Default)]
pub struct HexDump {
    offset: u64,
}

impl HexDump {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for row in bytes.chunks(16) {
            let mut line = String::with_capacity(80);
            let _ = write!(line, "{:08x} ", self.offset);
            for i in 0..16 {
                let gap = if i == 8 { " " } else { "" };
                let _ = match row.get(i) {
                    Some(byte) => write!(line, "{gap} {byte:02x}"),
                    None => write!(line, "{gap}   "),
                };
            }
            line.push_str("  |");
            line.extend(row.iter().map(|&b| if (0x20..0x7f).contains(&b) { char::from(b) } else { '.' }));
            line.push_str("|\n");
            out.extend_from_slice(line.as_bytes());
            self.offset += row.len() as u64;
        }
    }

    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

/// Puts a peer's name before each line. A line longer than 64 KiB is cut into several.
#[derive(Debug)]
pub struct Tagged {
    tag: Vec<u8>,
    line: Vec<u8>,
}

const LINE_MAX: usize = 64 << 10;

impl Tagged {
    /// Lines of `name`.
    pub fn new(name: &str) -> Self {
        Tagged { tag: format!("[{}] ", puerta_text::visible(name)).into_bytes(), line: Vec::new() }
    }

    /// Adds each complete line with its tag to `out`; keeps the rest for the next time.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for part in bytes.split_inclusive(|&b| b == b'\n') {
            for piece in part.chunks(LINE_MAX) {
                self.line.extend_from_slice(piece);
                if self.line.ends_with(b"\n") || self.line.len() >= LINE_MAX {
                    self.flush(out);
                }
            }
        }
    }

    /// Adds a last line that has no newline, with one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.line.is_empty() {
            self.flush(out);
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tag);
        out.extend_from_slice(&self.line);
        if !self.line.ends_with(b"\n") {
            out.push(b'\n');
        }
        self.line = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crlf_is_never_doubled_even_when_it_is_split() {
        let (mut crlf, mut out) = (Crlf::default(), Vec::new());
        for chunk in ["a\nb\r", "\nc\r\n\n"] {
            crlf.push(chunk.as_bytes(), &mut out);
        }
        assert_eq!(out, b"a\r\nb\r\nc\r\n\r\n");
    }

    #[test]
    fn a_hex_dump_reads_like_hexdump() {
        let (mut hex, mut out) = (HexDump::default(), Vec::new());
        hex.push(b"Hola, servidor!\n\x1b", &mut out);
        let expected = "00000000  48 6f 6c 61 2c 20 73 65  72 76 69 64 6f 72 21 0a  |Hola, servidor!.|\n\
                        00000010  1b                                                |.|\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn each_line_carries_its_peer_and_none_is_lost() {
        let (mut tagged, mut out) = (Tagged::new("1.2.3.4:5"), Vec::new());
        tagged.push(b"one\ntw", &mut out);
        tagged.push(b"o\nlast", &mut out);
        tagged.finish(&mut out);
        assert_eq!(out, b"[1.2.3.4:5] one\n[1.2.3.4:5] two\n[1.2.3.4:5] last\n");
    }
}
