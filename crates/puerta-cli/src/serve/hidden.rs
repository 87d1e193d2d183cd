//! A line that is typed on the terminal and not shown.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, read};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use std::fs::OpenOptions;
use std::io::{self, Write};

/// How many characters are taken; what is typed behind them is passed over.
const MOST: usize = 1024;

/// Asks on the terminal, whatever stdin and stderr are; `None`: Ctrl-C, or Ctrl-D before anything else.
///
/// # Errors
/// There is no terminal.
pub(super) fn line(question: &str) -> io::Result<Option<String>> {
    let mut terminal = OpenOptions::new().write(true).open("/dev/tty")?;
    // Raw first: what is typed as soon as the question stands there would be shown.
    enable_raw_mode()?;
    let line = terminal.write_all(question.as_bytes()).and_then(|()| typed());
    disable_raw_mode()?;
    terminal.write_all(b"\n")?;
    line
}

fn typed() -> io::Result<Option<String>> {
    let mut line = String::new();
    loop {
        let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = read()? else { continue };
        let control = modifiers.contains(KeyModifiers::CONTROL);
        match code {
            // Ctrl-J is a line feed.
            KeyCode::Enter => return Ok(Some(line)),
            KeyCode::Char('j') if control => return Ok(Some(line)),
            KeyCode::Char('c') if control => return Ok(None),
            KeyCode::Char('d') if control && line.is_empty() => return Ok(None),
            KeyCode::Char('u') if control => line.clear(),
            KeyCode::Backspace => drop(line.pop()),
            KeyCode::Char(c) if !control && line.chars().count() < MOST => line.push(c),
            _ => {}
        }
    }
}
