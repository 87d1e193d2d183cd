//! The tables, for those who open the file with `sqlite3`.

use super::place::Schema;

/// "pTlk", and the tables as they are now.
pub(super) const SCHEMA: Schema = Schema {
    application: 0x7054_6c6b,
    version: 2,
    tables: &[MEMBERS, MESSAGES, READABLE, INVITES],
    renewals: &[&[BEFORE_2, MESSAGES, FROM_1, READABLE]],
};

const MEMBERS: &str = "
CREATE TABLE members (
    member INTEGER PRIMARY KEY,
    device BLOB NOT NULL UNIQUE CHECK (length(device) = 32),
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE rooms (
    room INTEGER PRIMARY KEY,
    name TEXT UNIQUE,
    inbox_of INTEGER UNIQUE REFERENCES members,
    CHECK ((name IS NULL) <> (inbox_of IS NULL))
) STRICT;
CREATE TABLE joined (
    room INTEGER NOT NULL REFERENCES rooms,
    member INTEGER NOT NULL REFERENCES members,
    seen_through INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (room, member)
) STRICT, WITHOUT ROWID;
";

/// Messages lie in the order in which they came, so that a commit changes few pages, however many members speak. `streams` has
/// the last number of each stream: only a higher one may follow. `ids` finds a repeated message; what came behind `found.through`
/// is not in it yet, and is looked for among the last messages. A stream and a number are 64 bits without a sign, kept as SQLite's
/// 64 bits with one.
const MESSAGES: &str = "
CREATE TABLE messages (
    place INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES rooms,
    seq INTEGER NOT NULL CHECK (seq > 0),
    prev INTEGER NOT NULL CHECK (prev >= 0 AND prev < seq),
    at_ms INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES members,
    sender_name TEXT NOT NULL,
    recipient INTEGER REFERENCES members,
    recipient_name TEXT,
    stream INTEGER NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('text', 'action')),
    text TEXT NOT NULL,
    UNIQUE (room, seq),
    CHECK ((recipient IS NULL) = (recipient_name IS NULL))
) STRICT;
CREATE TABLE streams (
    sender INTEGER NOT NULL REFERENCES members,
    stream INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (sender, stream)
) STRICT, WITHOUT ROWID;
CREATE TABLE ids (
    sender INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    number INTEGER NOT NULL,
    room INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (sender, stream, number, room)
) STRICT, WITHOUT ROWID;
CREATE TABLE found (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    through INTEGER NOT NULL
) STRICT;
INSERT INTO found VALUES (1, 0);
";

const READABLE: &str = "
CREATE VIEW messages_readable AS
    SELECT coalesce('#' || rooms.name, 'inbox of ' || owner.name) AS room, seq,
        strftime('%Y-%m-%d %H:%M:%f', at_ms / 1000.0, 'unixepoch') AS at_utc,
        sender_name AS \"from\", recipient_name AS \"to\", kind, text,
        printf('%016x-%llu', stream, number) AS id
    FROM messages JOIN rooms USING (room) LEFT JOIN members AS owner ON owner.member = rooms.inbox_of
    ORDER BY messages.room, seq;
";

const INVITES: &str = "
CREATE TABLE invites (
    token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
    room INTEGER NOT NULL REFERENCES rooms,
    until_ms INTEGER NOT NULL,
    once INTEGER NOT NULL CHECK (once IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE VIEW invites_readable AS
    SELECT '#' || rooms.name AS room, strftime('%Y-%m-%d %H:%M:%S', until_ms / 1000.0, 'unixepoch') AS until_utc,
        iif(once, 'one device', 'everyone') AS good_for, lower(hex(token_sha256)) AS token_sha256
    FROM invites JOIN rooms USING (room);
";

/// In version 1 messages lay by room and place, with an index of all ids.
const BEFORE_2: &str = "
DROP VIEW messages_readable;
ALTER TABLE messages RENAME TO messages_1;
";

/// A number of 2^63 or more is negative in the file, and larger than those that are not.
const FROM_1: &str = "
INSERT INTO messages (room, seq, prev, at_ms, sender, sender_name, recipient, recipient_name, stream, number, kind, text)
    SELECT room, seq, prev, at_ms, sender, sender_name, recipient, recipient_name, stream, number, kind, text
    FROM messages_1 ORDER BY at_ms, room, seq;
INSERT INTO streams
    SELECT sender, stream, coalesce(max(number) FILTER (WHERE number < 0), max(number)) FROM messages GROUP BY sender, stream;
INSERT INTO ids SELECT sender, stream, number, room, place FROM messages ORDER BY sender, stream, number, room;
UPDATE found SET through = (SELECT coalesce(max(place), 0) FROM messages);
DROP TABLE messages_1;
";
