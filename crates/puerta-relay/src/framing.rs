//! Where a message ends in a stream of text: one line is one datagram, or all of the input is one. No I/O.

/// The longest message that is gathered: 1 MiB. The kernel's own limits (65,507 bytes over UDP) are lower for most sockets.
pub const MESSAGE_MAX: usize = 1 << 20;

/// Cuts input into messages.
#[derive(Debug)]
pub struct Framer {
    whole: bool,
    buffer: Vec<u8>,
    /// Where the next message starts in `buffer`: what is before is given out, and removed when more comes.
    start: usize,
    /// How much of `buffer` was searched for a line's end already.
    searched: usize,
}

/// A message would be longer than [`MESSAGE_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl Framer {
    /// Lines, each with its newline; or, if `whole`, everything up to the end as one message.
    pub fn new(whole: bool) -> Self {
        Framer { whole, buffer: Vec::new(), start: 0, searched: 0 }
    }

    /// Takes more input.
    ///
    /// # Errors
    /// A message without an end within [`MESSAGE_MAX`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
        let open = match self.buffer.iter().rposition(|&b| b == b'\n') {
            Some(at) if !self.whole => self.buffer.len() - at - 1,
            _ => self.buffer.len(),
        };
        if open > MESSAGE_MAX { Err(TooLong) } else { Ok(()) }
    }

    /// The next message that is complete.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        if self.whole {
            return None;
        }
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(at) = fresh.iter().position(|&b| b == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let end = self.searched + at + 1;
        let message = self.buffer.get(self.start..end).map(<[u8]>::to_vec);
        (self.start, self.searched) = (end, end);
        message
    }

    /// What is left at the end of the input: a last line without a newline, or the whole (which may be empty).
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.buffer);
        rest.drain(..self.start);
        (self.start, self.searched) = (0, 0);
        (self.whole || !rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(whole: bool, chunks: &[&str]) -> Vec<String> {
        let mut framer = Framer::new(whole);
        let mut out = Vec::new();
        for chunk in chunks {
            framer.push(chunk.as_bytes()).unwrap();
            while let Some(message) = framer.pop() {
                out.push(String::from_utf8(message).unwrap());
            }
        }
        out.extend(framer.finish().map(|m| String::from_utf8(m).unwrap()));
        out
    }

    #[test]
    fn a_line_is_a_message_however_it_arrives() {
        assert_eq!(cut(false, &["one\ntwo\n"]), ["one\n", "two\n"]);
        assert_eq!(cut(false, &["o", "ne", "\ntw", "o"]), ["one\n", "two"]);
        assert_eq!(cut(false, &["\n\n"]), ["\n", "\n"]);
        assert_eq!(cut(false, &[]), Vec::<String>::new());
    }

    #[test]
    fn the_whole_input_is_one_message_even_when_it_is_empty() {
        assert_eq!(cut(true, &["one\n", "two\n"]), ["one\ntwo\n"]);
        assert_eq!(cut(true, &[]), [""]);
    }

    #[test]
    fn a_line_without_an_end_is_refused_at_its_bound() {
        let mut framer = Framer::new(false);
        framer.push(&vec![b'x'; MESSAGE_MAX]).unwrap();
        assert_eq!(framer.push(b"x"), Err(TooLong));
        let mut framer = Framer::new(false);
        framer.push(&vec![b'\n'; 2 * MESSAGE_MAX]).unwrap();
    }
}
