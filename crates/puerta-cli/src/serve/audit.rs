//! `serve DIR --audit`: what lies there and should hardly be served, a line each on stdout.

use super::trouble::Trouble;
use crate::printed::not_printed;
use crate::report::Reporter;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use puerta_serve::audit::{Bounds, Finding, Hear, Summary, audit};
use puerta_text::visible;
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Nothing is said of progress before that.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The status is 1 when clients would get something of what was found, or not all was seen.
pub(super) fn run(folder: &Path, bounds: &Bounds, reporter: Reporter) -> Result<ExitCode, Trouble> {
    let mut told = Told { json: reporter.json(), began: Instant::now(), bar: None, failed: None };
    let summary = audit(folder, bounds, &mut told)?;
    told.end(&summary);
    if let Some(error) = told.failed {
        return Ok(reporter.problem(&not_printed(&error)));
    }
    Ok(ExitCode::from(status(&summary)))
}

fn status(summary: &Summary) -> u8 {
    u8::from(summary.served > 0 || summary.cut)
}

struct Told {
    json: bool,
    began: Instant,
    bar: Option<ProgressBar>,
    /// Why a line was not written: the first time.
    failed: Option<std::io::Error>,
}

impl Hear for Told {
    fn found(&mut self, finding: &Finding) {
        let Finding { path, why, served } = finding;
        let text = if self.json {
            json!({"event": "found", "path": String::from_utf8_lossy(path), "what": why.word(), "served": served,
                "message": why.to_string(), "hint": why.remedy()})
            .to_string()
        } else {
            visible(&finding.to_string()).to_string()
        };
        self.line(&text);
    }

    fn progress(&mut self, entries: u64) {
        if self.bar.is_none() && std::io::stderr().is_terminal() && self.began.elapsed() > AT_ONCE {
            self.bar = bar();
        }
        if let Some(bar) = &self.bar {
            bar.set_position(entries);
        }
    }
}

impl Told {
    fn end(&mut self, summary: &Summary) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let Summary { entries, found, served, untold, cut } = *summary;
        let text = if self.json {
            json!({"event": "end", "entries": entries, "found": found, "served": served, "untold": untold, "whole": !cut,
                "status": status(summary)})
            .to_string()
        } else {
            summary.to_string()
        };
        self.line(&text);
    }

    fn line(&mut self, text: &str) {
        let write = || writeln!(std::io::stdout().lock(), "{text}");
        let done = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }
}

fn bar() -> Option<ProgressBar> {
    let style = ProgressStyle::with_template("{pos} entries looked at, {elapsed}").ok()?;
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(style);
    Some(bar)
}
