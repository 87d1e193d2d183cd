//! The device key and the known hubs on the disk: permissions, processes that come at once, damage.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use puerta_talk::identity::{Book, Folder, Key, KnownHub, Trust, folder_of};
use puerta_talk::problem::{Kind, Problem};
use puerta_talk::room::ids::Device;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of the test's own, removed at its end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("puerta-identity-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    fn folder(&self) -> PathBuf {
        self.0.join("config").join("puerta")
    }

    fn open(&self) -> Folder {
        Folder::open(&self.folder()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn hub(name: &str, key: u8, port: u16) -> KnownHub {
    KnownHub {
        name: name.to_owned(),
        addresses: vec![format!("10.0.0.5:{port}").parse().unwrap()],
        key: Device([key; 32]),
        room: "main".to_owned(),
        trust: Trust::Agreed,
        last_used: 1,
    }
}

#[test]
fn the_folder_is_where_xdg_says_or_in_the_home() {
    let os = |text| Some(OsStr::new(text));
    assert_eq!(folder_of(os("/x"), os("/home/ana")).unwrap(), Path::new("/x/puerta"));
    assert_eq!(folder_of(None, os("/home/ana")).unwrap(), Path::new("/home/ana/.config/puerta"));
    for not_absolute in ["", "config"] {
        assert_eq!(folder_of(os(not_absolute), os("/home/ana")).unwrap(), Path::new("/home/ana/.config/puerta"));
    }
    let problem = folder_of(None, os("")).unwrap_err();
    assert!(matches!(problem, Problem::NoHome));
    assert_eq!(problem.status(), 8);
}

#[test]
fn a_key_is_made_on_first_use_0600_in_0700_and_stays() {
    let place = Place::new("first");
    let key = Key::of(&place.open()).unwrap();
    assert_eq!(mode(&place.folder()), 0o700);
    assert_eq!(mode(place.folder().parent().unwrap()), 0o700);
    assert_eq!(mode(&place.folder().join("key")), 0o600);
    let files: Vec<_> = fs::read_dir(place.folder()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, ["key"], "no draft is left");
    let before = fs::read(place.folder().join("key")).unwrap();
    assert_eq!(Key::of(&place.open()).unwrap().device(), key.device());
    assert_eq!(fs::read(place.folder().join("key")).unwrap(), before);
    assert_ne!(Key::generate().unwrap().device(), key.device());
}

/// RFC 8410, section 10.3.
#[test]
fn a_key_that_another_tool_made_is_read() {
    let place = Place::new("rfc");
    let folder = place.open();
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    fs::write(place.folder().join("key"), pem).unwrap();
    chmod(&place.folder().join("key"), 0o600);
    assert_eq!(Key::of(&folder).unwrap().device().0[..4], [0x19, 0xbf, 0x44, 0x09]);
}

/// Also what the test below starts as a process of its own, in a folder that it names.
#[test]
fn a_process_makes_its_key_or_takes_the_one_that_is_there() {
    let own = Place::new("process");
    let path = std::env::var_os("PUERTA_TEST_KEY_FOLDER").map_or_else(|| own.folder(), PathBuf::from);
    let folder = Folder::open(&path).unwrap();
    let key = Key::of(&folder).unwrap();
    assert_eq!(Key::of(&folder).unwrap().device(), key.device());
    println!("device {:?}", key.device());
}

#[test]
fn processes_that_start_at_once_end_up_with_one_key() {
    for round in 0..8 {
        let place = Place::new(&format!("race{round}"));
        let start = || {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "a_process_makes_its_key_or_takes_the_one_that_is_there", "--nocapture"])
                .env("PUERTA_TEST_KEY_FOLDER", place.folder())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let started: Vec<_> = (0..8).map(|_| start()).collect();
        let mut told: Vec<String> = Vec::new();
        for child in started {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            let text = String::from_utf8(output.stdout).unwrap();
            told.push(text.lines().find(|l| l.contains("device ")).unwrap().to_owned());
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(&format!("{:?}", Key::of(&place.open()).unwrap().device())));
        let files: Vec<_> = fs::read_dir(place.folder()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(files, ["key"]);
    }
}

#[test]
fn what_is_open_to_others_is_refused_with_the_command_that_mends_it() {
    let place = Place::new("loose");
    let folder = place.open();
    let key = place.folder().join("key");
    Key::of(&folder).unwrap();
    for loose in [0o644, 0o640, 0o620, 0o602, 0o601] {
        chmod(&key, loose);
        let problem = Key::of(&folder).unwrap_err();
        assert!(matches!(problem, Problem::Loose { kind: Kind::File, mode, .. } if mode == loose), "{problem:?}");
        assert_eq!(problem.to_string(), format!("{} is open to others (mode {loose:04o}): not used", key.display()));
        let hint = problem.hint().unwrap().into_owned();
        assert_eq!(hint, format!("chmod 600 {}", key.display()));
        assert!(Command::new("sh").args(["-c", &hint]).status().unwrap().success());
        Key::of(&folder).unwrap();
    }
    for loose in [0o755, 0o750, 0o710, 0o701, 0o777] {
        chmod(&place.folder(), loose);
        let problem = Folder::open(&place.folder()).unwrap_err();
        assert!(matches!(problem, Problem::Loose { kind: Kind::Folder, .. }), "{problem:?}");
        let hint = problem.hint().unwrap().into_owned();
        assert_eq!(hint, format!("chmod 700 {}", place.folder().display()));
        assert!(Command::new("sh").args(["-c", &hint]).status().unwrap().success());
        Folder::open(&place.folder()).unwrap();
    }
    Book::of(&folder).remember(hub("ana", 1, 1)).unwrap();
    for name in ["hubs.toml", "hubs.lock"] {
        assert_eq!(mode(&place.folder().join(name)), 0o600);
        chmod(&place.folder().join(name), 0o604);
        let problem = Book::of(&folder).remember(hub("ana", 1, 2)).unwrap_err();
        assert!(matches!(&problem, Problem::Loose { path, .. } if path.ends_with(name)), "{problem:?}");
        chmod(&place.folder().join(name), 0o600);
    }
}

#[test]
fn a_path_that_needs_quotes_has_them_in_the_command() {
    let place = Place::new("it's $HOME");
    let folder = place.open();
    Key::of(&folder).unwrap();
    let key = place.folder().join("key");
    chmod(&key, 0o644);
    let hint = Key::of(&folder).unwrap_err().hint().unwrap().into_owned();
    assert!(Command::new("sh").args(["-c", &hint]).status().unwrap().success(), "{hint}");
    assert_eq!(mode(&key), 0o600);
}

#[test]
fn links_and_what_is_no_file_are_refused_and_stay_untouched() {
    let place = Place::new("kinds");
    let folder = place.open();
    let (key, elsewhere) = (place.folder().join("key"), place.0.join("elsewhere"));
    Key::of(&folder).unwrap();
    fs::rename(&key, &elsewhere).unwrap();
    symlink(&elsewhere, &key).unwrap();
    let problem = Key::of(&folder).unwrap_err();
    assert!(matches!(problem, Problem::WrongKind { kind: Kind::File, link: true, .. }), "{problem:?}");
    assert_eq!(problem.status(), 8);
    fs::remove_file(&key).unwrap();

    symlink(place.0.join("nowhere"), &key).unwrap();
    assert!(matches!(Key::of(&folder), Err(Problem::WrongKind { link: true, .. })));
    assert!(!place.0.join("nowhere").exists());
    fs::remove_file(&key).unwrap();

    fs::create_dir(&key).unwrap();
    assert!(matches!(Key::of(&folder), Err(Problem::WrongKind { link: false, .. })));
    fs::remove_dir(&key).unwrap();

    // A pipe would let open(2) wait for ever.
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&key).status().unwrap().success());
    assert!(matches!(Key::of(&folder), Err(Problem::WrongKind { link: false, .. })));
    fs::remove_file(&key).unwrap();

    let link = place.0.join("link");
    symlink(place.folder(), &link).unwrap();
    let problem = Folder::open(&link).unwrap_err();
    assert!(matches!(problem, Problem::WrongKind { kind: Kind::Folder, link: true, .. }), "{problem:?}");
    let file = place.0.join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(Folder::open(&file), Err(Problem::WrongKind { kind: Kind::Folder, link: false, .. })));
}

