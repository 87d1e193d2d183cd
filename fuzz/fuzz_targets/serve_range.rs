//! Of any field Range, what is sent lies in the file, each byte once, and is what a slow reading of it asks for.
#![no_main]

use puerta_serve::core::range::{MOST, Ranges, read};

libfuzzer_sys::fuzz_target!(|input: (u8, u64, &[u8])| {
    let (small, size, value) = input;
    let _ = bounded(value, size);
    let size = u64::from(small);
    let sent = bounded(value, size);
    let asked = slowly(value, size);
    match (sent, asked) {
        (Sent::Whole, Some(asked)) => {
            let bytes: u64 = asked.iter().map(|(first, last)| last - first + 1).sum();
            assert!(size == 0 || bytes > size || String::from_utf8_lossy(value).split(',').count() > MOST);
        }
        (Sent::Whole, None) => {}
        (Sent::Nothing, asked) => assert_eq!(asked, Some(Vec::new())),
        (Sent::These(ranges), Some(asked)) => {
            for byte in 0..size {
                let wanted = asked.iter().any(|(first, last)| *first <= byte && byte <= *last);
                let count = ranges.iter().filter(|(from, end)| *from <= byte && byte < *end).count();
                assert_eq!(count, usize::from(wanted), "byte {byte}");
            }
        }
        (Sent::These(ranges), None) => panic!("{ranges:?} of what is not valid"),
    }
});

enum Sent {
    Whole,
    Nothing,
    These(Vec<(u64, u64)>),
}

fn bounded(value: &[u8], size: u64) -> Sent {
    let ranges = match read(value, size) {
        Ranges::Whole(_) => return Sent::Whole,
        Ranges::Unsatisfiable => return Sent::Nothing,
        Ranges::One(range) => vec![range],
        Ranges::Many(ranges) => {
            assert!((2..=MOST).contains(&ranges.len()));
            ranges
        }
    };
    let mut sum = 0;
    for range in &ranges {
        assert!(range.length > 0 && range.from < size && range.length <= size - range.from);
        assert!(range.content_range(size).starts_with("bytes "));
        sum += range.length;
    }
    assert!(sum <= size);
    Sent::These(ranges.iter().map(|range| (range.from, range.end())).collect())
}

/// First and last byte of each range that can be satisfied; `None`: the field is not valid.
fn slowly(value: &[u8], size: u64) -> Option<Vec<(u64, u64)>> {
    let text = std::str::from_utf8(value).ok()?;
    let (unit, set) = text.split_once('=')?;
    if unit.to_ascii_lowercase() != "bytes" {
        return None;
    }
    let number = |text: &str| -> Option<u128> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u128::MAX))
    };
    let (mut all, mut any) = (Vec::new(), false);
    for spec in set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty()) {
        any = true;
        let (first, last) = spec.split_once('-')?;
        let size = u128::from(size);
        let (first, last) = match (first, last) {
            ("", last) => (size - number(last)?.min(size), size.wrapping_sub(1)),
            (first, "") => (number(first)?, size.wrapping_sub(1)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                // As numbers that are too large for us.
                if last.min(u128::from(u64::MAX)) < first.min(u128::from(u64::MAX)) {
                    return None;
                }
                (first, last.min(size.wrapping_sub(1)))
            }
        };
        if first < size {
            all.push((u64::try_from(first).ok()?, u64::try_from(last).ok()?));
        }
    }
    any.then_some(all)
}
