//! The forms of a request target (RFC 9112 section 3.2).

use super::path::BadPath;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// `*`: the server as a whole.
    Server,
    /// A path, as it came.
    Path {
        /// From the first slash to the query; `/` where an absolute target has none.
        path: &'a [u8],
        /// What stands behind the first `?`.
        query: Option<&'a [u8]>,
        /// Host and port of an absolute target; they stand in place of `Host`.
        authority: Option<&'a [u8]>,
    },
}

impl<'a> Target<'a> {
    /// The form of a target: `/path?query`, `http://host/path?query`, `*`. No fragment, no control characters, no spaces.
    /// The path itself is not looked at.
    ///
    /// # Errors
    /// [`BadPath::Form`], [`BadPath::Character`].
    pub fn read(target: &'a [u8]) -> Result<Self, BadPath> {
        if target.iter().any(|&b| matches!(b, 0..=b' ' | 0x7f | b'#')) {
            return Err(BadPath::Character);
        }
        match target {
            b"*" => Ok(Target::Server),
            [b'/', ..] => Ok(local(target, None)),
            _ => {
                let rest = strip(target, b"http://").or_else(|| strip(target, b"https://")).ok_or(BadPath::Form)?;
                let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at_checked(end).ok_or(BadPath::Form)?;
                // RFC 9110 section 4.2.1: no empty host; 4.2.4: no user information.
                let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%:[]".contains(b);
                if authority.is_empty() || authority.starts_with(b":") || !authority.iter().all(plain) {
                    return Err(BadPath::Form);
                }
                Ok(local(rest, Some(authority)))
            }
        }
    }
}

fn local<'a>(rest: &'a [u8], authority: Option<&'a [u8]>) -> Target<'a> {
    let (path, query) = match rest.iter().position(|&b| b == b'?') {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
        None => (rest, None),
    };
    Target::Path { path: if path.is_empty() { b"/" } else { path }, query, authority }
}

/// RFC 9110 section 4.2.3: the scheme in any case.
fn strip<'a>(target: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = target.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_of_three_forms() {
        for (target, path, query, authority) in [
            ("/", "/", None, None),
            ("/a?b", "/a", Some("b"), None),
            ("/a?", "/a", Some(""), None),
            ("/a?b?c", "/a", Some("b?c"), None),
            ("/http://a/b", "/http://a/b", None, None),
            ("//a/b", "//a/b", None, None),
            ("http://a", "/", None, Some("a")),
            ("http://a/", "/", None, Some("a")),
            ("HTTPS://a:443/b?c", "/b", Some("c"), Some("a:443")),
            ("http://a?c", "/", Some("c"), Some("a")),
            ("http://[::1]:80/b", "/b", None, Some("[::1]:80")),
            ("http://a//b", "//b", None, Some("a")),
        ] {
            let read = Target::read(target.as_bytes()).unwrap();
            let bytes = str::as_bytes;
            let expected = Target::Path { path: bytes(path), query: query.map(bytes), authority: authority.map(bytes) };
            assert_eq!(read, expected, "{target}");
        }
        assert_eq!(Target::read(b"*"), Ok(Target::Server));
    }

    #[test]
    fn any_other_form_is_refused() {
        for target in [
            "",
            "a",
            "a:80",
            "a/b",
            "**",
            "*/",
            "ftp://a/",
            "file:///etc/passwd",
            "http:/a",
            "http:a",
            "http://",
            "http:///a",
            "http://u@a/",
            "http://u:p@a/",
            "http://:80/",
            "http://a\\b/",
            "?a",
            "\\a",
            "javascript:alert(1)",
            "http://ñ/",
        ] {
            assert_eq!(Target::read(target.as_bytes()), Err(BadPath::Form), "{target}");
        }
        for target in ["/a#b", "/a?b#c", "/a b", "/a?b c", "/a\t", "/\u{1}", "/\u{7f}", "/a?\r\n"] {
            assert_eq!(Target::read(target.as_bytes()), Err(BadPath::Character), "{target}");
        }
    }
}
