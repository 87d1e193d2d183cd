//! What the system refuses: too few descriptors, a disk that fails. Each in a process of its own, which is this test again.

use crate::common::{Place, asked, content, file, look, probe, refused};
use puerta_serve::core::found::{Content, Failure, Found};
use puerta_serve::problem::Refusal;
use puerta_serve::store::folder::{Fault, Wait};
use puerta_serve::store::{Looked, Settings, Store};
use std::fs::File;
use std::path::Path;
use std::process::Command;

/// Set in the process in which the system refuses: the folder that is served there.
const CHILD: &str = "PUERTA_STORE_CHILD";

/// Runs a test of this file again, behind a program that makes the system refuse.
/// Runs a test once more, in a process of its own.
pub(crate) fn again(test: &str, site: &Path, program: &str, arguments: &[&str]) {
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).arg(own).args(["--exact", test, "--nocapture"]).env(CHILD, site);
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&done.stderr));
}

pub(crate) fn child() -> Option<Store> {
    let site = std::env::var_os(CHILD)?;
    Some(Store::open(Path::new(&site), &Settings::default()).unwrap())
}

#[test]
fn without_descriptors_a_file_is_busy_and_served_again_afterwards() {
    let Some(store) = child() else {
        let place = Place::new();
        place.write("hot.txt", "hot");
        place.write("cold.txt", "cold");
        let test = "fail::without_descriptors_a_file_is_busy_and_served_again_afterwards";
        return again(test, &place.site(), "sh", &["-c", "ulimit -n 40; exec \"$@\"", "sh"]);
    };
    file(&store, "hot.txt", &asked());
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    let looked = look(&store, "cold.txt", &asked());
    assert!(matches!(looked.found, Found::Failed(Failure::Busy)), "{looked:?}");
    let refusal = refused(&looked).unwrap();
    assert_eq!(refusal, Refusal::Exhausted(puerta::errno::EMFILE));
    assert_eq!(refusal.to_string(), "too many open files (EMFILE)");
    assert!(refusal.is_news() && refusal.status() == 503);
    // What is hot needs none.
    assert_eq!(content(&file(&store, "hot.txt", &asked())), b"hot");
    assert!(matches!(probe(&store, "cold.txt", &asked()), Some(Looked { found: Found::Failed(_), .. })));
    taken.truncate(taken.len() - 2);
    assert_eq!(content(&file(&store, "cold.txt", &asked())), b"cold");
}

#[test]
fn a_disk_that_fails_is_told_and_kept_as_nothing() {
    let Some(store) = child() else {
        let place = Place::new();
        place.write("small.txt", "x".repeat(1000));
        place.write("large.bin", vec![0; 2 << 20]);
        let test = "fail::a_disk_that_fails_is_told_and_kept_as_nothing";
        // The first two reads of these files fail.
        let (small, large) = (place.at("small.txt"), place.at("large.bin"));
        let (small, large) = (small.to_str().unwrap(), large.to_str().unwrap());
        let inject = "inject=pread64:error=EIO:when=1..2";
        let traced = ["-f", "-qq", "-o", "/dev/null", "-P", small, "-P", large, "-e", "trace=pread64", "-e", inject];
        return again(test, &place.site(), "strace", &traced);
    };
    let eio = Refusal::Failed(puerta::errno::EIO);
    let looked = look(&store, "small.txt", &asked());
    assert!(matches!(looked.found, Found::Failed(Failure::Broken)), "{looked:?}");
    assert_eq!(refused(&looked), Some(eio));
    assert_eq!((eio.status(), eio.to_string().as_str()), (500, "input/output error (EIO)"));
    assert_eq!(store.cached(), 0);
    let large = file(&store, "large.bin", &asked());
    let Content::Open { file: handle, .. } = &large.content else { panic!("{large:?}") };
    assert_eq!(handle.read_at(0, &mut [0; 10], Wait::Allowed), Err(Fault::Refused(eio)));
    // Afterwards it is as if nothing had been.
    assert_eq!(handle.read_at(0, &mut [0; 10], Wait::Allowed), Ok(10));
    assert_eq!(content(&file(&store, "small.txt", &asked())).len(), 1000);
}
