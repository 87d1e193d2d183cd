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
    /// What is no regular file (`/dev/null`) is written itself, and its folder is left alone.
    pub log: Option<PathBuf>,
    /// Unix sockets that are ours: at the end they are unlinked, with the lock files beside them, so files can be removed from
    /// their folders.
    pub sockets: Vec<PathBuf>,
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
    if let Some(log) = &allowed.log {
        if log.metadata().is_ok_and(|meta| !meta.is_file()) {
            rules = allow(rules, log, AccessFs::WriteFile.into())?;
        } else {
            // A link that stands there now is meant.
            let led_to = log.canonicalize();
            for log in led_to.iter().chain([log]) {
                rules = allow(rules, folder_of(log), AccessFs::WriteFile | AccessFs::MakeReg)?;
            }
        }
    }
    for socket in &allowed.sockets {
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
