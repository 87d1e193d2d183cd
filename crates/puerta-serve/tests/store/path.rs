//! Which paths lead to something.

use crate::common::{Place, SECRET, asked, content, file, later, look, refused};
use puerta_serve::core::found::Found;
use puerta_serve::problem::{Absence, Problem, Refusal};
use puerta_serve::store::{Settings, Store};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::thread;

const NOTHING: Option<Refusal> = Some(Refusal::Missing(Absence::Nothing));
const OUTSIDE: Option<Refusal> = Some(Refusal::Missing(Absence::Outside));
const SPECIAL: Option<Refusal> = Some(Refusal::Missing(Absence::Special));
const LOOP: Option<Refusal> = Some(Refusal::Missing(Absence::Loop));
const TOO_LONG: Option<Refusal> = Some(Refusal::Missing(Absence::TooLong));

#[test]
fn files_and_folders_are_found_by_their_path() {
    let place = Place::new();
    place.write("a.txt", "hola");
    place.write("docs/deep/er/b.html", "<p>");
    place.write("empty", "");
    let store = place.store();
    assert_eq!(content(&file(&store, "a.txt", &asked())), b"hola");
    assert_eq!(content(&file(&store, "docs/deep/er/b.html", &asked())), b"<p>");
    assert_eq!(content(&file(&store, "empty", &asked())), b"");
    for folder in ["", "docs", "docs/deep"] {
        assert!(matches!(look(&store, folder, &asked()).found, Found::Folder(_)), "{folder}");
    }
}

#[test]
fn names_may_be_any_bytes() {
    let place = Place::new();
    let names: [&[u8]; 6] = [b"\xff\xfe", b"caf\xc3\xa9", b"a b%41?#", b"new\nline", b"-rf", b"...."];
    names.iter().for_each(|name| drop(place.write(OsStr::from_bytes(name), name)));
    let longest = vec![b'x'; 255];
    place.write(OsStr::from_bytes(&longest), &longest);
    let store = place.store();
    for name in names.into_iter().chain([longest.as_slice()]) {
        assert_eq!(content(&file(&store, name, &asked())), name);
    }
}

#[test]
fn what_leads_nowhere_is_missing_each_for_its_reason() {
    let place = Place::new();
    place.write("file", "x");
    place.write("folder/file", "x");
    let link = |to: &str, name: &str| symlink(to, place.at(name)).unwrap();
    link("../secret", "out");
    link("../folder", "out-folder");
    link("..", "up");
    link("folder/../../secret", "round-about");
    link(place.outside("secret").to_str().unwrap(), "absolute");
    link(place.at("file").to_str().unwrap(), "absolute-inside");
    link("out", "to-out");
    link("/", "root");
    link("/dev/stdin", "stdin");
    link("/proc/self/root", "magic");
    link("self", "self");
    link("b", "a");
    link("a", "b");
    link("gone", "broken");
    for i in 0..60 {
        link(&format!("chain{}", i + 1), &format!("chain{i}"));
    }
    place.write("chain60", "x");
    mknodat(CWD, place.at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    link("fifo", "to-fifo");
    let _socket = UnixListener::bind(place.at("socket")).unwrap();
    let long = "x".repeat(256);
    let deep = "folder/".repeat(600) + "file";
    let rows: [(&str, Option<Refusal>); 30] = [
        ("nothing", NOTHING),
        ("folder/nothing", NOTHING),
        ("file/below", NOTHING),
        ("broken", NOTHING),
        ("nul\0byte", NOTHING),
        ("out", OUTSIDE),
        ("out-folder/secret", OUTSIDE),
        ("up", OUTSIDE),
        ("up/secret", OUTSIDE),
        ("round-about", OUTSIDE),
        ("absolute", OUTSIDE),
        ("absolute-inside", OUTSIDE),
        ("to-out", OUTSIDE),
        ("root", OUTSIDE),
        ("root/etc/passwd", OUTSIDE),
        ("stdin", OUTSIDE),
        ("magic", OUTSIDE),
        // The core refuses these; the store does not depend on it.
        ("..", OUTSIDE),
        ("../secret", OUTSIDE),
        ("folder/../../secret", OUTSIDE),
        ("/etc/passwd", OUTSIDE),
        ("self", LOOP),
        ("self/x", LOOP),
        ("a", LOOP),
        ("chain0", LOOP),
        ("fifo", SPECIAL),
        ("to-fifo", SPECIAL),
        ("socket", SPECIAL),
        (&long, TOO_LONG),
        (&deep, TOO_LONG),
    ];
    let store = place.store();
    for (path, reason) in rows {
        // A second look is answered from what is known by then.
        for when in [asked(), asked(), later(10)] {
            let looked = look(&store, path, &when);
            assert_eq!(refused(&looked), reason, "{path}");
            assert!(matches!(looked.found, Found::Missing), "{path}: {looked:?}");
        }
    }
    assert_eq!(content(&file(&store, "chain30", &asked())), b"x");
}

#[test]
fn links_that_stay_inside_are_followed() {
    let place = Place::new();
    place.write("folder/file", "inside");
    symlink("folder/file", place.at("link")).unwrap();
    symlink("../folder/./file", place.at("folder/back")).unwrap();
    symlink("folder", place.at("to-folder")).unwrap();
    let store = place.store();
    for path in ["link", "folder/back", "to-folder/file", "to-folder/back"] {
        assert_eq!(content(&file(&store, path, &asked())), b"inside", "{path}");
    }
}

#[test]
fn a_fifo_whose_writer_waits_takes_no_notice() {
    let place = Place::new();
    let fifo = place.at("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let (tell, told) = mpsc::channel();
    let (path, open_for) = (fifo.clone(), tell.clone());
    let writer = thread::spawn(move || {
        tell.send("opens").unwrap();
        let _fifo = fs::File::options().write(true).open(path).unwrap();
        open_for.send("is open").unwrap();
    });
    assert_eq!(told.recv(), Ok("opens"));
    let store = place.store();
    for _ in 0..2000 {
        assert_eq!(refused(&look(&store, "fifo", &asked())), SPECIAL);
    }
    assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Empty), "a reader would have let the writer in");
    let _reader = fs::File::open(&fifo).unwrap();
    assert_eq!(told.recv(), Ok("is open"));
    writer.join().unwrap();
}

