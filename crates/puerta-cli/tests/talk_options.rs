//! Options of `puerta talk` that cannot be as they are given.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod talk;

use talk::{Network, User, fingerprint};

#[test]
fn an_option_that_means_nothing_is_refused_with_what_it_is_for() {
    let (network, ana) = (Network::new(), User::new("ana"));
    let ours = "hint: it is for a hub of our own";
    for (words, what, hint) in [
        (&["--plain", "--room", "casa", "127.0.0.1"][..], "--room means nothing with --plain", ours),
        (&["--plain", "--follow", "127.0.0.1"], "--follow means nothing with --plain", "hint: it is for the rooms"),
        (&["--plain", "127.0.0.1", "otra"], "too many arguments", "hint: name one thing"),
        (&["--host", "--follow"], "--follow means nothing with --host", "hint: it is for the rooms"),
        (&["--host", "--renew"], "--renew means nothing with --host", "hint: it is for invites: puerta talk invite"),
        (&["--follow", "--room", "casa"], "--room means nothing with --to or --follow", ours),
        (&["--to", "#build", "--listen", ":0"], "--listen means nothing with --to or --follow", ours),
        (&["127.0.0.1", "--rate", "5"], "--rate means nothing where another hub is joined", ours),
        (&["127.0.0.1", "-4"], "-4 means nothing where another hub is joined", "hint: it is for the plain mode"),
        (&["--wire", "text"], "--wire means nothing here", "hint: it is for the plain mode: add --plain"),
        (&["forget", "casa", "--to", "#x"], "--to means nothing with forget", "hint: "),
        (&["rooms", "casa"], "too many arguments", "hint: name one thing"),
        (&["127.0.0.1", "--follow", "#build"], "too many arguments", "hint: a room is named with --to"),
        (&["invite", "--lasts", "0"], "an invite is good for 1s at least", ""),
        (&["--host", "--lasts", "500ms"], "an invite is good for 1s at least", ""),
    ] {
        network.talk(&ana, words.iter().copied()).finish().ends_with(2).said(what).said(hint);
    }
    let hub = network.talk(&ana, ["--host"]).start();
    hub.says("invite: puerta://");
    let listen = network.talk(&ana, ["--listen", ":9000"]).finish();
    listen.ends_with(2).said("our hub runs already, at 127.0.0.1:7777: --listen means nothing to it").said("hint: ");
    network.talk(&ana, ["--room", "casa"]).input("hola\n").finish().ends_with(0);
    let lasts = network.talk(&ana, ["--lasts", "2h"]).finish();
    lasts.ends_with(2).said("our hub runs already, at 127.0.0.1:7777: --lasts means nothing to it").said("hint: ");
    let (ben, key) = (User::new("ben"), fingerprint(&hub.stderr()));
    let found = network.talk(&ben, ["--lasts", "2h", "--accept", &key]).input("hola\n").finish();
    found.ends_with(2).said("is there: --lasts means nothing to it").said("hint: leave it out");
}

#[test]
fn a_store_in_a_folder_that_is_not_there_is_an_error_and_the_folder_is_not_made() {
    let (network, ana) = (Network::new(), User::new("ana"));
    for words in [&["--host"][..], &[]] {
        let store = ana.home.name("missing/x.db");
        let done = network.talk(&ana, words.iter().copied().chain(["--store", &store])).finish();
        done.ends_with(8).said("missing: No such file").said("hint: check that the folder exists");
        assert!(!ana.home.path("missing").exists());
    }
}
