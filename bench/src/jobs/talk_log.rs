//! Messages made durable, one at a time and many.

use super::{Job, Measure, Sample};
use crate::Result;
use crate::arguments::Options;
use crate::chat::body;
use crate::commits;
use crate::contender::Contender;
use crate::load;
use crate::process::{Running, Usage};
use crate::server::Folder;
use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

/// How many messages are compared.
const COMPARED: u64 = 1000;

const MEASURES: &[Measure] = &[
    Measure { key: "rate", head: "durable/s", digits: 0 },
    Measure { key: "p99", head: "p99 µs", digits: 0 },
    Measure { key: "cpu", head: "CPU µs/message", digits: 2 },
];

/// So many messages outstanding.
pub(crate) struct TalkLog(pub(crate) u64);

/// Every job of talk's log.
pub(crate) fn all() -> Vec<TalkLog> {
    [1, 64, 1000].map(TalkLog).into()
}

impl Job for TalkLog {
    fn name(&self) -> String {
        format!("talk-log-{}", self.0)
    }

    fn group(&self) -> &'static str {
        "talk-log"
    }

    fn about(&self) -> String {
        format!("messages made durable, {} outstanding", self.0)
    }

    fn amount(&self, options: &Options) -> String {
        format!("128 B, {} s, on {}", options.time.as_secs(), file_system())
    }

    fn contenders(&self) -> Vec<Contender> {
        vec![
            Contender { ours: true, ..Contender::inside("puerta's log", &["puerta", "FILE"]) },
            Contender::inside("SQLite, insert=commit", &["sqlite", "FILE"]),
            Contender::inside("append + fdatasync", &["append", "FILE"]),
        ]
    }

    fn measures(&self) -> &'static [Measure] {
        MEASURES
    }

    fn expected(&self, _options: &Options) -> Result<String> {
        digest(&(0..COMPARED).flat_map(body).collect::<Vec<_>>())
    }

    fn verify(&self, contender: &Contender, program: &str, _options: &Options) -> Result<String> {
        let folder = Folder::new("")?;
        run(contender, program, &folder, &[&self.0.to_string(), "60", &COMPARED.to_string()])?;
        digest(&run(contender, program, &folder, &[])?.0)
    }

    fn measure(&self, contender: &Contender, program: &str, options: &Options) -> Result<Sample> {
        let folder = Folder::new("")?;
        let (outstanding, seconds) = (self.0.to_string(), options.time.as_secs().to_string());
        let (printed, usage) = run(contender, program, &folder, &[&outstanding, &seconds, &u64::MAX.to_string()])?;
        let printed = String::from_utf8_lossy(&printed);
        let figures: Vec<f64> = printed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [commits, seconds, cpu, _, p99] = figures[..] else { return Err(format!("it printed {printed:?}")) };
        Ok(Sample {
            figures: vec![commits / seconds, p99, cpu * 1e6 / commits],
            peak_kib: usage.peak_kib,
            loader: 0.0,
            waited: (usage.waited / seconds).min(1.0),
        })
    }
}

/// What it prints.
fn run(contender: &Contender, program: &str, folder: &Folder, more: &[&str]) -> Result<(Vec<u8>, Usage)> {
    // A folder below: our log makes its own, which others cannot enter.
    let file = folder.path().join("log").join("messages");
    if !contender.ours {
        let made = file.parent().map_or(Ok(()), fs::create_dir_all);
        made.map_err(|e| format!("{}: {e}", file.display()))?;
    }
    let mut words = contender.words(program, 0, &file.to_string_lossy());
    words.insert(1, commits::OPTION.to_owned());
    words.extend(more.iter().map(|word| (*word).to_owned()));
    let mut running = Running::start(&words, Stdio::null(), Stdio::piped())?;
    let mut stdout = running.stdout()?;
    let reader = std::thread::spawn(move || {
        let mut printed = Vec::new();
        stdout.read_to_end(&mut printed).map(|_| printed)
    });
    let usage = running.watch()?;
    usage.succeeded()?;
    let printed = reader.join().map_err(|_| "the reader failed".to_owned())?;
    Ok((printed.map_err(|e| e.to_string())?, usage))
}

fn digest(bytes: &[u8]) -> Result<String> {
    load::digest(|mut into| into.write_all(bytes).map(|()| bytes.len() as u64)).map(|(text, _)| text)
}

/// What the temporary folder lies on: in memory nothing is durable.
fn file_system() -> String {
    let folder = fs::canonicalize(std::env::temp_dir()).unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let nearest = mounts.filter(|(at, _)| folder.starts_with(at)).max_by_key(|(at, _)| at.len());
    nearest.map_or_else(String::new, |(_, kind)| kind.to_owned())
}
