//! Starts the built command and its peers, waits for what they say, and cleans up. Nothing here orders events by sleeping:
//! each wait is for an event, with a time limit that ends the test with everything that was said.

#![allow(dead_code, unreachable_pub, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

pub mod far;
pub mod places;
mod said;
pub mod udp;

use said::{Said, gather};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Every wait ends after this: long enough for a busy machine, and no test takes so long.
pub const LIMIT: Duration = Duration::from_secs(20);

/// What a program is started with. By default stdin is empty, and stdout and stderr are collected.
pub struct Run {
    command: Command,
    name: String,
    input: Input,
    collect: bool,
    limit: Duration,
}

enum Input {
    /// Inherited from `command`: /dev/null or a file.
    Set,
    /// A pipe that gets these bytes and its end.
    Bytes(Vec<u8>),
    /// A pipe that the test holds.
    Held,
}

/// A program that runs. Dropped, it is killed, and what it started with it.
pub struct Running {
    child: Child,
    name: String,
    limit: Duration,
    stdin: Option<ChildStdin>,
    stdout: Arc<Said>,
    stderr: Arc<Said>,
    threads: Vec<JoinHandle<()>>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Done {
    /// The exit status; 128 and the signal's number for one that a signal killed.
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// `puerta` with these arguments.
pub fn puerta<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    Run::new(env!("CARGO_BIN_EXE_puerta").as_ref(), "puerta", args)
}

/// Another program. A missing one fails the test with the name of its Debian package.
pub fn peer<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Run {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    assert!(found || program.contains('/'), "{program} is missing: apt-get install {}", package(program));
    Run::new(program.as_ref(), program, args)
}

/// A line for `sh -c`, in which `"$PUERTA"` is the built command.
pub fn shell(line: &str) -> Run {
    let mut run = Run::new("sh".as_ref(), line, ["-c", line]);
    run.command.env("PUERTA", env!("CARGO_BIN_EXE_puerta"));
    run
}

fn package(program: &str) -> &str {
    match program {
        "nc" => "netcat-openbsd",
        "cc" | "gcc" => "gcc",
        "script" => "bsdutils",
        "unshare" | "nsenter" | "prlimit" => "util-linux",
        "sysctl" => "procps",
        "ip" | "ss" => "iproute2",
        same => same,
    }
}

impl Run {
    fn new<S: AsRef<OsStr>>(program: &OsStr, name: &str, args: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(program);
        let args: Vec<OsString> = args.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let shown: Vec<_> = args.iter().map(|a| a.to_string_lossy()).collect();
        let name = if name == "puerta" { format!("puerta {}", shown.join(" ")) } else { format!("{name} {shown:?}") };
        command.args(&args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        Run { command, name, input: Input::Set, collect: true, limit: LIMIT }
    }

    /// Stdin is a pipe that gets these bytes, then its end.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self.command.stdin(Stdio::piped());
        self
    }

    /// Stdin is a pipe that stays open: [`Running::send`], [`Running::end_input`].
    pub fn open_input(mut self) -> Self {
        self.input = Input::Held;
        self.command.stdin(Stdio::piped());
        self
    }

    /// Stdin is a file, a socket or whatever it is.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.input = Input::Set;
        self.command.stdin(stdin);
        self
    }

    /// Stdin is this file.
    pub fn stdin_file(self, path: &Path) -> Self {
        self.stdin(File::open(path).unwrap())
    }

