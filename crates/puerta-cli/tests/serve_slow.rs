//! Slow and hostile clients against `puerta serve`: those who are not slow are answered all the while. Short in CI; with PUERTA_FULL=1
//! 5,000 slow connections of each kind, and the times of new requests are printed (`--nocapture`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod serve;

use common::places::{Folder, noise};
use common::{Running, peer, puerta, shell, wait_until};
use serve::{Serving, connect, serve};
use std::fs::{self, File};
use std::net::TcpStream;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

fn is_full() -> bool {
    std::env::var_os("PUERTA_FULL").is_some()
}

fn site() -> Folder {
    let folder = Folder::new("serve-slow");
    folder.file("a.txt", noise(1, 1024));
    folder.file("large.bin", noise(2, 4 << 20));
    folder
}

/// How many connections a server has, as the kernel says.
fn descriptors(server: &Serving) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.run.id())).unwrap().count()
}

/// The median and the 99th percentile of the times of new requests, each on a connection of its own.
fn times(server: &Serving, count: usize) -> (Duration, Duration) {
    let expected = noise(1, 1024);
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let began = Instant::now();
            let reply = server.get("/a.txt");
            assert_eq!((reply.status, &reply.body), (200, &expected));
            began.elapsed()
        })
        .collect();
    times.sort();
    (times[count / 2], times[count * 99 / 100])
}

/// From now on this process, and what it starts, run on the first core alone.
fn stay_on_the_first_core() {
    let id = std::process::id().to_string();
    assert_eq!(peer("taskset", ["-a", "-c", "-p", "0", &id]).finish().status, 0, "taskset: apt-get install util-linux");
}

/// On a core of its own, or wherever there is time.
fn slow(server: &Serving, how: &[&str], path: &str, count: usize, core: Option<&str>) -> Running {
    let (count, rate) = (count.to_string(), (count / 4).max(50).to_string());
    let url = format!("{}{path}", server.url);
    let words = [how, &["-c", &count, "-r", &rate, "-l", "60", "-p", "10", "-u", &url]].concat();
    match core {
        Some(core) => peer("taskset", [&["-c", core, "slowhttptest"], &words[..]].concat()).start(),
        None => peer("slowhttptest", words).start(),
    }
}

/// Slow heads (-H), bodies (-B) and readers (-X). Limits are raised: the load comes from one address.
#[test]
fn while_slow_clients_hold_connections_new_requests_are_answered() {
    let (count, requests) = if is_full() { (5000, 2000) } else { (200, 100) };
    // slowhttptest looks at all its connections a thousand times a second: that is not to count as our slowness.
    let apart = is_full() && available_parallelism().is_ok_and(|cores| cores.get() > 1);
    if apart {
        stay_on_the_first_core();
    }
    let core = apart.then_some("1");
    let folder = site();
    for (kind, how, path, each) in [
        ("-H", &["-H", "-i", "5", "-x", "24"][..], "/a.txt", 1),
        // A body is not waited for: the answer is 405, and the connection is closed.
        ("-B", &["-B", "-i", "5", "-s", "8192"], "/a.txt", 0),
        // Each has a file open, too.
        ("-X", &["-X", "-w", "1", "-y", "1", "-n", "5", "-z", "1", "-k", "1"], "/large.bin", 2),
    ] {
        let server = serve(&folder.path(""), &["--max-per-address", "10000", "--within", "30s"]);
        let (median, p99) = times(&server, requests);
        let own = descriptors(&server);
        let load = slow(&server, how, path, count, core);
        for (phase, there) in [("while they come", count / 4), ("while they are there", count * 95 / 100)] {
            // Not every one of them has to be there at one time: some have been refused already.
            wait_until("slow clients are connected", || descriptors(&server) >= own + there * each);
            let (median_with, p99_with) = times(&server, requests);
            println!(
                "{kind}, {count} slow, {phase}: median {median:?}, with them {median_with:?}; p99 {p99:?}, with them {p99_with:?} ({:.1} x); \
                 {} descriptors",
                p99_with.as_secs_f64() / p99.as_secs_f64(),
                descriptors(&server),
            );
        }
        load.signal("INT");
        load.finish();
        wait_until("slow clients are gone", || descriptors(&server) <= own + 2);
    }
}

/// Bytes that the kernel keeps for the server's end of a connection, sent or not, until they are acknowledged: proc_net_tcp(5), `tx_queue`.
fn kept(server: &Serving, client: &TcpStream) -> usize {
    let end = |port: u16| format!("0100007F:{port:04X}");
    let (ours, theirs) =
        (server.at().rsplit_once(':').unwrap().1.parse().unwrap(), client.local_addr().unwrap().port());
    let ends = format!("{} {} ", end(ours), end(theirs));
    let all = fs::read_to_string("/proc/net/tcp").unwrap();
    let line = all.lines().find_map(|line| line.split_once(&ends)).unwrap().1;
    usize::from_str_radix(line.split([' ', ':']).nth(1).unwrap(), 16).unwrap()
}

/// Thousands of them would else take all that the system has for TCP (`tcp_mem`).
#[test]
fn for_a_client_that_does_not_read_the_kernel_keeps_little() {
    let folder = site();
    folder.file("large.bin", noise(2, LARGE));
    let server = serve(&folder.path(""), &[]);
    let mut client = server.client();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status, 200);
    let mut now = 0;
    wait_until("no more is sent", || {
        let before = std::mem::replace(&mut now, kept(&server, &client.stream));
        now > 0 && now == before
    });
    assert!(now < 256 << 10, "{now} bytes");
    assert_eq!(client.take(LARGE).len(), LARGE, "who reads again gets all of it");
}

