//! The sandbox that `serve` puts itself into before it starts a thread, and what `--no-sandbox` gives up.

use super::Arguments;
use super::listeners::Listeners;
use super::trouble::Trouble;
use crate::arguments::time;
use clap::Args;
use puerta_serve::sandbox::{self, Allowed, Sandbox};
use puerta_serve::store::Store;
use puerta_text::visible;
use std::io::{self, IsTerminal};
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
    /// change), for at most a TIME; the status is 1 when clients would get some of it [default without =TIME: 60s]
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "60s", value_parser = time,
        conflicts_with_all = ["listen", "log"])]
    pub(super) audit: Option<Duration>,
}

/// Why a log stays in its file.
pub(super) const NOT_ANEW: &str = "the log is not opened anew on SIGHUP: the sandbox would have to leave open all that lies beside it; give it a folder of its own";

/// What the sandbox leaves.
#[derive(Debug)]
pub(super) struct Left {
    /// Whether the log can be opened anew.
    pub(super) opens_log: bool,
    /// What has to be said, once nobody has to wait for who reads it.
    pub(super) notes: Vec<String>,
}

/// Restricts this thread and all that it will start.
pub(super) fn restrict(arguments: &Arguments, store: &Store, listeners: &Listeners) -> Result<Left, Trouble> {
    let all = |note: &str| Left { opens_log: true, notes: vec![note.to_owned()] };
    if arguments.guard.no_sandbox {
        return Ok(all(
            "no sandbox: a fault in this program could read and change whatever its user may, start programs and connect to others",
        ));
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let allowed = Allowed {
        root: Some(store.root()),
        read: arguments.sharing.read_again(),
        log: arguments.log.clone().filter(|path| path != Path::new("-")),
        sockets: listeners.paths().map(Path::to_owned).collect(),
        wide: home.into_iter().chain([arguments.folder()]).collect(),
    };
    let mut left = Left { opens_log: !allowed.keeps_log(), notes: Vec::new() };
    let kept: Vec<&PathBuf> = allowed.sockets.iter().filter(|socket| allowed.keeps_socket(socket)).collect();
    match sandbox::restrict(&allowed).map_err(Trouble::Sandbox)? {
        Sandbox::Whole => {}
        Sandbox::FilesAlone => left
            .notes
            .push("the sandbox keeps files, not connections: landlock restricts TCP from Linux 6.7 on".to_owned()),
        Sandbox::Nothing => {
            return Ok(all(
                "no sandbox: this kernel has no landlock, or it is switched off; a fault in this program could read and change whatever its user may",
            ));
        }
    }
    // Who sits at a terminal ends the server there, and moves no log away meanwhile.
    if !left.opens_log && !io::stderr().is_terminal() {
        left.notes.push(NOT_ANEW.to_owned());
    }
    for socket in kept {
        let socket = socket.to_string_lossy();
        left.notes.push(format!("{} is not removed at the end: the sandbox would have to let us remove all that lies beside it; give it a folder of its own", visible(&socket)));
    }
    Ok(left)
}
