//! A flood of forged and garbage datagrams at a hub: nobody gets more bytes back than came from his address, the members go on
//! talking, and the hub's memory stays as it was.

use crate::common::pause;
use crate::common::places::Folder;
use crate::full;
use crate::world::{Hub, LIMIT, Machine, Member, Process, in_order, median_and_p99};
use puerta_talk::announcement::{Process as Asker, question};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Addresses that it comes from.
const SOURCES: u16 = 500;
/// Datagrams a second, at most.
const RATE: u64 = 105_000;
/// The most that the hub's memory may grow, in KiB.
const GROWTH: u64 = 16 << 10;
/// The processor that sends it.
const LAST: &str = "1";

fn noise(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn garbage(state: &mut u64, len: usize) -> Vec<u8> {
    (0..len).map(|_| noise(state) as u8).collect()
}

/// A long header (RFC 8999) with random connection IDs and content.
fn long(state: &mut u64, first: u8, version: [u8; 4], len: usize) -> Vec<u8> {
    let mut datagram = garbage(state, len);
    datagram[0] = first;
    datagram[1..5].copy_from_slice(&version);
    (datagram[5], datagram[14]) = (8, 8);
    // No token, and a length that fits (RFC 9000, section 17.2.2).
    datagram[23] = 0;
    let rest = (len - 26) as u16 | 0x4000;
    datagram[24..26].copy_from_slice(&rest.to_be_bytes());
    datagram
}

/// First packets of members, as they are sent to a hub that says nothing.
fn captured(folder: &Folder) -> Vec<Vec<u8>> {
    let trap = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    trap.set_read_timeout(Some(LIMIT)).unwrap();
    let at = trap.local_addr().unwrap().to_string();
    let mut command = crate::world::puerta(&folder.path("trapped"), &[]);
    command.args([&at, "--json", "--accept", "7K3M-9QXT-0VBN-4H2C-WJ8E"]);
    let _member = Process::start("trapped", &mut command);
    let mut buffer = [0; 2048];
    (0..8).map(|_| trap.recv(&mut buffer).map(|n| buffer[..n].to_vec()).unwrap()).collect()
}

/// What is sent to the hub, and to where it is looked for.
fn kinds(folder: &Folder) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let captured = captured(folder);
    let mut hub = Vec::new();
    for round in 0..64_usize {
        let len = 1 + noise(&mut state) as usize % 1472;
        hub.push(garbage(&mut state, len));
        hub.push(long(&mut state, 0xc3, [0, 0, 0, 1], 1200));
        hub.push(long(&mut state, 0xc3, [0, 0, 0, 1], 30 + len % 1100));
        hub.push(long(&mut state, 0xe3, [0, 0, 0, 1], 1200));
        hub.push(long(&mut state, 0xc0, [0x1a, 0x2a, 0x3a, 0x4a], if round % 2 == 0 { 1200 } else { 60 }));
        let mut short = garbage(&mut state, 21 + len % 1300);
        short[0] = 0x40 | short[0] & 0x3f;
        hub.push(short);
        let first = &captured[round % captured.len()];
        hub.push(first.clone());
        hub.push(first[..len % first.len()].to_vec());
        let mut forged = first.clone();
        forged[7] ^= round as u8;
        hub.push(forged);
    }
    let asked = question(Asker([7; 8])).to_vec();
    let found = vec![garbage(&mut state, 700), garbage(&mut state, 512), asked.clone(), asked[..100].to_vec()];
    (hub, found)
}

/// All of it as the program that sends it reads it, in the order in which it is sent.
fn write(to: &Path, hub: &[Vec<u8>], found: &[Vec<u8>]) {
    let mut file = Vec::new();
    for n in 0..hub.len() * 10 / 9 {
        let (port, datagram) =
            if n % 10 == 9 { (7776_u16, &found[n / 10 % found.len()]) } else { (7777, &hub[n % hub.len()]) };
        file.extend(port.to_be_bytes());
        file.extend((datagram.len() as u16).to_be_bytes());
        file.extend(datagram);
    }
    std::fs::write(to, file).unwrap();
}

