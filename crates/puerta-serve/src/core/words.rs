//! The words of the pages that a visitor sees: one place, so that they can be translated.

/// The language of these words (BCP 47).
pub(super) const LANGUAGE: &str = "en";

/// The first step of the path where the folder has no name for its visitors, and the link of an error page.
pub(super) const TOP: &str = "Home";
/// What the path is, to who hears the page.
pub(super) const PATH: &str = "Path";
/// The link to the folder above.
pub(super) const UP: &str = "Up";
/// The same, on a page of an error.
pub(super) const ABOVE: &str = "The folder above";
/// What the table is, to who hears the page.
pub(super) const CONTENTS: &str = "Contents of the folder";

/// The columns.
pub(super) const NAME: &str = "Name";
/// How many bytes.
pub(super) const SIZE: &str = "Size";
/// When it was last changed.
pub(super) const MODIFIED: &str = "Modified";
/// The time zone of the dates, until a script has made them the viewer's.
pub(super) const ZONE: &str = "UTC";

/// The field that narrows the list down, and its button.
pub(super) const FILTER: &str = "Filter";
/// How many of the entries the filter shows; the script fills in the numbers.
pub(super) const SHOWN: &str = "{} of {}";
/// The same from the server.
pub(super) fn some(shown: u64, all: u64) -> String {
    format!("{} of {}", grouped(shown), grouped(all))
}
/// The filter matches nothing.
pub(super) const NONE: &str = "Nothing here has that in its name.";
/// The link that takes the filter away.
pub(super) const ALL: &str = "Show everything";

/// There is nothing in the folder.
pub(super) const EMPTY: &str = "This folder is empty.";
/// The folder could not be read to its end.
pub(super) const BROKEN: &str =
    "This list is not complete: the folder could not be read to its end. Load the page again.";
/// The keys, told once there is a script that heeds them.
pub(super) const KEYS: [(&str, &str); 4] = [("/", "filter"), ("↑ ↓", "move"), ("Enter", "open"), ("⌫", "up")];

/// Why a big folder is not sorted.
pub(super) fn unsorted(limit: usize) -> String {
    format!(
        "There are more than {} entries, so they stand in the folder's own order. Once the page is loaded, a click on a \
         column sorts them (that needs scripts). The filter always works.",
        grouped(limit as u64)
    )
}

/// What was listed: `2 folders, 14 files, 3.1 MiB`.
pub(super) fn totals(folders: u64, files: u64, bytes: u64) -> String {
    let mut parts = Vec::with_capacity(3);
    if folders > 0 {
        parts.push(counted(folders, "folder", "folders"));
    }
    if files > 0 {
        parts.push(counted(files, "file", "files"));
        parts.push(size(bytes));
    }
    parts.join(", ")
}

/// A size for people, in powers of 1024: `999 B`, `1.5 KiB`, `12 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths, rounded; what would be 1024 of a unit is 1.0 of the next.
    let mut scale = 1024_u128;
    for (i, unit) in UNITS.iter().enumerate() {
        let tenths = (u128::from(bytes) * 10 + scale / 2) / scale;
        if tenths < 100 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        let whole = (u128::from(bytes) + scale / 2) / scale;
        if whole < 1024 || i + 1 == UNITS.len() {
            return format!("{whole} {unit}");
        }
        scale *= 1024;
    }
    String::new()
}

/// The same to the byte: `1,234,567 bytes`.
pub(super) fn exact_size(bytes: u64) -> String {
    counted(bytes, "byte", "bytes")
}

/// To who speaks HTTP where TLS is spoken.
pub(super) const INSECURE: &str =
    "400 HTTP on the port of HTTPS\nBegin the address with https:// in place of http://.\n";

/// What a status of an error means to a visitor, and what to do about it.
pub(super) fn error(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("Bad request", "The address or the request is malformed. Check the address for typing errors."),
        401 => ("Password needed", "Load the page again and give a name and a password."),
        403 => ("Not allowed", "Ask whoever runs this server for access."),
        404 => ("Not found", "Nothing is at this address. Check it for typing errors, or look in the folder above."),
        405 => ("Method not allowed", "This address can only be read: use GET or HEAD."),
        406 => ("Not acceptable", "Nothing here is of the kind that was asked for. Ask for another one."),
        408 => ("Too slow", "The request took too long to arrive. Try again."),
        410 => ("Gone", "This link has expired or was used before. Ask whoever sent it for a new one."),
        412 => ("Precondition failed", "The file has changed since it was last read. Load it again."),
        414 => ("Address too long", "Shorten the address."),
        416 => {
            ("Range not satisfiable", "The file is shorter than the part that was asked for. Load it from its start.")
        }
        417 => ("Expectation failed", "Send the request without that Expect."),
        429 => ("Too many requests", "Wait a moment, then try again."),
        431 => {
            ("Request head too large", "Send fewer or shorter header fields; deleting this site's cookies may help.")
        }
        500 => ("Server error", "Something went wrong here. Try again; if it stays so, tell whoever runs this server."),
        501 => ("Not implemented", "This server does not know that method: use GET or HEAD."),
        503 => ("Busy", "The server is at its limit. Wait a moment, then try again."),
        505 => ("HTTP version not supported", "Use HTTP/1.1."),
        status if status < 500 => ("Request refused", "Check the address, then try again."),
        _ => ("Server error", "Try again later."),
    }
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_never_1024_of_a_unit() {
        let cases = [
            (0, "0 B"),
            (1, "1 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_188, "9.9 KiB"),
            (10_189, "10 KiB"),
            (1_048_064, "1.0 MiB"),
            (1_048_063, "1023 KiB"),
            (1 << 20, "1.0 MiB"),
            (123 << 20, "123 MiB"),
            (5 << 40, "5.0 TiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
        assert_eq!(exact_size(1), "1 byte");
        assert_eq!(exact_size(1_234_567), "1,234,567 bytes");
        assert_eq!(exact_size(999), "999 bytes");
        assert_eq!(exact_size(1_000), "1,000 bytes");
    }

    #[test]
    fn totals_count_what_is_there() {
        assert_eq!(totals(0, 0, 0), "");
        assert_eq!(totals(1, 0, 0), "1 folder");
        assert_eq!(totals(2, 1, 12), "2 folders, 1 file, 12 B");
        assert_eq!(totals(0, 1500, 2048), "1,500 files, 2.0 KiB");
    }

    #[test]
    fn every_status_has_words_that_say_what_to_do() {
        for status in 400..600 {
            let (title, advice) = error(status);
            assert!(!title.is_empty() && advice.ends_with('.'), "{status}");
        }
    }
}
