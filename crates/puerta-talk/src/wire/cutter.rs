//! Frames of one length, out of a stream of bytes that is cut anywhere.

/// Gathers what comes over TCP until a frame is whole.
#[derive(Debug)]
pub struct Cutter {
    len: usize,
    held: Vec<u8>,
}

impl Cutter {
    /// Frames of `len` bytes, at least 1.
    pub fn new(len: usize) -> Self {
        Cutter { len: len.max(1), held: Vec::new() }
    }

    /// Takes what came. Once [`pop`](Self::pop) gives nothing more, less than a frame is held.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next frame that is whole.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        (self.held.len() >= self.len).then(|| self.held.drain(..self.len).collect())
    }

    /// What is left where the stream ended: a frame that was cut off, or nothing.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.held)).filter(|rest| !rest.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_wherever_the_stream_was_cut() {
        let stream = b"aaaabbbbccccd";
        for size in 1..=stream.len() {
            let (mut cutter, mut frames) = (Cutter::new(4), Vec::new());
            for piece in stream.chunks(size) {
                cutter.push(piece);
                frames.extend(std::iter::from_fn(|| cutter.pop()));
            }
            assert_eq!(frames, [b"aaaa", b"bbbb", b"cccc"]);
            assert_eq!((cutter.finish(), cutter.finish()), (Some(b"d".to_vec()), None));
        }
    }
}
