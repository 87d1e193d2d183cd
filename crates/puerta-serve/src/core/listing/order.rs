//! What of a folder is asked for, in which order: the query of a listing.

use super::{Entry, Kind};
use crate::core::words;
use percent_encoding::percent_decode;
use puerta_text::{Options, Visible};
use std::cmp::{Ordering, Reverse};
use std::fmt::Write;
use unicode_normalization::UnicodeNormalization;

/// How long a filter may be, in bytes; the rest of a longer one is left out. No name is longer.
pub const FILTER: usize = 255;

/// Which entries, and in which order: `?sort=size&order=desc&filter=jpg`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// By what the entries are sorted.
    pub by: By,
    /// Whether the greatest comes first. Folders stand before files either way.
    pub descending: bool,
    /// What a name must have in it, both in NFC and then in lower case; empty for all.
    pub filter: String,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Natural order: without case, and `2` before `10`.
    #[default]
    Name,
    /// Files by their size; folders by name.
    Size,
    /// When it was changed.
    Time,
}

impl By {
    pub(super) const ALL: [By; 3] = [By::Name, By::Size, By::Time];

    /// As the query says it.
    pub(super) fn word(self) -> &'static str {
        match self {
            By::Name => "name",
            By::Size => "size",
            By::Time => "time",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            By::Name => words::NAME,
            By::Size => words::SIZE,
            By::Time => words::MODIFIED,
        }
    }
}

impl Asked {
    /// What a query asks for (`application/x-www-form-urlencoded`). What it does not say, or says in words that are not
    /// known, is as by default: by name, ascending, all. Of a word said twice the last counts.
    pub fn read(query: Option<&[u8]>) -> Asked {
        let mut asked = Asked::default();
        for pair in query.unwrap_or_default().split(|b| *b == b'&') {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            match (name, value) {
                (b"sort", value) => {
                    asked.by = By::ALL.into_iter().find(|by| by.word().as_bytes() == value).unwrap_or_default();
                }
                (b"order", value) => asked.descending = value == b"desc",
                (b"filter", value) => asked.filter = form_decoded(value),
                _ => {}
            }
        }
        asked
    }

    /// The query that asks for this order: `?sort=size&order=desc`; nothing for the default.
    pub(super) fn order_query(&self) -> String {
        if self.by == By::Name && !self.descending {
            return String::new();
        }
        query(self.by, self.descending)
    }

    /// The query of a column's link: the other way round for the column that is sorted by, else the way that people want
    /// first (the biggest, the newest).
    pub(super) fn column_query(&self, by: By) -> String {
        let descending = if by == self.by { !self.descending } else { by != By::Name };
        let mut query = query(by, descending);
        if !self.filter.is_empty() {
            let filter = percent_encoding::utf8_percent_encode(&self.filter, super::SAFE);
            let _ = write!(query, "&filter={filter}");
        }
        query
    }

    /// What tells whether the filter lets an entry through: it goes by the name as it is shown.
    pub(super) fn lets(&self) -> impl Fn(&Entry) -> bool + use<> {
        let wanted = folded(&self.filter);
        move |entry| wanted.is_empty() || folded(&shown(entry)).contains(&wanted)
    }

    /// Sorts: folders first, then by the column, what is equal by name.
    pub(super) fn sort(&self, entries: &mut [Entry]) {
        match (self.by, self.descending) {
            (By::Name, false) => entries.sort_by_cached_key(|e| (e.kind, natural(&e.name))),
            (By::Name, true) => entries.sort_by_cached_key(|e| (e.kind, Reverse(natural(&e.name)))),
            (By::Size, descending) => entries.sort_by_cached_key(|e| {
                let size = if e.kind == Kind::File { e.size } else { 0 };
                (e.kind, Directed(size, descending), natural(&e.name))
            }),
            (By::Time, descending) => {
                entries.sort_by_cached_key(|e| (e.kind, Directed(e.modified, descending), natural(&e.name)));
            }
        }
    }
}

/// What a filter takes for the same: letters that Unicode calls canonically equivalent (NFC, UAX 15), then in lower case. `script.js` does so
/// with `normalize().toLowerCase()`.
fn folded(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.nfc().collect::<String>().to_lowercase() }
}

