//! One normal path from a request's target: what authorisation, hiding and opening all go by.

use std::borrow::Cow;

/// A path below the folder that is served: segments joined by `/`, without a slash at the start or the end, each
/// percent-decoded once. No segment is empty, `.` or `..`, and none has a `/`, a `\` or a NUL in it. The folder itself is the
/// empty path.
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
    /// It does not begin with a slash.
    Form,
    /// `%` without two hexadecimal digits behind it.
    Escape,
    /// A `/`, `\` or NUL within a segment, or a segment `.` or `..`, before or after decoding.
    Segment,
    /// A control character, a space, `?` or `#` that should have been escaped.
    Character,
}

impl<'a> SitePath<'a> {
    /// The folder that is served.
    pub const ROOT: SitePath<'static> = SitePath { bytes: Cow::Borrowed(b""), folder: true };

    /// The path of a target, without its query: RFC 9110 section 4.2.3 and RFC 3986 section 3.3. Slashes that follow each
    /// other count as one, so that no redirect leads to another host.
    ///
    /// Bytes above 0x7F pass as they are, since people type them; so do control characters that were escaped, since a file's
    /// name may have them.
    ///
    /// # Errors
    /// What [`BadPath`] lists.
    pub fn read(path: &'a [u8]) -> Result<Self, BadPath> {
        let rest = path.strip_prefix(b"/").ok_or(BadPath::Form)?;
        if path.iter().any(|&b| matches!(b, 0..=b' ' | 0x7f | b'#' | b'?')) {
            return Err(BadPath::Character);
        }
        let folder = path.ends_with(b"/");
        let trimmed = trim_slashes(rest);
        if !trimmed.contains(&b'%') && !trimmed.windows(2).any(|pair| pair == b"//") {
            trimmed.split(|&b| b == b'/').try_for_each(check)?;
            return Ok(SitePath { bytes: Cow::Borrowed(trimmed), folder });
        }
        let mut bytes = Vec::with_capacity(trimmed.len());
        for segment in trimmed.split(|&b| b == b'/').filter(|segment| !segment.is_empty()) {
            if !bytes.is_empty() {
                bytes.push(b'/');
            }
            let start = bytes.len();
            decode(segment, &mut bytes)?;
            check(bytes.get(start..).unwrap_or_default())?;
        }
        Ok(SitePath { bytes: Cow::Owned(bytes), folder })
    }

    /// A path that is given on the command line, below the folder that is served: `errors/404.html`. Nothing is decoded.
    ///
    /// # Errors
    /// [`BadPath::Segment`], for an empty segment too.
    pub fn given(path: &'a str) -> Result<Self, BadPath> {
        let bytes = path.as_bytes();
        let trimmed = trim_slashes(bytes);
        for segment in trimmed.split(|&b| b == b'/').filter(|_| !trimmed.is_empty()) {
            check(segment)?;
            if segment.is_empty() {
                return Err(BadPath::Segment);
            }
        }
        Ok(SitePath { bytes: Cow::Borrowed(trimmed), folder: trimmed.is_empty() || bytes.ends_with(b"/") })
    }

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

    /// The target of this path as a folder, with that query: `/docs/?page=2`. ASCII without controls and spaces, begins with
    /// exactly one slash, and reads back as the same path.
    pub fn folder_target(&self, query: Option<&[u8]>) -> Vec<u8> {
        self.target_as(true, query)
    }

    /// The same from where its name stands: `./docs/?page=2` from `/docs`. It leads there behind a proxy with a prefix, too.
    pub fn folder_beside(&self, query: Option<&[u8]>) -> Vec<u8> {
        let last = self.segments().last().unwrap_or_default();
        let alone = SitePath { bytes: Cow::Borrowed(last), folder: true };
        let mut target = vec![b'.'];
        target.extend(alone.folder_target(query));
        target
    }

    /// The same as what it was asked for as: with a slash at its end only if that had one.
    pub fn target(&self, query: Option<&[u8]>) -> Vec<u8> {
        self.target_as(self.folder, query)
    }

