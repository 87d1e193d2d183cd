//! A store's file, taken by one hub alone: made, or checked before anything of it is touched.

use super::private::{self, Lock, beside, failed};
use super::problem::{Problem, What};
use super::schema::SCHEMA;
use super::sqlite::{self, errno_of, is_damage, why};
use rusqlite::Connection;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What a SQLite file begins with, and where its header (<https://sqlite.org/fileformat2.html#the_database_header>) has the
/// version of the tables and the application.
const MAGIC: &[u8] = b"SQLite format 3\0";
const VERSION_AT: usize = 60;
const APPLICATION_AT: usize = 68;
const HEADER: usize = 100;

/// The largest file that is checked page by page after a hub was killed, in bytes. SQLite keeps its promises after a kill;
/// the check finds what a disk has done, and takes about a second for so much.
const CHECKED: u64 = 256 << 20;

/// A store that nobody else has, open for writing.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    connection: Connection,
    lock: Lock,
}

impl Place {
    /// Takes the file, or makes it (0600, in a folder that is made 0700). What a hub before had written and not made durable
    /// is made durable here, so that what can be read is on the disk.
    ///
    /// # Errors
    ///
    /// A [`Problem`]: others may read it, it or what lies beside it is another user's, a hub runs, it is not ours, too new, damaged, or a call failed. The file is as it
    /// was then.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let path = real(path)?;
        private::ours(&path)?;
        private::tight(&path, SCHEMA.application)?;
        let lock = private::lock(&path)?;
        let connection = open(&path, &SCHEMA)?;
        Ok(Place { path, connection, lock })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells other programs on this machine where the hub is: `host:port`. They ask with [`running`].
    ///
    /// # Errors
    ///
    /// What writing the lock file gave; the lock holds all the same.
    pub fn announce(&mut self, address: &str) -> io::Result<()> {
        self.lock.say(address)
    }

    /// Another connection, for checkpoints.
    pub(super) fn second(&self) -> rusqlite::Result<Connection> {
        sqlite::writing(&self.path)
    }

    /// The connection that writes.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Where the hub is that uses a store, if one runs on this machine and has [said so](Place::announce).
pub fn running(path: &Path) -> Option<String> {
    private::holder(&fs::canonicalize(path).ok()?)
}

/// What the files of one sort are like.
pub(crate) struct Schema {
    /// What `PRAGMA application_id` shows.
    pub(crate) application: u32,
    /// `PRAGMA user_version`: the version of the tables.
    pub(crate) version: u32,
    /// The SQL that makes them.
    pub(crate) tables: &'static [&'static str],
    /// The SQL that leads from each version to the next, from 1 on.
    pub(crate) renewals: &'static [&'static [&'static str]],
}

/// Opens a file that we have locked, or makes it: checked, and everything that can be read in it durable.
pub(crate) fn open(path: &Path, schema: &Schema) -> Result<Connection, Problem> {
    private::ours(path)?;
    if private::tight(path, schema.application)? {
        let header = header(path).map_err(|error| failed(path, "read", &error))?;
        check_header(path, &header, schema)?;
    } else {
        make(path, schema)?;
    }
    settled(path, schema)
}

/// The path without links: two names of a store have one lock. Its folder is there afterwards.
fn real(path: &Path) -> Result<PathBuf, Problem> {
    let failed = |error| failed(path, "open", &error);
    match fs::canonicalize(path) {
        Ok(real) => {
            private::folder(real.parent().unwrap_or(Path::new("/")))?;
            Ok(real)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::IsADirectory.into()))?;
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            private::folder(folder)?;
            Ok(fs::canonicalize(folder).map_err(failed)?.join(name))
        }
        Err(error) => Err(failed(error)),
    }
}

/// The first bytes of a file. Read before SQLite has it: closing a descriptor of it would end SQLite's locks (fcntl(2)).
fn header(path: &Path) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    File::open(path)?.take(HEADER as u64).read_to_end(&mut header)?;
    Ok(header)
}

fn check_header(path: &Path, header: &[u8], schema: &Schema) -> Result<(), Problem> {
    let problem = |what| Err(Problem { path: path.to_owned(), what });
    let number = |at: usize| header.get(at..).and_then(|rest| rest.first_chunk()).map(|four| u32::from_be_bytes(*four));
    if !header.starts_with(MAGIC) || number(APPLICATION_AT) != Some(schema.application) {
        return problem(What::NotOurs);
    }
    match number(VERSION_AT) {
        Some(found) if found > schema.version => problem(What::Newer { version: found }),
        _ => Ok(()),
    }
}

