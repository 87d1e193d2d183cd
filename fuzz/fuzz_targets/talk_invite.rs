//! Any text is refused in one line, or it is an invite whose link reads back as the same.
#![no_main]

use puerta_talk::invite::{Invite, LONGEST, Place, is_invite};
use std::fmt::Display;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match text.parse::<Invite>() {
        Ok(invite) => {
            let link = invite.to_string();
            assert!(link.is_ascii() && link.len() <= LONGEST, "{link}");
            assert!(is_invite(text) && is_invite(&link));
            let back = link.parse::<Invite>();
            assert_eq!(back.as_ref(), Ok(&invite));
            assert_eq!(back.map(|invite| invite.to_string()), Ok(link));
            one_line(&puerta_text::visible(invite.room()));
        }
        Err(bad) => {
            one_line(&bad);
            one_line(&bad.hint());
        }
    }
    if let Ok(place) = text.parse::<Place>() {
        assert_eq!(place.to_string().parse(), Ok(place));
    }
});

fn one_line(text: &impl Display) {
    assert!(!text.to_string().contains(char::is_control), "{text}");
}
