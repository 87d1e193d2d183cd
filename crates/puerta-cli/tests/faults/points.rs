//! Where a fault is put: the calls that a transfer makes, from the runtime's beginning on.

use crate::common::places::Folder;
use crate::run::{Fault, Tool};
use crate::transfers::Transfer;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The errors that each call can give. EAGAIN only where it is no lie: readiness is edge-triggered, so a kernel that had
/// something to read and said EAGAIN would never tell again.
const ERRORS: &[(&str, &[&str])] = &[
    ("socket", &["EMFILE", "ENOBUFS"]),
    ("socketpair", &["EMFILE"]),
    ("eventfd2", &["EMFILE"]),
    ("epoll_create1", &["EMFILE"]),
    ("pipe2", &["EMFILE"]),
    ("pidfd_open", &["EMFILE", "ENOSYS"]),
    ("setsockopt", &["ENOPROTOOPT", "ENOMEM"]),
    ("getsockopt", &["ENOBUFS"]),
    ("bind", &["EADDRINUSE"]),
    ("listen", &["EADDRINUSE"]),
    ("accept4", &["EMFILE", "ECONNABORTED", "EINTR", "ENOBUFS"]),
    ("connect", &["ECONNREFUSED", "ENETUNREACH", "EAGAIN"]),
    ("getsockname", &["ENOBUFS"]),
    ("getpeername", &["ENOBUFS"]),
    ("fcntl", &["EPERM", "ENOMEM"]),
    ("ioctl", &["EIO", "ENOTTY"]),
    ("splice", &["EINTR", "EAGAIN", "ENOMEM", "EINVAL", "EPIPE", "ECONNRESET"]),
    ("sendfile", &["EINTR", "ENOMEM", "EINVAL", "EIO", "EPIPE"]),
    ("recvfrom", &["EINTR", "ECONNRESET", "ENOMEM"]),
    ("sendto", &["EINTR", "EPIPE", "ENOBUFS"]),
    ("recvmsg", &["EINTR", "ENOMEM"]),
    ("sendmsg", &["EINTR", "EPIPE", "ENOBUFS"]),
    ("shutdown", &["ENOBUFS"]),
    ("poll", &["EINTR", "ENOMEM"]),
    ("epoll_ctl", &["ENOSPC", "ENOMEM"]),
    ("epoll_wait", &["EINTR"]),
    ("close", &["EIO", "EINTR"]),
    ("openat", &["EMFILE", "EACCES"]),
    ("statx", &["EACCES"]),
    ("newfstatat", &["ENOMEM"]),
    ("flock", &["EINTR", "ENOLCK"]),
    ("clone3", &["EAGAIN"]),
    ("clone", &["EAGAIN"]),
    ("vfork", &["EAGAIN"]),
    ("waitid", &["EINTR"]),
    ("wait4", &["EINTR"]),
    ("rt_sigaction", &["EINVAL"]),
];

/// Those on standard input and output.
const LOCAL_ERRORS: &[(&str, &[&str])] = &[
    ("read", &["EINTR", "EIO"]),
    ("write", &["EINTR", "EIO", "ENOSPC"]),
    ("preadv2", &["EINTR", "EIO", "EOPNOTSUPP"]),
    ("pwritev2", &["EINTR", "EIO", "EPIPE", "EOPNOTSUPP"]),
];

/// At most so many of one call in a row; the rest are alike.
const MOST: usize = 16;

/// The faults of a transfer.
pub(crate) fn of(transfer: &Transfer) -> Vec<Fault> {
    let mut faults = list(transfer, false, ERRORS);
    if transfer.local {
        faults.extend(list(transfer, true, LOCAL_ERRORS));
    }
    faults
}

fn list(transfer: &Transfer, local: bool, errors: &[(&str, &[&'static str])]) -> Vec<Fault> {
    let folder = Folder::new("faults");
    let log = folder.path("log");
    let outcome = (transfer.run)(&Tool::List(log.clone(), local));
    assert!(outcome.right, "{} under strace: {}", transfer.name, outcome.ended.stderr);
    let calls = counted(&fs::read_to_string(&log).unwrap(), local);
    let mut faults = Vec::new();
    for (call, errnos) in errors {
        // strace fails a close by leaving it out: a child's pipe would stay open, and its end would never come.
        if *call == "close" && !transfer.local {
            continue;
        }
        for &nth in calls.get(*call).into_iter().flatten().take(MOST) {
            faults.extend(errnos.iter().map(|errno| Fault { call: (*call).to_owned(), errno, nth, local }));
        }
    }
    faults
}

/// Which occurrences of each call there are in any thread, without those before the runtime is made: strace counts by thread.
fn counted(log: &str, local: bool) -> BTreeMap<String, BTreeSet<usize>> {
    let main = log.split(' ').next().unwrap_or_default();
    let mut begun = local;
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if !call.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        begun |= call == "epoll_create1";
        let nth = seen.entry((thread, call)).and_modify(|n| *n += 1).or_insert(1);
        // A signal's handler wakes the runtime by this byte; the kernel never refuses it.
        let wakes = rest.contains(r#""\1", 1, MSG_NOSIGNAL"#);
        if thread == main && !begun {
            skipped.insert(call, *nth);
        } else if !wakes && *nth > skipped.get(call).copied().unwrap_or(0) {
            calls.entry(call.to_owned()).or_default().insert(*nth);
        }
    }
    calls
}

/// The runtime's panics about faults that the kernel never makes: an eventfd that takes no 8 bytes, a socket pair of its own
/// that is reset.
pub(crate) fn is_impossible(stderr: &str) -> bool {
    ["failed to wake I/O driver", "Bad read on self-pipe"].iter().any(|words| stderr.contains(words))
}
