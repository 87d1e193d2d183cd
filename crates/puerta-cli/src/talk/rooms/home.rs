//! Our own files: the key, the hubs that we know, the store, the outbox; and how we are called.

use super::trouble::Trouble;
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::host::short_name;
use puerta_talk::identity::{Book, Folder, Key, RunningHub, Runtime};
use puerta_talk::problem::Problem;
use puerta_talk::room::rooms::may_be_called;
use std::path::{Path, PathBuf};

/// The longest name, in bytes.
const NAME: u32 = 32;

/// What is ours.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) key: Key,
    pub(super) book: Book,
    pub(super) runtime: Runtime,
    data: PathBuf,
}

impl Home {
    /// Finds it by the environment, and makes what is missing.
    pub(super) fn open() -> Result<Home, Trouble> {
        let folder = Folder::own()?;
        let data = data()?;
        let runtime = Runtime::at(std::env::var_os("XDG_RUNTIME_DIR").as_deref(), &data);
        Ok(Home { key: Key::of(&folder)?, book: Book::of(&folder), runtime, data })
    }

    /// The hub's store, unless `--store` says otherwise.
    pub(super) fn store(&self, wished: Option<&Path>) -> PathBuf {
        wished.map_or_else(|| self.data.join("room.db"), Path::to_owned)
    }

    /// Our hubs that run on this machine.
    pub(super) fn running(&self) -> Vec<RunningHub> {
        let own = Fingerprint::of(self.key.device());
        self.runtime.hubs().into_iter().filter(|hub| hub.fingerprint == own).collect()
    }

    /// Where messages wait for their hub.
    pub(super) fn outbox(&self) -> PathBuf {
        self.data.join("outbox")
    }
}

/// `$XDG_DATA_HOME/puerta`, or `$HOME/.local/share/puerta`; a path that is not absolute does not count (XDG Base Directory
/// Specification 0.8).
pub(super) fn data() -> Result<PathBuf, Trouble> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    Ok(data.ok_or(Problem::NoHome)?.join("puerta"))
}

/// How we are called: as asked for, or as the user is.
pub(super) fn own_name(wished: Option<&str>) -> Result<String, Trouble> {
    if let Some(name) = wished {
        let fine = may_be_called(name, NAME);
        let why = "a name has up to 32 bytes, no white space and no comma, does not begin with # @ ~ / or -, and hides nothing";
        return if fine { Ok(name.to_owned()) } else { Err(Trouble::usage("this cannot be a name", why)) };
    }
    let user = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let fit = user.filter_map(|name| name_of(&name)).next();
    Ok(fit.unwrap_or_else(|| "somebody".to_owned()))
}

/// A login name as a name: what may not be in one is a hyphen, or left out in front.
fn name_of(user: &str) -> Option<String> {
    let parts = user.split(|c: char| c.is_whitespace() || c == ',').filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("-");
    let name = short_name(name.trim_start_matches(['#', '@', '~', '/', '-']));
    let name = name.trim_end_matches('-');
    may_be_called(name, NAME).then(|| name.to_owned())
}

/// How a hub of ours is called: by its machine, so that people know it again.
pub(super) fn hub_name(own: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let name = short_name(&if host.is_empty() { own.to_owned() } else { format!("{own}@{host}") });
    if may_be_called(&name, NAME) { name } else { own.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_login_name_with_spaces_is_a_name_too() {
        for (user, name) in [
            ("ana", Some("ana")),
            ("Ana María", Some("Ana-María")),
            ("  Pérez,  Ana ", Some("Pérez-Ana")),
            ("@ana", Some("ana")),
            (&"ñ".repeat(20), Some(&*"ñ".repeat(16))),
            ("a\u{1b}[2J", None),
            (" ", None),
        ] {
            assert_eq!(name_of(user).as_deref(), name, "{user:?}");
        }
    }
}