/// What has come to the UDP sockets of a process's network, and what of it found them full.
fn came(process: u32) -> (u64, u64) {
    let table = std::fs::read_to_string(format!("/proc/{process}/net/snmp")).unwrap();
    let mut lines = table.lines().filter_map(|line| line.strip_prefix("Udp: ")).map(|line| line.split(' '));
    let (names, numbers) = (lines.next().unwrap(), lines.next().unwrap());
    let fields: BTreeMap<&str, u64> = names.zip(numbers.map(|n| n.parse().unwrap())).collect();
    (fields["InDatagrams"] + fields["RcvbufErrors"], fields["RcvbufErrors"])
}

#[test]
fn root_a_flood_gets_less_back_than_it_sends_and_members_go_on_talking() {
    let seconds = if full() { 10 } else { 3 };
    let machines = [Machine::new(), Machine::new()];
    let [near, far] = &machines;
    near.run(&format!("ip link add cable0 type veth peer name cable0 netns {}", far.id()));
    near.run("ip address add 10.79.0.1/24 dev cable0");
    far.run("ip address add 10.79.0.2/24 dev cable0");
    near.run("ip link set cable0 up");
    far.run("ip link set cable0 up");
    far.run("ip route add local 10.78.0.0/16 dev lo");
    near.run("ip route add 10.78.0.0/16 via 10.79.0.2");
    let folder = Folder::new("storms");
    let hub = Hub::start(&folder.path("hub"), &near.inside(), "[::]:7777", &[]);
    let join = |name: &str| {
        let member = Member::join(&folder.path(name), &near.inside(), &hub.invite, name);
        member.hears("online", 1, LIMIT);
        member
    };
    let (mut ana, bob) = (join("ana"), join("bob"));
    ana.say("before");
    bob.has(1, LIMIT);
    let before = hub.memory();
    let (to, found) = kinds(&folder);
    let file = folder.path("datagrams");
    write(&file, &to, &found);
    let inside = far.inside();
    let mut command = Command::new("nice");
    // A processor of its own where there are two, and before the others there: else it does not come to its rate.
    let apart = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    let pinned: &[&str] = if apart { &["taskset", "-c", LAST] } else { &[] };
    command.args(["-n", "-10"]).args(pinned).args(&inside).arg("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/talk_storms/flood.py")).arg(&file);
    command.args([seconds.to_string(), RATE.to_string(), SOURCES.to_string(), "10.79.0.1".to_owned()]);
    let first = came(hub.process.id());
    let flood = Process::start("flood", &mut command);
    let (mut most, mut count) = (before, 1);
    let mut sent = vec![Instant::now()];
    let until = Instant::now() + Duration::from_secs(seconds + 2);
    while Instant::now() < until {
        count += 1;
        sent.push(ana.say(&format!("meanwhile {count}")));
        pause(Duration::from_millis(100));
        most = most.max(hub.memory());
    }
    let told = [flood.says("flood over"), flood.says("bytes: ")];
    let (all, full) = came(hub.process.id());
    ana.stored(count, LIMIT);
    bob.has(count, LIMIT);
    most = most.max(hub.memory());
    in_order(&bob.events().messages());
    let stored = ana.events().stored();
    let times = stored.iter().zip(&sent).skip(1).map(|(stored, sent)| stored.at - *sent).collect();
    let (median, p99) = median_and_p99(times);
    let offline = ana.events().named("offline").count() + bob.events().named("offline").count();
    eprintln!("{}; {}", told[0], told[1]);
    eprintln!("{} came to the hub's sockets, {} of them found those full", all - first.0, full - first.1);
    eprintln!("{count} messages meanwhile: stored after {median:?} (median), {p99:?} (p99); {offline} times offline");
    eprintln!("the hub's memory: {before} KiB before, {most} KiB at most");
    let worst: f64 = told[1].rsplit(' ').next().unwrap().parse().unwrap();
    assert!(worst <= 1.0, "{}", told[1]);
    assert!(most <= before + GROWTH, "{before} KiB before, {most} KiB at most");
}
