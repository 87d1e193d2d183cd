//! The thread that answers questions to a log, on a connection of its own that only reads.

use super::place::of_sqlite;
use super::private::failed;
use super::problem::Problem;
use super::query::Queries;
use super::queue::{Full, Worker};
use super::sqlite;
use crate::room::store::{Answer, Ask};
use std::path::Path;
use std::sync::mpsc;

/// Questions that may wait for an answer.
pub const ASKS: usize = 4096;

/// Questions that are answered before others are looked at.
const ROUND: usize = 64;

/// The thread that reads a log. Dropped, it answers what waits, and ends.
#[derive(Debug)]
pub struct Reader {
    worker: Worker<(u64, Ask)>,
}

impl Reader {
    /// Starts it on a log that is [open](super::Place). `told` is called in the thread with each ticket and its answer, in
    /// the order of the questions; it does not block.
    ///
    /// # Errors
    ///
    /// A [`Problem`]: the log could not be opened, or there can be no more threads.
    pub fn start(path: &Path, mut told: impl FnMut(u64, Answer) + Send + 'static) -> Result<Self, Problem> {
        let unreadable = |error: &rusqlite::Error| of_sqlite(path, "open", error);
        let real = std::fs::canonicalize(path).map_err(|error| failed(path, "open", &error))?;
        let connection = sqlite::reading(&real).map_err(|error| unreadable(&error))?;
        let (ready, begun) = mpsc::sync_channel(1);
        let worker = Worker::start("puerta-log-read", ASKS, move |queue| {
            let mut queries = match Queries::new(&connection) {
                Ok(queries) => queries,
                Err(error) => return drop(ready.send(Err(sqlite::why(&error)))),
            };
            let _ = ready.send(Ok(()));
            loop {
                let asked = queue.take(ROUND);
                if asked.is_empty() {
                    break;
                }
                for (ticket, ask) in asked {
                    told(ticket, queries.answer(&ask));
                }
            }
        });
        let worker = worker.map_err(|error| failed(path, "start a thread for", &error))?;
        let why = match begun.recv() {
            Ok(Ok(())) => return Ok(Reader { worker }),
            Ok(Err(why)) => why,
            Err(_) => "its thread has ended".to_owned(),
        };
        let what = super::problem::What::Failed { doing: "read", why, errno: None };
        Err(Problem { path: path.to_owned(), what })
    }

    /// Asks; the answer comes to `told` with the same ticket. Never waits.
    ///
    /// # Errors
    ///
    /// [`Full`], with ticket and question: [`ASKS`] questions wait, or the thread has ended.
    pub fn ask(&self, ticket: u64, ask: Ask) -> Result<(), Full<(u64, Ask)>> {
        self.worker.push((ticket, ask))
    }
}
