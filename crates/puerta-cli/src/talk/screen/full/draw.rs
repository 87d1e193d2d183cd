//! The parts of the screen and where they are.

use super::prompt::Prompt;
use super::rows::{Look, columns, rule};
use super::scroll::{Scroll, Window, window};
use super::{Over, help, invite, paint};
use crate::talk::screen::view::{History, Key, Member, Place, View};
use crate::talk::screen::{clean, words};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// Below so many columns the members have no place beside the messages.
const MEMBERS_FROM: u16 = 60;
/// Below so many columns the rooms have none.
const ROOMS_FROM: u16 = 40;
/// Below so many rows there are only messages and the input.
const BARS_FROM: u16 = 5;

/// Where the parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    header: Option<Rect>,
    banner: Option<Rect>,
    rooms: Option<Rect>,
    pub(super) messages: Rect,
    members: Option<Rect>,
    pub(super) middle: Rect,
    line: Option<Rect>,
    input: Rect,
}

impl Parts {
    pub(super) fn of(area: Rect, banner: bool, input: u16) -> Self {
        let bars = area.height >= BARS_FROM;
        let input = input.min(if bars { area.height / 3 } else { 1 }).clamp(1.min(area.height), area.height.max(1));
        let row = |y: u16, height: u16| Rect { x: area.x, y, width: area.width, height };
        let header = bars.then(|| row(area.y, 1));
        let banner = (bars && banner).then(|| row(area.y + 1, 1));
        let top = area.y + u16::from(bars) + u16::from(banner.is_some());
        let bottom = area.bottom().saturating_sub(input);
        let line = bars.then(|| row(bottom - 1, 1));
        let middle = row(top, bottom.saturating_sub(top + u16::from(bars)));
        let side = (area.width / 5).clamp(12, 24);
        let rooms = (area.width >= ROOMS_FROM).then_some(Rect { width: side, ..middle });
        let left = rooms.map_or(0, |rooms| rooms.width + 1);
        let members = (area.width >= MEMBERS_FROM).then(|| Rect { x: area.right() - side, width: side, ..middle });
        let right = members.map_or(0, |members| members.width + 1);
        let messages = Rect { x: area.x + left, width: area.width - left - right, ..middle };
        Parts { header, banner, rooms, messages, members, middle, line, input: row(bottom, input.min(area.height)) }
    }
}

/// Draws all of it; gives what is on the screen of the messages.
pub(super) fn all(
    frame: &mut Frame<'_>,
    view: &View,
    prompt: &Prompt,
    scroll: Scroll,
    over: Option<&Over>,
    look: Look,
) -> Window {
    let area = frame.area();
    let banner = view.banner();
    let parts = Parts::of(area, banner.is_some(), prompt.rows(area.width));
    let place = view.current();
    let buffer = frame.buffer_mut();
    if let Some(area) = parts.header {
        header(buffer, area, view, look);
    }
    if let (Some(area), Some(text)) = (parts.banner, banner) {
        let style = look.trouble().add_modifier(Modifier::REVERSED);
        buffer.set_style(area, style);
        // Where both sentences have no room the first stands alone.
        let first = text.split_inclusive(". ").next().filter(|_| columns(&text) >= area.width.into());
        let text = first.unwrap_or(&text);
        paint::line(buffer, area.x, area.y, &Line::styled(format!(" {text}"), style), area.width);
    }
    if let Some(area) = parts.rooms {
        rooms(buffer, area, view, look);
        upright(buffer, area.right(), area, look);
    }
    if let Some(area) = parts.members {
        members(buffer, area, view, look);
        upright(buffer, area.x - 1, area, look);
    }
    let found = messages(buffer, parts.messages, view, place, scroll, look);
    if let Some(area) = parts.line {
        status(buffer, area, view, found.scroll, look);
    }
    match over {
        Some(Over::Help(top)) => help::over(buffer, parts.middle, parts.line, *top, look),
        Some(Over::Invite(invited)) => {
            invite::over(buffer, area, invited, look);
            return found;
        }
        None => {}
    }
    input(frame, parts.input, prompt);
    found
}

