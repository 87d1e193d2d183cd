//! Which screen, for which terminal or pipe.

use crate::report;
use crate::signals::{Stop, continued};
use crate::talk::Arguments;
use crate::talk::screen::{self, Ended, Facts, Feed, Full, Json, Left, Line, Pipe, Typed, Wanted};
use puerta_talk::room::frame::Target;
use std::io::{self, IsTerminal};
use tokio::runtime::Handle;
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
pub(super) async fn show(arguments: &Arguments, facts: Facts, feed: Feed, stop: &mut Stop) -> (Ended, Left) {
    let signal = stop.wait();
    let follow = arguments.follow;
    match Mode::of(arguments) {
        Mode::Full => {
            let runtime = Handle::current();
            let open = move |typed| {
                tell_continued(&runtime, &typed)?;
                Full::open(facts, typed, screen::offset)
            };
            screen::run(open, feed, signal).await
        }
        Mode::Line => {
            let open = move |typed| Line::open(facts, follow, typed, screen::offset);
            screen::run(open, feed, signal).await
        }
        Mode::Json => {
            let room = arguments.wanted_room().filter(|_| follow).map(str::to_owned);
            let wanted = Wanted { room, since: arguments.since, follow };
            screen::run(|typed| Json::open(facts, wanted, typed), feed, signal).await
        }
        Mode::Pipe => {
            let to = target(arguments.to.as_deref().unwrap_or_default());
            let tell = Box::new(|line: &str| report::line(line));
            screen::run(|typed| Pipe::open(facts, to, typed, tell), feed, signal).await
        }
    }
}

/// Whoever stopped us, and the shell that lets us go on, have used the terminal in between.
fn tell_continued(runtime: &Handle, typed: &mpsc::Sender<Typed>) -> io::Result<()> {
    let _inside = runtime.enter();
    let mut signal = continued()?;
    // It does not keep the channel open.
    let typed = typed.downgrade();
    runtime.spawn(async move {
        while signal.recv().await.is_some() {
            let Some(typed) = typed.upgrade() else { return };
            let _ = typed.send(Typed::Continued).await;
        }
    });
    Ok(())
}

/// `#build`, `@ana`; without a sign it is a room.
fn target(to: &str) -> Target {
    match to.strip_prefix('@') {
        Some(name) => Target::Member(name.to_owned()),
        None => Target::Room(to.strip_prefix('#').unwrap_or(to).to_owned()),
    }
}
