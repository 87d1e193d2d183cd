//! Basic authentication (RFC 7617): name and password as a client sends them.

use crate::core::head::Head;
use data_encoding::BASE64;
use std::fmt;

/// A name and a password that somebody sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `user:password`.
    text: Vec<u8>,
    colon: usize,
}

impl Credentials {
    /// Those of the field `Authorization`. `None` where it is not there, came twice, has another scheme, or is malformed: no
    /// base64, no colon, or a control character in it (RFC 7617 section 2).
    pub fn read(head: &Head<'_>) -> Option<Self> {
        let value = head.only("Authorization")?;
        let (scheme, rest) = value.split_at_checked(5)?;
        let encoded = rest.strip_prefix(b" ")?.trim_ascii();
        if !scheme.eq_ignore_ascii_case(b"Basic") {
            return None;
        }
        Self::of(BASE64.decode(encoded).ok()?)
    }

    fn of(text: Vec<u8>) -> Option<Self> {
        let colon = text.iter().position(|&b| b == b':')?;
        (!text.iter().any(u8::is_ascii_control)).then_some(Credentials { text, colon })
    }

    /// The name.
    pub fn user(&self) -> &[u8] {
        self.text.get(..self.colon).unwrap_or_default()
    }

    /// The password.
    pub fn password(&self) -> &[u8] {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }

    /// Both, as they were sent: the name has no colon in it, so that no two differ in one of them and are the same here.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

/// Not a byte of it.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::head::{Field, Method, Version};

    fn read(values: &[&str]) -> Option<(String, String)> {
        let fields: Vec<_> =
            values.iter().map(|value| Field { name: "authorization", value: value.as_bytes() }).collect();
        let head = Head { method: Method::Get, target: b"/", version: Version::Http11, fields: &fields };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Credentials::read(&head).map(|shown| (text(shown.user()), text(shown.password())))
    }

    #[test]
    fn name_and_password_are_read_as_rfc_7617_has_them() {
        let both = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        // The example of section 2, and that of 2.1.
        assert_eq!(read(&["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]), both("Aladdin", "open sesame"));
        assert_eq!(read(&["Basic dGVzdDoxMjPCow=="]), both("test", "123£"));
        assert_eq!(read(&["bAsIc   QWxhZGRpbjpvcGVuIHNlc2FtZQ== "]), both("Aladdin", "open sesame"));
        assert_eq!(read(&[&format!("Basic {}", BASE64.encode(b"ana:a:b"))]), both("ana", "a:b"));
        assert_eq!(read(&["Basic Og=="]), both("", ""));
    }

    #[test]
    fn anything_else_shows_nothing() {
        for value in [
            "",
            "Basic",
            "Basic ",
            "BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== x",
            "Basic !!!!",
            "Basic YW5h",
            "Basic YW5hOmEKYg==",
        ] {
            assert_eq!(read(&[value]), None, "{value}");
        }
        assert_eq!(read(&["Basic Og==", "Basic Og=="]), None);
        let shown = Credentials::of(b"ana:geheim".to_vec()).unwrap();
        assert!(!format!("{shown:?}").contains("geheim"));
    }
}
