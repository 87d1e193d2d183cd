//! Unix packets (SOCK_SEQPACKET): boundaries kept, an empty packet no end, and the end an end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, noise};
use common::{peer, puerta};
use puerta::{Connected, Flags, Listening, Packet, Shutdown, Socket, UnixAddr, UnixPacket, opt};
use std::path::Path;

fn address(path: &Path) -> String {
    format!("unix-packet:{}", path.display())
}

fn limited(socket: Socket<UnixPacket, Connected>) -> Socket<UnixPacket, Connected> {
    socket.set(opt::ReceiveTimeout, Some(common::LIMIT)).unwrap();
    socket.set(opt::PassCredentials, true).unwrap();
    socket
}

fn client(path: &Path) -> Socket<UnixPacket, Connected> {
    limited(Socket::<UnixPacket>::new(()).unwrap().connect(&UnixAddr::path(path)).unwrap())
}

fn server(path: &Path) -> Socket<UnixPacket, Listening> {
    // Inherited by each client, so that the first empty packet shows, too.
    let socket = Socket::<UnixPacket>::new(()).unwrap().with(opt::PassCredentials, true).unwrap();
    socket.bind(&UnixAddr::path(path)).unwrap().listen(8).unwrap()
}

fn accepted(server: &Socket<UnixPacket, Listening>) -> Socket<UnixPacket, Connected> {
    limited(server.accept().unwrap().0)
}

/// The next packet; `None` is the end.
fn next(socket: &Socket<UnixPacket, Connected>) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 500_000];
    match socket.recv_packet(&mut buffer, Flags::NONE).unwrap() {
        Packet::Message(received) => {
            buffer.truncate(received.len);
            Some(buffer)
        }
        Packet::End => None,
    }
}

fn send(socket: &Socket<UnixPacket, Connected>, bytes: impl AsRef<[u8]>) {
    socket.send(bytes.as_ref(), Flags::NONE).unwrap();
}

#[test]
fn each_line_is_a_packet_and_the_end_of_the_input_is_the_end() {
    let folder = Folder::new("lines");
    let path = folder.path("door");
    let server = server(&path);
    let ours = puerta(["connect", &address(&path)]).input("one\n\ntwo\nrest").start();
    let other = accepted(&server);
    for expected in ["one\n", "\n", "two\n", "rest"] {
        assert_eq!(next(&other), Some(expected.into()));
    }
    assert_eq!(next(&other), None);
    send(&other, "late answer");
    drop(other);
    ours.finish().ends_with(0).wrote("late answer").said("sent 13 bytes, received 11 bytes; we ended first");
}

#[test]
fn an_empty_packet_is_not_the_end_and_the_end_is_in_both_roles() {
    let folder = Folder::new("empty");
    let path = folder.path("door");
    for keep in [false, true] {
        let mut listener = puerta(["listen", &address(&path)].into_iter().chain(keep.then_some("--keep"))).start();
        listener = listener.listens_at(&path);
        let other = client(&path);
        for part in ["", "one", "", "", "two", ""] {
            send(&other, part);
        }
        other.shutdown(Shutdown::Write).unwrap();
        assert_eq!(next(&other), None);
        listener.writes("onetwo");
        if keep {
            listener.signal("TERM");
        }
        listener.finish().ends_with(0).wrote("onetwo").said("received 6 bytes");
    }
    let server = server(&path);
    let ours = puerta(["connect", &address(&path), "--whole"]).start();
    let other = accepted(&server);
    assert_eq!(next(&other), Some(Vec::new()), "the whole of an empty input");
    assert_eq!(next(&other), None);
    for part in ["", "uno", "", "dos"] {
        send(&other, part);
    }
    drop(other);
    ours.finish().ends_with(0).wrote("unodos").said("sent 0 bytes, received 6 bytes");
}

