//! One normal path from a request's target: what authorisation, hiding and opening all go by.

use std::borrow::Cow;

/// A path below the folder that is served: segments joined by `/`, without a slash at the start or the end, each percent-decoded once.
/// No segment is empty, `.` or `..`, and none has a `/`, a `\` or a NUL in it. The folder itself is the empty path.
///
/// Borrows the target where nothing had to be decoded. Bytes, not text: names of files are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SitePath<'a> {
    bytes: Cow<'a, [u8]>,
    /// Whether the target ended in a slash, which asks for a folder.
    folder: bool,
}

/// Why a target is no path here; the answer is 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPath {
    /// Neither `/path` nor `http://host/path`.
    Form,
    /// `%` without two hexadecimal digits behind it.
    Escape,
    /// A `/`, `\` or NUL within a segment, or a segment `.` or `..`, before or after decoding.
    Segment,
    /// A control character, a space or `#` that should have been escaped.
    Character,
}

impl<'a> SitePath<'a> {
    /// The folder that is served.
    pub const ROOT: SitePath<'static> = SitePath { bytes: Cow::Borrowed(b""), folder: true };

    /// The path: `docs/a b.html`; empty for the folder that is served.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the target ended in a slash.
    pub fn is_folder(&self) -> bool {
        self.folder
    }

    /// The segments, from the root down.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|&b| b == b'/').filter(|segment| !segment.is_empty())
    }

    /// Whether a segment begins with a dot.
    pub fn is_hidden(&self) -> bool {
        self.segments().any(|segment| segment.starts_with(b"."))
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> SitePath<'static> {
        SitePath { bytes: Cow::Owned(self.bytes.into_owned()), folder: self.folder }
    }
}
