//! Stderr for threads that must not wait for whoever reads it: another thread writes, from a queue that has an end.

use crate::report::Reporter;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many messages may wait to be written; further ones are dropped, counted, and that is told.
const WAITING: usize = 128;

/// Messages that found no room and are not told of yet.
static LOST: AtomicU64 = AtomicU64::new(0);
static STATE: Mutex<State> = Mutex::new(State::Direct);

enum State {
    /// Whoever has something to say writes it.
    Direct,
    /// The thread does.
    Aside { queue: SyncSender<String>, ended: Receiver<()> },
    /// It waits for a reader who has stopped: nothing is said any more.
    Stuck,
}

/// From now on messages are written by a thread of their own. What the sandbox forbids is forbidden to it as well, if that is in force.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn start(reporter: Reporter) -> io::Result<()> {
    let (queue, waiting) = sync_channel(WAITING);
    let (tell, ended) = channel();
    thread::Builder::new().name("puerta-stderr".to_owned()).spawn(move || {
        write_all(waiting, reporter);
        let _ = tell.send(());
    })?;
    *lock() = State::Aside { queue, ended };
    Ok(())
}

/// Says a message, which ends in a newline.
pub(crate) fn say(text: String) {
    match &*lock() {
        State::Direct => {}
        State::Aside { queue, .. } => {
            if let Err(TrySendError::Full(_)) = queue.try_send(text) {
                LOST.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        State::Stuck => return,
    }
    write(&text);
}

/// Waits until all is written, but no longer than `limit`.
pub(crate) fn end(limit: Duration) {
    let state = std::mem::replace(&mut *lock(), State::Stuck);
    if let State::Aside { queue, ended } = state {
        drop(queue);
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
    *lock() = State::Direct;
}

/// With one write(2), so that another program on the same stderr does not come in between. It waits for the reader.
pub(crate) fn write(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn write_all(waiting: Receiver<String>, reporter: Reporter) {
    for text in waiting {
        write(&text);
        let lost = LOST.swap(0, Ordering::Relaxed);
        if lost > 0 {
            write(&reporter.missing(lost));
        }
    }
}

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