/// Makes the file whole under another name first: at every moment there is no store, or a whole one.
fn make(path: &Path, schema: &Schema) -> Result<(), Problem> {
    let new = beside(path, ".new");
    let told = |error| failed(&new, "make", &error);
    // A journal of one that was never finished would be played back into the new one.
    remove(&new).map_err(told)?;
    let file = File::options().create_new(true).write(true).mode(0o600).open(&new).map_err(told)?;
    drop(file);
    let made = fill(&new, schema).map_err(|error| of_sqlite(&new, "make", &error));
    let made = made.and_then(|wal| if wal { Ok(()) } else { Err(no_wal(&new)) });
    let made = made.and_then(|()| fs::rename(&new, path).map_err(told));
    if made.is_err() {
        let _ = remove(&new);
        return made;
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(folder, "make durable", &error))
}

/// Whether the file is in WAL mode then: SQLite is silent when it cannot be.
fn fill(path: &Path, schema: &Schema) -> rusqlite::Result<bool> {
    let Schema { application, version, tables, .. } = schema;
    let tables = tables.concat();
    let connection = sqlite::writing(path)?;
    connection.execute_batch(&format!(
        "BEGIN; PRAGMA application_id = {application}; PRAGMA user_version = {version}; {tables} COMMIT;"
    ))?;
    let wal = to_wal(&connection)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(wal)
}

fn to_wal(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = statement.query([])?;
    let wal = rows.next()?.map(|row| row.get::<_, String>(0)).transpose()?.is_some_and(|mode| mode == "wal");
    // SQLite commits the change after it has said that it is done.
    while rows.next()?.is_some() {}
    Ok(wal)
}

fn no_wal(path: &Path) -> Problem {
    let why = "SQLite's WAL does not work there (a network file system, or a disk that fails)".to_owned();
    Problem { path: path.to_owned(), what: What::Failed { doing: "open", why, errno: None } }
}

/// Removes a file that was not finished, and what SQLite has put beside it.
fn remove(path: &Path) -> io::Result<()> {
    for end in ["-journal", "-wal", "-shm", ""] {
        match fs::remove_file(beside(path, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Opens the file, and makes durable what is in its WAL: after a kill or a failed fsync it can be read without being on the
/// disk. Only then may a hub tell that it is there.
fn settled(path: &Path, schema: &Schema) -> Result<Connection, Problem> {
    // A WAL beside it that is not empty: whoever had it before did not end by itself.
    let left = fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0);
    let problem = |what| Problem { path: path.to_owned(), what };
    let failed = |error: &rusqlite::Error| of_sqlite(path, "open", error);
    let connection = sqlite::writing(path).map_err(|error| failed(&error))?;
    let found = sqlite::pragma(&connection, "user_version").map_err(|error| failed(&error))?;
    if found > schema.version {
        return Err(problem(What::Newer { version: found }));
    }
    if !to_wal(&connection).map_err(|error| failed(&error))? {
        return Err(no_wal(path));
    }
    let small = fs::metadata(path).is_ok_and(|meta| meta.len() <= CHECKED);
    if left && small {
        let said: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|error| failed(&error))?;
        if said != "ok" {
            return Err(problem(What::Damaged { why: said }));
        }
    }
    renew(&connection, schema, found).map_err(|error| failed(&error))?;
    if !checkpoint(&connection, "TRUNCATE").map_err(|error| failed(&error))? {
        return Err(problem(What::Held));
    }
    Ok(connection)
}

/// Brings the tables up to date, a version at a time: each wholly or not at all.
fn renew(connection: &Connection, schema: &Schema, found: u32) -> rusqlite::Result<()> {
    let versions = (found + 1..=schema.version).zip(schema.renewals.iter().skip(found.saturating_sub(1) as usize));
    for (version, sql) in versions {
        let sql = sql.concat();
        let done =
            connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql} PRAGMA user_version = {version}; COMMIT;"));
        if let Err(error) = done {
            let _ = connection.execute_batch("ROLLBACK");
            return Err(error);
        }
    }
    Ok(())
}

/// Moves what is in the WAL into the file, as far as readers allow it: whether that was all.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    let (busy, pages, moved): (i64, i64, i64) =
        connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(busy == 0 && pages == moved)
}

/// What SQLite says of a file.
pub(crate) fn of_sqlite(path: &Path, doing: &'static str, error: &rusqlite::Error) -> Problem {
    // The errno first: it is the thread's last.
    let errno = errno_of(error);
    let why = why(error);
    let what = if is_damage(error) { What::Damaged { why } } else { What::Failed { doing, why, errno } };
    Problem { path: path.to_owned(), what }
}
