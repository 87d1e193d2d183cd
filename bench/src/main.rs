//! Side by side with the peers: one command, one table, one plot. What is measured and how to read it: `bench/README.md`.

#![forbid(unsafe_code)]

mod arguments;
mod chat;
mod commits;
mod contender;
mod isolate;
mod jobs;
mod json;
mod load;
mod plot;
mod process;
mod report;
mod runner;
mod server;
mod stats;
mod web;

use std::process::ExitCode;

/// Why something could not be measured, in a line.
type Result<T, E = String> = std::result::Result<T, E>;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::from(2)
        }
    }
}

/// Whether every job could be compared with ours.
fn run() -> Result<bool> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((commits::OPTION, rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return commits::run(rest).map(|()| true);
    }
    let options = arguments::parse(words.into_iter())?;
    if options.names.is_empty() {
        print!("{}", arguments::usage());
        return Ok(true);
    }
    let place = isolate::enter(&options)?;
    let ours = contender::ours(&options);
    let mut results = Vec::new();
    let mut all_compared = true;
    for job in jobs::all().iter().filter(|job| options.wants(job.as_ref())) {
        eprintln!("{}: {}", job.name(), job.about());
        match runner::compare(job.as_ref(), &ours, &options) {
            Ok(result) => {
                print!("{}", report::table(&result));
                all_compared &= result.ours().is_some();
                results.push(result);
            }
            Err(message) => {
                eprintln!("{}: not compared: {message}", job.name());
                all_compared = false;
            }
        }
    }
    println!("{}", report::place(&place));
    if let Some(path) = &options.json {
        save(path, &report::json(&results, &place, &options))?;
    }
    if let Some(path) = &options.plot {
        save(path, &plot::svg(&results))?;
    }
    Ok(all_compared)
}

fn save(path: &std::path::Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
