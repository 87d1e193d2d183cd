//! The fields of a response: ordered, and without an allocation for what is static or short.

use super::date::Date;
use super::etag::ETag;
use bytes::Bytes;
use std::fmt;

/// How long a value may be to lie in the field itself: a date, a tag, a small number.
const SHORT: usize = 38;

/// The fields of a response, in the order in which they are sent.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(Name, Value)>);

/// A field's name, in the case in which HTTP/1 sends it. Equal whatever the case.
#[derive(Clone)]
pub enum Name {
    /// A name that the program knows.
    Static(&'static str),
    /// A name that was given when the program started (`--header`).
    Given(Bytes),
}

/// A field's value: no CR, LF or NUL, no white space at either end.
#[derive(Clone)]
pub enum Value {
    /// A value that the program knows.
    Static(&'static str),
    /// A value up to 38 bytes.
    Short(Short),
    /// Any other.
    Shared(Bytes),
}

/// Bytes that lie where they are held.
#[derive(Clone, Copy)]
pub struct Short {
    len: u8,
    bytes: [u8; SHORT],
}

/// Text that cannot be a field's name or value (RFC 9110 section 5.1, 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadField;

impl Fields {
    /// No fields, with room for what most responses have.
    pub fn new() -> Self {
        Fields(Vec::with_capacity(12))
    }

    /// Adds a field behind the others.
    pub fn push(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        self.0.push((name.into(), value.into()));
    }

    /// Takes all fields of that name away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| !other.as_str().eq_ignore_ascii_case(name));
    }

    /// Adds a field in place of all of that name.
    pub fn set(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        let name = name.into();
        self.remove(name.as_str());
        self.push(name, value);
    }

    /// The first value of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Writes them as lines of HTTP/1: `Name: value`, each with CR LF.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Name and value of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }
}

impl Name {
    /// A name from outside.
    ///
    /// # Errors
    /// What is no token (RFC 9110 section 5.6.2).
    pub fn given(name: &str) -> Result<Self, BadField> {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(BadField);
        }
        Ok(Name::Given(Bytes::copy_from_slice(name.as_bytes())))
    }

    /// The name as it is sent over HTTP/1.
    pub fn as_str(&self) -> &str {
        match self {
            Name::Static(name) => name,
            Name::Given(name) => std::str::from_utf8(name).unwrap_or_default(),
        }
    }
}

impl Value {
    /// A value from outside; white space around it is cut off.
    ///
    /// # Errors
    /// CR, LF, NUL and other control characters but the tab.
    pub fn given(value: &str) -> Result<Self, BadField> {
        let value = value.trim_matches([' ', '\t']);
        if value.bytes().any(|b| b != b'\t' && b.is_ascii_control()) {
            return Err(BadField);
        }
        Ok(Self::of(value.as_bytes()))
    }

    /// The value as it is sent.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Value::Static(text) => text.as_bytes(),
            Value::Short(short) => short.bytes.get(..usize::from(short.len)).unwrap_or_default(),
            Value::Shared(bytes) => bytes,
        }
    }

    /// Copies a value that is known to be one.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut short = Short { len: 0, bytes: [0; SHORT] };
        match (short.bytes.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(room), Ok(len)) => {
                room.copy_from_slice(bytes);
                short.len = len;
                Value::Short(short)
            }
            _ => Value::Shared(Bytes::copy_from_slice(bytes)),
        }
    }
}

impl From<&'static str> for Name {
    fn from(name: &'static str) -> Self {
        Name::Static(name)
    }
}

impl From<&'static str> for Value {
    fn from(value: &'static str) -> Self {
        Value::Static(value)
    }
}

impl From<&ETag> for Value {
    fn from(tag: &ETag) -> Self {
        Value::of(tag.text())
    }
}

impl From<&Date> for Value {
    fn from(date: &Date) -> Self {
        Value::of(date.text())
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for Name {}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Value {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}
