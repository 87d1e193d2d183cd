//! What can be wrong with a file of ours, as a value; its words stand in `words`.

use std::path::PathBuf;

/// Why a store or an outbox cannot be used. The file was not touched.
#[derive(Debug)]
pub struct Problem {
    /// Which file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: What,
}

/// What is wrong with a file.
#[derive(Debug)]
pub enum What {
    /// Others may read or change it.
    Loose {
        /// Its permissions: chmod(1).
        mode: u32,
        /// Those that it should have.
        wanted: u32,
    },
    /// It belongs to another user.
    Foreign,
    /// A hub uses it.
    Running {
        /// Where that hub is, if it has said so.
        hub: Option<String>,
    },
    /// Another program holds it, so that it could not be made sure.
    Held,
    /// It is no SQLite file, or none of puerta's.
    NotOurs,
    /// A later puerta made it.
    Newer {
        /// The version of its tables.
        version: u32,
    },
    /// An earlier puerta made it. A hub brings it up to date when it starts; who only reads does not.
    Older {
        /// The version of its tables.
        version: u32,
    },
    /// Its content is damaged.
    Damaged {
        /// What SQLite says.
        why: String,
    },
    /// There is none.
    Missing,
    /// There is no room of this name in it.
    NoSuchRoom {
        /// Which.
        room: String,
    },
    /// A call on it failed.
    Failed {
        /// Which: a verb.
        doing: &'static str,
        /// Why, with SQLite's code and the errno.
        why: String,
        /// The errno, if the system gave one.
        errno: Option<i32>,
    },
}

impl Problem {
    /// The exit status: the table of all commands.
    pub fn status(&self) -> u8 {
        match self.what {
            What::NoSuchRoom { .. } => 2,
            _ => 8,
        }
    }
}
