//! The folder of keys and known hubs: 0700, files 0600, ours, and nothing but files in it.

use super::key::random;
use crate::problem::{Kind, Problem};
use puerta::{Socket, UnixStream, opt};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder, of which was seen that it is ours alone.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    /// Our user.
    uid: u32,
}

/// Where the folder is: `$XDG_CONFIG_HOME/puerta`, or `$HOME/.config/puerta`. A path that is not absolute does not count (XDG Base
/// Directory Specification 0.8).
///
/// # Errors
/// [`Problem::NoHome`] where neither is set.
pub fn folder_of(xdg_config_home: Option<&OsStr>, home: Option<&OsStr>) -> Result<PathBuf, Problem> {
    let absolute = |path: Option<&OsStr>| path.map(Path::new).filter(|path| path.is_absolute()).map(Path::to_owned);
    let config = absolute(xdg_config_home).or_else(|| absolute(home).map(|home| home.join(".config")));
    config.map(|config| config.join("puerta")).ok_or(Problem::NoHome)
}

impl Folder {
    /// The folder of whoever runs this, by the environment.
    ///
    /// # Errors
    /// [`Problem::NoHome`], and as of [`open`](Self::open).
    pub fn own() -> Result<Self, Problem> {
        let (xdg, home) = (std::env::var_os("XDG_CONFIG_HOME"), std::env::var_os("HOME"));
        Folder::open(&folder_of(xdg.as_deref(), home.as_deref())?)
    }

    /// Makes the folder (0700, and those above it that are missing), or checks the one that is there.
    ///
    /// # Errors
    /// [`Problem::WrongKind`] for a symbolic link or what is no folder, [`Problem::NotOurs`], [`Problem::Loose`] where others may enter
    /// it, [`Problem::File`] where it cannot be made.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let folder = Folder { path: path.to_owned(), uid: uid()? };
        let failed = |error| Problem::file(path, error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).or_else(|error| {
            // What is there says more in the checks.
            if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(failed(error)) }
        })?;
        folder.check(path, &fs::symlink_metadata(path).map_err(failed)?, Kind::Folder)?;
        Ok(folder)
    }

    /// The path of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a file that is ours alone, to read; `None` where there is none.
    pub(super) fn open_file(&self, name: &str) -> Result<Option<File>, Problem> {
        self.open_with(name, OpenOptions::new().read(true))
    }

    /// As [`open_file`](Self::open_file), and makes an empty one where there is none: a lock.
    pub(super) fn open_or_make(&self, name: &str) -> Result<File, Problem> {
        let path = self.file(name);
        // One of two that come at once makes it; both then check what is there.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Problem::file(&path, error)),
            _ => {}
        }
        let opened = self.open_with(name, OpenOptions::new().read(true).write(true))?;
        opened.ok_or_else(|| Problem::file(&path, io::ErrorKind::NotFound.into()))
    }

    fn open_with(&self, name: &str, how: &OpenOptions) -> Result<Option<File>, Problem> {
        let path = self.file(name);
        let failed = |error| Problem::file(&path, error);
        let there = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            there => there.map_err(failed)?,
        };
        // Before it is opened: a pipe would wait for its other end.
        self.check(&path, &there, Kind::File)?;
        let file = how.open(&path).map_err(failed)?;
        // Again: what was opened counts.
        self.check(&path, &file.metadata().map_err(failed)?, Kind::File)?;
        Ok(Some(file))
    }

    fn check(&self, path: &Path, meta: &Metadata, kind: Kind) -> Result<(), Problem> {
        let fits = match kind {
            Kind::Folder => meta.is_dir(),
            Kind::File => meta.is_file(),
        };
        let path = || path.to_string_lossy().into_owned();
        if !fits {
            Err(Problem::WrongKind { path: path(), kind, link: meta.is_symlink() })
        } else if meta.uid() != self.uid {
            Err(Problem::NotOurs { path: path(), kind })
        } else if meta.mode() & 0o077 != 0 {
            Err(Problem::Loose { path: path(), kind, mode: meta.mode() & 0o7777 })
        } else {
            Ok(())
        }
    }

    /// A file beside `name` with these bytes, on the disk: to be linked or renamed to it.
    pub(super) fn draft(&self, name: &str, bytes: &[u8]) -> Result<Draft, Problem> {
        let number = u64::from_ne_bytes(random()?);
        let draft = Draft { path: self.file(&format!(".{name}.{}.{number:016x}", std::process::id())) };
        let written = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft.path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        written().map_err(|error| Problem::file(&draft.path, error))?;
        Ok(draft)
    }

    /// Makes the draft the file of that name where there is none; false where there is one.
    pub(super) fn place(&self, draft: Draft, name: &str) -> Result<bool, Problem> {
        let path = self.file(name);
        match fs::hard_link(&draft.path, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            done => done.map_err(|error| Problem::file(&path, error))?,
        }
        drop(draft);
        self.sync()?;
        Ok(true)
    }

    /// Makes the draft the file of that name, whatever was there.
    pub(super) fn replace(&self, draft: Draft, name: &str) -> Result<(), Problem> {
        let path = self.file(name);
        fs::rename(&draft.path, &path).map_err(|error| Problem::file(&path, error))?;
        self.sync()
    }

    /// The names in the folder are on the disk.
    fn sync(&self) -> Result<(), Problem> {
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(|error| Problem::file(&self.path, error))
    }
}

/// A file that is not there yet under its name. Removed when dropped, unless it was renamed.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // One that is left behind after a crash is in nobody's way.
        let _ = fs::remove_file(&self.path);
    }
}

/// Our effective user, as the kernel vouches for it to the other end of a pair of sockets.
fn uid() -> Result<u32, Problem> {
    let (ours, _theirs) = Socket::<UnixStream, _>::pair()?;
    Ok(ours.get(opt::PeerCredentials)?.uid)
}
