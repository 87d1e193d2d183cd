//! Who can reach what listens, and what they type: said by the commands, and held against what another machine gets. In networks of
//! the test's own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod talk;

use common::places::Folder;
use common::{Running, peer, puerta, shell};
use puerta::Address;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use talk::{Network, User};

const PUERTA: &str = env!("CARGO_BIN_EXE_puerta");
const CABLE: &str = "anyone on the link cable can reach this";

/// Two machines on a cable whose addresses are those of the link alone.
fn linked() -> (Network, Network) {
    let (one, two) = Network::wired();
    for (network, address) in [(&one, "fe80::5"), (&two, "fe80::6")] {
        network.sh(&format!("ip addr flush dev cable && ip addr add {address}/64 dev cable nodad"));
    }
    (one, two)
}

fn serve(network: &Network, folder: &Folder, more: &[&str]) -> Running {
    let words = [PUERTA, "serve", folder.path("").to_str().unwrap()].map(str::to_owned);
    network.run(words.iter().map(String::as_str).chain(more.iter().copied())).start()
}

/// What others are told to type: behind `from another machine …: `.
fn typed(said: &Running) -> String {
    let line = said.line("from another machine", 0);
    line.split_once(": ").unwrap().1.to_owned()
}

#[test]
fn a_folder_on_an_address_of_the_link_is_said_to_be_open_to_the_link_and_what_is_typed_there_gets_it() {
    let ((one, two), folder) = (linked(), Folder::new("reach-serve"));
    folder.file("a.txt", "alpha");
    for (listen, shown) in [("[fe80::5%cable]:8000", "http://[fe80::5%25cable]:8000/"), (":8001", "http://[::]:8001/")]
    {
        let server = serve(&one, &folder, &["--listen", listen]);
        server.says(&format!(" on {shown}; {CABLE}\n")).says("with its own interface for cable: ");
        let typed = typed(&server);
        let (line, browsers) = typed.split_once("; ").unwrap();
        assert_eq!(browsers, "a browser takes no such address");
        two.run(["sh", "-c", &format!("{line} -s | grep -o a.txt | head -n 1")]).finish().ends_with(0).wrote("a.txt\n");
    }
}

#[test]
fn a_listener_on_an_address_of_the_link_tells_the_line_with_its_zone() {
    let (one, two) = linked();
    let ours = one.run([PUERTA, "listen", "[fe80::5%cable]:8000"]).start();
    ours.says(CABLE).says("\n");
    let typed = typed(&ours);
    let (line, nc) = typed.split_once(", or ").unwrap();
    assert_eq!((line, nc), ("puerta connect [fe80::5%cable]:8000", "nc fe80::5%cable 8000"));
    let line = format!("exec \"{PUERTA}\" {}", line.strip_prefix("puerta ").unwrap());
    two.run(["sh", "-c", &line]).input("hola").finish().ends_with(0);
    ours.writes("hola");
    ours.finish().ends_with(0);
}

#[test]
fn an_address_of_the_internet_is_said_to_be_open_to_the_internet() {
    let ((network, _other), folder) = (Network::wired(), Folder::new("reach-global"));
    let alone = "anyone on the internet can reach this, unless a firewall stands before it\n";
    network.sh("ip addr flush dev cable && ip addr add 8.8.8.8/24 dev cable");
    serve(&network, &folder, &["--listen", "8.8.8.8:8000"]).says(alone);
    network.sh("ip addr add 10.8.0.6/32 dev cable");
    let server = serve(&network, &folder, &["--listen", ":8001"]);
    server.says("anyone on the network behind cable can reach this; anyone on the internet too, ");
}

