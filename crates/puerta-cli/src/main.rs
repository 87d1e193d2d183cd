//! `puerta`: what people do with sockets, with each primitive made visible.

#![forbid(unsafe_code)]

mod advice;
mod arguments;
mod aside;
mod columns;
mod exchange;
mod explain;
mod machine;
mod pages;
mod printed;
mod progress;
mod qr;
mod report;
mod resolve;
mod serve;
mod signals;
mod talk;
mod trace;

use arguments::{Cli, Command, Output};
use clap::Parser;
use printed::not_printed;
use report::Reporter;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&advice::advised(error, &advice::words())),
    };
    match cli.command {
        Command::Connect(arguments) => exchange::connect(arguments),
        Command::Listen(arguments) => exchange::listen(arguments),
        Command::Talk(arguments) => talk::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Resolve(arguments) => resolve::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { of } => pages::manual(of.as_deref()),
    }
}

/// Where stderr cannot be written to, that cannot be said either.
fn printed(error: &clap::Error) -> io::Result<()> {
    if error.use_stderr() {
        return error.print().or(Ok(()));
    }
    error.print()?;
    io::stdout().flush()
}

/// A wrong command line is status 2; help and version are no errors. `--json` gives the error as data here too.
fn refused(error: &clap::Error) -> ExitCode {
    let asked_for_json = std::env::args_os().take_while(|a| a != "--").any(|a| a == "--json" || a == "--trace=json");
    if error.use_stderr() && asked_for_json {
        Reporter::wrong_usage(&error.to_string());
    } else if let Err(failed) = printed(error) {
        if failed.kind() == io::ErrorKind::BrokenPipe {
            // Whoever reads a page has read enough of it: `puerta --help | head`.
            return ExitCode::from(8);
        }
        return Reporter::new(&Output::default()).problem(&not_printed(&failed));
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
