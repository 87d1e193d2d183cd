//! A line that is typed on the terminal and not shown.

use crate::exchange::runtime;
use crate::signals::Stop;
use puerta_relay::verdict::How;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::time::Duration;

/// How many characters are taken; what is typed behind them is passed over.
const MOST: usize = 1024;

/// Between two looks at the keys. Nobody sees what he types: it may come late.
const LOOK: Duration = Duration::from_millis(20);

/// What came of a question.
pub(super) enum Typed {
    /// A line, without its end.
    Line(String),
    /// A signal, or Ctrl-C, or Ctrl-D before anything else.
    Stopped(How),
}

/// Asks on the terminal, whatever stdin and stderr are.
///
/// # Errors
/// There is no terminal.
pub(super) fn line(question: &str) -> io::Result<Typed> {
    // No thread of it outlives the question: those that do would be outside of the sandbox.
    let runtime = runtime()?;
    let mut terminal = OpenOptions::new().write(true).open("/dev/tty")?;
    let mut stop = runtime.block_on(async { Stop::watch() })?;
    // Raw first: what is typed as soon as the question stands there would be shown.
    enable_raw_mode()?;
    let typed = terminal.write_all(question.as_bytes()).and_then(|()| runtime.block_on(typed(&mut stop)));
    disable_raw_mode()?;
    terminal.write_all(b"\n")?;
    typed
}

async fn typed(stop: &mut Stop) -> io::Result<Typed> {
    let mut line = String::new();
    loop {
        tokio::select! {
            how = stop.wait() => return Ok(Typed::Stopped(how)),
            () = tokio::time::sleep(LOOK) => {}
        }
        while poll(Duration::ZERO)? {
            let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = read()? else { continue };
            let control = modifiers.contains(KeyModifiers::CONTROL);
            match code {
                KeyCode::Enter => return Ok(Typed::Line(line)),
                // A line feed.
                KeyCode::Char('j') if control => return Ok(Typed::Line(line)),
                KeyCode::Char('c') if control => return Ok(Typed::Stopped(How::Interrupted)),
                KeyCode::Char('d') if control && line.is_empty() => return Ok(Typed::Stopped(How::Interrupted)),
                KeyCode::Char('u') if control => line.clear(),
                KeyCode::Backspace => drop(line.pop()),
                KeyCode::Char(c) if !control && line.chars().count() < MOST => line.push(c),
                _ => {}
            }
        }
    }
}
