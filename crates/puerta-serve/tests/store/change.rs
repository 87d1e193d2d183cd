//! Files that change while they are served: nothing old for longer than a second, no tag for other bytes than its own.

use crate::common::{Place, asked, content, file, later, look, probe, refused};
use puerta_serve::core::encoding::{Accepted, Coding};
use puerta_serve::core::etag::ETag;
use puerta_serve::core::found::{Content, Found};
use puerta_serve::problem::Refusal;
use puerta_serve::store::folder::{Fault, Wait};
use puerta_serve::store::{Asked, Now, Settings, Store};
use std::collections::HashSet;
use std::fs::{self, File, FileTimes};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// So many milliseconds after `start`.
fn at(start: Now, ms: u64) -> Asked {
    let after = Duration::from_millis(ms);
    Asked { now: Now { instant: start.instant + after, wall: start.wall + after }, ..asked() }
}

#[test]
fn a_change_shows_within_a_second_whatever_it_is() {
    let place = Place::new();
    let changes: [(&str, &dyn Fn()); 6] = [
        ("written over in place", &|| fs::write(place.at("a.txt"), "new").unwrap()),
        ("replaced", &|| {
            fs::write(place.at("next"), "new").unwrap();
            fs::rename(place.at("next"), place.at("a.txt")).unwrap();
        }),
        ("truncated", &|| File::options().write(true).open(place.at("a.txt")).unwrap().set_len(1).unwrap()),
        ("of the same length and mtime", &|| {
            let modified = fs::metadata(place.at("a.txt")).unwrap().modified().unwrap();
            let file = File::options().write(true).open(place.at("a.txt")).unwrap();
            (&file).write_all(b"wen").unwrap();
            file.set_times(FileTimes::new().set_modified(modified)).unwrap();
        }),
        ("replaced by one of the same length and mtime", &|| {
            let modified = fs::metadata(place.at("a.txt")).unwrap().modified().unwrap();
            let mut file = File::create(place.at("next")).unwrap();
            file.write_all(b"neu").unwrap();
            file.set_times(FileTimes::new().set_modified(modified)).unwrap();
            fs::rename(place.at("next"), place.at("a.txt")).unwrap();
        }),
        ("replaced by a link", &|| {
            fs::write(place.at("b"), "linked").unwrap();
            fs::remove_file(place.at("a.txt")).unwrap();
            symlink("b", place.at("a.txt")).unwrap();
        }),
    ];
    for (what, change) in changes {
        for settled in [false, true] {
            let _ = fs::remove_file(place.at("a.txt"));
            place.write("a.txt", "old");
            let store = place.store();
            // Long after it was written, its times tell; at once, only its bytes do.
            let start = if settled { later(100).now } else { asked().now };
            let old = file(&store, "a.txt", &at(start, 0));
            assert_eq!(content(&old), b"old");
            if settled {
                // As it would long after: a file system may count in ticks.
                let changed = |name| fs::metadata(place.at(name)).map(|m| (m.ctime(), m.ctime_nsec())).unwrap();
                place.write("tick", "");
                while changed("tick") <= changed("a.txt") {
                    place.write("tick", "");
                }
            }
            change();
            let now = fs::read(place.at("a.txt")).unwrap();
            assert_eq!(content(&file(&store, "a.txt", &at(start, 999))), b"old", "{what}: it is kept");
            let new = file(&store, "a.txt", &at(start, 1000));
            assert_eq!(content(&new), now, "{what}, settled: {settled}");
            assert_ne!(new.etag, old.etag, "{what}");
            assert_eq!(new.etag, ETag::of_content(&now), "{what}");
        }
    }
}

