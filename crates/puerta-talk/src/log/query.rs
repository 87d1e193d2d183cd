//! Questions to the log, answered with what is durable.

use super::sqlite::why;
use crate::room::ids::{Device, MemberNo, MessageId, RoomNo};
use crate::room::limits::{PAGE, PAGE_BYTES};
use crate::room::record::{Kind, Person, Record};
use crate::room::store::{Answer, Ask, Invite, Loaded, RoomKind, TokenHash};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Statement, params};

/// What a record has besides its texts and names, in bytes: what a page is measured with.
const FIXED: usize = 64;

const COLUMNS: &str =
    "room, seq, prev, at_ms, sender, sender_name, recipient, recipient_name, stream, number, kind, text";

/// The questions, prepared once.
pub(super) struct Queries<'c> {
    connection: &'c Connection,
    after: Statement<'c>,
    before: Statement<'c>,
    find: Statement<'c>,
    last: Statement<'c>,
}

impl<'c> Queries<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let prepare = |sql: &str| connection.prepare(sql);
        Ok(Queries {
            connection,
            after: prepare(&format!(
                "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
            ))?,
            before: prepare(&format!(
                "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
            ))?,
            // The second half is for what `ids` does not have yet.
            find: prepare(&format!(
                "SELECT {COLUMNS} FROM messages JOIN rooms USING (room)
                 WHERE place IN (
                     SELECT place FROM ids WHERE sender = ?1 AND stream = ?2 AND number = ?3
                     UNION ALL
                     SELECT place FROM messages WHERE place > (SELECT through FROM found)
                         AND sender = ?1 AND stream = ?2 AND number = ?3)
                 AND (inbox_of IS NULL OR inbox_of = ?1)
                 ORDER BY room LIMIT 1"
            ))?,
            last: prepare("SELECT coalesce((SELECT last FROM streams WHERE sender = ?1 AND stream = ?2), 0)")?,
        })
    }

    pub(super) fn answer(&mut self, ask: &Ask) -> Answer {
        let answer = match ask {
            Ask::After { room, seq, limit } => page(&mut self.after, *room, *seq, *limit).map(Answer::Records),
            Ask::Before { room, seq, limit } => page(&mut self.before, *room, *seq, *limit).map(Answer::Records),
            Ask::Find { from, id } => self.find(*from, *id).map(Answer::Found),
            Ask::Last { from, streams } => self.last(*from, streams).map(Answer::Last),
        };
        answer.unwrap_or_else(|error| Answer::Unreadable(why(&error)))
    }

    pub(super) fn load(&self) -> rusqlite::Result<Loaded> {
        Ok(Loaded {
            members: self.all("SELECT member, device, name FROM members ORDER BY member", |row| {
                Ok((MemberNo(row.get(0)?), Device(row.get(1)?), row.get(2)?))
            })?,
            rooms: self.all(
                "SELECT room, name, inbox_of, coalesce((SELECT max(seq) FROM messages WHERE room = rooms.room), 0)
                 FROM rooms ORDER BY room",
                |row| Ok((RoomNo(row.get(0)?), room_kind(row)?, place(row, 3)?)),
            )?,
            joined: self.all("SELECT room, member, seen_through FROM joined ORDER BY room, member", |row| {
                Ok((RoomNo(row.get(0)?), MemberNo(row.get(1)?), place(row, 2)?))
            })?,
            invites: self.all(
                "SELECT token_sha256, room, until_ms, once FROM invites ORDER BY room, until_ms, token_sha256",
                |row| {
                    let (token, room) = (TokenHash(row.get(0)?), RoomNo(row.get(1)?));
                    Ok(Invite { token, room, until: row.get(2)?, once: row.get(3)? })
                },
            )?,
        })
    }

    fn all<T>(&self, sql: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<Vec<T>> {
        self.connection.prepare(sql)?.query_map([], read)?.collect()
    }

    fn find(&mut self, from: MemberNo, id: MessageId) -> rusqlite::Result<Option<Box<Record>>> {
        let asked = params![from.0, signed(id.stream), signed(id.number)];
        self.find.query_row(asked, |row| record(row).map(Box::new)).optional()
    }

    fn last(&mut self, from: MemberNo, streams: &[u64]) -> rusqlite::Result<Vec<(u64, u64)>> {
        let of = |&stream: &u64| {
            let number: i64 = self.last.query_row(params![from.0, signed(stream)], |row| row.get(0))?;
            Ok((stream, number.cast_unsigned()))
        };
        streams.iter().map(of).collect()
    }
}

/// A number of 64 bits without a sign, as the file has it.
pub(super) fn signed(number: u64) -> i64 {
    number.cast_signed()
}

fn page(statement: &mut Statement<'_>, room: RoomNo, seq: u64, limit: usize) -> rusqlite::Result<Vec<Record>> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit.min(PAGE)).unwrap_or_default();
    let mut rows = statement.query(params![room.0, seq, limit])?;
    let (mut records, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let record = record(row)?;
        bytes += weight(&record);
        if bytes > PAGE_BYTES && !records.is_empty() {
            break;
        }
        records.push(record);
    }
    Ok(records)
}

fn weight(record: &Record) -> usize {
    FIXED + record.text.len() + record.from.name.len() + record.to.as_ref().map_or(0, |to| to.name.len())
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let to: Option<u32> = row.get(6)?;
    Ok(Record {
        room: RoomNo(row.get(0)?),
        seq: place(row, 1)?,
        prev: place(row, 2)?,
        at: row.get(3)?,
        from: Person { no: MemberNo(row.get(4)?), name: row.get(5)? },
        to: match to {
            Some(no) => Some(Person { no: MemberNo(no), name: row.get(7)? }),
            None => None,
        },
        id: MessageId { stream: row.get::<_, i64>(8)?.cast_unsigned(), number: row.get::<_, i64>(9)?.cast_unsigned() },
        kind: match row.get_ref(10)?.as_str()? {
            "text" => Kind::Text,
            "action" => Kind::Action,
            other => return Err(unknown(10, other)),
        },
        text: row.get(11)?,
    })
}

fn room_kind(row: &Row<'_>) -> rusqlite::Result<RoomKind> {
    match (row.get(1)?, row.get(2)?) {
        (Some(name), _) => Ok(RoomKind::Public(name)),
        (None, Some(no)) => Ok(RoomKind::Inbox(MemberNo(no))),
        (None, None) => Err(unknown(1, "a room without a name")),
    }
}

fn place(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let place: i64 = row.get(column)?;
    u64::try_from(place).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, place))
}

fn unknown(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("unknown: {what}").into())
}
