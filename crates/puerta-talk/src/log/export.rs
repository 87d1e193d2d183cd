//! A room's records in order, also while a hub runs.

use super::place::of_sqlite;
use super::private::{self, failed};
use super::problem::{Problem, What};
use super::query::Queries;
use super::schema::SCHEMA;
use super::sqlite;
use crate::room::ids::RoomNo;
use crate::room::limits::PAGE;
use crate::room::record::Record;
use crate::room::store::{Answer, Ask, RoomKind};
use rusqlite::Connection;
use std::io;
use std::path::{Path, PathBuf};

/// Why an export ended early.
#[derive(Debug)]
pub enum Ended {
    /// The store could not be read.
    Problem(Problem),
    /// The sink took no more.
    Sink(io::Error),
}

/// Every record of a public room, by its name without the `#`, oldest first, to a sink; gives how many. It reads a page at
/// a time, so that a slow sink does not hold up the hub's disk.
///
/// # Errors
///
/// [`Ended`]: a [`Problem`] of the store (it is never touched), or what the sink said.
pub fn export(path: &Path, room: &str, mut sink: impl FnMut(Record) -> io::Result<()>) -> Result<u64, Ended> {
    let (path, connection) = open(path).map_err(Ended::Problem)?;
    let problem = |what| Ended::Problem(Problem { path: path.clone(), what });
    let of_sqlite = |error: rusqlite::Error| Ended::Problem(of_sqlite(&path, "read", &error));
    let mut queries = Queries::new(&connection).map_err(of_sqlite)?;
    let rooms = queries.load().map_err(of_sqlite)?.rooms;
    let named = |kind: &RoomKind| matches!(kind, RoomKind::Public(name) if name == room);
    let Some((no, _, _)) = rooms.into_iter().find(|(_, kind, _)| named(kind)) else {
        return Err(problem(What::NoSuchRoom { room: room.to_owned() }));
    };
    let (mut seq, mut count) = (0, 0);
    loop {
        match queries.answer(&Ask::After { room: no, seq, limit: PAGE }) {
            Answer::Records(records) if records.is_empty() => return Ok(count),
            Answer::Records(records) => {
                for record in records {
                    seq = record.seq;
                    count += 1;
                    sink(record).map_err(Ended::Sink)?;
                }
            }
            Answer::Unreadable(why) => return Err(problem(What::Damaged { why })),
            Answer::Found(_) | Answer::Last(_) => return Ok(count),
        }
    }
}

/// The rooms of a store with the places of their last records, inboxes included.
///
/// # Errors
///
/// A [`Problem`] of the store; it is never touched.
pub fn rooms(path: &Path) -> Result<Vec<(RoomNo, RoomKind, u64)>, Problem> {
    let (path, connection) = open(path)?;
    let loaded = Queries::new(&connection).and_then(|queries| queries.load());
    loaded.map(|loaded| loaded.rooms).map_err(|error| of_sqlite(&path, "read", &error))
}

/// The header is asked of SQLite: a hub in this very process would lose its locks by a close of ours.
fn open(path: &Path) -> Result<(PathBuf, Connection), Problem> {
    let problem = |what| Problem { path: path.to_owned(), what };
    let real = match std::fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(problem(What::Missing)),
        Err(error) => return Err(failed(path, "open", &error)),
    };
    private::tight(&real, SCHEMA.application)?;
    let of_sqlite = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => problem(What::NotOurs),
        _ => of_sqlite(path, "open", &error),
    };
    let connection = sqlite::reading(&real).map_err(of_sqlite)?;
    if sqlite::pragma(&connection, "application_id").map_err(of_sqlite)? != SCHEMA.application {
        return Err(problem(What::NotOurs));
    }
    match sqlite::pragma(&connection, "user_version").map_err(of_sqlite)? {
        version if version > SCHEMA.version => Err(problem(What::Newer { version })),
        version if version < SCHEMA.version => Err(problem(What::Older { version })),
        _ => Ok((real, connection)),
    }
}
