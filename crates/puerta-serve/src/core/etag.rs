//! Strong entity tags (RFC 9110 section 8.8.3): 128 bits of BLAKE3, in base64url, between quotes.
//!
//! Up to [`CONTENT_MAX`] a tag is of the content, so that a file which is touched, copied or served from a container whose
//! times are all the same keeps its tag as long as its bytes, and changes it with them. Above, it is of device, inode,
//! size, mtime and ctime in nanoseconds: reading a film to name it would cost more than sending it.

use super::encoding::Coding;
use data_encoding::BASE64URL_NOPAD;
use std::fmt;

/// Up to this many bytes (1 MiB) the tag is of the content, unless that is asked for whatever the size.
pub const CONTENT_MAX: u64 = 1 << 20;

/// How long a tag is, with its quotes.
const LEN: usize = 24;

/// A strong entity tag.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ETag([u8; LEN]);

/// What a tag of a large file is made of, as fstat(2) or statx(2) tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The device, major and minor in one number.
    pub device: u64,
    /// The inode.
    pub inode: u64,
    /// The size in bytes.
    pub size: u64,
    /// When the content changed: nanoseconds since 1970, negative before.
    pub mtime: i128,
    /// When the inode changed: nanoseconds since 1970, negative before.
    pub ctime: i128,
}

impl ETag {
    /// The tag of this content.
    pub fn of_content(content: &[u8]) -> Self {
        Self::write(blake3::hash(content).as_bytes())
    }

    /// The tag of content that was hashed piece by piece.
    pub fn of_hash(hash: &blake3::Hash) -> Self {
        Self::write(hash.as_bytes())
    }

    /// The tag of a file that is too large to be read for it.
    pub fn of_identity(identity: &Identity) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("puerta serve 1: entity tag of a file's identity");
        for number in [identity.device, identity.inode, identity.size] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(&identity.mtime.to_le_bytes());
        hasher.update(&identity.ctime.to_le_bytes());
        Self::write(hasher.finalize().as_bytes())
    }

    /// The tag of what this is in another coding: never the same, since the bytes differ (RFC 9110 section 8.8.3.3).
    #[must_use]
    pub fn coded(self, coding: Coding) -> Self {
        if coding == Coding::Identity {
            return self;
        }
        let mut hasher = blake3::Hasher::new_derive_key("puerta serve 1: entity tag of a coding");
        hasher.update(&self.0);
        hasher.update(coding.name().as_bytes());
        Self::write(hasher.finalize().as_bytes())
    }

    /// As it is sent, with its quotes.
    pub fn text(&self) -> &[u8; LEN] {
        &self.0
    }

    fn write(hash: &[u8; 32]) -> Self {
        let mut text = [b'"'; LEN];
        if let (Some(half), Some(room)) = (hash.get(..16), text.get_mut(1..LEN - 1)) {
            BASE64URL_NOPAD.encode_mut(half, room);
        }
        ETag(text)
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}
