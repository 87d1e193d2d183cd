//! The full screen: rooms, members, messages, and a line to write in.

mod draw;
mod help;
mod invite;
mod notify;
mod paint;
mod prompt;
mod rows;
mod scroll;
mod terminal;

#[cfg(test)]
mod tests;

pub(crate) use terminal::restore;

use super::tally::Tally;
use super::view::{Done, ITEMS, Invited, View};
use super::{Ended, Facts, Notice, Print, Screen, Typed, words};
use draw::Parts;
use notify::Notifier;
use paint::Doubts;
use prompt::Prompt;
use puerta_talk::room::event::{Command, Event};
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::crossterm::event::{self, Event as Key, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use rows::Look;
use scroll::Scroll;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use terminal::{Careful, Taken};
use tokio::sync::mpsc;

/// Between two pictures: what comes faster shows in the next.
const FRAME: Duration = Duration::from_millis(16);
/// How long the keyboard's thread waits before it looks whether it is still wanted.
const KEYS: Duration = Duration::from_millis(200);

/// The full screen on a terminal.
pub(crate) struct Full<B: Backend> {
    view: View,
    terminal: Terminal<B>,
    bell: Print,
    notifier: Notifier,
    look: Look,
    prompt: Prompt,
    scroll: Scroll,
    /// The user goes back: at the beginning of what is here, more is asked for.
    back: bool,
    over: Option<Over>,
    doubts: Doubts,
    /// Something has changed since the last picture.
    changed: bool,
    drawn: Option<Instant>,
    /// Where the last picture's messages were, and they with the panes beside them.
    messages: Rect,
    middle: Rect,
    at: usize,
    ended: Option<Ended>,
    tally: Tally,
    /// What was said and is not sent, as was told after the end.
    late: Vec<String>,
    left: bool,
    now: Instant,
    /// Dropped in this order: the keyboard's thread is told, then the terminal is given back.
    _keyboard: Keyboard,
    _taken: Option<Taken>,
}

/// What is drawn over the panes.
enum Over {
    /// The help, from this row of its own on.
    Help(usize),
    /// The answer to /invite, until a key is pressed.
    Invite(Invited),
}

/// The thread that reads keys, until this is dropped.
struct Keyboard(Arc<AtomicBool>);

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Full<Careful<io::BufWriter<io::Stdout>>> {
    /// Takes the terminal over and reads its keys. `offset` tells how many seconds east of Greenwich the user is at a time in
    /// milliseconds since 1970.
    ///
    /// # Errors
    /// What the terminal says.
    pub(crate) fn open(facts: Facts, typed: mpsc::Sender<Typed>, offset: fn(i64) -> i64) -> io::Result<Self> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let look = Look { color: variable("NO_COLOR").is_empty(), offset };
        let notifier = Notifier::of(&variable("TERM"), &variable("TERM_PROGRAM"));
        let taken = Taken::take()?;
        let terminal = Terminal::new(Careful::stdout())?;
        let stop = Arc::new(AtomicBool::new(false));
        let keyboard = Keyboard(stop.clone());
        std::thread::Builder::new().name("keys".to_owned()).spawn(move || keys(&stop, &typed))?;
        let bell = |bytes: &str| {
            let mut out = io::stdout().lock();
            out.write_all(bytes.as_bytes())?;
            out.flush()
        };
        let mut full = Full::new(facts, terminal, look, notifier, Box::new(bell), keyboard);
        full._taken = Some(taken);
        Ok(full)
    }
}

impl<B: Backend> Full<B> {
    fn new(
        facts: Facts,
        terminal: Terminal<B>,
        look: Look,
        notifier: Notifier,
        bell: Print,
        keyboard: Keyboard,
    ) -> Self {
        Full {
            view: View::new(facts, ITEMS),
            terminal,
            bell,
            notifier,
            look,
            prompt: Prompt::new(),
            scroll: Scroll::End,
            back: false,
            over: None,
            doubts: Doubts::default(),
            changed: true,
            drawn: None,
            messages: Rect::default(),
            middle: Rect::default(),
            at: 0,
            ended: None,
            tally: Tally::default(),
            late: Vec::new(),
            left: false,
            now: Instant::now(),
            _keyboard: keyboard,
            _taken: None,
        }
    }

