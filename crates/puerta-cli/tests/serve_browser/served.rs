//! A folder that `puerta serve` serves, plain or over TLS.

use crate::common::places::Folder;
use crate::common::{Running, puerta, wait_until};
use std::fs;
use std::path::PathBuf;

/// How the browser comes to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Plain,
    /// With a certificate that the server makes for itself.
    Tls,
}

/// All ways.
pub(crate) const WAYS: [Over; 2] = [Over::Plain, Over::Tls];

/// A server of its own folder, which is removed with it.
pub(crate) struct Served {
    server: Running,
    folder: Folder,
    pub(crate) url: String,
}

impl Served {
    /// Fills a folder and serves it.
    pub(crate) fn start(over: Over, fill: impl FnOnce(&Site)) -> Self {
        let folder = Folder::new("browser");
        let site = Site(folder.path("site"));
        fs::create_dir(&site.0).unwrap();
        fill(&site);
        let log = folder.name("access.log");
        let mut arguments = vec!["serve", site.0.to_str().unwrap(), "--listen", "127.0.0.1:0", "--log", &log];
        if over == Over::Tls {
            arguments.push("--tls");
        }
        arguments.extend(["--log-format", "json", "--json"]);
        // The certificate that it makes is kept here, not among the user's.
        let server = puerta(arguments).env("XDG_CONFIG_HOME", folder.path("config")).start();
        let url = url(&server);
        assert_eq!(url.starts_with("https://"), over == Over::Tls, "{url}");
        Served { server, folder, url }
    }

    /// A URL of it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Waits until the access log has a response of that path and status, and tells how many bytes of body it had.
    pub(crate) fn logged(&self, target: &str, status: u16) -> u64 {
        let log = self.folder.path("access.log");
        let mut bytes = None;
        wait_until(&format!("line of {target} with {status}"), || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            let found = lines.into_iter().find(|line| line["target"] == target && line["status"] == status);
            bytes = found.and_then(|line| line["bytes"].as_u64());
            bytes.is_some()
        });
        bytes.unwrap()
    }

    /// Stops it: it was well to the end, and had nothing to complain about.
    pub(crate) fn stop(self) {
        self.server.signal("TERM");
        let done = self.server.finish();
        done.ends_with(0);
        let complaints = ["cut", "not-served", "lost", "full", "crowded"];
        let all = String::from_utf8_lossy(&done.stdout).into_owned() + &done.stderr;
        assert!(complaints.iter().all(|event| !all.contains(&format!("\"event\":\"{event}\""))), "{all}");
    }
}

/// The folder while it is filled.
pub(crate) struct Site(PathBuf);

impl Site {
    /// A file, with the folders above it.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A file that was changed so many days after the epoch, for an order that can be foretold.
    pub(crate) fn dated(&self, name: &str, content: impl AsRef<[u8]>, day: u64) -> &Self {
        self.file(name, content);
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400);
        fs::File::options().write(true).open(self.0.join(name)).unwrap().set_modified(time).unwrap();
        self
    }
}

/// Where it says that it serves.
fn url(server: &Running) -> String {
    let event: serde_json::Value = serde_json::from_str(&server.line("\"event\":\"serving\"", 0)).unwrap();
    event["url"].as_str().unwrap().to_owned()
}
