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
    /// A file of certificates, keys or passwords cannot be read.
    File {
        /// Its path.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Others can read a file with a secret in it.
    TooOpen {
        /// Its path.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// There is no certificate in a file.
    NoCertificate {
        /// Its path.
        path: String,
    },
    /// What should be a certificate is none.
    BadCertificate {
        /// The path of its file.
        path: String,
    },
    /// There is no private key in a file.
    NoKey {
        /// Its path.
        path: String,
    },
    /// What should be a key is none, or of a kind that is not known.
    BadKey {
        /// The path of its file.
        path: String,
    },
    /// A key that only a password opens.
    EncryptedKey {
        /// The path of its file.
        path: String,
    },
    /// A key that is not the certificate's.
    OtherKey {
        /// The path of the certificate's file.
        certificate: String,
        /// The path of the key's file.
        key: String,
    },
    /// A certificate that is over.
    Expired {
        /// The path of its file.
        path: String,
        /// Since when; empty where that is not known.
        date: String,
    },
    /// A certificate that is not valid yet.
    NotYet {
        /// The path of its file.
        path: String,
        /// From when; empty where that is not known.
        date: String,
    },
    /// A certificate could not be made.
    NotMade,
    /// A certificate that was made could not be kept.
    NotKept {
        /// Where.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// TLS could not be set up.
    Tls(rustls::Error),
    /// A name that cannot be sent with a password: empty, or with a colon or a control character in it.
    BadUser(String),
    /// A password that cannot be sent: empty, or with a control character in it.
    BadPassword,
    /// What should be the hash of a password is none of argon2, or asks for too much.
    BadHash,
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
    /// Another file is being compressed for somebody who does not take it as it is: one at a time is.
    Busy,
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
    /// The folder that is served was removed itself; what has its name now is another one.
    Gone,
}

impl Problem {
    pub(crate) fn tls(error: rustls::Error) -> Self {
        Problem::Tls(error)
    }
}

impl Refusal {
    /// The status that tells it to a client (RFC 9110, section 15).
    pub fn status(self) -> u16 {
        match self {
            Refusal::Missing(_) => 404,
            Refusal::Forbidden(_) => 403,
            Refusal::Exhausted(_) | Refusal::Crowded | Refusal::Busy => 503,
            Refusal::Failed(_) | Refusal::Truncated => 500,
        }
    }

    /// Whether the owner of the folder should hear of it: what is simply not there is no news.
    pub fn is_news(self) -> bool {
        !matches!(self, Refusal::Missing(Absence::Nothing | Absence::TooLong) | Refusal::Busy)
    }
}
