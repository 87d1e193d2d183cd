//! Files in other codings: neighbours that were compressed before, and variants made once.

use crate::common::{Place, asked, content, file, later, probe};
use puerta_serve::core::encoding::{Accepted, Coding};
use puerta_serve::core::found;
use puerta_serve::store::handle::Handle;
use puerta_serve::store::{Asked, Settings, Store};
use std::fs::{self, File, FileTimes};
use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

fn with(codings: &str, asked: Asked) -> Asked {
    Asked { codings: Accepted::read([codings.as_bytes()].into_iter()), ..asked }
}

/// Asks until the file comes in that coding.
fn wait_for(store: &Store, path: &str, coding: Coding) -> found::File<Handle> {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let found = file(store, path, &with(coding.name(), asked()));
        if found.coding == coding {
            return found;
        }
        assert_eq!(found.coding, Coding::Identity);
        assert!(Instant::now() < limit, "{path} never comes in {coding:?}");
        std::thread::yield_now();
    }
}

fn decoded(bytes: &[u8], coding: Coding) -> Vec<u8> {
    let mut content = Vec::new();
    match coding {
        Coding::Identity => content.extend(bytes),
        Coding::Gzip => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut content).unwrap()),
        Coding::Zstd => content = zstd::stream::decode_all(bytes).unwrap(),
        Coding::Brotli => brotli::BrotliDecompress(&mut &bytes[..], &mut content).unwrap(),
    }
    content
}

#[test]
fn a_variant_is_made_once_and_the_file_is_sent_as_it_is_until_then() {
    let place = Place::new();
    for (name, size) in [("small.html", 2000), ("large.html", 600 << 10)] {
        let text: String = (0..).map(|i| format!("line {i}\n")).take_while_len(size);
        place.write(name, &text);
        let store = place.store();
        let first = file(&store, name, &with("br, gzip, zstd", asked()));
        assert_eq!((first.coding, first.varies), (Coding::Identity, true));
        let mut tags = vec![first.etag];
        for coding in Coding::ALL {
            let made = wait_for(&store, name, coding);
            assert_eq!(decoded(&content(&made), coding), text.as_bytes(), "{name} {coding:?}");
            assert_eq!((made.media.clone(), made.modified), (first.media.clone(), first.modified));
            tags.push(made.etag);
            let again = file(&store, name, &with(coding.name(), asked()));
            assert_eq!((again.coding, again.etag), (coding, made.etag));
        }
        tags.sort_by_key(|tag| *tag.text());
        tags.dedup();
        assert_eq!(tags.len(), 4, "codings have tags of their own");
        assert_eq!(file(&store, name, &asked()).etag, first.etag);
        // What was made goes with the file that it was made of.
        fs::write(place.at(name), "x".repeat(3000)).unwrap();
        let changed = file(&store, name, &with("br", later(5)));
        assert_eq!((changed.coding, content(&changed).len()), (Coding::Identity, 3000));
    }
}

#[test]
fn who_would_not_take_a_file_as_it_is_waits_until_it_is_compressed() {
    let place = Place::new();
    for (name, size) in [("small.html", 2000), ("large.html", 600 << 10)] {
        let text: String = (0..).map(|i| format!("line {i}\n")).take_while_len(size);
        place.write(name, &text);
        let store = place.store();
        let strict = |coding: Coding| with(&format!("{}, identity;q=0", coding.name()), asked());
        for coding in Coding::ALL {
            // It is known, and perhaps somebody else has just begun.
            file(&store, name, &if coding == Coding::Gzip { with("gzip", asked()) } else { asked() });
            assert!(coding == Coding::Gzip || probe(&store, name, &strict(coding)).is_none(), "{name} {coding:?}");
            let found = file(&store, name, &strict(coding));
            assert_eq!(found.coding, coding, "{name}");
            assert_eq!(decoded(&content(&found), coding), text.as_bytes());
            assert_eq!(file(&store, name, &strict(coding)).etag, found.etag);
        }
    }
    // What would not become smaller is what it is.
    place.write("tiny.html", "x");
    assert_eq!(file(&place.store(), "tiny.html", &with("gzip, identity;q=0", asked())).coding, Coding::Identity);
}

