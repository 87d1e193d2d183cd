//! How `puerta talk` ends: what was said and is not stored, and what nobody wants to wait for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod talk;

use common::{Running, wait_until};
use std::fs;
use std::time::{Duration, Instant};
use talk::{Network, User, fingerprint};

fn hub(network: &Network, host: &User) -> Running {
    let hub = network.talk(host, ["--host"]).start();
    hub.says("invite: puerta://");
    hub
}

#[test]
fn what_waits_in_the_outbox_is_left_to_a_run_that_can_tell_what_becomes_of_it() {
    let (network, host, ben) = (Network::new(), User::new("host"), User::new("ben"));
    let first = hub(&network, &host);
    let key = fingerprint(&first.stderr());
    let mut there = network.talk(&ben, ["--accept", &key, "--json"]).open_input().start();
    there.writes("\"event\":\"room\",\"room\":\"#");
    first.signal("TERM");
    first.finish().ends_with(0);
    there.writes("\"event\":\"offline\"");
    there.send("{\"say\":\"psst\",\"room\":\"@nobody\"}\n");
    there.writes("\"event\":\"pending\"");
    there.send("/quit\n");
    there
        .finish()
        .ends_with(7)
        .said("1 message is not stored by the hub")
        .said("those that were not refused wait in the outbox");
    let second = hub(&network, &host);
    // These only ask: the message would be refused, and with it gone.
    network.talk(&ben, ["rooms"]).finish().ends_with(0);
    network.talk(&ben, ["members"]).finish().ends_with(0);
    let follower = network.talk(&ben, ["--follow", "#main"]).start();
    follower.writes("in #main");
    follower.signal("TERM");
    follower.finish().ends_with(143);
    let done = network.talk(&ben, ["--json"]).input("").finish();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.contains("\"event\":\"refused\"") && said.contains("\"text\":\"psst\""), "{said}{}", done.stderr);
    second.signal("TERM");
    second.finish().ends_with(0);
}

#[test]
fn who_stops_a_pipe_has_said_all_that_it_read() {
    let (network, host, ben) = (Network::new(), User::new("host"), User::new("ben"));
    let hub = hub(&network, &host);
    let key = fingerprint(&hub.stderr());
    network.talk(&ben, ["--accept", &key]).input("hola\n").finish().ends_with(0);
    hub.signal("STOP");
    // It is found by what it has said before, and says nothing now.
    let mut pipe = network.talk(&ben, ["127.0.0.1", "--to", "#main", "--within", "30s"]).open_input().start();
    pipe.send("one line\nand a part");
    hub.signal("CONT");
    let said = || String::from_utf8(network.talk(&host, ["export"]).finish().stdout).unwrap();
    wait_until("the first line", || said().contains("one line"));
    pipe.signal("INT");
    pipe.finish().ends_with(130);
    network.talk(&ben, []).input("").finish().ends_with(0);
    let said = said();
    assert_eq!(said.matches("and a part").count(), 1, "{said}");
    hub.signal("TERM");
    hub.finish().ends_with(0);
}

#[test]
fn a_hub_that_does_not_answer_is_not_waited_for_after_ctrl_c() {
    let (network, host, ben) = (Network::new(), User::new("host"), User::new("ben"));
    let hub = hub(&network, &host);
    let key = fingerprint(&hub.stderr());
    network.talk(&ben, ["--accept", &key]).input("hola\n").finish().ends_with(0);
    hub.signal("STOP");
    let asks = network.talk(&ben, ["127.0.0.1", "--within", "25s"]).open_input().start();
    let fds = format!("/proc/{}/fd", asks.id());
    let is_socket =
        |entry: fs::DirEntry| fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
    // Its own socket is bound once it knows where to go.
    let sockets = || fs::read_dir(&fds).is_ok_and(|fds| fds.flatten().any(is_socket));
    wait_until("its socket", sockets);
    let begin = Instant::now();
    asks.signal("INT");
    asks.finish().ends_with(130);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    hub.signal("CONT");
    hub.signal("TERM");
    hub.finish().ends_with(0);
}

#[test]
fn an_output_that_takes_nothing_ends_each_screen_as_it_does_every_command() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let hub = hub(&network, &host);
    let key = fingerprint(&hub.stderr());
    network.talk(&ana, ["--accept", &key]).input("hola\n").finish().ends_with(0);
    for words in [&["--json"][..], &["--line"], &["--follow"], &["--follow", "--json"]] {
        let start = || network.talk(&ana, ["127.0.0.1"].iter().chain(words).copied()).open_input();
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let done = start().stdout(full).finish();
        done.ends_with(8).said("writing the output failed: ").said("ENOSPC").said("make room");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        start().stdout(writer).finish().ends_with(8).said("EPIPE");
    }
}
