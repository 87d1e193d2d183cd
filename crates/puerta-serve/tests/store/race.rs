//! Links and folders that are swapped while paths are walked. A sample by default; a million tries with PUERTA_FULL=1.

use crate::common::{Place, SECRET, asked, content, later, look};
use puerta_serve::core::found::Found;
use puerta_serve::problem::Refusal;
use puerta_serve::store::Settings;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

fn tries() -> u64 {
    if std::env::var_os("PUERTA_FULL").is_some() { 1_000_000 } else { 20_000 }
}

/// Ends the threads that swap, however the test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Two threads swap a file with a link out, and a folder with one, and a folder in and out of the one that is served, as fast as
/// they can, while paths through them are asked for: none leads out, ever.
#[test]
fn a_link_that_is_swapped_in_a_race_never_leads_out() {
    let place = Place::new();
    place.write("file.bin", "inside\n");
    place.write("folder/secret", "inside\n");
    place.write("deep/a/b/c/file", "inside\n");
    symlink("../secret", place.at("file-out")).unwrap();
    symlink("../folder", place.at("folder-out")).unwrap();
    symlink("a/b/c/../../../../../secret", place.at("deep/up")).unwrap();
    symlink("a/b/c/../../../../folder/secret", place.at("deep/inside")).unwrap();
    let stop = AtomicBool::new(false);
    let swaps = AtomicU64::new(0);
    let swap = |a: &str, b: &str| {
        if renameat_with(CWD, place.at(a), CWD, place.at(b), RenameFlags::EXCHANGE).is_ok() {
            swaps.fetch_add(1, Relaxed);
        }
    };
    let (mut inside, mut missing, mut busy) = (0u64, 0u64, 0u64);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                swap("file.bin", "file-out");
                swap("folder", "folder-out");
            }
        });
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                // `..` of a folder that is moved out while it is walked: the kernel answers EAGAIN, or it would lead out.
                let _ = fs::rename(place.at("deep/a/b"), place.outside("b"));
                let _ = fs::rename(place.outside("b"), place.at("deep/a/b"));
                swaps.fetch_add(1, Relaxed);
            }
        });
        let _stop = Stop(&stop);
        // With a cache most of it would be answered from memory.
        let store = place.store_with(&Settings { cache: 0, ..Settings::default() });
        let paths = ["file.bin", "folder/secret", "deep/up", "deep/inside", "file-out", "folder-out/secret"];
        for i in 0..tries() {
            let path = paths[usize::try_from(i).unwrap() % paths.len()];
            let looked = look(&store, path, &asked());
            match &looked.found {
                Found::File(file) => {
                    let content = content(file);
                    assert_ne!(content, SECRET, "escaped by {path} after {i} tries");
                    assert_eq!(content, b"inside\n");
                    inside += 1;
                }
                Found::Missing => missing += 1,
                other => {
                    let refusal = looked.trouble.as_ref().unwrap().refusal;
                    assert!(matches!(refusal, Refusal::Exhausted(puerta::errno::EAGAIN)), "{other:?}: {refusal}");
                    busy += 1;
                }
            }
        }
    });
    println!(
        "{} tries, {inside} inside, {missing} missing, {busy} busy, {} swaps; 0 escapes",
        tries(),
        swaps.into_inner()
    );
    assert!(inside > 0 && missing > 0, "the race was none");
}

/// The same with the cache: what it keeps, it got by the same way.
#[test]
fn a_cached_path_that_is_swapped_never_leads_out_either() {
    let place = Place::new();
    place.write("file.txt", "inside\n");
    symlink("../secret", place.at("out")).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let _ = renameat_with(CWD, place.at("file.txt"), CWD, place.at("out"), RenameFlags::EXCHANGE);
            }
        });
        let _stop = Stop(&stop);
        let store = place.store();
        for i in 0..tries() / 10 {
            if let Found::File(file) = look(&store, "file.txt", &later(i * 2)).found {
                assert_eq!(content(&file), b"inside\n");
            }
        }
    });
}
