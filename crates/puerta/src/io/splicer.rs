//! A way from one descriptor to another through a pipe, without copying where the kernel can.

use super::{Access, Kind, Pipe, SpliceFlags, access, kind, pipe, pipe_len, read_now, splice, write_now};
use super::{Events, PollFd, poll, ready};
use crate::error::{Call, Error, Result};
use crate::sys::descriptor::recv_now;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// How much is copied at once where splice(2) cannot.
const COPIED: usize = 65_536;

/// One direction between two descriptors: `from` → a pipe of its own → `to`.
///
/// [`fill`](Self::fill) and [`drain`](Self::drain) make one step each and never wait, also on blocking descriptors. Where
/// splice(2) cannot (`EINVAL`, `ENOSYS`; a terminal, a file with `O_APPEND`), it copies instead, up to 64 KiB at once.
/// `EAGAIN` of splice also means "pipe full": that is told apart. Over TCP both it and the 0 of the end also mean "urgent byte
/// ahead", beyond which splice never comes: recv(2) is asked then. It leaves that byte out, and up to 64 KiB after it are copied. The way is [`finished`](Self::finished) after the end of file *and* with an empty pipe.
///
/// Give it the same two descriptors each time: it asks once what they are. They are streams and files: over a socket that
/// keeps message boundaries, these would be lost and an empty message would look like the end.
#[derive(Debug)]
pub struct Splicer {
    pipe: Pipe,
    /// Bytes in the pipe. They come after those of `copied`.
    piped: usize,
    /// `COPIED` bytes once anything is copied; those from `start` to `end` are held.
    copied: Vec<u8>,
    start: usize,
    end: usize,
    copying: bool,
    ended: bool,
    from: Option<Side>,
    to: Option<Side>,
}

/// What [`Splicer::fill`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// So many bytes were taken; at least 1.
    Bytes(usize),
    /// No room, or the next bytes have to be copied: drain first.
    Full,
    /// The end of file of `from`. What is held has still to be drained.
    End,
}

#[derive(Debug, Clone, Copy)]
struct Side {
    kind: Kind,
    access: Access,
}

impl Splicer {
    /// Makes the pipe, of `size` bytes where the kernel allows it: [`set_pipe_size`](super::set_pipe_size).
    ///
    /// # Errors
    /// `EMFILE` or `ENFILE` at a limit of descriptors.
    pub fn new(size: usize) -> Result<Self> {
        let pipe = pipe()?;
        pipe.set_size(size)?;
        Splicer::with(pipe)
    }

    /// Uses a pipe that is there, with what it holds.
    ///
    /// # Errors
    /// None are known for a pipe.
    pub fn with(pipe: Pipe) -> Result<Self> {
        let piped = pipe_len(&pipe.read)?;
        let (copying, ended, from, to) = (false, false, None, None);
        Ok(Splicer { pipe, piped, copied: Vec::new(), start: 0, end: 0, copying, ended, from, to })
    }

    /// Gives the pipe back, for another way.
    ///
    /// # Errors
    /// Hands itself back while it holds bytes.
    pub fn into_pipe(self) -> Result<Pipe, Self> {
        if self.held() == 0 { Ok(self.pipe) } else { Err(self) }
    }

    /// How many bytes were taken from `from` and not yet given to `to`.
    pub fn held(&self) -> usize {
        self.piped + self.end - self.start
    }

    /// Whether the end of file of `from` came. Bytes may still be held.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Whether the end of file came and every byte before it was given to `to`.
    pub fn finished(&self) -> bool {
        self.ended && self.held() == 0
    }

    /// Whether it copies, since splice(2) cannot on these descriptors.
    pub fn is_copying(&self) -> bool {
        self.copying
    }

    /// Takes up to `max` bytes from `from`, and at least 1: splice(2) says of none at all what it says of the end of file.
    ///
    /// # Errors
    /// `EAGAIN` where there is nothing to read yet; else as [`read`](super::read).
    pub fn fill(&mut self, from: impl AsFd, max: usize) -> Result<Filled> {
        let from = from.as_fd();
        if self.ended {
            return Ok(Filled::End);
        }
        let (side, max) = (ask(&mut self.from, from)?, max.max(1));
        if !self.copying {
            match self.fill_by_splice(from, side, max) {
                Err(e) if cannot(&e) => self.copying = true,
                done => return done,
            }
        }
        self.fill_by_copy(from, side, max)
    }

