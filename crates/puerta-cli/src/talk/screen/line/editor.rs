//! Line editing on a terminal, by rustyline, in a thread of its own. What others say is printed above the line.

use crate::talk::screen::{Print, Typed};
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor, ExternalPrinter};
use std::io;
use std::process::{Command, Stdio};
use std::sync::mpsc as std_mpsc;
use tokio::sync::mpsc;

/// Lines that are remembered.
const REMEMBERED: usize = 500;

/// The editor's thread. Dropped, the terminal is as it was before.
pub(super) struct Editor {
    /// The next line may be read, with this prompt: the terminal stays as it was while a line is looked at, so that an end
    /// finds it so.
    go: std_mpsc::Sender<String>,
    saved: Option<String>,
}

impl Editor {
    /// Begins to read. None where the terminal cannot do it.
    pub(super) fn open(typed: mpsc::Sender<Typed>) -> Option<(Self, Print)> {
        let config = Config::builder().max_history_size(REMEMBERED).ok()?.build();
        let mut editor = DefaultEditor::with_config(config).ok()?;
        let mut printer = editor.create_external_printer().ok()?;
        let saved = stty(&["-g"]).filter(|saved| !saved.is_empty());
        let (go, going) = std_mpsc::channel::<String>();
        let work = move || {
            while let Ok(prompt) = going.recv() {
                let read = match editor.readline(&prompt) {
                    Ok(line) => {
                        let _ = editor.add_history_entry(line.as_str());
                        Typed::Line(line)
                    }
                    Err(ReadlineError::Interrupted) => Typed::Interrupt,
                    Err(ReadlineError::Eof) => Typed::End,
                    Err(ReadlineError::Io(error)) => Typed::Failed(error),
                    Err(error) => Typed::Failed(io::Error::other(error.to_string())),
                };
                if typed.blocking_send(read).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("keys".to_owned()).spawn(work).ok()?;
        let mut editor = Editor { go, saved };
        editor.next("");
        let print = move |text: &str| printer.print(text.to_owned()).map_err(|e| io::Error::other(e.to_string()));
        Some((editor, Box::new(print)))
    }

    /// Reads the next line.
    pub(super) fn next(&mut self, place: &str) {
        // The thread has ended only when nobody wants a line any more.
        let _ = self.go.send(format!("{place}> "));
    }
}

impl Drop for Editor {
    /// A signal can end us while a line is read: the editor's thread still has the terminal then.
    fn drop(&mut self) {
        if let Some(saved) = &self.saved {
            stty(&[saved]);
        }
    }
}

/// Asks stty(1), which has the terminal's settings in a form that it takes back.
fn stty(arguments: &[&str]) -> Option<String> {
    let done = Command::new("stty").args(arguments).stdin(Stdio::inherit()).stderr(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}