#[test]
fn what_is_removed_closed_or_led_out_is_gone_within_a_second() {
    let place = Place::new();
    for kind in ["removed", "a folder", "led out"] {
        place.write("a/b.txt", "old");
        let store = place.store();
        let start = asked().now;
        file(&store, "a/b.txt", &at(start, 0));
        fs::remove_file(place.at("a/b.txt")).unwrap();
        match kind {
            "a folder" => fs::create_dir(place.at("a/b.txt")).unwrap(),
            "led out" => symlink("../../secret", place.at("a/b.txt")).unwrap(),
            _ => {}
        }
        let looked = look(&store, "a/b.txt", &at(start, 1000));
        assert_eq!(matches!(looked.found, Found::Folder(_)), kind == "a folder", "{kind}");
        assert_eq!(refused(&looked).is_some(), kind != "a folder", "{kind}: {looked:?}");
        fs::remove_dir_all(place.at("a")).unwrap();
    }
}

#[test]
fn a_touched_file_keeps_its_tag_and_a_copy_has_the_same() {
    let place = Place::new();
    let path = place.write("a.txt", "the same");
    place.write("copy.txt", "the same");
    let store = place.store();
    let before = file(&store, "a.txt", &asked());
    File::open(&path).unwrap().set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH)).unwrap();
    let after = file(&store, "a.txt", &later(5));
    assert_eq!(after.etag, before.etag);
    assert_eq!(after.modified.unwrap().seconds(), 0);
    assert_eq!(file(&store, "copy.txt", &asked()).etag, before.etag);
}

#[test]
fn tags_are_of_the_content_up_to_a_mebibyte_and_of_the_identity_above() {
    let place = Place::new();
    for (size, by_content) in [(0, true), (300 << 10, true), (1 << 20, true), ((1 << 20) + 1, false)] {
        let bytes = vec![b'x'; size];
        let path = place.write("a.bin", &bytes);
        let first = file(&place.store(), "a.bin", &asked());
        assert_eq!(first.etag == ETag::of_content(&bytes), by_content, "{size}");
        assert_eq!(content(&first), bytes);
        File::open(&path).unwrap().set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH)).unwrap();
        assert_eq!(file(&place.store(), "a.bin", &asked()).etag == first.etag, by_content, "{size}");
        let always = Settings { content_tags: true, ..Settings::default() };
        assert_eq!(file(&place.store_with(&always), "a.bin", &asked()).etag, ETag::of_content(&bytes), "{size}");
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_sent_says_so() {
    let place = Place::new();
    let path = place.write("film.bin", vec![1; 2 << 20]);
    let found = file(&place.store(), "film.bin", &asked());
    let Content::Open { file: handle, size } = &found.content else { panic!("{found:?}") };
    assert_eq!(*size, 2 << 20);
    let mut room = [0; 4096];
    assert_eq!(handle.read_at(1 << 20, &mut room, Wait::Allowed), Ok(4096));
    File::options().write(true).open(&path).unwrap().set_len(1 << 20).unwrap();
    let cut = Err(Fault::Refused(Refusal::Truncated));
    assert_eq!(handle.read_at(1 << 20, &mut room, Wait::Allowed), cut);
    assert_eq!(handle.read_at(1 << 20, &mut room, Wait::Never), cut);
    assert_eq!(handle.read_at((1 << 20) - 10, &mut room, Wait::Allowed), Ok(10));
    // Neither preparing it nor asking whether it is there waits for what is not.
    assert!(handle.fetch(0, 2 << 20).is_ok() && handle.is_warm(0, 2 << 20));
    // Replaced, the open one is what it was.
    fs::remove_file(&path).unwrap();
    assert_eq!(handle.read_at(0, &mut room, Wait::Allowed), Ok(4096));
    assert_eq!(handle.path(), b"film.bin");
}

