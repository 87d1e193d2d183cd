//! UDP to a name with several addresses, and on a machine without IPv6; each in namespaces of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, noise};
use common::udp::{receive, server};
use common::{Run, peer};

/// `puerta connect` to this port of a name that has ::1 and 127.0.0.1, in that order.
fn connect(folder: &Folder, port: u16, options: &str) -> Run {
    folder.file("hosts", "::1 two-doors\n127.0.0.1 two-doors\n");
    let line = format!(
        "mount --bind '{}' /etc/hosts && exec {} connect udp:two-doors:{port} {options}",
        folder.name("hosts"),
        env!("CARGO_BIN_EXE_puerta")
    );
    peer("unshare", ["-r", "-m", "sh", "-c", &line])
}

#[test]
fn where_nobody_is_at_the_first_address_the_next_gets_everything() {
    let folder = Folder::new("two-doors");
    let other = server();
    let port = other.local_addr().unwrap().port();
    let mut ours = connect(&folder, port, "-v").open_input().start();
    ours.send("one\ntwo\n");
    let (first, from) = receive(&other);
    assert_eq!((first, receive(&other).0), (b"one\n".to_vec(), b"two\n".to_vec()));
    other.send_to(b"answer\n", from).unwrap();
    ours.writes("answer\n");
    ours.send("three\n").end_input();
    assert_eq!(receive(&other).0, b"three\n");
    let done = ours.finish();
    done.ends_with(0).wrote("answer\n").said("sent 14 bytes, received 7 bytes");
    done.said(&format!("[::1]:{port}: connection refused (ECONNREFUSED)")).said(&format!("-> 127.0.0.1:{port}"));
}

#[test]
fn what_was_sent_at_once_with_its_end_reaches_the_next_address_too() {
    let folder = Folder::new("two-doors-end");
    let other = server();
    let bytes = noise(1, 30_000);
    let ours = connect(&folder, other.local_addr().unwrap().port(), "--whole").input(bytes.clone()).start();
    let (got, from) = receive(&other);
    common::same(&got, &bytes);
    other.send_to(b"answer", from).unwrap();
    ours.finish().ends_with(0).wrote("answer").said("sent 30000 bytes, received 6 bytes");
}

#[test]
fn a_source_of_one_family_leads_to_the_address_of_that_family() {
    let folder = Folder::new("two-doors-source");
    let other = server();
    let port = other.local_addr().unwrap().port();
    let ours = connect(&folder, port, "--source 127.0.0.2:0").input("hola\n").finish();
    ours.ends_with(0);
    assert_eq!(receive(&other).1.ip().to_string(), "127.0.0.2");
}

#[test]
fn a_port_that_nobody_listens_on_at_any_address_is_told() {
    let folder = Folder::new("two-doors-closed");
    let port = common::places::free_port();
    let done = connect(&folder, port, "-v").input("hola\n").finish();
    done.ends_with(6).said(&format!("[::1]:{port}")).said(&format!("127.0.0.1:{port}: connection refused"));
    done.said("sent 5 bytes");
}

#[test]
fn a_first_address_that_answers_gets_everything_once() {
    let folder = Folder::new("two-doors-open");
    let other = common::udp::limited(std::net::UdpSocket::bind("[::1]:0").unwrap());
    let mut ours = connect(&folder, other.local_addr().unwrap().port(), "-v").open_input().start();
    ours.send("one\n");
    let (_, from) = receive(&other);
    other.send_to(b"1\n", from).unwrap();
    ours.writes("1\n");
    common::udp::close(other);
    ours.send("two\n").says("ECONNREFUSED");
    ours.end_input();
    let done = ours.finish();
    done.ends_with(6).never_said("-> 127.0.0.1");
}

#[test]
fn without_ipv6_all_interfaces_are_those_of_ipv4() {
    let folder = Folder::new("no-ipv6");
    let puerta = env!("CARGO_BIN_EXE_puerta");
    let line = format!(
        "ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 || exit 9
         {puerta} listen udp::9000 -- cat 2>{log} & server=$!
         until grep -q listening {log}; do sleep 0.01; done
         echo hola | {puerta} connect udp:127.0.0.1:9000
         kill $server; wait $server",
        log = folder.name("log")
    );
    peer("unshare", ["-r", "-n", "sh", "-c", &line]).finish().ends_with(0).wrote("hola\n");
}

#[test]
fn where_the_kernel_has_no_ipv6_at_all_that_is_told() {
    let inject = "inject=socket:error=EAFNOSUPPORT:when=1";
    let ours = peer(
        "strace",
        ["-f", "-qq", "-o", "/dev/null", "-e", inject, env!("CARGO_BIN_EXE_puerta"), "listen", "udp::0"],
    );
    let mut ours = ours.open_input().start();
    ours.says("IPv6 is switched off on this machine: listening on IPv4 alone");
    let client = common::udp::Client::to(std::net::SocketAddr::from(([127, 0, 0, 1], ours.port())));
    client.send("hola\n");
    ours.writes("hola\n");
    ours.send("hola tu\n");
    client.gets("hola tu\n");
}
