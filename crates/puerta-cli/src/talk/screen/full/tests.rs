#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod writing;

use super::*;
use crate::talk::screen::script::*;
use puerta_talk::room::ids::{MemberNo, RoomNo};
use ratatui::backend::TestBackend;
use ratatui::buffer::CellWidth;
use std::sync::Mutex;

/// A screen of so many columns and rows, without colours, in Greenwich.
struct Shown {
    full: Full<TestBackend>,
    rung: Arc<Mutex<String>>,
    now: Instant,
}

impl Shown {
    fn new(facts: Facts, columns: u16, rows: u16) -> Self {
        let (bell, rung) = paper();
        let terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let look = Look { color: false, offset: |_| 0 };
        let keyboard = Keyboard(Arc::new(AtomicBool::new(false)));
        let full = Full::new(facts, terminal, look, Notifier::Osc9, bell, keyboard);
        Shown { full, rung, now: Instant::now() }
    }

    fn with(columns: u16, rows: u16, events: impl IntoIterator<Item = Event>) -> Self {
        let mut shown = Shown::new(facts(), columns, rows);
        shown.events(arrival().into_iter().chain(events));
        shown
    }

    fn events(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.full.event(event, self.now);
        }
    }

    fn keys(&mut self, keys: &str) {
        for c in keys.chars() {
            self.key(if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) }, KeyModifiers::NONE);
        }
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.full.typed(Typed::Terminal(Key::Key(KeyEvent::new(code, modifiers))), self.now);
    }

    /// Its rows, without the spaces at their ends.
    fn rows(&mut self) -> Vec<String> {
        self.now += FRAME;
        self.full.show(self.now).unwrap();
        // What the picture itself has changed (unread marks) shows in the next.
        self.full.changed = true;
        self.now += FRAME;
        self.full.show(self.now).unwrap();
        self.drawn()
    }

    /// The last picture.
    fn drawn(&self) -> Vec<String> {
        let buffer = self.full.terminal.backend().buffer();
        let row = |y: u16| {
            let (mut text, mut x) = (String::new(), 0);
            while x < buffer.area.width {
                let cell = buffer.cell((x, y)).unwrap();
                text.push_str(cell.symbol());
                x += cell.symbol().cell_width().max(1);
            }
            text.trim_end().to_owned()
        };
        (0..buffer.area.height).map(row).collect()
    }

    /// Compares with the picture of this name. `PUERTA_PICTURES=write` makes it anew, to be looked at before it is kept.
    #[track_caller]
    fn is(&mut self, name: &str) {
        let shown = self.rows().join("\n") + "\n";
        let path = format!("{}/src/talk/screen/full/pictures/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        if std::env::var("PUERTA_PICTURES").is_ok_and(|v| v == "write") {
            std::fs::write(&path, &shown).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(kept == shown, "not as in {path}:\n{shown}");
    }
}

fn busy() -> Vec<Event> {
    vec![
        room(BUILD, "build", &[ANA, BOB], 0),
        inbox(0),
        message(MAIN, 1, BOB, "hola, does anybody hear me?"),
        own(MAIN, 2, "loud and clear"),
        Event::Seen { room: MAIN, who: MemberNo(BOB), through: 2 },
        Event::Presence { room: MAIN, who: person(EVE), online: false },
        message(BUILD, 1, BOB, "ana: it is red again"),
        private(1, BOB, ANA, "lunch?"),
        pending(3, "main", "and this is on its way to all of you, in so many words that it takes two rows"),
    ]
}

#[test]
fn a_room_with_rooms_members_messages_and_receipts() {
    Shown::with(80, 14, busy()).is("room");
}

#[test]
fn side_panes_vanish_where_there_is_no_place_for_them() {
    Shown::with(59, 12, busy()).is("without-members");
    Shown::with(39, 12, busy()).is("without-rooms");
    Shown::with(24, 6, busy()).is("small");
    Shown::with(10, 4, busy()).is("tiny");
    for (columns, rows) in [(1, 1), (2, 3), (3, 1), (500, 2), (5, 50)] {
        Shown::with(columns, rows, busy()).rows();
    }
}

