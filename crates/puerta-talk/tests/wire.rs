//! The frames of plain mode, byte by byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use puerta_talk::wire::{Control, Decoded, Flaw, Frame, Misfit, SERVER, TEXT_MAX, Wire};

fn frame(user: &str, time: &str, text: &str) -> Frame {
    Frame { user: user.into(), time: time.into(), text: text.into() }
}

/// A field as a C program fills it: the text, NUL, zeros.
fn field(text: &[u8], len: usize) -> Vec<u8> {
    let mut field = text.to_vec();
    field.resize(len, 0);
    field
}

/// Each wire's golden frame, written by hand, and what it says.
fn golden() -> Vec<(Wire, Vec<u8>, Frame)> {
    let time = "Thu Nov 20 15:26:00 2025";
    let lengths = |user: u64, text: u64| [user.to_le_bytes(), text.to_le_bytes()].concat();
    vec![
        (Wire::Text, "¡Hola!\n".into(), frame("", "", "¡Hola!")),
        (Wire::Ull1024, field(b"Hola", 1024), frame("", "", "Hola")),
        (
            Wire::Ull1106,
            [field(b"ana", 32), field(time.as_bytes(), 50), field("¿Qué tal?".as_bytes(), 1024)].concat(),
            frame("ana", time, "¿Qué tal?"),
        ),
        (
            Wire::Ull2096,
            [field(b"ana", 25), field(b"Hola", 2048), vec![0; 7], lengths(3, 4)].concat(),
            frame("ana", "", "Hola"),
        ),
        (
            Wire::Ull1066,
            [field(b"ana", 16), field(b"Hola", 1024), field(time.as_bytes(), 26)].concat(),
            frame("ana", time, "Hola"),
        ),
    ]
}

#[test]
fn each_wire_has_its_golden_frame_both_ways() {
    for (wire, bytes, frame) in golden() {
        let wanted = wire.name().strip_prefix("ull").map_or(bytes.len(), |len| len.parse().unwrap());
        assert_eq!((bytes.len(), wire.name().parse()), (wanted, Ok(wire)));
        assert_eq!(wire.encode(&frame).unwrap(), bytes, "{}", wire.name());
        assert_eq!(wire.decode(&bytes), Decoded { frame, flaws: vec![] }, "{}", wire.name());
    }
}

#[test]
fn the_memory_behind_a_nul_is_neither_shown_nor_passed_on() {
    for (wire, clean, frame) in golden().into_iter().skip(1) {
        let mut dirty = clean.clone();
        let counts = if wire == Wire::Ull2096 { 2080 } else { dirty.len() };
        for at in 1..counts {
            if clean[at] == 0 && clean[at - 1] == 0 {
                dirty[at] = 0xfe;
            }
        }
        assert_ne!(dirty, clean);
        assert_eq!(wire.decode(&dirty), Decoded { frame: frame.clone(), flaws: vec![] }, "{}", wire.name());
        let forwarded = wire.forward(&dirty, &frame);
        assert_eq!(forwarded, if wire.is_stream() { dirty } else { clean }, "{}", wire.name());
    }
}

#[test]
fn a_frame_of_a_wrong_length_is_read_as_far_as_it_goes_and_says_so() {
    let (wire, mut bytes, whole) = golden().swap_remove(2);
    bytes.push(b'x');
    assert_eq!(wire.decode(&bytes), Decoded { frame: whole, flaws: vec![Flaw::Length { len: 1107, wanted: 1106 }] });
    bytes.truncate(34);
    let short = wire.decode(&bytes);
    assert_eq!((short.frame, short.flaws.len()), (frame("ana", "Th", ""), 1));
    assert_eq!(wire.decode(b"").flaws, [Flaw::Length { len: 0, wanted: 1106 }]);
    assert_eq!(Wire::Text.decode(b""), Decoded::default(), "an empty line is a line");
}

#[test]
fn what_is_not_utf8_says_so_and_is_there() {
    for (wire, _, _) in golden() {
        let sent = Frame { text: b"ol\xe9".to_vec(), ..Frame::default() };
        let decoded = wire.decode(&wire.encode(&sent).unwrap());
        assert_eq!((decoded.frame.text.as_slice(), decoded.flaws), (&b"ol\xe9"[..], vec![Flaw::NotUtf8]));
    }
}

