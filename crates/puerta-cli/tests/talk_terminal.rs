//! What the screens of `puerta talk` write to a terminal, whatever a hub says: on a pseudo-terminal, byte by byte.
//!
//! `cargo test` builds the example that plays the hub; with `--test` alone it does not, and the one built before is used.
//! `PUERTA_STRINGS=1000000` asks for the full set of strings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../puerta-talk/tests/example/mod.rs"]
mod example;
#[path = "talk/pty.rs"]
mod pty;

use example::example;
use portable_pty::CommandBuilder;
use pty::Pty;
use std::time::{Duration, Instant};

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;
const LIMIT: Duration = Duration::from_secs(60);
/// Strings of one run where the environment asks for no other number.
const STRINGS: usize = 20_000;

struct Terminal {
    pty: Pty,
    all: Vec<u8>,
}

impl Terminal {
    fn start(words: &[&str], term: &str) -> Self {
        let mut command = CommandBuilder::new(example("puerta-cli", "hostile_hub"));
        command.args(words);
        command.env("TERM", term);
        for name in ["TERM_PROGRAM", "NO_COLOR"] {
            command.env_remove(name);
        }
        let (pty, _) = Pty::start((ROWS, COLUMNS), command);
        Terminal { pty, all: Vec::new() }
    }

    /// Waits until so much was written that `enough`.
    #[track_caller]
    fn until(&mut self, what: &str, enough: impl Fn(&[u8]) -> bool) {
        let start = Instant::now();
        while !enough(&self.all) {
            let Ok(more) = self.pty.written.recv_timeout(LIMIT.saturating_sub(start.elapsed())) else {
                panic!("no {what} in {}", String::from_utf8_lossy(&self.all).escape_debug());
            };
            self.all.extend(more);
        }
    }

    fn says(&mut self, text: &str) {
        self.until(text, |all| contains(all, text.as_bytes()));
    }

    /// Waits until the screen has this text, however it was drawn.
    fn shows(&mut self, text: &str) {
        self.until(text, |all| {
            let mut parser = vt100::Parser::new(ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap(), 0);
            parser.process(all);
            parser.screen().contents().contains(text)
        });
    }

    /// Everything until its end, and the status.
    fn finish(mut self) -> (Vec<u8>, u32) {
        while let Ok(more) = self.pty.written.recv_timeout(LIMIT * 10) {
            self.all.extend(more);
        }
        let status = self.pty.child.wait().unwrap();
        (self.all, status.exit_code())
    }
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

fn strings() -> usize {
    std::env::var("PUERTA_STRINGS").map_or(STRINGS, |n| n.parse().unwrap())
}

/// The final bytes of the control sequences that a screen draws with; those of modes are checked by number.
struct Allowed {
    finals: &'static [u8],
    modes: &'static [&'static str],
    controls: &'static [u8],
}

const FULL: Allowed = Allowed { finals: b"HmJ", modes: &["?25", "?1004", "?1049", "?2004"], controls: b"\x07" };
const LINE: Allowed = Allowed { finals: b"", modes: &[], controls: b"\x07\r\n" };
const EDITED: Allowed = Allowed { finals: b"ABCDGHJKm", modes: &["?2004", "?2026"], controls: b"\x07\x08\r\n" };

/// Checks every byte: text that is visible as it is, and no control sequence but the screen's own. Gives the bytes of text.
#[track_caller]
fn check(bytes: &[u8], allowed: &Allowed) -> usize {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|e| panic!("no UTF-8 at {}", e.valid_up_to()));
    let (mut rest, mut ink) = (text, 0);
    while let Some(c) = rest.chars().next() {
        let near = || rest.chars().take(40).collect::<String>().escape_debug().to_string();
        if c == '\x1b' {
            let body = rest.strip_prefix("\x1b[").unwrap_or_else(|| panic!("an escape that is no CSI: {}", near()));
            let end = body.find(|c: char| ('\x40'..='\x7e').contains(&c)).unwrap_or_else(|| panic!("{}", near()));
            let (parameters, last) = (&body[..end], body.as_bytes()[end]);
            if matches!(last, b'h' | b'l') {
                assert!(allowed.modes.contains(&parameters), "a mode that is not ours: {}", near());
            } else {
                assert!(allowed.finals.contains(&last), "a sequence that is not ours: {}", near());
                let plain = parameters.bytes().all(|b| b.is_ascii_digit() || b == b';');
                assert!(plain, "parameters that are not ours: {}", near());
            }
            rest = &body[end + 1..];
            continue;
        }
        if c.is_control() {
            assert!(allowed.controls.contains(&(c as u8)) && c.is_ascii(), "a control character: {}", near());
        } else {
            assert!(!is_hidden(c), "a character that cannot be seen: {}", near());
            ink += c.len_utf8();
        }
        rest = &rest[c.len_utf8()..];
    }
    ink
}

