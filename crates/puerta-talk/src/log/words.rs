//! The words for what is wrong with a file of ours.

use super::problem::{Problem, What};
use puerta::errno;
use puerta_text::visible;
use std::fmt;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.to_string_lossy();
        let path = visible(&path);
        match &self.what {
            What::Loose { mode, .. } => write!(f, "{path}: others may read or change it (mode {mode:04o})"),
            What::Foreign => write!(f, "{path}: it belongs to another user: not used"),
            What::Running { hub: Some(hub) } => write!(f, "{path}: the hub at {} uses it", visible(hub)),
            What::Running { hub: None } => write!(f, "{path}: another puerta uses it"),
            What::Held => write!(f, "{path}: another program holds it, so its content could not be made safe"),
            What::NotOurs => write!(f, "{path}: this is no file of puerta talk, so it stays untouched"),
            What::Newer { version } => write!(f, "{path}: a later version of puerta made it (tables {version})"),
            What::Older { version } => write!(f, "{path}: an earlier version of puerta made it (tables {version})"),
            What::Damaged { why } => write!(f, "{path}: damaged: {}", visible(why)),
            What::Missing => write!(f, "{path}: there is no such file"),
            What::NoSuchRoom { room } => write!(f, "{path}: there is no room #{} in it", visible(room)),
            What::Failed { doing, why, .. } => write!(f, "{doing} {path}: {why}"),
        }
    }
}

impl Problem {
    /// What to do about it, in a line.
    pub fn hint(&self) -> String {
        let path = quoted(&self.path.to_string_lossy());
        match &self.what {
            What::Loose { wanted, .. } => format!("chmod {wanted:o} {path}"),
            What::Foreign => "choose a file in a folder of your own with --store".to_owned(),
            What::Running { hub: Some(hub) } => format!("join it: puerta talk {}", visible(hub)),
            What::Running { hub: None } => "end that one, or choose another file with --store".to_owned(),
            What::Held => "end the other program (a sqlite3 shell, a backup), and try again".to_owned(),
            What::NotOurs => "choose another file with --store".to_owned(),
            What::Newer { .. } => "update puerta, or choose another file with --store".to_owned(),
            What::Older { .. } => {
                format!("bring it up to date by starting a hub on it: puerta talk --host --store {path}")
            }
            What::Damaged { .. } => {
                format!("put a backup in its place, or save what can be read: sqlite3 {path} .recover")
            }
            What::Missing => "give the file of a hub with --store".to_owned(),
            What::NoSuchRoom { .. } => "puerta talk rooms lists those that there are".to_owned(),
            What::Failed { errno: Some(errno::ENOSPC), .. } => "the disk is full: make room and start again".to_owned(),
            What::Failed { .. } => "check that the folder exists, and that you may write in it".to_owned(),
        }
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        return path.to_owned();
    }
    visible(&format!("'{}'", path.replace('\'', r"'\''"))).to_string()
}
