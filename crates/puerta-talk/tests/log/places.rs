//! Which files the log takes, and which it leaves alone.

use crate::folder::Folder;
use crate::{batch, beginning};
use puerta_talk::log::{Ended, Place, Problem, Store, What, export, running};
use puerta_talk::room::ids::{MemberNo, MessageId, RoomNo};
use puerta_talk::room::store::{Answer, Ask, Log, Token};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

fn refused(path: &Path) -> Problem {
    Place::open(path).map(drop).unwrap_err()
}

fn written(folder: &Folder) {
    let place = Place::open(&folder.store()).unwrap();
    Store::new(&place).unwrap().write(&[beginning(), batch(2, 1..100)]).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_store_is_made_for_one_user_alone() {
    let folder = Folder::new();
    let path = folder.path().join("deep/er/room.db");
    let place = Place::open(&path).unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap()), mode(folder.path())), (0o600, 0o700, 0o700));
    Store::new(&place).unwrap().write(&[beginning()]).unwrap();
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_looser_file_or_folder_is_refused_with_the_command_that_mends_it() {
    let folder = Folder::new();
    written(&folder);
    for (what, loose, right) in [(folder.store(), 0o640, 0o600), (folder.path().to_owned(), 0o770, 0o700)] {
        fs::set_permissions(&what, fs::Permissions::from_mode(loose)).unwrap();
        let problem = refused(&folder.store());
        assert!(matches!(problem.what, What::Loose { .. }), "{problem}");
        assert!(Command::new("sh").args(["-c", &problem.hint()]).status().unwrap().success());
        assert_eq!(mode(&what), right);
        drop(Place::open(&folder.store()).unwrap());
    }
}

/// In a folder in which others may make files, too, as /tmp: what may lie beside a store, and the store.
fn in_a_sticky_folder() -> (Folder, Vec<std::path::PathBuf>) {
    let folder = Folder::new();
    written(&folder);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    drop(Place::open(&folder.store()).unwrap());
    let all = ["-journal", "-wal", "-shm", ".lock", ""].map(|end| folder.path().join(format!("room.db{end}"))).into();
    (folder, all)
}

#[test]
fn root_a_store_of_another_user_or_what_such_a_one_has_put_beside_it_is_refused() {
    let (folder, all) = in_a_sticky_folder();
    let before = fs::read(folder.store()).unwrap();
    for path in all {
        fs::File::options().create(true).append(true).open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        let problem = refused(&folder.store());
        assert!(matches!(problem.what, What::Foreign) && problem.path == path, "{problem}");
        assert_eq!(problem.hint(), "choose a file in a folder of your own with --store");
        assert_eq!((fs::read(folder.store()).unwrap(), fs::metadata(&path).unwrap().uid()), (before.clone(), 12_345));
        if path != folder.store() {
            fs::remove_file(&path).unwrap();
            drop(Place::open(&folder.store()).unwrap());
        }
    }
}

#[test]
fn what_lies_beside_a_store_and_is_no_file_is_refused() {
    let (folder, all) = in_a_sticky_folder();
    let precious = folder.path().join("precious");
    for path in all.into_iter().filter(|path| *path != folder.store()) {
        fs::write(&precious, "precious").unwrap();
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        let problem = refused(&folder.store());
        assert!(matches!(problem.what, What::NotOurs) && problem.path == path, "{problem}");
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
    }
    drop(Place::open(&folder.store()).unwrap());
}

#[test]
fn two_hubs_never_share_a_store_also_by_another_name() {
    let folder = Folder::new();
    let mut place = Place::open(&folder.store()).unwrap();
    assert_eq!(running(&folder.store()), None);
    place.announce("192.0.2.1:7777").unwrap();
    let link = folder.path().join("other.db");
    std::os::unix::fs::symlink(folder.store(), &link).unwrap();
    for path in [folder.store(), link] {
        let problem = refused(&path);
        assert!(matches!(&problem.what, What::Running { hub: Some(hub) } if hub == "192.0.2.1:7777"), "{problem}");
        assert_eq!(running(&path).as_deref(), Some("192.0.2.1:7777"));
    }
    drop(place);
    assert_eq!(running(&folder.store()), None);
    drop(Place::open(&folder.store()).unwrap());
}