/// What `puerta-text` shows as `\u{…}` wherever it stands; the isolates around names are ours.
fn is_hidden(c: char) -> bool {
    let joins = matches!(c, '\u{200c}' | '\u{200d}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
    let isolates = matches!(c, '\u{2068}' | '\u{2069}');
    !c.is_ascii() && !joins && !isolates && puerta_text::visible(&format!("a{c}")).contains("\\u{")
}

#[test]
fn whatever_a_hub_says_the_full_screen_is_drawn_with_its_own_sequences_alone() {
    let terminal = Terminal::start(&["full", "7", &strings().to_string()], "xterm-256color");
    let (bytes, status) = terminal.finish();
    assert_eq!(status, 0, "{}", String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(2000)..]));
    assert!(check(&bytes, &FULL) > strings());
    // Nothing that was said has moved the panes.
    let end = bytes.windows(8).rposition(|window| window == b"\x1b[?1004l").expect("the terminal was given back");
    let mut parser = vt100::Parser::new(ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap(), 0);
    parser.process(&bytes[..end]);
    let screen = parser.screen();
    let side = COLUMNS / 5;
    for row in 2..ROWS - 2 {
        for column in [side, COLUMNS - side - 1] {
            let cell = screen.cell(row, column).unwrap().contents();
            assert_eq!(cell, "│", "row {row}, column {column} of\n{}", screen.contents());
        }
    }
}

#[test]
fn whatever_a_hub_says_lines_have_no_control_characters() {
    let terminal = Terminal::start(&["line", "8", &strings().to_string()], "dumb");
    let (bytes, status) = terminal.finish();
    assert_eq!(status, 0);
    assert!(check(&bytes, &LINE) > strings());
}

#[test]
fn whatever_a_hub_says_json_has_no_control_characters() {
    let terminal = Terminal::start(&["json", "9", &strings().to_string()], "xterm");
    let (bytes, status) = terminal.finish();
    assert_eq!(status, 0);
    assert!(check(&bytes, &LINE) > strings());
    for line in String::from_utf8(bytes).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
}

#[test]
fn a_hostile_notification_ends_where_the_screen_ends_it() {
    let terminal = Terminal::start(&["full", "10", "2000"], "foot");
    let (bytes, _) = terminal.finish();
    let text = String::from_utf8(bytes).unwrap();
    let mut calls = 0;
    for part in text.split("\x1b]").skip(1) {
        let body = part.strip_prefix("777;notify;").unwrap_or_else(|| panic!("{}", part.escape_debug()));
        let (body, _) = body.split_once("\x1b\\").expect("an end");
        assert!(!body.contains(char::is_control), "{}", body.escape_debug());
        calls += 1;
    }
    assert!(calls > 0);
}

#[test]
fn what_is_typed_is_said_and_the_terminal_is_given_back() {
    let mut terminal = Terminal::start(&["full", "keep"], "xterm-256color");
    terminal.says("#main");
    terminal.pty.types("hola a todos\r");
    terminal.shows("ana: hola a todos  ✓");
    terminal.pty.types("/quit\r");
    let (bytes, status) = terminal.finish();
    assert_eq!(status, 0);
    is_given_back(&bytes, "ended: Quit");
}

#[test]
fn what_is_written_is_edited_with_the_keys_of_every_shell() {
    let mut terminal = Terminal::start(&["full", "keep"], "xterm-256color");
    terminal.says("#main");
    for (keys, said) in [
        ("to be deleted\x15ctrl u\r", "ana: ctrl u  ✓"),
        ("ctrl path/of.one\x17w\r", "ana: ctrl w  ✓"),
        ("k ctrl and more\x1bb\x1bb\x0b\x01to the end: \x1bf\x1bf\x1bf\x05.\r", "ana: to the end: k ctrl .  ✓"),
        ("yanked\x15ctrl y \x19\r", "ana: ctrl y yanked  ✓"),
        ("undone by ctrl z\x15\x1a\r", "ana: undone by ctrl z  ✓"),
    ] {
        terminal.pty.types(keys);
        terminal.shows(said);
    }
    terminal.pty.types("/quit\r");
    assert_eq!(terminal.finish().1, 0);
}

#[test]
fn an_invite_is_shown_with_its_qr_code_and_what_is_typed_goes_back_to_the_room() {
    let mut terminal = Terminal::start(&["full", "keep"], "xterm-256color");
    terminal.says("#main");
    terminal.pty.types("/invite\r");
    terminal.shows("Whoever scans this or has the link");
    terminal.shows("█▀▄");
    terminal.shows("Any key closes this.");
    terminal.pty.types("x");
    terminal.shows("F1 help");
    terminal.pty.types("y\r");
    terminal.shows("ana: xy  ✓");
    terminal.pty.types("/quit\r");
    assert_eq!(terminal.finish().1, 0);
}

