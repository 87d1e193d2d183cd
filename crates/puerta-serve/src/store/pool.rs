//! Threads for what may wait for a disk: few, started when they are needed, with a queue that has an end.

use crate::problem::Refusal;
use puerta::errno;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A bounded pool of threads. Dropped, it lets running jobs end and forgets those that wait.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    name: &'static str,
    threads: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    ended: bool,
}

impl Pool {
    /// At most so many `threads`, and jobs `waiting` for one. None is started yet: threads inherit the sandbox of whoever starts them.
    pub fn new(name: &'static str, threads: usize, waiting: usize) -> Pool {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new() });
        Pool { shared, name, threads: threads.max(1), waiting }
    }

    /// Has a job done by and by.
    ///
    /// # Errors
    /// [`Refusal::Crowded`] when as many wait as may; `EAGAIN` when the system gives no thread at all.
    pub fn hand(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Refusal> {
        let mut state = self.shared.lock();
        if state.queue.len() >= self.waiting.saturating_add(state.idle) {
            return Err(Refusal::Crowded);
        }
        state.queue.push_back(Box::new(job));
        if state.idle >= state.queue.len() || state.threads >= self.threads {
            drop(state);
            self.shared.work.notify_one();
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        match thread::Builder::new().name(self.name.to_owned()).spawn(move || shared.work()) {
            Ok(_) => state.threads += 1,
            Err(_) if state.threads > 0 => {}
            Err(error) => {
                state.queue.pop_back();
                return Err(Refusal::Exhausted(error.raw_os_error().unwrap_or(errno::EAGAIN)));
            }
        }
        Ok(())
    }

    /// Has a job done and waits for what it gives. Dropped while it waits, the job is done all the same.
    ///
    /// # Errors
    /// As [`Pool::hand`].
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let (tell, told) = oneshot::channel();
        self.hand(move || {
            let _ = tell.send(job());
        })?;
        told.await.map_err(|_| Refusal::Crowded)
    }

    /// How many threads there are: for tests and for `--explain`.
    pub fn threads(&self) -> usize {
        self.shared.lock().threads
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        let forgotten = std::mem::take(&mut state.queue);
        drop(state);
        drop(forgotten);
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.ended {
            let Some(job) = state.queue.pop_front() else {
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            drop(state);
            // A job that fails takes its answer with it, not the thread.
            let _ = catch_unwind(AssertUnwindSafe(job));
            state = self.lock();
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("threads", &self.threads)
            .field("queue", &self.queue.len())
            .finish_non_exhaustive()
    }
}
