//! The log of a hub on SQLite.

use super::ids::Ids;
use super::place::{Place, checkpoint, of_sqlite};
use super::problem::Problem;
use super::query::{Queries, signed};
use super::sqlite::why;
use crate::room::ids::RoomNo;
use crate::room::record::{Kind, Record};
use crate::room::store::{Answer, Ask, Batch, Loaded, Log, RoomKind, Write};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Statement, params};
use std::cell::RefCell;
use std::collections::HashMap;

/// Pages in the WAL from which on a checkpoint is worth it: 4 MiB.
pub(super) const WAL_PAGES: u64 = 1000;

/// A page of the file, in bytes, and those that a commit and a record change besides their own.
const PAGE: u64 = 4096;
const PAGES_A_COMMIT: u64 = 4;

/// A [`Log`] on a [`Place`], whose statements are prepared once.
pub struct Store<'p> {
    connection: &'p Connection,
    statements: Statements<'p>,
    queries: RefCell<Queries<'p>>,
    /// The last place of each room.
    heads: HashMap<RoomNo, u64>,
    ids: Ids<'p>,
    /// Why nothing is written any more.
    closed: Option<String>,
    /// About how many pages went to the WAL since the last checkpoint.
    pages: u64,
    /// Whether somebody else looks after checkpoints.
    looked_after: bool,
}

impl<'p> Store<'p> {
    /// The log on a file.
    ///
    /// # Errors
    ///
    /// A [`Problem`]: it could not be read.
    pub fn new(place: &'p Place) -> Result<Self, Problem> {
        let connection = place.connection();
        let made = || {
            let queries = Queries::new(connection)?;
            let heads = queries.load()?.rooms.into_iter().map(|(room, _, head)| (room, head)).collect();
            Ok((Statements::new(connection)?, queries, heads, Ids::new(connection)?))
        };
        let (statements, queries, heads, ids) = made().map_err(|error| of_sqlite(place.path(), "read", &error))?;
        let queries = RefCell::new(queries);
        Ok(Store { connection, statements, queries, heads, ids, closed: None, pages: 0, looked_after: false })
    }

    /// Leaves checkpoints to the caller.
    pub(super) fn look_after(&mut self) {
        self.looked_after = true;
    }

    /// About how many pages went to the WAL since the last checkpoint, or since this was asked.
    pub(super) fn take_pages(&mut self) -> u64 {
        std::mem::take(&mut self.pages)
    }

    /// Moves what is in the WAL into the file, as far as readers allow it: whether that was all. When it fails, the log is closed.
    pub(super) fn checkpoint(&mut self) -> Result<bool, String> {
        self.pages = 0;
        checkpoint(self.connection, "PASSIVE").map_err(|error| self.close(why(&error)))
    }

    /// Closes the log to writing, for a reason. The file is left as it is: whoever opens it next makes it safe.
    pub(super) fn close(&mut self, why: String) -> String {
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        self.closed.get_or_insert(why).clone()
    }

    /// Whether nothing is written any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    fn transaction(&mut self, batches: &[Batch]) -> Result<(), Fault> {
        self.statements.begin.execute([])?;
        for write in batches.iter().flat_map(|batch| &batch.writes) {
            self.one(write)?;
        }
        self.ids.keep()?;
        self.statements.commit.execute([])?;
        Ok(())
    }

    fn one(&mut self, write: &Write) -> Result<(), Fault> {
        let to = &mut self.statements;
        match write {
            Write::Record(record) => return self.record(record),
            Write::Member { no, device, name } => to.member.execute(params![no.0, device.0, name])?,
            Write::Room { no, kind } => {
                self.heads.insert(*no, 0);
                match kind {
                    RoomKind::Public(name) => to.room.execute(params![no.0, name, None::<u32>])?,
                    RoomKind::Inbox(member) => to.room.execute(params![no.0, None::<String>, member.0])?,
                }
            }
            Write::Join { room, member } => to.join.execute([room.0, member.0])?,
            Write::Leave { room, member } => to.leave.execute([room.0, member.0])?,
            Write::Seen { room, member, through } => {
                let through = i64::try_from(*through).unwrap_or(i64::MAX);
                to.seen.execute(params![room.0, member.0, through])?
            }
            Write::Invite(invite) => {
                to.invite.execute(params![invite.token.0, invite.room.0, invite.until, invite.once])?
            }
            Write::Spent(token) => to.spent.execute([token.0])?,
        };
        Ok(())
    }

    fn record(&mut self, record: &Record) -> Result<(), Fault> {
        let head = self.heads.get_mut(&record.room).ok_or(Fault::Order)?;
        if record.prev != *head || record.seq <= *head {
            return Err(Fault::Order);
        }
        *head = record.seq;
        if !self.ids.take(record)? {
            return Err(Fault::Number);
        }
        let place = |number: u64| i64::try_from(number).map_err(|_| Fault::Order);
        let to = record.to.as_ref();
        self.statements.record.execute(params![
            record.room.0,
            place(record.seq)?,
            place(record.prev)?,
            record.at,
            record.from.no.0,
            record.from.name,
            to.map(|to| to.no.0),
            to.map(|to| to.name.as_str()),
            signed(record.id.stream),
            signed(record.id.number),
            match record.kind {
                Kind::Text => "text",
                Kind::Action => "action",
            },
            record.text,
        ])?;
        Ok(())
    }
}

