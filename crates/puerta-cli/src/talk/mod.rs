//! `talk`: people exchange messages.

mod arguments;
mod plain;
mod rooms;
mod screen;

pub(crate) use arguments::Arguments;

use crate::report::Reporter;
use crate::trace;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let output = arguments.output();
    let reporter = Reporter::new(&output);
    trace::start(output.trace);
    if arguments.plain {
        return plain::run(arguments, reporter);
    }
    rooms::run(arguments, reporter)
}
