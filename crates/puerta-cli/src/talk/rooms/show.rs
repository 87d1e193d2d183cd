//! Which screen, for which terminal or pipe.

use crate::signals::Stop;
use crate::talk::Arguments;
use crate::talk::screen::{self, Ended, Facts, Full};
use puerta_talk::room::event::{Command, Event};
use std::io::{self, IsTerminal};
use tokio::sync::mpsc;

/// How things are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The whole terminal.
    Full,
    /// One line for everything.
    Line,
    /// One object for everything.
    Json,
    /// Nothing: stdin goes to a room.
    Pipe,
}

impl Mode {
    pub(super) fn of(arguments: &Arguments) -> Mode {
        let terminals = io::stdin().is_terminal() && io::stdout().is_terminal();
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb" || term.is_empty());
        match () {
            () if arguments.json => Mode::Json,
            () if arguments.follow || arguments.line => Mode::Line,
            () if arguments.to.is_some() && !io::stdin().is_terminal() => Mode::Pipe,
            () if !terminals || dumb => Mode::Line,
            () => Mode::Full,
        }
    }
}

/// Shows a room until it ends.
pub(super) async fn show(
    mode: Mode,
    facts: Facts,
    events: mpsc::Receiver<Event>,
    commands: mpsc::Sender<Command>,
    stop: &mut Stop,
) -> Ended {
    let signal = stop.wait();
    match mode {
        Mode::Full => screen::run(|typed| Full::open(facts, typed, |_| 0), events, commands, signal).await,
        _ => Ended::Closed,
    }
}