#[test]
fn the_hub_is_away_and_the_log_takes_nothing() {
    let mut shown = Shown::with(60, 8, [pending(1, "main", "hola")]);
    shown.events([Event::Offline]);
    shown.is("offline");
    shown.events([online(), Event::ReadOnly("disk full".to_owned())]);
    shown.is("read-only");
}

#[test]
fn a_hub_that_was_not_compared_is_marked() {
    let mut shown = Shown::new(Facts { verified: false, ..facts() }, 80, 6);
    shown.is("connecting");
    shown.events(arrival());
    shown.is("unverified");
}

#[test]
fn a_narrow_window_still_says_unverified_and_offline_in_whole_words() {
    let mut shown = Shown::new(Facts { verified: false, ..facts() }, 30, 8);
    shown.events(arrival().into_iter().chain([Event::Offline]));
    let rows = shown.rows();
    assert_eq!(rows[0], " #main  unverified 4F3A 91C0", "{rows:?}");
    assert_eq!(rows[1], " Offline, trying again.");
}

#[test]
fn where_help_is_stands_there_also_while_a_hub_is_unverified() {
    let facts = Facts { verified: false, fingerprint: "FCQW-M9XR-HMKM-NM3A-50HZ".to_owned(), ..facts() };
    let mut shown = Shown::new(facts, 76, 8);
    shown.events(arrival());
    let row = shown.rows()[0].clone();
    assert!(row.contains("unverified FCQW-M9XR-HMKM-NM3A-50HZ") && row.ends_with("F1 help"), "{row}");
}

#[test]
fn who_opens_a_hub_and_is_alone_there_is_told_how_others_come() {
    let mut shown = Shown::new(Facts { hosting: true, ..facts() }, 130, 8);
    shown.events([online(), room(MAIN, "main", &[ANA], 0)]);
    assert!(shown.rows().join("\n").contains("nobody else is here yet; /invite shows a link and a QR code"));
    // Once, and not where others are.
    shown.events([Event::Offline, online(), room(MAIN, "main", &[ANA], 0), room(BUILD, "build", &[ANA, BOB], 0)]);
    assert_eq!(shown.rows().join("\n").matches("nobody else").count(), 1);
    shown.key(KeyCode::Char('n'), KeyModifiers::CONTROL);
    assert!(!shown.rows().join("\n").contains("nobody else"));
}

#[test]
fn wide_marked_joined_and_right_to_left_text_stays_in_its_columns() {
    let mut people = room(MAIN, "main", &[ANA, BOB, EVE], 0);
    if let Event::Room(facts) = &mut people {
        for (member, name) in facts.who.iter_mut().zip(["ana", "שלום עולם", "日本語の長い名前です"]) {
            name.clone_into(&mut member.who.name);
        }
    }
    let named = |seq, name: &str, text: &str| {
        let mut record = record(MAIN, seq, BOB, text);
        name.clone_into(&mut record.from.name);
        Event::Message { record: Box::new(record), own: false }
    };
    let mut shown = Shown::with(
        64,
        14,
        [
            people,
            named(1, "שלום עולם", "right to left: مرحبا and back"),
            named(2, "日本語の長い名前です", "全角文字の長い文章は、画面の幅で折り返されなければならない。"),
            named(3, "zoe", "e\u{301}\u{301}\u{301} 👩‍👩‍👧‍👦 🇪🇸 ❤️ done"),
            named(4, "eve\x1b[31m", "two\nlines\tand a tab\x07"),
        ],
    );
    shown.is("scripts");
}

#[test]
fn long_words_are_cut_and_others_are_not() {
    let text = "one two three https://example.org/a/very/long/path/that/has/no/space/in/it four\n    kept indent";
    Shown::with(50, 10, [message(MAIN, 1, BOB, text)]).is("long");
}

