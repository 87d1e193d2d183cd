//! The local end: stdin and stdout, or the pipes of a child. What is shared with others (a terminal, the shell's pipe) is
//! never made non-blocking: that would break the shell after we exit.

use puerta::io::{self, Kind};
use puerta::{Async, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use tokio::io::Interest;

/// A descriptor that is not a socket of ours, with readiness where the kernel gives it.
#[derive(Debug)]
pub struct Local {
    ready: Readiness,
    kind: Kind,
    /// Others have it too, so it stays blocking.
    shared: bool,
}

#[derive(Debug)]
enum Readiness {
    Polled(Async<Handle>),
    /// A regular file or /dev/null: epoll refuses it, and it never waits.
    Always(Handle),
}

/// Whose descriptor it is: ours to close, or one of the three that every process has.
#[derive(Debug)]
pub(crate) enum Handle {
    Stdin(std::io::Stdin),
    Stdout(std::io::Stdout),
    Owned(OwnedFd),
}

impl Local {
    /// This process's standard input.
    ///
    /// # Errors
    /// What fstat(2) says.
    pub fn stdin() -> Result<Self> {
        Local::new(Handle::Stdin(std::io::stdin()), true)
    }

    /// This process's standard output.
    ///
    /// # Errors
    /// What fstat(2) says.
    pub fn stdout() -> Result<Self> {
        Local::new(Handle::Stdout(std::io::stdout()), true)
    }

    /// One end of a pipe that is ours alone; it is made non-blocking.
    ///
    /// # Errors
    /// What fstat(2), fcntl(2) and epoll(7) say.
    pub fn owned(fd: OwnedFd) -> Result<Self> {
        Local::new(Handle::Owned(fd), false)
    }

    fn new(handle: Handle, shared: bool) -> Result<Self> {
        let kind = io::kind(&handle)?;
        if !shared {
            return Ok(Local { ready: Readiness::Polled(Async::new(handle)?), kind, shared });
        }
        let ready = match Async::shared(handle) {
            Ok(polled) => Readiness::Polled(polled),
            Err(refused) if refused.is_always_ready() => Readiness::Always(refused.object),
            Err(refused) => return Err(refused.error),
        };
        Ok(Local { ready, kind, shared })
    }

    /// Whether this process was started without a standard output. Rust opens /dev/null in its place, for reading too, which
    /// `>/dev/null` never does; other programs do that for those that they start (Python's `DEVNULL`), so that this is no error.
    pub fn stdout_was_closed() -> bool {
        let stdout = std::io::stdout();
        let is_null = std::fs::read_link("/proc/self/fd/1").is_ok_and(|path| path == Path::new("/dev/null"));
        is_null && io::access(&stdout).is_ok_and(|access| access.read)
    }

    /// What kind of descriptor it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is a child's pipe, which nobody else has on this side.
    pub fn is_ours(&self) -> bool {
        !self.shared
    }

    /// Whether a person sits there.
    pub fn is_terminal(&self) -> bool {
        self.kind == Kind::Terminal
    }

    /// Reads what is there, waiting for it. 0 is the end.
    ///
    /// # Errors
    /// What read(2) says.
    pub async fn read(&self, into: &mut [u8]) -> Result<usize> {
        let mut step =
            |handle: &Handle| if self.shared { io::read_now(handle, self.kind, into) } else { io::read(handle, into) };
        match &self.ready {
            Readiness::Always(handle) => {
                tokio::task::yield_now().await;
                step(handle)
            }
            Readiness::Polled(polled) => polled.io(Interest::READABLE, step).await,
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// What write(2) says.
    pub async fn write_all(&self, bytes: &[u8]) -> Result<()> {
        self.write_counting(bytes, |_| ()).await
    }

    /// Writes all of it, and tells how much was written as soon as it is: whoever drops this knows what was not.
    pub(crate) async fn write_counting(&self, mut bytes: &[u8], mut wrote: impl FnMut(usize)) -> Result<()> {
        while !bytes.is_empty() {
            let mut step = |handle: &Handle| {
                let n = if self.shared { io::write_now(handle, self.kind, bytes) } else { io::write(handle, bytes) }?;
                wrote(n);
                Ok(n)
            };
            let n = match &self.ready {
                // First what is in hand, then the turn of others: a signal may come with it.
                Readiness::Always(handle) => {
                    let n = step(handle)?;
                    tokio::task::yield_now().await;
                    n
                }
                Readiness::Polled(polled) => polled.io(Interest::WRITABLE, step).await?,
            };
            bytes = bytes.get(n..).unwrap_or_default();
        }
        Ok(())
    }

    /// The side that splice reads or writes, if readiness is known for it.
    pub(crate) fn polled(&self) -> Option<&Async<Handle>> {
        match &self.ready {
            Readiness::Polled(polled) => Some(polled),
            Readiness::Always(_) => None,
        }
    }
}

impl AsFd for Local {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.ready {
            Readiness::Polled(polled) => polled.get_ref().as_fd(),
            Readiness::Always(handle) => handle.as_fd(),
        }
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Handle::Stdin(stdin) => stdin.as_fd(),
            Handle::Stdout(stdout) => stdout.as_fd(),
            Handle::Owned(fd) => fd.as_fd(),
        }
    }
}
