//! Reads `tests/cases/smuggling.txt`, which says how it is written.

use std::fs;
use std::path::Path;

/// A few bytes of one client.
pub(crate) struct Vector {
    pub(crate) name: String,
    /// What is allowed.
    pub(crate) verdicts: Vec<Verdict>,
    /// The RFC and its sections.
    pub(crate) source: String,
    pub(crate) bytes: Vec<u8>,
}

/// All responses, and what becomes of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) statuses: Vec<u16>,
    /// For each, whether HEAD asked for it, so that it has no body whatever its head says.
    pub(crate) bodiless: Vec<bool>,
    pub(crate) closes: bool,
}

pub(crate) fn all() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../puerta-serve/tests/cases/smuggling.txt");
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(vector).collect()
}

fn vector(line: &str) -> Vector {
    let mut parts = line.splitn(4, " | ");
    let mut part = || parts.next().unwrap_or_else(|| panic!("four parts: {line}"));
    let (name, verdicts, source, bytes) = (part(), part(), part(), part());
    Vector {
        name: name.to_owned(),
        verdicts: verdicts
            .split(" or ")
            .map(|text| verdict(text).unwrap_or_else(|| panic!("{name}: {text}")))
            .collect(),
        source: source.to_owned(),
        bytes: bytes_of(bytes),
    }
}

fn verdict(text: &str) -> Option<Verdict> {
    let mut words: Vec<&str> = text.split(' ').collect();
    let closes = match words.pop()? {
        "close" => true,
        "open" => false,
        _ => return None,
    };
    let bodiless = words.iter().map(|word| word.ends_with('-')).collect();
    let statuses = words.iter().map(|word| word.trim_end_matches('-').parse().ok()).collect::<Option<_>>()?;
    Some(Verdict { statuses, bodiless, closes })
}

fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        rest = &rest[sign.len_utf8()..];
        if sign != '\\' {
            bytes.push(u8::try_from(sign).unwrap_or_else(|_| panic!("\\x for {sign}: {text}")));
            continue;
        }
        let escape = rest.chars().next().unwrap();
        rest = &rest[1..];
        match escape {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '\\' => bytes.push(b'\\'),
            'x' => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                rest = &rest[2..];
            }
            '{' => {
                let (count, behind) = rest.split_once(':').unwrap();
                let (repeated, behind) = behind.split_once('}').unwrap();
                bytes.extend(bytes_of(repeated).repeat(count.parse().unwrap()));
                rest = behind;
            }
            other => panic!("no escape: \\{other} in {text}"),
        }
    }
    bytes
}