fn header(buffer: &mut Buffer, area: Rect, view: &View, look: Look) {
    let base = Style::new().add_modifier(Modifier::REVERSED);
    buffer.set_style(area, base);
    let place = view.current();
    let mut spans =
        vec![Span::styled(format!(" {}", clean::isolated(&place.title)), base.add_modifier(Modifier::BOLD))];
    // What must be seen stands where a narrow window does not cut it.
    if !view.verified {
        let style = base.patch(look.trouble()).add_modifier(Modifier::REVERSED);
        spans.push(Span::styled(format!("  {} {}", words::UNVERIFIED, view.fingerprint), style));
    }
    if place.member_count > 0 {
        spans.push(Span::styled(format!("  {}", words::count(place.member_count, place.online_count)), base));
    }
    if !matches!(place.key, Key::Hub) {
        spans.push(Span::styled(format!("  {}", clean::isolated(&view.hub)), base));
    }
    let hint = "F1 help ";
    let wide: usize = spans.iter().map(|span| columns(&span.content)).sum();
    // The hub's name gives way to where help is: the rooms beside begin with it.
    if wide + 2 + hint.len() > area.width.into() && area.width >= ROOMS_FROM && !matches!(place.key, Key::Hub) {
        spans.pop();
    }
    let end = paint::line(buffer, area.x, area.y, &Line::from(spans), area.width);
    let at = area.right().saturating_sub(hint.len() as u16);
    if end + 2 <= at {
        buffer.set_stringn(at, area.y, hint, hint.len(), base);
    }
}

fn rooms(buffer: &mut Buffer, area: Rect, view: &View, look: Look) {
    let height = usize::from(area.height);
    // The one that is shown stays in sight.
    let first = (view.at + 1).saturating_sub(height);
    for (row, (i, place)) in view.places.iter().enumerate().skip(first).take(height).enumerate() {
        let number = if (1..=9).contains(&i) { format!("{i} ") } else { "  ".to_owned() };
        let mark = match (place.called, place.unread) {
            (_, 0) => String::new(),
            (true, n) => format!(" !{n}"),
            (false, n) => format!(" {n}"),
        };
        let room = usize::from(area.width).saturating_sub(number.len() + mark.len());
        let title = puerta_text::fit(&place.title, room).into_owned();
        let mut style = Style::new();
        if place.unread > 0 {
            style = style.add_modifier(Modifier::BOLD);
        }
        if place.called {
            style = style.patch(look.new_line());
        }
        if i == view.at {
            style = style.add_modifier(Modifier::REVERSED);
        }
        let line = Line::from(vec![
            Span::styled(number, style),
            Span::styled(clean::isolated(&title), style),
            Span::styled(mark, style),
        ]);
        let y = area.y + row as u16;
        if i == view.at {
            buffer.set_style(Rect { y, height: 1, ..area }, style);
        }
        paint::line(buffer, area.x, y, &line, area.width);
    }
}

fn members(buffer: &mut Buffer, area: Rect, view: &View, look: Look) {
    let place = view.current();
    if place.members.is_empty() && place.member_count > 0 {
        let text = [format!(" {} members", place.member_count), format!(" {} here", place.online_count)];
        for (y, text) in (area.y..area.bottom()).zip(text) {
            paint::line(buffer, area.x, y, &Line::styled(text, look.dim()), area.width);
        }
        return;
    }
    let me = view.my_no();
    let mut sorted: Vec<_> = place.members.iter().collect();
    sorted.sort_by_key(|(_, m)| (!m.online, m.name.to_lowercase()));
    let height = usize::from(area.height);
    let cut = if sorted.len() > height { height.saturating_sub(1) } else { sorted.len() };
    for (y, (no, member)) in (area.y..area.bottom()).zip(sorted.iter().take(cut)) {
        let Member { name, online, .. } = member;
        let behind = match (Some(**no) == me, online) {
            (true, _) => " (you)",
            (false, true) => "",
            (false, false) => " (away)",
        };
        let room = usize::from(area.width).saturating_sub(1 + behind.len());
        let shown = clean::isolated(&puerta_text::fit(name, room));
        let style = if *online { look.name(name) } else { look.dim() };
        let line = Line::from(vec![Span::raw(" "), Span::styled(shown, style), Span::styled(behind, look.dim())]);
        paint::line(buffer, area.x, y, &line, area.width);
    }
    if cut < sorted.len() && area.height > 0 {
        let more = Line::styled(format!(" and {} more", sorted.len() - cut), look.dim());
        paint::line(buffer, area.x, area.bottom() - 1, &more, area.width);
    }
}

