//! The log and the outbox when the program is killed at any system call, when the disk fails or is full, and when the
//! machine loses power: what was acknowledged is there, once, in order. A sample by default; all of it with PUERTA_FULL=1.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod disk;
#[path = "../example/mod.rs"]
mod example;
#[path = "../folder/mod.rs"]
mod folder;
mod kill;
mod power;

use example::example;
use puerta_talk::log::{Place, Store};
use puerta_talk::outbox::Outbox;
use puerta_talk::room::ids::{Device, RoomNo};
use puerta_talk::room::store::{Answer, Ask, Log};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How long a session may take, in seconds, before it counts as hanging.
const LIMIT: &str = "60";

pub(crate) fn full() -> bool {
    std::env::var_os("PUERTA_FULL").is_some()
}

/// `examples/log_session`, built with the tests.
pub(crate) fn session() -> PathBuf {
    example("puerta-talk", "log_session")
}

/// Runs a session of one kind under strace.
pub(crate) fn under(strace: &[&str], kind: &str, folder: &Path, count: u32) -> Output {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", LIMIT, "strace", "-f", "-qq"]).args(strace).arg(session());
    command.arg(kind).arg(folder).arg(count.to_string()).output().unwrap()
}

/// The highest number behind a word at the beginning of a line: `stored 7`.
pub(crate) fn last(said: &str, word: &str) -> u64 {
    let after = |line: &str| line.strip_prefix(word)?.strip_prefix(' ')?.parse::<u64>().ok();
    said.lines().filter_map(after).max().unwrap_or(0)
}

/// Opens the log as the next hub does: everything that was acknowledged is there, once and in order.
pub(crate) fn check_log(folder: &Path, acknowledged: u64) -> Result<u64, String> {
    let place = Place::open(&folder.join("room.db")).map_err(|problem| problem.to_string())?;
    let mut store = Store::new(&place).map_err(|problem| problem.to_string())?;
    let head = store.load()?.rooms.first().map_or(0, |room| room.2);
    if head < acknowledged {
        return Err(format!("{acknowledged} were acknowledged, {head} are there"));
    }
    let mut seq = 0;
    loop {
        let Answer::Records(records) = store.answer(&Ask::After { room: RoomNo(1), seq, limit: 100 }) else {
            return Err("it cannot be read".to_owned());
        };
        if records.is_empty() {
            break;
        }
        for record in records {
            if record.seq != seq + 1 || record.prev != seq || record.text != format!("message {}", seq + 1) {
                return Err(format!("{record:?} follows {seq}"));
            }
            seq += 1;
        }
    }
    if seq == head { Ok(head) } else { Err(format!("{seq} of {head} are there")) }
}

/// Opens the outbox as the next process does: what was kept and not forgotten is there, and no number comes again.
pub(crate) fn check_outbox(folder: &Path, acknowledged: u64) -> Result<u64, String> {
    let opened = Outbox::open(&folder.join("outbox"), Device([7; 32]), drop).map_err(|problem| problem.to_string())?;
    if opened.last < acknowledged || !opened.left.is_empty() {
        return Err(format!("{acknowledged} were kept, the last is {}; {:?}", opened.last, opened.left));
    }
    let numbers: Vec<u64> = opened.pending.iter().map(|message| message.id.number).collect();
    let lost = (2..=acknowledged).step_by(2).find(|number| !numbers.contains(number));
    match lost {
        Some(number) => Err(format!("{number} of {acknowledged} is lost")),
        None if !numbers.is_sorted() => Err(format!("{numbers:?}")),
        None => Ok(opened.last),
    }
}
