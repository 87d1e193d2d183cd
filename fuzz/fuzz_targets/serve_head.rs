//! Any bytes, cut anywhere: a head is taken where a slow reading of the grammar takes it, with the same fields, framing and
//! length whatever follows; a refused one stays refused, and what is waited for is neither whole nor longer than its limit.
#![no_main]

use puerta_serve::core::head::{Method, Version};
use puerta_serve::http1::head::{Framing, Limits, MOST_FIELDS, Room, read};

#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Waits,
    Refused,
    Taken(Taken),
}

#[derive(Debug, Clone, PartialEq)]
struct Taken {
    length: usize,
    method: Method,
    target: Vec<u8>,
    version: Version,
    fields: Vec<(String, Vec<u8>)>,
    framing: Framing,
    keep_alive: bool,
    expects_continue: bool,
}

libfuzzer_sys::fuzz_target!(|input: (u8, u16, &[u8])| {
    let (kind, cut, bytes) = input;
    let limits = match kind % 4 {
        0 => Limits::default(),
        1 => Limits { head: 64, fields: 2, target: 16 },
        2 => Limits { head: 200, fields: 4, target: 40 },
        _ => Limits { fields: MOST_FIELDS + 1, target: 8, ..Limits::default() },
    };
    let whole = outcome(bytes, &limits);
    let mut cuts = vec![usize::from(cut).min(bytes.len())];
    match &whole {
        Outcome::Waits => assert!(bytes.len() <= limits.head && head_end(bytes).is_none()),
        Outcome::Refused => {}
        Outcome::Taken(taken) => {
            assert!(taken.length <= bytes.len());
            sound(&bytes[..taken.length], taken);
            again(&bytes[..taken.length], taken, &limits);
            cuts.extend([taken.length - 1, taken.length]);
        }
    }
    let taken = if let Outcome::Taken(taken) = &whole { Some(taken) } else { None };
    assert_eq!(taken, slowly(bytes, &limits).as_ref());
    for cut in cuts {
        match (outcome(&bytes[..cut], &limits), &whole) {
            (Outcome::Waits, Outcome::Taken(taken)) => assert!(cut < taken.length),
            (Outcome::Waits, _) | (Outcome::Refused, Outcome::Refused) => {}
            (part @ Outcome::Taken(_), whole) => assert_eq!(part, *whole),
            (part, whole) => panic!("{part:?} of the first {cut} bytes, {whole:?} of all"),
        }
    }
});

fn outcome(bytes: &[u8], limits: &Limits) -> Outcome {
    let mut room = Room::new();
    match read(bytes, &mut room, limits) {
        Ok(None) => Outcome::Waits,
        Err(refused) => {
            assert!(matches!(refused.status.0, 400 | 414 | 417 | 431 | 501 | 505));
            assert_eq!(refused.status, refused.why.status());
            Outcome::Refused
        }
        Ok(Some(request)) => Outcome::Taken(Taken {
            length: request.length,
            method: request.head.method,
            target: request.head.target.to_vec(),
            version: request.head.version,
            fields: request.head.fields.iter().map(|f| (f.name.to_owned(), f.value.to_vec())).collect(),
            framing: request.framing,
            keep_alive: request.keep_alive,
            expects_continue: request.expects_continue,
        }),
    }
}

/// Of what was taken, each promise by itself.
fn sound(head: &[u8], taken: &Taken) {
    let count = |name: &str| taken.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).count();
    let hosts = count("Host");
    assert!(hosts == 1 || hosts == 0 && taken.version == Version::Http10);
    assert!(count("Content-Length") + count("Transfer-Encoding") <= 1);
    assert_eq!(taken.framing == Framing::Chunked, count("Transfer-Encoding") == 1);
    assert!(head.ends_with(b"\r\n\r\n"));
    for (at, byte) in head.iter().enumerate() {
        match byte {
            b'\r' => assert_eq!(head.get(at + 1), Some(&b'\n')),
            b'\n' => assert!(at > 0 && head[at - 1] == b'\r' && !matches!(head.get(at + 1), Some(b' ' | b'\t'))),
            0 => panic!("NUL"),
            _ => {}
        }
    }
}

