//! Hubs and members as processes of the built command, and what they say, with the time when it came.

use crate::common::pause;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Every wait for something that comes soon ends after this.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Lines that a process has said, with the time when each came.
#[derive(Default)]
struct Lines {
    lines: Mutex<(Vec<(Instant, String)>, bool)>,
    more: Condvar,
}

/// A process; killed with all that it has started when dropped.
pub(crate) struct Process {
    child: Child,
    out: Arc<Lines>,
    err: Arc<Lines>,
    stdin: Option<ChildStdin>,
    name: String,
}

impl Process {
    pub(crate) fn start(name: &str, command: &mut Command) -> Process {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let (out, err) = (Arc::default(), Arc::default());
        gather(child.stdout.take().unwrap(), &out);
        gather(child.stderr.take().unwrap(), &err);
        let stdin = child.stdin.take();
        Process { child, out, err, stdin, name: name.to_owned() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A line on stdin.
    pub(crate) fn send(&mut self, line: &str) {
        self.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Ends stdin.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits for a line on stdout that begins so.
    #[track_caller]
    pub(crate) fn says(&self, start: &str) -> String {
        self.line(&self.out, start)
    }

    /// Waits for a line on stderr that begins so.
    #[track_caller]
    pub(crate) fn warns(&self, start: &str) -> String {
        self.line(&self.err, start)
    }

    #[track_caller]
    fn line(&self, of: &Lines, start: &str) -> String {
        let find = |lines: &[(Instant, String)]| lines.iter().find(|l| l.1.starts_with(start)).map(|l| l.1.clone());
        of.wait(LIMIT, find).unwrap_or_else(|| panic!("{start:?} was not said\n{}", self.all()))
    }

    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it did not end\n{}", self.all());
            pause(Duration::from_millis(2));
        }
    }

    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// What it has said, for a failed test.
    pub(crate) fn all(&self) -> String {
        let last = |of: &Lines| {
            let lines = &of.lines.lock().unwrap().0;
            let lines: Vec<&str> = lines.iter().rev().take(12).map(|l| l.1.as_str()).collect();
            lines.into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        format!("{}\n--- stdout:\n{}\n--- stderr:\n{}", self.name, last(&self.out), last(&self.err))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Debian's sh knows no `kill -KILL -- -1`.
        let line = format!("kill -s KILL -- -{}", self.id());
        let _ = Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lines {
    /// Looks at the lines whenever there are more, until it finds something or there cannot be more.
    fn wait<T>(&self, limit: Duration, mut find: impl FnMut(&[(Instant, String)]) -> Option<T>) -> Option<T> {
        let until = Instant::now() + limit;
        let mut lines = self.lines.lock().unwrap();
        loop {
            if let Some(found) = find(&lines.0) {
                return Some(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || lines.1 {
                return None;
            }
            lines = self.more.wait_timeout(lines, left).unwrap().0;
        }
    }
}

fn gather(from: impl Read + Send + 'static, into: &Arc<Lines>) {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lines.lock().unwrap().0.push((Instant::now(), line));
            into.more.notify_all();
        }
        into.lines.lock().unwrap().1 = true;
        into.more.notify_all();
    });
}

/// The built command with its files in a folder, behind other commands (nsenter, strace).
pub(crate) fn puerta(home: &Path, before: &[String]) -> Command {
    let mut words = before.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_puerta"), "talk"]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).env("HOME", home).env_remove("PUERTA_FULL");
    command.env("XDG_CONFIG_HOME", home.join("config")).env("XDG_DATA_HOME", home.join("data"));
    command
}

/// A hub without a screen.
pub(crate) struct Hub {
    pub(crate) process: Process,
    pub(crate) address: String,
    pub(crate) invite: String,
}

/// Starts a hub; it may end before it says anything.
pub(crate) fn hub_process(home: &Path, before: &[String], listen: &str, more: &[&str]) -> Process {
    let store = home.join("room.db");
    let mut command = puerta(home, before);
    command.args(["--host", "--name", "casa", "--listen", listen, "--store"]).arg(store).args(more);
    Process::start("hub", &mut command)
}

impl Hub {
    pub(crate) fn start(home: &Path, before: &[String], listen: &str, more: &[&str]) -> Hub {
        let process = hub_process(home, before, listen, more);
        let address = process.warns("listening on ").trim_start_matches("listening on ").to_owned();
        let address = address.split(' ').next().unwrap().to_owned();
        let invite = process.warns("invite: ").trim_start_matches("invite: ").to_owned();
        Hub { process, address, invite }
    }

    /// Resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

/// A member with `--json`, its lines read as objects.
pub(crate) struct Member(pub(crate) Process);

/// One message that was stored: its text, how long that took, and its place.
pub(crate) struct Stored {
    pub(crate) text: String,
    pub(crate) at: Instant,
    pub(crate) seq: u64,
}

impl Member {
    pub(crate) fn join(home: &Path, before: &[String], invite: &str, name: &str) -> Member {
        let mut command = puerta(home, before);
        command.args([invite, "--json", "--name", name]);
        Member(Process::start(name, &mut command))
    }

    pub(crate) fn say(&mut self, text: &str) -> Instant {
        let now = Instant::now();
        self.0.send(text);
        now
    }

    /// Looks at what it has said whenever there is more.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, limit: Duration, mut find: impl FnMut(&Events) -> Option<T>) -> T {
        let mut events = Events::default();
        let found = self.0.out.wait(limit, |lines| {
            events.read(lines);
            find(&events)
        });
        found.unwrap_or_else(|| panic!("no {what} within {limit:?}\n{}", self.0.all()))
    }

    /// Everything so far.
    pub(crate) fn events(&self) -> Events {
        let mut events = Events::default();
        events.read(&self.0.out.lines.lock().unwrap().0);
        events
    }

    /// Waits for so many events of a name.
    #[track_caller]
    pub(crate) fn hears(&self, name: &str, count: usize, limit: Duration) -> Instant {
        self.wait(name, limit, |events| events.named(name).nth(count - 1).map(|e| e.0))
    }

    /// Waits until it has so many different messages; when the last came.
    #[track_caller]
    pub(crate) fn has(&self, count: usize, limit: Duration) -> Instant {
        self.wait(&format!("{count} messages"), limit, |events| events.named("message").nth(count - 1).map(|e| e.0))
    }

    /// Waits until so many of its own messages are stored.
    #[track_caller]
    pub(crate) fn stored(&self, count: usize, limit: Duration) -> Instant {
        self.hears("stored", count, limit)
    }
}

/// What a member has said.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Vec<(Instant, Value)>);

impl Events {
    fn read(&mut self, lines: &[(Instant, String)]) {
        for (at, line) in &lines[self.0.len()..] {
            self.0.push((*at, serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))));
        }
    }

    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a (Instant, Value)> {
        self.0.iter().filter(move |e| e.1["event"] == name)
    }

    /// Places and texts, as they came.
    pub(crate) fn messages(&self) -> Vec<(u64, String)> {
        let message = |e: &(Instant, Value)| (e.1["seq"].as_u64().unwrap(), e.1["text"].as_str().unwrap().to_owned());
        self.named("message").map(message).collect()
    }

    /// What was stored, in the order in which that was told.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        let text = |id: &Value| {
            let found = self.named("pending").find(|e| e.1["id"] == *id);
            found.map(|e| e.1["text"].as_str().unwrap().to_owned())
        };
        let stored = |e: &(Instant, Value)| {
            let (id, seq) = (&e.1["id"], e.1["seq"].as_u64().unwrap());
            Some(Stored { text: text(id)?, at: e.0, seq })
        };
        self.named("stored").filter_map(stored).collect()
    }
}

/// Checks that these are the places from 1 on without gaps.
#[track_caller]
pub(crate) fn in_order(messages: &[(u64, String)]) {
    for (index, (seq, text)) in messages.iter().enumerate() {
        assert_eq!(*seq, index as u64 + 1, "{text:?} is at {seq}, not at {}", index + 1);
    }
}

/// A network namespace; it ends with the program that holds it.
pub(crate) struct Machine(Process);

impl Machine {
    pub(crate) fn new() -> Machine {
        let hold = "ip link set lo up && echo ready && exec cat";
        let process = Process::start("machine", Command::new("unshare").args(["-n", "sh", "-c", hold]));
        process.says("ready");
        Machine(process)
    }

    pub(crate) fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// What comes before a command that runs in it.
    pub(crate) fn inside(&self) -> Vec<String> {
        ["nsenter", "-t", &self.id(), "-n"].map(str::to_owned).to_vec()
    }

    pub(crate) fn run(&self, line: &str) {
        let inside = self.inside();
        let done = Command::new(&inside[0]).args(&inside[1..]).args(line.split(' ')).status().unwrap();
        assert!(done.success(), "{line}");
    }
}

/// The middle and the 99th of a hundred.
pub(crate) fn median_and_p99(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}
