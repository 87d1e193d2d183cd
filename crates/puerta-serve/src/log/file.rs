//! The file of a log.

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use std::fs::File;
use std::io;
use std::path::Path;

/// Opens a file to write behind what is there; it is made where there is none (0666 less the umask). A pipe with a name has a reader,
/// or this fails at once.
///
/// # Errors
/// What open(2) says: `ENXIO` for a pipe that nobody reads, or a socket.
pub fn append(path: &Path) -> io::Result<File> {
    let how = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = open(path, how | OFlags::NONBLOCK, Mode::from_raw_mode(0o666))?;
    // The thread of the log may wait for a reader that is slow.
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file.into())
}