#[test]
fn the_link_that_is_shown_first_is_the_address_of_the_default_route() {
    let ((network, _other), folder) = (Network::wired(), Folder::new("reach-order"));
    network.sh("ip addr flush dev cable; ip link set cable down; ip link set cable name wlan0");
    for (name, address) in [("docker0", "172.17.0.1/16"), ("tun0", "10.8.0.6/24"), ("eth1", "10.1.0.5/24")] {
        network.sh(&format!("ip link add {name} type veth peer name {name}-b && ip link set {name} up"));
        network.sh(&format!("ip addr add {address} dev {name}"));
    }
    network.sh("ip link set wlan0 up && ip addr add 192.168.1.5/24 dev wlan0 && ip route add default via 192.168.1.1");
    let server = serve(&network, &folder, &["--listen", "0.0.0.0:8000"]);
    server.says("or: http://10.8.0.6:8000/\n");
    let said: Vec<String> = server.stderr().lines().skip(1).map(str::to_owned).collect();
    let expected = [
        "from another machine: http://192.168.1.5:8000/",
        "or: http://10.1.0.5:8000/",
        "or: http://172.17.0.1:8000/",
        "or: http://10.8.0.6:8000/",
    ];
    assert_eq!(said, expected);
    let shared = serve(&network, &folder, &["--share", "--listen", "0.0.0.0:8001", "--json"]);
    let sharing: serde_json::Value = serde_json::from_str(&shared.line("\"sharing\"", 0)).unwrap();
    assert!(sharing["links"][0].as_str().unwrap().starts_with("https://192.168.1.5:8001/?"), "{sharing}");
    // What does not fit is counted.
    for i in 0..3 {
        network.sh(&format!("ip addr add 10.2.{i}.1/24 dev eth1"));
    }
    serve(&network, &folder, &["--listen", "0.0.0.0:8002"]).says("and at 3 more of this machine's addresses\n");
}

#[test]
fn where_the_interfaces_cannot_be_asked_for_nobody_is_said_to_be_kept_out() {
    let words =
        ["-f", "-qq", "-o", "/dev/null", "-e", "inject=sendto:error=ENOBUFS", PUERTA, "listen", "--probe", ":0"];
    peer("strace", words).finish().said("; who can reach this is not known\n");
}

#[test]
fn who_serves_nobody_else_is_told_on_a_terminal_how_others_come_in() {
    let (network, user) = (Network::new(), User::new("reach"));
    let (site, hint) = (user.home.name(""), "to serve others, too: --listen :8000, or --share");
    let mut terminal = network.puerta((30, 100), &user, &["serve", &site]);
    terminal.shows("only this machine can reach this").shows(hint).types("\u{3}");
    assert_eq!(terminal.end().0, 0);
    for words in [["--listen", "127.0.0.1:8000"], ["--share", "--expires=1h"]] {
        let mut terminal = network.puerta((60, 100), &user, &[&["serve", site.as_str()], &words[..]].concat());
        terminal.shows("can reach this").types("\u{3}");
        let (status, picture) = terminal.end();
        assert!(status == 0 && !picture.contains("to serve others"), "{picture}");
    }
    let password = user.home.name("password");
    std::fs::write(&password, "correct horse battery\n").unwrap();
    std::fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
    let auth = format!("ana:{password}");
    let mut terminal = network.puerta((30, 100), &user, &["serve", &site, "--auth", &auth]);
    terminal.shows("to serve others, too: --listen :8000 --tls, or --share").types("\u{3}");
    assert_eq!(terminal.end().0, 0);
    let piped = network.run([PUERTA, "serve", &site]).start();
    piped.says("only this machine can reach this\n").signal("TERM");
    assert!(!piped.finish().ends_with(0).stderr.contains("to serve others"));
}

#[test]
fn what_takes_ipv6_alone_is_said_to_be_reached_over_ipv6_alone() {
    let (network, _other) = Network::wired();
    network.sh("ip addr add 10.8.0.6/24 dev cable && ip addr add 2001:db8::5/64 dev cable nodad");
    let alone = "anyone on 2001:db8::/64 can reach this";
    for words in [
        &["listen", "-6", ":0"][..],
        &["listen", ":0,v6-only"],
        &["listen", "[::]:0,v6-only"],
        &["listen", "-6", "udp::0"],
        &["talk", "--plain", "-6", "--listen", ":0"],
    ] {
        let ours = network.run([&[PUERTA], words].concat()).open_input().start();
        ours.says(alone).says("from another machine: puerta ").says("[2001:db8::5]:");
    }
    let json = network.run([PUERTA, "listen", "-6", ":0", "--json"]).start();
    json.says("\"reached_from\":[\"2001:db8::/64\"]");
    for words in [["-6", ":80"], ["--listen", ":80,v6-only"]] {
        let told = network.run([&[PUERTA, "explain"], &words[..]].concat()).finish();
        assert!(told.text().contains(alone) && told.text().contains("[2001:db8::5]:80"), "{}", told.text());
    }
    let both = network.run([PUERTA, "listen", "-6", ":0,v6-only=false"]).start();
    both.says("10.0.0.0/24");
    let lonely = Network::new();
    let nobody = lonely.run([PUERTA, "listen", "-6", ":0"]).start();
    nobody.says("only this machine can reach this\nfrom this machine: puerta connect [::1]:");
}