    fn fill_by_splice(&mut self, from: BorrowedFd<'_>, side: Side, max: usize) -> Result<Filled> {
        if !side.access.nonblocking && matches!(side.kind, Kind::Socket { .. }) {
            // SPLICE_F_NONBLOCK is about the pipe: a blocking socket would wait for its first byte.
            ready(from, Events::READ, Call::Splice)?;
        }
        match splice(from, &self.pipe.write, max, SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
            Ok(0) if matches!(side.kind, Kind::Socket { stream: true }) => self.fill_by_recv(from, side, max),
            Ok(0) => {
                self.ended = true;
                Ok(Filled::End)
            }
            Ok(n) => {
                self.piped += n;
                Ok(Filled::Bytes(n))
            }
            Err(e) if e.would_block() && self.piped > 0 && self.pipe_is_full()? => Ok(Filled::Full),
            Err(e) if e.would_block() && matches!(side.kind, Kind::Socket { stream: true }) => {
                self.fill_by_recv(from, side, max)
            }
            Err(e) => Err(e),
        }
    }

    /// What splice said may be the end, nothing, or an urgent byte ahead: recv(2) tells which.
    fn fill_by_recv(&mut self, from: BorrowedFd<'_>, side: Side, max: usize) -> Result<Filled> {
        if recv_now(from, &mut [0], libc::MSG_PEEK)? == 0 {
            self.ended = true;
            return Ok(Filled::End);
        }
        // What is copied leaves before what is in the pipe: that has to be gone.
        self.fill_by_copy(from, side, max)
    }

    fn fill_by_copy(&mut self, from: BorrowedFd<'_>, side: Side, max: usize) -> Result<Filled> {
        if self.held() > 0 {
            return Ok(Filled::Full);
        }
        let room = room(&mut self.copied, max);
        let read = if side.access.nonblocking { super::read(from, room) } else { read_now(from, side.kind, room) }?;
        (self.start, self.end) = (0, read);
        match read {
            0 => {
                self.ended = true;
                Ok(Filled::End)
            }
            n => Ok(Filled::Bytes(n)),
        }
    }

    /// Gives what is held to `to`, as much as it takes at once, and tells how many bytes that was. 0: nothing is held.
    ///
    /// # Errors
    /// `EAGAIN` where there is no room yet; else as [`write`](super::write).
    pub fn drain(&mut self, to: impl AsFd) -> Result<usize> {
        let to = to.as_fd();
        if self.held() == 0 {
            return Ok(0);
        }
        let side = ask(&mut self.to, to)?;
        // A blocking socket or terminal would wait in splice(2) until it has taken all.
        self.copying |= !side.access.nonblocking && matches!(side.kind, Kind::Socket { .. } | Kind::Terminal);
        if !self.copying && self.start == self.end {
            match splice(&self.pipe.read, to, self.piped, SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
                Err(e) if cannot(&e) => self.copying = true,
                // Never the end, since we hold the other end of the pipe and know that there are bytes.
                Ok(0) => return Err(Error::bare(Call::Splice, libc::EIO)),
                done => return done.inspect(|n| self.piped = self.piped.saturating_sub(*n)),
            }
        }
        self.drain_by_copy(to, side)
    }

    fn drain_by_copy(&mut self, to: BorrowedFd<'_>, side: Side) -> Result<usize> {
        if self.start == self.end && self.piped > 0 {
            let room = room(&mut self.copied, self.piped);
            let read = super::read(&self.pipe.read, room)?;
            (self.start, self.end) = (0, read);
            self.piped = self.piped.saturating_sub(read);
        }
        let left = self.copied.get(self.start..self.end).unwrap_or_default();
        let plain = side.access.nonblocking && !matches!(side.kind, Kind::Socket { .. });
        let written = if plain { super::write(to, left) } else { write_now(to, side.kind, left) }?;
        self.start += written;
        Ok(written)
    }

    fn pipe_is_full(&self) -> Result<bool> {
        let mut write = [PollFd::new(&self.pipe.write, Events::WRITE)];
        Ok(poll(&mut write, Some(Duration::ZERO))? == 0)
    }
}

/// Space for up to `max` bytes to copy.
fn room(copied: &mut Vec<u8>, max: usize) -> &mut [u8] {
    copied.resize(COPIED, 0);
    copied.get_mut(..max.min(COPIED)).unwrap_or_default()
}

fn ask(side: &mut Option<Side>, fd: BorrowedFd<'_>) -> Result<Side> {
    if let Some(side) = *side {
        return Ok(side);
    }
    Ok(*side.insert(Side { kind: kind(fd)?, access: access(fd)? }))
}

/// Whether splice(2) cannot at all on these descriptors.
fn cannot(error: &Error) -> bool {
    matches!(error.errno(), Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP))
}
