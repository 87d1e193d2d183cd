//! A folder to serve, and what lies beside it: passwords, certificates, logs, the user's configuration.

use super::{LIMIT, Serving};
use crate::common::places::Folder;
use crate::common::{Done, Run, peer, puerta};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// A folder with `site` to serve, removed with the test.
pub struct Place(Folder);

impl Place {
    pub fn new() -> Self {
        let folder = Folder::new("serve-place");
        fs::create_dir(folder.path("site")).unwrap();
        folder.file("site/a.txt", "alpha\n");
        Place(folder)
    }

    /// A file with that mode.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> String {
        let path = self.0.file(name, content);
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        self.path(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.name(name)
    }

    /// Serves on a free port of loopback, and tells what happens as data.
    pub fn serve(&self, more: &[&str]) -> Serving {
        let arguments = ["serve", &self.path("site"), "--json", "--listen", "127.0.0.1:0"];
        Serving::start(self.at_home(puerta([&arguments, more].concat())))
    }

    /// How it ends when it does not serve, without a terminal to ask on; one that serves after all ends with status 124.
    pub fn refused(&self, more: &[&str]) -> Done {
        let limit = LIMIT.as_secs().to_string();
        let arguments = ["-w", "timeout", &limit, env!("CARGO_BIN_EXE_puerta"), "serve", &self.path("site")];
        self.at_home(peer("setsid", [&arguments, more].concat())).finish()
    }

    /// What is written to the user's configuration stays here. A debug build hashes passwords slowly.
    fn at_home(&self, run: Run) -> Run {
        run.env("XDG_CONFIG_HOME", self.path("config")).limit(2 * LIMIT)
    }
}
