//! SQLite with one insert a commit, WAL and `synchronous=FULL`: what a program does that thinks no further.

use super::{Told, say, take, text};
use crate::Result;
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};

pub(super) fn work(file: &Path, numbers: &Receiver<u64>, tell: &Sender<Told>) -> Result<()> {
    let connection = open(file)?;
    let insert = connection.prepare("INSERT INTO messages VALUES (?1, ?2)");
    let mut insert = insert.map_err(|e| e.to_string())?;
    say(tell, 0)?;
    while let Some(numbers) = take(numbers) {
        for number in numbers {
            let place = i64::try_from(number).unwrap_or(i64::MAX);
            insert.execute(params![place, text(number)]).map_err(|e| e.to_string())?;
            say(tell, 1)?;
        }
    }
    Ok(())
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    let read = || {
        let connection = Connection::open(file)?;
        let mut select = connection.prepare("SELECT body FROM messages ORDER BY number")?;
        let bodies = select.query_map([], |row| row.get::<_, String>(0))?;
        bodies.collect::<rusqlite::Result<String>>()
    };
    read().map(String::into_bytes).map_err(|e: rusqlite::Error| e.to_string())
}

fn open(file: &Path) -> Result<Connection> {
    let open = || {
        let connection = Connection::open(file)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE messages (number INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;",
        )?;
        Ok(connection)
    };
    open().map_err(|e: rusqlite::Error| e.to_string())
}