impl Log for Store<'_> {
    fn load(&mut self) -> Result<Loaded, String> {
        self.queries.borrow().load().map_err(|error| why(&error))
    }

    fn write(&mut self, batches: &[Batch]) -> Result<(), String> {
        if let Some(why) = &self.closed {
            return Err(why.clone());
        }
        if let Err(fault) = self.transaction(batches) {
            let why = fault.why();
            // Only so that reading goes on: what was written of it counts for nothing.
            let _ = self.connection.execute_batch("ROLLBACK");
            return Err(self.close(why));
        }
        let bytes: u64 = batches.iter().flat_map(|batch| &batch.writes).map(size).sum();
        self.pages += PAGES_A_COMMIT + 2 * bytes / PAGE;
        if !self.looked_after && self.pages >= WAL_PAGES {
            // The batches are durable: a checkpoint that fails closes the log to what comes after.
            let _ = self.checkpoint();
        }
        Ok(())
    }

    fn answer(&self, ask: &Ask) -> Answer {
        self.queries.borrow_mut().answer(ask)
    }
}

impl std::fmt::Debug for Store<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("heads", &self.heads).field("closed", &self.closed).finish_non_exhaustive()
    }
}

/// About how many bytes a write takes in the file.
fn size(write: &Write) -> u64 {
    match write {
        Write::Record(record) => 100 + record.text.len() as u64,
        _ => 100,
    }
}

/// Why a batch is not taken.
enum Fault {
    Sqlite(rusqlite::Error),
    /// A record that does not follow its room's last one.
    Order,
    /// A record whose number is not above the last one of its stream.
    Number,
}

impl Fault {
    fn why(&self) -> String {
        match self {
            Fault::Sqlite(error) => why(error),
            Fault::Order => "a message did not follow the last one of its room".to_owned(),
            Fault::Number => "a message had the number of another one, or of one before".to_owned(),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sqlite(error)
    }
}

struct Statements<'c> {
    begin: Statement<'c>,
    commit: Statement<'c>,
    member: Statement<'c>,
    room: Statement<'c>,
    join: Statement<'c>,
    leave: Statement<'c>,
    seen: Statement<'c>,
    invite: Statement<'c>,
    spent: Statement<'c>,
    record: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let prepare = |sql: &str| connection.prepare(sql);
        Ok(Statements {
            begin: prepare("BEGIN IMMEDIATE")?,
            commit: prepare("COMMIT")?,
            member: prepare(
                "INSERT INTO members (member, device, name) VALUES (?1, ?2, ?3)
                 ON CONFLICT (member) DO UPDATE SET device = excluded.device, name = excluded.name",
            )?,
            room: prepare("INSERT INTO rooms (room, name, inbox_of) VALUES (?1, ?2, ?3)")?,
            join: prepare("INSERT INTO joined (room, member) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?,
            leave: prepare("DELETE FROM joined WHERE room = ?1 AND member = ?2")?,
            seen: prepare(
                "UPDATE joined SET seen_through = ?3 WHERE room = ?1 AND member = ?2 AND seen_through < ?3",
            )?,
            invite: prepare(
                "INSERT INTO invites (token_sha256, room, until_ms, once) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (token_sha256)
                 DO UPDATE SET room = excluded.room, until_ms = excluded.until_ms, once = excluded.once",
            )?,
            spent: prepare("DELETE FROM invites WHERE token_sha256 = ?1")?,
            record: prepare(
                "INSERT INTO messages (room, seq, prev, at_ms, sender, sender_name, recipient, recipient_name, stream, number,
                 kind, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?,
        })
    }
}
