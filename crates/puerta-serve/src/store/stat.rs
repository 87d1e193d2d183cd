//! What a file is, as far as the system tells without opening it.

use crate::core::etag::Identity;
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, StatxTimestamp, statx};
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link: only where links are not followed.
    Link,
    /// A FIFO, a socket, a device.
    Special,
}

/// A kind and an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Which.
    pub identity: Identity,
}

/// How old a change must be before the file system's clock tells it from the next one. The coarsest clock of a disk that is still
/// around is FAT's: 2 s.
pub const SETTLED: Duration = Duration::from_secs(2);

impl Stat {
    /// Of an open descriptor. It waits for no server: what a network file system has in its cache is good enough (`AT_STATX_DONT_SYNC`)
    /// when `sync` is false.
    pub(super) fn of(fd: impl AsFd, sync: bool) -> Result<Stat, Errno> {
        let wait = if sync { AtFlags::empty() } else { AtFlags::STATX_DONT_SYNC };
        statx(fd, c"", AtFlags::EMPTY_PATH | wait, StatxFlags::BASIC_STATS).map(|s| Stat::from(&s))
    }

    /// Of a name in a folder; links are not followed.
    pub(super) fn of_name(folder: impl AsFd, name: &std::ffi::CStr) -> Result<Stat, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        statx(folder, name, flags, StatxFlags::BASIC_STATS).map(|s| Stat::from(&s))
    }
}

/// Whether a change after `now` would show in a file's times: with a change less than [`SETTLED`] ago, or in the future, the next
/// one could bear the same.
pub fn is_settled(identity: &Identity, now: SystemTime) -> bool {
    time(identity.ctime).is_some_and(|changed| now.duration_since(changed).is_ok_and(|age| age >= SETTLED))
}

/// Nanoseconds since 1970 for the rest of the world. `None`: the file system says what no clock can show.
pub fn time(nanoseconds: i128) -> Option<SystemTime> {
    let whole = u64::try_from(nanoseconds.unsigned_abs() / SECOND).ok()?;
    let rest = u32::try_from(nanoseconds.unsigned_abs() % SECOND).ok()?;
    let distance = Duration::new(whole, rest);
    if nanoseconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

impl From<&Statx> for Stat {
    fn from(s: &Statx) -> Self {
        let kind = match FileType::from_raw_mode(u32::from(s.stx_mode)) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Special,
        };
        let identity = Identity {
            device: u64::from(s.stx_dev_major) << 32 | u64::from(s.stx_dev_minor),
            inode: s.stx_ino,
            size: s.stx_size,
            mtime: stamp(&s.stx_mtime),
            ctime: stamp(&s.stx_ctime),
        };
        Stat { kind, identity }
    }
}

const SECOND: u128 = 1_000_000_000;

fn stamp(s: &StatxTimestamp) -> i128 {
    i128::from(s.tv_sec) * 1_000_000_000 + i128::from(s.tv_nsec)
}