#[test]
fn what_is_small_or_large_or_made_smaller_already_is_not_compressed() {
    let place = Place::new();
    place.write("tiny.html", "x".repeat(511));
    place.write("huge.html", vec![b'x'; (1 << 20) + 1]);
    place.write("picture.png", vec![b'x'; 10_000]);
    let store = place.store();
    for name in ["tiny.html", "huge.html", "picture.png"] {
        for _ in 0..50 {
            let found = file(&store, name, &with("br, zstd, gzip", asked()));
            assert_eq!((found.coding, found.varies), (Coding::Identity, false), "{name}");
        }
    }
    place.write("page.html", "x".repeat(5000));
    let none = Asked { compression: false, ..with("br", asked()) };
    assert!(!file(&store, "page.html", &none).varies);
}

#[test]
fn a_neighbour_is_served_unless_it_is_older_than_the_file() {
    let place = Place::new();
    let text = "body { color: black }\n".repeat(100);
    let path = place.write("a.css", &text);
    let neighbour = |suffix: &str, bytes: &[u8]| place.write(format!("a.css{suffix}"), bytes);
    neighbour(".gz", b"pretend gzip");
    neighbour(".br", b"pretend brotli");
    let set = |path: &std::path::Path, seconds: u64| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
    };
    set(&path, 1000);
    set(&place.at("a.css.gz"), 1000);
    set(&place.at("a.css.br"), 999);
    let store = place.store();
    let plain = file(&store, "a.css", &asked());
    assert!(plain.varies);
    let gzip = file(&store, "a.css", &with("gzip", asked()));
    assert_eq!((gzip.coding, content(&gzip)), (Coding::Gzip, b"pretend gzip".to_vec()));
    assert_eq!((gzip.media.clone(), gzip.modified), (plain.media.clone(), plain.modified));
    assert_ne!(gzip.etag, plain.etag);
    let itself = file(&store, "a.css.gz", &with("gzip", asked()));
    assert_eq!((itself.coding, content(&itself)), (Coding::Identity, b"pretend gzip".to_vec()));
    assert_ne!(itself.etag, gzip.etag);
    // The one that is older than the file is of what it was: a new one is made.
    let brotli = wait_for(&store, "a.css", Coding::Brotli);
    assert_eq!(decoded(&content(&brotli), Coding::Brotli), text.as_bytes());
    // One that comes or goes is noticed within a second.
    set(&place.at("a.css.br"), 1001);
    fs::remove_file(place.at("a.css.gz")).unwrap();
    let brotli = file(&store, "a.css", &with("br", later(5)));
    assert_eq!((brotli.coding, content(&brotli)), (Coding::Brotli, b"pretend brotli".to_vec()));
    assert_eq!(file(&store, "a.css", &with("gzip", later(10))).coding, Coding::Identity);
    // A large one is sent from the disk.
    neighbour(".zst", &vec![7; 3 << 20]);
    let zstd = file(&store, "a.css", &with("zstd", later(15)));
    assert_eq!((zstd.coding, content(&zstd).len()), (Coding::Zstd, 3 << 20));
}

#[test]
fn a_neighbour_that_leads_out_is_none() {
    let place = Place::new();
    place.write("a.css", "x".repeat(100));
    std::os::unix::fs::symlink("../secret", place.at("a.css.gz")).unwrap();
    fs::create_dir(place.at("a.css.br")).unwrap();
    let found = file(&place.store(), "a.css", &with("br, gzip", asked()));
    assert_eq!((found.coding, content(&found).len()), (Coding::Identity, 100));
}

#[test]
fn variants_stay_within_the_limit_of_the_cache() {
    let place = Place::new();
    let limit = 256 << 10;
    let store = place.store_with(&Settings { cache: limit, ..Settings::default() });
    let text: String = (0..).map(|i| format!("{i} ")).take_while_len(20_000);
    for i in 0..40 {
        place.write(format!("{i}.html"), &text);
    }
    for round in 0..10 {
        for i in 0..40 {
            let found = file(&store, format!("{i}.html"), &with("br, zstd, gzip", asked()));
            assert_eq!(decoded(&content(&found), found.coding), text.as_bytes());
            assert!(store.cached() <= limit, "{round}: {}", store.cached());
        }
    }
}

/// So many bytes of text.
trait TakeWhileLen {
    fn take_while_len(self, bytes: usize) -> String;
}

impl<I: Iterator<Item = String>> TakeWhileLen for I {
    fn take_while_len(self, bytes: usize) -> String {
        let mut text = String::new();
        for part in self {
            if text.len() >= bytes {
                break;
            }
            text.push_str(&part);
        }
        text
    }
}