    fn target_as(&self, folder: bool, query: Option<&[u8]>) -> Vec<u8> {
        let mut target = Vec::with_capacity(self.bytes.len() + 2 + query.map_or(0, |query| query.len() + 1));
        target.push(b'/');
        for segment in self.segments() {
            escape(segment, &mut target, |b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b));
            target.push(b'/');
        }
        if !folder && target.len() > 1 {
            target.pop();
        }
        if let Some(query) = query {
            target.push(b'?');
            escape(query, &mut target, |b| b.is_ascii_graphic() && b != b'#');
        }
        target
    }
}

fn trim_slashes(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] | [rest @ .., b'/'] = path {
        path = rest;
    }
    path
}

fn check(segment: &[u8]) -> Result<(), BadPath> {
    let bad = segment == b"." || segment == b".." || segment.iter().any(|b| matches!(b, b'/' | b'\\' | 0));
    if bad { Err(BadPath::Segment) } else { Ok(()) }
}

/// Once: what decodes to a `%` stays one.
fn decode(segment: &[u8], out: &mut Vec<u8>) -> Result<(), BadPath> {
    let mut bytes = segment.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit =
            || bytes.next().and_then(|&b| char::from(b).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit().ok_or(BadPath::Escape)?, digit().ok_or(BadPath::Escape)?);
        out.push(high << 4 | low);
    }
    Ok(())
}

