//! The sandbox that `serve` puts itself into before it starts a thread, and what `--no-sandbox` gives up.

use super::listeners::Listeners;
use super::trouble::Trouble;
use crate::arguments::time;
use crate::report::Reporter;
use clap::Args;
use puerta_serve::sandbox::{self, Allowed, Sandbox};
use puerta_serve::store::Store;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What keeps the machine from us.
#[derive(Debug, Args)]
pub(crate) struct Guard {
    /// Do not give up the rights to read and write files outside DIR, to start programs and to connect by TCP: a fault in this program
    /// could then do whatever its user may
    #[arg(long)]
    no_sandbox: bool,
    /// Serve nothing: list what should hardly be served (repositories, keys, databases, backups, links that lead out, what everybody can
    /// change), for at most a TIME; the status is 1 when something was found [default without =TIME: 60s]
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "60s", value_parser = time,
        conflicts_with_all = ["listen", "log"])]
    pub(super) audit: Option<Duration>,
}

/// Restricts this thread and all that it will start. `read`: files that will be read again.
pub(super) fn restrict(
    guard: &Guard,
    store: &Store,
    listeners: &Listeners,
    log: Option<&Path>,
    read: Vec<PathBuf>,
    reporter: Reporter,
) -> Result<(), Trouble> {
    if guard.no_sandbox {
        reporter.note("no sandbox: a fault in this program could read and change whatever its user may, start programs and connect to others");
        return Ok(());
    }
    let allowed = Allowed {
        root: Some(store.root()),
        read,
        log: log.filter(|path| *path != Path::new("-")).map(Path::to_owned),
        sockets: listeners.paths().map(Path::to_owned).collect(),
    };
    match sandbox::restrict(&allowed).map_err(Trouble::Sandbox)? {
        Sandbox::Whole => {}
        Sandbox::FilesAlone => reporter.note(
            "the sandbox keeps files, not connections: landlock restricts TCP from Linux 6.7 on",
        ),
        Sandbox::Nothing => reporter.note(
            "no sandbox: this kernel has no landlock, or it is switched off; a fault in this program could read and change whatever its user may",
        ),
    }
    Ok(())
}
