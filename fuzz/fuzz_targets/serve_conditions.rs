//! Any preconditions have a verdict, the same however the case of their names; and the tag of the very file, put before all
//! others, is always found.
#![no_main]

use puerta_serve::core::conditions::{IfRange, Validators, Verdict, check, if_range};
use puerta_serve::core::date::Date;
use puerta_serve::core::etag::ETag;
use puerta_serve::core::head::{Field, Head, Method, Version};
use std::time::{Duration, UNIX_EPOCH};

const NAMES: [&str; 5] = ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"];
const LOUD: [&str; 5] = ["IF-MATCH", "IF-NONE-MATCH", "IF-MODIFIED-SINCE", "IF-UNMODIFIED-SINCE", "IF-RANGE"];

libfuzzer_sys::fuzz_target!(|input: (u32, &[u8])| {
    let (seconds, lines) = input;
    let etag = ETag::of_content(b"x");
    let modified = Date::at(784_111_777);
    let validators = Validators { etag: Some(&etag), modified: modified.as_ref() };
    let now = UNIX_EPOCH + Duration::from_secs(seconds.into());
    // Each line is a field; its first byte says which. `x` between quotes stands for the tag.
    let text = etag.text();
    let lines: Vec<(usize, Vec<u8>)> = lines
        .split(|b| *b == b'\n')
        .filter_map(|line| {
            let (which, value) = line.split_first()?;
            let mut out = Vec::new();
            let mut rest = value;
            while let Some(at) = rest.windows(3).position(|window| window == b"\"x\"") {
                out.extend_from_slice(&rest[..at]);
                out.extend_from_slice(text);
                rest = &rest[at + 3..];
            }
            out.extend_from_slice(rest);
            Some((usize::from(*which) % NAMES.len(), out))
        })
        .collect();
    let fields = |names: [&'static str; 5]| -> Vec<Field<'_>> {
        lines.iter().map(|(which, value)| Field { name: names[*which], value }).collect()
    };
    let (quiet, loud) = (fields(NAMES), fields(LOUD));
    let verdict = check(&head(&quiet), validators);
    assert_eq!(verdict, check(&head(&loud), validators));
    assert_eq!(if_range(&head(&quiet), validators, now), if_range(&head(&loud), validators, now));
    assert_eq!(check(&head(&[]), validators), Verdict::Proceed);
    if if_range(&head(&quiet), validators, now) == IfRange::Same {
        let values: Vec<&[u8]> =
            lines.iter().filter(|(which, _)| *which == 4).map(|(_, value)| value.as_slice()).collect();
        assert!(values.len() <= 1 && values.iter().all(|value| *value == text || Date::parse(value) == modified));
    }
    let has = |which| lines.iter().any(|(other, _)| *other == which);
    let tagged = |name| [vec![Field { name, value: text }], quiet.clone()].concat();
    if !has(0) && !has(1) && verdict != Verdict::Failed {
        assert_eq!(check(&head(&tagged("If-None-Match")), validators), Verdict::NotModified);
    }
    if !has(0) && !has(1) && !has(2) {
        assert_eq!(check(&head(&tagged("If-Match")), validators), Verdict::Proceed);
    }
});

fn head<'a>(fields: &'a [Field<'a>]) -> Head<'a> {
    Head { method: Method::Get, target: b"/", version: Version::Http11, fields }
}
