//! What type a file is of, until the table of the core is there.

use crate::core::fields::Value;

/// `Content-Type`, and whether compression makes it smaller.
pub(super) fn of(name: &[u8], _content: Option<&[u8]>) -> (Value, bool) {
    let extension = name.rsplit(|b| *b == b'.').next().unwrap_or_default();
    match extension {
        b"html" | b"htm" => (Value::Static("text/html; charset=utf-8"), true),
        b"css" => (Value::Static("text/css; charset=utf-8"), true),
        b"js" => (Value::Static("text/javascript; charset=utf-8"), true),
        b"txt" => (Value::Static("text/plain; charset=utf-8"), true),
        _ => (Value::Static("application/octet-stream"), false),
    }
}
