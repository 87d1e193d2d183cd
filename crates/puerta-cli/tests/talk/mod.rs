//! Networks of the test's own, and `puerta talk` in terminals on them, each user with a home of their own.

#![allow(dead_code, unreachable_pub, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod pty;

use crate::common::places::{Folder, udp_is_bound};
use crate::common::{Done, Run, Running, peer, wait_until};
use portable_pty::{CommandBuilder, SlavePty};
use pty::Pty;
use std::time::{Duration, Instant};

/// The ports of rooms and of discovery, which are fixed.
pub const ROOMS: u16 = 7777;
pub const DISCOVERY: u16 = 7776;

const ROWS: u16 = 30;
const COLUMNS: u16 = 110;
const LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at a program that may have ended.
const LOOK: Duration = Duration::from_millis(20);
const INTO: [&str; 4] = ["-U", "--preserve-credentials", "-n", "-t"];

/// A network namespace with its loopback interface alone, until it is [`wired`], as any user.
pub struct Network(Running);

impl Network {
    pub fn new() -> Self {
        Network::start(peer("unshare", ["-Urn", "sh", "-c", &Self::holder("true")]))
    }

    /// One in which IPv6 is switched off.
    pub fn without_ipv6() -> Self {
        let off = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6";
        Network::start(peer("unshare", ["-Urn", "sh", "-c", &Self::holder(off)]))
    }

    /// Two, joined by a cable: 10.0.0.1 and 10.0.0.2.
    pub fn wired() -> (Self, Self) {
        let one = Network::new();
        let two = Network::start(one.run(["unshare", "-n", "sh", "-c", &Self::holder("true")]));
        one.sh(&format!("ip link add cable type veth peer name cable netns {}", two.id()));
        for (network, address) in [(&one, "10.0.0.1/24"), (&two, "10.0.0.2/24")] {
            network.sh(&format!("ip addr add {address} dev cable && ip link set cable up"));
        }
        (one, two)
    }

    /// Plugs the cable of [`wired`](Self::wired) in at this end, or pulls it.
    pub fn cable(&self, plugged: bool) {
        self.sh(&format!("ip link set cable {}", if plugged { "up" } else { "down" }));
    }

    fn holder(before: &str) -> String {
        format!("ip link set lo up && {before} && echo up && exec cat")
    }

    fn start(run: Run) -> Self {
        let holder = run.open_input().start();
        holder.writes("up");
        Network(holder)
    }

    fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// A line for the shell, in it.
    pub fn sh(&self, line: &str) {
        self.run(["sh", "-c", line]).finish().ends_with(0);
    }

    /// A program in it.
    pub fn run<'a>(&self, command: impl IntoIterator<Item = &'a str>) -> Run {
        let words: Vec<String> = INTO.iter().map(|w| (*w).to_owned()).chain([self.id()]).collect();
        peer("nsenter", words.into_iter().chain(command.into_iter().map(str::to_owned)))
    }

    /// `puerta talk` in it, without a terminal.
    pub fn talk<'a>(&self, user: &User, words: impl IntoIterator<Item = &'a str>) -> Run {
        let command = [env!("CARGO_BIN_EXE_puerta"), "talk"].into_iter().chain(words);
        user.settings().into_iter().fold(self.run(command), |run, (name, value)| run.env(name, value))
    }

    /// `puerta talk` in it, in a terminal.
    pub fn terminal(&self, user: &User, words: &[&str]) -> Terminal {
        self.terminal_of((ROWS, COLUMNS), user, words)
    }

    /// The same in one of so many rows and columns.
    pub fn terminal_of(&self, size: (u16, u16), user: &User, words: &[&str]) -> Terminal {
        self.puerta(size, user, &[&["talk"], words].concat())
    }

    /// Any of puerta's commands.
    pub fn puerta(&self, size: (u16, u16), user: &User, words: &[&str]) -> Terminal {
        let mut command = CommandBuilder::new("nsenter");
        command.args(INTO);
        command.args([&self.id(), env!("CARGO_BIN_EXE_puerta")]);
        command.args(words);
        for (name, value) in user.settings() {
            command.env(name, value);
        }
        for name in ["NO_COLOR", "TERM_PROGRAM", "LOGNAME"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        Terminal::start(size, command)
    }

    /// How many hubs are at the ports of rooms.
    pub fn hubs(&self) -> usize {
        (ROOMS..ROOMS + 4).filter(|port| udp_is_bound(self.0.id(), *port)).count()
    }
}

/// Somebody, with an empty home.
pub struct User {
    pub name: String,
    pub home: Folder,
}

impl User {
    pub fn new(name: &str) -> Self {
        User { name: name.to_owned(), home: Folder::new(&format!("talk-{name}")) }
    }

