//! `talk --plain` on the wires of fixed size, with peers of the test's own that behave like the classic ones: garbage behind
//! each NUL, short frames, frames cut by TCP segments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{all_of, client, server as tcp_server, some_of};
use common::udp::{Client, receive, server};
use common::{Running, puerta};
use std::io::Write;

/// A field as a C program leaves it: the text, its NUL, and what lay in memory before.
fn dirty(text: &str, len: usize) -> Vec<u8> {
    let mut field = vec![0xcc; len];
    field[..text.len()].copy_from_slice(text.as_bytes());
    field[text.len()] = 0;
    field
}

/// A field as we send it.
fn clean(text: &str, len: usize) -> Vec<u8> {
    let mut field = text.as_bytes().to_vec();
    field.resize(len, 0);
    field
}

fn ull1106(fill: fn(&str, usize) -> Vec<u8>, user: &str, text: &str) -> Vec<u8> {
    [fill(user, 32), fill("today", 50), fill(text, 1024)].concat()
}

fn ull1066(fill: fn(&str, usize) -> Vec<u8>, user: &str, text: &str) -> Vec<u8> {
    [fill(user, 16), fill(text, 1024), fill("today", 26)].concat()
}

/// A frame without its time: ours has another than the test's.
fn timeless(frame: &[u8]) -> Vec<u8> {
    match frame.len() {
        1106 => [&frame[..32], &frame[82..]].concat(),
        1066 => frame[..1040].to_vec(),
        _ => frame.to_vec(),
    }
}

fn hub(wire: &str) -> Running {
    puerta(["talk", "--plain", "--listen", "127.0.0.1:0", "--wire", wire, "--name", "hub"]).open_input().start()
}

fn talk(wire: &str, address: impl ToString) -> Running {
    puerta(["talk", "--plain", &address.to_string(), "--wire", wire, "--name", "eva"]).open_input().start()
}

#[test]
fn ull1024_is_1024_bytes_each_way_and_ends_at_the_first_nul() {
    let server = server();
    let mut ours = puerta(["talk", "--plain", &server.local_addr().unwrap().to_string(), "--wire", "ull1024"])
        .open_input()
        .start();
    ours.send("¡Hola!\n");
    let (bytes, from) = receive(&server);
    assert_eq!(bytes, clean("¡Hola!", 1024));
    server.send_to(&dirty("qué tal", 1024), from).unwrap();
    ours.writes(": qué tal\n");
    server.send_to(b"short", from).unwrap();
    ours.writes(": short\n").says("sent a frame that is 5 bytes long, not 1024");
    ours.send(format!("{}\nfits\n", "x".repeat(1024)));
    assert_eq!(receive(&server).0, clean("fits", 1024));
    ours.says("not sent: the text has 1024 bytes, and this wire carries 1023 at most");
    ours.send("/quit\n");
    ours.finish().ends_with(0);
}

#[test]
fn ull2096_carries_the_lengths_and_quits_at_the_end() {
    let frame = |user: &str, text: &str| {
        let lengths = [user.len() as u64, text.len() as u64].map(u64::to_le_bytes).concat();
        [clean(user, 25), clean(text, 2048), vec![0; 7], lengths].concat()
    };
    let server = server();
    let mut ours = talk("ull2096", server.local_addr().unwrap());
    ours.send("Hola\n");
    let (bytes, from) = receive(&server);
    assert_eq!(bytes, frame("eva", "Hola"));
    let lengths = [3u64, 3].map(u64::to_le_bytes).concat();
    let theirs = [dirty("ana", 25), dirty("uno y más", 2048), vec![0xcc; 7], lengths].concat();
    server.send_to(&theirs, from).unwrap();
    ours.writes("~ana: uno\n");
    ours.end_input();
    assert_eq!(receive(&server).0, frame("eva", r"\quit"));
    ours.finish().ends_with(0);

    let mut ours = talk("ull2096", server.local_addr().unwrap());
    ours.send("Hola\n");
    let from = receive(&server).1;
    server.send_to(&frame("ana", r"\quit"), from).unwrap();
    ours.says(&format!("~ana ({}) has left: they quit", server.local_addr().unwrap()));
}

#[test]
fn ull1106_joins_a_hub_waits_for_its_answer_and_quits() {
    let server = server();
    let mut ours = talk("ull1106", server.local_addr().unwrap());
    ours.send("Hola\n");
    let (join, from) = receive(&server);
    assert_eq!(timeless(&join), timeless(&ull1106(clean, "eva", "/talk_join")));
    assert_eq!(join[32..82].iter().position(|&byte| byte == 0), Some(24), "the time as asctime writes it");
    server.send_to(&ull1106(dirty, "talk_server", "/talk_connected"), from).unwrap();
    ours.says("~talk_server").says("has let us in");
    assert_eq!(timeless(&receive(&server).0), timeless(&ull1106(clean, "eva", "Hola")));
    server.send_to(&ull1106(dirty, "ana", "hola, eva"), from).unwrap();
    ours.writes("~ana: hola, eva\n");
    ours.send("/talk_join\n/talk_quit\n");
    assert_eq!(timeless(&receive(&server).0), timeless(&ull1106(clean, "eva", "/talk_quit")));
    ours.finish().ends_with(0).said("not sent: on this wire that text is a command");
}