#[test]
fn a_long_packet_arrives_whole_both_ways() {
    let folder = Folder::new("long");
    let path = folder.path("door");
    let (there, back) = (noise(1, 200_000), noise(2, 200_000));
    let ours = puerta(["listen", &address(&path), "--whole"]).input(back.clone()).start().listens_at(&path);
    puerta(["connect", &address(&path), "--whole"]).input(there.clone()).finish().ends_with(0).wrote(&back);
    ours.finish().ends_with(0).wrote(&there);
    let too_long = puerta(["listen", &address(&path)]).start().listens_at(&path);
    let refused = puerta(["connect", &address(&path), "--whole"]).input(noise(3, 900_000)).finish();
    refused.ends_with(7).said("EMSGSIZE").said("net.core.wmem_max over Unix sockets");
    drop(too_long);
}

#[test]
fn many_clients_at_once_are_served() {
    let folder = Folder::new("keep");
    let path = folder.path("door");
    let ours = puerta(["listen", &address(&path), "--keep"]).start().listens_at(&path);
    let clients = [client(&path), client(&path), client(&path)];
    for n in [1, 0, 2] {
        send(&clients[n], format!("{n}\n"));
        ours.writes(format!("{n}\n"));
    }
    drop(clients);
    ours.signal("TERM");
    ours.finish().ends_with(0).wrote("1\n0\n2\n");
}

#[test]
fn what_one_client_sends_all_others_get_packet_by_packet() {
    let folder = Folder::new("broadcast");
    let path = folder.path("door");
    let mut ours = puerta(["listen", &address(&path), "--broadcast", "-v"]).open_input().start().listens_at(&path);
    let clients = [client(&path), client(&path)];
    send(&clients[0], "zero is here");
    ours.writes("zero is here");
    assert_eq!(next(&clients[1]), Some("zero is here".into()));
    send(&clients[1], "");
    assert_eq!(next(&clients[0]), Some(Vec::new()));
    ours.send("one\ntwo\n").end_input();
    for client in &clients {
        assert_eq!(next(client), Some("one\n".into()));
        assert_eq!(next(client), Some("two\n".into()));
    }
}

#[test]
fn each_client_has_a_command_of_its_own() {
    let folder = Folder::new("command");
    let path = folder.path("door");
    let script = "while read -r line; do echo \"$line!\"; done; echo end; exit 3";
    let ours = puerta(["listen", &address(&path), "--keep", "--", "sh", "-c", script]).start().listens_at(&path);
    let clients = [client(&path), client(&path)];
    for (n, client) in clients.iter().enumerate() {
        send(client, format!("hola {n}\n"));
        assert_eq!(next(client), Some(format!("hola {n}!\n").into()));
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!((next(client), next(client)), (Some("end\n".into()), None));
    }
    ours.says("sh ended with exit status: 3").signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn socat_talks_packets_in_both_roles() {
    let folder = Folder::new("socat");
    let path = folder.path("door");
    let name = folder.name("door");
    let mut ours = puerta(["listen", &address(&path)]).open_input().start().listens_at(&path);
    let mut other = peer("socat", ["-", &format!("UNIX-CONNECT:{name},socktype=5")]).open_input().start();
    other.greets(&mut ours);
    ours.end_input();
    other.end_input();
    ours.finish().ends_with(0).wrote("hola, servidor\n");

    let mut other = peer("socat", ["-", &format!("UNIX-LISTEN:{name},socktype=5")]).open_input().start();
    other = other.listens_at(&path);
    let mut ours = puerta(["connect", &address(&path)]).open_input().start();
    ours.greets(&mut other);
    other.end_input();
    ours.end_input();
    ours.finish().ends_with(0).wrote("hola, cliente\n");
}

#[test]
fn a_peer_that_left_unread_packets_is_no_clean_end() {
    let folder = Folder::new("unread");
    let path = folder.path("door");
    let server = server(&path);
    let mut ours = puerta(["connect", &address(&path)]).open_input().start();
    let other = accepted(&server);
    ours.send("never read\n");
    other.recv(&mut [0; 16], Flags::PEEK).unwrap();
    drop(other);
    ours.finish().ends_with(7).said("ECONNRESET");
}
