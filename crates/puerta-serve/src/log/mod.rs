//! The access log: a line for each response, written by a thread of its own, so that no response waits for a disk.
//!
//! Lines are gathered by each thread that serves, and handed over when there are some or after a moment.

mod line;

pub(crate) use line::decimal;
pub use line::{Entry, Form};

use crate::event::{Event, Report};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// How much a thread gathers before it hands it over.
pub const GATHERED: usize = 16 * 1024;
/// How many such portions may wait to be written: with those being filled, some MiB.
const WAITING: usize = 128;

/// The log. Cheap to clone; when the last clone is dropped, what was handed over is written.
#[derive(Debug, Clone)]
pub struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    form: Form,
    report: Arc<dyn Report>,
    /// Taken away at the end.
    queue: Mutex<Option<SyncSender<Vec<u8>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
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
        let told = report.clone();
        let writer =
            thread::Builder::new().name("puerta-log".to_owned()).spawn(move || write_all(file, &waiting, &*told))?;
        let (queue, writer) = (Mutex::new(Some(queue)), Mutex::new(Some(writer)));
        Ok(Log(Arc::new(Shared { form, report, queue, writer, lost: AtomicU64::new(0) })))
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
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queue.as_ref() else { return };
        match queue.try_send(portion) {
            Ok(()) => {
                let lost = self.0.lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    self.0.report.event(&Event::LogBehind(lost));
                }
            }
            Err(TrySendError::Full(portion) | TrySendError::Disconnected(portion)) => {
                let lines = portion.iter().filter(|b| **b == b'\n').count();
                self.0.lost.fetch_add(lines as u64, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.queue.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
        let lost = *self.lost.get_mut();
        if lost > 0 {
            self.report.event(&Event::LogBehind(lost));
        }
    }
}

/// After an error it goes on: a full disk may have room again. That is told once, until it works again.
fn write_all(mut file: impl Write, waiting: &Receiver<Vec<u8>>, report: &dyn Report) {
    let mut failed = false;
    for portion in waiting {
        match file.write_all(&portion).and_then(|()| file.flush()) {
            Ok(()) => failed = false,
            Err(error) if !failed => {
                failed = true;
                report.event(&Event::LogFailed(&error));
            }
            Err(_) => {}
        }
    }
}
