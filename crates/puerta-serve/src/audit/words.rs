//! The words for what an audit finds.

use super::{Finding, Summary};
use crate::core::audit::Why;
use puerta_text::visible;
use std::fmt;

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Repository => "a repository, with all that was ever committed",
            Why::Secrets => "passwords or keys",
            Why::PrivateKey => "a private key",
            Why::KeyByName => "by its name a key, or a store of keys",
            Why::Database => "a database, or what was dumped of one",
            Why::Backup => "a copy that an editor or somebody has left",
            Why::History => "what was typed into a shell",
            Why::LeadsOut => "a link that leads out of the folder, or is absolute",
            Why::LeadsToHidden => "a link to something hidden, which it makes visible",
            Why::Special => "neither a file nor a folder",
            Why::Unreadable => "not readable for this user",
            Why::WorldWritable => "everybody on this machine can change it",
        })
    }
}

impl Why {
    /// One word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Why::Repository => "repository",
            Why::Secrets => "secrets",
            Why::PrivateKey => "private-key",
            Why::KeyByName => "key-by-name",
            Why::Database => "database",
            Why::Backup => "backup",
            Why::History => "history",
            Why::LeadsOut => "leads-out",
            Why::LeadsToHidden => "leads-to-hidden",
            Why::Special => "special",
            Why::Unreadable => "unreadable",
            Why::WorldWritable => "world-writable",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Why::Repository => "serve a folder that is built or exported from it",
            Why::Secrets | Why::History => "move it out of the folder",
            Why::PrivateKey | Why::KeyByName => "move it out of the folder; make a new key if it was served before",
            Why::Database | Why::Backup => "move it out of the folder, or delete it",
            Why::LeadsOut => "clients get 404: copy or bind-mount what it leads to, or remove the link",
            Why::LeadsToHidden => "remove the link, or give what it leads to a name without a dot",
            Why::Special => "clients get 404: remove it",
            Why::Unreadable => "clients get 403: chmod o+r (a folder: o+rx), or move it",
            Why::WorldWritable => "chmod o-w",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = String::from_utf8_lossy(&self.path);
        let served = match self.served {
            true => "",
            false if self.why.is_never_served() => " (not served)",
            false => " (hidden, not served)",
        };
        write!(f, "{}: {}{served}; {}", visible(&path), self.why, self.why.remedy())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            0 => write!(f, "{} looked at, nothing found", count(self.entries, "entry", "entries"))?,
            found => {
                let entries = count(self.entries, "entry", "entries");
                write!(f, "{entries} looked at, {found} found, {} of them served", self.served)?;
            }
        }
        if self.untold > 0 {
            write!(f, "; {} like those above are not named", self.untold)?;
        }
        if self.cut {
            f.write_str("; it took too long, so that not all was seen")?;
        }
        Ok(())
    }
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
