//! The tables, for those who open the file with `sqlite3`.

use super::place::Schema;

/// "pTlk", and the tables as they are now.
pub(super) const SCHEMA: Schema = Schema { application: 0x7054_6c6b, version: 1, tables: TABLES };

/// A message lies where its room's others do, by its place. The second key finds a repeated message, and a stream's last.
/// A stream and a number are 64 bits without a sign, kept as SQLite's 64 bits with one.
const TABLES: &str = "
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
CREATE TABLE messages (
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
    PRIMARY KEY (room, seq),
    UNIQUE (sender, stream, number, room),
    CHECK ((recipient IS NULL) = (recipient_name IS NULL))
) STRICT, WITHOUT ROWID;
CREATE TABLE invites (
    token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
    room INTEGER NOT NULL REFERENCES rooms,
    until_ms INTEGER NOT NULL,
    once INTEGER NOT NULL CHECK (once IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE VIEW messages_readable AS
    SELECT coalesce('#' || rooms.name, 'inbox of ' || owner.name) AS room, seq,
        strftime('%Y-%m-%d %H:%M:%f', at_ms / 1000.0, 'unixepoch') AS at_utc,
        sender_name AS \"from\", recipient_name AS \"to\", kind, text,
        printf('%016x-%llu', stream, number) AS id
    FROM messages JOIN rooms USING (room) LEFT JOIN members AS owner ON owner.member = rooms.inbox_of
    ORDER BY messages.room, seq;
CREATE VIEW invites_readable AS
    SELECT '#' || rooms.name AS room, strftime('%Y-%m-%d %H:%M:%S', until_ms / 1000.0, 'unixepoch') AS until_utc,
        iif(once, 'one device', 'everyone') AS good_for, lower(hex(token_sha256)) AS token_sha256
    FROM invites JOIN rooms USING (room);
";
