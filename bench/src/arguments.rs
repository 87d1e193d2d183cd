//! The command line.

use crate::Result;
use crate::jobs::{self, Job};
use std::path::PathBuf;
use std::time::Duration;

/// How often each contender runs unless `--rounds` says otherwise; medians of fewer mean little.
const ROUNDS: usize = 5;

/// What `--bytes` is unless it is given: 2 GiB.
const BYTES: u64 = 2 << 30;

/// How much the pipe of a bulk job holds: 1 MiB, what an unprivileged program can have.
const PIPE: usize = 1 << 20;

/// How long a job that is measured by time runs unless `--seconds` says otherwise.
const SECONDS: u64 = 1;

/// What the command line asks for.
pub(crate) struct Options {
    /// Jobs by name, or `all`.
    pub(crate) names: Vec<String>,
    pub(crate) rounds: usize,
    /// How much a bulk job moves in a run.
    pub(crate) bytes: u64,
    /// How long a job that is measured by time runs.
    pub(crate) time: Duration,
    /// How many bytes the pipe to or from the contender holds.
    pub(crate) pipe: usize,
    pub(crate) json: Option<PathBuf>,
    pub(crate) plot: Option<PathBuf>,
    /// The puerta to measure, in place of the one that is built.
    pub(crate) puerta: Option<PathBuf>,
    /// Stay in the network that there is.
    pub(crate) here: bool,
    /// Set on itself by [`isolate`](crate::isolate): the network is its own already.
    pub(crate) inside: bool,
}

impl Options {
    pub(crate) fn wants(&self, job: &dyn Job) -> bool {
        self.names.iter().any(|name| is_called(job, name))
    }
}

/// # Errors
/// An option or job that does not exist, or a value that is none.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        names: Vec::new(),
        rounds: ROUNDS,
        bytes: BYTES,
        time: Duration::from_secs(SECONDS),
        pipe: PIPE,
        json: None,
        plot: None,
        puerta: None,
        here: false,
        inside: false,
    };
    let mut args = args;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--rounds" => options.rounds = count(&value()?)?,
            "--bytes" => options.bytes = size(&value()?)?,
            "--seconds" => options.time = Duration::from_secs(count(&value()?)? as u64),
            "--pipe" => options.pipe = usize::try_from(size(&value()?)?).map_err(|e| e.to_string())?,
            "--json" => options.json = Some(value()?.into()),
            "--plot" => options.plot = Some(value()?.into()),
            "--puerta" => options.puerta = Some(value()?.into()),
            "--here" => options.here = true,
            "--inside" => options.inside = true,
            "--help" | "-h" => return Ok(Options { names: Vec::new(), ..options }),
            name if jobs::all().iter().any(|job| is_called(job.as_ref(), name)) => options.names.push(arg),
            _ => return Err(format!("no job or option is called {arg}\n{}", usage())),
        }
    }
    Ok(options)
}

pub(crate) fn usage() -> String {
    let mut text = String::from("cargo run --release -p bench -- NAME…|all [OPTIONS]\n\njobs:\n");
    for job in jobs::all() {
        text += &format!("  {:18}{}\n", job.name(), job.about());
    }
    text += "all those of serve are called serve, those of talk talk, those of talk-log talk-log\n";
    text + "\noptions:
  --rounds N        runs of each contender, in alternating order (5)
  --bytes SIZE      how much a bulk job moves in a run (2g)
  --seconds N       how long a run of serve, talk and talk-log takes (1); paced ones take four times as long
  --pipe SIZE       how much the pipe to or from the contender holds (1m; a shell's holds 64k)
  --json FILE       the raw figures
  --plot FILE.svg   bars
  --puerta FILE     measure this binary; else the workspace's release build, which is brought up to date first
  --here            stay in this network: no namespace of its own, whatever its congestion control\n"
}

fn is_called(job: &dyn Job, name: &str) -> bool {
    name == "all" || name == job.group() || name == job.name()
}

fn count(text: &str) -> Result<usize> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("{text} is no number, or 0"))
}

/// `64k`, `1m`, `2g`: powers of 1024.
fn size(text: &str) -> Result<u64> {
    let (digits, shift) = match text.chars().last() {
        Some('k') => (text.trim_end_matches('k'), 10),
        Some('m') => (text.trim_end_matches('m'), 20),
        Some('g') => (text.trim_end_matches('g'), 30),
        _ => (text, 0),
    };
    let number: Option<u64> = digits.parse().ok();
    number.and_then(|n| n.checked_mul(1 << shift)).filter(|n| *n > 0).ok_or_else(|| format!("{text} is no size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!((size("2g"), size("64k"), size("7")), (Ok(2 << 30), Ok(65536), Ok(7)));
        assert!(size("2x").is_err() && size("g").is_err() && size("0").is_err() && size("99999999999g").is_err());
    }
}
