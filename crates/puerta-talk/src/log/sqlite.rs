//! SQLite as all files of ours use it, and its errors in a line.

use puerta::{Call, errno};
use rusqlite::{Connection, OpenFlags, ffi};
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long another program may hold the file before we give up.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that writes: every commit is on the disk when it returns. Checkpoints are its owner's work.
pub(crate) fn writing(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reading(path: &Path) -> rusqlite::Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn open(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    // A path of ours is absolute, so that SQLite never takes it for a URI.
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// A number of a file's header: `application_id`, `user_version`.
pub(crate) fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u32> {
    let value: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
    Ok(u32::try_from(value & 0xffff_ffff).unwrap_or_default())
}

/// Whether an error says that the file's content is damaged.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    let code = error.sqlite_error().map(|e| e.code);
    matches!(code, Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
        || matches!(error, E::FromSqlConversionFailure(..) | E::IntegralValueOutOfRange(..) | E::InvalidColumnType(..))
}

/// The errno behind an error. To be asked at once, in the same thread.
pub(crate) fn errno_of(error: &rusqlite::Error) -> Option<i32> {
    let last = io::Error::last_os_error().raw_os_error();
    let code = error.sqlite_error()?;
    match code.code {
        rusqlite::ErrorCode::DiskFull => Some(errno::ENOSPC),
        rusqlite::ErrorCode::SystemIoFailure | rusqlite::ErrorCode::CannotOpen => last.filter(|&errno| errno != 0),
        _ => None,
    }
}

/// An error in a line: SQLite's words, its code, and the errno behind it. To be asked at once, in the same thread.
pub(crate) fn why(error: &rusqlite::Error) -> String {
    let errno = errno_of(error).map(name);
    let Some(code) = error.sqlite_error() else { return error.to_string() };
    let words = match error {
        rusqlite::Error::SqliteFailure(_, Some(words)) => words.clone(),
        _ => ffi::code_to_str(code.extended_code).to_owned(),
    };
    let by_name = code_name(code.extended_code);
    errno.map_or_else(|| format!("{words} ({by_name})"), |errno| format!("{words} ({by_name}, {errno})"))
}

/// An errno's name.
pub(crate) fn name(errno: i32) -> String {
    // Only its name is used, and that does not depend on the call.
    puerta::Error::from_io(Call::Bind, &io::Error::from_raw_os_error(errno)).name().into_owned()
}

/// What went wrong with a file, with the errno by name.
pub(crate) fn reason(error: &io::Error) -> String {
    if error.raw_os_error().is_none() {
        return error.to_string();
    }
    let error = puerta::Error::from_io(Call::Bind, error);
    format!("{} ({})", error.reason(), error.name())
}

/// Result codes by name: those that a disk gives.
fn code_name(code: i32) -> String {
    let known = match code {
        ffi::SQLITE_FULL => "SQLITE_FULL",
        ffi::SQLITE_IOERR => "SQLITE_IOERR",
        ffi::SQLITE_IOERR_READ => "SQLITE_IOERR_READ",
        ffi::SQLITE_IOERR_SHORT_READ => "SQLITE_IOERR_SHORT_READ",
        ffi::SQLITE_IOERR_WRITE => "SQLITE_IOERR_WRITE",
        ffi::SQLITE_IOERR_FSYNC => "SQLITE_IOERR_FSYNC",
        ffi::SQLITE_IOERR_DIR_FSYNC => "SQLITE_IOERR_DIR_FSYNC",
        ffi::SQLITE_IOERR_TRUNCATE => "SQLITE_IOERR_TRUNCATE",
        ffi::SQLITE_IOERR_FSTAT => "SQLITE_IOERR_FSTAT",
        ffi::SQLITE_IOERR_LOCK => "SQLITE_IOERR_LOCK",
        ffi::SQLITE_IOERR_SHMOPEN => "SQLITE_IOERR_SHMOPEN",
        ffi::SQLITE_IOERR_SHMSIZE => "SQLITE_IOERR_SHMSIZE",
        ffi::SQLITE_IOERR_SHMMAP => "SQLITE_IOERR_SHMMAP",
        ffi::SQLITE_CANTOPEN => "SQLITE_CANTOPEN",
        ffi::SQLITE_CORRUPT => "SQLITE_CORRUPT",
        ffi::SQLITE_NOTADB => "SQLITE_NOTADB",
        ffi::SQLITE_BUSY => "SQLITE_BUSY",
        ffi::SQLITE_READONLY => "SQLITE_READONLY",
        ffi::SQLITE_CONSTRAINT_UNIQUE => "SQLITE_CONSTRAINT_UNIQUE",
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY => "SQLITE_CONSTRAINT_PRIMARYKEY",
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => "SQLITE_CONSTRAINT_FOREIGNKEY",
        other => return format!("SQLite's code {other}"),
    };
    known.to_owned()
}
