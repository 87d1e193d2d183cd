//! What was tried to find a file, and what each look found: told to who asks for it.

use super::stat::{Kind, Stat};
use crate::core::encoding::Coding;
use crate::core::plan::Fits;
use crate::problem::Refusal;

/// One look, or a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// There is a file.
    File {
        /// Where, below the folder.
        path: Box<[u8]>,
        /// Bytes.
        size: u64,
        /// Whether a file is what was looked for.
        fits: bool,
    },
    /// There is a folder.
    Folder {
        /// Where, below the folder.
        path: Box<[u8]>,
        /// Whether a folder is what was looked for.
        fits: bool,
    },
    /// It was not had.
    Refused {
        /// Where, below the folder.
        path: Box<[u8]>,
        /// Why.
        why: Refusal,
    },
    /// A precompressed neighbour was looked for.
    Neighbour {
        /// Where, below the folder.
        path: Box<[u8]>,
        /// Its coding.
        coding: Coding,
        /// What was found.
        seen: Neighbour,
    },
    /// The file is sent in this coding, which the client takes.
    Coded {
        /// Which.
        coding: Coding,
        /// How it came about.
        made: Made,
    },
    /// The client would take this coding, and it is not made on the fly.
    NotMade {
        /// Which.
        coding: Coding,
        /// Why.
        why: NotMade,
    },
}

/// A precompressed neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    /// It is there.
    There,
    /// It is older than the file, so it is of what that was.
    Older,
    /// It is a folder.
    Folder,
    /// It is not there, or may not be had.
    Refused(Refusal),
}

/// How a file came to be in a coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// A neighbour was there.
    Before,
    /// It was compressed for who asks.
    OnTheFly,
}

/// Why a file is not compressed on the fly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotMade {
    /// Compression does not make its type smaller.
    Incompressible,
    /// It has less than [`super::compress::FROM`] bytes.
    Small,
    /// It has more than [`super::compress::UP_TO`] bytes.
    Large,
    /// There is no room in the cache for it.
    NotKept,
    /// It would hardly be smaller.
    NotSmaller,
    /// Somebody is about to.
    UnderWay,
}

impl Tried {
    pub(super) fn seen(path: &[u8], fits: Fits, seen: &Stat) -> Self {
        let path = path.into();
        match seen.kind {
            Kind::Folder => Tried::Folder { path, fits: fits != Fits::File },
            _ => Tried::File { path, size: seen.identity.size, fits: fits != Fits::Folder },
        }
    }

    pub(super) fn refused(path: &[u8], why: Refusal) -> Self {
        Tried::Refused { path: path.into(), why }
    }
}
