//! Hubs are found between network namespaces that are joined by a cable (veth), by one rung alone.
//!
//! `cargo test` builds the example that plays the hub; with `--test` alone it does not, and the one built before is used.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod example;

use example::example;
use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Every wait ends after this.
const LIMIT: Duration = Duration::from_secs(20);
const PORT: &str = "7776";

/// A program whose lines are waited for; killed when dropped.
struct Program {
    child: Child,
    lines: Receiver<String>,
    said: RefCell<Vec<String>>,
}

/// A network namespace; it ends with the program that holds it.
struct Machine(Program);

impl Program {
    fn start(command: &mut Command) -> Program {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
        });
        Program { child, lines, said: RefCell::default() }
    }

    /// The first line that begins so, within the limit.
    fn says(&self, start: &str) -> String {
        let until = Instant::now() + LIMIT;
        let mut said = self.said.borrow_mut();
        loop {
            if let Some(line) = said.iter().find(|l| l.starts_with(start)) {
                return line.clone();
            }
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => said.push(line),
                Err(_) => panic!("{start:?} was not said, but {said:?}"),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Machine {
    fn new() -> Machine {
        let hold = "ip link set lo up && echo ready && exec cat";
        let program = Program::start(Command::new("unshare").args(["-n", "sh", "-c", hold]));
        program.says("ready");
        Machine(program)
    }

    fn id(&self) -> String {
        self.0.child.id().to_string()
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.id(), "-n"]).arg(program);
        command
    }

    fn ip(&self, line: &str) {
        let done = self.command("ip").args(line.split(' ')).status().unwrap();
        assert!(done.success(), "ip {line}");
    }

    /// Looks by this rung alone.
    fn looks(&self, rung: &str) -> Program {
        Program::start(self.command(hubs()).args([PORT, rung]))
    }

    /// Opens a hub on this rung alone, and looks.
    fn opens(&self, rung: &str, name: &str, key: &str) -> Program {
        Program::start(self.command(hubs()).args([PORT, rung, name, key]))
    }
}

/// Two machines and a cable, with addresses on both ends if there are any.
fn two(addresses: Option<[&str; 2]>) -> [Machine; 2] {
    let machines = [Machine::new(), Machine::new()];
    cable(&machines, "cable0", addresses);
    machines
}

fn cable(machines: &[Machine; 2], name: &str, addresses: Option<[&str; 2]>) {
    let [ana, eva] = machines;
    ana.ip(&format!("link add {name} type veth peer name {name} netns {}", eva.id()));
    for (machine, address) in machines.iter().zip(addresses.into_iter().flatten()) {
        machine.ip(&format!("address add {address} dev {name}"));
    }
    for machine in machines {
        // Without the second in which IPv6 looks for others with its address.
        let path = format!("net.ipv6.conf.{name}.accept_dad=0");
        assert!(machine.command("sysctl").args(["-qw", &path]).status().unwrap().success());
        machine.ip(&format!("link set {name} up"));
    }
}

fn hubs() -> PathBuf {
    example("puerta-talk", "hubs")
}

const IPV4: Option<[&str; 2]> = Some(["10.77.0.1/24", "10.77.0.2/24"]);

#[test]
fn root_a_hub_is_found_by_broadcast_alone() {
    let [ana, eva] = two(IPV4);
    let _hub = ana.opens("broadcast", "ana", "7");
    let line = eva.looks("broadcast").says("found");
    assert!(line.starts_with("found ana 7 at 10.77.0.1:7777 by broadcast, "), "{line}");
}

#[test]
fn root_a_hub_is_found_by_mdns_alone_also_by_who_looked_before() {
    let [ana, eva] = two(IPV4);
    let before = eva.looks("mdns");
    before.says("looking");
    let _hub = ana.opens("mdns", "ana", "7");
    for finder in [before, eva.looks("mdns")] {
        let line = finder.says("found");
        assert!(line.starts_with("found ana 7 at ") && line.contains(":7777 by mDNS, "), "{line}");
    }
}

#[test]
fn root_mdns_tells_the_age_of_a_hub_anew() {
    let [ana, eva] = two(IPV4);
    let _hub = ana.opens("mdns", "ana", "7");
    let until = Instant::now() + LIMIT;
    let is_old = |line: String| line.rsplit(' ').nth(2).is_some_and(|ms| ms.parse::<u32>().unwrap() >= 2000);
    while !is_old(eva.looks("mdns").says("found")) {
        assert!(Instant::now() < until, "it seems young for ever");
    }
}

#[test]
fn root_a_hub_is_found_over_ipv6_alone_without_any_address_given() {
    let [ana, eva] = two(None);
    let _hub = ana.opens("multicast", "ana", "7");
    let line = eva.looks("multicast").says("found");
    assert!(line.starts_with("found ana 7 at [fe80::") && line.contains("]:7777 by IPv6 multicast, "), "{line}");
}

#[test]
fn root_a_hub_is_found_on_an_interface_that_comes_up_later() {
    for (rung, by) in [("broadcast", "broadcast"), ("mdns", "mDNS")] {
        let machines = [Machine::new(), Machine::new()];
        let [ana, eva] = &machines;
        let _hub = ana.opens(rung, "ana", "7");
        let finder = eva.looks(rung);
        let trouble = finder.says("trouble");
        assert!(trouble.ends_with("this machine has no network for it"), "{trouble}");
        cable(&machines, "cable0", IPV4);
        let line = finder.says("found");
        assert!(line.starts_with("found ana 7 at ") && line.contains(&format!(":7777 by {by}, ")), "{line}");
    }
}

#[test]
fn root_of_two_hubs_opened_together_the_higher_key_gives_way_on_each_rung() {
    for rung in ["broadcast", "multicast", "mdns", "machine,broadcast,multicast,mdns"] {
        let [ana, eva] = two(IPV4);
        let (high, low) = (ana.opens(rung, "high", "9"), eva.opens(rung, "low", "3"));
        assert_eq!(high.says("gives way"), "gives way to low", "{rung}");
        assert_eq!(low.says("stays"), "stays beside high", "{rung}");
    }
}

#[test]
fn root_a_rung_that_does_not_work_does_not_end_the_others() {
    let [ana, eva] = two(IPV4);
    let rules = "add table inet no; add chain inet no out { type filter hook output priority 0; }; \
                 add chain inet no in { type filter hook input priority 0; }; \
                 add rule inet no out ip daddr 10.77.0.255 reject; add rule inet no in udp dport 5353 drop";
    assert!(eva.command("nft").arg(rules).status().unwrap().success());
    let _hub = ana.opens("broadcast,multicast,mdns", "ana", "7");
    let finder = eva.looks("broadcast,multicast,mdns");
    let line = finder.says("found");
    assert!(line.contains(" by IPv6 multicast, "), "{line}");
    let trouble = finder.says("trouble: broadcast on cable0");
    assert!(trouble.contains("(EPERM)"), "{trouble}");
}
