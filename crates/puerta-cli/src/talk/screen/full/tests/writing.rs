//! The line that is written, and those before.

use super::*;
use puerta_talk::room::frame::{Refusal, Target};
use puerta_talk::room::record::Kind;

#[test]
fn a_line_is_written_sent_and_recalled() {
    let mut shown = Shown::with(60, 8, []);
    shown.keys("hola a todos");
    shown.is("writing");
    shown.keys("\n");
    let said = shown.full.commands().drain(..).collect::<Vec<_>>();
    assert!(matches!(said.as_slice(), [Command::Say { text, .. }] if text == "hola a todos"), "{said:?}");
    shown.keys("second\n");
    shown.keys("draft");
    shown.key(KeyCode::Up, KeyModifiers::NONE);
    shown.key(KeyCode::Up, KeyModifiers::NONE);
    assert_eq!(shown.full.prompt.text(), "hola a todos");
    shown.key(KeyCode::Down, KeyModifiers::NONE);
    shown.key(KeyCode::Down, KeyModifiers::NONE);
    assert_eq!(shown.full.prompt.text(), "draft");
}

#[test]
fn the_keys_of_a_shell_edit_what_is_written() {
    let mut shown = Shown::with(60, 8, []);
    let ctrl = |shown: &mut Shown, c| shown.key(KeyCode::Char(c), KeyModifiers::CONTROL);
    shown.keys("one two/three  ");
    ctrl(&mut shown, 'w');
    assert_eq!(shown.full.prompt.text(), "one ");
    ctrl(&mut shown, 'u');
    assert_eq!(shown.full.prompt.text(), "");
    ctrl(&mut shown, 'y');
    assert_eq!(shown.full.prompt.text(), "one ");
    ctrl(&mut shown, 'a');
    ctrl(&mut shown, 'k');
    shown.keys("sent\n");
    // What was cut is there also for the next line.
    ctrl(&mut shown, 'y');
    assert_eq!(shown.full.prompt.text(), "one ");
    ctrl(&mut shown, 'u');
    ctrl(&mut shown, 'z');
    assert_eq!(shown.full.prompt.text(), "one ");
    // Only the line where the cursor is; at its start, it is joined to the one before.
    shown.key(KeyCode::Enter, KeyModifiers::ALT);
    shown.keys("two");
    ctrl(&mut shown, 'u');
    assert_eq!(shown.full.prompt.text(), "one \n");
    ctrl(&mut shown, 'w');
    assert_eq!(shown.full.prompt.text(), "one ");
}

#[test]
fn the_cursor_and_backspace_go_by_what_people_see_as_one_character() {
    let family = "👩\u{200d}👩\u{200d}👧\u{200d}👦";
    for sign in [family, "e\u{301}\u{302}", "👋🏽", "🇪🇸", "❤\u{fe0f}", "漢", "x"] {
        let mut shown = Shown::with(60, 8, []);
        let text = format!("a{sign}b{sign}");
        shown.full.typed(Typed::Terminal(Key::Paste(text.clone())), shown.now);
        shown.rows();
        let drawn = 2 + rows::columns(&text);
        let cursor = shown.full.terminal.backend_mut().get_cursor_position().unwrap();
        assert_eq!((usize::from(cursor.x), cursor.y), (drawn, 7), "{sign}");
        shown.key(KeyCode::Backspace, KeyModifiers::NONE);
        assert_eq!(shown.full.prompt.text(), format!("a{sign}b"));
        shown.key(KeyCode::Left, KeyModifiers::NONE);
        shown.key(KeyCode::Left, KeyModifiers::NONE);
        shown.keys("<");
        assert_eq!(shown.full.prompt.text(), format!("a<{sign}b"));
        shown.key(KeyCode::Right, KeyModifiers::NONE);
        shown.keys(">");
        assert_eq!(shown.full.prompt.text(), format!("a<{sign}>b"));
        shown.key(KeyCode::Char('b'), KeyModifiers::CONTROL);
        shown.key(KeyCode::Char('b'), KeyModifiers::CONTROL);
        shown.key(KeyCode::Delete, KeyModifiers::NONE);
        assert_eq!(shown.full.prompt.text(), "a<>b");
    }
}

