//! A network of its own, and the cores: the contender on core 0, everything else on core 1.

use crate::Result;
use crate::arguments::Options;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The core of the contender.
pub(crate) const CONTENDER: usize = 0;
/// The core of what loads it: this process.
const LOADER: usize = 1;

/// The most descriptors that a job needs: a room's members, with room to spare. Peers that count by their limit slow down with a higher one.
const FILES: u64 = 16_384;

/// Where the figures were taken.
pub(crate) struct Place {
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) congestion_control: String,
    pub(crate) own_network: bool,
    pub(crate) pinned: bool,
}

/// Runs this program again on core 1 in a network namespace of its own with Reno, where that is possible; tells what became of it.
///
/// # Errors
/// `taskset` is missing, or the program could not be started again.
pub(crate) fn enter(options: &Options) -> Result<Place> {
    let pinned = std::thread::available_parallelism().is_ok_and(|n| n.get() > LOADER);
    if options.inside {
        return Ok(place(!options.here && prepare_network(), true));
    }
    if !pinned {
        eprintln!("bench: fewer than two cores: nothing is pinned, and the loader takes from the contender");
        return Ok(place(false, false));
    }
    let itself = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let mut words = Vec::new();
    let mut here = options.here;
    if !here {
        match ["-n", "-Urn"].into_iter().find(|flags| unshares(flags)) {
            Some(flags) => words.extend(["unshare", flags, "--"]),
            None => {
                eprintln!("bench: no network namespace (unshare -n, unshare -Urn): measuring in this one");
                here = true;
            }
        }
    }
    let core = LOADER.to_string();
    let files = format!("--nofile={}", files());
    words.extend(["prlimit", &files, "taskset", "-c", &core]);
    let mut words = words.into_iter();
    let mut again = Command::new(words.next().unwrap_or_default());
    again.args(words).arg(itself).args(std::env::args_os().skip(1)).arg("--inside");
    if here && !options.here {
        again.arg("--here");
    }
    Err(format!("cannot run prlimit and taskset (package util-linux): {}", again.exec()))
}

/// How many descriptors a process may have: what it could raise its limit to, within [`FILES`].
fn files() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let hard = line.and_then(|text| text.split_whitespace().nth(1)).map(str::parse);
    hard.and_then(Result::ok).map_or(FILES, |hard: u64| hard.min(FILES))
}

fn unshares(flags: &str) -> bool {
    let tried = Command::new("unshare").args([flags, "--", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// lo up, Reno: BBR paces loopback and distorts bulk by up to 2.7 times.
fn prepare_network() -> bool {
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    if !up.is_ok_and(|status| status.success()) {
        eprintln!("bench: cannot bring lo up (package iproute2), or run with --here");
        return false;
    }
    if let Err(error) = fs::write("/proc/sys/net/ipv4/tcp_congestion_control", "reno") {
        eprintln!("bench: congestion control stays: {error}");
    }
    true
}

fn place(own_network: bool, pinned: bool) -> Place {
    let line = |path| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or_default();
    let congestion_control = line("/proc/sys/net/ipv4/tcp_congestion_control");
    if congestion_control != "reno" {
        eprintln!("bench: congestion control is {congestion_control}, not reno: it may distort bulk over loopback");
    }
    Place {
        kernel: line("/proc/sys/kernel/osrelease"),
        processor: processor.trim_start_matches([' ', '\t', ':']).to_owned(),
        congestion_control,
        own_network,
        pinned,
    }
}