#[test]
fn a_damaged_key_is_refused_and_never_written_over() {
    let place = Place::new("damaged");
    let folder = place.open();
    let key = place.folder().join("key");
    Key::of(&folder).unwrap();
    let good = fs::read(&key).unwrap();
    let mut cases = vec![Vec::new(), b"\n".to_vec(), vec![b'x'; good.len()], vec![0; 1 << 20]];
    cases.push(good[..good.len() - 1].to_vec());
    cases.push([&good[..], b"\n"].concat());
    for (at, to) in [(0, b'_'), (28, b'N'), (40, b'!'), (50, b'A'), (91, b'='), (good.len() - 2, b'_')] {
        let mut bad = good.clone();
        bad[at] = to;
        if bad != good {
            cases.push(bad);
        }
    }
    for bad in cases {
        fs::write(&key, &bad).unwrap();
        match Key::of(&folder) {
            // Every 32 bytes are a private key: another key, but a whole one.
            Ok(_) => assert!(bad.len() == good.len() && bad[..49] == good[..49]),
            Err(problem) => {
                assert!(matches!(problem, Problem::KeyDamaged { .. }), "{problem:?}");
                let told = format!("{problem} {problem:?} {}", problem.hint().unwrap());
                assert!(!told.contains(&String::from_utf8_lossy(&good[60..80]).into_owned()), "{told}");
            }
        }
        assert_eq!(fs::read(&key).unwrap(), bad);
    }
}

