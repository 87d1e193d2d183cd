//! The terminal, taken over and always given back: at the end, on an error, on a signal, and when the program panics.

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::{Cell, CellWidth};
use ratatui::crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use ratatui::crossterm::terminal::{
    Clear, ClearType as ClearAll, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use ratatui::layout::{Position, Size};
use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal. Dropped, it is given back.
pub(super) struct Taken(());

impl Taken {
    pub(super) fn take() -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore();
                before(info);
            }));
        });
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let taken = Taken(());
        begin()?;
        Ok(taken)
    }
}

/// Takes it over again, if it is ours: we were stopped (SIGSTOP), and a shell has used it since and left it as it likes it.
pub(super) fn again() -> io::Result<()> {
    if TAKEN.load(Ordering::SeqCst) {
        // What crossterm takes for raw already it leaves as it is.
        disable_raw_mode()?;
        enable_raw_mode()?;
        begin()?;
    }
    Ok(())
}

fn begin() -> io::Result<()> {
    // A terminal without another screen shows nothing of before.
    let clear = Clear(ClearAll::All);
    execute!(io::stdout(), EnterAlternateScreen, clear, EnableBracketedPaste, EnableFocusChange)
}

impl Drop for Taken {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, once. What fails here has nobody to be told.
pub(crate) fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
        // A terminal without another screen is left clear.
        let (clear, home) = (Clear(ClearAll::All), cursor::MoveTo(0, 0));
        let _ = execute!(
            io::stdout(),
            DisableFocusChange,
            DisableBracketedPaste,
            clear,
            home,
            cursor::Show,
            LeaveAlternateScreen
        );
    }
}

/// Draws cells. Behind a character that a terminal may give another width than we do, it says where the next one goes: one
/// such character does not shift the rest of its row.
pub(crate) struct Careful<W: Write>(CrosstermBackend<W>);

impl Careful<BufWriter<Stdout>> {
    pub(super) fn stdout() -> Self {
        Careful(CrosstermBackend::new(BufWriter::with_capacity(64 << 10, io::stdout())))
    }
}

/// Every terminal agrees on the width of these: ASCII, Latin letters of one piece, lines, blocks.
fn is_plain(symbol: &str) -> bool {
    let mut chars = symbol.chars();
    matches!((chars.next(), chars.next()), (Some(' '..='~' | '\u{c0}'..='\u{24f}' | '\u{2500}'..='\u{259f}'), None))
}

impl<W: Write> Backend for Careful<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut run: Vec<(u16, u16, &'a Cell)> = Vec::new();
        for cell in content {
            let (x, y, drawn) = cell;
            if is_plain(drawn.symbol()) {
                run.push(cell);
                continue;
            }
            self.0.draw(run.drain(..))?;
            // A terminal that gives it fewer columns leaves none of what was there.
            let blank = Cell::new(" ");
            let blanks = (x..x.saturating_add(drawn.symbol().cell_width())).map(|x| (x, y, &blank));
            self.0.draw(blanks)?;
            self.0.draw(std::iter::once(cell))?;
        }
        if run.is_empty() { Ok(()) } else { self.0.draw(run.into_iter()) }
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.0.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.0.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.0.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.0.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.0.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.0.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.0.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.0)
    }
}