/// A name as it is shown; a folder's ends in a slash.
pub(super) fn shown(entry: &Entry) -> String {
    let mut out = visible(&entry.name).into_bytes();
    if entry.kind == Kind::Folder {
        out.push(b'/');
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Bytes from outside as one line of text without anything that hides in it.
pub(super) fn visible(bytes: &[u8]) -> String {
    if bytes.iter().all(|b| matches!(b, b' '..=b'~')) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let mut stream = Visible::new(Options { one_line: true });
    stream.push(bytes, &mut out);
    stream.finish(&mut out);
    String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// The letters without their marks, from U+00C0 to U+017F; `*` is one that has none to take away.
const PLAIN: &[u8; 192] = b"AAAAAA*CEEEEIIII*NOOOOO*OUUUUY**aaaaaa*ceeeeiiii*nooooo*ouuuuy*y\
    AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiI***JjKk*LlLlLl**LlNnNnNn***OoOoOo**RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZz*";

/// Bytes that compare as the names do in natural order: lower case and without the marks of Latin letters, each number led by
/// its length, then the name itself, so that no two are equal.
fn natural(name: &[u8]) -> (Vec<u8>, Box<[u8]>) {
    let mut key = Vec::with_capacity(name.len() + 8);
    let text = String::from_utf8_lossy(name);
    let mut rest = text.as_ref();
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_digit() {
            let (digits, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
            let number = digits.trim_start_matches('0');
            key.push(b'0');
            key.push(u8::try_from(number.len()).unwrap_or(u8::MAX));
            key.extend_from_slice(number.as_bytes());
            rest = behind;
        } else {
            let mut buffer = [0; 4];
            for lower in plain(first).into_iter().flat_map(char::to_lowercase) {
                key.extend_from_slice(lower.encode_utf8(&mut buffer).as_bytes());
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    (key, name.into())
}

/// A letter without its marks; nothing of a mark that stands alone (names from macOS).
fn plain(letter: char) -> Option<char> {
    match letter {
        '\u{300}'..='\u{36f}' => None,
        '\u{c0}'..='\u{17f}' => {
            let found = PLAIN.get(letter as usize - 0xc0).copied().filter(|found| *found != b'*');
            Some(found.map_or(letter, char::from))
        }
        _ => Some(letter),
    }
}

#[derive(PartialEq, Eq)]
struct Directed<T>(T, bool);

impl<T: Ord> Ord for Directed<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.0.cmp(&other.0);
        if self.1 { order.reverse() } else { order }
    }
}

impl<T: Ord> PartialOrd for Directed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn query(by: By, descending: bool) -> String {
    format!("?sort={}&order={}", by.word(), if descending { "desc" } else { "asc" })
}

fn form_decoded(value: &[u8]) -> String {
    let spaces: Vec<u8> = value.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let mut text = percent_decode(&spaces).decode_utf8_lossy().into_owned();
    let end = (0..=FILTER.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::{file, folder};
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_query_is_read_and_what_it_does_not_know_is_as_by_default() {
        let asked = |by, descending, filter: &str| Asked { by, descending, filter: filter.to_owned() };
        let cases: &[(&str, Asked)] = &[
            ("", Asked::default()),
            ("sort=size&order=desc", asked(By::Size, true, "")),
            ("sort=time", asked(By::Time, false, "")),
            ("sort=name&order=asc", Asked::default()),
            ("sort=SIZE&order=down", Asked::default()),
            ("sort", Asked::default()),
            ("&&=&x=y&sort=size", asked(By::Size, false, "")),
            ("sort=size&sort=time", asked(By::Time, false, "")),
            ("filter=a+b%2Bc", asked(By::Name, false, "a b+c")),
            ("filter=%3Cscript%3E", asked(By::Name, false, "<script>")),
            ("filter=a=b", asked(By::Name, false, "a=b")),
            ("filter=%C3%B1", asked(By::Name, false, "ñ")),
            ("filter=%ff", asked(By::Name, false, "\u{fffd}")),
            ("filter=%zz", asked(By::Name, false, "%zz")),
        ];
        for (query, expected) in cases {
            assert_eq!(Asked::read(Some(query.as_bytes())), *expected, "{query}");
        }
        assert_eq!(Asked::read(None), Asked::default());
        let long = format!("filter={}", "ñ".repeat(1000));
        assert_eq!(Asked::read(Some(long.as_bytes())).filter.len(), FILTER - 1);
    }

    #[test]
    fn names_are_in_natural_order_and_folders_come_first() {
        let mut entries: Vec<Entry> = [
            "file10",
            "File2",
            "b",
            "file02",
            "FILE1",
            "a",
            "é",
            "ñandú",
            "n~",
            "e\u{301}f",
            "zz",
            "file2b",
            "1",
            "01",
            "2",
            "10",
            "file",
        ]
        .into_iter()
        .map(|n| file(n, 0))
        .collect();
        entries.extend([folder("z10"), folder("z9")]);
        let order = |entries: &[Entry]| {
            entries.iter().map(|e| String::from_utf8_lossy(&e.name).into_owned()).collect::<Vec<_>>().join(" ")
        };
        Asked::default().sort(&mut entries);
        assert_eq!(
            order(&entries),
            "z9 z10 01 1 2 10 a b é e\u{301}f file FILE1 File2 file02 file2b file10 ñandú n~ zz"
        );
        Asked { descending: true, ..Asked::default() }.sort(&mut entries);
        assert_eq!(
            order(&entries),
            "z10 z9 zz n~ ñandú file10 file2b file02 File2 FILE1 file e\u{301}f é b a 10 2 1 01"
        );
    }

    #[test]
    fn columns_sort_both_ways_and_what_is_equal_goes_by_name() {
        let mut entries = vec![file("b", 5), file("a", 5), file("c", 70), file("d", 1), folder("y"), folder("x")];
        for (i, entry) in entries.iter_mut().enumerate() {
            entry.modified = (i != 2).then(|| UNIX_EPOCH + Duration::from_secs(i as u64));
        }
        for (query, expected) in [
            ("sort=size", "xydabc"),
            ("sort=size&order=desc", "xycabd"),
            ("sort=time", "yxcbad"),
            ("sort=time&order=desc", "xydabc"),
        ] {
            Asked::read(Some(query.as_bytes())).sort(&mut entries);
            let order: String = entries.iter().map(|e| String::from_utf8_lossy(&e.name).into_owned()).collect();
            assert_eq!(order, expected, "{query}");
        }
    }

    #[test]
    fn a_filter_goes_by_the_name_as_it_is_shown() {
        let cases = [
            ("", "anything", true),
            ("JPG", "photo.jpg", true),
            ("ñ", "SEÑAL.txt", true),
            ("png", "photo.jpg", false),
            ("\\xff", "", false),
        ];
        for (filter, name, expected) in cases {
            let asked = Asked { filter: filter.to_owned(), ..Asked::default() };
            assert_eq!(asked.lets()(&file(name, 0)), expected, "{filter} {name}");
        }
        let asked = Asked { filter: "\\xff".to_owned(), ..Asked::default() };
        assert!(asked.lets()(&Entry { name: (*b"a\xff").into(), ..file("", 0) }));
        let asked = Asked { filter: "/".to_owned(), ..Asked::default() };
        assert!(asked.lets()(&folder("a")) && !asked.lets()(&file("a", 0)));
    }

    #[test]
    fn a_filter_finds_what_looks_the_same_however_it_is_encoded() {
        let same = ["café", "cafe\u{301}", "CAFÉ", "CAFE\u{301}"];
        let hangul = ["한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"];
        let angstrom = ["\u{212b}", "å", "A\u{30a}"];
        for all in [same.as_slice(), &hangul, &angstrom] {
            for (filter, name) in all.iter().flat_map(|filter| all.iter().map(move |name| (filter, name))) {
                let asked = Asked { filter: (*filter).to_owned(), ..Asked::default() };
                assert!(asked.lets()(&file(&format!("1 {name}.txt"), 0)), "{filter:?} {name:?}");
            }
        }
        // A letter with a mark is not the letter without, nor are two that only resemble each other.
        for (filter, name) in [("cafe", "café"), ("cafe", "cafe\u{301}"), ("fi", "\u{fb01}"), ("ss", "ß")] {
            let asked = Asked { filter: filter.to_owned(), ..Asked::default() };
            assert!(!asked.lets()(&file(name, 0)), "{filter:?} {name:?}");
        }
    }
}
