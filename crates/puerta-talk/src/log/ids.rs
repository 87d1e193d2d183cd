//! Which messages are there: each stream's last number, in the commit itself, and an index of all ids, some time later.
//!
//! An index that each commit keeps up to date has a page for each member who speaks, and would be most of what is written.

use super::query::signed;
use crate::room::ids::{MemberNo, RoomNo};
use crate::room::record::Record;
use rusqlite::{Connection, OptionalExtension, Statement, params};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Messages that are not in the index yet, at most, when a commit begins. A repeated one is looked for among them one by one,
/// which takes some 100 µs.
const UNFOUND: i64 = 1024;

/// What the streams of one commit are at.
pub(super) struct Ids<'c> {
    last: Statement<'c>,
    set: Statement<'c>,
    index: Statement<'c>,
    through: Statement<'c>,
    /// The streams that this commit goes on with.
    touched: BTreeMap<(MemberNo, u64), Last>,
    /// The last message's place, and the last one that the index has.
    place: i64,
    indexed: i64,
}

struct Last {
    number: u64,
    /// Where this number was put in this commit: a private message lies in two inboxes.
    rooms: Vec<RoomNo>,
}

impl<'c> Ids<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
        Ok(Ids {
            last: connection.prepare("SELECT last FROM streams WHERE sender = ?1 AND stream = ?2")?,
            set: connection.prepare(
                "INSERT INTO streams (sender, stream, last) VALUES (?1, ?2, ?3)
                 ON CONFLICT (sender, stream) DO UPDATE SET last = excluded.last",
            )?,
            index: connection.prepare(
                "INSERT INTO ids (sender, stream, number, room, place)
                 SELECT sender, stream, number, room, place FROM messages WHERE place > ?1 AND place <= ?2
                 ORDER BY sender, stream, number, room",
            )?,
            through: connection.prepare("UPDATE found SET through = ?1")?,
            touched: BTreeMap::new(),
            place: one("SELECT coalesce(max(place), 0) FROM messages")?,
            indexed: one("SELECT through FROM found")?,
        })
    }

    /// A record is about to be written. False: it, or a later one of its stream, is there.
    pub(super) fn take(&mut self, record: &Record) -> rusqlite::Result<bool> {
        let key = (record.from.no, record.id.stream);
        let number = record.id.number;
        let last = match self.touched.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let asked = params![key.0.0, signed(key.1)];
                let last: Option<i64> = self.last.query_row(asked, |row| row.get(0)).optional()?;
                entry.insert(Last { number: last.map_or(0, i64::cast_unsigned), rooms: Vec::new() })
            }
        };
        if number > last.number {
            last.number = number;
            last.rooms.clear();
            last.rooms.push(record.room);
        } else if number == last.number && !last.rooms.is_empty() && !last.rooms.contains(&record.room) {
            last.rooms.push(record.room);
        } else {
            return Ok(false);
        }
        self.place += 1;
        Ok(true)
    }

    /// Writes what the streams are at; at the end of a commit.
    pub(super) fn keep(&mut self) -> rusqlite::Result<()> {
        for ((sender, stream), last) in std::mem::take(&mut self.touched) {
            self.set.execute(params![sender.0, signed(stream), signed(last.number)])?;
        }
        if self.place - self.indexed >= UNFOUND {
            self.index.execute([self.indexed, self.place])?;
            self.through.execute([self.place])?;
            self.indexed = self.place;
        }
        Ok(())
    }
}
