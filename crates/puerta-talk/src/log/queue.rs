//! A bounded queue between threads, of which the taker takes all that is there.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// There is no place in the queue, or nobody who takes from it: this was not put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(pub T);

/// The queue. Its memory grows with what is in it.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
    limit: usize,
}

#[derive(Debug)]
struct Inner<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    /// An empty one with so many places.
    pub(crate) fn new(limit: usize) -> Self {
        let inner = Inner { waiting: VecDeque::new(), closed: false };
        Queue { inner: Mutex::new(inner), changed: Condvar::new(), limit }
    }

    /// Puts something there; never waits.
    pub(crate) fn push(&self, item: T) -> Result<(), Full<T>> {
        let mut inner = self.inner();
        if inner.closed || inner.waiting.len() >= self.limit {
            return Err(Full(item));
        }
        inner.waiting.push_back(item);
        if inner.waiting.len() == 1 {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Waits until something is there, and takes it: at most so much. Nothing is there when the queue was closed.
    pub(crate) fn take(&self, most: usize) -> VecDeque<T> {
        let mut inner = self.inner();
        while inner.waiting.is_empty() && !inner.closed {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.waiting.len() <= most {
            return std::mem::take(&mut inner.waiting);
        }
        inner.waiting.drain(..most).collect()
    }

    /// Nothing can be put there any more; what is there is still taken.
    pub(crate) fn close(&self) {
        self.inner().closed = true;
        self.changed.notify_all();
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that works on a queue until this is dropped; then what is in the queue is still done, and waited for.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    queue: Arc<Queue<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts it. `work` ends when the queue gives it nothing.
    ///
    /// # Errors
    ///
    /// What pthread_create(3) says: `EAGAIN` at a limit of threads.
    pub(crate) fn start(name: &str, places: usize, work: impl FnOnce(&Queue<T>) + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(places));
        let open = Open(Arc::clone(&queue));
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(&open.0))?;
        Ok(Worker { queue, thread: Some(thread) })
    }

    /// Puts something into its queue; never waits.
    pub(crate) fn push(&self, item: T) -> Result<(), Full<T>> {
        self.queue.push(item)
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A thread that has ended, however, takes nothing any more.
struct Open<T>(Arc<Queue<T>>);

impl<T> Drop for Open<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}
