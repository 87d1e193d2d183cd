//! The path of a Unix socket: taken over from a dead server, never from a live one, and never where something else lies.

use crate::problem::{Occupant, Problem};
use puerta::{AnyDatagram, Endpoint, Family, Socket, UnixAddr, errno};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A path that is ours. When dropped, the socket's own inode is unlinked, and the lock file beside it.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    lock_path: PathBuf,
    /// Held while the server lives: two servers cannot both think that the other is dead.
    _lock: File,
    /// Device and inode of the socket that we bound.
    own: Option<(u64, u64)>,
    took_over: bool,
}

impl Claim {
    /// Takes the path: nothing is there afterwards. A dead socket (nobody answers a connect) is removed.
    ///
    /// # Errors
    /// [`Problem::PathTaken`] by a live server or by what is no socket; [`Problem::Path`].
    pub fn take(path: &Path) -> Result<Self, Problem> {
        let failed = |error| Problem::Path { path: shown(path), error };
        let taken = |by| Problem::PathTaken { path: shown(path), by };
        if occupied(path).map_err(failed)? == Some(Occupant::NotASocket) {
            return Err(taken(Occupant::NotASocket));
        }
        let lock_path = beside(path);
        let lock = match lock(&lock_path) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Err(taken(Occupant::Live)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(taken(Occupant::NotOurLock)),
            Err(error) => return Err(failed(error)),
        };
        let mut claim = Claim { path: path.to_owned(), lock_path, _lock: lock, own: None, took_over: false };
        match occupied(path).map_err(failed)? {
            None => {}
            Some(Occupant::Live) if answers(path) => return Err(taken(Occupant::Live)),
            Some(by @ (Occupant::NotASocket | Occupant::NotOurLock)) => return Err(taken(by)),
            Some(Occupant::Live) => {
                fs::remove_file(path).map_err(failed)?;
                claim.took_over = true;
            }
        }
        Ok(claim)
    }

