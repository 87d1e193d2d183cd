//! Requests that two servers could understand in two ways: what the parser of heads and the core make of them. What a connection
//! makes of them, bodies included, is tested where there is one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod vectors;

use puerta_serve::core::plan::{Answer, Plan, plan};
use puerta_serve::core::site::Site;
use puerta_serve::http1::head::{Framing, Limits, Request, Room, read};
use std::collections::HashSet;
use vectors::{Vector, Verdict, all};

/// What is known of the responses from the heads alone.
#[derive(Debug, PartialEq)]
struct Seen {
    statuses: Vec<u16>,
    end: End,
}

#[derive(Debug, PartialEq)]
enum End {
    /// A head was refused.
    Refused,
    /// The client wants it, or can have no more.
    Close,
    /// A head is not whole, or there is no more.
    Waits,
    /// A body follows, and what is behind it is not looked at here.
    Body,
}

#[test]
fn there_are_at_least_two_hundred_and_each_is_another() {
    let vectors = all();
    let names: HashSet<&str> = vectors.iter().map(|vector| vector.name.as_str()).collect();
    let bytes: HashSet<&[u8]> = vectors.iter().map(|vector| vector.bytes.as_slice()).collect();
    assert_eq!((names.len(), bytes.len()), (vectors.len(), vectors.len()));
    assert!(vectors.len() >= 200, "{}", vectors.len());
    assert!(vectors.iter().all(|vector| vector.source.contains(' ') && !vector.verdicts.is_empty()));
}

#[test]
fn an_ambiguous_head_is_refused_and_no_other_is() {
    let wrong: Vec<String> = all().iter().filter_map(complaint).collect();
    assert!(wrong.is_empty(), "{} vectors:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_head_in_pieces_is_taken_or_refused_as_a_whole_one() {
    for vector in all().iter().filter(|vector| vector.bytes.len() < 600) {
        let mut pieces = (1..=vector.bytes.len()).map(|length| taken(&vector.bytes[..length]));
        let early = pieces.find(|taken| *taken != Some(None));
        assert_eq!(early.unwrap_or(Some(None)), taken(&vector.bytes), "{}", vector.name);
    }
}

/// How long the first head is; within, `None` while it is not whole; around, `None` where it is refused, with whatever status: what can
/// be told of a version depends on how much of it has come.
fn taken(bytes: &[u8]) -> Option<Option<usize>> {
    let mut room = Room::new();
    read(bytes, &mut room, &Limits::default()).ok().map(|request| request.map(|request| request.length))
}

fn complaint(vector: &Vector) -> Option<String> {
    let seen = look(&vector.bytes);
    let fits = vector.verdicts.iter().any(|verdict| fits(&seen, verdict));
    (!fits).then(|| format!("{}: {seen:?}, not {:?} ({})", vector.name, vector.verdicts, vector.source))
}

fn fits(seen: &Seen, verdict: &Verdict) -> bool {
    let final_ones: Vec<u16> = verdict.statuses.iter().copied().filter(|status| *status >= 200).collect();
    match seen.end {
        End::Body => final_ones.starts_with(&seen.statuses),
        End::Refused | End::Close => final_ones == seen.statuses && verdict.closes,
        // A server may close after an error that it answers.
        End::Waits => {
            let cut = verdict.closes && final_ones.last().is_some_and(|last| *last >= 400);
            final_ones == seen.statuses && !verdict.closes || cut && seen.statuses.starts_with(&final_ones)
        }
    }
}

fn look(bytes: &[u8]) -> Seen {
    let (mut statuses, mut rest) = (Vec::new(), bytes);
    let end = loop {
        let mut room = Room::new();
        let request = match read(rest, &mut room, &Limits::default()) {
            Ok(None) => break End::Waits,
            Err(refused) => {
                statuses.push(refused.status.0);
                break End::Refused;
            }
            Ok(Some(request)) => request,
        };
        statuses.push(status(&request));
        if request.framing != Framing::Empty {
            break End::Body;
        }
        if !request.keep_alive {
            break End::Close;
        }
        rest = &rest[request.length..];
    };
    Seen { statuses, end }
}

/// What the core answers, over a folder with the files of the vectors.
fn status(request: &Request<'_>) -> u16 {
    match plan(&request.head, &Site::default()) {
        Plan::Answer(Answer::Refused(why)) => why.status().0,
        Plan::Answer(Answer::Options) => 204,
        Plan::Lookup(lookup) if matches!(lookup.path.as_bytes(), b"a" | b"b" | b"smuggled") => 200,
        Plan::Lookup(_) => 404,
    }
}
