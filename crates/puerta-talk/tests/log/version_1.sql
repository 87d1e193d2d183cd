/* A store as version 1 made it, with a message of each sort. */
PRAGMA journal_mode = WAL;
BEGIN;
PRAGMA application_id = 0x70546c6b;
PRAGMA user_version = 1;
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
        sender_name AS "from", recipient_name AS "to", kind, text,
        printf('%016x-%llu', stream, number) AS id
    FROM messages JOIN rooms USING (room) LEFT JOIN members AS owner ON owner.member = rooms.inbox_of
    ORDER BY messages.room, seq;
CREATE VIEW invites_readable AS
    SELECT '#' || rooms.name AS room, strftime('%Y-%m-%d %H:%M:%S', until_ms / 1000.0, 'unixepoch') AS until_utc,
        iif(once, 'one device', 'everyone') AS good_for, lower(hex(token_sha256)) AS token_sha256
    FROM invites JOIN rooms USING (room);
INSERT INTO members VALUES (1, x'1111111111111111111111111111111111111111111111111111111111111111', 'ana'), (2, x'2222222222222222222222222222222222222222222222222222222222222222', 'bo');
INSERT INTO rooms VALUES (1, 'main', NULL), (2, NULL, 1), (3, NULL, 2);
INSERT INTO joined VALUES (1, 1, 2), (1, 2, 0);
INSERT INTO messages VALUES (1, 1, 0, 5000, 1, 'ana', NULL, NULL, 7, 1, 'text', 'hola');
INSERT INTO messages VALUES (1, 2, 1, 4000, 2, 'bo', NULL, NULL, 8, -1, 'action', 'waves');
INSERT INTO messages VALUES (2, 1, 0, 6000, 1, 'ana', 2, 'bo', 7, 2, 'text', 'psst');
INSERT INTO messages VALUES (3, 1, 0, 6000, 1, 'ana', 2, 'bo', 7, 2, 'text', 'psst');
INSERT INTO messages VALUES (3, 2, 1, 3000, 2, 'bo', 2, 'bo', 8, 5, 'text', 'note');
COMMIT;
