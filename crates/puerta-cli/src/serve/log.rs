//! Where the access log goes: a file that is opened anew when we are told to, stdout, or stderr with what else is said there.

use puerta_serve::log::append;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the lines go.
#[derive(Debug)]
pub(super) struct LogFile {
    place: Place,
    again: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Place {
    File(File, PathBuf),
    Stdout(File),
    /// As it is, or as events.
    Stderr(bool),
}

impl LogFile {
    /// Opens it to write behind what is there; `-` is stdout. When `again` is set, the next line goes to what then has that path.
    pub(super) fn open(path: &Path, again: Arc<AtomicBool>) -> io::Result<Self> {
        if path == Path::new("-") {
            let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            return Ok(LogFile { place: Place::Stdout(file), again });
        }
        // The path holds wherever we are: it is opened once more.
        let path = std::path::absolute(path)?;
        Ok(LogFile { place: Place::File(append(&path)?, path), again })
    }

    /// Stderr, which has other lines, too; where those are `events`, lines of JSON become such.
    pub(super) fn stderr(events: bool) -> Self {
        LogFile { place: Place::Stderr(events), again: Arc::default() }
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.place {
            Place::File(file, path) => {
                if self.again.swap(false, Ordering::Relaxed) {
                    *file = append(path).inspect_err(|_| self.again.store(true, Ordering::Relaxed))?;
                }
                file.write(bytes)
            }
            Place::Stdout(file) => file.write(bytes),
            // In one piece, so that no other line comes in between.
            Place::Stderr(false) => io::stderr().lock().write_all(bytes).map(|()| bytes.len()),
            Place::Stderr(true) => io::stderr().lock().write_all(&events(bytes)).map(|()| bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Each object with the name of the event in it.
fn events(lines: &[u8]) -> Vec<u8> {
    let mut events = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"{") {
            Some(fields) => {
                events.extend_from_slice(b"{\"event\":\"response\",");
                events.extend_from_slice(fields);
            }
            None => events.extend_from_slice(line),
        }
    }
    events
}
