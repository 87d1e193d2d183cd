//! UDP: whole datagrams, many peers at once, and what is told of those that are not there.

mod common;

use common::places::{free_port, noise};
use common::{Running, peer, puerta, same};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

const LONGEST_V4: usize = 65_507;
const LONGEST_V6: usize = 65_527;

/// A client that takes answers from the address alone that it asked, as nc and most programs do.
struct Client(UdpSocket);

impl Client {
    fn to(address: impl Into<SocketAddr>) -> Self {
        let to = address.into();
        let socket = UdpSocket::bind(if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).unwrap();
        socket.connect(to).unwrap();
        Client(limited(socket))
    }

    fn of(server: &Running) -> Self {
        Client::to(server.address().parse::<SocketAddr>().unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn send(&self, bytes: impl AsRef<[u8]>) -> &Self {
        self.0.send(bytes.as_ref()).unwrap();
        self
    }

    #[track_caller]
    fn gets(&self, expected: impl AsRef<[u8]>) -> &Self {
        let mut buffer = vec![0; 70_000];
        let n = self.0.recv(&mut buffer).expect("no datagram came");
        same(&buffer[..n], expected.as_ref());
        self
    }

    fn text(&self) -> String {
        let mut buffer = vec![0; 70_000];
        let n = self.0.recv(&mut buffer).expect("no datagram came");
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    }
}

/// No test waits for ever.
fn limited(socket: UdpSocket) -> UdpSocket {
    socket.set_read_timeout(Some(common::LIMIT)).unwrap();
    socket
}

fn server() -> UdpSocket {
    limited(UdpSocket::bind("127.0.0.1:0").unwrap())
}

fn udp(socket: &UdpSocket) -> String {
    format!("udp:{}", socket.local_addr().unwrap())
}

/// The next datagram, and whose it is.
fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let (n, from) = socket.recv_from(&mut buffer).expect("no datagram came");
    buffer.truncate(n);
    (buffer, from)
}

fn whole_both_ways(host: &str, len: usize) {
    let (there, back) = (noise(1, len), noise(2, len));
    let mut server = puerta(["listen", &format!("udp:{host}:0"), "--whole"]).open_input().start();
    let to = format!("udp:{}", server.address());
    let client = puerta(["connect", &to, "--whole", "--idle", "20s"]).input(there.clone()).start();
    server.writes_len(len);
    server.send(&back).end_input();
    client.writes_len(len).signal("TERM");
    client.finish().ends_with(0).wrote(&back);
    server.signal("TERM");
    server.finish().ends_with(0).wrote(&there).said(&format!("sent {len} bytes, received {len} bytes"));
}

#[test]
fn the_longest_datagram_over_ipv4_arrives_whole_both_ways() {
    whole_both_ways("127.0.0.1", LONGEST_V4);
}

#[test]
fn the_longest_datagram_over_ipv6_arrives_whole_both_ways() {
    whole_both_ways("[::1]", LONGEST_V6);
}

#[test]
fn the_longest_datagram_is_one_datagram_for_other_programs_too() {
    let (there, back) = (noise(3, LONGEST_V4), noise(4, LONGEST_V4));
    let other = server();
    let ours = puerta(["connect", &udp(&other), "--whole", "--idle", "20s"]).input(there.clone()).start();
    let (got, from) = receive(&other);
    same(&got, &there);
    other.send_to(&back, from).unwrap();
    ours.writes_len(LONGEST_V4).signal("INT");
    ours.finish().ends_with(0).wrote(&back);
}

#[test]
fn a_datagram_that_is_too_long_is_told_with_the_limit() {
    let other = server();
    let ours = puerta(["connect", &udp(&other), "--whole"]).input(vec![b'x'; LONGEST_V4 + 1]).finish();
    ours.ends_with(7).said("EMSGSIZE").said("hint: the datagram is too long: 65507 bytes over IPv4").wrote("");
}

#[test]
fn a_listener_goes_on_after_a_line_that_is_too_long() {
    let input = [vec![b'x'; LONGEST_V4 + 1], b"\nshort\n".to_vec()].concat();
    let mut ours = puerta(["listen", "udp:127.0.0.1:0"]).open_input().start();
    let client = Client::of(&ours);
    client.send("hola");
    ours.writes("hola");
    ours.send(input);
    client.gets("short\n");
    ours.says("EMSGSIZE").signal("TERM");
    ours.finish().ends_with(0).said("sent 6 bytes, received 4 bytes");
}

#[test]
fn an_empty_datagram_ends_nothing() {
    let mut listener = puerta(["listen", "udp:127.0.0.1:0"]).open_input().start();
    let client = Client::of(&listener);
    client.send("").send("one").send("").send("two");
    listener.writes("onetwo");
    listener.send("answer\n");
    client.gets("answer\n");
    listener.signal("TERM");
    listener.finish().ends_with(0).wrote("onetwo");

    let other = server();
    let mut ours = puerta(["connect", &udp(&other)]).open_input().start();
    ours.send("question\n");
    let (_, from) = receive(&other);
    for part in ["", "one", "", "two"] {
        other.send_to(part.as_bytes(), from).unwrap();
    }
    ours.writes("onetwo");
    ours.end_input();
    ours.finish().ends_with(0).wrote("onetwo").said("sent 9 bytes, received 6 bytes; no more answers came");
}

#[test]
fn an_empty_input_is_no_line_but_an_empty_whole() {
    let other = server();
    puerta(["connect", &udp(&other)]).finish().ends_with(0);
    puerta(["connect", &udp(&other), "--whole"]).finish().ends_with(0);
    puerta(["connect", &udp(&other)]).input("line").finish().ends_with(0);
    assert_eq!(receive(&other).0, b"");
    assert_eq!(receive(&other).0, b"line");
}

#[test]
fn each_line_is_a_datagram_and_so_is_a_last_one_without_an_end() {
    let other = server();
    puerta(["connect", &udp(&other)]).input("one\n\ntwo\nrest").finish().ends_with(0);
    for expected in ["one\n", "\n", "two\n", "rest"] {
        assert_eq!(receive(&other).0, expected.as_bytes());
    }
    let crlf = puerta(["connect", &udp(&other), "--crlf"]).input("one\ntwo").finish();
    crlf.ends_with(0).said("sent 8 bytes");
    assert_eq!((receive(&other).0, receive(&other).0), (b"one\r\n".to_vec(), b"two".to_vec()));
}

#[test]
fn three_peers_at_once_get_their_own_answers_from_the_address_that_they_asked() {
    let ours = puerta(["listen", "udp::0", "--", "cat"]).start();
    let port = ours.port();
    let hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"];
    let clients: Vec<Client> = hosts.iter().map(|h| Client::to(SocketAddr::new(h.parse().unwrap(), port))).collect();
    for round in 0..3 {
        for (host, client) in hosts.iter().zip(&clients) {
            client.send(format!("{host} {round}\n"));
        }
    }
    for round in 0..3 {
        for (host, client) in hosts.iter().zip(&clients) {
            client.gets(format!("{host} {round}\n"));
        }
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn our_input_goes_to_the_last_peer_from_the_address_that_it_asked() {
    let mut ours = puerta(["listen", "udp::0"]).open_input().start();
    let port = ours.port();
    for host in ["127.0.0.3", "127.0.0.1", "127.0.0.2", "::1"] {
        let client = Client::to(SocketAddr::new(host.parse().unwrap(), port));
        client.send(format!("I am at {host}\n"));
        ours.writes(format!("I am at {host}\n"));
        ours.send(format!("hola {host}\n"));
        client.gets(format!("hola {host}\n"));
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn input_waits_for_the_first_peer() {
    let ours = puerta(["listen", "udp:127.0.0.1:0"]).input("hola\n").start();
    Client::of(&ours).send("?").gets("hola\n");
    ours.signal("INT");
    ours.finish().ends_with(0);
}

#[test]
fn a_port_that_nobody_listens_on_is_told_by_name() {
    let port = free_port();
    let to = format!("udp:127.0.0.1:{port}");
    let ours = puerta(["connect", &to]).input("hola\n").finish();
    ours.ends_with(6).said(&format!("127.0.0.1:{port}")).said("ECONNREFUSED").said("hint: nothing listens there");
    let mut held = puerta(["connect", &to]).open_input().start();
    held.send("hola\n");
    held.finish().ends_with(6);
    let json = puerta(["connect", &to, "--json"]).input("hola\n").finish();
    let lines = json.ends_with(6).json();
    let error = lines.iter().find(|l| l["event"] == "error").expect("an error");
    assert_eq!((&error["errno"], &error["status"]), (&"ECONNREFUSED".into(), &6.into()));
    assert_eq!(error["peer"], format!("127.0.0.1:{port}"));
}

#[test]
fn a_peer_that_has_gone_is_told_and_one_that_comes_back_is_heard() {
    let other = server();
    let at = other.local_addr().unwrap();
    let mut ours = puerta(["connect", &udp(&other)]).open_input().start();
    ours.send("one\n");
    let (_, from) = receive(&other);
    other.send_to(b"1\n", from).unwrap();
    ours.writes("1\n");
    drop(other);
    ours.send("two\n").says("ECONNREFUSED");
    let other = limited(UdpSocket::bind(at).unwrap());
    ours.send("three\n");
    assert_eq!(receive(&other).0, b"three\n");
    other.send_to(b"3\n", from).unwrap();
    ours.writes("3\n");
    ours.end_input();
    ours.finish().ends_with(0).wrote("1\n3\n");

    let mut ours = puerta(["connect", &udp(&other)]).open_input().start();
    ours.send("one\n");
    other.send_to(b"1\n", receive(&other).1).unwrap();
    ours.writes("1\n");
    drop(other);
    ours.send("two\n").end_input();
    ours.finish().ends_with(6).said("ECONNREFUSED").said("nobody listens there any more");
}

#[test]
fn a_listener_survives_peers_that_have_gone() {
    let mut ours = puerta(["listen", "udp:127.0.0.1:0"]).open_input().start();
    for _ in 0..3 {
        let client = Client::of(&ours);
        client.send("I go\n");
        ours.writes("I go\n");
        drop(client);
        ours.send("where are you?\n");
    }
    let client = Client::of(&ours);
    client.send("here");
    ours.writes("here");
    ours.send("hola\n");
    loop {
        // What was sent to those who have gone may come late, and then to this one.
        if client.text() == "hola\n" {
            break;
        }
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn connect_waits_for_answers_after_the_end_of_its_input() {
    let other = server();
    let ours = puerta(["connect", &udp(&other)]).input("question\n").start();
    let (_, from) = receive(&other);
    other.send_to(b"answer\n", from).unwrap();
    ours.finish().ends_with(0).wrote("answer\n").said("no more answers came");
}

#[test]
fn silence_before_the_end_of_the_input_is_broken_in_transit() {
    let other = server();
    let ours = puerta(["connect", &udp(&other), "--idle", "100ms"]).open_input().start();
    ours.finish().ends_with(7).said("nothing came or went for the time of --idle");
}

#[test]
fn a_listener_serves_on_after_the_end_of_its_input_and_without_one() {
    let with_end = puerta(["listen", "udp:127.0.0.1:0"]).start();
    let line = "\"$PUERTA\" listen udp:127.0.0.1:0 <&-";
    let without = common::shell(line).start();
    for ours in [with_end, without] {
        Client::of(&ours).send("one\n");
        ours.writes("one\n");
        Client::of(&ours).send("two\n");
        ours.writes("two\n").signal("TERM");
    }
}

#[test]
fn what_one_peer_sends_all_others_get() {
    let mut ours = puerta(["listen", "udp:127.0.0.1:0", "--broadcast"]).open_input().start();
    let clients = [Client::of(&ours), Client::of(&ours), Client::of(&ours)];
    for (n, client) in clients.iter().enumerate() {
        client.send(format!("{n} is here\n"));
        ours.writes(format!("{n} is here\n"));
    }
    clients[0].gets("1 is here\n").gets("2 is here\n").send("hola\n");
    clients[1].gets("2 is here\n").gets("hola\n");
    clients[2].gets("hola\n");
    ours.send("to all\n").end_input();
    for client in &clients {
        client.gets("to all\n");
    }
    clients[1].send("still\n");
    clients[0].gets("still\n");
    ours.writes("still\n").signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn each_line_shows_its_peer() {
    let ours = puerta(["listen", "udp::0", "--show-peer"]).start();
    let client = Client::to(SocketAddr::from(([127, 0, 0, 1], ours.port())));
    client.send("one\ntwo");
    let at = client.address();
    ours.writes(format!("[{at}] one\n[{at}] two\n")).signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn more_peers_than_max_are_told_once_and_served_when_others_are_forgotten() {
    let ours = puerta(["listen", "udp:127.0.0.1:0", "--max", "2", "--idle", "1s", "-v"]).start();
    let clients = [Client::of(&ours), Client::of(&ours), Client::of(&ours)];
    for (n, client) in clients.iter().take(2).enumerate() {
        client.send(format!("{n}\n"));
        ours.writes(format!("{n}\n"));
    }
    clients[2].send("not now\n");
    ours.says(&format!("{} and others are not served: 2 peers are here (--max)", clients[2].address()));
    clients[2].send("nor now\n");
    ours.says(&format!("{} is forgotten", clients[0].address()));
    clients[2].send("now\n");
    ours.writes("now\n").signal("TERM");
    let done = ours.finish();
    done.ends_with(0).wrote("0\n1\nnow\n");
    assert_eq!(done.stderr.matches("are not served").count(), 1);
}

#[test]
fn input_waits_while_the_only_peer_is_forgotten() {
    let mut ours = puerta(["listen", "udp:127.0.0.1:0", "--idle", "1s", "-v"]).open_input().start();
    Client::of(&ours).send("one\n");
    ours.says("is forgotten");
    ours.send("hola\n");
    Client::of(&ours).send("two\n").gets("hola\n");
}

#[test]
fn each_peer_has_a_child_of_its_own() {
    let script = "n=0; while read -r line; do n=$((n+1)); echo \"$PUERTA_PEER $n $line\"; done";
    let ours = puerta(["listen", "udp::0", "--", "sh", "-c", script]).start();
    let at = SocketAddr::from(([127, 0, 0, 1], ours.port()));
    let clients = [Client::to(at), Client::to(at), Client::to(at)];
    for (n, word) in [(1, "uno"), (2, "dos")] {
        for client in &clients {
            client.send(format!("{word}\n"));
        }
        for client in &clients {
            client.gets(format!("{} {n} {word}\n", client.address()));
        }
    }
}

#[test]
fn a_child_that_ends_is_followed_by_another() {
    let ours = puerta(["listen", "udp:127.0.0.1:0", "-v", "--", "sh", "-c", "read -r line; echo $$"]).start();
    let client = Client::of(&ours);
    let first = client.send("one\n").text();
    ours.says("is forgotten");
    assert_ne!(first, client.send("two\n").text());
    let failing = puerta(["listen", "udp:127.0.0.1:0", "--", "sh", "-c", "read -r line; exit 3"]).start();
    Client::of(&failing).send("one\n");
    failing.says("sh ended with exit status: 3").signal("TERM");
    failing.finish().ends_with(0);
}

#[test]
fn a_child_that_outlives_its_peer_takes_nothing_from_the_next() {
    let folder = common::places::Folder::new("outlives");
    let script =
        format!("while read -r line; do echo $$; done; until [ -e {} ]; do sleep 0.02; done", folder.name("go"));
    let ours = puerta(["listen", "udp:127.0.0.1:0", "--idle", "1s", "-v", "--", "sh", "-c", &script]).start();
    let client = Client::of(&ours);
    let first = client.send("one\n").text();
    ours.says("is forgotten");
    let second = client.send("two\n").text();
    assert_ne!(first, second);
    folder.file("go", "");
    let gone = format!("/proc/{}", first.trim());
    ours.until("end of the first child", |_| {
        // Heard now and then, the peer stays known.
        assert_eq!(client.send("still there?\n").text(), second);
        !std::path::Path::new(&gone).exists()
    });
    assert_eq!(client.send("three\n").text(), second);
}

#[test]
fn a_child_that_only_prints_keeps_its_peer() {
    let script = "read -r line; for n in 1 2 3 4 5 6; do echo $n; sleep 0.4; done; read -r line; echo $line";
    let ours = puerta(["listen", "udp:127.0.0.1:0", "--idle", "1s", "--", "sh", "-c", script]).start();
    let client = Client::of(&ours);
    client.send("start\n");
    for n in 1..=6 {
        client.gets(format!("{n}\n"));
    }
    client.send("the same child\n").gets("the same child\n");
}

#[test]
fn a_broadcast_address_needs_its_option() {
    let port = free_port();
    let ours = puerta(["listen", &format!("udp:0.0.0.0:{port}")]).start();
    ours.address();
    let to = format!("udp:127.255.255.255:{port}");
    let refused = puerta(["connect", &to]).input("hola\n").finish();
    refused.ends_with(6).said("EACCES").said("hint: a broadcast address needs the option broadcast");
    let sent = puerta(["connect", &format!("{to},broadcast")]).input("hola\n").finish();
    sent.ends_with(0);
    ours.writes("hola\n");
}

#[test]
fn an_answer_to_a_broadcast_comes_from_an_address_of_ours() {
    let mut ours = puerta(["listen", "udp:0.0.0.0:0"]).open_input().start();
    let client = limited(UdpSocket::bind("127.0.0.1:0").unwrap());
    client.set_broadcast(true).unwrap();
    client.send_to(b"anyone?\n", ("127.255.255.255", ours.port())).unwrap();
    ours.writes("anyone?\n");
    ours.send("me\n");
    let (bytes, from) = receive(&client);
    assert_eq!((bytes.as_slice(), from), (&b"me\n"[..], SocketAddr::from(([127, 0, 0, 1], ours.port()))));
}

#[test]
fn a_datagram_socket_is_not_probed() {
    puerta(["connect", "udp:127.0.0.1:9", "--probe"]).finish().ends_with(2).said("--probe is for streams");
    puerta(["listen", "udp:127.0.0.1:0", "--probe"]).finish().ends_with(2).said("--probe is for streams");
}

#[test]
fn our_own_port_can_be_chosen() {
    let (other, port) = (server(), free_port());
    let source = format!("127.0.0.1:{port}");
    puerta(["connect", &udp(&other), "--source", &source]).input("hola").finish().ends_with(0);
    assert_eq!(receive(&other).1, source.parse().unwrap());
    let taken = puerta(["listen", &udp(&other)]).finish();
    taken.ends_with(5).said("EADDRINUSE").said(&other.local_addr().unwrap().to_string());
}

/// Each other program as a client of our listener: a line each way.
#[test]
fn clients_of_other_makes_talk_to_our_listener() {
    for client in ["nc", "ncat", "socat"] {
        let mut ours = puerta(["listen", "udp:127.0.0.1:0"]).open_input().start();
        let port = ours.port().to_string();
        let other = match client {
            "socat" => peer(client, ["-".to_owned(), format!("UDP4:127.0.0.1:{port}")]),
            _ => peer(client, ["-u", "127.0.0.1", &port]),
        };
        let mut other = other.open_input().start();
        other.send("hola, servidor\n");
        ours.writes("hola, servidor\n");
        ours.send("hola, cliente\n");
        other.writes("hola, cliente\n");
        ours.signal("TERM");
        ours.finish().ends_with(0).wrote("hola, servidor\n");
    }
}

/// And as a server of our client.
#[test]
fn servers_of_other_makes_talk_to_our_client() {
    for server in ["nc", "ncat", "socat"] {
        let port = free_port();
        let address = port.to_string();
        let other = match server {
            "nc" => peer(server, ["-u", "-l", "127.0.0.1", &address]),
            "ncat" => peer(server, ["-4", "-u", "-l", "127.0.0.1", &address]),
            _ => peer(server, ["-".to_owned(), format!("UDP4-LISTEN:{port},bind=127.0.0.1")]),
        };
        let mut other = other.open_input().start().takes_datagrams_on(port);
        let mut ours = puerta(["connect", &format!("udp:127.0.0.1:{port}")]).open_input().start();
        ours.send("hola, servidor\n");
        other.writes("hola, servidor\n");
        other.send("hola, cliente\n");
        ours.writes("hola, cliente\n");
        ours.end_input();
        ours.finish().ends_with(0).wrote("hola, cliente\n").said("sent 15 bytes, received 14 bytes");
    }
}

#[test]
fn socat_gets_and_gives_the_longest_datagram_whole() {
    let folder = common::places::Folder::new("socat-longest");
    let bytes = noise(5, LONGEST_V6);
    let (file, room) = (folder.file("bytes", &bytes), LONGEST_V6.to_string());
    let ours = puerta(["listen", "udp:[::1]:0"]).start();
    let to = format!("UDP6:[::1]:{}", ours.port());
    peer("socat", ["-u", "-b", &room, &format!("OPEN:{}", file.display()), &to]).finish().ends_with(0);
    ours.writes_len(LONGEST_V6).signal("TERM");
    ours.finish().ends_with(0).wrote(&bytes);

    let port = free_port();
    let from = format!("UDP6-RECV:{port},bind=[::1]");
    let other = peer("socat", ["-u", "-b", &room, &from, "-"]).start().takes_datagrams_on(port);
    let to = format!("udp:[::1]:{port}");
    puerta(["connect", &to, "--whole"]).stdin_file(&file).finish().ends_with(0);
    other.writes_len(LONGEST_V6);
    same(&other.stdout(), &bytes);
}

#[test]
fn many_short_lines_leave_without_delay() {
    let other = server();
    let lines = "\n".repeat(200_000);
    let ours = puerta(["connect", &udp(&other)]).input(lines).limit(Duration::from_secs(20)).finish();
    ours.ends_with(0).said("sent 200000 bytes");
}
