//! Stdin, read in a thread of its own: as it comes, or line by line.

use super::Typed;
use std::io::{self, Read};
use tokio::sync::mpsc;

/// Bytes of one read(2).
const READ: usize = 64 << 10;
/// The longest line that is taken in one piece: more than any message can have.
const LINE: usize = 256 << 10;

/// How stdin is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// What one read(2) gives.
    Bytes,
    /// Lines.
    Lines,
}

/// Begins. The thread ends with stdin, or when nobody wants its input; the process need not wait for it.
pub(super) fn read(by: By, typed: mpsc::Sender<Typed>) -> io::Result<()> {
    let work = move || {
        let mut stdin = io::stdin().lock();
        let mut lines = Lines::default();
        let mut buffer = vec![0; READ];
        loop {
            let got = match stdin.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => buffer.get(..n).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let _ = typed.blocking_send(Typed::Failed(error));
                    return;
                }
            };
            let gone = match by {
                By::Bytes => typed.blocking_send(Typed::Bytes(got.to_vec())).is_err(),
                By::Lines => lines.push(got).into_iter().any(|line| typed.blocking_send(Typed::Line(line)).is_err()),
            };
            if gone {
                return;
            }
        }
        if let Some(line) = lines.end() {
            let _ = typed.blocking_send(Typed::Line(line));
        }
        let _ = typed.blocking_send(Typed::End);
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(work).map(|_| ())
}

/// Cuts bytes into lines.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        self.0.extend_from_slice(bytes);
        let mut lines = Vec::new();
        let mut start = 0;
        while let Some(rest) = self.0.get(start..).filter(|rest| !rest.is_empty()) {
            match rest.iter().position(|b| *b == b'\n') {
                Some(end) => {
                    lines.push(text(rest.get(..end).unwrap_or_default()));
                    start += end + 1;
                }
                None if rest.len() > LINE => {
                    lines.push(text(rest.get(..LINE).unwrap_or_default()));
                    start += LINE;
                }
                None => break,
            }
        }
        self.0.drain(..start);
        lines
    }

    pub(super) fn end(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.0);
        (!line.is_empty()).then(|| text(&line))
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_however_they_are_cut() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\r\ntw"), ["one"]);
        assert_eq!(lines.push(b"o\n\nthr"), ["two", ""]);
        assert_eq!(lines.end(), Some("thr".to_owned()));
        assert_eq!(lines.end(), None);
        assert_eq!(lines.push(&vec![b'x'; LINE + 1])[0].len(), LINE);
    }
}