#[test]
fn what_is_new_stands_below_a_line_and_the_first_of_it_is_at_the_top() {
    let events = [room(BUILD, "build", &[ANA, BOB], 0), Event::NewSince { room: BUILD, seq: 3 }];
    let mut shown = Shown::with(60, 10, events);
    shown.events((1..=20).map(|seq| message(BUILD, seq, BOB, &format!("message {seq}"))));
    // Three were seen before.
    shown.events([room(BUILD, "build", &[ANA, BOB], 3)]);
    shown.key(KeyCode::Char('2'), KeyModifiers::ALT);
    shown.is("new-since");
    shown.key(KeyCode::End, KeyModifiers::NONE);
    shown.is("new-since-end");
}

#[test]
fn what_was_read_is_not_called_unread_any_more_though_nothing_else_happens() {
    let mut shown = Shown::with(80, 12, [room(BUILD, "build", &[ANA, BOB], 0), message(BUILD, 1, BOB, "hola")]);
    shown.rows();
    shown.key(KeyCode::Char('n'), KeyModifiers::CONTROL);
    // As the loop does: a picture is drawn when it is due, and else nothing.
    while let Some(due) = shown.full.due().filter(|due| *due <= shown.now + FRAME) {
        shown.now = due;
        shown.full.show(shown.now).unwrap();
    }
    let text = shown.drawn().join("\n");
    assert!(text.contains("#build ") && !text.contains("unread") && !text.contains("2 #build 1"), "{text}");
}

#[test]
fn only_what_was_on_the_screen_is_told_as_seen() {
    let mut shown = Shown::with(60, 10, [room(BUILD, "build", &[ANA, BOB], 0)]);
    shown.events((1..=20).map(|seq| message(BUILD, seq, BOB, "x")));
    shown.key(KeyCode::Char('n'), KeyModifiers::CONTROL);
    shown.rows();
    let seen = |shown: &mut Shown| {
        shown.now += Duration::from_secs(1);
        shown.rows();
        shown.full.commands().drain(..).collect::<Vec<_>>()
    };
    assert_eq!(seen(&mut shown), [Command::Seen { room: BUILD, through: 6 }]);
    shown.key(KeyCode::PageDown, KeyModifiers::NONE);
    assert_eq!(seen(&mut shown), [Command::Seen { room: BUILD, through: 12 }]);
    shown.full.typed(Typed::Terminal(Key::FocusLost), shown.now);
    shown.full.scroll = Scroll::End;
    assert_eq!(seen(&mut shown), []);
    shown.key(KeyCode::End, KeyModifiers::NONE);
    assert_eq!(seen(&mut shown), [Command::Seen { room: BUILD, through: 20 }]);
}

#[test]
fn scrolling_back_asks_for_what_was_before_and_stays_where_it_is() {
    let mut shown = Shown::with(50, 10, (30..=60).map(|seq| message(MAIN, seq, BOB, &format!("message {seq}"))));
    shown.rows();
    shown.key(KeyCode::End, KeyModifiers::NONE);
    shown.key(KeyCode::PageUp, KeyModifiers::NONE);
    shown.is("page-up");
    shown.events([message(MAIN, 61, BOB, "new below")]);
    shown.is("page-up-below");
    shown.full.commands().clear();
    shown.key(KeyCode::Home, KeyModifiers::NONE);
    shown.rows();
    assert_eq!(shown.full.commands().drain(..).collect::<Vec<_>>(), [Command::Older(MAIN)]);
    shown.events((20..30).rev().map(|seq| Event::Older(Box::new(record(MAIN, seq, BOB, &format!("older {seq}"))))));
    shown.is("older");
    for _ in 0..20 {
        shown.key(KeyCode::PageDown, KeyModifiers::NONE);
    }
    assert!(shown.rows().iter().any(|row| row.contains("new below")));
    assert_eq!(shown.full.scroll, Scroll::End);
}

#[test]
fn paging_back_shows_every_row_once() {
    let texts =
        (1..=40).map(|seq| message(MAIN, seq, BOB, &format!("<{seq}> {}", "word ".repeat(seq as usize % 9 * 5))));
    let mut shown = Shown::with(39, 12, texts);
    shown.rows();
    shown.key(KeyCode::End, KeyModifiers::NONE);
    let mut pages = vec![shown.rows()];
    for _ in 0..200 {
        shown.key(KeyCode::PageUp, KeyModifiers::NONE);
        pages.push(shown.rows());
    }
    let all = pages.concat().join("\n");
    for seq in 1..=40 {
        assert!(all.contains(&format!("<{seq}>")), "{seq}");
    }
    // And back again to the same end.
    for _ in 0..200 {
        shown.key(KeyCode::PageDown, KeyModifiers::NONE);
    }
    assert_eq!(shown.rows(), pages[0]);
}