    /// Stdout goes there and is not collected.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.collect = false;
        self.command.stdout(stdout);
        self
    }

    /// Stdout goes into this file, which is made or emptied.
    pub fn stdout_file(self, path: &Path) -> Self {
        let file = File::options().write(true).create(true).truncate(true).open(path).unwrap();
        self.stdout(file)
    }

    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// A limit other than [`LIMIT`] for each wait.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts it.
    pub fn start(self) -> Running {
        let Run { mut command, name, input, collect, limit } = self;
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
        // Otherwise our copies of the files and pipes that it was given stay open.
        drop(command);
        let (stdout, stderr) = (Arc::new(Said::default()), Arc::new(Said::default()));
        let mut threads = Vec::new();
        match child.stdout.take().filter(|_| collect) {
            Some(pipe) => threads.push(gather(pipe, &stdout)),
            None => stdout.end(),
        }
        if let Some(pipe) = child.stderr.take() {
            threads.push(gather(pipe, &stderr));
        }
        let mut stdin = child.stdin.take();
        if let Input::Bytes(bytes) = input
            && let Some(mut pipe) = stdin.take()
        {
            threads.push(std::thread::spawn(move || {
                // A program that wants no more of it has closed its end: that is for the test to judge.
                let _ = pipe.write_all(&bytes);
            }));
        }
        Running { child, name, limit, stdin, stdout, stderr, threads }
    }

    /// Starts it and waits for its end.
    pub fn finish(self) -> Done {
        self.start().finish()
    }
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The `n`th address (from 0) that it says it is listening on: `[::]:40123`, `/tmp/x/door`.
    pub fn listening_at(&self, n: usize) -> String {
        let line = self.nth_line("line `listening on`", n, |line| line.starts_with("listening on "));
        let address = line.strip_prefix("listening on ").and_then(|rest| rest.split(" (").next());
        address.unwrap_or_default().to_owned()
    }

    /// The `n`th line (from 0) of stderr with `text` in it.
    pub fn line(&self, text: &str, n: usize) -> String {
        self.nth_line(&format!("line with {text:?}"), n, |line| line.contains(text))
    }

    /// The first address that it says it is listening on.
    pub fn address(&self) -> String {
        self.listening_at(0)
    }

    /// The port of [`address`](Self::address).
    pub fn port(&self) -> u16 {
        let address = self.address();
        address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no port in {address}"))
    }

    /// Waits until stderr contains `text`.
    pub fn says(&self, text: &str) -> &Self {
        self.wait_for(&self.stderr, &format!("{text:?} on stderr"), |bytes| contains(bytes, text.as_bytes()));
        self
    }

    /// Waits until stdout contains `text`.
    pub fn writes(&self, text: impl AsRef<[u8]>) -> &Self {
        let text = text.as_ref();
        let what = format!("\"{}\" on stdout", text.escape_ascii());
        self.wait_for(&self.stdout, &what, |bytes| contains(bytes, text));
        self
    }

    /// Waits until stdout has at least so many bytes.
    pub fn writes_len(&self, len: usize) -> &Self {
        self.wait_for(&self.stdout, &format!("{len} bytes on stdout"), |bytes| bytes.len() >= len);
        self
    }

    /// What stderr has so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.bytes()).into_owned()
    }

    /// What stdout has so far.
    pub fn stdout(&self) -> Vec<u8> {
        self.stdout.bytes()
    }

    /// Waits until it, or what it became, listens on this TCP port, without connecting.
    pub fn listens_on(self, port: u16) -> Self {
        self.until(&format!("a listener on port {port}"), |id| places::tcp_listens(id, port));
        self
    }

    /// Waits until it takes datagrams on this UDP port.
    pub fn takes_datagrams_on(self, port: u16) -> Self {
        self.until(&format!("a UDP socket on port {port}"), |id| places::udp_is_bound(id, port));
        self
    }

    /// Waits until a Unix socket is bound to this path; one of a stream must listen too.
    pub fn listens_at(self, path: &Path) -> Self {
        self.until(&format!("a socket at {}", path.display()), |id| places::unix_listens(id, path));
        self
    }

    /// Waits until `is_so(its process id)`.
    pub fn until(&self, what: &str, mut is_so: impl FnMut(u32) -> bool) {
        let start = Instant::now();
        while !is_so(self.id()) {
            assert!(start.elapsed() < self.limit, "no {what} within {:?}\n{}", self.limit, self.all());
            look_again();
        }
    }

    /// Writes to the stdin that the test holds.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stdin.as_mut().expect("open_input").write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Greets a server through what both have on their stdin, and is greeted.
    pub fn greets(&mut self, server: &mut Running) {
        self.send("hola, servidor\n");
        server.writes("hola, servidor\n");
        server.send("hola, cliente\n");
        self.writes("hola, cliente\n");
    }

    /// Ends the stdin that the test holds.
    pub fn end_input(&mut self) -> &mut Self {
        self.stdin = None;
        self
    }

    /// Sends a signal by name (`INT`) to the process alone.
    pub fn signal(&self, name: &str) -> &Self {
        let line = format!("kill -{name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success(), "{line}");
        self
    }

    /// Whether it has not ended.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end. A stdin that the test holds stays as it is.
    pub fn finish(mut self) -> Done {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > self.limit => {
                    panic!("did not end within {:?}\n{}", self.limit, self.all())
                }
                None => look_again(),
            }
        };
        self.wait_for_end(&self.stdout, "stdout");
        self.wait_for_end(&self.stderr, "stderr");
        let status = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        Done { status, stdout: self.stdout.bytes(), stderr: self.stderr() }
    }

    fn nth_line(&self, what: &str, n: usize, is_it: impl Fn(&str) -> bool) -> String {
        let mut found = None;
        self.wait_for(&self.stderr, &format!("{what}, of {}", n + 1), |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let mut complete = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            found = complete.by_ref().filter(|line| is_it(line)).nth(n).map(str::to_owned);
            found.is_some()
        });
        found.unwrap()
    }

    fn wait_for(&self, said: &Said, what: &str, mut enough: impl FnMut(&[u8]) -> bool) {
        if !said.wait(self.limit, |so_far| enough(&so_far.bytes)) {
            panic!("no {what}\n{}", self.all());
        }
    }

    fn wait_for_end(&self, said: &Said, what: &str) {
        if !said.wait(self.limit, |so_far| so_far.ended) {
            panic!("{what} did not end: something that it started holds it\n{}", self.all());
        }
    }

    /// Everything that it said, for a failed test.
    pub fn all(&self) -> String {
        let stdout = self.stdout.bytes();
        let shown = stdout.get(..500).unwrap_or(&stdout).escape_ascii().to_string();
        let len = stdout.len();
        format!("{}\n--- stdout, {len} bytes: {shown}\n--- stderr:\n{}", self.name, self.stderr())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Debian's sh knows no `kill -KILL -- -1`.
        let line = format!("kill -s KILL -- -{}", self.id());
        let _ = Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Done {
    /// Checks the status, and shows everything where it is another.
    #[track_caller]
    pub fn ends_with(&self, status: i32) -> &Self {
        let shown = self.stdout.get(..500).unwrap_or(&self.stdout).escape_ascii();
        assert_eq!(self.status, status, "\n--- stdout, {} bytes: {shown}\n{}", self.stdout.len(), self.stderr);
        self
    }

    /// Checks that stderr contains `text`.
    #[track_caller]
    pub fn said(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "no {text:?} in:\n{}", self.stderr);
        self
    }

    /// Checks that stderr does not contain `text`.
    #[track_caller]
    pub fn never_said(&self, text: &str) -> &Self {
        assert!(!self.stderr.contains(text), "{text:?} in:\n{}", self.stderr);
        self
    }

    /// Checks stdout, byte by byte; a difference is told by its place, not by pages of bytes.
    #[track_caller]
    pub fn wrote(&self, expected: impl AsRef<[u8]>) -> &Self {
        same(&self.stdout, expected.as_ref());
        self
    }

    /// The lines of stderr that are JSON objects.
    pub fn json(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        self.stderr.lines().map(parse).collect()
    }

    /// Stdout as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Checks that two byte strings are the same.
#[track_caller]
pub fn same(got: &[u8], expected: &[u8]) {
    if got != expected {
        let at = got.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(got.len().min(expected.len()));
        let near = |all: &[u8]| all.get(at..(at + 60).min(all.len())).unwrap_or_default().escape_ascii().to_string();
        let (len, wanted) = (got.len(), expected.len());
        panic!("{len} bytes for {wanted}, differing from byte {at}: got {:?} for {:?}", near(got), near(expected));
    }
}

/// Whether `part` stands anywhere in `whole`.
pub fn contains(whole: &[u8], part: &[u8]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

/// Waits until `is_so`.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "no {what} within {LIMIT:?}");
        look_again();
    }
}

/// The pause between two looks at what has no event to wait for (/proc, waitpid(2) with a time limit).
fn look_again() {
    pause(Duration::from_millis(2));
}

/// Waits without an event: for what has none, or for as long as a test is about.
pub fn pause(time: Duration) {
    let _ = puerta::io::poll(&mut [], Some(time));
}