/// One file is written all the time, each time another digit and another length, and read all the time. A reading that met a change has
/// a tag that nobody gets again.
#[test]
fn a_file_that_is_written_all_the_time_never_gets_a_tag_of_other_bytes() {
    let place = Place::new();
    let size = 250 << 10;
    let path = place.write("busy.bin", vec![b'0'; size]);
    let (stop, barrier) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(2)));
    let writer = thread::spawn({
        let (stop, barrier) = (Arc::clone(&stop), Arc::clone(&barrier));
        move || {
            let mut file = File::options().write(true).open(path).unwrap();
            barrier.wait();
            for digit in (b'0'..=b'9').cycle() {
                file.seek(SeekFrom::Start(0)).unwrap();
                let content = vec![digit; size - usize::from(digit)];
                file.write_all(&content).unwrap();
                // Whatever the clock of the file system is worth, a change shows in the length.
                file.set_len(content.len() as u64).unwrap();
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
    });
    barrier.wait();
    let store = place.store();
    let (begin, mut tags) = (Instant::now(), HashSet::new());
    for seconds in (0..).step_by(2) {
        let found = file(&store, "busy.bin", &later(seconds));
        match &found.content {
            Content::Memory(bytes) => assert_eq!(found.etag, ETag::of_content(bytes)),
            Content::Open { .. } => assert!(tags.insert(found.etag), "a tag that was given once is given again"),
        }
        if seconds >= 200 && tags.len() >= 20 {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{} of {seconds} readings met a change", tags.len());
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

#[test]
fn a_hot_file_is_answered_without_waiting_and_from_memory() {
    let place = Place::new();
    place.write("a.html", "hot");
    let store = place.store();
    // What has just been written lies in the system's memory; its device is learnt at the first look. So is that a name is not there.
    let now = asked();
    file(&store, "a.html", &now);
    look(&store, "nothing", &now);
    stays_hot(&store, "a.html", now.now);
    assert!(matches!(probe(&store, "nothing", &now).unwrap().found, Found::Missing));
    assert!(matches!(probe(&store, "", &now).unwrap().found, Found::Folder(_)));
}

#[test]
fn what_lies_in_memory_alone_is_never_waited_for() {
    for place in [Place::new(), Place::quick()] {
        place.write("a.bin", "hot");
        place.write("large.bin", vec![0; 2 << 20]);
        let store = place.store();
        let now = asked();
        look(&store, "", &now);
        stays_hot(&store, "a.bin", now.now);
        let large = probe(&store, "large.bin", &now).expect("no waiting");
        let Found::File(large) = large.found else { panic!("{large:?}") };
        let Content::Open { file: handle, .. } = &large.content else { panic!("{large:?}") };
        assert!(handle.is_warm(0, 2 << 20), "what was just written is in memory");
        assert_eq!(handle.read_at(5, &mut [0; 100], Wait::Never), Ok(100));
    }
}

fn stays_hot(store: &Store, path: &str, start: Now) {
    for ms in [0, 500, 999, 1000, 1999, 2000, 10_000] {
        let found = probe(store, path, &at(start, ms)).expect("no waiting");
        assert!(matches!(&found.found, Found::File(f) if matches!(&f.content, Content::Memory(b) if b == "hot")));
    }
}

#[test]
fn with_no_cache_at_all_files_are_served_too() {
    let place = Place::new();
    place.write("a.txt", "x".repeat(2000));
    let store = place.store_with(&Settings { cache: 0, ..Settings::default() });
    for _ in 0..3 {
        let gzip = Asked { codings: Accepted::read([&b"gzip"[..]].into_iter()), ..asked() };
        let found = file(&store, "a.txt", &gzip);
        assert_eq!((found.coding, content(&found).len()), (Coding::Identity, 2000));
    }
    assert_eq!(store.cached(), 0);
}

#[test]
fn a_file_of_no_time_that_http_knows_is_served_without_one() {
    let place = Place::new();
    let path = place.write("a.txt", "x");
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_millis(1_500);
    File::open(&path).unwrap().set_times(FileTimes::new().set_modified(before_1970)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mtime(), -2);
    assert_eq!(file(&place.store(), "a.txt", &asked()).modified, None);
}
