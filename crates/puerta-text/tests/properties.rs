//! Promises that hold for every input.

use proptest::collection::vec;
use proptest::prelude::*;
use puerta_text::{Options, Visible, fit, visible, width};

/// Bytes that are all kinds of trouble, near to one another.
fn trouble() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        vec(any::<u8>(), 0..8),
        any::<char>().prop_map(|c| c.to_string().into_bytes()),
        prop::sample::select(vec![
            "\r",
            "\n",
            "\t",
            "\x1b[2J",
            "\u{9b}",
            "\u{200d}",
            "\u{200c}",
            "\u{fe0f}",
            "\u{301}",
            "\u{94d}",
            "क",
            "👩",
            "❤",
            "\u{202e}",
            "\u{e0100}",
            "葛",
            "a",
            "1",
            " ",
            "é",
            "\u{180e}",
            "ᠠ",
            "\u{feff}",
            "\u{e0041}",
        ])
        .prop_map(|s| s.as_bytes().to_vec()),
    ];
    vec(part, 0..40).prop_map(|parts| parts.concat())
}

fn steers(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn run(options: Options, parts: &[&[u8]]) -> Vec<u8> {
    let (mut stream, mut out) = (Visible::new(options), Vec::new());
    parts.iter().for_each(|part| stream.push(part, &mut out));
    stream.finish(&mut out);
    out
}

fn in_parts<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_raw_control_comes_out_and_the_output_is_bounded_text(
        bytes in trouble(), cuts in vec(any::<prop::sample::Index>(), 0..6), one_line: bool,
    ) {
        let out = run(Options { one_line }, &in_parts(&bytes, &cuts));
        prop_assert!(out.len() <= 4 * bytes.len());
        let text = String::from_utf8(out).unwrap();
        for c in text.chars() {
            prop_assert!(!c.is_control() || (!one_line && matches!(c, '\n' | '\t')), "{c:?} in {text:?}");
            prop_assert!(!steers(c), "{:?} in {:?}", c, text);
        }
    }

    #[test]
    fn splitting_never_changes_the_result(bytes in trouble(), cuts in vec(any::<prop::sample::Index>(), 0..12), one_line: bool) {
        let options = Options { one_line };
        prop_assert_eq!(run(options, &in_parts(&bytes, &cuts)), run(options, &[&bytes]));
    }

    #[test]
    fn what_is_visible_stays_as_it_is(bytes in trouble()) {
        let once = run(Options::default(), &[&bytes]);
        prop_assert_eq!(run(Options::default(), &[&once]), once);
    }

    #[test]
    fn plain_ascii_passes_unchanged(text in "[ -~\n\t]*") {
        prop_assert_eq!(run(Options::default(), &[text.as_bytes()]), text.as_bytes());
    }

    #[test]
    fn ordinary_words_of_many_scripts_pass_unchanged(words in vec(prop::sample::select(vec![
        "¿Qué tal?", "naïve — “so”…", "Ελληνικά", "Привет, мир!", "שָׁלוֹם", "مرحبا", "نمی‌دانم", "नमस्ते", "বাংলা", "தமிழ்", "ไทยที่", "བོད་སྐད་",
        "မြန်မာ", "ខ្មែរ", "한국어", "각", "日本語、", "が", "中文。", "Tiếng Việt", "ệ", "👋🏽", "🇪🇸", "x²≤∞",
    ]), 0..20)) {
        let text = words.join(" ");
        prop_assert_eq!(visible(&text), text.as_str());
    }

    #[test]
    fn a_fitted_line_is_never_wider_than_its_columns(bytes in trouble(), columns in 0usize..30) {
        let line = run(Options { one_line: true }, &[&bytes]);
        let line = String::from_utf8(line).unwrap();
        let cut = fit(&line, columns);
        prop_assert!(width(&cut) <= columns, "{:?} takes {}", cut, width(&cut));
        prop_assert!(*cut == line || columns == 0 || cut.ends_with('…'));
    }
}
