//! A listing as data.

use super::{Count, End, Entry, Kind, Place, href, time};
use serde::Serialize;

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    kind: &'static str,
    size: Option<u64>,
    mtime: Option<String>,
    href: String,
}

pub(super) fn start(place: &Place, out: &mut Vec<u8>) {
    let mut path = String::from("/");
    for segment in &place.0 {
        path.push_str(&String::from_utf8_lossy(segment));
        path.push('/');
    }
    out.extend_from_slice(b"{\"path\":");
    write(&path, out);
}

pub(super) fn table(sorted: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(",\"sorted\":{sorted},\"entries\":[\n").as_bytes());
}

pub(super) fn row(entry: &Entry, before: Count, out: &mut Vec<u8>) {
    if before.entries() > 0 {
        out.extend_from_slice(b",\n");
    }
    let row = Row {
        name: &String::from_utf8_lossy(&entry.name),
        kind: if entry.kind == Kind::Folder { "folder" } else { "file" },
        size: (entry.kind == Kind::File).then_some(entry.size),
        mtime: entry.modified.and_then(time::rfc3339),
        href: href(entry),
    };
    write(&row, out);
}

pub(super) fn end(end: End, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\n],\"complete\":{}}}\n", end == End::Whole).as_bytes());
}

/// Text, numbers and null into memory: nothing of that can fail.
fn write(value: &impl Serialize, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok(), "{written:?}");
}
