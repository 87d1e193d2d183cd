//! A listing as a page. It is complete without its script, which sorts and filters faster and puts the dates in local time.

use super::order::{By, shown, visible};
use super::{Asked, Count, End, Entry, Kind, Place, SORTED, href, time};
use crate::core::mime::{self, Icon};
use crate::core::{page, words};
use maud::{Markup, html};

/// How many rows a part of the table has: a browser lays out only the parts in sight. The script knows this number, too.
const PART: u64 = 100;

/// The page's head, the path and the filter: all that is known before an entry is.
pub(super) fn start(place: &Place, top: &str, asked: &Asked, out: &mut Vec<u8>) {
    let names: Vec<String> = place.0.iter().map(|segment| visible(segment)).collect();
    let order = asked.order_query();
    let title = names.last().map_or(top, String::as_str);
    page::begin(title, out);
    let header = html! {
        header {
            nav aria-label=(words::PATH) {
                ol {
                    @if !names.is_empty() {
                        li { a href={ "./" ("../".repeat(names.len())) (order) } { bdi { (top) } } }
                    }
                    @for (i, name) in names.iter().enumerate().take(names.len().saturating_sub(1)) {
                        li { a href={ "./" ("../".repeat(names.len() - 1 - i)) (order) } { bdi { (name) } } }
                    }
                    li aria-current="page" { h1 { bdi { (title) } } }
                }
            }
            form role="search" action="./" {
                output #shown for="filter" data-words=(words::SHOWN) {}
                @if !order.is_empty() {
                    input type="hidden" name="sort" value=(asked.by.word());
                    input type="hidden" name="order" value=(if asked.descending { "desc" } else { "asc" });
                }
                input #filter type="search" name="filter" value=(asked.filter) placeholder=(words::FILTER)
                    aria-label=(words::FILTER) autocomplete="off" autocapitalize="off" spellcheck="false" maxlength=(super::FILTER);
                button { (words::FILTER) }
            }
        }
    };
    put(header, out);
    out.extend_from_slice(b"<main>");
}

/// The head of the table, once it is known whether it is sorted.
pub(super) fn table(place: &Place, asked: &Asked, sorted: bool, out: &mut Vec<u8>) {
    if !sorted {
        put(html! { p.note { (words::unsorted(SORTED)) } }, out);
    }
    let class = if sorted { "" } else { " class=\"unsorted\"" };
    out.extend_from_slice(format!("<table aria-label=\"{}\"{class}>", words::CONTENTS).as_bytes());
    let direction = if asked.descending { "descending" } else { "ascending" };
    let head = html! {
        thead {
            tr {
                @for by in By::ALL {
                    th scope="col" data-by=(by.word()) aria-sort=[(sorted && by == asked.by).then_some(direction)] {
                        a href={ "./" (asked.column_query(by)) } {
                            (by.title())
                            @if by == By::Time { small #zone { " " (words::ZONE) } }
                        }
                    }
                }
            }
        }
        @if !place.0.is_empty() {
            tbody.up {
                tr {
                    td { a.u href={ "./../" (asked.order_query()) } { (words::UP) } }
                    td {}
                    td {}
                }
            }
        }
    };
    put(head, out);
}

/// One entry, behind those before.
pub(super) fn row(entry: &Entry, before: Count, order: &str, out: &mut Vec<u8>) {
    if before.entries().is_multiple_of(PART) {
        out.extend_from_slice(if before.entries() == 0 { b"<tbody>".as_slice() } else { b"</tbody><tbody>" });
    }
    let folder = entry.kind == Kind::Folder;
    let date = entry.modified.and_then(time::rfc3339);
    let row = html! {
        tr title=[(!folder).then(|| words::exact_size(entry.size))] {
            td { a class=[class(entry)] href={ (href(entry)) @if folder { (order) } } { bdi { (shown(entry)) } } }
            td { @if !folder { data value=(entry.size) { (words::size(entry.size)) } } }
            td { @if let Some(date) = date { time datetime=(date) { (short(&date)) } } }
        }
    };
    put(row, out);
    out.push(b'\n');
}

/// The end of the table, and what there was of so many.
pub(super) fn end(asked: &Asked, end: End, count: Count, offered: u64, out: &mut Vec<u8>) {
    if count.entries() > 0 {
        out.extend_from_slice(b"</tbody>");
    }
    out.extend_from_slice(b"</table>");
    let rest = html! {
        @if count.entries() == 0 && asked.filter.is_empty() && end == End::Whole { p.empty { (words::EMPTY) } }
        p.empty #none hidden[count.entries() > 0 || asked.filter.is_empty()] {
            (words::NONE)
            @if !asked.filter.is_empty() { " " a href={ "./" (asked.order_query()) } { (words::ALL) } }
        }
        @if end == End::Broken { p.note role="alert" { (words::BROKEN) } }
    };
    put(rest, out);
    out.extend_from_slice(b"</main>");
    let footer = html! {
        footer {
            p {
                @if !asked.filter.is_empty() {
                    data #all value=(offered) { (words::some(count.entries(), offered)) }
                    @if count.entries() > 0 { ": " }
                }
                (words::totals(count.folders, count.files, count.bytes))
            }
            p #keys hidden { @for (key, what) in words::KEYS { kbd { (key) } " " (what) } }
        }
    };
    put(footer, out);
    page::end(true, out);
}

fn put(markup: Markup, out: &mut Vec<u8>) {
    out.extend_from_slice(markup.into_string().as_bytes());
}

/// `2026-11-20 21:39` of `2026-11-20T21:39:45Z`.
fn short(date: &str) -> String {
    date.get(..16).unwrap_or(date).replace('T', " ")
}

/// What the style draws an icon by.
fn class(entry: &Entry) -> Option<&'static str> {
    if entry.kind == Kind::Folder {
        return Some("d");
    }
    Some(match mime::icon(&entry.name) {
        Icon::Archive => "z",
        Icon::Audio => "a",
        Icon::Code => "c",
        Icon::Document => "o",
        Icon::File => return None,
        Icon::Image => "i",
        Icon::Text => "t",
        Icon::Video => "v",
    })
}