    /// Whether something that was unread is read now.
    fn draw(&mut self) -> io::Result<bool> {
        if self.at != self.view.at {
            self.at = self.view.at;
            self.back = false;
            self.scroll = self.first_sight();
        }
        let (view, prompt, look) = (&self.view, &self.prompt, self.look);
        let (scroll, over) = (self.scroll, self.over.as_ref());
        let doubts = &mut self.doubts;
        let mut found = None;
        let mut area = Rect::default();
        let picture = |frame: &mut ratatui::Frame<'_>| {
            area = frame.area();
            found = Some(draw::all(frame, view, prompt, scroll, over, look));
            doubts.secure(frame.buffer_mut());
        };
        self.terminal.draw(picture).map_err(|error| io::Error::other(error.to_string()))?;
        let parts = Parts::of(area, self.view.banner().is_some(), self.prompt.rows(area.width));
        (self.messages, self.middle) = (parts.messages, parts.middle);
        let Some(found) = found else { return Ok(false) };
        self.scroll = found.scroll;
        let shown = found.shown.filter(|_| self.over.is_none());
        let read = shown.is_some_and(|(top, bottom)| self.view.shown(top, bottom));
        if found.at_top && self.back {
            self.view.older();
        }
        Ok(read)
    }

    /// Where a place is shown when one comes to it: what was not seen begins at the top.
    fn first_sight(&self) -> Scroll {
        let place = self.view.current();
        let unseen = place.first_unseen();
        let item = unseen.and_then(|seq| place.newest().find(|(_, m)| m.seq == seq));
        item.map_or(Scroll::End, |(id, _)| Scroll::Top(id))
    }

    fn scroll(&mut self, by: isize) {
        let size = (self.messages.width, self.messages.height);
        if size.0 > 0 && size.1 > 0 {
            self.scroll = scroll::moved(&self.view, self.scroll, by, size, self.look);
        }
        self.back = by < 0;
    }

    fn page(&self) -> isize {
        isize::try_from(self.messages.height.saturating_sub(1).max(1)).unwrap_or(1)
    }

    fn end(&mut self) {
        self.back = false;
        self.scroll = Scroll::End;
        self.view.went_to_end();
    }

    fn key(&mut self, key: KeyEvent) {
        let (ctrl, alt) = (key.modifiers.contains(KeyModifiers::CONTROL), key.modifiers.contains(KeyModifiers::ALT));
        let empty = self.prompt.is_empty();
        match self.over {
            Some(Over::Invite(_)) => {
                self.over = None;
                // What is typed reaches the input; a space on its own is only a key.
                let writes = matches!(key.code, KeyCode::Char(c) if !ctrl && !alt && (c != ' ' || !empty));
                if !writes {
                    return;
                }
            }
            Some(Over::Help(top)) => {
                if let Some(by) = self.moves(key.code) {
                    let last = help::last(self.middle.width, self.middle.height, self.look);
                    self.over = Some(Over::Help(top.saturating_add_signed(by).min(last)));
                    return;
                }
            }
            None => {}
        }
        match key.code {
            KeyCode::F(1) => self.over = if self.over.is_none() { Some(Over::Help(0)) } else { None },
            KeyCode::Esc => self.over = None,
            KeyCode::Char('c') if ctrl && !empty => self.prompt.clear(false),
            KeyCode::Char('c' | 'd') if ctrl && empty => self.line("/quit"),
            KeyCode::Char('l') if ctrl => self.anew(),
            KeyCode::Char('n') if ctrl => self.view.step(true),
            KeyCode::Char('p') if ctrl => self.view.step(false),
            KeyCode::Tab if empty => self.view.step(true),
            KeyCode::BackTab => self.view.step(false),
            KeyCode::Tab => {
                let members = self.view.current().members.values().map(|m| m.name.as_str());
                let commands = super::input::KNOWN.iter().map(|known| known.name);
                let slash = self.prompt.text().starts_with('/');
                self.prompt.complete(members.chain(commands.filter(|_| slash)));
            }
            KeyCode::Char(c @ '0'..='9') if alt => self.view.go(c as usize - '0' as usize),
            KeyCode::PageUp => self.scroll(-self.page()),
            KeyCode::PageDown => self.scroll(self.page()),
            KeyCode::Home if empty || ctrl => {
                if let Some(first) = self.view.current().items.front() {
                    self.scroll = Scroll::Top(first.id);
                }
                self.back = true;
            }
            KeyCode::End if empty || ctrl => self.end(),
            KeyCode::Up => self.prompt.recall(true),
            KeyCode::Down => self.prompt.recall(false),
            KeyCode::Enter if alt => self.prompt.newline(),
            KeyCode::Char('j') if ctrl => self.prompt.newline(),
            KeyCode::Enter => {
                let text = self.prompt.text();
                self.line(&text);
            }
            _ => self.prompt.key(key),
        }
    }

    /// The next picture is drawn whole. `Terminal::clear` would ask where the cursor is, and one that does not say it shows nothing.
    fn anew(&mut self) {
        if let Ok(size) = self.terminal.size() {
            let _ = self.terminal.resize(Rect::new(0, 0, size.width, size.height));
        }
    }

    fn end_as(&mut self, ended: Ended) {
        self.prompt.clear(true);
        self.ended = Some(ended);
    }

    /// Rows that a key moves by, over something that scrolls.
    fn moves(&self, code: KeyCode) -> Option<isize> {
        match code {
            KeyCode::PageUp => Some(-self.page()),
            KeyCode::PageDown => Some(self.page()),
            KeyCode::Up => Some(-1),
            KeyCode::Down => Some(1),
            KeyCode::Home => Some(isize::MIN),
            KeyCode::End => Some(isize::MAX),
            _ => None,
        }
    }

    fn line(&mut self, text: &str) {
        self.over = None;
        let before = self.view.out.len();
        let done = self.view.line(text);
        for command in self.view.out.iter().skip(before) {
            self.tally.says(command);
        }
        match done {
            Done::Taken | Done::Refused => self.prompt.clear(true),
            Done::Keep => {}
            Done::Quit => self.end_as(Ended::Quit),
            Done::Stay => self.end_as(Ended::Stay),
        }
        if !text.trim().is_empty() {
            self.scroll = Scroll::End;
        }
    }
}

