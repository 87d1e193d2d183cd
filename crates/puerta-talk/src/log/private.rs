//! Files that are for one user alone, and locks on them.

use super::problem::{Problem, What};
use super::sqlite::reason;
use puerta::{Socket, UnixStream, opt};
use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Permission bits of a folder that let others change what is in it, and the bit that keeps them from it (sticky).
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// What the name of a lock file has behind that of the file.
const LOCK: &str = ".lock";

/// The longest content of a lock file of ours, in bytes.
const ADDRESS: u64 = 512;

/// How often, and after which pause, a lock is tried: whoever only asks whether a hub runs holds it for an instant.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// The folder, made 0700 if it is not there, and its own place on the disk made sure. One that was there is refused when
/// others may write in it.
///
/// # Errors
/// [`What::Loose`], [`What::Failed`].
pub(crate) fn folder(path: &Path) -> Result<(), Problem> {
    let failed = |error| failed(path, "make", &error);
    let missing: Vec<&Path> =
        path.ancestors().filter(|p| !p.as_os_str().is_empty()).take_while(|p| !p.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    for made in missing {
        let above = made.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(above).and_then(|above| above.sync_all()).map_err(failed)?;
    }
    let mode = fs::metadata(path).map_err(failed)?.mode() & 0o7777;
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        return Err(Problem { path: path.to_owned(), what: What::Loose { mode, wanted: 0o700 } });
    }
    Ok(())
}

/// Whether a file begins as one of SQLite's does, with the number of this application where its header has it (byte 68).
fn is_of(path: &Path, application: u32) -> bool {
    let mut start = [0; 72];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start.starts_with(b"SQLite format 3\0") && start.ends_with(&application.to_be_bytes())
}

/// Whether the file of this application is there, and that nobody else may read or write it.
///
/// # Errors
/// [`What::Loose`], [`What::NotOurs`] for what is no file, [`What::Failed`].
pub(crate) fn tight(path: &Path, application: u32) -> Result<bool, Problem> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_file() => Err(Problem { path: path.to_owned(), what: What::NotOurs }),
        // Nobody is told to change the permissions of a file that is not ours.
        Ok(meta) if meta.mode() & 0o077 != 0 && !is_of(path, application) => {
            Err(Problem { path: path.to_owned(), what: What::NotOurs })
        }
        Ok(meta) if meta.mode() & 0o077 != 0 => {
            let mode = meta.mode() & 0o7777;
            Err(Problem { path: path.to_owned(), what: What::Loose { mode, wanted: 0o600 } })
        }
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path, "open", &error)),
    }
}

/// Whether a file and what SQLite puts beside it are files of ours, as far as they are there: in a folder like /tmp others may have
/// made them, and would read what is written to them, or have us play back what they have written.
///
/// # Errors
/// [`What::Foreign`], [`What::NotOurs`] for what is no file, [`What::Failed`].
pub(crate) fn ours(path: &Path) -> Result<(), Problem> {
    let uid = uid(path)?;
    for end in ["", "-journal", "-wal", "-shm"] {
        let path = beside(path, end);
        match fs::symlink_metadata(&path) {
            Ok(meta) => own_file(&path, &meta, uid)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, "open", &error)),
        }
    }
    Ok(())
}

fn own_file(path: &Path, meta: &Metadata, uid: u32) -> Result<(), Problem> {
    let problem = |what| Err(Problem { path: path.to_owned(), what });
    match meta {
        _ if !meta.is_file() => problem(What::NotOurs),
        _ if meta.uid() != uid => problem(What::Foreign),
        _ => Ok(()),
    }
}

/// Our effective user, as the kernel vouches for it to the other end of a pair of sockets.
fn uid(path: &Path) -> Result<u32, Problem> {
    let pair = Socket::<UnixStream, _>::pair().and_then(|(ours, _theirs)| ours.get(opt::PeerCredentials));
    let what = |error: puerta::Error| What::Failed { doing: "check", why: error.to_string(), errno: None };
    pair.map(|credentials| credentials.uid).map_err(|error| Problem { path: path.to_owned(), what: what(error) })
}

/// A lock (flock(2)) on the file beside another. It goes with the process that holds it, however that ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Writes into the lock file, for others on this machine.
    pub(crate) fn say(&mut self, what: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(what.as_bytes())
    }
}

/// The lock beside a file. Waits an instant for it.
///
/// # Errors
/// [`What::Running`] where another holds it, [`What::NotOurs`] where something else has its name, [`What::Foreign`],
/// [`What::Failed`].
pub(crate) fn lock(path: &Path) -> Result<Lock, Problem> {
    for _ in 0..TRIES {
        if let Some(lock) = try_lock(path)? {
            return Ok(lock);
        }
        thread::sleep(PAUSE);
    }
    Err(Problem { path: path.to_owned(), what: What::Running { hub: holder(path) } })
}

/// The lock beside a file, unless another holds it.
///
/// # Errors
/// [`What::NotOurs`] where something else has its name, [`What::Foreign`], [`What::Failed`].
pub(crate) fn try_lock(path: &Path) -> Result<Option<Lock>, Problem> {
    let uid = uid(path)?;
    let beside = beside(path, LOCK);
    let failed = |error| failed(&beside, "lock", &error);
    match fs::symlink_metadata(&beside) {
        Ok(there) if !there.is_file() || there.len() > ADDRESS => {
            return Err(Problem { path: beside, what: What::NotOurs });
        }
        Ok(there) => own_file(&beside, &there, uid)?,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Err(_) => {}
    }
    let mut options = File::options();
    let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(&beside).map_err(failed)?;
    // Again: what was opened counts.
    own_file(&beside, &file.metadata().map_err(failed)?, uid)?;
    match file.try_lock() {
        Ok(()) => {
            let mut lock = Lock { file };
            lock.say("").map_err(failed)?;
            Ok(Some(lock))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// What the holder of the lock beside a file has said, if one holds it.
pub(crate) fn holder(path: &Path) -> Option<String> {
    let file = File::open(beside(path, LOCK)).ok()?;
    own_file(path, &file.metadata().ok()?, uid(path).ok()?).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => said(&file),
        _ => None,
    }
}

fn said(file: &File) -> Option<String> {
    let mut text = String::new();
    file.take(ADDRESS).read_to_string(&mut text).ok()?;
    Some(text).filter(|text| !text.is_empty())
}

/// A file beside another, as SQLite names them.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// A call on a file that failed.
pub(crate) fn failed(path: &Path, doing: &'static str, error: &io::Error) -> Problem {
    let what = What::Failed { doing, why: reason(error), errno: error.raw_os_error() };
    Problem { path: path.to_owned(), what }
}
