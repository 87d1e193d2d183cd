//! A link as a QR code (ISO/IEC 18004), in the half blocks of a terminal.

use qrcode::{Color, EcLevel, QrCode};
use ratatui::crossterm::terminal::size;

/// Columns and rows of a window that does not tell.
const WINDOW: (u16, u16) = (80, 24);

/// The light dots around a code that the standard asks for. Phones are content with less.
pub(crate) const QUIET: usize = 4;

/// The links as codes, the best first: each with as many light dots around as the standard asks for, and then with fewer.
pub(crate) fn codes(links: Vec<String>) -> impl Iterator<Item = Vec<String>> {
    links.into_iter().flat_map(|link| (1..=QUIET).rev().map(move |quiet| qr(&link, quiet)))
}

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

/// The code for a terminal that scrolls, between these lines and those: of the links, which get shorter, the best that leaves room
/// for all of them in the window, else one that is whole itself. Below is the row of the cursor.
pub(crate) fn printed(links: &[String], above: &[String], below: &[String]) -> Vec<String> {
    painted(chosen(links, above, below, size().unwrap_or(WINDOW)))
}

/// Black on white, whatever the terminal's colours: where those are light on dark, dark dots would be light, which not every camera's program
/// reads. Not where colours are not wanted (<https://no-color.org>) or there are none.
fn painted(code: Vec<String>) -> Vec<String> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    if !variable("NO_COLOR").is_empty() || variable("TERM") == "dumb" {
        return code;
    }
    code.into_iter().map(|row| format!("\x1b[30;107m{row}\x1b[0m")).collect()
}

pub(crate) fn chosen(links: &[String], above: &[String], below: &[String], (columns, rows): (u16, u16)) -> Vec<String> {
    let (columns, rows) = (usize::from(columns.max(1)), usize::from(rows));
    let taken = |lines: &[String]| lines.iter().map(|l| puerta_text::width(l).div_ceil(columns).max(1)).sum::<usize>();
    let (above, below) = (taken(above), taken(below) + 1);
    let fits = |besides: usize| {
        let open = links.iter().filter(|_| below == 1).map(|link| open_below(qr(link, 1)));
        let mut all = codes(links.to_vec()).chain(open);
        all.find(|code| code.len() + besides <= rows && code.first().is_some_and(|row| row.chars().count() <= columns))
    };
    fits(above + below).or_else(|| fits(below)).or_else(|| codes(links.to_vec()).last()).unwrap_or_default()
}

/// Without the last row, where that is light: the empty row below does as well.
fn open_below(mut code: Vec<String>) -> Vec<String> {
    if code.last().is_some_and(|row| row.trim().is_empty()) {
        code.pop();
    }
    code
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
