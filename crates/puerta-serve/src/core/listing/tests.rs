#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

/// Names that would be something else if they were not escaped; each with its link.
const NAMES: &[(&[u8], &str)] = &[
    (b"plain.txt", "./plain.txt"),
    (b"<script>alert(1)</script>", "./%3Cscript%3Ealert%281%29%3C%2Fscript%3E"),
    (b"\"><img src=x onerror=alert(1)>", "./%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E"),
    (b"' onmouseover='alert(1)", "./%27%20onmouseover%3D%27alert%281%29"),
    (b"javascript:alert(1)", "./javascript%3Aalert%281%29"),
    (b"data:text,x", "./data%3Atext%2Cx"),
    (b"http:evil", "./http%3Aevil"),
    (b"a%2fb", "./a%252fb"),
    (b"100%", "./100%25"),
    (b"%00", "./%2500"),
    (b"?sort=size", "./%3Fsort%3Dsize"),
    (b"#fragment", "./%23fragment"),
    (b"a&amp;b&lt;", "./a%26amp%3Bb%26lt%3B"),
    (b"...", "./..."),
    (b"a b  c ", "./a%20b%20%20c%20"),
    (b"line\nbreak\r\n", "./line%0Abreak%0D%0A"),
    (b"tab\tbell\x07esc\x1b[2J", "./tab%09bell%07esc%1B%5B2J"),
    ("gpj.\u{202e}exe".as_bytes(), "./gpj.%E2%80%AEexe"),
    ("\u{2066}isolate".as_bytes(), "./%E2%81%A6isolate"),
    ("zero\u{200b}width\u{feff}".as_bytes(), "./zero%E2%80%8Bwidth%EF%BB%BF"),
    ("\u{2028}separator".as_bytes(), "./%E2%80%A8separator"),
    ("señal 🚪.png".as_bytes(), "./se%C3%B1al%20%F0%9F%9A%AA.png"),
    ("שלום.txt".as_bytes(), "./%D7%A9%D7%9C%D7%95%D7%9D.txt"),
    (b"latin1-\xe9.txt", "./latin1-%E9.txt"),
    (b"\xff\xfe\xfd", "./%FF%FE%FD"),
    (b"cut\xc3", "./cut%C3"),
    (b"</bdi></a></td></tr></table>", "./%3C%2Fbdi%3E%3C%2Fa%3E%3C%2Ftd%3E%3C%2Ftr%3E%3C%2Ftable%3E"),
    (b"]]>", "./%5D%5D%3E"),
    (b"<!--", "./%3C%21--"),
];

pub(in crate::core) fn file(name: &str, size: u64) -> Entry {
    Entry { name: name.as_bytes().into(), kind: Kind::File, size, modified: Some(UNIX_EPOCH) }
}

pub(in crate::core) fn folder(name: &str) -> Entry {
    Entry { kind: Kind::Folder, ..file(name, 4096) }
}

fn named(name: &[u8]) -> Entry {
    Entry { name: name.into(), ..file("", 7) }
}

fn place(segments: &[&[u8]]) -> Place {
    Place(segments.iter().map(|s| Box::from(*s)).collect())
}

/// All of a listing, and how much was written before the first entry was handed over.
fn listing(place: Place, query: &str, form: Form, entries: Vec<Entry>, end: End) -> (String, usize) {
    let mut writer = Writer::new(&SitePath::ROOT, Asked::read(Some(query.as_bytes())), form);
    writer.place = place;
    let mut out = Vec::new();
    while writer.write(&mut out) {}
    let before = out.len();
    for portion in entries.chunks(512) {
        writer.take(portion.iter().cloned());
        while writer.write(&mut out) {}
    }
    writer.end(end);
    while writer.write(&mut out) {}
    assert!(writer.is_done() && !writer.write(&mut out));
    (String::from_utf8(out).unwrap(), before)
}

fn page(query: &str, entries: Vec<Entry>) -> String {
    let page = listing(place(&[]), query, Form::Html, entries, End::Whole).0;
    balanced(&page);
    page
}

fn json(query: &str, entries: Vec<Entry>) -> Value {
    serde_json::from_str(&listing(place(&[]), query, Form::Json, entries, End::Whole).0).unwrap()
}

