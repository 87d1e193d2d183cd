//! Where the access log goes: a file that is opened anew when we are told to, or stdout.

use puerta_serve::log::append;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A log's file.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    /// `None`: stdout, which is what it is.
    path: Option<PathBuf>,
    again: Arc<AtomicBool>,
}

impl LogFile {
    /// Opens it to write behind what is there; `-` is stdout. When `again` is set, the next line goes to what then has that path.
    pub(super) fn open(path: &Path, again: Arc<AtomicBool>) -> io::Result<Self> {
        if path == Path::new("-") {
            let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            return Ok(LogFile { file, path: None, again });
        }
        // The path holds wherever we are: it is opened once more.
        let path = std::path::absolute(path)?;
        Ok(LogFile { file: append(&path)?, path: Some(path), again })
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(path) = &self.path
            && self.again.swap(false, Ordering::Relaxed)
        {
            self.file = append(path).inspect_err(|_| self.again.store(true, Ordering::Relaxed))?;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
