//! A disk that fails, or is full.

use crate::folder::Folder;
use crate::{check_log, check_outbox, full, last, session, under};
use std::fs;
use std::process::Command;

/// Which calls fail with what.
const FAULTS: &[(&str, &[&str])] =
    &[("fsync", &["EIO", "ENOSPC"]), ("fdatasync", &["EIO", "ENOSPC"]), ("pwrite64", &["EIO", "ENOSPC", "EDQUOT"])];

/// How many of each are tried by default.
const EACH: usize = 6;

fn count(list: &str, call: &str) -> usize {
    list.lines()
        .filter(|line| line.split_whitespace().nth(1).is_some_and(|c| c.starts_with(&format!("{call}("))))
        .count()
}

#[test]
fn an_acknowledgement_comes_after_the_fsync_of_what_it_acknowledges() {
    // What is forgotten is written at any time, told to nobody.
    for (kind, word, wal) in [("log", "stored", "room.db-wal"), ("kept", "kept", "-1.db-wal")] {
        let folder = Folder::made();
        let list = folder.path().join("list");
        let calls = "trace=fsync,fdatasync,pwrite64,write";
        let output = under(&["-y", "-o", list.to_str().unwrap(), "-e", calls], kind, folder.path(), 10);
        assert!(output.status.success(), "{output:?}");
        let (mut written, mut synced, mut told) = (false, false, 0);
        for line in fs::read_to_string(&list).unwrap().lines() {
            let on_wal = line.split_once('>').is_some_and(|(before, _)| before.ends_with(wal));
            let ended = !line.ends_with("<unfinished ...>");
            if line.contains("pwrite64(") && on_wal {
                (written, synced) = (true, false);
            } else if line.contains("sync(") && on_wal && ended || line.contains("sync resumed>") {
                synced = written;
            } else if line.contains(&format!("\"{word} ")) {
                assert!(synced, "{kind}: {line} before its fsync");
                (written, synced) = (false, false);
                told += 1;
            }
        }
        assert_eq!(told, 10);
    }
}

/// A hub that is killed between write and fsync has written what can be read and is not on the disk. The next one must not
/// tell a member, who sends it again, that it is stored before it is.
#[test]
fn what_a_killed_hub_had_not_synced_is_synced_before_it_is_told() {
    let folder = Folder::made();
    assert!(under(&["-o", "/dev/null", "-e", "trace=none"], "log", folder.path(), 2).status.success());
    let kill = "inject=fsync,fdatasync:signal=KILL:when=4";
    let calls = "trace=fsync,fdatasync";
    let killed = under(&["-o", "/dev/null", "-e", calls, "-e", kill], "log", folder.path(), 10);
    let stored = last(&String::from_utf8(killed.stdout).unwrap(), "stored");
    let list = folder.path().join("list");
    let calls = "trace=fsync,fdatasync,write";
    let next = under(&["-y", "-o", list.to_str().unwrap(), "-e", calls], "log", folder.path(), 0);
    let there = last(&String::from_utf8(next.stdout).unwrap(), "read");
    assert!(there > stored && stored > 0, "{there} can be read, {stored} were acknowledged");
    let list = fs::read_to_string(&list).unwrap();
    let synced = list.lines().position(|line| line.contains("sync(") && line.contains("room.db>"));
    let told = list.lines().position(|line| line.contains("\"read "));
    assert!(synced.is_some_and(|synced| told.is_some_and(|told| synced < told)), "{list}");
}

#[test]
fn a_failing_disk_acknowledges_nothing_and_can_be_read() {
    let folder = Folder::made();
    let list = folder.path().join("list");
    assert!(under(&["-o", list.to_str().unwrap()], "log", folder.path(), 10).status.success());
    let list = fs::read_to_string(&list).unwrap();
    let (mut runs, mut closed) = (0, 0);
    for (call, errnos) in FAULTS {
        let all = count(&list, call);
        let step = if full() { 1 } else { all.div_ceil(EACH).max(1) };
        for (k, errno) in (1..=all).step_by(step).flat_map(|k| errnos.iter().map(move |errno| (k, errno))) {
            let folder = Folder::made();
            let inject = format!("inject={call}:error={errno}:when={k}+");
            let calls = format!("trace={call}");
            let output = under(&["-o", "/dev/null", "-e", &calls, "-e", &inject], "log", folder.path(), 10);
            let said = String::from_utf8(output.stdout).unwrap();
            let stored = last(&said, "stored");
            let named = said.lines().filter(|line| line.contains(errno)).count();
            let at = format!("{call} {errno} {k}:\n{said}");
            runs += 1;
            if said.contains("refused: ") {
                // SQLite does not say why it cannot go over to WAL.
                assert!(stored == 0 && (named == 1 || said.contains("WAL does not work")), "{at}");
            } else if said.contains("failed ") {
                closed += 1;
                let later = said.lines().find_map(|line| line.strip_prefix("failed later: "));
                let first = said.lines().find(|line| line.starts_with("failed ")).unwrap();
                assert!(named == 2 && later.is_some_and(|why| first.ends_with(why)), "{at}");
                assert!(said.contains(&format!("read {stored}")), "{at}");
            } else {
                // Only what comes after the last acknowledgement has failed.
                assert!(stored == 10 && said.contains("read 10"), "{at}");
            }
            check_log(folder.path(), stored).unwrap_or_else(|why| panic!("{at}{why}"));
        }
    }
    println!("disk faults: {runs} runs, {closed} closed the log");
    assert!(closed > 3, "{closed} of {runs}");
}

