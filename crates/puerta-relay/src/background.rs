//! What blocks (names, connecting, taking a path) gets a thread of its own, so that it never stops the runtime.

use std::io;
use std::thread;
use tokio::sync::oneshot;

/// Runs `work` in a new thread and waits for it. Dropped while it waits, it leaves the thread to itself: a name server that
/// does not answer holds nobody up. (The runtime's own pool panics where there can be no more threads.)
///
/// # Errors
/// What pthread_create(3) says: `EAGAIN` at a limit of threads.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (tell, done) = oneshot::channel();
    thread::Builder::new().name("puerta-blocking".to_owned()).spawn(move || tell.send(work()))?;
    done.await.map_err(io::Error::other)
}
