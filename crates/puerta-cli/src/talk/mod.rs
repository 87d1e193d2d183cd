//! `talk`: people exchange messages.

mod arguments;
mod plain;
#[allow(dead_code, unused_imports, reason = "rooms come with their drivers")]
pub(crate) mod screen;

pub(crate) use arguments::Arguments;

use crate::report::Reporter;
use crate::trace;
use puerta_relay::problem::Problem;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let output = arguments.output();
    let reporter = Reporter::new(&output);
    trace::start(output.trace);
    if arguments.plain {
        return plain::run(arguments, reporter);
    }
    reporter.problem(&Problem::Usage {
        what: "rooms are not here yet".to_owned(),
        hint: "talk in the plain mode: puerta talk --plain HOST, or puerta talk --plain --listen".to_owned(),
    })
}
