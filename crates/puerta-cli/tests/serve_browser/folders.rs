//! Folders, as a person browses them.

use crate::chromium::Chromium;
use crate::page::Page;
use crate::served::{Served, Site, WAYS};

/// The names in the list, in its order, of the rows that are seen.
const NAMES: &str = "[...document.querySelectorAll('tbody:not(.up) tr')].filter(r => r.offsetParent).map(r => r.querySelector('a').textContent).join(' ')";

/// Which column is sorted, and how.
const SORTED: &str =
    "[...document.querySelectorAll('th')].filter(h => h.ariaSort).map(h => h.dataset.by + ' ' + h.ariaSort).join()";

/// How many are shown, where that can be read while one types: it is in the window, on a line with the field.
const SHOWN: &str = "(() => { const shown = document.querySelector('#shown'), [a, b] = [shown, document.querySelector('#filter')].map(e => e.getBoundingClientRect());
    return a.width && a.top >= b.top && a.bottom <= b.bottom && a.bottom < innerHeight && a.right <= b.left ? shown.textContent : 'unseen'; })()";

const PATH: &str = "decodeURIComponent(location.pathname)";

const FOCUS: &str = "document.activeElement.textContent";

fn fill(site: &Site) {
    site.dated("b.txt", "22", 3).dated("a.txt", "333", 2).dated("ñandú & <b>.md", "1", 4).dated("10.txt", "", 1);
    site.dated("music/live/one.flac", "1", 1).dated("music/two.flac", "22", 2).dated("Zoo/x", "", 1);
}

