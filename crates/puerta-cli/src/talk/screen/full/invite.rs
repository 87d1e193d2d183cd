//! The answer to `/invite`: the link and its QR code, over the whole screen, until a key is pressed, which is written if it can be.

use super::paint;
use super::rows::{Look, wrapped};
use crate::talk::screen::qr::codes;
use crate::talk::screen::view::Invited;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::Line;

/// Columns that the words want beside the code; with fewer they stand below.
const WORDS: u16 = 26;

/// Draws it. Without room for the code there is the link alone.
pub(super) fn over(buffer: &mut Buffer, area: Rect, invited: &Invited, look: Look) {
    for position in area.positions() {
        if let Some(cell) = buffer.cell_mut(position) {
            cell.reset();
        }
    }
    let found = codes(&invited.link).find_map(|code| fitted(code, area, invited, look));
    let (code, words, rows) = found.unwrap_or_else(|| (Vec::new(), area, text(invited, false, area.width, look)));
    let style = if look.color { Style::new().fg(Color::Black).bg(Color::White) } else { Style::new() };
    for (y, row) in (area.y..area.bottom()).zip(&code) {
        paint::line(buffer, area.x, y, &Line::styled(row.as_str(), style), area.width);
    }
    for (y, row) in (words.y..words.bottom()).zip(&rows) {
        paint::line(buffer, words.x, y, row, words.width);
    }
}

/// The code, where there is room for the words, and they: beside it, or below.
fn fitted(
    code: Vec<String>,
    area: Rect,
    invited: &Invited,
    look: Look,
) -> Option<(Vec<String>, Rect, Vec<Line<'static>>)> {
    let wide = u16::try_from(code.first()?.chars().count()).ok()?;
    let below = area.height.checked_sub(u16::try_from(code.len()).ok()?)?;
    let beside = area.width.checked_sub(wide)?;
    let words = if beside > WORDS {
        Rect { x: area.right() - (beside - 1), width: beside - 1, ..area }
    } else {
        Rect { y: area.bottom() - below, height: below, ..area }
    };
    let rows = text(invited, true, words.width, look);
    (rows.len() <= words.height.into()).then_some((code, words, rows))
}

fn text(invited: &Invited, code: bool, width: u16, look: Look) -> Vec<Line<'static>> {
    let plain = Style::new();
    let whoever =
        if code { "Whoever scans this or has the link can come in:" } else { "Whoever has this link can come in:" };
    let until = look.moment(invited.until);
    let mut rows = wrapped(whoever, 0, width, plain);
    rows.extend(wrapped(&invited.link, 0, width, look.new_line()));
    rows.extend(wrapped(&format!("until {} {}.", until.date(), until.time()), 0, width, plain));
    if !code {
        rows.extend(wrapped("This window is too small for its QR code.", 0, width, look.dim()));
    }
    rows.extend(wrapped("Any key closes this.", 0, width, look.dim()));
    rows
}
