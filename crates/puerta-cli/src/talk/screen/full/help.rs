//! What F1 shows: the keys and the commands, over the panes. It is whole on 80 columns and 24 rows; elsewhere it scrolls.

use super::paint;
use super::rows::{Look, rule, wrapped};
use crate::talk::screen::input::KNOWN;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Columns of the keys, and of a key with what it does: two such columns stand side by side where there is room.
const KEY: usize = 14;
const COLUMN: usize = 39;
/// Columns of the commands.
const FORM: usize = 29;

const KEYS: [(&str, &str); 16] = [
    ("Enter", "send"),
    ("Alt+Enter", "begin another line"),
    ("Tab", "complete, or next room"),
    ("Ctrl+N, Ctrl+P", "next room, room before"),
    ("Alt+1 to Alt+9", "a room by its number"),
    ("PgUp, PgDn", "what was before"),
    ("Ctrl+Home", "to the beginning"),
    ("Ctrl+End", "to the end, all is read"),
    ("Up, Down", "what you wrote before"),
    ("Ctrl+A, Ctrl+E", "to the start, the end"),
    ("Alt+B, Alt+F", "a word back, forward"),
    ("Ctrl+U, Ctrl+K", "cut to the start, end"),
    ("Ctrl+W, Ctrl+Y", "cut a word, paste it"),
    ("Ctrl+Z", "undo"),
    ("Ctrl+L", "draw the screen anew"),
    ("F1, Ctrl+C", "end the help, the talk"),
];

/// Draws it from this row of its own on; the line below tells when there is more.
pub(super) fn over(buffer: &mut Buffer, area: Rect, below: Option<Rect>, top: usize, look: Look) {
    let rows = rows(area.width, look);
    let height = usize::from(area.height);
    let top = top.min(last(area.width, area.height, look));
    for (i, y) in (area.y..area.bottom()).enumerate() {
        for x in area.x..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
        if let Some(line) = rows.get(top + i) {
            paint::line(buffer, area.x, y, line, area.width);
        }
    }
    if let Some(area) = below.filter(|_| rows.len() > height) {
        let words = if top + height < rows.len() { "more help below: PgDn" } else { "more help above: PgUp" };
        paint::line(buffer, area.x, area.y, &rule(words, area.width, look.new_line()), area.width);
    }
}

/// The last row that it can begin with.
pub(super) fn last(width: u16, height: u16, look: Look) -> usize {
    rows(width, look).len().saturating_sub(height.into())
}

fn rows(width: u16, look: Look) -> Vec<Line<'static>> {
    let key = |(key, does): &(&str, &str)| format!(" {key:<KEY$} {does}");
    let mut texts: Vec<String> = Vec::new();
    if usize::from(width) >= 2 * COLUMN {
        let (left, right) = KEYS.split_at(KEYS.len().div_ceil(2));
        let beside = right.iter().map(key).chain(std::iter::repeat(String::new()));
        texts.extend(left.iter().map(key).zip(beside).map(|(left, right)| format!("{left:<COLUMN$} {right}")));
    } else {
        texts.extend(KEYS.iter().map(key));
    }
    texts.extend(KNOWN.iter().map(|known| format!(" {:<FORM$} {}", known.form, known.does)));
    texts.iter().flat_map(|text| wrapped(text.trim_end(), 4, width, look.new_line())).collect()
}
