//! The access log: a line for each response, written by a thread of its own, so that no response waits for a disk.
//!
//! Lines are gathered by each thread that serves, and handed over when there are some or after a moment.

mod file;
mod line;

pub use file::append;
pub(crate) use line::decimal;
pub use line::{Entry, Form, stamp};

use crate::event::{Event, Report};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How much a thread gathers before it hands it over.
pub const GATHERED: usize = 64 * 1024;
/// How many such portions may wait to be written: with those being filled, some MiB.
const WAITING: usize = 64;

/// How long the end waits until what was handed over is written: a reader of a pipe may have stopped.
const LAST: Duration = Duration::from_secs(2);

/// The log. Cheap to clone; when the last clone is dropped, what was handed over is written, if that takes no longer than 2 s.
#[derive(Debug, Clone)]
pub struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    form: Form,
    report: Arc<dyn Report>,
    /// Taken away at the end.
    queue: Mutex<Option<SyncSender<Vec<u8>>>>,
    /// Told when all is written.
    ended: Mutex<Receiver<()>>,
    /// Lines that were handed over and are not written yet.
    unwritten: Arc<AtomicU64>,
    /// Lines that found no room and are not told of yet.
    lost: AtomicU64,
}

impl Log {
    /// Starts the thread that writes to `file`. When it is behind, lines are dropped, counted, and that is told.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(file: impl Write + Send + 'static, form: Form, report: Arc<dyn Report>) -> io::Result<Log> {
        let (queue, waiting) = sync_channel(WAITING);
        let (tell, ended) = channel();
        let unwritten = Arc::new(AtomicU64::new(0));
        let (told, left) = (report.clone(), unwritten.clone());
        thread::Builder::new().name("puerta-log".to_owned()).spawn(move || {
            write_all(file, waiting, &left, &*told);
            let _ = tell.send(());
        })?;
        let (queue, ended) = (Mutex::new(Some(queue)), Mutex::new(ended));
        Ok(Log(Arc::new(Shared { form, report, queue, ended, unwritten, lost: AtomicU64::new(0) })))
    }

    /// How lines are written.
    pub fn form(&self) -> Form {
        self.0.form
    }

    /// Hands lines over and leaves `lines` empty. Never waits for the disk.
    pub fn hand(&self, lines: &mut Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        let portion = std::mem::replace(lines, Vec::with_capacity(GATHERED));
        let count = lines_of(&portion);
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queue.as_ref() else { return };
        // Before it is sent: it may be written at once.
        self.0.unwritten.fetch_add(count, Ordering::Relaxed);
        match queue.try_send(portion) {
            Ok(()) => {
                let lost = self.0.lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    self.0.report.event(&Event::LogBehind(lost));
                }
            }
            Err(_) => {
                self.0.unwritten.fetch_sub(count, Ordering::Relaxed);
                self.0.lost.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.queue.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(LAST);
        let left = if ended == Err(RecvTimeoutError::Timeout) { self.unwritten.load(Ordering::Relaxed) } else { 0 };
        let lost = *self.lost.get_mut() + left;
        if lost > 0 {
            self.report.event(&Event::LogBehind(lost));
        }
    }
}

/// After an error it goes on: a full disk may have room again. That is told once, until it works again; then, or at the end, how many
/// lines are missing.
fn write_all(mut file: impl Write, waiting: impl IntoIterator<Item = Vec<u8>>, left: &AtomicU64, report: &dyn Report) {
    let (mut failed, mut torn, mut lost) = (false, false, 0);
    for mut portion in waiting {
        let count = lines_of(&portion);
        if torn {
            portion.insert(0, b'\n');
        }
        let (written, done) = put(&mut file, &portion);
        left.fetch_sub(count, Ordering::Relaxed);
        let (there, missing) = portion.split_at_checked(written).unwrap_or((&portion, &[]));
        // What only ends the torn line is none itself.
        let missing = missing.get(usize::from(torn && written == 0)..).unwrap_or_default();
        torn = there.last().map_or(torn, |last| *last != b'\n');
        match done {
            Ok(()) => {
                failed = false;
                tell_lost(&mut lost, report);
            }
            Err(error) => {
                lost += lines_of(missing);
                if !failed {
                    report.event(&Event::LogFailed(&error));
                }
                failed = true;
            }
        }
    }
    tell_lost(&mut lost, report);
}

/// Writes as much as can be, and tells how much that was.
fn put(file: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, file.flush())
}

fn lines_of(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

fn tell_lost(lost: &mut u64, report: &dyn Report) {
    if *lost > 0 {
        report.event(&Event::LogBehind(*lost));
    }
    *lost = 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with so much room, which is made when it is full.
    struct Disk<'a> {
        written: &'a mut Vec<u8>,
        room: usize,
        refusals: usize,
    }

    impl Write for Disk<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = if self.refusals == 0 { bytes.len() } else { bytes.len().min(self.room) };
            self.room -= n.min(self.room);
            if n == 0 {
                self.refusals -= 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.written.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<String>>);

    impl Report for Told {
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(event.to_string());
        }
    }

    #[test]
    fn a_full_disk_is_told_once_then_how_many_lines_are_missing_and_no_two_lines_become_one() {
        let (mut written, told) = (Vec::new(), Told::default());
        let portions = ["one\ntwo\n", "three\n", "four\nfive\n", "six\n"].map(|text| text.as_bytes().to_vec());
        write_all(Disk { written: &mut written, room: 6, refusals: 2 }, portions, &AtomicU64::new(6), &told);
        assert_eq!(String::from_utf8(written).unwrap(), "one\ntw\nfour\nfive\nsix\n");
        let told = told.0.into_inner().unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("the access log cannot be written: "), "{told:?}");
        assert_eq!(told[1], "2 lines of the access log are missing");
    }
}