    /// The socket is bound: from now on its inode is ours to unlink.
    ///
    /// # Errors
    /// [`Problem::Path`] where it is gone already.
    pub fn bound(&mut self) -> Result<(), Problem> {
        let meta =
            fs::symlink_metadata(&self.path).map_err(|error| Problem::Path { path: shown(&self.path), error })?;
        self.own = Some((meta.dev(), meta.ino()));
        Ok(())
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a dead socket was removed.
    pub fn took_over(&self) -> bool {
        self.took_over
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let still = fs::symlink_metadata(&self.path).map(|meta| (meta.dev(), meta.ino()));
        if self.own.is_some() && still.ok() == self.own {
            let _ = fs::remove_file(&self.path);
        }
        let _ = fs::remove_file(&self.lock_path);
    }
}

fn shown(path: &Path) -> String {
    UnixAddr::path(path).to_string()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// What lies at the path. A socket counts as live until it is asked.
fn occupied(path: &Path) -> io::Result<Option<Occupant>> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => Ok(Some(Occupant::Live)),
        Ok(_) => Ok(Some(Occupant::NotASocket)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Locks the file beside the socket. `None`: a server holds it. What somebody else keeps under that name is not touched:
/// our lock files are empty.
fn lock(path: &Path) -> io::Result<Option<File>> {
    loop {
        match fs::symlink_metadata(path) {
            Ok(there) if !there.is_file() || there.len() > 0 => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // A server that ended in between has removed the file that we locked: then another may lock a new one.
        let (ours, there) = (file.metadata()?, fs::symlink_metadata(path));
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            return Ok(Some(file));
        }
    }
}

/// Whether a socket of whatever type is bound to the path, listening or not. It is asked as a datagram socket asks: to what is a
/// server of streams or packets that is another type, which the kernel says (EPROTOTYPE) without a client for it, and one of
/// datagrams is sent nothing. It may serve one client only, and that one is not us. Only a refusal says that nobody is there:
/// the server of somebody else answers EACCES.
fn answers(path: &Path) -> bool {
    let address = Endpoint::Unix(UnixAddr::path(path));
    let asked = Socket::<AnyDatagram>::new(Family::Unix).and_then(|socket| socket.connect(&address));
    !matches!(asked, Err(error) if matches!(error.errno(), Some(errno::ECONNREFUSED | errno::ENOENT)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use puerta::AnyStream;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("puerta-claim-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn by(result: Result<Claim, Problem>) -> Option<Occupant> {
        match result {
            Ok(_) => None,
            Err(Problem::PathTaken { by, .. }) => Some(by),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_dead_sockets_path_is_taken_over_and_left_clean() {
        let folder = folder("dead");
        let path = folder.join("s");
        drop(UnixListener::bind(&path).unwrap());
        let mut claim = Claim::take(&path).unwrap();
        assert!(claim.took_over() && !path.exists());
        let _listener = UnixListener::bind(&path).unwrap();
        claim.bound().unwrap();
        assert_eq!(by(Claim::take(&path)), Some(Occupant::Live));
        drop(claim);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_live_socket_is_never_touched_whatever_its_type() {
        let folder = folder("live");
        let (stream, datagram) = (folder.join("s"), folder.join("d"));
        let (_a, _b) = (UnixListener::bind(&stream).unwrap(), UnixDatagram::bind(&datagram).unwrap());
        for path in [stream, datagram] {
            let before = fs::symlink_metadata(&path).unwrap().ino();
            assert_eq!(by(Claim::take(&path)), Some(Occupant::Live));
            assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), before);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_live_socket_is_never_touched_however_its_path_is_written_and_is_not_asked_for_anything() {
        let folder = folder("spelt");
        fs::create_dir(folder.join("below")).unwrap();
        std::os::unix::fs::symlink(&folder, folder.join("link")).unwrap();
        let (stream, bound) = (folder.join("s"), folder.join("b"));
        let listener = UnixListener::bind(&stream).unwrap();
        listener.set_nonblocking(true).unwrap();
        // Bound, and not listening yet.
        let _bound = Socket::<AnyStream>::new(Family::Unix)
            .and_then(|socket| socket.bind(&Endpoint::Unix(UnixAddr::path(&bound))))
            .unwrap();
        for name in ["s", "b"] {
            for path in [folder.join(name), folder.join("below/..").join(name), folder.join("link").join(name)] {
                assert_eq!(by(Claim::take(&path)), Some(Occupant::Live), "{path:?}");
            }
        }
        assert!(stream.exists() && bound.exists());
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "a probe was its client");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_socket_stays_as_it_is() {
        let folder = folder("file");
        let path = folder.join("f");
        fs::write(&path, "precious").unwrap();
        assert_eq!(by(Claim::take(&path)), Some(Occupant::NotASocket));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_only_has_the_name_of_our_lock_stays_as_it_is() {
        let folder = folder("lock");
        let path = folder.join("s");
        let lock = folder.join("s.lock");
        fs::write(&lock, "precious").unwrap();
        assert_eq!(by(Claim::take(&path)), Some(Occupant::NotOurLock));
        assert_eq!(fs::read(&lock).unwrap(), b"precious");
        fs::remove_file(&lock).unwrap();
        std::os::unix::fs::symlink("elsewhere", &lock).unwrap();
        assert_eq!(by(Claim::take(&path)), Some(Occupant::NotOurLock));
        assert!(!folder.join("elsewhere").exists());
        fs::remove_file(&lock).unwrap();
        fs::write(&lock, "").unwrap();
        drop(Claim::take(&path).unwrap());
        assert!(!lock.exists(), "an empty one was left by a server that was killed");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_socket_that_another_put_there_is_not_unlinked() {
        let folder = folder("other");
        let path = folder.join("s");
        let mut claim = Claim::take(&path).unwrap();
        let first = UnixListener::bind(&path).unwrap();
        claim.bound().unwrap();
        fs::remove_file(&path).unwrap();
        let _second = UnixListener::bind(&path).unwrap();
        drop((claim, first));
        assert!(path.exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
