//! What goes to stdout in one piece, and what is said when it did not all get there.

use crate::report::Reporter;
use puerta::{Call, Error};
use puerta_relay::local::Local;
use puerta_relay::problem::Problem;
use std::io::{self, Write};
use std::process::ExitCode;

/// Prints it; the status of a command that does nothing else.
pub(crate) fn print(text: &[u8], reporter: Reporter) -> ExitCode {
    if Local::stdout_was_closed() {
        reporter.note("standard output is closed or /dev/null: what would be printed is discarded");
    }
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => reporter.problem(&not_printed(&error)),
    }
}

/// Not all of it was written to stdout.
pub(crate) fn not_printed(error: &io::Error) -> Problem {
    Problem::Output(Error::from_io(Call::Write, error))
}
