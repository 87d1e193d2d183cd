//! One answer, read whole and understood: the first and the last that a connection gives.

use crate::Result;
use std::io::Read;

/// More than any server's head has.
const HEAD: usize = 16 << 10;

/// What came.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    /// How many bytes it is, head and body.
    pub(super) length: usize,
    pub(super) body: Vec<u8>,
}

/// Reads one answer of status 200 that says how long it is, and no byte more than it has.
///
/// # Errors
/// It is another answer, or none.
pub(super) fn read(mut from: impl Read) -> Result<Answer> {
    let tell = |e: std::io::Error| format!("no answer: {e}");
    let mut held = Vec::new();
    let mut part = vec![0; HEAD];
    let end = loop {
        if let Some(at) = held.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if held.len() > HEAD {
            return Err(format!("a head of more than {HEAD} bytes"));
        }
        let count = from.read(&mut part).map_err(tell)?;
        if count == 0 {
            return Err("the connection ended before an answer".to_owned());
        }
        held.extend_from_slice(part.get(..count).unwrap_or_default());
    };
    let mut body = held.split_off(end);
    let told = body_length(&String::from_utf8_lossy(&held))?;
    let missing = told.checked_sub(body.len()).ok_or("more came than the answer's length")?;
    let more = from.take(missing as u64).read_to_end(&mut body).map_err(tell)?;
    match more == missing {
        true => Ok(Answer { length: end + told, body }),
        false => Err(format!("the connection ended {} bytes before the answer did", missing - more)),
    }
}

/// What a head of status 200 says of its body.
fn body_length(head: &str) -> Result<usize> {
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(format!("it answers {status:?}"));
    }
    let lengths = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    let lengths: Vec<&str> = lengths.collect();
    match lengths.as_slice() {
        [length] => length.parse().map_err(|e| format!("Content-Length is {length}: {e}")),
        _ => Err(format!("an answer with {} Content-Lengths", lengths.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_head_and_as_many_bytes_as_that_says() {
        let text = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 4\r\n\r\nHola";
        assert_eq!(read(text.as_slice()), Ok(Answer { length: text.len(), body: b"Hola".to_vec() }));
    }

    #[test]
    fn what_is_no_whole_answer_is_refused() {
        let cases: [&[u8]; 6] = [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nHol",
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nHola!",
            b"HTTP/1.1 200 OK\r\n\r\nHola",
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nHola",
        ];
        for case in cases {
            assert!(read(case).is_err(), "{}", String::from_utf8_lossy(case));
        }
    }
}
