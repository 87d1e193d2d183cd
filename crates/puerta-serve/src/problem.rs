//! What can go wrong, as a value; its words stand in `words`.

use std::io;

/// Why a folder cannot be served, or not any more.
#[derive(Debug)]
pub enum Problem {
    /// The folder to be served could not be opened.
    Root {
        /// Its path.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// What should be served is no folder.
    NotAFolder {
        /// Its path.
        path: String,
    },
    /// The system has no openat2(2), which alone keeps a path below its folder.
    NoOpenat2,
    /// Something that this machine could not set up (a thread, the runtime).
    System(io::Error),
}

/// Why what a path names is not given to a client. The path was looked up; nothing about it is the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The client is told that nothing is there.
    Missing(Absence),
    /// The server's user may not read it: `EACCES`, `EPERM`.
    Forbidden(i32),
    /// For want of descriptors, memory or quiet: `EMFILE`, `ENFILE`, `ENOMEM`, `EAGAIN`. It may well work a moment later.
    Exhausted(i32),
    /// As many look-ups are under way as may be.
    Crowded,
    /// The disk or the file system failed: `EIO` and whatever else is not expected.
    Failed(i32),
    /// A file ended before the bytes that it was said to have: it was truncated while it was read.
    Truncated,
}

/// Why nothing is there, as far as a client is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Absence {
    /// There is nothing of that name, or a part of the path is no folder.
    Nothing,
    /// A symbolic link leads out of the folder, or is absolute.
    Outside,
    /// Neither a regular file nor a folder: a FIFO, a socket, a device.
    Special,
    /// Symbolic links lead in a circle, or through more than 40 of them, or through one of procfs.
    Loop,
    /// The path, or a name in it, is longer than the file system has it.
    TooLong,
}

impl Refusal {
    /// The status that tells it to a client (RFC 9110, section 15).
    pub fn status(self) -> u16 {
        match self {
            Refusal::Missing(_) => 404,
            Refusal::Forbidden(_) => 403,
            Refusal::Exhausted(_) | Refusal::Crowded => 503,
            Refusal::Failed(_) | Refusal::Truncated => 500,
        }
    }

    /// Whether the owner of the folder should hear of it: what is simply not there is no news.
    pub fn is_news(self) -> bool {
        !matches!(self, Refusal::Missing(Absence::Nothing | Absence::TooLong))
    }
}
