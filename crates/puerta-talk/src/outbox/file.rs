//! One file of an outbox.

use crate::log::{Lock, Problem, Schema, failed, of_sqlite, open, sqlite, try_lock};
use crate::outbox::PROCESSES;
use crate::room::frame::Target;
use crate::room::ids::{Device, MessageId};
use crate::room::member::Pending;
use crate::room::record::Kind;
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// "pOut". A stream and a number are 64 bits without a sign, kept as SQLite's 64 bits with one.
const SCHEMA: Schema = Schema { application: 0x704f_7574, version: 1, tables: &[TABLES], renewals: &[] };

const TABLES: &str = "
CREATE TABLE own (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    hub BLOB NOT NULL CHECK (length(hub) = 32),
    stream INTEGER NOT NULL,
    last_number INTEGER NOT NULL
) STRICT;
CREATE TABLE pending (
    stream INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    to_room TEXT,
    to_member TEXT,
    kind TEXT NOT NULL CHECK (kind IN ('text', 'action')),
    text TEXT NOT NULL,
    PRIMARY KEY (stream, number),
    CHECK ((to_room IS NULL) <> (to_member IS NULL))
) STRICT, WITHOUT ROWID;
CREATE VIEW pending_readable AS
    SELECT strftime('%Y-%m-%d %H:%M:%f', at_ms / 1000.0, 'unixepoch') AS at_utc,
        coalesce('#' || to_room, to_member) AS \"to\", kind, text, printf('%016x-%llu', stream, number) AS id
    FROM pending ORDER BY at_ms, stream, number;
";

/// A file, locked.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    connection: Connection,
    /// The hub that it is for.
    pub(super) hub: Device,
    /// The stream of whoever has the file.
    pub(super) stream: u64,
    /// The highest number that was kept of it.
    pub(super) last: u64,
    /// Those of the messages in it.
    streams: BTreeSet<u64>,
    _lock: Lock,
}

/// A pending message, and when it was kept: milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Dated {
    pub(super) at: i64,
    pub(super) message: Pending,
}

/// Where the file is: named by the hub's key and a number.
pub(super) fn path(folder: &Path, hub: Device, number: u32) -> PathBuf {
    let prefix = hub.0.first_chunk().map_or(0, |eight| u64::from_be_bytes(*eight));
    folder.join(format!("{prefix:016x}-{number}.db"))
}

/// A file that was not there before.
pub(super) fn fresh(folder: &Path, hub: Device) -> Result<File, Problem> {
    for number in 1..=PROCESSES {
        let path = path(folder, hub, number);
        if path.exists() {
            continue;
        }
        if let Some(lock) = try_lock(&path)? {
            return File::open(path, lock, hub);
        }
    }
    Err(failed(folder, "open", &io::Error::other(format!("{PROCESSES} outboxes are there already"))))
}

