//! The bytes of files, as curl, wget and the browser read them.

use crate::chromium::{Chromium, LIMIT};
use crate::common::peer;
use crate::common::places::{Folder, noise};
use crate::served::{Served, WAYS};
use std::fs;

/// Around what is kept in memory, sent in one call, looked at, compressed.
const SIZES: [usize; 17] = {
    const K: usize = 1024;
    [
        0,
        1,
        8 * K - 1,
        8 * K,
        8 * K + 1,
        64 * K - 1,
        64 * K,
        64 * K + 1,
        256 * K - 1,
        256 * K,
        256 * K + 1,
        1024 * K - 1,
        1024 * K,
        1024 * K + 1,
        5 * 1024 * K - 1,
        5 * 1024 * K,
        5 * 1024 * K + 1,
    ]
};

/// Noise, and what a server would like to compress.
fn content(size: usize, kind: &str) -> Vec<u8> {
    match kind {
        "bin" => noise(size as u64, size),
        _ => b"The same line, again and again.\n".iter().copied().cycle().take(size).collect(),
    }
}

fn files() -> impl Iterator<Item = (String, Vec<u8>)> {
    let all = SIZES.iter().flat_map(|&size| ["bin", "txt"].map(|kind| (size, kind)));
    all.map(|(size, kind)| (format!("{size}.{kind}"), content(size, kind)))
}

#[test]
fn curl_wget_and_the_browser_read_the_bytes_of_the_file() {
    let browser = Chromium::start();
    for over in WAYS {
        let served = Served::start(over, |site| {
            files().for_each(|(name, bytes)| {
                site.file(&name, bytes);
            });
            site.file("index.html", "<!DOCTYPE html><title>bytes</title><link rel=icon href='data:,'>");
        });
        let names: Vec<_> = files().map(|(name, _)| name).collect();
        let urls: Vec<_> = names.iter().map(|name| served.at(name)).collect();
        let (got, mut expected) = (Folder::new("got"), String::new());
        let tools: [(&str, &[&str]); 3] = [
            ("curl", &["-sS", "--fail", "--insecure", "--max-time", "15", "--remote-name-all"]),
            ("curl", &["-sS", "--fail", "--insecure", "--max-time", "15", "--remote-name-all", "--compressed"]),
            ("wget", &["-q", "--no-check-certificate", "--no-config", "--timeout=15", "--tries=1"]),
        ];
        for (tool, arguments) in tools {
            let arguments = arguments.iter().map(|&word| word.to_owned()).chain(urls.iter().cloned());
            fs::create_dir(got.path("now")).unwrap();
            let done = peer(tool, arguments).current_dir(&got.path("now")).limit(LIMIT).finish();
            done.ends_with(0);
            for (name, bytes) in files() {
                let read = fs::read(got.path("now").join(&name)).unwrap();
                assert!(read == bytes, "{tool} {name}: {} bytes of {}", read.len(), bytes.len());
            }
            let sums = peer("sha256sum", &names).current_dir(&got.path("now")).limit(LIMIT).finish();
            expected = sums.ends_with(0).text();
            fs::remove_dir_all(got.path("now")).unwrap();
        }
        let page = browser.page();
        page.go(&served.url);
        // The digest of each file, some at a time, as sha256sum(1) writes it; then again, from what it keeps and asks for anew.
        let digests = format!(
            "(async () => {{
                const digest = async name => {{
                    const body = await (await fetch(name)).arrayBuffer();
                    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
                    return Array.from(hash, b => b.toString(16).padStart(2, 0)).join('') + '  ' + name;
                }};
                const names = {names:?}, first = await Promise.all(names.map(digest)), again = [];
                for (const name of names) again.push(await digest(name));
                if (first.join() != again.join()) throw 'the second time differs';
                return first.join('\\n');
            }})()"
        );
        let digests = page.text(&digests);
        assert_eq!(digests, expected.trim_end());
        page.is_content();
        served.stop();
    }
}