#[test]
fn lengths_within_a_frame_are_believed_only_where_they_fit() {
    let (wire, mut bytes, _) = golden().swap_remove(3);
    bytes[25..29].copy_from_slice(b"Hola");
    bytes[29] = b'!';
    assert_eq!(wire.decode(&bytes).frame.text, b"Hola", "a peer that writes no NUL says how long its text is");
    bytes[2088..].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(wire.decode(&bytes), Decoded { frame: frame("ana", "", "Hola!"), flaws: vec![Flaw::Count] });
}

#[test]
fn what_does_not_fit_is_refused_with_the_limit_and_never_cut() {
    for wire in Wire::ALL {
        let max = wire.text_max();
        let text = |len| Frame { text: vec![b'x'; len], ..Frame::default() };
        let whole = wire.encode(&text(max)).unwrap();
        assert_eq!(wire.decode(&whole).frame, text(max));
        assert_eq!(wire.encode(&text(max + 1)), Err(Misfit::Text { len: max + 1, max }));
        let user = |len| Frame { user: vec![b'u'; len], ..Frame::default() };
        let most = wire.user_max().unwrap_or(0);
        assert_eq!(wire.encode(&user(most + 1)), Err(Misfit::User { len: most + 1, max: most }));
    }
    assert_eq!(Wire::ALL.map(Wire::text_max), [TEXT_MAX, 1023, 1023, 2047, 1023]);
    assert_eq!(Wire::ALL.map(Wire::user_max), [None, None, Some(31), Some(24), Some(15)]);
    assert_eq!(Wire::Ull1024.encode(&frame("", "", "a\0b")), Err(Misfit::Nul));
    assert_eq!(Wire::Text.encode(&frame("", "", "a\0b")).unwrap(), b"a\0b\n");
}

#[test]
fn the_commands_of_each_wire_are_its_own() {
    let says = |wire: Wire, text: &str| wire.control(&frame("ana", "", text));
    assert_eq!(says(Wire::Ull1106, "/talk_join"), Some(Control::Join));
    assert_eq!(Wire::Ull1106.control(&frame(SERVER, "", "/talk_connected")), Some(Control::Connected));
    assert_eq!(says(Wire::Ull1106, "/talk_quit"), Some(Control::Quit));
    assert_eq!(says(Wire::Ull2096, r"\quit"), Some(Control::Quit));
    for wire in [Wire::Text, Wire::Ull1024, Wire::Ull1066] {
        assert_eq!(["/talk_join", "/talk_quit", r"\quit"].map(|text| says(wire, text)), [None; 3]);
    }
    for (wire, control) in [(Wire::Ull1106, Control::Join), (Wire::Ull2096, Control::Quit)] {
        let text = wire.control_text(control).unwrap();
        assert_eq!(wire.control(&Frame { text: text.to_vec(), ..Frame::default() }), Some(control));
    }
}

fn any_wire() -> impl Strategy<Value = Wire> {
    proptest::sample::select(Wire::ALL.to_vec())
}

/// A frame that fits its wire.
fn fitting() -> impl Strategy<Value = (Wire, Frame)> {
    any_wire().prop_flat_map(|wire| {
        let bytes = |max: usize| proptest::collection::vec(1..=255u8, 0..=max);
        let time = match wire {
            Wire::Ull1106 => 49,
            Wire::Ull1066 => 25,
            _ => 0,
        };
        let text = bytes(wire.text_max().min(3000));
        (bytes(wire.user_max().unwrap_or(0)), bytes(time), text)
            .prop_map(move |(user, time, text)| (wire, Frame { user, time, text }))
    })
}

proptest! {
    #[test]
    fn what_was_encoded_decodes_to_itself((wire, frame) in fitting()) {
        let bytes = wire.encode(&frame).unwrap();
        prop_assert_eq!(bytes.len(), wire.frame_len().unwrap_or(frame.text.len() + 1));
        let decoded = wire.decode(&bytes);
        prop_assert_eq!(decoded.frame, frame);
        prop_assert!(decoded.flaws.iter().all(|flaw| *flaw == Flaw::NotUtf8));
    }

    #[test]
    fn any_bytes_are_read_and_what_is_passed_on_reads_the_same(
        wire in any_wire(), bytes in proptest::collection::vec(any::<u8>(), 0..2200),
    ) {
        let decoded = wire.decode(&bytes);
        let forwarded = wire.forward(&bytes, &decoded.frame);
        prop_assert_eq!(&wire.decode(&forwarded).frame, &decoded.frame);
        if !wire.is_stream() && let Some(len) = wire.frame_len() {
            prop_assert_eq!(forwarded.len(), len);
        }
    }
}
