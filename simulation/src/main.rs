//! Lives through many worlds: `cargo run --release -p simulation -- --seeds 1000000`.

#![forbid(unsafe_code)]

use simulation::{Broken, Violation, run};
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const USAGE: &str = "usage: simulation [--seeds N] [--from N] [--threads N] | --seed N [--trace] | [--broken NAME]";

#[derive(Debug)]
struct Options {
    seeds: u64,
    from: u64,
    threads: u64,
    seed: Option<u64>,
    trace: bool,
    broken: Option<Broken>,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(what) => {
            eprintln!("simulation: {what}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let found = match options.seed {
        Some(seed) => run(seed, options.broken, options.trace).map(|report| println!("{report:?}")).err(),
        None => many(&options),
    };
    match found {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            let Violation { seed, at, what } = violation;
            println!("seed {seed}, after {:.3} s: {what}", at.as_secs_f64());
            println!("to see it: cargo run --release -p simulation -- --seed {seed} --trace");
            ExitCode::FAILURE
        }
    }
}

/// The first violation of many worlds.
fn many(options: &Options) -> Option<Violation> {
    let next = AtomicU64::new(options.from);
    let end = options.from.saturating_add(options.seeds);
    let found: Mutex<Option<Violation>> = Mutex::new(None);
    let (steps, messages, longest) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..options.threads.max(1) {
            let (next, found, steps, messages, longest) = (&next, &found, &steps, &messages, &longest);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    match run(seed, options.broken, false) {
                        Ok(report) => {
                            steps.fetch_add(report.steps, Ordering::Relaxed);
                            messages.fetch_add(report.messages, Ordering::Relaxed);
                            longest.fetch_max(report.converged.as_millis() as u64, Ordering::Relaxed);
                        }
                        Err(violation) => {
                            next.store(end, Ordering::Relaxed);
                            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                            if found.as_ref().is_none_or(|f| f.seed > violation.seed) {
                                *found = Some(violation);
                            }
                        }
                    }
                    if thread == 0 && seed % 256 == 0 {
                        progress(seed - options.from, options.seeds, begun);
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if found.is_none() {
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{} seeds from {}: 0 violations; {} things happened, {} messages, all had everything within {:.1} s; {:.0} seeds/s",
            options.seeds,
            options.from,
            steps.into_inner(),
            messages.into_inner(),
            Duration::from_millis(longest.into_inner()).as_secs_f64(),
            options.seeds as f64 / seconds
        );
    }
    found
}

/// On a terminal only.
fn progress(done: u64, all: u64, begun: Instant) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let rate = done as f64 / begun.elapsed().as_secs_f64();
        let _ = write!(terminal, "\r{done} of {all} seeds, {rate:.0}/s ");
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { seeds: 2000, from: 0, threads: 1, seed: None, trace: false, broken: None };
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<u64, String> {
            let value = arguments.next().unwrap_or_default();
            value.parse().map_err(|_| format!("{argument} takes a number, not {value:?}"))
        };
        match argument.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--threads" => options.threads = number()?,
            "--seed" => options.seed = Some(number()?),
            "--trace" => options.trace = true,
            "--broken" => {
                let name = arguments.next().unwrap_or_default();
                let known = Broken::ALL.into_iter().find(|b| format!("{b:?}") == name);
                options.broken = Some(known.ok_or_else(|| format!("--broken is one of {:?}", Broken::ALL))?);
            }
            _ => return Err(format!("unknown argument {argument}")),
        }
    }
    Ok(options)
}