/// Written from what was read, it is read as the same.
fn again(head: &[u8], taken: &Taken, limits: &Limits) {
    let start = head.iter().position(|b| !b"\r\n".contains(b)).unwrap();
    let method = head[start..].split(|b| *b == b' ').next().unwrap();
    assert_eq!(Method::of(method), taken.method);
    let version: &[u8] = if taken.version == Version::Http10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" };
    let mut text = [method, b" ", &taken.target, version].concat();
    for (name, value) in &taken.fields {
        text.extend([name.as_bytes(), b":", value, b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    assert_eq!(outcome(&text, limits), Outcome::Taken(Taken { length: text.len(), ..taken.clone() }));
}

/// Where a head ends, if it has come whole.
fn head_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let start = bytes.chunks(2).take_while(|two| *two == b"\r\n").count() * 2;
    let end = bytes[start..].windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((start, start + end + 4))
}

/// The grammar of RFC 9112, sections 2 to 6, with our limits, as it is written there.
fn slowly(bytes: &[u8], limits: &Limits) -> Option<Taken> {
    let (start, length) = head_end(bytes)?;
    let head: Vec<char> = bytes[start..length - 4].iter().copied().map(char::from).collect();
    let head: String = head.into_iter().collect();
    let mut lines = head.split("\r\n");
    let request_line = lines.next()?;
    let words: Vec<&str> = request_line.split(' ').collect();
    let [method, target, version] = words[..] else { return None };
    let version = match version {
        "HTTP/1.0" => Version::Http10,
        "HTTP/1.1" => Version::Http11,
        _ => return None,
    };
    let target_bytes: Vec<u8> = target.chars().map(|c| c as u8).collect();
    let method = is_token(method).then(|| Method::of(method.as_bytes()))?;
    if target.chars().any(|c| c <= ' ' || c == '\x7f' || c == '#') || std::str::from_utf8(&target_bytes).is_err() {
        return None;
    }
    if !has_form(method, target) {
        return None;
    }
    let too_long =
        target_bytes.len() > limits.target || bytes[start..].iter().position(|b| *b == b'\r')? >= limits.target + 32;
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches([' ', '\t']);
        if !is_token(name) || value.chars().any(|c| c != '\t' && (c < ' ' || c == '\x7f')) {
            return None;
        }
        fields.push((name.to_owned(), value.chars().map(|c| c as u8).collect()));
    }
    if too_long || length > limits.head || fields.len() > limits.fields.min(MOST_FIELDS) {
        return None;
    }
    let all = |name: &str| -> Vec<String> {
        let named = fields.iter().filter(|(other, _)| other.to_ascii_lowercase() == name);
        named.map(|(_, value)| value.iter().copied().map(char::from).collect::<String>().to_ascii_lowercase()).collect()
    };
    match (&all("host")[..], version) {
        ([], Version::Http10) => {}
        ([host], _) if is_host(host) => {}
        _ => return None,
    }
    let framing = match (&all("transfer-encoding")[..], &all("content-length")[..]) {
        ([], []) => Framing::Empty,
        ([coding], []) if coding == "chunked" && version == Version::Http11 => Framing::Chunked,
        ([], [digits]) if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) => {
            match digits.parse().ok()? {
                0 => Framing::Empty,
                length => Framing::Length(length),
            }
        }
        _ => return None,
    };
    let expects = all("expect");
    let expects_continue = version == Version::Http11 && !expects.is_empty();
    if expects_continue && expects.iter().any(|value| value != "100-continue") {
        return None;
    }
    let options = all("connection").join(",");
    let says = |option: &str| options.split(',').any(|other| other.trim_matches([' ', '\t']) == option);
    let keep_alive = !says("close") && (version == Version::Http11 || says("keep-alive"));
    Some(Taken { length, method, target: target_bytes, version, fields, framing, keep_alive, expects_continue })
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

fn has_form(method: Method, target: &str) -> bool {
    let lower = target.to_ascii_lowercase();
    match lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")) {
        _ if method == Method::Connect => is_host(target),
        _ if target.starts_with('/') || target == "*" && method == Method::Options => true,
        Some(rest) => is_host(&rest[..rest.find(['/', '?']).unwrap_or(rest.len())]),
        None => false,
    }
}

/// RFC 3986, section 3.2.2, with any letters where it has address literals and percent-encoding.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rfind(':').filter(|at| !text[*at..].contains(']')) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=%".contains(c);
    let is_literal = |c: char| c.is_ascii_alphanumeric() || ":.%-_~".contains(c);
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let fits = match literal {
        Some(literal) => !literal.is_empty() && literal.chars().all(is_literal),
        None => !host.is_empty() && host.chars().all(is_name),
    };
    fits && port.len() <= 5 && port.chars().all(|c| c.is_ascii_digit())
}
