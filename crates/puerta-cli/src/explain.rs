//! `explain`: what an address means.

use crate::arguments::Explain;
use std::process::ExitCode;

pub(crate) fn run(_arguments: &Explain) -> ExitCode {
    ExitCode::from(1)
}
