//! The hub is killed at every system call of a session, and started again on the same store: what a member was told to be stored
//! is there, once, in its place.

use crate::common::pause;
use crate::common::places::Folder;
use crate::full;
use crate::world::{Hub, LIMIT, Member, hub_process, in_order, puerta};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// Messages of a session; each is sent when the one before is stored.
const MESSAGES: usize = 10;
/// Points that are tried by default.
const SAMPLE: usize = 12;

/// Where a hub is killed: the n-th call of this name in any thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    call: String,
    nth: usize,
}

/// A member that says one thing after the other.
struct Speaker {
    member: Member,
    said: usize,
}

impl Speaker {
    fn join(home: &Path, invite: &str) -> Speaker {
        Speaker { member: Member::join(home, &[], invite, "ana"), said: 0 }
    }

    /// Goes on until everything is stored, or `over`.
    fn talk(&mut self, mut over: impl FnMut() -> bool) -> bool {
        let until = Instant::now() + LIMIT;
        loop {
            let stored = self.member.events().stored().len();
            if stored == MESSAGES {
                return true;
            }
            if stored == self.said {
                self.said += 1;
                self.member.say(&format!("message {}", self.said));
            }
            if over() {
                return false;
            }
            assert!(Instant::now() < until, "{stored} are stored\n{}", self.member.0.all());
            pause(Duration::from_millis(1));
        }
    }
}

fn strace(options: &[&str]) -> Vec<String> {
    ["strace", "-f", "-qq"].iter().chain(options).map(|&word| word.to_owned()).collect()
}

/// Makes the hub's key, and gives an address that is free and an invite that holds as long as the key.
fn prepare(home: &Path) -> (String, String) {
    let hub = Hub::start(home, &[], "127.0.0.1:0", &[]);
    let known = (hub.address.clone(), hub.invite.clone());
    drop(hub);
    std::fs::remove_dir_all(home.join("data")).ok();
    fresh(home);
    known
}

/// Removes the store.
fn fresh(home: &Path) {
    for entry in std::fs::read_dir(home).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("room.db") {
            let path = entry.path();
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
    }
}

/// All calls of a session with their number in their thread.
fn points(folder: &Folder) -> Vec<Point> {
    let home = folder.path("hub");
    let (address, _) = prepare(&home);
    let log = folder.path("calls");
    let hub = Hub::start(&home, &strace(&["-o", log.to_str().unwrap()]), &address, &[]);
    let mut speaker = Speaker::join(&folder.path("ana"), &hub.invite);
    assert!(speaker.talk(|| false));
    drop(hub);
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut points = BTreeSet::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if call.is_empty() || !call.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let nth = seen.entry((thread.to_owned(), call.to_owned())).or_default();
        *nth += 1;
        points.insert(Point { call: call.to_owned(), nth: *nth });
    }
    points.into_iter().collect()
}

/// One session with a kill. Whether the hub got to the point.
fn kill_at(point: &Point, folder: &Folder, known: &(String, String), index: usize) -> Result<bool, String> {
    let (address, invite) = known;
    let (home, ana) = (folder.path("hub"), folder.path(&format!("ana{index}")));
    fresh(&home);
    let inject = format!("inject={}:signal=KILL:when={}", point.call, point.nth);
    let options = ["-o", "/dev/null", "-e", &format!("trace={}", point.call), "-e", &inject];
    let mut hub = hub_process(&home, &strace(&options), address, &["--rate", "0"]);
    let mut speaker = Speaker::join(&ana, invite);
    let killed = !speaker.talk(|| hub.ended()) || hub.ended();
    drop(hub);
    let hub = Hub::start(&home, &[], address, &["--rate", "0"]);
    let all = speaker.talk(|| false);
    assert!(all);
    speaker.member.has(MESSAGES, LIMIT);
    let events = speaker.member.events();
    let (messages, stored) = (events.messages(), events.stored());
    let expected: Vec<String> = (1..=MESSAGES).map(|n| format!("message {n}")).collect();
    // The hub stops as it should, and everything is on the disk.
    drop(speaker);
    drop(hub);
    let mut export = puerta(&home, &[]);
    let exported = export.args(["export", "--json", "--store"]).arg(home.join("room.db")).output().unwrap();
    let exported = String::from_utf8_lossy(&exported.stdout).into_owned();
    let texts: Vec<String> = exported.lines().filter_map(text_of).collect();
    std::fs::remove_dir_all(&ana).ok();
    if texts != expected {
        return Err(format!("{point:?}: the log has {texts:?}\n{exported}"));
    }
    if messages.iter().map(|m| &m.1).ne(&expected) || stored.iter().any(|s| s.text != expected[s.seq as usize - 1]) {
        return Err(format!("{point:?}: the member has {messages:?}"));
    }
    in_order(&messages);
    Ok(killed)
}

fn text_of(line: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    value["text"].as_str().map(str::to_owned)
}

#[test]
fn a_hub_that_is_killed_at_any_system_call_keeps_what_it_has_acknowledged_once_and_in_order() {
    let folder = Folder::new("storms");
    let all = points(&folder);
    // Every so manyth, and never the same calls alone.
    let step = if full() { 1 } else { all.len().div_ceil(SAMPLE) };
    let chosen: Vec<&Point> = all.iter().skip(step / 2).step_by(step).collect();
    let known = prepare(&folder.path("hub"));
    let (mut killed, mut unreached, mut failed) = (0, 0, Vec::new());
    for (index, point) in chosen.iter().enumerate() {
        let done = std::panic::catch_unwind(|| kill_at(point, &folder, &known, index));
        match done.unwrap_or_else(|_| Err(format!("{point:?}: it does not go on"))) {
            Ok(true) => killed += 1,
            Ok(false) => unreached += 1,
            Err(why) => failed.push(why),
        }
    }
    eprintln!("{} of {} points: {killed} killed, {unreached} not reached", chosen.len(), all.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(killed > chosen.len() / 2);
}