fn escape(bytes: &[u8], out: &mut Vec<u8>, plain: impl Fn(u8) -> bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if plain(byte) {
            out.push(byte);
        } else {
            out.push(b'%');
            out.extend([byte >> 4, byte & 15].iter().filter_map(|&digit| DIGITS.get(usize::from(digit))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn read(path: &str) -> Result<(String, bool), BadPath> {
        SitePath::read(path.as_bytes()).map(|p| (String::from_utf8_lossy(p.as_bytes()).into_owned(), p.is_folder()))
    }

    #[test]
    fn a_path_has_one_normal_form() {
        for (path, normal, folder) in [
            ("/", "", true),
            ("//", "", true),
            ("/a", "a", false),
            ("/a/", "a", true),
            ("//evil.example/", "evil.example", true),
            ("///evil.example", "evil.example", false),
            ("/a//b///c//", "a/b/c", true),
            ("/%61/%62", "a/b", false),
            ("/a%20b", "a b", false),
            ("/a+b", "a+b", false),
            ("/%2561", "%61", false),
            ("/%252e%252e/x", "%2e%2e/x", false),
            ("/a..b/...", "a..b/...", false),
            ("/.hidden", ".hidden", false),
            ("/%2ehidden", ".hidden", false),
            ("/a;b=1/c", "a;b=1/c", false),
            ("/%C3%B1", "ñ", false),
            ("/ñ", "ñ", false),
            ("/a%0d%0ab", "a\r\nb", false),
            ("/a%3Fb%23c", "a?b#c", false),
        ] {
            assert_eq!(read(path), Ok((normal.to_owned(), folder)), "{path}");
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for (path, why) in [
            ("", BadPath::Form),
            ("a", BadPath::Form),
            ("*", BadPath::Form),
            ("http://a/b", BadPath::Form),
            ("/..", BadPath::Segment),
            ("/../etc/passwd", BadPath::Segment),
            ("/a/../b", BadPath::Segment),
            ("/a/..", BadPath::Segment),
            ("/.", BadPath::Segment),
            ("/./a", BadPath::Segment),
            ("/%2e", BadPath::Segment),
            ("/%2e%2e/a", BadPath::Segment),
            ("/.%2E/a", BadPath::Segment),
            ("/%2e./a", BadPath::Segment),
            ("/a%2fb", BadPath::Segment),
            ("/a%2Fb", BadPath::Segment),
            ("/..%2fetc", BadPath::Segment),
            ("/%2f", BadPath::Segment),
            ("/a%5cb", BadPath::Segment),
            ("/a\\b", BadPath::Segment),
            ("/..\\x", BadPath::Segment),
            ("/a%00", BadPath::Segment),
            ("/%00/a", BadPath::Segment),
            ("/%", BadPath::Escape),
            ("/%4", BadPath::Escape),
            ("/%4/", BadPath::Escape),
            ("/%zz", BadPath::Escape),
            ("/%u002e", BadPath::Escape),
            ("/%+1", BadPath::Escape),
            ("/a b", BadPath::Character),
            ("/a\tb", BadPath::Character),
            ("/a\0b", BadPath::Character),
            ("/a\r\nb", BadPath::Character),
            ("/a\x7f", BadPath::Character),
            ("/a#b", BadPath::Character),
            ("/a?b", BadPath::Character),
        ] {
            assert_eq!(read(path), Err(why), "{path}");
        }
    }

    #[test]
    fn a_path_that_needs_no_decoding_is_borrowed() {
        assert!(matches!(SitePath::read(b"/docs/index.html").unwrap().bytes, Cow::Borrowed(_)));
    }

    #[test]
    fn a_segment_with_a_dot_in_front_is_hidden_at_any_depth() {
        for (path, hidden) in
            [("/.git/config", true), ("/a/.b/c", true), ("/a/%2eb", true), ("/a.b/c.", false), ("/", false)]
        {
            assert_eq!(SitePath::read(path.as_bytes()).unwrap().is_hidden(), hidden, "{path}");
        }
    }

    #[test]
    fn a_given_path_is_taken_as_it_is() {
        assert_eq!(SitePath::given("errors/404.html").unwrap().as_bytes(), b"errors/404.html");
        assert_eq!(SitePath::given("/a%20b/").unwrap().as_bytes(), b"a%20b");
        assert!(SitePath::given("").unwrap().is_folder());
        for bad in ["..", "a/../b", "a//b", "a\\b", "a\0"] {
            assert_eq!(SitePath::given(bad), Err(BadPath::Segment), "{bad}");
        }
    }

    fn name() -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>().prop_filter("no part of a name", |b| !matches!(b, 0 | b'/' | b'\\')), 1..8)
            .prop_filter("no name", |name| name != b"." && name != b"..")
    }

    proptest! {
        #[test]
        fn whatever_comes_is_refused_or_normal(path in "[/.%2eEfF5cC0a\\\\-]{0,24}|.{0,16}") {
            if let Ok(read) = SitePath::read(path.as_bytes()) {
                let bytes = read.as_bytes();
                prop_assert!(!bytes.starts_with(b"/") && !bytes.ends_with(b"/") && !bytes.contains(&0) && !bytes.contains(&b'\\'));
                prop_assert!(bytes.is_empty() || bytes.split(|&b| b == b'/').all(|s| !s.is_empty() && s != b"." && s != b".."));
                let target = read.folder_target(None);
                prop_assert!(target.starts_with(b"/") && !target.starts_with(b"//"));
                let again = SitePath::read(&target).unwrap();
                prop_assert_eq!(again.as_bytes(), bytes);
                prop_assert!(again.is_folder());
            }
        }

        #[test]
        fn each_name_of_a_file_can_be_asked_for(names in vec((name(), 1..3usize), 0..4), all in any::<bool>(), query in vec(any::<u8>(), 0..9)) {
            let mut target = Vec::new();
            for (name, slashes) in &names {
                target.extend(std::iter::repeat_n(b'/', *slashes));
                escape(name, &mut target, |b| !all && b.is_ascii_alphanumeric());
            }
            if target.is_empty() {
                target.push(b'/');
            }
            let read = SitePath::read(&target).unwrap();
            let joined = names.iter().map(|(name, _)| name.as_slice()).collect::<Vec<_>>().join(&b'/');
            prop_assert_eq!(read.as_bytes(), joined);
            prop_assert!(read.folder_target(Some(&query)).iter().all(u8::is_ascii_graphic));
        }
    }
}
