//! Cells that hold a name of another script keep their isolates: what follows such a name is not reordered.

use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

const OPEN: char = '\u{2068}';
const CLOSE: char = '\u{2069}';

/// Draws a line from a column on, at most so many columns; gives the column behind. What ratatui leaves out as invisible, the
/// isolates, goes into the cells of the characters beside it.
pub(super) fn line(buffer: &mut Buffer, x: u16, y: u16, line: &Line<'_>, most: u16) -> u16 {
    let end = buffer.area.right().min(x.saturating_add(most));
    let mut at = x;
    let mut open = false;
    let mut last = None;
    for span in &line.spans {
        let style = line.style.patch(span.style);
        for part in parts(&span.content) {
            match part {
                Part::Open => open = true,
                Part::Close => {
                    if let Some(cell) = last.and_then(|x| buffer.cell_mut((x, y))) {
                        append(cell, CLOSE);
                    }
                    open = false;
                }
                Part::Text(text) => {
                    for grapheme in Span::raw(text).styled_graphemes(Style::new()) {
                        let wide = grapheme.symbol.cell_width();
                        if wide == 0 || grapheme.symbol.contains(char::is_control) {
                            continue;
                        }
                        if at.saturating_add(wide) > end {
                            close_cut(buffer, text_is_isolated(&span.content), last, y);
                            return at;
                        }
                        if let Some(cell) = buffer.cell_mut((at, y)) {
                            if std::mem::take(&mut open) {
                                cell.set_symbol(&format!("{OPEN}{}", grapheme.symbol));
                            } else {
                                cell.set_symbol(grapheme.symbol);
                            }
                            cell.set_style(style);
                        }
                        last = Some(at);
                        for behind in at + 1..at + wide {
                            if let Some(cell) = buffer.cell_mut((behind, y)) {
                                cell.reset();
                                cell.set_style(style);
                            }
                        }
                        at += wide;
                    }
                }
            }
        }
    }
    at
}

enum Part<'a> {
    Open,
    Close,
    Text(&'a str),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let pieces = text.split_inclusive([OPEN, CLOSE]);
    pieces.flat_map(|piece| {
        let sign = piece.chars().next_back().filter(|c| matches!(*c, OPEN | CLOSE));
        let ink = piece.trim_end_matches([OPEN, CLOSE]);
        let sign = sign.map(|sign| if sign == OPEN { Part::Open } else { Part::Close });
        std::iter::once(Part::Text(ink)).chain(sign)
    })
}

fn text_is_isolated(text: &str) -> bool {
    text.contains(OPEN)
}

/// What was cut off had the end of the isolate in it.
fn close_cut(buffer: &mut Buffer, isolated: bool, last: Option<u16>, y: u16) {
    let Some(x) = last.filter(|_| isolated) else { return };
    let row: String = (0..=x).filter_map(|x| buffer.cell((x, y))).map(Cell::symbol).collect();
    let (opened, closed) = (row.matches(OPEN).count(), row.matches(CLOSE).count());
    if opened > closed
        && let Some(cell) = buffer.cell_mut((x, y))
    {
        append(cell, CLOSE);
    }
}

fn append(cell: &mut Cell, sign: char) {
    let symbol = format!("{}{sign}", cell.symbol());
    cell.set_symbol(&symbol);
}