#[test]
fn what_is_too_long_stays_in_the_input_and_a_paste_has_no_control_characters() {
    let mut shown = Shown::with(130, 10, []);
    shown.full.typed(Typed::Terminal(Key::Paste(format!("a\x1b[2J\r\n{}", "x".repeat(5000)))), shown.now);
    assert!(shown.full.prompt.text().starts_with("a[2J\nxxx"));
    shown.key(KeyCode::Enter, KeyModifiers::NONE);
    assert!(shown.full.commands().is_empty());
    assert!(shown.full.prompt.text().len() > 5000);
    assert!(shown.rows().iter().any(|row| row.contains("at most 4096 bytes")));
}

#[test]
fn a_command_that_was_refused_is_gone_and_up_brings_it_back() {
    let mut shown = Shown::with(80, 10, []);
    for (line, why) in [
        ("/jion #build", "did you mean /join?"),
        ("/nick", "it is typed /nick NAME"),
        ("/leave #nowhere", "you are not in such a room"),
        ("/stay", "the hub does not run here"),
        ("/msg ana hola", "that is you"),
    ] {
        shown.keys(&format!("{line}\n"));
        assert_eq!(shown.full.prompt.text(), "", "{line}");
        let picture = shown.rows().join("\n");
        assert!(picture.contains(why), "{line}:\n{picture}");
        shown.key(KeyCode::Up, KeyModifiers::NONE);
        assert_eq!(shown.full.prompt.text(), line);
        shown.key(KeyCode::Char('u'), KeyModifiers::CONTROL);
    }
}

#[test]
fn what_the_hub_refuses_never_stands_ready_to_be_sent_elsewhere() {
    let mut shown = Shown::with(80, 10, [room(BUILD, "build", &[ANA, BOB], 0)]);
    let waits = Event::Pending {
        id: id(ANA, 1),
        to: Target::Member("bob".to_owned()),
        kind: Kind::Action,
        text: "tells a secret".to_owned(),
        old: true,
    };
    let why = Refusal::NoSuchMember { name: "bob".to_owned() };
    let refused = Event::NotTaken { id: Some(id(ANA, 1)), text: "tells a secret".to_owned(), why };
    // It was written in a run before.
    shown.events([waits, refused]);
    assert_eq!(shown.full.prompt.text(), "");
    shown.key(KeyCode::Up, KeyModifiers::NONE);
    assert_eq!(shown.full.prompt.text(), "/msg bob tells a secret");
}

#[test]
fn a_message_to_nobody_leaves_us_where_we_were() {
    let mut shown = Shown::with(80, 10, [room(BUILD, "build", &[ANA, BOB], 0)]);
    shown.key(KeyCode::Char('2'), KeyModifiers::ALT);
    shown.keys("/msg nobody hola\n");
    let to = Target::Member("nobody".to_owned());
    let why = Refusal::NoSuchMember { name: "nobody".to_owned() };
    shown.events([
        Event::Pending { id: id(ANA, 1), to, kind: Kind::Text, text: "hola".to_owned(), old: false },
        Event::NotTaken { id: Some(id(ANA, 1)), text: "hola".to_owned(), why },
    ]);
    let picture = shown.rows().join("\n");
    assert!(picture.starts_with(" #build") && picture.contains("nobody here is called nobody"), "{picture}");
    assert!(!picture.contains("@nobody"), "{picture}");
}

#[test]
fn names_and_commands_are_completed() {
    let mut shown = Shown::with(60, 8, []);
    shown.keys("bo");
    shown.key(KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(shown.full.prompt.text(), "bob: ");
    shown.full.prompt.set("/ms");
    shown.key(KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(shown.full.prompt.text(), "/msg ");
    shown.keys("ev");
    shown.key(KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(shown.full.prompt.text(), "/msg eve ");
}

#[test]
fn what_was_said_at_the_very_end_is_counted_and_what_becomes_of_it_is_told() {
    let mut shown = Shown::with(80, 10, [room(BUILD, "build", &[ANA, BOB], 0)]);
    shown.keys("bye\n");
    shown.full.commands().clear();
    shown.keys("/quit\n");
    assert!(matches!(shown.full.ended(), Some(Ended::Quit)));
    assert_eq!(shown.full.not_stored(), 1);
    shown.events([Event::NotKept { id: None, text: "bye".to_owned(), why: "disk full".to_owned() }]);
    assert_eq!((shown.full.not_stored(), shown.full.last_words(&Ended::Quit)), (1, vec!["not sent: bye".to_owned()]));
}