/// Where the header of the file has how it is written, and what stands there in WAL mode
/// (<https://sqlite.org/fileformat2.html#file_format_version_numbers>).
const WRITTEN_AT: usize = 18;
const WAL: u8 = 2;

#[test]
fn a_store_that_does_not_get_to_wal_is_refused() {
    let mut refused = 0;
    for k in 1..=20 {
        let folder = Folder::made();
        let inject = format!("inject=fdatasync:error=EIO:when={k}+");
        let output = under(&["-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject], "log", folder.path(), 2);
        let said = String::from_utf8(output.stdout).unwrap();
        if said.starts_with("refused: ") {
            refused += 1;
        } else {
            let mode = fs::read(folder.store()).unwrap()[WRITTEN_AT];
            assert!(mode == WAL && said.contains(&format!("read {}\n", last(&said, "stored"))), "{k}: {said}");
        }
    }
    assert!((1..20).contains(&refused), "{refused}");
}

#[test]
fn a_checkpoint_that_fails_closes_the_log_and_loses_nothing() {
    for (call, errno) in [("pwrite64", "ENOSPC"), ("fsync,fdatasync", "EIO")] {
        let folder = Folder::made();
        assert!(under(&["-o", "/dev/null", "-e", "trace=none"], "log", folder.path(), 1).status.success());
        // On the file itself, which checkpoints alone write; the WAL is well.
        let file = folder.store();
        let calls = format!("trace={call}");
        let inject = format!("inject={call}:error={errno}");
        let on_file = ["-o", "/dev/null", "-P", file.to_str().unwrap(), "-e", &calls, "-e", &inject];
        let output = under(&on_file, "log", folder.path(), 2000);
        let said = String::from_utf8(output.stdout).unwrap();
        let stored = last(&said, "stored");
        let told = said.lines().filter(|line| line.starts_with("failed ") && line.contains(errno)).count();
        assert!(told == 2 && (100..2000).contains(&stored), "{call}: {stored}, {:?}", said.lines().last());
        assert!(said.contains(&format!("read {stored}\n")), "{said}");
        assert_eq!(check_log(folder.path(), stored), Ok(stored));
    }
}

#[test]
fn a_member_whose_disk_fails_is_told_and_sends_nothing_that_was_not_kept() {
    for (call, errno) in [("fsync,fdatasync", "EIO"), ("pwrite64", "ENOSPC")] {
        for k in [8, 12, 16, 20, 24] {
            let folder = Folder::made();
            let inject = format!("inject={call}:error={errno}:when={k}+");
            let output =
                under(&["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject], "outbox", folder.path(), 10);
            let said = String::from_utf8(output.stdout).unwrap();
            check_outbox(folder.path(), last(&said, "kept")).unwrap_or_else(|why| panic!("{call} {k}: {why}\n{said}"));
            assert!(
                last(&said, "kept") == 10 || said.contains(errno) || said.contains("WAL does not work"),
                "{call} {k}:\n{said}"
            );
        }
    }
}

#[test]
fn root_a_full_disk_closes_the_log_to_writing_and_can_be_read() {
    let folder = Folder::made();
    let script = "mount -t tmpfs -o size=2m none \"$1\" && \"$0\" log \"$1/d\" 100000 64";
    let output =
        Command::new("unshare").args(["-m", "sh", "-c", script]).arg(session()).arg(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let stored = last(&said, "stored");
    let told = said.lines().filter(|line| line.starts_with("failed ") && line.contains("ENOSPC")).count();
    assert!(stored > 100 && told == 2, "{}", said.lines().rev().take(5).collect::<Vec<_>>().join("\n"));
    assert!(said.contains(&format!("read {stored}\n")), "{said}");
}