#[test]
fn root_a_device_is_missing() {
    let place = Place::new();
    for (name, kind, major, minor) in [
        ("null", FileType::CharacterDevice, 1, 3),
        ("tty", FileType::CharacterDevice, 5, 0),
        ("disk", FileType::BlockDevice, 7, 0),
    ] {
        mknodat(CWD, place.at(name), kind, Mode::from_raw_mode(0o666), makedev(major, minor)).unwrap();
    }
    let store = place.store();
    for name in ["null", "tty", "disk"] {
        assert_eq!(refused(&look(&store, name, &asked())), SPECIAL, "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_opened_is_a_problem_with_a_hint() {
    let place = Place::new();
    place.write("file", "x");
    let open = |name: &str| Store::open(&place.at(name), &Settings::default()).unwrap_err();
    let missing = open("nowhere");
    assert!(matches!(&missing, Problem::Root { error, .. } if error.kind() == ErrorKind::NotFound));
    assert!(missing.to_string().ends_with("nowhere: no such file or directory (ENOENT)"), "{missing}");
    let file = open("file");
    assert!(matches!(file, Problem::NotAFolder { .. }));
    for problem in [missing, file] {
        assert!(problem.hint().is_some() && problem.status() == 8, "{problem}");
    }
}

#[test]
fn the_folder_itself_may_be_reached_by_links_and_moved() {
    let place = Place::new();
    place.write("file", "x");
    symlink(place.site(), place.outside("link")).unwrap();
    let store = Store::open(&place.outside("link"), &Settings::default()).unwrap();
    assert_eq!(content(&file(&store, "file", &asked())), b"x");
    fs::rename(place.site(), place.outside("moved")).unwrap();
    fs::create_dir(place.site()).unwrap();
    fs::write(place.at("file"), SECRET).unwrap();
    assert_eq!(content(&file(&store, "file", &later(5))), b"x", "the descriptor stays what it was");
}

#[test]
fn a_file_that_nobody_may_read_is_forbidden_to_an_ordinary_user() {
    let place = Place::new();
    let closed = place.write("closed", "x");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
    let store = place.store();
    let looked = look(&store, "closed", &asked());
    if rustix::fs::access(&closed, rustix::fs::Access::READ_OK).is_ok() {
        // Root may read everything.
        assert_eq!(refused(&looked), None);
    } else {
        assert_eq!(refused(&looked).map(Refusal::status), Some(403));
    }
}
