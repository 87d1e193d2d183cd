//! Who is compared: our program and its peers.

use crate::Result;
use crate::arguments::Options;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where servers are that an ordinary user's PATH leaves out.
const SYSTEM: &str = "/usr/sbin:/sbin";

/// One side of a comparison.
#[derive(Clone)]
pub(crate) struct Contender {
    /// As the table names it.
    pub(crate) name: &'static str,
    /// The program that is started.
    pub(crate) program: Program,
    /// The arguments; `PORT` stands for the port, `FILE` for a file that the job writes.
    pub(crate) arguments: &'static [&'static str],
    /// Whether the others' figures are compared with this one's.
    pub(crate) ours: bool,
}

/// What a contender is.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    /// Our own command.
    Puerta,
    /// This program, started again: what is compared is code that it holds.
    Bench,
    /// Another's command, and the Debian package that holds it.
    Peer(&'static str, &'static str),
    /// Another's command, which is a crate of the same name.
    PeerCrate(&'static str),
}

/// The name of our own command.
const OURS: &str = "puerta";

impl Contender {
    /// Our own command.
    pub(crate) fn ours(name: &'static str, arguments: &'static [&'static str]) -> Contender {
        Contender { name, program: Program::Puerta, arguments, ours: true }
    }

    /// A peer's command, and the Debian package that holds it.
    pub(crate) fn peer(
        name: &'static str,
        program: &'static str,
        package: &'static str,
        arguments: &'static [&'static str],
    ) -> Contender {
        Contender { name, program: Program::Peer(program, package), arguments, ours: false }
    }

    /// A peer's command that Debian does not have: a crate of the same name.
    pub(crate) fn peer_crate(
        name: &'static str,
        program: &'static str,
        arguments: &'static [&'static str],
    ) -> Contender {
        Contender { name, program: Program::PeerCrate(program), arguments, ours: false }
    }

    /// Code that this program holds.
    pub(crate) fn inside(name: &'static str, arguments: &'static [&'static str]) -> Contender {
        Contender { name, program: Program::Bench, arguments, ours: false }
    }

    /// Where the program is.
    ///
    /// # Errors
    /// It is not there; the message names what to install.
    pub(crate) fn find(&self, ours: &Result<PathBuf>) -> Result<PathBuf> {
        match self.program {
            Program::Puerta => ours.clone(),
            Program::Bench => env::current_exe().map_err(|e| format!("cannot find this program: {e}")),
            Program::Peer(program, package) => {
                in_path(program).ok_or_else(|| format!("{program} is missing: package {package}"))
            }
            Program::PeerCrate(program) => {
                in_path(program).ok_or_else(|| format!("{program} is missing: cargo install {program}"))
            }
        }
    }

    /// The words that start it.
    pub(crate) fn words(&self, program: &str, port: u16, file: &str) -> Vec<String> {
        let port = port.to_string();
        let arguments = self.arguments.iter().map(|word| word.replace("PORT", &port).replace("FILE", file));
        std::iter::once(program.to_owned()).chain(arguments).collect()
    }

    /// The version of its package, where dpkg knows it, or what it says itself.
    pub(crate) fn version(&self) -> String {
        let asked = match self.program {
            Program::Puerta | Program::Bench => return env!("CARGO_PKG_VERSION").to_owned(),
            Program::Peer(_, package) => Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output(),
            Program::PeerCrate(program) => Command::new(program).arg("--version").output(),
        };
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

fn in_path(program: &str) -> Option<PathBuf> {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(SYSTEM);
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn found(path: &Path) -> Result<PathBuf> {
    match path.is_file() {
        true => Ok(path.to_owned()),
        false => Err(format!("{} is missing: cargo build --release -p puerta-cli", path.display())),
    }
}
