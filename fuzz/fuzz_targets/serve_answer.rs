//! Any bytes are no head yet, a refused one, or one whose answer is sound: a body as long as its length says, the very
//! bytes of the file, and no line that the answer did not mean.
#![no_main]

use puerta_serve::core::date::Date;
use puerta_serve::core::encoding::Coding;
use puerta_serve::core::etag::ETag;
use puerta_serve::core::found::{Content, File, Folder, Found};
use puerta_serve::core::head::Method;
use puerta_serve::core::path::SitePath;
use puerta_serve::core::plan::{Plan, plan};
use puerta_serve::core::respond::{answer, refuse, respond};
use puerta_serve::core::response::{Body, Response, Status};
use puerta_serve::core::site::{Cors, Site};
use puerta_serve::http1::head::{Limits, Room, read};
use std::time::{Duration, UNIX_EPOCH};

const FILE: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    let site = Site {
        hidden: kind & 1 != 0,
        clean: kind & 2 != 0,
        spa: SitePath::given("index.html").ok().filter(|_| kind & 4 != 0),
        cors: if kind & 8 != 0 { Cors::Any } else { Cors::Origins(vec!["https://a.example".into()]) },
        security: kind & 2 != 0,
        listing: kind & 1 != 0,
        ..Site::default()
    };
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let mut room = Room::new();
    let request = match read(bytes, &mut room, &Limits::default()) {
        Ok(None) => return,
        Ok(Some(request)) => request,
        Err(refused) => return sound(&refuse(refused.status, &site), false),
    };
    let head = request.head;
    let response = match plan(&head, &site) {
        Plan::Answer(what) => answer(&head, what, &site),
        Plan::Lookup(lookup) => {
            assert!(lookup.steps(&site).count() <= 5);
            let coding = lookup.codings.codings().next().filter(|_| kind & 16 != 0).unwrap_or(Coding::Identity);
            let content = if kind & 32 != 0 {
                Content::Memory(FILE.into())
            } else {
                Content::Open { file: FILE, size: FILE.len() as u64 }
            };
            let etag = ETag::of_content(FILE).coded(coding);
            let media = "text/plain; charset=utf-8".into();
            let found = match kind >> 6 {
                0 => Found::Folder(Folder { folder: FILE }),
                1 => Found::Missing,
                _ => {
                    Found::File(File { content, coding, varies: true, etag, modified: Date::at(1_700_000_000), media })
                }
            };
            respond(&head, &lookup, found, &site, now)
        }
    };
    sound(&response, head.method == Method::Head);
});

fn sound(response: &Response<&'static [u8]>, head: bool) {
    let mut text = Vec::new();
    response.fields.write_to(&mut text);
    let lines = response.fields.iter().count();
    assert_eq!(text.iter().filter(|b| **b == b'\n').count(), lines);
    assert_eq!(text.iter().filter(|b| **b == b'\r').count(), lines);
    assert!(!text.contains(&0));
    assert_eq!(response.fields.get("X-Content-Type-Options"), Some(&b"nosniff"[..]));
    if let Some(place) = response.fields.get("Location") {
        // On this host: from its root, or from where the request's path stands.
        let below = place.strip_prefix(b".").unwrap_or(place);
        assert!(below.starts_with(b"/") && !below.starts_with(b"//") && place.iter().all(u8::is_ascii_graphic));
    }
    let length = match &response.body {
        Body::Empty => {
            assert!(head || response.length.unwrap_or(0) == 0);
            return;
        }
        Body::Listing(_) => return assert_eq!(response.length, None),
        Body::Bytes(bytes) => bytes.len() as u64,
        Body::File { file, from, length } => {
            assert!(from + length <= file.len() as u64);
            *length
        }
        Body::Parts(parts) => {
            assert!(parts.parts.iter().all(|part| part.from + part.length <= parts.file.len() as u64));
            parts.parts.iter().map(|part| part.length + part.head.len() as u64).sum::<u64>() + parts.end.len() as u64
        }
    };
    assert!(!head && response.status != Status::NOT_MODIFIED && response.status != Status::NO_CONTENT);
    assert_eq!(response.length, Some(length));
}
