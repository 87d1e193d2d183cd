//! `talk --plain` on a terminal: what is shown there, and what ends it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{free_port, udp_is_bound};
use common::udp::{Client, receive, server};
use common::{Running, contains, peer, wait_until};
use std::net::SocketAddr;

/// Runs `puerta talk --plain` under a terminal of its own, and shows its status; what the terminal shows is stdout.
fn on_a_terminal(arguments: &str) -> Running {
    let line = format!("\"$PUERTA\" talk --plain {arguments}; echo status $?");
    let run = peer("script", ["-qec", &line, "/dev/null"]).env("PUERTA", env!("CARGO_BIN_EXE_puerta"));
    run.env("SHELL", "/bin/sh").open_input().start()
}

#[test]
fn control_characters_of_a_message_are_shown_and_ctrl_d_ends() {
    let server = server();
    let address = server.local_addr().unwrap();
    let mut ours = on_a_terminal(&address.to_string());
    ours.writes("/quit ends");
    ours.send("hola\n");
    let from = receive(&server).1;
    server.send_to("\u{1b}]0;forged\u{7}\u{9b}2J \u{202e}txt\nlast\r\n".as_bytes(), from).unwrap();
    ours.writes(format!("~{address}: ^[]0;forged^G\\u{{9b}}2J \\u{{202e}}txt\r\n~{address}: last\r\n"));
    assert!(!contains(&ours.stdout(), b"\x1b"));
    ours.send("\x04");
    ours.writes("status 0");
}

#[test]
fn a_peer_that_quits_ends_the_talk() {
    let server = server();
    let mut ours = on_a_terminal(&format!("--wire ull2096 --name eva {}", server.local_addr().unwrap()));
    ours.writes("/quit ends");
    ours.send("hola\n");
    let (mut frame, from) = receive(&server);
    frame[25..31].copy_from_slice(b"\\quit\0");
    frame[2088..].copy_from_slice(&5u64.to_le_bytes());
    server.send_to(&frame, from).unwrap();
    ours.writes("has left: they quit").writes("status 0");
}

#[test]
fn a_hub_tells_when_nobody_hears_and_ends_with_ctrl_d() {
    let port = free_port();
    let mut ours = on_a_terminal(&format!("--listen 127.0.0.1:{port}"));
    wait_until("a hub", || udp_is_bound(std::process::id(), port));
    ours.writes("only this machine can reach this");
    ours.send("anybody?\n");
    ours.writes("not sent: nobody is here yet");
    let client = Client::to(SocketAddr::from(([127, 0, 0, 1], port)));
    client.send("I am\n");
    ours.writes(": I am");
    ours.send("hola\n");
    client.gets("hola\n");
    ours.send("\x04");
    ours.writes("status 0");
}
