//! Which rows of a place are on the screen.

use super::rows::{Look, entry};
use crate::talk::screen::view::{Place, View, What};
use ratatui::text::Line;

/// Where the window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scroll {
    /// At the end, and goes on with it.
    End,
    /// The item at the bottom, and how many of its rows are below the window.
    Bottom(i64, usize),
    /// The item at the top.
    Top(i64),
}

/// What is to be drawn.
pub(super) struct Window {
    /// From the top.
    pub(super) rows: Vec<Line<'static>>,
    /// The first and the last message that are wholly there.
    pub(super) shown: Option<(i64, i64)>,
    /// Whether the first row of all is there.
    pub(super) at_top: bool,
    /// Where the window is now: where there was too little to fill it, it has moved.
    pub(super) scroll: Scroll,
}

/// Finds the rows for a window.
pub(super) fn window(view: &View, place: &Place, scroll: Scroll, width: u16, height: u16, look: Look) -> Window {
    let all = place.items.len() + place.pending.len();
    let height = usize::from(height);
    let rows = |i: usize| entry(view, place, i, width, look);
    match scroll {
        Scroll::Top(id) => {
            let first = index(place, id).unwrap_or(0);
            let mut filled = 0;
            for i in first..all {
                let here = rows(i).len();
                if filled + here >= height {
                    let hidden = filled + here - height;
                    let at = place.items.get(i).map(|item| Scroll::Bottom(item.id, hidden));
                    // Pending messages are at the end anyway.
                    return upwards(place, i, hidden, height, at.unwrap_or(Scroll::End), rows);
                }
                filled += here;
            }
            upwards(place, all.saturating_sub(1), 0, height, Scroll::End, rows)
        }
        Scroll::Bottom(id, hidden) => {
            let Some(i) = index(place, id) else { return window(view, place, Scroll::End, width, height as u16, look) };
            // A window that has become wider may have fewer rows of the item.
            let hidden = hidden.min(rows(i).len().saturating_sub(1));
            let found = upwards(place, i, hidden, height, Scroll::Bottom(id, hidden), rows);
            match place.items.front() {
                Some(first) if found.rows.len() < height => {
                    window(view, place, Scroll::Top(first.id), width, height as u16, look)
                }
                _ => found,
            }
        }
        Scroll::End => upwards(place, all.saturating_sub(1), 0, height, Scroll::End, rows),
    }
}

/// Moves the window by rows: upwards by a negative number.
pub(super) fn moved(view: &View, scroll: Scroll, by: isize, size: (u16, u16), look: Look) -> Scroll {
    let place = view.current();
    let all = place.items.len() + place.pending.len();
    let rows = |i: usize| entry(view, place, i, size.0, look).len();
    let scroll = window(view, place, scroll, size.0, size.1, look).scroll;
    let (mut i, hidden) = match scroll {
        Scroll::Bottom(id, hidden) => (index(place, id).unwrap_or(0), hidden),
        _ => (all.saturating_sub(1), 0),
    };
    let mut hidden = hidden as isize - by;
    while hidden < 0 {
        if i + 1 >= all {
            return Scroll::End;
        }
        i += 1;
        hidden += rows(i) as isize;
    }
    while i > 0 && hidden >= rows(i) as isize {
        hidden -= rows(i) as isize;
        i -= 1;
    }
    let hidden = hidden.min(rows(i) as isize - 1).max(0) as usize;
    match place.items.get(i) {
        Some(item) if i + 1 < all || hidden > 0 => Scroll::Bottom(item.id, hidden),
        _ => Scroll::End,
    }
}

/// Fills a window from its bottom.
fn upwards(
    place: &Place,
    last: usize,
    hidden: usize,
    height: usize,
    scroll: Scroll,
    rows: impl Fn(usize) -> Vec<Line<'static>>,
) -> Window {
    let mut found: Vec<Line<'static>> = Vec::new();
    let (mut top, mut bottom, mut at_top) = (None, None, false);
    for i in (0..=last).rev() {
        let mut here = rows(i);
        let below = if i == last { hidden } else { 0 };
        let visible = here.len().saturating_sub(below);
        here.truncate(visible);
        let room = height - found.len();
        if let Some(item) = place.items.get(i)
            && matches!(item.what, What::Message(_))
            // A message that fills the screen alone is seen at its end.
            && below == 0
            && (visible <= room || found.is_empty())
        {
            bottom = bottom.or(Some(item.id));
            top = Some(item.id);
        }
        if visible > room {
            here.drain(..visible - room);
        }
        found.extend(here.into_iter().rev());
        at_top = i == 0 && visible <= room;
        if found.len() >= height {
            break;
        }
    }
    found.reverse();
    Window { rows: found, shown: top.zip(bottom), at_top, scroll }
}

fn index(place: &Place, id: i64) -> Option<usize> {
    let i = place.items.partition_point(|item| item.id < id);
    place.items.get(i).filter(|item| item.id == id).map(|_| i)
}