#[test]
fn an_invite_shows_its_link_and_its_qr_code_until_a_key_is_pressed() {
    let link = format!("puerta://10.0.0.5:7777/main#{}", "Ab-9".repeat(16));
    let answer = Event::Invite { room: MAIN, token: [7; 16], until: START };
    for (columns, rows, fits) in [(80, 24, true), (45, 30, true), (40, 12, false), (30, 10, false)] {
        let made = link.clone();
        let facts = Facts { link: Box::new(move |_, _| made.clone()), ..facts() };
        let mut shown = Shown::new(facts, columns, rows);
        shown.events(arrival());
        // One that was not asked for opens nothing.
        shown.events([answer.clone()]);
        assert!(!shown.rows().join("").contains("Any key"), "{columns}x{rows}");
        shown.keys("/invite once\n");
        shown.events([answer.clone()]);
        let picture = shown.rows();
        let whole: String = picture.iter().map(|row| row.rsplit("  ").next().unwrap_or_default().trim()).collect();
        let all = picture.join("\n");
        assert!(whole.contains(&link), "{columns}x{rows}:\n{all}");
        let dots = (1..=4).any(|quiet| {
            let code = crate::qr::tests::qr(&link, quiet);
            code.iter().all(|dots| all.contains(dots.trim_end()))
        });
        assert_eq!((dots, all.contains("too small")), (fits, !fits), "{columns}x{rows}:\n{all}");
        shown.key(KeyCode::Esc, KeyModifiers::NONE);
        assert!(!shown.rows().join("").contains("Any key") && shown.full.prompt.is_empty());
    }
}

#[test]
fn an_invite_with_many_addresses_shows_a_code_of_those_that_fit() {
    let places: Vec<String> = (1..=8).map(|n| format!("192.168.178.{n}:7777")).collect();
    let secret = puerta_talk::invite::Invite::new(
        places.iter().map(|place| place.parse().unwrap()).collect(),
        "main".to_owned(),
        puerta_talk::room::ids::Device([7; 32]),
        puerta_talk::room::store::Token([9; 16]),
    );
    let link = secret.unwrap().to_string();
    let made = link.clone();
    let mut shown = Shown::new(Facts { link: Box::new(move |_, _| made.clone()), ..facts() }, 80, 24);
    shown.events(arrival());
    shown.keys("/invite\n");
    shown.events([Event::Invite { room: MAIN, token: [7; 16], until: START }]);
    let picture = shown.rows().join("\n");
    assert!(picture.contains("█▀▀▀▀▀█") || picture.contains(" ▄▄▄▄▄▄▄ "), "{picture}");
    assert!(!picture.contains("too small"), "{picture}");
}

#[test]
fn what_is_typed_over_an_invite_is_written_and_closes_it() {
    let answer = Event::Invite { room: MAIN, token: [7; 16], until: START };
    let paste = |shown: &mut Shown| shown.full.typed(Typed::Terminal(Key::Paste("/rooms".to_owned())), shown.now);
    let ways: [fn(&mut Shown); 4] = [
        |shown| shown.keys("/rooms"),
        paste,
        |shown| shown.keys(" "),
        |shown| shown.key(KeyCode::Char('c'), KeyModifiers::CONTROL),
    ];
    for (key, written) in ways.into_iter().zip(["/rooms", "/rooms", "", ""]) {
        let mut shown = Shown::with(80, 24, []);
        shown.keys("/invite\n");
        shown.events([answer.clone()]);
        assert!(shown.rows().join("").contains("Any key closes this."));
        key(&mut shown);
        assert!(!shown.rows().join("").contains("Any key closes this."), "{written:?}");
        assert_eq!(shown.full.prompt.text(), written);
        assert!(shown.full.ended().is_none());
    }
}

