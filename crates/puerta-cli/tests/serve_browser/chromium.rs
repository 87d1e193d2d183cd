//! A Chromium without a window, driven by the DevTools protocol over two pipes: no port is open, and it ends when they close.

use crate::common::places::Folder;
use crate::page::Page;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A browser that starts takes its time on a busy machine; no test waits so long otherwise.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// It reads commands from descriptor 3 and writes what happens to 4.
const START: &str = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null";

/// No network but the server's, no profile but its own, nothing of the machine it runs on.
const FLAGS: [&str; 14] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--lang=en",
    "--autoplay-policy=no-user-gesture-required",
    // It has a mouse, which the machine may lack.
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
    // The certificate that the server makes for itself is nobody's.
    "--ignore-certificate-errors",
];

/// The browser. Dropped, it is ended with all that it started, and its profile is removed.
pub(crate) struct Chromium {
    child: Child,
    commands: Mutex<(ChildStdin, u64)>,
    heard: Arc<Heard>,
    threads: Vec<JoinHandle<()>>,
    _profile: Folder,
}

/// What it has said so far.
#[derive(Default)]
struct Heard {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
pub(crate) struct Said {
    answers: Vec<Value>,
    /// All events, of all pages, as they came.
    pub(crate) events: Vec<Value>,
    ended: bool,
    stderr: String,
}

impl Chromium {
    /// Starts one with a profile that was never used.
    pub(crate) fn start() -> Self {
        let profile = Folder::new("chromium");
        let mut command = Command::new("sh");
        command.args(["-c", START, "sh"]).args(FLAGS).arg(format!("--user-data-dir={}", profile.name("profile")));
        // Its own sandbox refuses to be root's.
        if is_root() {
            command.arg("--no-sandbox");
        }
        command.env("TZ", "UTC").env("HOME", profile.path("")).process_group(0);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("sh");
        let heard = Arc::new(Heard::default());
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (hears, warned) = (heard.clone(), heard.clone());
        let threads = vec![
            std::thread::spawn(move || hears.listen(stdout)),
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(n @ 1..) = stderr.read(&mut bytes) {
                    warned.said.lock().unwrap().stderr.push_str(&String::from_utf8_lossy(&bytes[..n]));
                }
            }),
        ];
        Chromium { child, commands: Mutex::new((stdin, 0)), heard, threads, _profile: profile }
    }

    /// A new, empty page.
    pub(crate) fn page(&self) -> Page<'_> {
        Page::open(self)
    }

    /// Gives a command to the browser, or to a page, and waits for its result.
    pub(crate) fn command(&self, session: Option<&str>, method: &str, parameters: &Value) -> Result<Value, String> {
        let id = {
            let mut commands = self.commands.lock().unwrap();
            commands.1 += 1;
            let mut command = json!({"id": commands.1, "method": method, "params": parameters});
            if let Some(session) = session {
                command["sessionId"] = session.into();
            }
            let sent = commands.0.write_all(format!("{command}\0").as_bytes());
            sent.unwrap_or_else(|error| panic!("{method}: {error}\n{}", self.said(Said::last)));
            commands.1
        };
        let mut answer = self.wait(method, |said| {
            let at = said.answers.iter().position(|answer| answer["id"] == id)?;
            Some(said.answers.swap_remove(at))
        });
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["result"].take()),
        }
    }

    /// Waits for something among what was said.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, mut found: impl FnMut(&mut Said) -> Option<T>) -> T {
        let start = Instant::now();
        let mut said = self.heard.said.lock().unwrap();
        loop {
            if let Some(found) = found(&mut said) {
                return found;
            }
            let left = LIMIT.saturating_sub(start.elapsed());
            if said.ended || left.is_zero() {
                let why = said.last();
                drop(said);
                panic!("no {what}\n{why}");
            }
            said = self.heard.more.wait_timeout(said, left).unwrap().0;
        }
    }

    /// Looks at what was said so far.
    pub(crate) fn said<T>(&self, look: impl FnOnce(&Said) -> T) -> T {
        look(&self.heard.said.lock().unwrap())
    }
}

impl Said {
    /// What happened last, for a failed test.
    fn last(&self) -> String {
        let events = self.events.iter().rev().take(5).map(Value::to_string);
        // A machine without a desktop has no bus, which it says again and again.
        let warnings = self.stderr.lines().filter(|line| !line.contains("dbus/")).map(str::to_owned);
        events.chain(warnings).collect::<Vec<_>>().join("\n")
    }
}

impl Heard {
    fn listen(&self, from: impl Read) {
        let messages = BufReader::new(from).split(0).map_while(Result::ok);
        for message in messages.filter_map(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) {
            let mut said = self.said.lock().unwrap();
            let list = if message.get("id").is_some() { &mut said.answers } else { &mut said.events };
            list.push(message);
            self.more.notify_all();
        }
        self.said.lock().unwrap().ended = true;
        self.more.notify_all();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // What it started has the same group, but for what it starts apart, which goes with it.
        let line = format!("kill -s KILL -- -{}", self.child.id());
        let _ = Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The pipes end once nobody has them: then all are gone, and nobody writes to the profile.
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.trim_ascii() == b"0"
}
