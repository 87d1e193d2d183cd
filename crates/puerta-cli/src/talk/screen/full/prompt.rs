//! The line that is being written, and those before.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

/// Lines that are remembered.
const REMEMBERED: usize = 500;
/// Rows that the input takes at most.
const ROWS: usize = 5;
/// What is pasted at a time, at most, in bytes: more than any message can have.
const PASTE: usize = 64 << 10;

pub(super) struct Prompt {
    area: TextArea<'static>,
    before: Vec<String>,
    /// Which of those is shown, and what was being written.
    at: Option<(usize, String)>,
}

impl Prompt {
    pub(super) fn new() -> Self {
        Prompt { area: area(""), before: Vec::new(), at: None }
    }

    pub(super) fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    pub(super) fn area(&self) -> &TextArea<'static> {
        &self.area
    }

    /// Rows that it wants at a width.
    pub(super) fn rows(&self, width: u16) -> u16 {
        let width = usize::from(width.max(2)) - 1;
        let rows = self.area.lines().iter().map(|line| super::rows::columns(line) / width + 1).sum::<usize>();
        u16::try_from(rows.clamp(1, ROWS)).unwrap_or(1)
    }

    pub(super) fn set(&mut self, text: &str) {
        let cut = self.area.yank_text();
        self.area = area(text);
        self.area.set_yank_text(cut);
    }

    /// What was written is sent or thrown away.
    pub(super) fn clear(&mut self, remember: bool) {
        let text = self.text();
        if remember && !text.trim().is_empty() && self.before.last() != Some(&text) {
            self.push(text);
        }
        self.at = None;
        self.set("");
    }

    /// A line that was not sent is among those before, if it is not there already.
    pub(super) fn remember(&mut self, text: &str) {
        if !self.before.iter().any(|before| before.ends_with(text)) {
            self.push(text.to_owned());
        }
    }

    fn push(&mut self, text: String) {
        self.before.push(text);
        if self.before.len() > REMEMBERED {
            self.before.remove(0);
            // One that is shown stays the one it is.
            self.at.iter_mut().for_each(|(at, _)| *at = at.saturating_sub(1));
        }
    }

    /// A key that edits: those of the text area, but for the ones that every shell has otherwise.
    pub(super) fn key(&mut self, key: KeyEvent) {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        for _ in 1..self.characters(key) {
            self.area.input(key);
        }
        match key.code {
            KeyCode::Char('u') if ctrl => {
                self.area.delete_line_by_head();
            }
            KeyCode::Char('w') if ctrl => self.cut_word(),
            // Terminals send Ctrl+_ as Ctrl+7.
            KeyCode::Char('z' | '_' | '7') if ctrl => {
                self.area.undo();
            }
            _ => {
                self.area.input(key);
            }
        }
    }

    /// How many characters a key that deletes one or moves by one has to take, so that what people see as one (UAX #29) is not
    /// torn apart.
    fn characters(&self, key: KeyEvent) -> usize {
        let back = match (key.code, key.modifiers) {
            (KeyCode::Backspace | KeyCode::Left, KeyModifiers::NONE) => true,
            (KeyCode::Char('h' | 'b'), KeyModifiers::CONTROL) => true,
            (KeyCode::Delete | KeyCode::Right, KeyModifiers::NONE) => false,
            (KeyCode::Char('d' | 'f'), KeyModifiers::CONTROL) => false,
            _ => return 1,
        };
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        // A tab is a character like another here.
        let line = self.area.lines().get(row).map(|line| line.replace('\t', " ")).unwrap_or_default();
        let mut start = 0;
        for grapheme in Span::raw(line).styled_graphemes(Style::new()) {
            let end = start + grapheme.symbol.chars().count();
            if back && (start + 1..=end).contains(&column) {
                return column - start;
            }
            if !back && (start..end).contains(&column) {
                return end - column;
            }
            start = end;
        }
        1
    }

    /// Where the cursor is in its row, in columns as they are drawn: the text area counts each character for itself.
    pub(super) fn column(&self) -> usize {
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        let drawn = self.area.screen_cursor().col;
        let Some(line) = self.area.lines().get(row) else { return drawn };
        let before: String = line.chars().take(column).collect();
        let counted: usize = before.chars().map(|c| puerta_text::width(c.encode_utf8(&mut [0; 4]))).sum();
        // Behind a break of the row only the text area knows where it began.
        if counted == drawn { super::rows::columns(&before) } else { drawn }
    }

    /// Back to the space before the word; at the start of a line, the line break.
    fn cut_word(&mut self) {
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        let line = self.area.lines().get(row).map(String::as_str).unwrap_or_default();
        let before: String = line.chars().take(column).collect();
        let kept = before.trim_end().trim_end_matches(|c: char| !c.is_whitespace()).chars().count();
        if kept == column {
            self.area.delete_newline();
            return;
        }
        self.area.start_selection();
        for _ in kept..column {
            self.area.move_cursor(CursorMove::Back);
        }
        self.area.cut();
    }

    pub(super) fn newline(&mut self) {
        self.area.insert_newline();
    }

    /// What was pasted: its line breaks stay, its control characters do not.
    pub(super) fn paste(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let end = (0..=PASTE.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        let kept = text.get(..end).unwrap_or_default();
        let kept: String = kept.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
        self.area.insert_str(kept.trim_end_matches('\n'));
    }

    /// The line before, or behind, the one that is shown. False: the cursor only moved within the input.
    pub(super) fn recall(&mut self, back: bool) {
        let row = self.area.cursor().0;
        let edge = if back { 0 } else { self.area.lines().len() - 1 };
        if row != edge {
            self.area.move_cursor(if back { CursorMove::Up } else { CursorMove::Down });
            return;
        }
        let (at, written) = self.at.take().unwrap_or_else(|| (self.before.len(), self.text()));
        let next = if back { at.checked_sub(1) } else { Some(at + 1) };
        match next.filter(|next| *next <= self.before.len()) {
            Some(next) => {
                let text = self.before.get(next).cloned().unwrap_or_else(|| written.clone());
                self.set(&text);
                self.at = (next < self.before.len()).then_some((next, written));
            }
            None => self.at = (at < self.before.len()).then_some((at, written)),
        }
    }

    /// Completes the word before the cursor with the first of these names that it begins.
    pub(super) fn complete<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        let line: Vec<char> = self.area.lines().get(row).map(|l| l.chars().collect()).unwrap_or_default();
        let start = line.iter().take(column).rposition(|c| c.is_whitespace()).map_or(0, |i| i + 1);
        let typed: String = line.iter().take(column).skip(start).collect();
        let begins = |name: &&str| name.to_lowercase().starts_with(&typed.to_lowercase()) && !typed.is_empty();
        let Some(name) = names.filter(begins).min() else { return };
        for _ in start..column {
            self.area.delete_char();
        }
        // At the start someone is spoken to.
        let behind = if start == 0 && row == 0 && !name.starts_with('/') { ": " } else { " " };
        self.area.insert_str(format!("{name}{behind}"));
    }
}

fn area(text: &str) -> TextArea<'static> {
    let mut area = TextArea::new(text.split('\n').map(str::to_owned).collect());
    area.set_cursor_line_style(Style::new());
    // The terminal's own cursor is there: screen readers and input methods follow it.
    area.set_cursor_style(Style::new());
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.set_max_histories(100);
    area.move_cursor(CursorMove::Bottom);
    area.move_cursor(CursorMove::End);
    area
}
