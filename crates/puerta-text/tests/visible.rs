//! What outside text looks like, and that nothing of it reaches the terminal raw.

use puerta_text::{JOINS, MARKS, Options, Visible, fit, visible, width};

fn shown(bytes: &[u8]) -> String {
    shown_in_parts(&[bytes])
}

fn shown_in_parts(parts: &[&[u8]]) -> String {
    let (mut stream, mut out) = (Visible::new(Options::default()), Vec::new());
    parts.iter().for_each(|part| stream.push(part, &mut out));
    stream.finish(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[test]
fn escape_sequences_are_shown_and_do_nothing() {
    assert_eq!(shown(b"\x1b[2J\x1b[31mred"), "^[[2J^[[31mred");
    assert_eq!(shown(b"\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\"), "^[]8;;http://evil^[\\text^[]8;;^[\\");
    assert_eq!(shown(b"\x1b]52;c;cm0gLXJm\x07"), "^[]52;c;cm0gLXJm^G");
    assert_eq!(shown(b"\x1bP+q\x9c\0\x7f"), "^[P+q\\x9c^@^?");
}

#[test]
fn c1_controls_are_shown_as_characters_and_as_raw_bytes() {
    assert_eq!(shown("\u{9b}31m\u{85}".as_bytes()), "\\u{9b}31m\\u{85}");
    assert_eq!(shown(b"\x9b31m"), "\\x9b31m");
}

#[test]
fn line_ends_pass_and_a_carriage_return_alone_does_not() {
    assert_eq!(shown(b"a\r\nb\tc\n"), "a\nb\tc\n");
    assert_eq!(shown(b"safe\revil\r\r\n\r"), "safe^Mevil^M\n^M");
    assert_eq!(shown_in_parts(&[b"a\r", b"\nb\r", b"c\r", b"", b"\n"]), "a\nb^Mc\n");
    assert_eq!(visible("a\r\n\tb"), "a^M^J^Ib");
}

#[test]
fn a_character_split_anywhere_stays_whole() {
    let text = "añ€👍ह";
    for at in 0..text.len() {
        let (a, b) = text.as_bytes().split_at(at);
        assert_eq!(shown_in_parts(&[a, b]), text, "split at {at}");
    }
}

#[test]
fn bytes_that_are_no_text_are_shown_one_by_one() {
    assert_eq!(shown(b"\xff\xfe\xc3"), "\\xff\\xfe\\xc3");
    assert_eq!(shown(b"\xe2\x82A"), "\\xe2\\x82A");
    assert_eq!(shown(b"\xe2\x82\x1b"), "\\xe2\\x82^[");
    assert_eq!(shown(b"\xf0\x9f\xf0\x9f\x91\x8d"), "\\xf0\\x9f👍");
    assert_eq!(shown(b"\xed\xa0\x80\xc0\xaf"), "\\xed\\xa0\\x80\\xc0\\xaf");
    assert_eq!(shown_in_parts(&[b"\xe2", b"\x82", b"\xc3", b"\xa9"]), "\\xe2\\x82é");
}

#[test]
fn bidi_controls_cannot_turn_a_line_around() {
    assert_eq!(visible("access\u{202e}\u{2066}// admin\u{2069}"), "access\\u{202e}\\u{2066}// admin\\u{2069}");
    for c in "\u{200e}\u{200f}\u{61c}\u{202a}\u{202b}\u{202c}\u{202d}\u{2067}\u{2068}".chars() {
        assert_eq!(visible(&format!("א{c}ب")), format!("א\\u{{{:x}}}ب", u32::from(c)));
    }
}

#[test]
fn invisible_characters_are_shown() {
    for c in "\u{ad}\u{34f}\u{200b}\u{2028}\u{2029}\u{2060}\u{2064}\u{3164}\u{feff}\u{ffa0}\u{fff9}\u{e0041}\u{e007f}\u{1d173}\u{fffe}".chars() {
        assert_eq!(visible(&format!("a{c}b")), format!("a\\u{{{:x}}}b", u32::from(c)));
    }
}

#[test]
fn joiners_and_selectors_stay_where_a_script_or_an_emoji_uses_them() {
    for text in ["👩‍👩‍👧‍👦 👩🏻‍❤️‍💋‍👩🏿 🏃‍➡️ 🏳️‍🌈", "1️⃣ ☎︎ ❤️", "می‌خواهم", "ක්‍ර ශ්‍රී ", "क्‍ष क्‌ष", "অর‍্যা", "അവന്‍ ", "葛\u{e0100}", "ᠬᠠᠨ᠎ᠠ ᠠ᠋"]
    {
        assert_eq!(visible(text), text);
        assert_eq!(shown(text.as_bytes()), text);
    }
}

#[test]
fn joiners_and_selectors_hide_nowhere_else() {
    assert_eq!(visible("pay\u{200d}pal\u{200c}"), "pay\\u{200d}pal\\u{200c}");
    assert_eq!(visible("é\u{200d}é"), "é\\u{200d}é");
    assert_eq!(visible("👩\u{200d}\u{200d}👧"), "👩\\u{200d}\\u{200d}👧");
    assert_eq!(visible("👩\u{200d}"), "👩\\u{200d}");
    assert_eq!(visible("👩\u{200d}x"), "👩\\u{200d}x");
    assert_eq!(visible("a\u{fe0f}"), "a\\u{fe0f}");
    assert_eq!(visible("❤\u{fe0f}\u{fe0e}"), "❤\u{fe0f}\\u{fe0e}");
    assert_eq!(visible("☺\u{fe01}\u{e0100}"), "☺\u{fe01}\\u{e0100}");
}

#[test]
fn joiners_in_a_row_are_capped() {
    let row = |women: usize| vec!["👩"; women].join("\u{200d}");
    let most = usize::from(JOINS) + 1;
    assert_eq!(visible(&row(most)), row(most));
    assert_eq!(visible(&row(most + 1)), format!("{}\\u{{200d}}👩", row(most)));
}

#[test]
fn marks_are_capped_on_each_base_and_need_one() {
    let zalgo = format!("a{0}b{0}", "\u{301}".repeat(50));
    let out = visible(&zalgo);
    assert_eq!(out.matches('\u{301}').count(), 2 * usize::from(MARKS));
    assert_eq!(out.matches("\\u{301}").count(), 2 * (50 - usize::from(MARKS)));
    assert_eq!(visible("\u{301}ana"), "\\u{301}ana");
    assert_eq!(shown("a\n\u{301}\x1b\u{301}".as_bytes()), "a\n\\u{301}^[\\u{301}");
}

#[test]
fn a_line_is_cut_to_its_columns_between_characters() {
    assert_eq!(fit("abc", 3), "abc");
    assert_eq!(fit("abcd", 3), "ab…");
    assert_eq!(fit("abcd", 1), "…");
    assert_eq!(fit("abcd", 0), "");
    assert_eq!(fit("日本語", 4), "日…");
    assert_eq!(fit("cafe\u{301}s au lait", 5), "cafe\u{301}…");
    assert_eq!(fit("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 3), "👩‍👩‍👧‍👦…");
    assert_eq!((width("日本語"), width("e\u{301}"), width("👩‍👩‍👧‍👦")), (6, 1, 2));
}
