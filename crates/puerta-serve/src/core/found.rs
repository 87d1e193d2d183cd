//! What a store found.

use super::date::Date;
use super::encoding::Coding;
use super::etag::ETag;
use super::fields::Value;
use bytes::Bytes;

/// A store's answer to a [`super::plan::Lookup`]: what the first of its steps that fits led to.
#[derive(Debug)]
pub enum Found<F> {
    /// A regular file.
    File(File<F>),
    /// A folder; where the path has no slash at its end, the answer is a redirect to the one that has.
    Folder(Folder<F>),
    /// Nothing that may be served: not there, hidden, neither file nor folder, or led out. All look the same from outside.
    Missing,
    /// It is there and could not be had.
    Failed(Failure),
}

/// A file, open or in memory, in the coding that was chosen for the client.
#[derive(Debug, Clone)]
pub struct File<F> {
    /// The bytes.
    pub content: Content<F>,
    /// Their coding: the first of [`super::encoding::Accepted::codings`] that there is, else identity.
    pub coding: Coding,
    /// Whether another client might be sent another coding of it: then `Vary: Accept-Encoding`.
    pub varies: bool,
    /// The tag of these bytes: codings of one file have different ones ([`ETag::coded`]).
    pub etag: ETag,
    /// When the file was changed; of a precompressed neighbour too, the file's own. `None`: HTTP cannot write it.
    pub modified: Option<Date>,
    /// `Content-Type`, with the charset of text: of the file's name, not the neighbour's.
    pub media: Value,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub enum Content<F> {
    /// All of them in memory: a hot small file, or one that was compressed.
    Memory(Bytes),
    /// In an open file of that many bytes.
    Open {
        /// The store's handle.
        file: F,
        /// Bytes.
        size: u64,
    },
}

/// A folder, open.
#[derive(Debug, Clone)]
pub struct Folder<F> {
    /// The store's handle.
    pub folder: F,
}

/// Why something that is there could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// EACCES, EPERM: 403.
    Denied,
    /// EMFILE, ENFILE, ENOMEM, EAGAIN for too long: 503 with `Retry-After`.
    Busy,
    /// EIO and what else should not be: 500.
    Broken,
}

impl<F> Content<F> {
    /// Bytes in all.
    pub fn size(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::Open { size, .. } => *size,
        }
    }
}
