//! Who is compared: our program and its peers.

use crate::Result;
use crate::arguments::Options;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One side of a comparison.
#[derive(Clone)]
pub(crate) struct Contender {
    /// As the table names it.
    pub(crate) name: &'static str,
    /// The program; `puerta` is ours.
    pub(crate) program: &'static str,
    /// The Debian package that holds it.
    pub(crate) package: &'static str,
    /// The arguments; `PORT` stands for the port.
    pub(crate) arguments: &'static [&'static str],
}

/// The name that [`Contender::program`] has for our own command.
pub(crate) const OURS: &str = "puerta";

impl Contender {
    pub(crate) fn is_ours(&self) -> bool {
        self.program == OURS
    }

    /// Where the program is.
    ///
    /// # Errors
    /// It is not there; the message names what to install.
    pub(crate) fn find(&self, ours: &Result<PathBuf>) -> Result<PathBuf> {
        if self.is_ours() {
            return ours.clone();
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path).map(|folder| folder.join(self.program)).find(|file| file.is_file());
        found.ok_or_else(|| format!("{} is missing: package {}", self.program, self.package))
    }

    /// The version of its package, where dpkg knows it.
    pub(crate) fn version(&self) -> String {
        if self.is_ours() {
            return env!("CARGO_PKG_VERSION").to_owned();
        }
        let asked = Command::new("dpkg-query").args(["-W", "-f", "${Version}", self.package]).output();
        asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    }
}

/// Our program: the one that was named, or the workspace's, built anew under `cargo run` so that no stale one is measured.
///
/// # Errors
/// It does not build, or is not there.
pub(crate) fn ours(options: &Options) -> Result<PathBuf> {
    if let Some(path) = &options.puerta {
        return found(path);
    }
    if cfg!(debug_assertions) {
        return Err("a debug build is not measured: cargo run --release -p bench".to_owned());
    }
    if let Some(cargo) = env::var_os("CARGO") {
        let built = Command::new(cargo).args(["build", "--quiet", "--release", "-p", "puerta-cli"]).status();
        if !built.is_ok_and(|status| status.success()) {
            return Err("puerta does not build: cargo build --release -p puerta-cli".to_owned());
        }
    }
    let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(|folder| folder.join(OURS)));
    found(&beside.unwrap_or_else(|| OURS.into()))
}

fn found(path: &Path) -> Result<PathBuf> {
    match path.is_file() {
        true => Ok(path.to_owned()),
        false => Err(format!("{} is missing: cargo build --release -p puerta-cli", path.display())),
    }
}
