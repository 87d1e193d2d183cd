//! Every system call of a transfer fails once, and every transfer comes in pieces: a typed error or the right bytes; never a
//! panic, a hang or a leaked descriptor. A sample by default; all of it with PUERTA_FULL=1.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
mod leaks;
mod points;
mod run;
mod transfers;

use run::{Fault, Tool};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use transfers::{ALL, CHILD, Outcome, TCP_BOTH, Transfer, UNIX_BOTH};

/// How many faults, and seeds a transfer, are tried by default.
const FAULTS: usize = 220;
const SEEDS: u64 = 34;

fn full() -> bool {
    std::env::var_os("PUERTA_FULL").is_some()
}

/// Why an outcome is wrong, if it is.
fn judge(outcome: &Outcome) -> Result<String, String> {
    let (ended, stderr) = (&outcome.ended, outcome.ended.stderr.trim());
    let Some(status) = ended.status else { return Err("it hung".to_owned()) };
    if stderr.contains("panicked") || status.code() == Some(101) {
        return Err("it panicked".to_owned());
    }
    let reasons = ["failed", "(", "ended with", "no success"];
    let told = stderr.lines().any(|line| reasons.iter().any(|words| line.contains(words)));
    match status.code() {
        Some(0) if outcome.right => Ok("0".to_owned()),
        Some(0) => Err("status 0 with wrong bytes".to_owned()),
        Some(code) if !told => Err(format!("status {code} without a line that says why")),
        Some(code) => Ok(code.to_string()),
        None => Err(format!("it was killed by signal {:?}", status.signal())),
    }
}

/// Runs all of them, several at a time; gives how often each status came, and what went wrong.
fn run_all(jobs: &[(&Transfer, Tool)]) -> (BTreeMap<String, usize>, Vec<String>) {
    let (next, found) = (AtomicUsize::new(0), Mutex::new((BTreeMap::new(), Vec::new())));
    let work = || {
        while let Some((transfer, tool)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = (transfer.run)(tool);
            let judged = judge(&outcome);
            let mut found = found.lock().unwrap();
            match judged {
                Ok(status) => *found.0.entry(status).or_insert(0) += 1,
                Err(_) if points::is_impossible(&outcome.ended.stderr) => {
                    *found.0.entry("impossible".to_owned()).or_insert(0) += 1;
                }
                Err(why) => found.1.push(format!("{}, {tool:?}: {why}\n{}", transfer.name, outcome.ended.stderr)),
            }
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    found.into_inner().unwrap()
}

fn report(what: &str, jobs: &[(&Transfer, Tool)]) {
    let (statuses, wrong) = run_all(jobs);
    println!("{what}: {} runs, by status {statuses:?}", jobs.len());
    assert!(wrong.is_empty(), "{} of {} went wrong:\n{}", wrong.len(), jobs.len(), wrong.join("\n"));
}

#[test]
fn every_transfer_is_right_when_nothing_fails() {
    let jobs: Vec<_> = ALL.iter().map(|transfer| (transfer, Tool::Nothing)).collect();
    let (statuses, wrong) = run_all(&jobs);
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(statuses.get("0"), Some(&ALL.len()), "{statuses:?}");
}

#[test]
fn a_system_call_that_fails_gives_the_right_bytes_or_a_typed_error() {
    let mut jobs: Vec<(&Transfer, Tool)> = Vec::new();
    for transfer in ALL {
        jobs.extend(points::of(transfer).into_iter().map(|fault: Fault| (transfer, Tool::Fault(fault))));
    }
    let all = jobs.len();
    if !full() {
        let step = all.div_ceil(FAULTS);
        jobs = jobs.into_iter().step_by(step).collect();
    }
    report(&format!("faults, of {all}"), &jobs);
}

#[test]
fn transfers_in_pieces_lose_nothing() {
    let seeds = if full() { 1000 } else { SEEDS };
    let mut jobs = Vec::new();
    for seed in 1..=seeds {
        jobs.extend([TCP_BOTH, UNIX_BOTH, CHILD].map(|transfer| (transfer, Tool::Short(seed))));
    }
    run::preload();
    let (statuses, wrong) = run_all(&jobs);
    println!("short transfers: {} runs, by status {statuses:?}", jobs.len());
    assert!(wrong.is_empty(), "{} went wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(statuses.get("0"), Some(&jobs.len()), "{statuses:?}");
}