impl File {
    /// Opens a file that was locked, or makes it.
    pub(super) fn open(path: PathBuf, lock: Lock, hub: Device) -> Result<Self, Problem> {
        let connection = open(&path, &SCHEMA)?;
        let new = random().map_err(|error| failed(&path, "make", &error))?;
        let read = || -> rusqlite::Result<([u8; 32], i64, i64)> {
            connection.execute_batch("PRAGMA wal_autocheckpoint = 1000")?;
            let made = "INSERT INTO own VALUES (1, ?1, ?2, 0) ON CONFLICT DO NOTHING";
            connection.execute(made, params![hub.0, new])?;
            let own = "SELECT hub, stream, last_number FROM own";
            connection.query_row(own, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        };
        let (of, stream, last) = read().map_err(|error| of_sqlite(&path, "open", &error))?;
        if of != hub.0 {
            return Err(failed(&path, "open", &io::Error::other("it is the outbox for another hub")));
        }
        let (stream, last) = (stream.cast_unsigned(), last.cast_unsigned());
        Ok(File { path, connection, hub, stream, last, streams: BTreeSet::new(), _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The streams of the messages in it.
    pub(super) fn streams(&self) -> impl Iterator<Item = u64> {
        self.streams.iter().copied()
    }

    /// All that is in it.
    pub(super) fn pending(&mut self) -> Result<Vec<Dated>, Problem> {
        let read = || -> rusqlite::Result<Vec<Dated>> {
            let all = "SELECT stream, number, at_ms, to_room, to_member, kind, text FROM pending";
            self.connection.prepare(all)?.query_map([], dated)?.collect()
        };
        let all = read().map_err(|error| of_sqlite(&self.path, "read", &error))?;
        self.streams = all.iter().map(|dated| dated.message.id.stream).collect();
        Ok(all)
    }

    /// Makes messages durable, all of them or none.
    pub(super) fn keep(&mut self, messages: &[Pending]) -> Result<(), Fault> {
        self.go_on((self.stream, self.last), &[], messages)
    }

    /// The same; the file is of this stream from then on, with its last number, and has some messages no more.
    pub(super) fn go_on(
        &mut self,
        (stream, last): (u64, u64),
        gone: &[MessageId],
        messages: &[Pending],
    ) -> Result<(), Fault> {
        let own = messages.iter().map(|message| message.id).filter(|id| id.stream == stream);
        let last = own.map(|id| id.number).fold(last, u64::max);
        let at = now();
        self.connection.execute_batch("PRAGMA synchronous = FULL")?;
        let transaction = self.connection.transaction()?;
        {
            let mut delete = transaction.prepare("DELETE FROM pending WHERE stream = ?1 AND number = ?2")?;
            for id in gone {
                delete.execute([id.stream.cast_signed(), id.number.cast_signed()])?;
            }
            let mut insert = transaction.prepare("INSERT INTO pending VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            for Pending { id, to, kind, text } in messages {
                let (room, member) = match to {
                    Target::Room(name) => (Some(name), None),
                    Target::Member(name) => (None, Some(name)),
                };
                let kind = match kind {
                    Kind::Text => "text",
                    Kind::Action => "action",
                };
                let (stream, number) = (id.stream.cast_signed(), id.number.cast_signed());
                insert.execute(params![stream, number, at, room, member, kind, text])?;
            }
        }
        transaction
            .execute("UPDATE own SET stream = ?1, last_number = ?2", [stream.cast_signed(), last.cast_signed()])?;
        transaction.commit()?;
        (self.stream, self.last) = (stream, last);
        self.streams.extend(messages.iter().map(|message| message.id.stream));
        Ok(())
    }

    /// Forgets messages; the next one that is kept makes it durable.
    pub(super) fn forget(&mut self, ids: &[MessageId]) -> Result<(), Fault> {
        if !ids.iter().any(|id| self.streams.contains(&id.stream)) {
            return Ok(());
        }
        self.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        let transaction = self.connection.transaction()?;
        {
            let mut delete = transaction.prepare("DELETE FROM pending WHERE stream = ?1 AND number = ?2")?;
            for id in ids {
                delete.execute([id.stream.cast_signed(), id.number.cast_signed()])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// All of it is kept elsewhere, its stream too: whoever takes the file next begins anew.
    pub(super) fn retire(&mut self) -> Result<(), Fault> {
        let new = random().map_err(|_| rusqlite::Error::InvalidQuery)?;
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM pending", [])?;
        transaction.execute("UPDATE own SET stream = ?1, last_number = 0", [new])?;
        transaction.commit()?;
        Ok(())
    }
}

fn dated(row: &rusqlite::Row<'_>) -> rusqlite::Result<Dated> {
    let id = MessageId { stream: row.get::<_, i64>(0)?.cast_unsigned(), number: row.get::<_, i64>(1)?.cast_unsigned() };
    let to = match row.get(3)? {
        Some(room) => Target::Room(room),
        None => Target::Member(row.get(4)?),
    };
    let kind = match row.get_ref(5)?.as_str()? {
        "action" => Kind::Action,
        _ => Kind::Text,
    };
    Ok(Dated { at: row.get(2)?, message: Pending { id, to, kind, text: row.get(6)? } })
}

/// Why messages were not kept.
pub(super) struct Fault(rusqlite::Error);

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault(error)
    }
}

impl Fault {
    /// In words. Anything but a full disk closes the outbox for good: a failed fsync is never tried again.
    pub(super) fn close(self, closed: &mut Option<String>) -> String {
        let why = sqlite::why(&self.0);
        if self.0.sqlite_error_code() != Some(rusqlite::ErrorCode::DiskFull) {
            closed.get_or_insert_with(|| why.clone());
        }
        why
    }

    pub(super) fn problem(self, path: &Path) -> Problem {
        of_sqlite(path, "write", &self.0)
    }
}

/// A stream that no other outbox has: 64 random bits.
pub(super) fn random() -> io::Result<i64> {
    let mut bytes = [0; 8];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system gave no random bytes"))?;
    Ok(i64::from_ne_bytes(bytes))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