#[test]
fn what_is_no_store_stays_as_it_is() {
    let folder = Folder::new();
    fs::create_dir(folder.path()).unwrap();
    let path = folder.store();
    let other = folder.path().join("other.db");
    let made = Command::new("sqlite3").arg(&other).arg("PRAGMA journal_mode = WAL; CREATE TABLE t (a);").output();
    assert!(made.unwrap().status.success());
    for content in [b"precious".to_vec(), Vec::new(), vec![0; 5000], fs::read(other).unwrap()] {
        fs::write(&path, &content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let problem = refused(&path);
        assert!(matches!(problem.what, What::NotOurs), "{problem}");
        assert!(export(&path, "main", |_| Ok(())).is_err());
        assert_eq!(fs::read(&path).unwrap(), content);
        // Others may read it, but it is not for us to say that they should not.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(refused(&path).what, What::NotOurs));
        fs::remove_file(&path).unwrap();
    }
    fs::create_dir(&path).unwrap();
    assert!(matches!(refused(&path).what, What::NotOurs));
}

#[test]
fn a_store_of_a_later_version_stays_as_it_is() {
    let folder = Folder::new();
    written(&folder);
    assert!(Command::new("sqlite3").arg(folder.store()).arg("PRAGMA user_version = 9;").status().unwrap().success());
    let before = fs::read(folder.store()).unwrap();
    assert!(matches!(refused(&folder.store()).what, What::Newer { version: 9 }));
    assert_eq!(fs::read(folder.store()).unwrap(), before);
}

#[test]
fn a_store_of_version_1_is_brought_up_to_date_with_all_that_is_in_it() {
    let folder = Folder::new();
    fs::create_dir(folder.path()).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let path = folder.store();
    let made = Command::new("sqlite3").arg(&path).arg(include_str!("version_1.sql")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let Err(Ended::Problem(problem)) = export(&path, "main", |_| Ok(())) else { panic!("read") };
    assert!(matches!(problem.what, What::Older { version: 1 }), "{problem}");
    let texts = |store: &Store<'_>, room| match store.answer(&Ask::After { room: RoomNo(room), seq: 0, limit: 9 }) {
        Answer::Records(records) => records.into_iter().map(|r| r.text).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    for _ in 0..2 {
        let place = Place::open(&path).unwrap();
        let mut store = Store::new(&place).unwrap();
        assert_eq!(
            [texts(&store, 1), texts(&store, 2), texts(&store, 3)],
            [vec!["hola", "waves"], vec!["psst"], vec!["psst", "note"]]
        );
        assert_eq!(store.load().unwrap().joined.len(), 2);
        let last = |from, stream| store.answer(&Ask::Last { from: MemberNo(from), streams: vec![stream] });
        assert_eq!([last(1, 7), last(2, 8)], [Answer::Last(vec![(7, 2)]), Answer::Last(vec![(8, u64::MAX)])]);
        let id = MessageId { stream: 7, number: 2 };
        let found = store.answer(&Ask::Find { from: MemberNo(1), id });
        assert!(matches!(found, Answer::Found(Some(record)) if record.room == RoomNo(2) && record.text == "psst"));
    }
    let indexed = "SELECT (SELECT count(*) FROM ids) = (SELECT count(*) FROM messages), through > 0 FROM found;";
    let shown = Command::new("sqlite3").arg(&path).arg(indexed).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "1|1\n");
    let mut count = 0;
    export(&path, "main", |_| {
        count += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(count, 2);
}

#[test]
fn a_damaged_store_is_refused_when_the_hub_before_was_killed() {
    let folder = Folder::new();
    written(&folder);
    let file = fs::File::options().write(true).open(folder.store()).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    (1..pages).for_each(|page| file.write_all_at(&[0xa5; 64], page * 4096).unwrap());
    fs::write(folder.path().join("room.db-wal"), [0; 4152]).unwrap();
    let before = fs::read(folder.store()).unwrap();
    let problem = refused(&folder.store());
    assert!(matches!(problem.what, What::Damaged { .. }), "{problem}");
    assert_eq!(fs::read(folder.store()).unwrap(), before);
}

#[test]
fn a_damaged_store_that_was_closed_well_is_refused_as_such_by_who_writes() {
    let folder = Folder::new();
    written(&folder);
    let file = fs::File::options().write(true).open(folder.store()).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    (3..pages).for_each(|page| file.write_all_at(&[0xa5; 4096], page * 4096).unwrap());
    let place = Place::open(&folder.store()).unwrap();
    let problem = Store::new(&place).expect_err("no store that can be read");
    assert!(matches!(problem.what, What::Damaged { .. }), "{problem}");
    assert!(problem.hint().contains(".recover"), "{}", problem.hint());
}

#[test]
fn no_token_is_in_the_file_and_sqlite3_shows_what_is() {
    use puerta_talk::room::store::{Batch, Invite, Write};
    let folder = Folder::new();
    let token = Token(*b"a secret of ours");
    {
        let place = Place::open(&folder.store()).unwrap();
        let invite = Invite { token: token.hash(), room: RoomNo(1), until: 1_700_000_000_000, once: true };
        let writes = vec![Write::Invite(invite)];
        Store::new(&place).unwrap().write(&[beginning(), Batch { number: 2, writes }, batch(3, [1])]).unwrap();
    }
    assert!(!fs::read(folder.store()).unwrap().windows(16).any(|part| part == token.0));
    let asked = "SELECT * FROM messages_readable; SELECT room, until_utc, good_for FROM invites_readable;";
    let shown = Command::new("sqlite3").arg(folder.store()).arg(asked).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let wanted = "#main|1|2023-11-14 22:13:20.000|member 1||text|hola|fffffffffffffff8-1\n\
                  #main|2023-11-14 22:13:20|one device\n";
    assert_eq!(shown, wanted);
}