#[test]
fn a_signal_and_a_panic_give_the_terminal_back_too() {
    for (name, ended) in [("TERM", "Terminated"), ("HUP", "Terminated"), ("INT", "Interrupted")] {
        let mut terminal = Terminal::start(&["full", "keep"], "xterm-256color");
        terminal.says("#main");
        terminal.pty.signal(name);
        let (bytes, _) = terminal.finish();
        is_given_back(&bytes, &format!("ended: Signal({ended})"));
    }
    let (bytes, status) = Terminal::start(&["full", "panic"], "xterm-256color").finish();
    assert_ne!(status, 0);
    is_given_back(&bytes, "index out of bounds");
}

#[test]
fn nothing_of_before_shows_through_where_a_terminal_has_no_other_screen() {
    let mut terminal = Terminal::start(&["full", "keep"], "xterm-256color");
    terminal.shows("F1 help");
    terminal.pty.types("/quit\r");
    let (bytes, _) = terminal.finish();
    let text = String::from_utf8(bytes).unwrap().replace("\x1b[?1049h", "");
    let (drawn, behind) = text.split_once("\x1b[?1049l").unwrap();
    let mut parser = vt100::Parser::new(ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap(), 0);
    parser.process("Q".repeat(usize::from(ROWS) * usize::from(COLUMNS)).as_bytes());
    let (first, _) = drawn.rsplit_once("\x1b[?1004l").unwrap();
    parser.process(first.as_bytes());
    assert!(!parser.screen().contents().contains('Q'), "{}", parser.screen().contents());
    // And what comes behind stands on a clear one.
    parser.process(&text.as_bytes()[first.len()..text.len() - behind.len()]);
    assert_eq!((parser.screen().contents().trim(), parser.screen().cursor_position()), ("", (0, 0)));
}

#[test]
fn what_was_not_sent_is_told_once_the_screen_is_gone() {
    let mut terminal = Terminal::start(&["full", "keep"], "xterm-256color");
    terminal.says("#main");
    terminal.pty.types("never stored\r");
    terminal.shows("never stored  (pending)");
    terminal.pty.types("half a sentence");
    terminal.shows("half a sentence");
    terminal.pty.signal("TERM");
    let (bytes, _) = terminal.finish();
    is_given_back(&bytes, "not stored yet, in #main: never stored\r\n");
    is_given_back(&bytes, "not sent: half a sentence\r\n");
}

/// Behind the last drawing the terminal is as it was, and what follows is on a usual line.
#[track_caller]
fn is_given_back(bytes: &[u8], then: &str) {
    let text = String::from_utf8_lossy(bytes);
    let (_, behind) = text.rsplit_once("\x1b[?1049l").expect("the other screen was left");
    assert!(text.contains("\x1b[?25h\x1b[?1049l"), "the cursor is shown");
    assert!(text.contains("\x1b[?2004l") && text.contains("\x1b[?1004l"));
    assert!(behind.contains(then), "no {then:?} in {behind:?}");
    // With output processing on, a line feed becomes CR LF: the raw mode is over.
    assert!(behind.contains("\r\n") && !behind.replace("\r\n", "").contains('\n'), "{behind:?}");
}

#[test]
fn lines_are_edited_on_a_terminal_and_what_others_say_stands_above() {
    let mut terminal = Terminal::start(&["line", "keep"], "xterm-256color");
    terminal.says("in #main");
    terminal.pty.types("holx\x7fa\r");
    terminal.shows("> hola");
    terminal.pty.types("/jion #x\r");
    terminal.says("did you mean /join?");
    terminal.pty.types("/quit\r");
    let (bytes, status) = terminal.finish();
    assert_eq!(status, 0);
    check(&bytes, &EDITED);
    assert!(String::from_utf8_lossy(&bytes).contains("ended: Quit"));
}

#[test]
fn a_signal_while_a_line_is_typed_leaves_a_usual_terminal() {
    let mut terminal = Terminal::start(&["line", "keep"], "xterm-256color");
    terminal.says("in #main");
    terminal.pty.types("half a li");
    // Drawn by the editor: the kernel echoes what comes before that reads.
    terminal.shows("> half a li");
    terminal.pty.signal("TERM");
    let (bytes, _) = terminal.finish();
    let text = String::from_utf8_lossy(&bytes);
    let (_, behind) = text.rsplit_once("ended: ").expect("its end");
    assert!(behind.ends_with("\r\n"), "{behind:?}");
}
