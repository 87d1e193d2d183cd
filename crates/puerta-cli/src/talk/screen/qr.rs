//! An invite's link as a QR code (ISO/IEC 18004).

use qrcode::{Color, EcLevel, QrCode};
use ratatui::crossterm::terminal::size;

/// Rows of a window that does not tell.
const ROWS: usize = 24;

/// The light dots around a code that the standard asks for. Phones are content with less.
pub(crate) const QUIET: usize = 4;

/// The link as lines of half blocks, two rows of dots in each, with so many light dots around; none where it is too long. The
/// lowest level of correction makes it small enough for a window of 24 rows: a screen is not scratched.
pub(crate) fn qr(link: &str, quiet: usize) -> Vec<String> {
    let Ok(code) = QrCode::with_error_correction_level(link, EcLevel::L) else { return Vec::new() };
    let (width, dots) = (code.width(), code.to_colors());
    let dark = |x: usize, y: usize| {
        let at = x.checked_sub(quiet).filter(|x| *x < width).zip(y.checked_sub(quiet));
        at.and_then(|(x, y)| dots.get(y * width + x)).is_some_and(|dot| *dot == Color::Dark)
    };
    let all = width + 2 * quiet;
    let block = |x, y| match (dark(x, y), dark(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    (0..all).step_by(2).map(|y| (0..all).map(|x| block(x, y)).collect()).collect()
}

/// The code for a terminal that scrolls, where so many rows are written besides: with as many dots around as its window has
/// rows for.
pub(crate) fn printed(link: &str, besides: usize) -> Vec<String> {
    let rows = size().map_or(ROWS, |(_, rows)| rows.into());
    let mut codes = (1..=QUIET).rev().map(|quiet| qr(link, quiet));
    codes.find(|code| code.len() + besides <= rows).unwrap_or_else(|| qr(link, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use qrcode::render::unicode::Dense1x2;

    #[test]
    fn a_code_has_the_dots_that_the_link_leads_to() {
        let link = format!("puerta://10.0.0.5:7777/main#{}", "Ab-9".repeat(16));
        let code = QrCode::with_error_correction_level(&link, EcLevel::L).unwrap();
        let lines = qr(&link, QUIET);
        assert_eq!(lines.join("\n"), code.render::<Dense1x2>().build());
        assert_eq!((lines.len(), lines[0].chars().count()), (23, 45));
        assert_eq!(qr(&link, 2).len(), 21);
        assert!(qr(&"x".repeat(3000), 2).is_empty());
    }
}
