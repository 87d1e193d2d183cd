//! The built command serving a folder, and curl as its client.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each test takes what it needs, and fails by panicking"
)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// No test waits longer than this.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A folder with `site` to serve, removed with the test.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("puerta-sharing-{}-{number}", std::process::id()));
        std::fs::create_dir_all(path.join("site")).unwrap();
        std::fs::write(path.join("site/a.txt"), "alpha\n").unwrap();
        Place(path)
    }

    /// A file beside the site, with that mode.
    pub(crate) fn file(&self, name: &str, content: &[u8], mode: u32) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_puerta"));
        command.arg("serve").arg(self.path("site")).args(arguments);
        command.env("XDG_CONFIG_HOME", self.path("config")).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        command
    }

    /// Serves on a free port of loopback, until it is dropped.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Served {
        let all = [&["--json", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = self.command(&all).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut served = Served { child, lines, said: Vec::new(), url: String::new() };
        served.url = field(&served.until("\"serving\""), "url");
        served
    }

    /// What it says when it does not serve, and its status.
    pub(crate) fn refused(&self, arguments: &[&str]) -> (String, i32) {
        // Without a terminal to ask on; one that serves after all ends with status 124.
        let mut child = Command::new("setsid");
        child.args(["-w", "timeout", &LONG.as_secs().to_string(), env!("CARGO_BIN_EXE_puerta"), "serve"]);
        child.arg(self.path("site")).args(arguments);
        child
            .env("XDG_CONFIG_HOME", self.path("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (said, child.wait().unwrap().code().unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A string of a line of JSON.
pub(crate) fn field(line: &str, name: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
}

pub(crate) struct Served {
    pub(crate) child: Child,
    lines: Receiver<String>,
    pub(crate) said: Vec<String>,
    /// `https://127.0.0.1:4711/`
    pub(crate) url: String,
}

impl Served {
    /// The next line with that in it.
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(LONG).unwrap_or_else(|_| panic!("no {text} after {:?}", self.said));
            self.said.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Stops it and reads what it said to its end.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        self.child.wait().unwrap();
        while let Ok(line) = self.lines.recv_timeout(LONG) {
            self.said.push(line);
        }
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap()
    }

    /// curl, on a path: status, head and body.
    pub(crate) fn curl(&self, path: &str, arguments: &[&str]) -> Answer {
        curl(&format!("{}{}", self.url, path.trim_start_matches('/')), arguments)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What curl got.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0: nothing came.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

pub(crate) fn curl(url: &str, arguments: &[&str]) -> Answer {
    let output = Command::new("curl")
        .args(["-s", "-k", "-i", "--noproxy", "*", "--max-time", "30", "--path-as-is"])
        .args(arguments)
        .arg(url)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