#[test]
fn our_ull1106_hub_answers_joins_in_their_size_and_forwards_whole_clean_frames() {
    let mut ours = hub("ull1106");
    let (ana, eva) = (Client::of(&ours), Client::of(&ours));
    for (client, user) in [(&ana, "ana"), (&eva, "eva")] {
        client.send(ull1106(dirty, user, "/talk_join"));
        let answer = client.bytes();
        assert_eq!(timeless(&answer), timeless(&ull1106(clean, "talk_server", "/talk_connected")));
        ours.says(&format!("~{user} ({}) is here", client.address()));
    }
    ana.send(ull1106(dirty, "ana", "Hola"));
    eva.gets(ull1106(clean, "ana", "Hola"));
    ana.send(&ull1106(dirty, "ana", "cut")[..86]);
    eva.gets(ull1106(clean, "ana", "cut"));
    ours.writes("~ana: cut\n").says("sent a frame that is 86 bytes long, not 1106");
    // In the name of another: it ends its own membership alone.
    eva.send(ull1106(dirty, "ana", "/talk_quit"));
    ours.says(&format!("~ana ({}) has left: they quit", eva.address()));
    ours.send("from the hub\n");
    assert_eq!(timeless(&ana.bytes()), timeless(&ull1106(clean, "hub", "from the hub")));
    ours.signal("TERM");
    assert_eq!(timeless(&ana.bytes()), timeless(&ull1106(clean, "talk_server", "/talk_quit")));
    ours.finish().ends_with(0);
}

#[test]
fn what_is_no_frame_of_a_stranger_is_told_answered_by_nothing_and_makes_no_member() {
    let ours = hub("ull1106");
    let stranger = Client::of(&ours);
    stranger.send("GET / HTTP/1.1\r\n\r\n");
    ours.says(&format!("dropped what is no frame, from {}: it is 18 bytes long, not 1106", stranger.address()));
    stranger.send(ull1106(dirty, "ana", "/talk_join"));
    assert_eq!(stranger.bytes().len(), 1106, "the answer to the join is the first that came");
}

#[test]
fn ull1066_frames_that_tcp_cuts_anywhere_are_read_whole_and_ours_come_whole() {
    let (address, thread) = tcp_server(|mut stream| {
        let first = some_of(&stream, 1066);
        let frames = [ull1066(dirty, "ana", "one"), ull1066(dirty, "ana", "two")].concat();
        stream.set_nodelay(true).unwrap();
        for piece in [&frames[..1], &frames[1..16], &frames[16..1067], &frames[1067..2000], &frames[2000..]] {
            stream.write_all(piece).unwrap();
            stream.flush().unwrap();
        }
        stream.write_all(b"ana\0cut off").unwrap();
        first
    });
    let mut ours = talk("ull1066", address);
    ours.send("Hola\n");
    ours.writes("~ana: one\n~ana: two\n").says("sent a frame that is 11 bytes long, not 1066").says("has left");
    assert_eq!(timeless(&thread.join().unwrap()), timeless(&ull1066(clean, "eva", "Hola")));
    ours.end_input();
    ours.finish();
}

#[test]
fn our_ull1066_hub_relays_frames_verbatim_to_the_others() {
    let mut ours = hub("ull1066");
    let [mut ana, mut eva, ada] = [(); 3].map(|()| client(ours.port()));
    for member in [&ana, &eva, &ada] {
        ours.says(&format!("~{} is here", member.local_addr().unwrap()));
    }
    let frame = ull1066(dirty, "ana", "Hola");
    let (head, tail) = frame.split_at(700);
    ana.write_all(head).unwrap();
    // Once this came back, the hub has read the first part.
    let other = ull1066(dirty, "eva", "between");
    eva.write_all(&other).unwrap();
    assert_eq!((some_of(&ana, 1066), some_of(&ada, 1066)), (other.clone(), other));
    ana.write_all(tail).unwrap();
    for member in [&eva, &ada] {
        assert_eq!(some_of(member, 1066), frame);
    }
    ours.writes("~ana: Hola\n");
    ours.send("from the hub\n");
    for member in [&ana, &eva, &ada] {
        assert_eq!(timeless(&some_of(member, 1066)), timeless(&ull1066(clean, "hub", "from the hub")));
    }
    drop(eva);
    ours.says("has left: the connection has ended");
    ana.write_all(&frame).unwrap();
    assert_eq!(some_of(&ada, 1066), frame);
    ours.signal("TERM");
    ours.finish().ends_with(0);
    assert_eq!((all_of(&ana), all_of(&ada)), (vec![], vec![]));
}

#[test]
fn puerta_talks_to_itself_on_every_wire() {
    for wire in ["text", "ull1024", "ull1106", "ull2096", "ull1066"] {
        let mut hub = hub(wire);
        let (mut first, mut second) = (talk(wire, hub.address()), talk(wire, hub.address()));
        first.send("one\n");
        hub.writes(": one\n");
        second.send("two\n");
        first.writes(": two\n");
        first.send("three\n");
        second.writes(": three\n");
        hub.send("four\n");
        for member in [&mut first, &mut second] {
            member.writes(": four\n");
            member.send("/quit\n");
        }
        for member in [first, second] {
            member.finish().ends_with(0);
        }
        hub.signal("TERM");
        hub.finish().ends_with(0);
    }
}

#[test]
fn a_name_that_does_not_fit_is_a_wrong_command_line_and_one_without_a_place_is_told() {
    let done = puerta(["talk", "--plain", "127.0.0.1:1", "--wire", "ull1066", "--name", "a name too long!"]).finish();
    done.ends_with(2).said("the name has 16 bytes, and this wire carries 15 at most");
    let done = puerta(["talk", "--plain", "127.0.0.1:1", "--name", "ana"]).finish();
    done.said("the wire text carries no names: ana is not sent");
}
