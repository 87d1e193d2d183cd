//! Cells that hold a name of another script keep its isolates: what follows such a name is not reordered. And a character
//! that terminals do not agree on costs no more than its own row's redrawing.

use ratatui::buffer::{Buffer, CellDiffOption, CellWidth};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

const OPEN: char = '\u{2068}';
const CLOSE: char = '\u{2069}';

/// Draws a line from a column on, at most so many columns; gives the column behind. What ratatui leaves out as invisible, the
/// isolates, goes into the cell of the character before, as a terminal has it; there is none for a name that begins the line.
pub(super) fn line(buffer: &mut Buffer, x: u16, y: u16, line: &Line<'_>, most: u16) -> u16 {
    let end = buffer.area.right().min(x.saturating_add(most));
    let mut at = x;
    let mut open = false;
    let mut last = None;
    for span in &line.spans {
        let style = line.style.patch(span.style);
        for part in parts(&span.content) {
            match part {
                Part::Open => {
                    open = append(buffer, last, y, OPEN);
                }
                Part::Close => {
                    if std::mem::take(&mut open) {
                        append(buffer, last, y, CLOSE);
                    }
                }
                Part::Text(text) => {
                    for grapheme in Span::raw(text).styled_graphemes(Style::new()) {
                        let wide = grapheme.symbol.cell_width();
                        if wide == 0 || grapheme.symbol.contains(char::is_control) {
                            continue;
                        }
                        if at.saturating_add(wide) > end {
                            if open {
                                append(buffer, last, y, CLOSE);
                            }
                            return at;
                        }
                        if let Some(cell) = buffer.cell_mut((at, y)) {
                            cell.set_symbol(grapheme.symbol).set_style(style);
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

/// The column of the first character of doubtful width in each row of the last picture.
#[derive(Debug, Default)]
pub(super) struct Doubts(Vec<Option<u16>>);

impl Doubts {
    /// What stands behind a character of doubtful width is drawn with every picture: a terminal that gave it more columns than
    /// we did has drawn over it. Where one stood in the last picture its own columns are, too: a terminal may have taken it for
    /// two characters, of which a new one would replace the first alone.
    pub(super) fn secure(&mut self, buffer: &mut Buffer) {
        let area = buffer.area;
        self.0.resize(area.height.into(), None);
        for (y, before) in (area.top()..area.bottom()).zip(&mut self.0) {
            let (mut x, mut now) = (area.left(), None);
            let left = before.unwrap_or(u16::MAX);
            while let Some(cell) = buffer.cell_mut((x, y)).filter(|_| x < u16::MAX) {
                if now.is_some() || x >= left {
                    cell.set_diff_option(CellDiffOption::AlwaysUpdate);
                }
                if now.is_none() && !is_sure(cell.symbol()) {
                    now = Some(x);
                }
                x = x.saturating_add(cell.symbol().cell_width().max(1));
            }
            *before = now;
        }
    }
}

/// Whether every terminal gives it the same columns: the letters of large scripts, one at a time.
fn is_sure(symbol: &str) -> bool {
    let mut chars = symbol.chars().filter(|c| !matches!(*c, OPEN | CLOSE));
    let first = chars.next().unwrap_or(' ');
    let sure = matches!(first, ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}'
        | '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{64a}' | '\u{2010}'..='\u{2027}' | '\u{2500}'..='\u{259f}' | '✓'
        | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}');
    sure && chars.next().is_none()
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

/// Adds a sign to a cell. False: there is none.
fn append(buffer: &mut Buffer, x: Option<u16>, y: u16, sign: char) -> bool {
    let Some(cell) = x.and_then(|x| buffer.cell_mut((x, y))) else { return false };
    let symbol = format!("{}{sign}", cell.symbol());
    cell.set_symbol(&symbol);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;

    #[test]
    fn what_stood_where_a_terminal_may_have_two_characters_is_drawn_over_in_full() {
        let mut doubts = Doubts::default();
        let area = Rect::new(0, 0, 6, 2);
        let mut picture = |flag: bool| {
            let mut buffer = Buffer::empty(area);
            if flag {
                line(&mut buffer, 1, 0, &Line::raw("🇪🇸 a"), 5);
            }
            doubts.secure(&mut buffer);
            buffer
        };
        let (with, without) = (picture(true), picture(false));
        let drawn: Vec<(u16, u16)> = with.diff(&without).iter().map(|(x, y, _)| (*x, *y)).collect();
        assert_eq!(drawn, [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]);
    }
}
