//! The thread of group commit: it drains what waits, commits it as one transaction, and hands it back. No timer.

use super::place::{Place, checkpoint, of_sqlite};
use super::private::failed;
use super::problem::{Problem, What};
use super::queue::{Full, Queue, Worker};
use super::sqlite::why;
use super::store::{Store, WAL_PAGES};
use crate::room::limits::WAITING;
use crate::room::store::{Batch, Loaded, Log};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// Batches that may wait for the writer. A batch has at least one write, and a hub lets at most [`WAITING`] records wait.
pub const QUEUE: usize = 2 * WAITING;

/// Batches that become durable in one transaction, at most: what comes while the disk is slow.
const COMMIT: usize = 4096;

/// Pages in the WAL from which on the writer finishes the checkpoint itself, so that the WAL starts over: 16 MiB. The pages
/// before were moved by a thread beside it, so that this takes milliseconds. A commit that makes no file longer is the cheapest.
const WAL_MOST: u64 = 4 * WAL_PAGES;

/// What has become of batches, in the order in which they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// They are on the disk.
    Durable(Vec<Batch>),
    /// Nothing of them may be acknowledged, and the log takes nothing any more.
    Failed {
        /// Which.
        batches: Vec<Batch>,
        /// Why, for the user.
        why: String,
    },
}

/// The thread that writes a log. Dropped, it writes what waits, and ends.
#[derive(Debug)]
pub struct Writer {
    worker: Worker<Batch>,
}

impl Writer {
    /// Starts it on a log, and gives what the log holds. `told` is called in the thread, once for each commit: it wakes
    /// whoever waits, and does not block. The [`Reader`](super::Reader) of the same log should end first.
    ///
    /// # Errors
    ///
    /// A [`Problem`]: the log could not be read, or there can be no more threads.
    pub fn start(place: Place, told: impl FnMut(Told) + Send + 'static) -> Result<(Self, Loaded), Problem> {
        let path = place.path().to_owned();
        let (ready, loaded) = mpsc::sync_channel(1);
        let worker = Worker::start("puerta-log", QUEUE, move |queue| {
            let begun = begin(&place);
            match begun {
                Ok((mut store, moved, loaded)) => {
                    store.look_after();
                    let _ = ready.send(Ok(loaded));
                    work(queue, store, moved, told);
                }
                Err(problem) => drop(ready.send(Err(problem))),
            }
        });
        let worker = worker.map_err(|error| failed(&path, "start a thread for", &error))?;
        let ended = || Problem {
            path: path.clone(),
            what: What::Failed { doing: "read", why: "its thread has ended".to_owned(), errno: None },
        };
        let loaded = loaded.recv().map_err(|_| ended())??;
        Ok((Writer { worker }, loaded))
    }

    /// Hands a batch to it; never waits.
    ///
    /// # Errors
    ///
    /// [`Full`], with the batch: [`QUEUE`] batches wait, or the thread has ended.
    pub fn send(&self, batch: Batch) -> Result<(), Full<Batch>> {
        self.worker.push(batch)
    }
}

fn begin(place: &Place) -> Result<(Store<'_>, Mover, Loaded), Problem> {
    let unreadable =
        |why| Problem { path: place.path().to_owned(), what: What::Failed { doing: "read", why, errno: None } };
    let mut store = Store::new(place)?;
    let loaded = store.load().map_err(unreadable)?;
    Ok((store, Mover::start(place)?, loaded))
}

fn work(queue: &Queue<Batch>, mut store: Store<'_>, mover: Mover, mut told: impl FnMut(Told)) {
    // Pages since the WAL started over.
    let mut pages = 0;
    loop {
        let batches = Vec::from(queue.take(COMMIT));
        if batches.is_empty() {
            break;
        }
        if let Some(why) = mover.failed() {
            store.close(why);
        }
        match store.write(&batches) {
            Ok(()) => told(Told::Durable(batches)),
            Err(why) => {
                told(Told::Failed { batches, why });
                continue;
            }
        }
        pages += store.take_pages();
        mover.moved_on(pages);
        if pages >= WAL_MOST {
            // When it fails, the store is closed, and what comes next is told so.
            let _ = store.checkpoint();
            pages = 0;
        }
    }
    drop(mover);
    if !store.is_closed() {
        let _ = store.checkpoint();
    }
}

/// The thread that moves pages from the WAL into the file, so that the writer does not wait for it.
struct Mover {
    worker: Worker<()>,
    failed: Arc<Mutex<Option<String>>>,
    /// At how many pages it was woken last.
    woken: std::cell::Cell<u64>,
}

impl Mover {
    fn start(place: &Place) -> Result<Self, Problem> {
        let connection = place.second().map_err(|error| of_sqlite(place.path(), "open", &error))?;
        let failed = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&failed);
        let worker = Worker::start("puerta-log-move", 1, move |queue| {
            while !queue.take(1).is_empty() {
                if let Err(error) = checkpoint(&connection, "PASSIVE") {
                    *tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(why(&error));
                    break;
                }
            }
        });
        let worker = worker.map_err(|error| super::private::failed(place.path(), "start a thread for", &error))?;
        Ok(Mover { worker, failed, woken: std::cell::Cell::new(0) })
    }

    /// Wakes the thread when there is enough to move.
    fn moved_on(&self, pages: u64) {
        if pages < self.woken.get() {
            self.woken.set(0);
        }
        if pages - self.woken.get() >= WAL_PAGES {
            self.woken.set(pages);
            // It is still at work when its one place is taken.
            let _ = self.worker.push(());
        }
    }

    /// Why it could not go on.
    fn failed(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
