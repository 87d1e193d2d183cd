//! What a character is to a terminal.

use unicode_width::UnicodeWidthChar;

/// The classes that the stream tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// C0 and DEL.
    Caret,
    /// Shown as `\u{…}` wherever it stands.
    Hidden,
    /// Takes no column and draws on the base before it.
    Mark,
    /// ZWJ and its like.
    Joiner,
    /// Chooses a glyph for the base before it.
    Selector,
    /// Takes columns of its own.
    Base,
}

pub(crate) fn class(c: char) -> Class {
    match c {
        ' '..='~' => Class::Base,
        '\0'..='\u{1f}' | '\u{7f}' => Class::Caret,
        '\u{180e}' | '\u{200c}' | '\u{200d}' => Class::Joiner,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Class::Selector,
        _ if hidden(c) => Class::Hidden,
        _ if c.width().unwrap_or(0) == 0 => Class::Mark,
        _ => Class::Base,
    }
}

/// Whether a joiner belongs beside this character: the scripts with cursive joining or viramas, and emoji.
pub(crate) fn joins(c: char) -> bool {
    matches!(c,
        // Hebrew to Tibetan, and Myanmar to Vedic Extensions; not Latin, Greek or Cyrillic.
        '\u{0590}'..='\u{1cff}'
        // Arrows to miscellaneous symbols: parts of emoji such as a heart or a head that shakes.
        | '\u{2190}'..='\u{2bff}'
        // Phags-pa to Meetei Mayek.
        | '\u{a840}'..='\u{abff}'
        // Arabic presentation forms.
        | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        // Scripts and emoji of the supplementary plane.
        | '\u{10800}'..='\u{1fbff}')
}

/// Whether this base can have this variation selector (UTS #51, the Ideographic Variation Database, StandardizedVariants).
pub(crate) fn selects(base: char, selector: char) -> bool {
    match selector {
        '\u{fe0e}' | '\u{fe0f}' if base.is_ascii() => matches!(base, '0'..='9' | '#' | '*'),
        '\u{fe00}'..='\u{fe0f}' => !base.is_ascii() && !base.is_whitespace(),
        '\u{e0100}'..='\u{e01ef}' => {
            matches!(base, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3fffd}')
        }
        _ => matches!(base, '\u{1820}'..='\u{18aa}'),
    }
}

/// C1, Cf without the signs that are ink, Zl, Zp, Default_Ignorable_Code_Point, noncharacters. In the order of the code points.
fn hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}