#[test]
fn root_what_belongs_to_somebody_else_is_refused() {
    let place = Place::new("foreign");
    let folder = place.open();
    let key = place.folder().join("key");
    Key::of(&folder).unwrap();
    std::os::unix::fs::chown(&key, Some(12_345), None).unwrap();
    let problem = Key::of(&folder).unwrap_err();
    assert!(matches!(problem, Problem::NotOurs { kind: Kind::File, .. }), "{problem:?}");
    let hint = problem.hint().unwrap().into_owned();
    assert_eq!(hint, format!("make it yours: sudo chown \"$(id -u)\" {}", key.display()));
    std::os::unix::fs::chown(place.folder(), Some(12_345), None).unwrap();
    let problem = Folder::open(&place.folder()).unwrap_err();
    assert!(matches!(problem, Problem::NotOurs { kind: Kind::Folder, .. }), "{problem:?}");
}

#[test]
fn hubs_are_remembered_and_forgotten() {
    let place = Place::new("hubs");
    let book = Book::of(&place.open());
    assert_eq!(book.read().unwrap().all(), []);
    assert!(!place.folder().join("hubs.toml").exists(), "reading makes nothing");
    book.remember(hub("ana", 1, 7777)).unwrap();
    book.remember(hub("bea", 2, 7778)).unwrap();
    assert_eq!(book.read().unwrap().all(), [hub("ana", 1, 7777), hub("bea", 2, 7778)]);
    assert_eq!(book.forget("ana").unwrap(), hub("ana", 1, 7777));
    assert!(matches!(book.forget("ana"), Err(Problem::UnknownHub { .. })));
    assert_eq!(book.read().unwrap().all(), [hub("bea", 2, 7778)]);
    let before = fs::read(place.folder().join("hubs.toml")).unwrap();
    assert!(matches!(book.remember(hub("bea", 3, 7778)), Err(Problem::KeyChanged { .. })));
    assert_eq!(fs::read(place.folder().join("hubs.toml")).unwrap(), before);
    let mut files: Vec<_> = fs::read_dir(place.folder()).unwrap().map(|f| f.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["hubs.lock", "hubs.toml"]);
}

#[test]
fn a_damaged_file_of_hubs_is_told_with_its_line_and_not_written_over() {
    let place = Place::new("broken");
    let book = Book::of(&place.open());
    book.remember(hub("ana", 1, 7777)).unwrap();
    let path = place.folder().join("hubs.toml");
    let good = fs::read(&path).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let cases = [
        (text.replace("name = ", "nam = ").into_bytes(), 4),
        ([&good[..], b"\nbad \x1b[2J line"].concat(), text.lines().count() + 2),
        ([&good[..], b"# \xff"].concat(), text.lines().count() + 1),
        (vec![b'#'; (1 << 20) + 1], 1),
    ];
    for (bad, expected) in cases {
        fs::write(&path, &bad).unwrap();
        let problems =
            [book.read().unwrap_err(), book.remember(hub("bea", 2, 1)).unwrap_err(), book.forget("ana").unwrap_err()];
        for problem in problems {
            assert!(
                matches!(problem, Problem::HubsDamaged { line, .. } if line == expected),
                "{expected}: {problem:?}"
            );
            assert_eq!(problem.status(), 8);
            assert!(!problem.to_string().contains(char::is_control), "{problem}");
        }
        assert_eq!(fs::read(&path).unwrap(), bad);
    }
}

/// Also what the test below starts as processes of their own.
#[test]
fn a_process_remembers_its_hubs() {
    let own = Place::new("remembers");
    let path = std::env::var_os("PUERTA_TEST_HUBS_FOLDER").map_or_else(|| own.folder(), PathBuf::from);
    let me: u8 = std::env::var("PUERTA_TEST_HUBS_NUMBER").map_or(0, |n| n.parse().unwrap());
    let book = Book::of(&Folder::open(&path).unwrap());
    for n in 0..10 {
        let port = u16::from(me) * 100 + u16::from(n) + 1;
        book.remember(hub(&format!("hub{port}"), me * 10 + n + 1, port)).unwrap();
    }
    assert!(book.read().unwrap().all().len() >= 10);
}

#[test]
fn processes_that_remember_at_once_lose_nothing() {
    let place = Place::new("together");
    let start = |n: u8| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_remembers_its_hubs"])
            .env("PUERTA_TEST_HUBS_FOLDER", place.folder())
            .env("PUERTA_TEST_HUBS_NUMBER", n.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let started: Vec<_> = (0..6).map(start).collect();
    for child in started {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(Book::of(&place.open()).read().unwrap().all().len(), 60);
}

#[test]
fn a_lock_that_another_holds_is_waited_for() {
    let place = Place::new("lock");
    let book = Book::of(&place.open());
    book.remember(hub("ana", 1, 1)).unwrap();
    let lock = fs::OpenOptions::new().write(true).open(place.folder().join("hubs.lock")).unwrap();
    lock.lock().unwrap();
    let problem = book.remember(hub("bea", 2, 2)).unwrap_err();
    assert!(matches!(problem, Problem::HubsLocked { .. }), "{problem:?}");
    assert_eq!(book.read().unwrap().all().len(), 1, "reading needs no lock");
    lock.unlock().unwrap();
    book.remember(hub("bea", 2, 2)).unwrap();
}
