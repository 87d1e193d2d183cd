//! The entries of a folder.

use crate::common::{Place, asked, look};
use crate::fail::{again, child};
use puerta_serve::core::found::{Folder, Found};
use puerta_serve::problem::Refusal;
use puerta_serve::store::Store;
use puerta_serve::store::entries::{Entry, PORTION};
use puerta_serve::store::handle::Handle;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

fn folder(store: &Store, path: &str) -> Handle {
    match look(store, path, &asked()).found {
        Found::Folder(Folder { folder }) => folder,
        other => panic!("{path}: {other:?}"),
    }
}

fn all(folder: &Handle, hidden: bool) -> BTreeMap<Vec<u8>, Entry> {
    let mut listing = folder.entries(hidden).unwrap();
    let mut all = BTreeMap::new();
    while let Some(entries) = listing.portion().unwrap() {
        for entry in entries {
            assert!(all.insert(entry.name.to_vec(), entry).is_none(), "each once");
        }
    }
    assert_eq!(listing.portion(), Ok(None), "the end stays the end");
    all
}

#[test]
fn a_listing_has_what_can_be_served_and_nothing_else() {
    let place = Place::new();
    place.write("file.txt", "12345");
    place.write("folder/inner", "x");
    place.write(OsStr::from_bytes(b"\xff\n<b>"), "");
    place.write(".hidden", "x");
    fs::create_dir(place.at(".git")).unwrap();
    let link = |to: &str, name: &str| symlink(to, place.at(name)).unwrap();
    link("file.txt", "to-file");
    link("folder", "to-folder");
    link("../file.txt", "folder/up-inside");
    link("../secret", "out");
    link("../../secret", "folder/out");
    link("/etc/passwd", "absolute");
    link("gone", "broken");
    link("circle", "circle");
    mknodat(CWD, place.at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    link("fifo", "to-fifo");
    let store = place.store();
    let root = folder(&store, "");
    let shown = |entries: &BTreeMap<Vec<u8>, Entry>| {
        let text = |e: &Entry| format!("{} {} {}", String::from_utf8_lossy(&e.name), e.folder, e.size);
        entries.values().map(text).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(&all(&root, false)),
        ["file.txt false 5", "folder true 0", "to-file false 5", "to-folder true 0", "\u{fffd}\n<b> false 0"]
    );
    let hidden = all(&root, true);
    assert_eq!(
        hidden.keys().filter(|name| name.starts_with(b".")).collect::<Vec<_>>(),
        [b".git".as_slice(), b".hidden"]
    );
    assert_eq!(hidden.len(), 7);
    assert_eq!(shown(&all(&folder(&store, "folder"), true)), ["inner false 1", "up-inside false 5"]);
    let modified = fs::metadata(place.at("file.txt")).unwrap().modified().unwrap();
    assert_eq!(hidden[b"file.txt".as_slice()].modified, Some(modified));
}

#[test]
fn a_folder_that_goes_while_it_is_listed_just_ends() {
    let place = Place::new();
    for i in 0..3000 {
        place.write(format!("many/{i}"), "");
    }
    fs::create_dir(place.at("empty")).unwrap();
    let store = place.store();
    let (many, empty) = (folder(&store, "many"), folder(&store, "empty"));
    let mut listing = many.entries(false).unwrap();
    let first = listing.portion().unwrap().unwrap().len();
    assert!(first > 0 && first < 3000, "{first}");
    fs::remove_dir_all(place.at("many")).unwrap();
    let rest: usize = std::iter::from_fn(|| listing.portion().unwrap()).map(|e| e.len()).sum();
    assert!(first + rest <= 3000);
    assert!(all(&empty, true).is_empty());
    fs::remove_dir(place.at("empty")).unwrap();
    assert!(matches!(empty.entries(true), Err(Refusal::Missing(_))));
}

#[test]
fn of_a_hundred_thousand_entries_one_portion_is_in_memory() {
    const MANY: usize = 100_000;
    let Some(store) = child() else {
        let place = Place::quick();
        fs::create_dir(place.at("many")).unwrap();
        for i in 0..MANY {
            fs::File::create(place.at(format!("many/a file of some length {i:06}.txt"))).unwrap();
        }
        let test = "list::of_a_hundred_thousand_entries_one_portion_is_in_memory";
        return again(test, &place.site(), "env", &[]);
    };
    let many = folder(&store, "many");
    let before = resident();
    let mut listing = many.entries(false).unwrap();
    let (mut count, mut longest, mut portions) = (0, 0, 0);
    while let Some(entries) = listing.portion().unwrap() {
        count += entries.len();
        portions += 1;
        longest = longest.max(entries.len());
    }
    let grown = resident().saturating_sub(before);
    assert_eq!(count, MANY);
    // The shortest entry takes 24 bytes of a portion.
    assert!(longest <= PORTION / 24 && portions > 50, "{longest} in {portions}");
    assert!(grown < 4 << 10, "{grown} KiB more");
}

/// KiB of this process in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
