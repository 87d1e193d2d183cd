//! The bell, and a desktop notification where the terminal is known to show one.

use crate::talk::screen::view::Call;
use std::borrow::Cow;

/// Columns of each part of a notification.
const COLUMNS: usize = 100;

/// What a terminal understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notifier {
    /// The bell alone.
    Bell,
    /// OSC 9: iTerm2, WezTerm, Ghostty, kitty.
    Osc9,
    /// OSC 777: rxvt-unicode, foot.
    Osc777,
}

impl Notifier {
    /// What the terminal's variables say. Within tmux and screen a notification would not get through.
    pub(super) fn of(term: &str, program: &str) -> Self {
        match program {
            "tmux" | "screen" => return Notifier::Bell,
            "iTerm.app" | "WezTerm" | "ghostty" => return Notifier::Osc9,
            _ => {}
        }
        if term.starts_with("xterm-kitty") || term.starts_with("xterm-ghostty") {
            Notifier::Osc9
        } else if term.starts_with("foot") || term.starts_with("rxvt-unicode") {
            Notifier::Osc777
        } else {
            Notifier::Bell
        }
    }

    /// The bytes for a call. Its text is clean: no control character, so the sequence ends where we end it.
    pub(super) fn bytes(self, call: &Call) -> String {
        let title = part(&call.title);
        let text = part(&call.text);
        match self {
            Notifier::Bell => "\x07".to_owned(),
            Notifier::Osc9 => format!("\x07\x1b]9;puerta: {title}: {text}\x1b\\"),
            Notifier::Osc777 => format!("\x07\x1b]777;notify;{};{text}\x1b\\", title.replace(';', ",")),
        }
    }
}

fn part(text: &str) -> Cow<'_, str> {
    let shown = puerta_text::fit(text, COLUMNS);
    // It is clean already; this holds though someone forgets.
    if shown.chars().any(char::is_control) { Cow::Owned(shown.replace(char::is_control, " ")) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_terminals_that_are_known_to_show_it_get_a_notification() {
        assert_eq!(Notifier::of("xterm-256color", ""), Notifier::Bell);
        assert_eq!(Notifier::of("xterm-256color", "iTerm.app"), Notifier::Osc9);
        assert_eq!(Notifier::of("xterm-kitty", ""), Notifier::Osc9);
        assert_eq!(Notifier::of("foot", ""), Notifier::Osc777);
        assert_eq!(Notifier::of("xterm-kitty", "tmux"), Notifier::Bell);
    }

    #[test]
    fn a_notification_ends_where_we_end_it() {
        let call = Call { title: "ana; in #main".to_owned(), text: "x\x07\x1b]0;evil\u{9c}".to_owned() };
        assert_eq!(Notifier::Osc777.bytes(&call), "\x07\x1b]777;notify;ana, in #main;x  ]0;evil \x1b\\");
        assert_eq!(Notifier::Bell.bytes(&call), "\x07");
    }
}
