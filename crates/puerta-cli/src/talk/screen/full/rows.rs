//! A message, a note or a line between them as rows of a given width.

use crate::talk::screen::clean;
use crate::talk::screen::clock::Moment;
use crate::talk::screen::view::{Message, Note, Pending, Place, View, What};
use crate::talk::screen::words;
use puerta_talk::room::record::Kind;
use ratatui::buffer::CellWidth;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// Below this many columns messages have no time in front.
const WITH_TIME: u16 = 30;
/// The colours of names: those of 16 that can be read on light and on dark.
const COLORS: [Color; 10] = [
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::LightRed,
    Color::LightGreen,
    Color::LightBlue,
    Color::LightMagenta,
];
/// Names that a receipt lists; the others are counted.
const LISTED: usize = 5;

/// How things look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// No colours where `NO_COLOR` is set.
    pub(super) color: bool,
    /// Seconds east of Greenwich at a time in milliseconds since 1970.
    pub(super) offset: fn(i64) -> i64,
}

impl Look {
    /// The colour of a name: the same today and tomorrow.
    pub(super) fn name(self, name: &str) -> Style {
        // FNV-1a, 32 bits.
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193));
        let style = Style::new().add_modifier(Modifier::BOLD);
        match COLORS.get(hash as usize % COLORS.len()) {
            Some(color) if self.color => style.fg(*color),
            _ => style,
        }
    }

    pub(super) fn dim(self) -> Style {
        if self.color { Style::new().fg(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    pub(super) fn trouble(self) -> Style {
        if self.color { Style::new().fg(Color::Red) } else { Style::new().add_modifier(Modifier::BOLD) }
    }

    pub(super) fn new_line(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.color { style.fg(Color::Yellow) } else { style }
    }

    pub(super) fn moment(self, at: i64) -> Moment {
        Moment::of(at, (self.offset)(at))
    }
}

/// The rows of the `i`th entry of a place: its items, then what is pending.
pub(super) fn entry(view: &View, place: &Place, i: usize, width: u16, look: Look) -> Vec<Line<'static>> {
    let Some(item) = place.items.get(i) else {
        let pending = place.pending.get(i - place.items.len());
        return pending.map(|p| waiting(view, p, width, look)).unwrap_or_default();
    };
    match &item.what {
        What::Note(text) => note(text, width, look),
        What::Message(m) => {
            let mut rows = between(place, i, m, width, look);
            rows.extend(message(view, place, i, m, width, look));
            rows
        }
    }
}

/// What stands above a message: the day, where another begins, and the line of what is new.
fn between(place: &Place, i: usize, m: &Message, width: u16, look: Look) -> Vec<Line<'static>> {
    let before = place.items.iter().take(i).rev().find_map(|item| match &item.what {
        What::Message(before) if item.id > place.moved => Some(before),
        _ => None,
    });
    let mut rows = Vec::new();
    let day = look.moment(m.at).date();
    if before.is_none_or(|b| look.moment(b.at).date() != day) {
        rows.push(rule(&day, width, look.dim()));
    }
    if place.new_since.is_some_and(|since| m.seq > since && before.is_none_or(|b| b.seq <= since)) {
        rows.push(rule(words::NEW, width, look.new_line()));
    }
    rows
}

/// A line across with words in it.
pub(super) fn rule(words: &str, width: u16, style: Style) -> Line<'static> {
    let words = puerta_text::fit(words, usize::from(width).saturating_sub(4)).into_owned();
    let rest = usize::from(width).saturating_sub(puerta_text::width(&words) + 4);
    Line::styled(format!("── {words} {}", "─".repeat(rest)), style)
}

fn message(view: &View, place: &Place, i: usize, m: &Message, width: u16, look: Look) -> Vec<Line<'static>> {
    let time = look.moment(m.at).time();
    let ours = place.items.get(i).is_some_and(|item| item.id > place.moved);
    let receipt = if m.own && ours { receipt(view, place, i, m) } else { String::new() };
    let body = if m.calls && !place.is_private() { look.new_line() } else { Style::new() };
    said(&time, &m.name, m.kind, &m.text, &receipt, body, width, look)
}

fn waiting(view: &View, pending: &Pending, width: u16, look: Look) -> Vec<Line<'static>> {
    let state = if pending.stored { "(stored)" } else { "(pending)" };
    said("…", &view.my_name(), pending.kind, &pending.text, state, look.dim(), width, look)
}

/// Stored, or seen by whom.
fn receipt(view: &View, place: &Place, i: usize, m: &Message) -> String {
    let mut after = place.items.iter().skip(i + 1);
    let next = after.find_map(|item| match &item.what {
        What::Message(next) if next.own => Some(next.seq),
        _ => None,
    });
    let names = place.seen_here(m.seq, next, view.my_no());
    if let Some((through, members)) = place.seen_by
        && next.is_none()
        && through >= m.seq
        && members > 0
    {
        return format!("✓ seen by {members}");
    }
    if names.is_empty() {
        return "✓".to_owned();
    }
    let listed: Vec<String> = names.iter().take(LISTED).map(|name| clean::isolated(name)).collect();
    let more = if names.len() > LISTED { format!(" and {} more", names.len() - LISTED) } else { String::new() };
    format!("✓ seen by {}{more}", listed.join(", "))
}