impl<B: Backend> Screen for Full<B> {
    fn event(&mut self, event: Event, now: Instant) {
        self.now = now;
        self.tally.event(&event);
        if let (true, Event::NotTaken { text, .. } | Event::OutboxFull { text, .. } | Event::NotKept { text, .. }) =
            (self.left, &event)
        {
            self.late.push(words::not_sent(&super::clean::text(text)));
        }
        // What was not kept can be had again, and does not stand where it may go to another room.
        match &event {
            Event::NotTaken { id, text, .. } => {
                let line = id.and_then(|id| self.view.line_of(id));
                self.prompt.remember(&line.unwrap_or_else(|| super::clean::text(text)));
            }
            Event::OutboxFull { text, .. } | Event::NotKept { text, .. } => {
                self.prompt.remember(&super::clean::text(text));
            }
            _ => {}
        }
        self.view.apply(event, now);
        self.view.told.clear();
        if let Some(invited) = self.view.invited.take() {
            self.over = Some(Over::Invite(invited));
        }
        self.changed = true;
    }

    fn notice(&mut self, notice: &Notice) {
        let (text, trouble) = words::notice(notice);
        self.view.note_here(text, trouble);
        self.view.told.clear();
        self.changed = true;
    }

    fn typed(&mut self, typed: Typed, now: Instant) {
        self.now = now;
        self.changed = true;
        match typed {
            Typed::Terminal(Key::Key(key)) if key.kind != KeyEventKind::Release => {
                self.view.focus = true;
                self.key(key);
            }
            Typed::Terminal(Key::Paste(text)) => {
                self.over = None;
                self.prompt.paste(&text);
            }
            Typed::Terminal(Key::FocusGained) => self.view.focus = true,
            Typed::Terminal(Key::FocusLost) => self.view.focus = false,
            Typed::Continued => match terminal::again() {
                Ok(()) => self.anew(),
                Err(error) => self.ended = Some(Ended::Failed(error)),
            },
            Typed::End => self.ended = Some(Ended::Quit),
            Typed::Failed(error) => self.ended = Some(Ended::Failed(error)),
            _ => {}
        }
    }

    fn show(&mut self, now: Instant) -> io::Result<()> {
        self.now = now;
        if self.changed && self.drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= FRAME) {
            // What the picture has shown is not unread in the next.
            self.changed = self.draw()?;
            self.drawn = Some(now);
        }
        if let Some(call) = self.view.call() {
            (self.bell)(&self.notifier.bytes(&call))?;
        }
        if let Some(why) = self.view.denied.take() {
            self.ended = Some(Ended::Denied(why));
        }
        self.view.tick(now);
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        let picture = self.drawn.map(|drawn| drawn + FRAME).filter(|_| self.changed);
        [picture, self.view.due(self.now)].into_iter().flatten().min()
    }

    fn commands(&mut self) -> &mut VecDeque<Command> {
        &mut self.view.out
    }

    fn ended(&mut self) -> Option<Ended> {
        self.left |= self.ended.is_some();
        self.ended.take()
    }

    fn stopped(&mut self) {
        self.left = true;
    }

    fn not_stored(&self) -> usize {
        self.view.pending() + self.tally.given() + self.late.len()
    }

    fn last_words(&mut self, ended: &Ended) -> Vec<String> {
        let mut lines = self.view.last_words(matches!(ended, Ended::Stay));
        lines.append(&mut self.late);
        let written = self.prompt.text();
        if !written.trim().is_empty() {
            lines.push(words::not_sent(&super::clean::text(&written)));
        }
        lines
    }
}

/// Reads the terminal until nobody wants its keys any more.
fn keys(stop: &AtomicBool, typed: &mpsc::Sender<Typed>) {
    while !stop.load(Ordering::SeqCst) {
        let next = match event::poll(KEYS) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let (next, last) = match next {
            Ok(event) => (Typed::Terminal(event), false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => (Typed::Failed(error), true),
        };
        if typed.blocking_send(next).is_err() || last {
            return;
        }
    }
}
