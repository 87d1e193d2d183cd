//! Several ranges of one file: `multipart/byteranges` (RFC 9110 section 14.6), its length known before.

use super::slice;
use crate::core::etag::ETag;
use crate::core::fields::Value;
use crate::core::found::Content;
use crate::core::range::Range;
use crate::core::response::{Body, Part, Parts};
use bytes::Bytes;

const MEDIA: &str = "multipart/byteranges; boundary=";

/// The type of the whole.
pub(super) fn media(etag: &ETag) -> Value {
    Value::of(format!("{MEDIA}{}", boundary(etag)).as_bytes())
}

/// Whether it is that.
pub(super) fn is_media(value: &[u8]) -> bool {
    value.starts_with(MEDIA.as_bytes())
}

/// The body and its length. From memory it is one piece: there are never more bytes in the parts than in the file.
pub(super) fn body<F>(content: Content<F>, ranges: &[Range], etag: &ETag, media: &Value) -> (u64, Body<F>) {
    let (size, boundary, media) = (content.size(), boundary(etag), String::from_utf8_lossy(media.as_bytes()));
    let mut before = "";
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        let place = range.content_range(size);
        let head = format!("{before}--{boundary}\r\nContent-Type: {media}\r\nContent-Range: {place}\r\n\r\n");
        parts.push(Part { head: head.into(), from: range.from, length: range.length });
        before = "\r\n";
    }
    let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let lengths = parts.iter().map(|part| part.length.saturating_add(part.head.len() as u64));
    let length = lengths.fold(end.len() as u64, u64::saturating_add);
    let body = match content {
        Content::Open { file, .. } => Body::Parts(Box::new(Parts { file, parts, end })),
        Content::Memory(bytes) => {
            let mut all = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            for Part { head, from, length } in parts {
                all.extend_from_slice(&head);
                all.extend_from_slice(&slice(&bytes, Range { from, length }));
            }
            all.extend_from_slice(&end);
            Body::Bytes(all.into())
        }
    };
    (length, body)
}

/// The tag without its quotes. No content can have it in it: it is a hash of the content, or of times that nobody sets.
fn boundary(etag: &ETag) -> String {
    format!("puerta-{}", String::from_utf8_lossy(etag.text()).trim_matches('"'))
}
