//! What this process may still do once all is open: landlock(7) and `no_new_privs` (PR_SET_NO_NEW_PRIVS(2const)).
//!
//! A fault in a parser then gives nobody the rest of the machine: files outside the folder are neither read nor changed, nothing is
//! executed, and no TCP connection leads from here.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, Scope,
};
use std::error::Error;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

/// The rights that are known here, and taken where the kernel knows them too.
const KNOWN: ABI = ABI::V9;

/// What stays allowed.
#[derive(Debug, Clone, Default)]
pub struct Allowed<'a> {
    /// The folder that is served: what lies below it is read. A descriptor made with `O_PATH` will do.
    pub root: Option<BorrowedFd<'a>>,
    /// Files, and folders with all that is below, that are read again later: keys, a certificate.
    pub read: Vec<PathBuf>,
    /// The access log, when it will be opened anew: files are made and written in its folder, since it will have been moved away.
    /// What is no regular file (`/dev/null`) is written itself, and its folder is left alone. See [`Allowed::keeps_log`].
    pub log: Option<PathBuf>,
    /// Unix sockets that are ours: at the end they are unlinked, with the lock files beside them, so files can be removed from
    /// their folders. See [`Allowed::keeps_socket`].
    pub sockets: Vec<PathBuf>,
    /// Folders with more in them than is to be left open: what is served, the user's home. A right for a folder holds for all that
    /// lies below, so none to make, write or remove files is given for one of these, nor for any above them.
    pub wide: Vec<PathBuf>,
}

impl Allowed<'_> {
    /// Whether the log is kept from being opened anew, since its folder is too wide. What is open is written all the same.
    pub fn keeps_log(&self) -> bool {
        self.log.as_deref().is_some_and(|log| is_regular(log) && self.is_wide(log))
    }

    /// Whether this socket is kept from being unlinked at the end, since its folder is too wide.
    pub fn keeps_socket(&self, socket: &Path) -> bool {
        self.is_wide(socket)
    }

    /// Whether the folder of a path is, or where a link leads that stands there; what cannot be found counts as such.
    fn is_wide(&self, path: &Path) -> bool {
        let wide: Vec<PathBuf> = self.wide.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        let is_wide = |folder: PathBuf| wide.iter().any(|wide| wide.starts_with(&folder));
        let led_to = path.canonicalize();
        led_to
            .iter()
            .map(PathBuf::as_path)
            .chain([path])
            .any(|path| folder_of(path).canonicalize().map_or(true, is_wide))
    }
}

/// What the kernel keeps us from. In each case, no program that could be started would gain privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// From files outside, and from TCP: ABI 4, Linux 6.7.
    Whole,
    /// From files outside alone.
    FilesAlone,
    /// From nothing: the kernel has no landlock, or it is switched off.
    Nothing,
}

/// Restricts the calling thread and all that it starts: call it before other threads are started. Never undone.
///
/// Reading below [`Allowed::root`] and [`Allowed::read`] stays, and what the log and the sockets need. All else that landlock knows is
/// refused with `EACCES`: other files, executing, connecting by TCP, binding any further port; and, from ABI 6 on, signals to processes that
/// were not started by us, and the abstract Unix sockets of others. Descriptors that are open stay what they are. What the kernel
/// does not know yet it does not refuse; landlock knows nothing of UDP.
///
/// # Errors
/// A path of the log, of a socket or of what is read again could not be opened, or the kernel refused the rules.
pub fn restrict(allowed: &Allowed<'_>) -> io::Result<Sandbox> {
    restricted(allowed).map_err(into_io)
}

fn restricted(allowed: &Allowed<'_>) -> Result<Sandbox, Box<dyn Error + Send + Sync>> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    if let Some(root) = allowed.root {
        rules = rules.add_rule(PathBeneath::new(root, read))?;
    }
    for path in &allowed.read {
        let what = if path.is_dir() { read } else { AccessFs::ReadFile.into() };
        rules = allow(rules, path, what)?;
    }
    if let Some(log) = allowed.log.as_ref().filter(|_| !allowed.keeps_log()) {
        if !is_regular(log) {
            rules = allow(rules, log, AccessFs::WriteFile.into())?;
        } else {
            // A link that stands there now is meant.
            let led_to = log.canonicalize();
            for log in led_to.iter().chain([log]) {
                rules = allow(rules, folder_of(log), AccessFs::WriteFile | AccessFs::MakeReg)?;
            }
        }
    }
    for socket in allowed.sockets.iter().filter(|socket| !allowed.keeps_socket(socket)) {
        rules = allow(rules, folder_of(socket), AccessFs::RemoveFile.into())?;
    }
    Ok(match rules.restrict_self()?.landlock {
        LandlockStatus::Available { effective_abi, .. } if effective_abi >= ABI::V4 => Sandbox::Whole,
        LandlockStatus::Available { .. } => Sandbox::FilesAlone,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => Sandbox::Nothing,
    })
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    what: BitFlags<AccessFs>,
) -> Result<RulesetCreated, Box<dyn Error + Send + Sync>> {
    Ok(rules.add_rule(PathBeneath::new(PathFd::new(path)?, what))?)
}

/// Or is not there yet.
fn is_regular(path: &Path) -> bool {
    !path.metadata().is_ok_and(|meta| !meta.is_file())
}

/// Where a path lies; of one without a folder, the current one.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// With the errno, where there is one below the crate's own errors.
fn into_io(error: Box<dyn Error + Send + Sync>) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        if let Some(number) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(number);
        }
        cause = error.source();
    }
    io::Error::other(error)
}
