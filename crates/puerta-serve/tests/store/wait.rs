//! What a thread that may not wait does not know, a thread of the pool finds.

use crate::common::{Place, asked, probe};
use puerta_serve::core::encoding::Accepted;
use puerta_serve::core::found::{Content, Found};
use puerta_serve::core::path::SitePath;
use puerta_serve::core::plan::Lookup;
use puerta_serve::core::site::Site;
use puerta_serve::problem::Refusal;
use puerta_serve::store::Now;
use puerta_serve::store::folder::{Fault, Wait};
use std::fs::File;

fn lookup(path: &str) -> Lookup<'_> {
    Lookup { path: SitePath::read(path.as_bytes()).unwrap(), query: None, codings: Accepted::IDENTITY, page: false }
}

#[test]
fn what_would_wait_is_found_by_the_pool() {
    let place = Place::new();
    place.write("index.html", "<p>");
    place.write("folder/a.txt", "a");
    place.write("large.bin", vec![1; 3 << 20]);
    let (store, site) = (place.store(), Site::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // Nothing is known of this file system yet, so nothing is said about its files.
    assert!(probe(&store, "index.html", &asked()).is_none());
    runtime.block_on(async {
        for (path, there) in [("/", true), ("/index.html", true), ("/folder/", true), ("/nothing", false)] {
            let lookup = lookup(path);
            let looked = store.find(&lookup, &site).await;
            assert_eq!(!matches!(looked.found, Found::Missing), there, "{path}");
            assert!(store.probe(&lookup, &site, Now::read()).is_some(), "{path} is known now");
        }
        let Found::File(large) = store.find(&lookup("/large.bin"), &site).await.found else { panic!() };
        let Content::Open { file, .. } = large.content else { panic!() };
        assert_eq!(store.fetch(&file, 0, 3 << 20).await, Ok(()));
        assert_eq!(store.read(&file, (3 << 20) - 5, vec![0; 10]).await, Ok(vec![1; 5]));
        assert_eq!(store.read(&file, 3 << 20, vec![0; 10]).await, Err(Refusal::Truncated));
        let Found::Folder(folder) = store.find(&lookup("/folder/"), &site).await.found else { panic!() };
        let listing = store.entries(&folder.folder, false).await.unwrap();
        let (entries, listing) = store.portion(listing).await.unwrap().unwrap();
        assert_eq!(entries.iter().map(|e| e.name.as_ref()).collect::<Vec<_>>(), [b"a.txt"]);
        assert!(!matches!(store.portion(listing).await, Ok(Some((rest, _))) if !rest.is_empty()));
        assert!(store.entries(&file, false).await.is_err(), "a file has no entries");
    });
}

#[test]
fn a_file_that_is_not_in_memory_is_not_read_where_waiting_is_not_allowed() {
    let place = Place::new();
    let path = place.write("cold.bin", vec![1; 3 << 20]);
    let store = place.store();
    let Found::File(found) = crate::common::look(&store, "cold.bin", &asked()).found else { panic!() };
    let Content::Open { file, .. } = found.content else { panic!() };
    let cold = File::open(&path).unwrap();
    cold.sync_all().unwrap();
    rustix::fs::fadvise(&cold, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    assert!(!file.is_warm(0, 3 << 20));
    assert_eq!(file.read_at(1 << 20, &mut [0; 100], Wait::Never), Err(Fault::Blocks));
    file.fetch(1 << 20, 1 << 20).unwrap();
    assert!(file.is_warm(1 << 20, 1 << 20));
    assert_eq!(file.read_at(1 << 20, &mut [0; 100], Wait::Never), Ok(100));
}