/// Does the same plain and over TLS; then the browser and the server have nothing to complain about.
fn each_way(test: impl Fn(&Page<'_>, &Served)) {
    let browser = Chromium::start();
    for over in WAYS {
        let served = Served::start(over, fill);
        let page = browser.page();
        test(&page, &served);
        page.is_content();
        served.stop();
    }
}

fn names(page: &Page<'_>) -> String {
    page.text(NAMES)
}

#[test]
fn a_folder_is_browsed_by_click_breadcrumb_and_the_way_up() {
    each_way(|page, served| {
        page.go(&served.url);
        assert_eq!(
            page.text("document.title + ' ' + document.querySelector('footer p').textContent"),
            "Home 2 folders, 4 files, 6 B"
        );
        assert_eq!(names(page), "music/ Zoo/ 10.txt a.txt b.txt ñandú & <b>.md");
        page.leads(|page| page.click("a[href^='./music/']"));
        assert_eq!((page.text(PATH), names(page)), ("/music/".into(), "live/ two.flac".into()));
        // All of a row leads there, its date too.
        page.leads(|page| page.click("tbody:not(.up) time"));
        assert_eq!((page.text(PATH), names(page)), ("/music/live/".into(), "one.flac".into()));
        assert_eq!(page.text("document.querySelector('nav').innerText.replace(/\\s+/g, ' ')"), "Home music live");
        page.leads(|page| page.click("nav li:nth-child(2) a"));
        assert_eq!(page.text(PATH), "/music/");
        page.leads(|page| page.click("a.u"));
        assert_eq!((page.text(PATH), page.run("matchMedia('(hover: hover)').matches")), ("/".into(), true.into()));
        page.run("history.back()");
        page.until("location.pathname == '/music/'");
        page.go(&served.at("music"));
        assert_eq!(page.text(PATH), "/music/", "a folder's address ends with a slash");
        page.go(&served.at("music//live/"));
        assert_eq!(page.text(PATH), "/music/live/", "and has no empty names, which breadcrumbs would count");
    });
}

#[test]
fn each_column_sorts_both_ways_and_folders_below_keep_the_order() {
    each_way(|page, served| {
        page.go(&served.url);
        for (column, order, expected) in [
            ("name", "descending", "Zoo/ music/ ñandú & <b>.md b.txt a.txt 10.txt"),
            ("name", "ascending", "music/ Zoo/ 10.txt a.txt b.txt ñandú & <b>.md"),
            ("size", "descending", "music/ Zoo/ a.txt b.txt ñandú & <b>.md 10.txt"),
            ("size", "ascending", "music/ Zoo/ 10.txt ñandú & <b>.md b.txt a.txt"),
        ] {
            page.click(&format!("th[data-by={column}] a"));
            assert_eq!(page.text(SORTED), format!("{column} {order}"));
            assert_eq!(names(page), expected, "{column} {order}");
        }
        for (order, expected) in
            [("descending", "ñandú & <b>.md b.txt a.txt 10.txt"), ("ascending", "10.txt a.txt b.txt ñandú & <b>.md")]
        {
            page.click("th[data-by=time] a");
            assert_eq!(page.text(SORTED), format!("time {order}"));
            assert!(names(page).ends_with(expected), "{order}: {}", names(page));
        }
        page.leads(|page| page.click("a[href^='./music/']"));
        assert_eq!(page.text("location.search"), "?sort=time&order=asc");
        assert_eq!(page.text(SORTED), "time ascending");
    });
}

#[test]
fn names_with_marks_and_numbers_have_the_same_place_with_scripts_and_without() {
    const NAMES_THERE: [&str; 9] =
        ["ñandú", "Nora", "oso", "éclair", "e\u{301}toile", "Elena", "file10", "file9", "Über"];
    let browser = Chromium::start();
    for over in WAYS {
        let served = Served::start(over, |site| {
            NAMES_THERE.iter().for_each(|name| {
                site.file(name, "");
            });
        });
        let page = browser.page();
        page.go(&served.url);
        let by_server = names(&page);
        assert_eq!(by_server, "éclair Elena e\u{301}toile file9 file10 ñandú Nora oso Über");
        page.click("th[data-by=name] a");
        page.click("th[data-by=name] a");
        assert_eq!((page.text(SORTED), names(&page)), ("name ascending".into(), by_server));
        page.is_content();
        served.stop();
    }
}

#[test]
fn what_is_typed_filters_and_what_is_taken_back_shows_all() {
    each_way(|page, served| {
        page.go(&served.url);
        let lefts = "['form', '#filter'].map(of => document.querySelector(of).getBoundingClientRect().left).join()";
        let (form, field) = page.text(lefts).split_once(',').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(form, field, "there is no room for a number that is not there");
        page.press("/");
        page.write("TXT");
        assert_eq!(names(page), "10.txt a.txt b.txt");
        assert_eq!(page.text(SHOWN), "3 of 6");
        page.write("x");
        assert_eq!(names(page), "");
        assert_eq!(page.run("document.querySelector('#none').hidden"), false);
        page.press("Backspace");
        page.press("Escape");
        assert_eq!(names(page).split('/').count(), 3, "both folders are back");
        page.write("Ñ");
        assert_eq!(names(page), "ñandú & <b>.md");
        // The server filtered this one, and is asked again for what it left out.
        page.go(&served.at("?filter=txt"));
        assert_eq!((names(page), page.text(SHOWN)), ("10.txt a.txt b.txt".into(), "3 of 6".into()));
        page.click("#filter");
        page.leads(|page| page.press("Backspace"));
        assert_eq!(page.text("location.search"), "?filter=tx");
        page.write("t");
        page.press("Escape");
        page.until("location.search == '?filter='");
        assert_eq!(names(page), "music/ Zoo/ 10.txt a.txt b.txt ñandú & <b>.md");
    });
}

#[test]
fn the_filter_takes_for_the_same_what_the_server_does() {
    const CAFES: [&str; 5] = ["café.txt", "cafe\u{301} 2.txt", "CAFÉ 3.txt", "cafe.txt", "tea.txt"];
    let browser = Chromium::start();
    let served = Served::start(WAYS[0], |site| {
        CAFES.iter().for_each(|name| {
            site.file(name, "");
        });
    });
    let page = browser.page();
    for (filter, query, count) in
        [("café", "caf%C3%A9", 3), ("cafe\u{301}", "cafe%CC%81", 3), ("CAFÉ", "CAF%C3%89", 3), ("cafe", "cafe", 1)]
    {
        page.scripts(false);
        page.go(&served.at(&format!("?filter={query}")));
        let by_server = names(&page);
        assert!(page.text("document.querySelector('footer p').textContent").starts_with(&format!("{count} of 5: ")));
        page.scripts(true);
        page.go(&served.url);
        page.run(&format!("const field = document.querySelector('#filter'); field.value = '{filter}'; field.dispatchEvent(new Event('input'))"));
        assert_eq!((names(&page), page.text(SHOWN)), (by_server, format!("{count} of 5")), "{filter}");
    }
    page.is_content();
    served.stop();
}

#[test]
fn icons_are_seen_in_the_colours_that_a_viewer_forces_upon_pages() {
    let browser = Chromium::start();
    let served = Served::start(WAYS[0], fill);
    let page = browser.page();
    let forced = serde_json::json!({"features": [{"name": "forced-colors", "value": "active"}]});
    page.command("Emulation.setEmulatedMedia", forced);
    page.go(&served.at("music/"));
    for row in ["a.u", "a.d", "a.a"] {
        let style = |of: &str, pseudo: &str, property: &str| {
            page.text(&format!("getComputedStyle(document.querySelector('{of}'), '{pseudo}').{property}"))
        };
        assert_eq!(style(row, "::before", "forcedColorAdjust"), "none", "{row}");
        assert_eq!(style(row, "::before", "backgroundColor"), style("body", "", "color"), "{row}");
    }
    page.is_content();
    served.stop();
}

#[test]
fn keys_move_open_and_go_up() {
    each_way(|page, served| {
        page.go(&served.url);
        page.press("ArrowDown");
        assert_eq!(page.text(FOCUS), "music/");
        page.press("ArrowDown");
        page.press("ArrowUp");
        page.leads(|page| page.press("Enter"));
        assert_eq!(page.text(PATH), "/music/");
        page.press("ArrowDown");
        page.press("ArrowDown");
        assert_eq!(page.text(FOCUS), "two.flac");
        page.leads(|page| page.press("Backspace"));
        assert_eq!(page.text(PATH), "/");
        page.press("/");
        page.write("zoo");
        page.leads(|page| page.press("Enter"));
        assert_eq!((page.text(PATH), names(page)), ("/Zoo/".into(), "x".into()));
    });
}

#[test]
fn all_of_it_is_there_without_scripts() {
    each_way(|page, served| {
        page.scripts(false);
        page.go(&served.url);
        assert_eq!(names(page), "music/ Zoo/ 10.txt a.txt b.txt ñandú & <b>.md");
        assert_eq!(page.run("document.querySelector('form button').hidden"), false, "no script ran");
        page.leads(|page| page.click("th[data-by=size] a"));
        assert_eq!(page.text(SORTED), "size descending");
        assert_eq!(names(page), "music/ Zoo/ a.txt b.txt ñandú & <b>.md 10.txt");
        page.leads(|page| page.click("th[data-by=size] a"));
        assert_eq!(page.text(SORTED), "size ascending");
        page.click("#filter");
        page.write("txt");
        page.leads(|page| page.press("Enter"));
        assert_eq!(names(page), "10.txt b.txt a.txt");
        page.click("#filter");
        page.write("!");
        page.leads(|page| page.press("Enter"));
        assert_eq!(names(page), "");
        page.leads(|page| page.click("#none a"));
        page.leads(|page| page.click("a[href^='./music/']"));
        assert_eq!(page.text("location.pathname + location.search"), "/music/?sort=size&order=asc");
        page.leads(|page| page.click("nav a"));
        assert_eq!(page.text("location.pathname + location.search"), "/?sort=size&order=asc");
        page.scripts(true);
    });
}