    fn settings(&self) -> [(&'static str, String); 7] {
        let home = self.home.name("");
        let nothing = String::new();
        [
            ("HOME", home),
            ("USER", self.name.clone()),
            ("XDG_CONFIG_HOME", nothing.clone()),
            ("XDG_DATA_HOME", nothing.clone()),
            ("XDG_STATE_HOME", nothing.clone()),
            ("XDG_RUNTIME_DIR", nothing),
            ("TZ", "UTC".to_owned()),
        ]
    }
}

/// `puerta` in a terminal. Dropped, it is killed.
pub struct Terminal {
    pty: Pty,
    /// Held, so that its settings can be looked at when the program has ended.
    _slave: Box<dyn SlavePty + Send>,
    parser: vt100::Parser,
    /// Every byte that was written.
    pub all: Vec<u8>,
}

impl Terminal {
    fn start(size: (u16, u16), command: CommandBuilder) -> Self {
        let (pty, slave) = Pty::start(size, command);
        let parser = vt100::Parser::new(size.0.try_into().unwrap(), size.1.try_into().unwrap(), 0);
        Terminal { pty, _slave: slave, parser, all: Vec::new() }
    }

    /// What stands on it now.
    pub fn picture(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until what stands on it is `enough`.
    #[track_caller]
    pub fn until(&mut self, what: &str, enough: impl Fn(&str) -> bool) -> &mut Self {
        let start = Instant::now();
        while !enough(&self.picture()) {
            let Ok(more) = self.pty.written.recv_timeout(LIMIT.saturating_sub(start.elapsed())) else {
                panic!("no {what} on\n{}", self.picture());
            };
            self.parser.process(&more);
            self.all.extend(more);
        }
        self
    }

    /// Takes in what comes within an instant, and tells what stands on it then.
    pub fn glance(&mut self) -> String {
        if let Ok(more) = self.pty.written.recv_timeout(LOOK) {
            self.parser.process(&more);
            self.all.extend(more);
        }
        self.picture()
    }

    /// Waits until this text stands on it.
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> &mut Self {
        self.until(&format!("{text:?}"), |picture| picture.contains(text))
    }

    /// Waits until the screen of the room is there.
    #[track_caller]
    pub fn is_in_the_room(&mut self) -> &mut Self {
        self.until("room", in_the_room)
    }

    /// Waits for the room, and agrees to join when that is asked. Whether it was.
    #[track_caller]
    pub fn comes_in(&mut self) -> bool {
        self.until("room or question", |picture| in_the_room(picture) || asks(picture));
        if in_the_room(&self.picture()) {
            return false;
        }
        self.types("y").is_in_the_room();
        true
    }

    pub fn types(&mut self, keys: &str) -> &mut Self {
        self.pty.types(keys);
        self
    }

    /// Types, and waits for the end as [`end`](Self::end) does.
    pub fn types_and_finish(mut self, keys: &str) -> (u32, String) {
        self.types(keys).end()
    }

    /// Sends a signal by name (`INT`).
    pub fn signal(&mut self, name: &str) -> &mut Self {
        self.pty.signal(name);
        self
    }

    /// As after Ctrl+Z in a shell: stopped, and the terminal as a shell has it, who writes `prompt` on it.
    pub fn is_stopped(&mut self, prompt: &str) -> &mut Self {
        self.signal("STOP");
        let stat = format!("/proc/{}/stat", self.pty.child.process_id().unwrap());
        let stopped = || std::fs::read_to_string(&stat).unwrap().contains(") T ");
        wait_until("it is stopped", stopped);
        peer("stty", ["sane", "-F", self.pty.master.tty_name().unwrap().to_str().unwrap()]).finish().ends_with(0);
        self.parser.process(format!("\x1b[2J\x1b[H{prompt}").as_bytes());
        self
    }

    /// Waits for its end: the status, and what it wrote behind the room's screen, or all of it without one.
    pub fn end(&mut self) -> (u32, String) {
        let start = Instant::now();
        let mut ended = false;
        loop {
            match self.pty.written.recv_timeout(LOOK) {
                Ok(more) => {
                    self.parser.process(&more);
                    self.all.extend(more);
                }
                // What it wrote last has been read once nothing came since it was seen to have ended.
                Err(_) if ended => break,
                Err(_) => ended = self.pty.child.try_wait().unwrap().is_some(),
            }
            assert!(start.elapsed() < LIMIT, "it did not end:\n{}", self.picture());
        }
        let status = self.pty.child.wait().unwrap().exit_code();
        let all = String::from_utf8_lossy(&self.all).into_owned();
        (status, all.rsplit("\x1b[?1049l").next().unwrap_or_default().to_owned())
    }

    /// Whether the terminal takes lines again: stty(1).
    pub fn is_usual(&self) -> bool {
        let path = self.pty.master.tty_name().unwrap();
        let shown = peer("stty", ["-a", "-F", path.to_str().unwrap()]).finish();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        ["icanon", "echo", "isig"].iter().all(|word| shown.split_whitespace().any(|shown| shown == *word))
    }
}

fn in_the_room(picture: &str) -> bool {
    picture.contains("F1 help") && picture.contains("(you)")
}

fn asks(picture: &str) -> bool {
    picture.contains("join it?")
}

/// The fingerprint in a text.
pub fn fingerprint(text: &str) -> String {
    let is = |word: &&str| word.len() == 24 && word.split('-').all(|part| part.len() == 4);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.into_iter().find(is).unwrap_or_else(|| panic!("no fingerprint in {text}")).to_owned()
}

/// What a program has said, in both streams.
pub fn everything(done: &Done) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), done.stderr)
}
