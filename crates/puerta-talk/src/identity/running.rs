//! The hubs of this user that run on this machine, each with a small file that its process holds a lock on: for the commands that
//! ask one of them. Nothing in it is a secret.
//!
//! ```toml
//! address = "127.0.0.1:7777"                   # where it is reached from this machine
//! listens = "[::]:7777"                        # where it listens: who else reaches it
//! fingerprint = "7K3M-9QXT-0VBN-4H2C-WJ8E"     # its key's
//! store = "/srv/talk.db"                       # not there for one that keeps all in memory
//! ```

use super::folder::Folder;
use super::key::random;
use crate::fingerprint::Fingerprint;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Files that are looked at, at most, and bytes of each.
const FILES: usize = 256;
const LONGEST: u64 = 8192;

const END: &str = ".hub";

/// A hub that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningHub {
    /// Where it is reached from this machine.
    pub address: SocketAddr,
    /// Where it listens.
    pub listens: SocketAddr,
    /// Its key's.
    pub fingerprint: Fingerprint,
    /// The absolute path of its store; none: it keeps all in memory.
    pub store: Option<PathBuf>,
}

/// The folder in which running hubs are told of.
#[derive(Debug, Clone)]
pub struct Runtime(PathBuf);

/// Tells of a hub until it is dropped, or the process ends.
#[derive(Debug)]
pub struct Told {
    path: PathBuf,
    _lock: File,
}

impl Runtime {
    /// `$XDG_RUNTIME_DIR/puerta-talk`, or `running` in the folder of data. A path that is not absolute does not count (XDG Base
    /// Directory Specification 0.8).
    pub fn at(xdg_runtime_dir: Option<&OsStr>, data: &Path) -> Self {
        let runtime = xdg_runtime_dir.map(Path::new).filter(|path| path.is_absolute());
        Runtime(runtime.map_or_else(|| data.join("running"), |path| path.join("puerta-talk")))
    }

    /// Tells of a hub: the file is there whole and locked, or not at all.
    ///
    /// # Errors
    /// As of [`Folder::open`], and [`Problem::File`], [`Problem::Random`].
    pub fn tell(&self, hub: &RunningHub) -> Result<Told, Problem> {
        let folder = Folder::open(&self.0)?;
        let name = format!("{:016x}{END}", u64::from_ne_bytes(random()?));
        let path = folder.file(&name);
        let failed = |error| Problem::file(&path, error);
        let text = toml::to_string(&Text::of(hub)).map_err(|error| failed(io::Error::other(error)))?;
        let draft = folder.draft(&name, text.as_bytes())?;
        let lock = File::open(draft.path()).map_err(failed)?;
        lock.try_lock().map_err(|error| failed(error.into()))?;
        folder.replace(draft, &name)?;
        Ok(Told { path, _lock: lock })
    }

    /// Those that run now. What the process of a hub has left behind that was killed is removed; what cannot be read is passed by.
    pub fn hubs(&self) -> Vec<RunningHub> {
        // No folder is made only to look into it.
        let (Ok(files), Ok(folder)) = (fs::read_dir(&self.0), Folder::open(&self.0)) else { return Vec::new() };
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> =
            names.filter(|name| name.ends_with(END) && !name.starts_with('.')).take(FILES).collect();
        names.sort();
        let mut hubs: Vec<RunningHub> = names.iter().filter_map(|name| read(&folder, name)).collect();
        hubs.sort_by_key(|hub| hub.address);
        hubs
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // What is left is recognised: nobody holds its lock any more.
        let _ = fs::remove_file(&self.path);
    }
}

fn read(folder: &Folder, name: &str) -> Option<RunningHub> {
    let file = folder.open_file(name).ok()??;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(_)) => return None,
        Ok(()) => {
            let _ = fs::remove_file(folder.file(name));
            return None;
        }
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    toml::from_str::<Text>(&text).ok()?.hub()
}

/// Hubs of other versions run here, too: what is not known is passed by.
#[derive(Serialize, Deserialize)]
struct Text {
    address: String,
    listens: Option<String>,
    fingerprint: String,
    store: Option<String>,
}

impl Text {
    fn of(hub: &RunningHub) -> Self {
        let store = hub.store.as_ref().map(|store| store.to_string_lossy().into_owned());
        let (address, listens) = (hub.address.to_string(), hub.listens.to_string());
        Text { address, listens: Some(listens), fingerprint: hub.fingerprint.to_string(), store }
    }

    fn hub(self) -> Option<RunningHub> {
        let address = self.address.parse().ok()?;
        let listens = self.listens.and_then(|listens| listens.parse().ok()).unwrap_or(address);
        let fingerprint = self.fingerprint.parse().ok()?;
        Some(RunningHub { address, listens, fingerprint, store: self.store.map(PathBuf::from) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::room::ids::Device;
    use std::net::Ipv6Addr;
    use std::os::unix::fs::PermissionsExt;

    struct Place(PathBuf);

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn place(name: &str) -> (Place, Runtime) {
        let path = std::env::temp_dir().join(format!("puerta-running-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let runtime = Runtime::at(Some(path.as_os_str()), Path::new("/nowhere"));
        (Place(path), runtime)
    }

    fn hub(port: u16, store: Option<&str>) -> RunningHub {
        let fingerprint = Fingerprint::of(Device([7; 32]));
        let (address, listens) = (([127, 0, 0, 1], port).into(), (Ipv6Addr::UNSPECIFIED, port).into());
        RunningHub { address, listens, fingerprint, store: store.map(PathBuf::from) }
    }

    #[test]
    fn hubs_are_told_of_as_long_as_they_run_in_files_for_us_alone() {
        let (place, runtime) = place("told");
        assert_eq!(runtime.hubs(), []);
        let both = [hub(7777, Some("/srv/la casa.db")), hub(7778, None)];
        let told: Vec<Told> = both.iter().rev().map(|hub| runtime.tell(hub).unwrap()).collect();
        assert_eq!(runtime.hubs(), both);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&place.0.join("puerta-talk")), mode(&told[0].path)), (0o700, 0o600));
        drop(told);
        assert_eq!(runtime.hubs(), []);
        assert_eq!(fs::read_dir(place.0.join("puerta-talk")).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_hub_left_behind_is_removed_and_what_is_no_such_file_is_passed_by() {
        let (place, runtime) = place("left");
        let told = runtime.tell(&hub(7777, None)).unwrap();
        let left = told.path.with_file_name(format!("left{END}"));
        fs::copy(&told.path, &left).unwrap();
        fs::write(place.0.join("puerta-talk/notes"), "address = 7").unwrap();
        assert_eq!(runtime.hubs(), [hub(7777, None)]);
        assert!(!left.exists());
        let other = "address = \"127.0.0.1:7777\"\nfingerprint = \"7K3M-9QXT-0VBN-4H2C-WJ8E\"\nmore = 7";
        fs::write(&told.path, other).unwrap();
        let of_another_version = runtime.hubs().pop().unwrap();
        assert_eq!(of_another_version.listens, of_another_version.address);
        fs::write(&told.path, "address = 7").unwrap();
        assert_eq!(runtime.hubs(), []);
    }

    #[test]
    fn without_a_folder_of_the_session_it_lies_with_the_data() {
        for unset in [None, Some(OsStr::new("")), Some(OsStr::new("run"))] {
            assert_eq!(Runtime::at(unset, Path::new("/data/puerta")).0, Path::new("/data/puerta/running"));
        }
    }
}
