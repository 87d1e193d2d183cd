//! `hubs.toml` on the disk: read whole, written whole under a lock.

use super::folder::Folder;
use super::hubs::{Damaged, Hubs, KnownHub};
use crate::problem::Problem;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long another process may hold the lock: 5 s. It needs a few milliseconds.
pub const LOCK: Duration = Duration::from_secs(5);

const NAME: &str = "hubs.toml";
const LOCK_NAME: &str = "hubs.lock";
/// Bytes of the file, at most: 256 hubs have some 600 KiB.
const LONGEST: u64 = 1 << 20;
/// Between two tries for the lock.
const PAUSE: Duration = Duration::from_millis(10);

/// The hubs that are remembered in a folder.
#[derive(Debug, Clone)]
pub struct Book {
    folder: Folder,
}

impl Book {
    /// The one in this folder; nothing is read yet.
    pub fn of(folder: &Folder) -> Self {
        Book { folder: folder.clone() }
    }

    /// What is remembered; nothing, where there is no file.
    ///
    /// # Errors
    /// [`Problem::HubsDamaged`], and what its file may be: [`Problem::WrongKind`], [`Problem::NotOurs`], [`Problem::Loose`],
    /// [`Problem::File`].
    pub fn read(&self) -> Result<Hubs, Problem> {
        let Some(file) = self.folder.open_file(NAME)? else { return Ok(Hubs::default()) };
        let path = self.folder.file(NAME);
        let mut bytes = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| Problem::file(&path, error))?;
        let damaged =
            |Damaged { line, reason }| Problem::HubsDamaged { path: path.to_string_lossy().into_owned(), line, reason };
        if bytes.len() as u64 > LONGEST {
            return Err(damaged(Damaged { line: 1, reason: format!("it is longer than {LONGEST} bytes") }));
        }
        let text = str::from_utf8(&bytes).map_err(|error| {
            let line = 1 + bytes.iter().take(error.valid_up_to()).filter(|b| **b == b'\n').count();
            damaged(Damaged { line, reason: "it is not UTF-8".to_owned() })
        })?;
        Hubs::parse(text).map_err(damaged)
    }

    /// [Remembers](Hubs::remember) a hub; what another process wrote in between stays.
    ///
    /// # Errors
    /// As of [`Hubs::remember`] and [`read`](Self::read), and [`Problem::HubsLocked`]. The file is as it was then.
    pub fn remember(&self, hub: KnownHub) -> Result<(), Problem> {
        self.change(|hubs| hubs.remember(hub))
    }

    /// [Forgets](Hubs::forget) a hub.
    ///
    /// # Errors
    /// [`Problem::UnknownHub`], and as of [`remember`](Self::remember).
    pub fn forget(&self, name: &str) -> Result<KnownHub, Problem> {
        self.change(|hubs| hubs.forget(name))
    }

    fn change<R>(&self, change: impl FnOnce(&mut Hubs) -> Result<R, Problem>) -> Result<R, Problem> {
        let _lock = self.lock()?;
        let before = self.read()?;
        let mut hubs = before.clone();
        let result = change(&mut hubs)?;
        if hubs != before {
            let path = self.folder.file(NAME);
            let text = hubs.print().map_err(|error| Problem::file(&path, io::Error::other(error)))?;
            self.folder.replace(self.folder.draft(NAME, text.as_bytes())?, NAME)?;
        }
        Ok(result)
    }

    /// flock(2), which ends with the process whatever happens to it. The file stays: removed, two could hold it at once.
    fn lock(&self) -> Result<File, Problem> {
        let file = self.folder.open_or_make(LOCK_NAME)?;
        let path = self.folder.file(LOCK_NAME);
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(Problem::file(&path, error)),
                Err(TryLockError::WouldBlock) if start.elapsed() >= LOCK => {
                    let path = path.to_string_lossy().into_owned();
                    return Err(Problem::HubsLocked { path, within: LOCK });
                }
                Err(TryLockError::WouldBlock) => sleep(PAUSE),
            }
        }
    }
}
