//! Machines that are not like this one: without IPv6, with other calls failing. In networks of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::client;
use common::places::Folder;
use common::udp::{receive, server, udp};
use common::{Run, peer, wait_until};
use std::io::Write;

/// A shell in a network of its own with the loopback up and IPv6 switched off, as any user.
fn without_ipv6(line: &str) -> Run {
    let line = format!("ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && {{ {line}; }}");
    peer("unshare", ["-Urn", "sh", "-c", &line]).env("PUERTA", env!("CARGO_BIN_EXE_puerta"))
}

/// Our command with system calls failing on request: strace(1).
fn with_failing(inject: &str, args: &[&str]) -> Run {
    let inject = format!("inject={inject}");
    let before = ["-f", "-qq", "-o", "/dev/null", "-e", &inject, env!("CARGO_BIN_EXE_puerta")];
    peer("strace", [&before, args].concat())
}

#[test]
fn with_ipv6_switched_off_a_listener_on_all_interfaces_serves_ipv4() {
    let ours = without_ipv6("exec \"$PUERTA\" listen --keep :0").start();
    let (id, port) = (ours.id().to_string(), ours.port().to_string());
    let into = ["-U", "--preserve-credentials", "-n", "-t", &id, "nc", "-N", "127.0.0.1", &port];
    peer("nsenter", into).input("hola").finish().ends_with(0);
    ours.writes("hola").signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn with_ipv6_switched_off_a_name_of_both_families_is_reached_over_ipv4() {
    let line = "\"$PUERTA\" connect --retry localhost:7000 </dev/null & exec \"$PUERTA\" listen localhost:7000";
    without_ipv6(line).input("hola").finish().ends_with(0).wrote("hola");
}

#[test]
fn without_ipv6_in_the_kernel_a_listener_falls_back_to_ipv4_and_says_so() {
    let ours = with_failing("socket:error=EAFNOSUPPORT:when=1", &["listen", "--keep", ":0"]).start();
    ours.says("IPv6 is switched off on this machine: listening on IPv4 alone");
    assert!(ours.address().starts_with("0.0.0.0:"), "{}", ours.address());
    client(ours.port()).write_all(b"hola").unwrap();
    ours.writes("hola");
}

#[test]
fn where_the_dual_stack_address_cannot_be_bound_a_listener_falls_back_to_ipv4_and_says_so() {
    let ours = with_failing("bind:error=EADDRNOTAVAIL:when=1", &["listen", "--keep", ":0"]).start();
    ours.says("IPv6 is switched off");
    client(ours.port()).write_all(b"hola").unwrap();
    ours.writes("hola");
}

#[test]
fn with_6_alone_there_is_nothing_to_fall_back_to() {
    let ours = with_failing("socket:error=EAFNOSUPPORT:when=1", &["listen", "-6", ":0"]).finish();
    ours.ends_with(3).said("EAFNOSUPPORT").said("hint: ");
}

#[test]
fn a_connection_that_was_given_up_before_it_was_accepted_does_not_end_a_server() {
    for errno in ["ECONNABORTED", "EPROTO", "EINTR", "ENOBUFS", "ENOMEM", "ENFILE", "EMFILE", "EPERM"] {
        let inject = format!("accept4:error={errno}:when=1");
        let ours = with_failing(&inject, &["listen", "--keep", "127.0.0.1:0"]).start();
        client(ours.port()).write_all(b"hola").unwrap();
        ours.writes("hola");
    }
}

#[test]
fn a_router_whose_way_takes_less_ends_no_exchange_of_datagrams() {
    // What it said comes instead of an answer, or instead of room for the next datagram.
    for call in ["recvfrom", "sendto"] {
        let (other, inject) = (server(), format!("{call}:error=EMSGSIZE:when=1"));
        let mut ours = with_failing(&inject, &["connect", &udp(&other)]).open_input().start();
        ours.send("one\n");
        let (bytes, from) = receive(&other);
        assert_eq!(bytes, b"one\n");
        other.send_to(b"answer\n", from).unwrap();
        ours.says("a datagram is lost: it was longer than the way takes").writes("answer\n");
        ours.send("two\n").end_input();
        assert_eq!(receive(&other).0, b"two\n");
        ours.finish().ends_with(0).said("sent 8 bytes, received 7 bytes; no more answers came");
    }
}

#[test]
fn a_datagram_that_an_interface_has_no_room_for_is_sent_a_little_later() {
    let other = server();
    let full = with_failing("sendto:error=ENOBUFS:when=1", &["connect", &udp(&other)]).input("hola\n").finish();
    assert_eq!(receive(&other).0, b"hola\n");
    full.ends_with(0).said("sent 5 bytes");
}

#[test]
fn a_datagram_that_an_interface_never_has_room_for_is_lost_with_a_line_and_the_next_are_sent() {
    let other = server();
    // As often as one is tried: what follows has room.
    let full =
        with_failing("sendto:error=ENOBUFS:when=1..9", &["connect", &udp(&other)]).input("lost\nhola\n").finish();
    assert_eq!(receive(&other).0, b"hola\n");
    full.ends_with(0).said("(ENOBUFS)").said("sent 5 bytes");
}

#[test]
fn a_firewall_of_this_machine_that_refuses_and_says_so_by_icmp_too_ends_an_exchange_of_datagrams_with_its_cause() {
    if std::process::Command::new("nft").arg("--version").output().is_err() {
        return eprintln!("not tried: nft is missing: apt-get install nftables");
    }
    for (family, at) in [("ip6", "[::1]"), ("ip", "127.0.0.1")] {
        let reject = format!(
            "add chain {family} t o {{ type filter hook output priority 0; }}; add rule {family} t o udp dport 7000 reject"
        );
        let line = format!(
            "ip link set lo up; nft 'add table {family} t; {reject}' && exec \"$PUERTA\" connect udp:{at}:7000"
        );
        let ours = peer("unshare", ["-Urn", "sh", "-c", &line]).env("PUERTA", env!("CARGO_BIN_EXE_puerta"));
        ours.input("hola\n").finish().ends_with(7).said("(EPERM)").said("a firewall rule of this machine");
    }
}

/// What the peer answered before a firewall of this machine refuses the way to it: the second datagram is not tried for ever.
#[test]
fn a_firewall_that_refuses_a_peer_that_was_heard_ends_an_exchange_of_datagrams_at_once() {
    if std::process::Command::new("nft").arg("--version").output().is_err() {
        return eprintln!("not tried: nft is missing: apt-get install nftables");
    }
    let line = "ip link set lo up; nft 'add table ip6 t; add chain ip6 t o { type filter hook output priority 0; }';
        \"$PUERTA\" listen 'udp:[::1]:7000' -- cat & until ss -uln | grep -q 7000; do :; done;
        { echo one; read -r go <\"$GO\"; nft add rule ip6 t o udp dport 7000 reject; echo two; } |
        timeout 20 \"$PUERTA\" connect 'udp:[::1]:7000' --idle 30s; status=$?; kill $!; exit $status";
    let folder = Folder::new("refused-later");
    let go = folder.name("go");
    assert!(std::process::Command::new("mkfifo").arg(&go).status().unwrap().success());
    let ours = peer("unshare", ["-Urn", "sh", "-c", line]).env("PUERTA", env!("CARGO_BIN_EXE_puerta")).env("GO", &go);
    let ours = ours.start();
    ours.writes("one\n");
    std::fs::write(&go, "go\n").unwrap();
    ours.finish().ends_with(7).said("(EPERM)").said("a firewall rule of this machine");
}

/// A network of three: us, a router, and a server of datagrams behind it, to where the way takes 1000 bytes. What the server gets is
/// in `$OUT`.
const BEHIND_A_ROUTER: &str = r#"
    ip link set lo up
    unshare -n sleep 60 >/dev/null 2>&1 & router=$!
    unshare -n sleep 60 >/dev/null 2>&1 & far=$!
    for id in $router $far; do
        until [ "$(readlink /proc/$id/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
    done
    router() { nsenter -t $router -n "$@"; }
    far() { nsenter -t $far -n "$@"; }
    set -e
    ip link add near type veth peer name near netns $router
    router ip link add away mtu 1000 type veth peer name away mtu 1000 netns $far
    ip addr add 10.0.1.1/24 dev near
    router ip addr add 10.0.1.2/24 dev near
    router ip addr add 10.0.2.1/24 dev away
    far ip addr add 10.0.2.2/24 dev away
    ip link set near up
    router ip link set near up
    router ip link set away up
    far ip link set away up
    ip route add 10.0.2.0/24 via 10.0.1.2
    far ip route add 10.0.1.0/24 via 10.0.2.1
    router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    far "$PUERTA" listen udp:10.0.2.2:7000 >"$OUT" 2>"$OUT.said" &
    until grep -q "listening on" "$OUT.said"; do :; done
    set +e
    "$PUERTA" connect udp:10.0.2.2:7000
    status=$?
    kill $router $far $!
    exit $status
"#;

#[test]
fn of_datagrams_that_are_longer_than_the_way_takes_the_first_is_lost_with_a_line_and_the_next_arrive() {
    let (folder, long) = (Folder::new("router"), format!("{}\n", "x".repeat(1400)));
    let ours = peer("unshare", ["-Urn", "sh", "-c", BEHIND_A_ROUTER]);
    let mut ours = ours.env("PUERTA", env!("CARGO_BIN_EXE_puerta")).env("OUT", folder.name("out")).open_input().start();
    ours.send(&long).says("a datagram is lost: it was longer than the way takes (EMSGSIZE)");
    ours.send(&long).send("short\n");
    let expected = format!("{long}short\n");
    wait_until("the rest", || std::fs::read(folder.path("out")).unwrap() == expected.as_bytes());
    ours.end_input();
    ours.finish().ends_with(0);
}

/// A network of two: us, and a router that knows no way to one half of the networks behind it, and forbids the other. A neighbour that
/// does not answer is given up after 0.1 s.
const NO_WAY: &str = r#"
    ip link set lo up
    unshare -n sleep 60 >/dev/null 2>&1 & router=$!
    until [ "$(readlink /proc/$router/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
    router() { nsenter -t $router -n "$@"; }
    set -e
    router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    ip link add near type veth peer name near netns $router
    ip addr add 10.0.1.1/24 dev near
    ip addr add 2001:db8:1::1/64 dev near nodad
    router ip addr add 10.0.1.2/24 dev near
    router ip addr add 2001:db8:1::2/64 dev near nodad
    ip link set near up
    router ip link set near up
    echo 100 >/proc/sys/net/ipv4/neigh/near/retrans_time_ms
    echo 1 >/proc/sys/net/ipv4/neigh/near/mcast_solicit
    ip route add 10.0.2.0/24 via 10.0.1.2
    ip route add 2001:db8:2::/64 via 2001:db8:1::2
    router ip route add unreachable 10.0.2.0/25
    router ip route add prohibit 10.0.2.128/25
    router ip route add unreachable 2001:db8:2::/65
    router ip route add prohibit 2001:db8:2:0:8000::/65
    set +e
"#;

#[test]
fn where_no_way_leads_to_a_peer_of_datagrams_icmp_says_so_and_the_status_is_6() {
    let peers = ["10.0.2.5", "10.0.2.200", "10.0.1.77", "[2001:db8:2::5]", "[2001:db8:2:0:8000::5]"];
    let peers = peers.join(" ");
    let each = "echo hola | \"$PUERTA\" connect udp:$peer:9 --idle 3s; echo $peer $?";
    let line = format!("{NO_WAY} for peer in {peers}; do {each}; done; kill $router");
    let ours = peer("unshare", ["-Urn", "sh", "-c", &line]).env("PUERTA", env!("CARGO_BIN_EXE_puerta")).finish();
    let expected: Vec<String> = peers.split(' ').map(|peer| format!("{peer} 6\n")).collect();
    assert_eq!(ours.text(), expected.concat(), "{}", ours.stderr);
    ours.said("10.0.2.5:9: no route to host (EHOSTUNREACH)").said("10.0.1.77:9: no route to host (EHOSTUNREACH)");
    ours.said("[2001:db8:2:0:8000::5]:9: permission denied (EACCES)").said("hint: a firewall or router on the way");
    ours.never_said("no more answers came");
}