#[test]
fn a_folder_that_is_served_over_ipv6_alone_is_said_to_be_reached_so_and_no_link_is_named_twice() {
    let ((network, _other), folder) = (Network::wired(), Folder::new("reach-six"));
    network.sh("ip addr add 10.8.0.6/24 dev cable && ip addr add 2001:db8::5/64 dev cable nodad");
    let alone = "anyone on 2001:db8::/64 can reach this\n";
    let server = serve(&network, &folder, &["--listen", "[::]:8000,v6-only"]);
    server.says(alone).says("from another machine: http://[2001:db8::5]:8000/\n");
    let passed = "import os, socket, sys
s = socket.create_server(('::', 8001), family=socket.AF_INET6)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.execv(sys.argv[1], sys.argv[1:])";
    let (site, socket) = (folder.name(""), ["python3", "-c", passed, PUERTA, "serve"]);
    let server = network.run(socket.into_iter().chain([site.as_str(), "--listen", "fd:3"])).start();
    server.says(alone).says("from another machine: http://[2001:db8::5]:8001/\n");
    let two = ["--share", "--listen", "0.0.0.0:8002", "--listen", "[::]:8002,v6-only"];
    let json = serve(&network, &folder, &[&two[..], &["--json"]].concat());
    let sharing: serde_json::Value = serde_json::from_str(&json.line("\"sharing\"", 0)).unwrap();
    let links: Vec<&str> = sharing["links"].as_array().unwrap().iter().filter_map(|link| link.as_str()).collect();
    let host = |link: &str| link.split("/?").next().unwrap().to_owned();
    let mut hosts: Vec<String> = links.into_iter().map(host).collect();
    assert_eq!(hosts.last().map(String::as_str), Some("https://[2001:db8::5]:8002"), "{hosts:?}");
    assert_eq!(hosts.len(), 3, "{hosts:?}");
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts.len(), 3, "{hosts:?}");
}

#[test]
fn a_path_is_told_as_it_is_typed() {
    let folder = Folder::new("reach-paths");
    for (name, typed, nc) in [
        ("./a%2Cb", "./a%2Cb", ", or nc -U ./a,b"),
        ("./a b", "'./a b'", ", or nc -U './a b'"),
        ("./it's", r"'./it'\''s'", r", or nc -U './it'\''s'"),
        ("unix:plain", "./plain", ", or nc -U ./plain"),
        ("unix-dgram:./c d", "'unix-dgram:./c d'", ", or nc -uU './c d'"),
        ("unix-packet:@e%2Cf", "unix-packet:@e%2Cf", ""),
    ] {
        let listener = || puerta(["listen", name]).current_dir(&folder.path(""));
        let ours = listener().start();
        ours.says(&format!("from this machine: puerta connect {typed}{nc}\n"));
        let line = format!("exec \"$PUERTA\" connect {typed}");
        shell(&line).current_dir(&folder.path("")).input("hola\n").finish().ends_with(0);
        ours.writes("hola").signal("TERM");
        ours.finish();
        let json = puerta(["listen", "--json", name]).current_dir(&folder.path("")).start();
        let told: serde_json::Value = serde_json::from_str(&json.line("\"listening\"", 0)).unwrap();
        let (transport, address) = (told["transport"].as_str().unwrap(), told["address"].as_str().unwrap());
        let parsed = |text: &str| text.parse::<Address>().unwrap();
        let again = format!("{transport}:{address}");
        assert_eq!(parsed(&again).to_string().replace(":plain", ":./plain"), again);
        assert_eq!(parsed(&again).transport, parsed(name).transport);
        let told = puerta(["explain", "--listen", name]).finish();
        assert!(told.text().contains(&format!("puerta connect {typed}\n")), "{}", told.text());
    }
}