#[test]
fn a_folder_with_a_name_has_it_in_the_title_and_as_the_first_step_of_the_path() {
    let page = |path: &str, name| {
        let path = SitePath::given(path).unwrap();
        let mut writer = Writer::new(&path, Asked::default(), Form::Html).called(name);
        let mut out = Vec::new();
        while writer.write(&mut out) {}
        String::from_utf8(out).unwrap()
    };
    for (name, shown) in [(None, "Home"), (Some("<b>\u{1b}[2J"), "&lt;b&gt;^[[2J")] {
        let (top, below) = (page("/", name), page("/music/", name));
        assert!(top.contains(&format!("<title>{shown}</title>")), "{top}");
        assert!(top.contains(&format!("<h1><bdi>{shown}</bdi></h1>")), "{top}");
        assert!(below.contains("<title>music</title>"), "{below}");
        assert!(below.contains(&format!("<li><a href=\"./../\"><bdi>{shown}</bdi></a></li>")), "{below}");
    }
}

/// Every tag is closed, in order; raw text ends with its own tag.
pub(in crate::core) fn balanced(page: &str) {
    const VOID: [&str; 4] = ["meta", "link", "input", "br"];
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(page) {
        let name = tag.split([' ', '>']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "in {tag}"),
            None if VOID.contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// Name and value of all attributes of a page.
pub(in crate::core) fn attributes(page: &str) -> impl Iterator<Item = (&str, &str)> {
    tags(page).into_iter().flat_map(|tag| {
        let mut found = Vec::new();
        let mut rest = tag.split_once(' ').map_or("", |(_, rest)| rest);
        while !rest.is_empty() {
            let end = rest.find(['=', ' ']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            match behind.strip_prefix("=\"") {
                Some(value) => {
                    let (value, behind) = value.split_once('"').unwrap();
                    found.push((name, value));
                    rest = behind.trim_start();
                }
                None => {
                    found.push((name, ""));
                    rest = behind.trim_start();
                }
            }
        }
        found
    })
}

/// What stands between `<` and `>`, but for what is in style and script.
fn tags(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some((text, behind)) = rest.split_once('<') {
        assert!(!text.contains('>'), "{text}");
        // No value of ours has a > in it: all are escaped.
        let (tag, behind) = behind.split_once('>').unwrap();
        assert!(tag.starts_with(|c: char| c.is_ascii_lowercase() || c == '/'), "{tag}");
        found.push(tag);
        rest = match tag {
            "style" | "script" => &behind[behind.find(&format!("</{tag}>")).unwrap()..],
            _ => behind,
        };
    }
    found
}

#[test]
fn no_name_is_markup_or_leads_elsewhere() {
    for (name, link) in NAMES {
        for entry in [named(name), Entry { kind: Kind::Folder, ..named(name) }] {
            let slash = if entry.kind == Kind::Folder { "/" } else { "" };
            let page = page("", vec![entry.clone()]);
            let hrefs: Vec<&str> = attributes(&page).filter(|(n, _)| *n == "href").map(|(_, v)| v).collect();
            assert_eq!(hrefs.last(), Some(&format!("{link}{slash}").as_str()), "{}", name.escape_ascii());
            let linked = hrefs.iter().all(|h| h.starts_with("./") || h.starts_with("data:image/svg+xml,"));
            assert!(linked, "{hrefs:?}");
            assert!(attributes(&page).all(|(n, _)| !n.starts_with("on") && n != "style" && n != "src"));
            assert_eq!(tags(&page).iter().filter(|t| t.starts_with("script") || t.starts_with("img")).count(), 1);
            let hidden = |c: char| (c.is_control() && c != '\n' && c != '\t') || ('\u{2028}'..='\u{202e}').contains(&c);
            assert!(!page.contains(hidden), "{}", name.escape_ascii());

            let json = json("", vec![entry]);
            assert_eq!(json["entries"][0]["href"], format!("{link}{slash}"));
            assert_eq!(json["entries"][0]["name"], *String::from_utf8_lossy(name));
        }
    }
}

#[test]
fn every_link_leads_back_to_its_entry() {
    // No file system has names with a slash; they are there for the markup.
    for (name, _) in NAMES.iter().filter(|(name, _)| !name.contains(&b'/')) {
        for entry in [named(name), Entry { kind: Kind::Folder, ..named(name) }] {
            let target = href(&entry).strip_prefix('.').unwrap().to_owned();
            let path = SitePath::read(target.as_bytes()).unwrap();
            assert_eq!((path.as_bytes(), path.is_folder()), (&*entry.name, entry.kind == Kind::Folder), "{target}");
        }
    }
    // A path with a backslash is refused, so a link to one would lead nowhere.
    let names = [b"back\\slash".as_slice(), b"\\\\evil\\share", b"\\"];
    assert_eq!(json("", names.map(named).into())["entries"], serde_json::json!([]));
}

#[test]
fn a_link_is_the_very_bytes_of_the_name() {
    let every: Vec<u8> = (1..=255).filter(|b| *b != b'/').collect();
    for name in NAMES.iter().map(|(name, _)| *name).chain([every.as_slice(), &[b'x'; 255], &[0xff; 255]]) {
        let link = href(&named(name));
        let decoded: Vec<u8> = percent_encoding::percent_decode(link.strip_prefix("./").unwrap().as_bytes()).collect();
        assert_eq!(decoded, name);
        assert!(link.bytes().all(|b| b.is_ascii_alphanumeric() || b"./-_~%".contains(&b)), "{link}");
        balanced(&page("", vec![named(name)]));
    }
}

#[test]
fn the_path_and_the_filter_are_escaped_too() {
    for (name, _) in NAMES {
        let (page, _) = listing(place(&[b"top", name, name]), "", Form::Html, vec![file("a", 1)], End::Whole);
        balanced(&page);
        let hrefs: Vec<&str> =
            attributes(&page).filter(|(n, v)| *n == "href" && v.contains("..")).map(|(_, v)| v).collect();
        assert_eq!(hrefs, ["./../../../", "./../../", "./../", "./../"]);

        let filter = String::from_utf8_lossy(name);
        let query = format!("filter={}", percent_encode(filter.as_bytes(), SAFE));
        let page = self::page(&query, vec![file("a", 1)]);
        assert_eq!(tags(&page).iter().filter(|t| t.starts_with("script") || t.starts_with("img")).count(), 1);
        let column = attributes(&page).find(|(n, v)| *n == "href" && v.contains("sort=size")).unwrap().1;
        let read = Asked::read(column.replace("&amp;", "&").strip_prefix("./?").map(str::as_bytes));
        assert_eq!(read, Asked { by: By::Size, descending: true, filter: filter.into_owned() });
    }
}

#[test]
fn columns_link_to_the_order_that_a_click_should_give() {
    let links = |query: &str| {
        let page = page(query, vec![folder("f"), file("a", 1)]);
        attributes(&page)
            .filter(|(n, v)| *n == "href" && v.starts_with("./"))
            .map(|(_, v)| v.to_owned())
            .collect::<Vec<_>>()
    };
    let order = |by, order| format!("./?sort={by}&amp;order={order}");
    assert_eq!(
        links(""),
        [order("name", "desc"), order("size", "desc"), order("time", "desc"), "./f/".into(), "./a".into()]
    );
    let sorted = links("sort=size&order=desc");
    // A folder is opened in the order that was chosen; a file is the same in any.
    let opened = "./f/?sort=size&amp;order=desc".into();
    assert_eq!(sorted, [order("name", "asc"), order("size", "asc"), order("time", "desc"), opened, "./a".into()]);
    assert!(page("sort=size&order=desc", vec![]).contains("data-by=\"size\" aria-sort=\"descending\""));
    assert!(page("sort=time", vec![]).contains("<input type=\"hidden\" name=\"sort\" value=\"time\">"));
}

#[test]
fn a_folder_with_nothing_to_show_says_why() {
    let empty = "<p class=\"empty\">This folder is empty.";
    assert!(page("", vec![]).contains(empty));
    assert!(!page("", vec![file("a", 1)]).contains(empty));
    let none = page("filter=x", vec![file("a", 1)]);
    assert!(
        !none.contains(empty) && none.contains("<p class=\"empty\" id=\"none\">") && none.contains("Show everything")
    );
    let (broken, _) = listing(place(&[]), "", Form::Html, vec![], End::Broken);
    assert!(!broken.contains(empty) && broken.contains("not complete"));
}

#[test]
fn a_filtered_page_says_how_many_of_how_many_it_shows() {
    let entries = || (0..1200).map(|i| file(&format!("f{i}"), 1)).chain([folder("d"), file("x\\", 1)]).collect();
    assert!(
        page("filter=f", entries()).contains("<p><data id=\"all\" value=\"1201\">1,200 of 1,201</data>: 1,200 files")
    );
    assert!(page("filter=d", entries()).contains("<p><data id=\"all\" value=\"1201\">1 of 1,201</data>: 1 folder</p>"));
    assert!(page("filter=none", entries()).contains("<p><data id=\"all\" value=\"1201\">0 of 1,201</data></p>"));
    assert!(page("", entries()).contains("<p>1 folder, 1,200 files, 1.2 KiB</p>"));
}

#[test]
fn sizes_and_dates_are_there_for_people_and_exactly() {
    let entry = Entry { modified: Some(UNIX_EPOCH + Duration::from_secs(1_795_210_785)), ..file("a", 1_234_567) };
    let page = page("", vec![entry.clone(), folder("f")]);
    assert!(page.contains(
        "<tr title=\"1,234,567 bytes\"><td><a href=\"./a\"><bdi>a</bdi></a></td><td><data value=\"1234567\">1.2 MiB"
    ));
    assert!(page.contains("<time datetime=\"2026-11-20T21:39:45Z\">2026-11-20 21:39</time>"));
    assert!(page.contains("<p>1 folder, 1 file, 1.2 MiB</p>"));
    let json = json("", vec![entry, Entry { modified: None, ..folder("f") }]);
    let expected = serde_json::json!({"path": "/", "sorted": true, "complete": true, "entries": [
        {"name": "f", "kind": "folder", "size": null, "mtime": null, "href": "./f/"},
        {"name": "a", "kind": "file", "size": 1_234_567, "mtime": "2026-11-20T21:39:45Z", "href": "./a"},
    ]});
    assert_eq!(json, expected);
}

#[test]
fn up_to_10000_entries_are_sorted_and_more_come_in_the_folders_own_order() {
    for (count, sorted) in [(SORTED, true), (SORTED + 1, false)] {
        let names = |count: usize| (0..count).rev().map(|i| file(&format!("f{i}"), 1)).collect::<Vec<_>>();
        let json = json("", names(count));
        let first = if sorted { "f0".to_owned() } else { format!("f{SORTED}") };
        assert_eq!((&json["sorted"], &json["entries"][0]["name"]), (&sorted.into(), &first.into()));
        assert_eq!(json["entries"].as_array().unwrap().len(), count);
        let page = page("", names(count));
        assert_eq!(page.contains("class=\"note\""), !sorted);
        assert_eq!(page.contains("aria-sort=\""), sorted);
        assert_eq!(page.matches("<tbody>").count(), count.div_ceil(100));
    }
    // What the filter leaves counts.
    let json = json("filter=f1&sort=name&order=desc", (0..30_000).map(|i| file(&format!("f{i}"), 1)).collect());
    assert_eq!((&json["sorted"], json["entries"].as_array().unwrap().len()), (&false.into(), 11_111));
}

#[test]
fn the_start_of_100000_entries_goes_out_before_the_first_and_little_is_held() {
    for form in [Form::Html, Form::Json] {
        let mut writer = Writer::new(&SitePath::ROOT, Asked::default(), form);
        let (mut out, mut total, mut held, mut waiting) = (Vec::new(), 0, 0, 0);
        while writer.write(&mut out) {}
        assert!(out.len() > 8 && writer.count.entries() == 0);
        for portion in 0..400 {
            writer.take((0..250).map(|i| file(&format!("entry-{portion:03}-{i:03}.txt"), 1)));
            waiting = waiting.max(writer.waiting.len());
            let mut more = true;
            while more {
                more = writer.write(&mut out);
                held = held.max(out.len());
                total += out.len();
                out.clear();
            }
        }
        writer.end(End::Whole);
        while writer.write(&mut out) {}
        assert_eq!(writer.count.files, 100_000);
        assert!(total > 5_000_000 && held < 2 * PORTION && waiting <= SORTED + 250, "{total} {held} {waiting}");
    }
}

#[test]
fn json_is_json_however_it_ends() {
    for (entries, end) in [(vec![], End::Whole), (vec![file("a", 1)], End::Broken), (vec![], End::Broken)] {
        let (text, _) = listing(place(&[b"mus\xefc", b"\"x\""]), "", Form::Json, entries.clone(), end);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["path"], "/mus\u{fffd}c/\"x\"/");
        assert_eq!(value["complete"], end == End::Whole);
        assert_eq!(value["entries"].as_array().unwrap().len(), entries.len());
    }
}
