//! A link as a QR code (ISO/IEC 18004), in the half blocks of a terminal.

use qrcode::{Color, EcLevel, QrCode};
use ratatui::crossterm::terminal::size;

/// Columns and rows of a window that does not tell.
const WINDOW: (u16, u16) = (80, 24);

/// The light dots around a code that the standard asks for. Phones are content with less.
pub(crate) const QUIET: usize = 4;

/// The links as codes, the best first: each with as many light dots around as the standard asks for, and then with fewer.
pub(crate) fn codes(links: Vec<String>) -> impl Iterator<Item = Vec<String>> {
    let all = links.into_iter().filter_map(|link| Code::of(&link));
    all.flat_map(|code| (1..=QUIET).rev().map(move |quiet| code.rows(quiet)))
}

/// The code for a terminal that scrolls, between these lines and those: of the links, which get shorter, the best that leaves room
/// for all of them in the window, else one that is whole itself; where none is, a line that says so. Below is the row of the cursor.
pub(crate) fn printed(links: &[String], above: &[String], below: &[String]) -> Vec<String> {
    painted(chosen(links, above, below, window()))
}

/// The code of a link behind these lines. Where it would move them out of the window, those that are worth it stand below it `again`.
pub(crate) fn printed_behind(link: &str, above: &[String], again: &[String]) -> Vec<String> {
    let (code, again) = behind(Code::of(link).as_slice(), above, again, window());
    painted(code).into_iter().chain(again.iter().cloned()).collect()
}

pub(crate) fn chosen(links: &[String], above: &[String], below: &[String], window: (u16, u16)) -> Vec<String> {
    let codes: Vec<Code> = links.iter().filter_map(|link| Code::of(link)).collect();
    whole(&codes, above, below, window).or_else(|| whole(&codes, &[], below, window)).unwrap_or_default()
}

fn behind<'a>(code: &[Code], above: &[String], again: &'a [String], window: (u16, u16)) -> (Vec<String>, &'a [String]) {
    let fits = |above: &[String], below: &'a [String]| Some((whole(code, above, below, window)?, below));
    fits(above, &[]).or_else(|| fits(&[], again)).or_else(|| fits(&[], &[])).unwrap_or_default()
}

/// The best of the codes that leaves room for all of these lines; none, where that cannot be.
fn whole(codes: &[Code], above: &[String], below: &[String], (columns, rows): (u16, u16)) -> Option<Vec<String>> {
    let (columns, rows) = (usize::from(columns.max(1)), usize::from(rows));
    let taken = |lines: &[String]| lines.iter().map(|l| puerta_text::width(l).div_ceil(columns).max(1)).sum::<usize>();
    let besides = taken(above) + taken(below) + 1;
    let closed = codes.iter().flat_map(|code| (1..=QUIET).rev().map(|quiet| code.rows(quiet)));
    let open = codes.iter().filter(|_| below.is_empty()).map(|code| open_below(code.rows(1)));
    let mut all = closed.chain(open);
    all.find(|code| code.len() + besides <= rows && code.first().is_some_and(|row| row.chars().count() <= columns))
}

/// Of the terminal; one without a size does not tell.
fn window() -> (u16, u16) {
    size().ok().filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or(WINDOW)
}

/// Black on white, whatever the terminal's colours: where those are light on dark, dark dots would be light, which not every camera's program
/// reads. Not where colours are not wanted (<https://no-color.org>) or there are none.
fn painted(code: Vec<String>) -> Vec<String> {
    if code.is_empty() {
        return vec!["this window is too small for the QR code".to_owned()];
    }
    let variable = |name| std::env::var(name).unwrap_or_default();
    if !variable("NO_COLOR").is_empty() || variable("TERM") == "dumb" {
        return code;
    }
    code.into_iter().map(|row| format!("\x1b[30;107m{row}\x1b[0m")).collect()
}

/// The dots of a code, row by row.
struct Code {
    width: usize,
    dots: Vec<Color>,
}

impl Code {
    /// Of a link; none where that is too long. The lowest level of correction makes it small enough for a window of 24 rows: a screen is not
    /// scratched.
    fn of(link: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(link, EcLevel::L).ok()?;
        Some(Code { width: code.width(), dots: code.into_colors() })
    }

    /// As lines of half blocks, two rows of dots in each, with so many light dots around.
    fn rows(&self, quiet: usize) -> Vec<String> {
        let Code { width, dots } = self;
        let dark = |x: usize, y: usize| {
            let at = x.checked_sub(quiet).filter(|x| x < width).zip(y.checked_sub(quiet));
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
}

/// Without the last row, where that is light: the empty row below does as well.
fn open_below(mut code: Vec<String>) -> Vec<String> {
    if code.last().is_some_and(|row| row.trim().is_empty()) {
        code.pop();
    }
    code
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use qrcode::render::unicode::Dense1x2;

    /// The link as a code; nothing where it is too long.
    pub(crate) fn qr(link: &str, quiet: usize) -> Vec<String> {
        Code::of(link).map(|code| code.rows(quiet)).unwrap_or_default()
    }

    #[test]
    fn a_code_is_whole_with_the_lines_before_it_or_with_some_of_them_again_or_alone_or_not_at_all() {
        let link = format!("https://10.0.0.5:8000/?ticket={}", "a".repeat(22));
        let lines: Vec<String> = [75, 117, 69, 22].map(|wide| "x".repeat(wide)).into();
        for (window, (rows, again)) in [
            ((80, 40), (19, 0)),
            ((80, 21), (15, 0)),
            ((80, 20), (16, 2)),
            ((80, 19), (18, 0)),
            ((80, 18), (17, 0)),
            ((80, 16), (15, 0)),
            ((80, 15), (0, 0)),
            ((31, 80), (16, 0)),
            ((30, 80), (0, 0)),
            ((0, 0), (0, 0)),
        ] {
            let (code, below) = behind(Code::of(&link).as_slice(), &lines, &lines[..2], window);
            assert_eq!((code.len(), below.len()), (rows, again), "{window:?}");
        }
    }

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
