//! A hub that is not known is never joined in silence.

use super::ladder::Target;
use super::trouble::Trouble;
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::identity::Trust;
use puerta_text::visible;
use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Whether a hub that is not known is joined: because of `--accept`, or because someone at the terminal has pressed a key.
pub(super) async fn agreed(target: &Target, accept: Option<Fingerprint>, ask: bool) -> Result<Trust, Trouble> {
    let (name, hub, namesake) = (target.called(), target.hub, target.namesake);
    if accept == Some(Fingerprint::of(hub)) {
        return Ok(Trust::Compared);
    }
    let name = visible(&name).into_owned();
    if accept.is_some() || !ask || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Trouble::NotTrusted { name, hub, accept, namesake });
    }
    let first = match namesake {
        None => "for the first time".to_owned(),
        Some(other) => format!(
            "which is not the hub of that name that is known here\n\
             the known one has the fingerprint {}: this is another one, or somebody who pretends to be it",
            Fingerprint::of(other)
        ),
    };
    let question = format!(
        "found the hub {name}, {first}\n\
         fingerprint: {} (compare it with its host's to be sure)\n\
         join it? Enter or y joins, q or Esc ends, any other key does not join ",
        Fingerprint::of(hub)
    );
    let answer = puerta_relay::background::run(move || key(&question)).await;
    match answer.map_err(Trouble::System)?.map_err(Trouble::System)? {
        Answer::Joins => Ok(Trust::Agreed),
        Answer::Declines => Err(Trouble::Declined),
        Answer::Ends => Err(Trouble::Ended),
        Answer::Interrupts => Err(Trouble::Interrupted),
    }
}

/// Gives the terminal back if a question still has it: a signal came.
pub(super) fn give_back() {
    // Without a question, or without a terminal, there is nothing to give back.
    let _ = disable_raw_mode();
}

/// What the key meant.
enum Answer {
    Joins,
    Declines,
    /// The user wants neither this hub nor another.
    Ends,
    /// Ctrl-C: in raw mode it is a key like any other.
    Interrupts,
}

/// Asks, and takes one key.
fn key(question: &str) -> io::Result<Answer> {
    // Raw first: a key that is pressed as soon as the question stands there is this very key, not a line's end.
    enable_raw_mode()?;
    let answer = asked(question);
    disable_raw_mode()?;
    writeln!(io::stderr())?;
    answer
}

fn asked(question: &str) -> io::Result<Answer> {
    // What was typed before the question is no answer to it.
    while poll(Duration::ZERO)? {
        read()?;
    }
    let mut stderr = io::stderr();
    write!(stderr, "{}", question.replace('\n', "\r\n"))?;
    stderr.flush()?;
    loop {
        match read()? {
            Event::Key(key) if key.kind == KeyEventKind::Press => {
                let control = key.modifiers.contains(KeyModifiers::CONTROL);
                return Ok(match key.code {
                    KeyCode::Char('c') if control => Answer::Interrupts,
                    KeyCode::Enter | KeyCode::Char('y' | 'Y') if !control => Answer::Joins,
                    KeyCode::Esc | KeyCode::Char('q' | 'Q') if !control => Answer::Ends,
                    KeyCode::Char('d') if control => Answer::Ends,
                    _ => Answer::Declines,
                });
            }
            _ => {}
        }
    }
}
