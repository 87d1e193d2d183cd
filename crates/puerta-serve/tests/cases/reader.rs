//! The tables as they are written.

use super::Answer;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// What the server was told: words of `@site`.
    pub(crate) site: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: String,
    pub(crate) fields: Vec<(String, String)>,
    /// What follows the head.
    pub(crate) payload: String,
}

/// A line of a table.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// `ranges.txt:12`
    pub(crate) place: String,
    pub(crate) text: String,
    pub(crate) ask: Ask,
    pub(crate) expected: Vec<String>,
}

const TABLES: [(&str, &str); 7] = [
    ("conditions.txt", include_str!("conditions.txt")),
    ("folders.txt", include_str!("folders.txt")),
    ("framing.txt", include_str!("framing.txt")),
    ("methods.txt", include_str!("methods.txt")),
    ("negotiation.txt", include_str!("negotiation.txt")),
    ("paths.txt", include_str!("paths.txt")),
    ("ranges.txt", include_str!("ranges.txt")),
];

/// The cases of all tables.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, table) in TABLES {
        let mut site = "";
        for (number, line) in table.lines().enumerate() {
            if let Some(words) = line.strip_prefix("@site") {
                site = words.trim();
            } else if !line.is_empty() && !line.starts_with('#') {
                let place = format!("{name}:{}", number + 1);
                cases.push(read(site, line).unwrap_or_else(|| panic!("{place}: {line}")).at(place));
            }
        }
    }
    cases
}

impl Ask {
    /// As it goes over HTTP/1.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} {}\r\n", self.method, self.target, self.version);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}:{value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(&self.payload);
        // One character is one byte, so that a table can write any byte.
        text.chars().flat_map(|c| u8::try_from(c).map_or_else(|_| c.to_string().into_bytes(), |b| vec![b])).collect()
    }
}

impl Case {
    /// With tags and dates in place of what stands for them.
    pub(crate) fn resolve(&self, mut answer: impl FnMut(&Ask) -> Answer) -> Case {
        let mut case = self.clone();
        let mut put = |text: &mut String| {
            while let Some((before, rest)) = text.clone().split_once('{') {
                let (inner, behind) = rest.split_once('}').unwrap_or_else(|| panic!("{}: no brace", self.place));
                let mut words = inner.split(' ');
                let (kind, path, coding) = (words.next().unwrap(), words.next().unwrap(), words.next());
                let mut ask =
                    Ask { method: "GET".into(), target: path.into(), payload: String::new(), ..self.ask.clone() };
                ask.version = "HTTP/1.1".into();
                ask.fields = vec![("Host".into(), " localhost".into())];
                ask.fields.extend(coding.map(|coding| ("Accept-Encoding".into(), format!(" {coding}"))));
                let name = if kind == "etag" { "ETag" } else { "Last-Modified" };
                let value = answer(&ask).field(name).unwrap_or_else(|| panic!("{}: no {name} of {path}", self.place));
                *text = format!("{before}{value}{behind}");
            }
        };
        case.ask.fields.iter_mut().for_each(|(_, value)| put(value));
        case.expected.iter_mut().for_each(&mut put);
        case
    }

    fn at(self, place: String) -> Case {
        Case { place, ..self }
    }
}

fn read(site: &str, line: &str) -> Option<Case> {
    let (request, expected) = line.split_once(" => ")?;
    let mut request = request.split(" | ");
    let mut first = request.next()?.splitn(2, ' ');
    let (method, rest) = (unescape(first.next()?), first.next()?);
    let (target, version) = match rest.split_once(" HTTP/") {
        Some((target, version)) => (target, Some(format!("HTTP/{version}"))),
        None => (rest, None),
    };
    let mut fields: Vec<(String, String)> = Vec::new();
    fields.extend(version.is_none().then(|| ("Host".into(), " localhost".into())));
    let mut payload = String::new();
    for part in request {
        if let Some(text) = part.strip_prefix("payload ") {
            payload = unescape(text);
        } else {
            let (name, value) = part.split_once(':')?;
            fields.push((unescape(name), unescape(value)));
        }
    }
    let (version, target) = (unescape(&version.unwrap_or("HTTP/1.1".into())), unescape(target));
    let ask = Ask { site: site.into(), method, target, version, fields, payload };
    let expected = expected.split(" | ").map(unescape).collect();
    Some(Case { place: String::new(), text: line.into(), ask, expected })
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, false) => out.push(c),
            _ => match chars.next().unwrap() {
                'r' => out.push('\r'),
                'n' => out.push('\n'),
                't' => out.push('\t'),
                '0' => out.push('\0'),
                'x' => {
                    let digits: String = chars.by_ref().take(2).collect();
                    out.push(char::from(u8::from_str_radix(&digits, 16).unwrap()));
                }
                other => out.push(other),
            },
        }
    }
    out
}