#[test]
fn whom_the_end_of_the_hub_here_cuts_off_is_told_behind_the_screen() {
    let mut shown = Shown::new(Facts { hosting: true, ..facts() }, 80, 24);
    shown.events(arrival());
    shown.keys("/quit\n");
    assert!(shown.full.ended().is_none());
    shown.keys("/quit\n");
    assert!(matches!(shown.full.ended(), Some(Ended::Quit)));
    assert_eq!(shown.full.last_words(&Ended::Quit), ["the hub ends with this: bob, eve were cut off"]);
    assert_eq!(shown.full.last_words(&Ended::Stay), [""; 0]);
    shown.events([pending(1, "build", "one\ntwo")]);
    assert_eq!(shown.full.last_words(&Ended::Stay), ["not stored yet, in #build: one two"]);
    shown.events((2..10).map(|n| pending(n, "build", "more")));
    assert_eq!(shown.full.last_words(&Ended::Stay).last().unwrap(), "and 4 more");
}

#[test]
fn help_is_whole_on_80_columns_and_24_rows() {
    let mut shown = Shown::with(80, 24, []);
    shown.key(KeyCode::F(1), KeyModifiers::NONE);
    let picture = shown.rows().join("\n");
    for known in &crate::talk::screen::input::KNOWN {
        assert!(picture.contains(&format!(" {:<29} {}\n", known.form, known.does)), "{}:\n{picture}", known.name);
    }
    assert!(!picture.contains('…') && picture.contains("F1, Ctrl+C"));
    shown.is("help");
    shown.key(KeyCode::Esc, KeyModifiers::NONE);
    assert!(!shown.rows().iter().any(|row| row.contains("Alt+Enter")));
    // With a banner above, too.
    shown.events([Event::Offline]);
    shown.key(KeyCode::F(1), KeyModifiers::NONE);
    let picture = shown.rows().join("\n");
    assert!(picture.contains("/stay") && picture.contains("Alt+Enter"), "{picture}");
}

#[test]
fn help_scrolls_where_it_has_no_room() {
    let mut shown = Shown::with(40, 12, []);
    shown.key(KeyCode::F(1), KeyModifiers::NONE);
    shown.is("help-small");
    let mut pages = String::new();
    for _ in 0..10 {
        pages += &shown.rows().join("\n");
        shown.key(KeyCode::PageDown, KeyModifiers::NONE);
    }
    let known = crate::talk::screen::input::KNOWN.iter().map(|known| known.form);
    for word in ["Alt+Enter", "Ctrl+U", "goes on", "more help above: PgUp"].into_iter().chain(known) {
        assert!(pages.contains(word), "{word}:\n{pages}");
    }
    shown.key(KeyCode::Home, KeyModifiers::NONE);
    assert!(shown.rows().iter().any(|row| row.contains("Alt+Enter")));
}

#[test]
fn a_call_rings_and_notifies_once_a_second() {
    let mut shown = Shown::with(60, 8, [room(BUILD, "build", &[ANA, BOB], 0)]);
    shown.events([message(BUILD, 1, BOB, "ana, it is \x1bred")]);
    shown.rows();
    assert_eq!(*shown.rung.lock().unwrap(), "\x07\x1b]9;puerta: bob in #build: ana, it is ^[red\x1b\\");
    shown.events([message(BUILD, 2, BOB, "ana!")]);
    shown.rows();
    assert_eq!(shown.rung.lock().unwrap().matches('\x07').count(), 1);
}

#[test]
fn a_large_room_shows_its_numbers_in_place_of_names() {
    let events = [Event::Count { room: MAIN, members: 812, online: 97 }, own(MAIN, 1, "hola")];
    let mut shown = Shown::with(70, 8, events);
    shown.events([Event::SeenBy { room: MAIN, through: 1, members: 60 }]);
    shown.is("large");
}

#[test]
fn many_rooms_and_members_stay_within_the_screen() {
    let members: Vec<u32> = (1..=40).collect();
    let mut shown = Shown::with(70, 10, (10..40).map(|no| room(RoomNo(no), &format!("room{no}"), &members, 0)));
    shown.full.view.go(25);
    shown.is("many");
}
