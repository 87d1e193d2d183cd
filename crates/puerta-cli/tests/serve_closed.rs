//! What the server may not read. As an ordinary user it is what the modes of files say; root gives up what lets it read everything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod serve;

use common::places::Folder;
use common::shell;
use serve::Serving;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// With modes that let it be removed when it is dropped.
struct Site(Folder);

impl Drop for Site {
    fn drop(&mut self) {
        ["closed", "unlisted"].iter().for_each(|name| mode(&self.0.path(name), 0o755));
    }
}

fn site() -> Site {
    let folder = Folder::new("serve-closed");
    for name in ["closed", "unlisted", "page"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    for name in [
        "closed.txt",
        ".hidden.txt",
        "closed/inner.txt",
        "unlisted/inner.txt",
        "page/index.html",
        "open.txt",
        "open.txt.gz",
    ] {
        folder.file(name, name);
    }
    for name in ["closed.txt", ".hidden.txt", "page/index.html", "open.txt.gz", "closed"] {
        mode(&folder.path(name), 0o000);
    }
    mode(&folder.path("unlisted"), 0o311);
    Site(folder)
}

/// `puerta serve`, by one who may not read everything.
fn serve(folder: &Folder) -> Serving {
    let without = "-dac_override,-dac_read_search";
    Serving::start(shell(&format!(
        "[ $(id -u) = 0 ] && with='setpriv --bounding-set={without} --inh-caps={without}'; \
         exec $with \"$PUERTA\" serve {} --listen 127.0.0.1:0",
        folder.name("")
    )))
}

#[test]
fn what_may_not_be_read_is_403_and_named_and_nothing_else_is_shown_in_its_place() {
    let site = site();
    let server = serve(&site.0);
    for (path, status) in [
        ("/open.txt", 200),
        ("/closed.txt", 403),
        // Twice, of which the second could come from what is kept.
        ("/closed.txt", 403),
        // That it is there is not told.
        ("/.hidden.txt", 404),
        ("/closed/", 403),
        ("/closed/inner.txt", 403),
        ("/closed/missing", 403),
        ("/unlisted/", 403),
        ("/unlisted/inner.txt", 200),
        // No listing stands for a page that is closed.
        ("/page/", 403),
        ("/missing", 404),
        ("/", 200),
    ] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
    // A neighbour that is closed leaves the file itself.
    let mut client = server.client();
    let reply = client.send("GET /open.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n").reply();
    assert_eq!((reply.status, &*reply.body), (200, &b"open.txt"[..]));
    drop(client);
    server.run.signal("TERM");
    let done = server.run.finish();
    done.ends_with(0);
    for path in ["closed.txt", "closed/inner.txt", "unlisted", "page/index.html"] {
        let line = format!("{path}: not served: ");
        assert_eq!(done.stderr.matches(&line).count(), 1, "{path}: {}", done.stderr);
    }
    assert!(!done.stderr.contains("hidden"), "{}", done.stderr);
}

#[test]
fn a_file_is_403_as_soon_as_it_is_closed_and_200_when_it_is_opened_again() {
    let site = site();
    let server = serve(&site.0);
    let file = site.0.path("open.txt");
    for (bits, status) in [(0o644, 200), (0o000, 403), (0o644, 200)] {
        mode(&file, bits);
        common::wait_until("the change is seen", || server.get("/open.txt").status == status);
    }
}