fn messages(buffer: &mut Buffer, area: Rect, view: &View, place: &Place, scroll: Scroll, look: Look) -> Window {
    let mut found = window(view, place, scroll, area.width, area.height, look);
    let room = usize::from(area.height).saturating_sub(found.rows.len());
    if found.at_top && room > 0 && !matches!(place.key, Key::Hub) {
        let top = match place.history {
            History::Oldest => Some(words::OLDEST),
            History::Trimmed => Some(words::TRIMMED),
            History::Unknown | History::Asked => None,
        };
        if let Some(words) = top {
            found.rows.insert(0, rule(words, area.width, look.dim()));
        }
    }
    // What there is stands above the input, as a conversation grows.
    let empty = usize::from(area.height).saturating_sub(found.rows.len()) as u16;
    for (y, line) in (area.y + empty..area.bottom()).zip(&found.rows) {
        paint::line(buffer, area.x, y, line, area.width);
    }
    found
}

/// The line above the input: what is to be known of other places and of what is below the window.
fn status(buffer: &mut Buffer, area: Rect, view: &View, scroll: Scroll, look: Look) {
    let mut parts = Vec::new();
    if scroll != Scroll::End {
        parts.push("more below: End".to_owned());
    }
    let unread = view.current().unread;
    if scroll == Scroll::End && unread > 0 && view.focus {
        parts.push(format!("{unread} unread above: PgUp, or End to be done with them"));
    }
    let waiting = view.pending();
    if waiting > 0 {
        parts.push(format!("{waiting} pending"));
    }
    if area.width < ROOMS_FROM {
        let unread = view.places.iter().enumerate().filter(|(i, p)| p.unread > 0 && *i != view.at);
        parts.extend(unread.map(|(i, p)| format!("{i} {} {}", clean::isolated(&p.title), p.unread)));
    }
    if parts.is_empty() {
        paint::line(buffer, area.x, area.y, &Line::styled("─".repeat(area.width.into()), look.dim()), area.width);
    } else {
        let words = parts.join(" · ");
        let rest = usize::from(area.width).saturating_sub(columns(&words) + 4);
        let line = Line::styled(format!("── {words} {}", "─".repeat(rest)), look.new_line());
        paint::line(buffer, area.x, area.y, &line, area.width);
    }
}

fn upright(buffer: &mut Buffer, x: u16, area: Rect, look: Look) {
    for y in area.y..area.bottom() {
        if let Some(cell) = buffer.cell_mut((x, y)) {
            cell.set_symbol("│").set_style(look.dim());
        }
    }
}

fn input(frame: &mut Frame<'_>, area: Rect, prompt: &Prompt) {
    if area.width < 3 || area.height == 0 {
        return;
    }
    frame.buffer_mut().set_string(area.x, area.y, "> ", Style::new().add_modifier(Modifier::BOLD));
    let inner = Rect { x: area.x + 2, width: area.width - 2, ..area };
    prompt.area().render(inner, frame.buffer_mut());
    let (cursor, (top, left)) = (prompt.area().screen_cursor(), prompt.area().scroll_offset());
    let x = inner.x + (prompt.column() as u16).saturating_sub(left).min(inner.width - 1);
    let y = inner.y + (cursor.row as u16).saturating_sub(top).min(inner.height - 1);
    frame.set_cursor_position(Position { x, y });
}