/// EMFILE: accepting pauses, which is said once and costs nothing, and goes on when there is room.
#[test]
fn without_descriptors_accepting_pauses_says_so_once_and_goes_on() {
    let folder = site();
    let server = serve(&folder.path(""), &[]);
    assert_eq!(server.get("/a.txt").status, 200);
    // At the start it would have taken fewer connections instead.
    let process = server.run.id().to_string();
    peer("prlimit", ["--pid", &process, "--nofile=64:64"]).finish().ends_with(0);
    let held: Vec<_> = (0..100).map(|_| connect(server.at())).collect();
    server.run.says("accepting pauses: ");
    let before = cpu(&server);
    let (began, limit) = (Instant::now(), Duration::from_secs(if is_full() { 10 } else { 2 }));
    wait_until("some time has passed", || began.elapsed() > limit);
    let used = cpu(&server) - before;
    let share = used / began.elapsed().as_secs_f64();
    println!("while accepting paused: {:.2} % of a core", share * 100.0);
    assert!(share < 0.02, "it does not try again and again: {share}");
    drop(held);
    // Connections that were waiting are accepted and end first.
    assert_eq!(server.get("/a.txt").status, 200);
    server.run.signal("TERM");
    let done = server.run.finish();
    done.ends_with(0);
    assert_eq!(done.stderr.matches("accepting pauses: ").count(), 1, "{}", done.stderr);
}

/// Seconds of CPU that a server has used.
fn cpu(server: &Serving) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.run.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // Fields 14 and 15, in hundredths of a second: proc_pid_stat(5).
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// More than the buffers of a connection hold.
const LARGE: usize = 40 << 20;

/// A client that has read the head and a little of a large file.
fn half_sent(server: &Serving) -> serve::Client {
    let mut client = server.client();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status, 200);
    client.take(1 << 20);
    client
}

#[test]
fn a_file_that_is_truncated_while_it_is_sent_cuts_the_connection_and_is_named() {
    let folder = site();
    let file = folder.file("large.bin", noise(2, LARGE));
    let server = serve(&folder.path(""), &[]);
    let mut client = half_sent(&server);
    File::options().write(true).open(&file).unwrap().set_len(2 << 20).unwrap();
    let came = client.until_reset();
    assert!(came.len() < LARGE - (1 << 20), "the response is not padded");
    assert!(!came.windows(9).any(|bytes| bytes == b"HTTP/1.1 "), "no other follows in its place");
    server.run.says("large.bin: it became shorter while it was read; the connection that it was sent on is reset");
    assert_eq!(server.get("/large.bin").body.len(), 2 << 20);
}

#[test]
fn a_file_that_is_replaced_or_deleted_while_it_is_sent_is_sent_to_its_end() {
    let folder = site();
    let content = noise(2, LARGE);
    for replaced in [true, false] {
        let file = folder.file("large.bin", &content);
        let server = serve(&folder.path(""), &[]);
        let mut client = server.client();
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.head().status, 200);
        if replaced {
            fs::rename(folder.file("new", "new"), &file).unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        assert!(client.take(LARGE) == content, "the file as it was opened");
        // A second is how long a change may go unseen.
        wait_until("the change is seen", || {
            let reply = server.get("/large.bin");
            if replaced { reply.body == b"new" } else { reply.status == 404 }
        });
    }
}

#[test]
fn a_small_file_that_is_kept_in_memory_is_seen_to_change() {
    let folder = site();
    let server = serve(&folder.path(""), &[]);
    for _ in 0..3 {
        assert_eq!(server.get("/a.txt").body, noise(1, 1024));
    }
    fs::rename(folder.file("new", "new"), folder.path("a.txt")).unwrap();
    wait_until("the new one is sent", || server.get("/a.txt").body == b"new");
    fs::remove_file(folder.path("a.txt")).unwrap();
    wait_until("it is gone", || server.get("/a.txt").status == 404);
}

/// The disk fails for one file; others are served.
#[test]
fn a_disk_that_fails_is_500_and_nobody_else_notices() {
    let folder = site();
    let bad = folder.file("bad.txt", noise(3, 100_000));
    let line = format!(
        "exec strace -f -qq -o /dev/null -P {} -e trace=preadv2,pread64,preadv,read,sendfile -e inject=preadv2,pread64,preadv,read,sendfile:error=EIO \
         \"$PUERTA\" serve {} --listen 127.0.0.1:0",
        bad.display(),
        folder.name("")
    );
    let server = Serving::start(shell(&line));
    assert_eq!(server.get("/bad.txt").status, 500);
    assert_eq!(server.get("/a.txt").status, 200);
    server.run.says("bad.txt: not served: ");
}

/// A head that comes byte by byte, for longer than it may, is 408, and the connection is closed.
#[test]
fn a_head_that_does_not_end_is_408() {
    let folder = site();
    let server = Serving::start(puerta(["serve", &folder.name(""), "--listen", "127.0.0.1:0", "--within", "500ms"]));
    let mut client = server.client();
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-A: ");
    assert_eq!(client.reply().status, 408);
    assert!(client.rest().is_empty());
}
