//! Addresses of Unix sockets.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The address of a Unix socket: unix(7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnixAddr {
    /// No address: one end of a socketpair, or a client that did not bind.
    Unnamed,
    /// A path in the file system, of 1 to 107 bytes.
    Path(PathBuf),
    /// A name of 0 to 107 bytes that lives in the network namespace, without a file; Linux only. Any byte may stand in it.
    Abstract(Vec<u8>),
}

impl UnixAddr {
    /// A path. Its length is checked where it is used.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        UnixAddr::Path(path.into())
    }

    /// An abstract name, without the leading NUL.
    pub fn abstract_name(name: impl Into<Vec<u8>>) -> Self {
        UnixAddr::Abstract(name.into())
    }

    /// The path, if it is one.
    pub fn as_path(&self) -> Option<&Path> {
        match self {
            UnixAddr::Path(path) => Some(path),
            _ => None,
        }
    }

    pub(crate) fn from_path_bytes(bytes: &[u8]) -> Self {
        UnixAddr::Path(PathBuf::from(OsStr::from_bytes(bytes)))
    }
}

impl fmt::Display for UnixAddr {
    /// As the address grammar writes it: a path that begins with `/` or `.`, `@name`, or `(unnamed)`.
    /// Control characters and bytes that are no UTF-8 are shown escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnixAddr::Unnamed => f.write_str("(unnamed)"),
            UnixAddr::Path(path) => {
                let bytes = path.as_os_str().as_bytes();
                if !bytes.starts_with(b"/") && !bytes.starts_with(b".") {
                    f.write_str("./")?;
                }
                escaped(f, bytes)
            }
            UnixAddr::Abstract(name) => {
                f.write_str("@")?;
                escaped(f, name)
            }
        }
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        write!(f, "{}", chunk.invalid().escape_ascii())?;
    }
    Ok(())
}
