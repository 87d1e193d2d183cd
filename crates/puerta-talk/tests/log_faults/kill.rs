//! Killed at every system call.

use crate::folder::Folder;
use crate::{check_log, check_outbox, full, last, under};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many points are tried by default.
const POINTS: usize = 60;

/// Each system call that a session makes, and how often one thread makes it: strace counts per call and thread.
fn points(kind: &str, begin: impl Fn(&Path)) -> Vec<(String, usize)> {
    let folder = Folder::made();
    begin(folder.path());
    let list = folder.path().join("list");
    let output = under(&["-o", list.to_str().unwrap()], kind, folder.path(), 10);
    assert!(output.status.success(), "{output:?}");
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in fs::read_to_string(&list).unwrap().lines() {
        let mut words = line.split_whitespace();
        let (thread, call) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Some((name, _)) = call.split_once('(') {
            *counts.entry((name.to_owned(), thread.to_owned())).or_insert(0) += 1;
        }
    }
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for ((name, _), count) in counts {
        let entry = most.entry(name).or_insert(0);
        *entry = count.max(*entry);
    }
    // execve is strace's own work, and what ends a program is its end already.
    most.retain(|name, _| name != "execve" && name != "exit_group" && name != "exit");
    most.into_iter().flat_map(|(name, count)| (1..=count).map(move |k| (name.clone(), k))).collect()
}

fn kill_everywhere(
    kind: &str,
    word: &str,
    begin: impl Fn(&Path) + Sync,
    check: impl Fn(&Path, u64) -> Result<u64, String> + Sync,
) {
    let all = points(kind, &begin);
    let step = if full() { 1 } else { all.len().div_ceil(POINTS) };
    let chosen: Vec<_> = all.iter().step_by(step).collect();
    let (next, killed, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((call, k)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let folder = Folder::made();
            begin(folder.path());
            let inject = format!("inject={call}:signal=KILL:when={k}");
            let trace = format!("trace={call}");
            let output = under(&["-o", "/dev/null", "-e", &trace, "-e", &inject], kind, folder.path(), 10);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if !output.status.success() {
                killed.fetch_add(1, Ordering::Relaxed);
            }
            let acknowledged = last(&said, word);
            if let Err(why) = check(folder.path(), acknowledged) {
                wrong.lock().unwrap().push(format!("{call} {k}: {why}\n{said}"));
                continue;
            }
            // The next session goes on where this one was.
            let again = under(&["-o", "/dev/null", "-e", "trace=none"], kind, folder.path(), 2);
            let went_on = last(&String::from_utf8_lossy(&again.stdout), word);
            if went_on < acknowledged + 2 || check(folder.path(), went_on).is_err() {
                wrong.lock().unwrap().push(format!("{call} {k}: after it {again:?}"));
            }
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let (wrong, killed) = (wrong.into_inner().unwrap(), killed.into_inner());
    println!("{kind}: {} points of {}, killed at {killed}, wrong {}", chosen.len(), all.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(killed * 10 > chosen.len() * 8, "only {killed} of {} were reached", chosen.len());
}

#[test]
fn a_hub_killed_at_any_system_call_has_lost_doubled_or_reordered_nothing_that_it_acknowledged() {
    kill_everywhere("log", "stored", |_| (), check_log);
}

/// The last message of a store of version 1 in the room of a session.
const BEFORE: u64 = 2;

#[test]
fn a_hub_killed_while_it_brings_a_store_up_to_date_has_lost_nothing_of_it() {
    let begin = |folder: &Path| {
        let path = folder.join("room.db");
        let sql = include_str!("../log/version_1.sql");
        let made =
            Command::new("sqlite3").arg(&path).args([sql, "UPDATE messages SET text = 'message ' || seq"]).output();
        assert!(made.unwrap().status.success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    kill_everywhere("log", "stored", begin, |folder, stored| check_log(folder, stored.max(BEFORE)));
}

#[test]
fn a_member_killed_at_any_system_call_has_what_it_kept_and_gives_no_number_twice() {
    kill_everywhere("outbox", "kept", |_| (), check_outbox);
}