#[expect(clippy::too_many_arguments, reason = "the parts of a line, in their order")]
fn said(
    time: &str,
    name: &str,
    kind: Kind,
    text: &str,
    state: &str,
    body: Style,
    width: u16,
    look: Look,
) -> Vec<Line<'static>> {
    let mut head = Vec::new();
    let mut indent = 2;
    if width >= WITH_TIME {
        head.push(Span::styled(format!("{time:>5} "), look.dim()));
        indent = 6;
    }
    // A name never takes more than half of the width.
    let shown = puerta_text::fit(name, usize::from(width / 2)).into_owned();
    if kind == Kind::Action {
        head.push(Span::styled("* ", body));
    }
    head.push(Span::styled(clean::isolated(&shown), look.name(name)));
    head.push(Span::styled(if kind == Kind::Action { " " } else { ": " }, body));
    let used: usize = head.iter().map(|span| columns(&span.content)).sum();
    let mut wrap = Wrap { width: width.into(), indent, rows: Vec::new(), row: head, used };
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            wrap.next_row();
        }
        wrap.text(line, body);
    }
    if !state.is_empty() {
        wrap.text(&format!("  {state}"), look.dim());
    }
    wrap.finish()
}

fn note(note: &Note, width: u16, look: Look) -> Vec<Line<'static>> {
    let style = if note.trouble { look.trouble() } else { look.dim() };
    wrapped(&format!("{} {}", if note.trouble { "!" } else { "-" }, note.text), 2, width, style)
}

/// A text as rows of a width; those below the first are indented.
pub(super) fn wrapped(text: &str, indent: usize, width: u16, style: Style) -> Vec<Line<'static>> {
    let mut wrap = Wrap { width: width.into(), indent, rows: Vec::new(), row: Vec::new(), used: 0 };
    wrap.text(text, style);
    wrap.finish()
}

/// Fills rows with text, at words where it can; what follows the first row is indented.
struct Wrap {
    width: usize,
    indent: usize,
    rows: Vec<Line<'static>>,
    row: Vec<Span<'static>>,
    used: usize,
}

impl Wrap {
    fn text(&mut self, text: &str, style: Style) {
        for word in words_of(text) {
            let wide = columns(word);
            if self.used + wide <= self.width {
                self.add(word, wide, style);
                continue;
            }
            let ink = word.trim_start();
            let wide = columns(ink);
            if self.used > self.start() && self.start() + wide <= self.width {
                self.next_row();
                self.add(ink, wide, style);
                continue;
            }
            // Longer than a row: it is cut between characters.
            let whole = Span::raw(word.to_owned());
            let mut part = String::new();
            let mut room = self.width.saturating_sub(self.used);
            for grapheme in whole.styled_graphemes(Style::new()) {
                let wide = columns(grapheme.symbol);
                if wide > room {
                    let taken = columns(&part);
                    self.add(&std::mem::take(&mut part), taken, style);
                    self.next_row();
                    room = self.width.saturating_sub(self.used);
                    // A space at the break, or a character wider than the screen, is left out.
                    if grapheme.symbol == " " || wide > room {
                        continue;
                    }
                }
                part.push_str(grapheme.symbol);
                room -= wide;
            }
            let taken = columns(&part);
            self.add(&part, taken, style);
        }
    }

    fn add(&mut self, text: &str, wide: usize, style: Style) {
        if text.is_empty() {
            return;
        }
        self.used += wide;
        match self.row.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(text),
            _ => self.row.push(Span::styled(text.to_owned(), style)),
        }
    }

    fn start(&self) -> usize {
        if self.indent + 4 <= self.width { self.indent } else { 0 }
    }

    fn next_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        self.rows.push(Line::from(row));
        self.used = self.start();
        if self.used > 0 {
            self.row.push(Span::raw(" ".repeat(self.used)));
        }
    }

    fn finish(mut self) -> Vec<Line<'static>> {
        self.rows.push(Line::from(self.row));
        self.rows
    }
}

/// Each word with the spaces before it.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let ink = rest.find(|c| c != ' ')?;
        let end = rest.get(ink..).and_then(|r| r.find(' ')).map_or(rest.len(), |end| ink + end);
        let (word, behind) = rest.split_at(end);
        rest = behind;
        Some(word)
    })
}

/// Columns as they are drawn.
pub(super) fn columns(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let span = Span::raw(text);
    span.styled_graphemes(Style::new()).map(|g| usize::from(g.symbol.cell_width())).sum()
}
