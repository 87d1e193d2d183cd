//! Any target is refused, or it is one normal path that leads nowhere else, and is the same as a slow reading of it; what
//! is sent back of it in a redirect reads as the same path.
#![no_main]

use puerta_serve::core::path::SitePath;
use puerta_serve::core::target::Target;

libfuzzer_sys::fuzz_target!(|target: &[u8]| {
    check(target);
    if let Ok(Target::Path { path, query, authority }) = Target::read(target) {
        assert!(target.ends_with(query.unwrap_or(path)) || path == b"/");
        assert!(authority.is_none_or(|authority| !authority.is_empty() && !authority.contains(&b'/')));
        if let Some(path) = check(path) {
            let again = path.folder_target(query);
            assert!(again.iter().all(u8::is_ascii_graphic) && again.starts_with(b"/") && !again.starts_with(b"//"));
            let Ok(Target::Path { path: read, .. }) = Target::read(&again) else { panic!("{again:?}") };
            assert_eq!(SitePath::read(read).unwrap().as_bytes(), path.as_bytes());
        }
    }
});

fn check(path: &[u8]) -> Option<SitePath<'_>> {
    let read = SitePath::read(path).ok();
    assert_eq!(read.as_ref().map(|path| path.as_bytes().to_vec()), slowly(path));
    let read = read?;
    for segment in read.segments() {
        assert!(segment != b"." && segment != b".." && !segment.iter().any(|b| matches!(b, 0 | b'/' | b'\\')));
    }
    assert_eq!(read.segments().collect::<Vec<_>>().join(&b'/'), read.as_bytes());
    assert_eq!(read.is_hidden(), read.as_bytes().starts_with(b".") || read.as_bytes().windows(2).any(|w| w == b"/."));
    assert_eq!(read.is_folder(), path.ends_with(b"/"));
    Some(read)
}

fn slowly(path: &[u8]) -> Option<Vec<u8>> {
    if path.first() != Some(&b'/') || path.iter().any(|b| b"\x7f#?".contains(b) || *b <= 32) {
        return None;
    }
    let mut all: Vec<Vec<u8>> = Vec::new();
    for segment in path.split(|b| *b == b'/') {
        let (mut decoded, mut at) = (Vec::new(), 0);
        while at < segment.len() {
            if segment[at] == b'%' {
                let digits = segment.get(at + 1..at + 3)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                decoded.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                at += 3;
            } else {
                decoded.push(segment[at]);
                at += 1;
            }
        }
        if decoded == b"." || decoded == b".." || decoded.iter().any(|b| b"/\\\0".contains(b)) {
            return None;
        }
        if !decoded.is_empty() {
            all.push(decoded);
        }
    }
    Some(all.join(&b'/'))
}
