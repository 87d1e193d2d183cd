//! Every case of the tables, asked of the core alone: the head as HTTP/1 reads it, a store that is a list, no I/O. Each twice:
//! with files in memory, and with open ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod cases;

use cases::{Answer, Ask, MODIFIED, site};
use puerta_serve::core::date::Date;
use puerta_serve::core::encoding::Coding;
use puerta_serve::core::etag::ETag;
use puerta_serve::core::found::{Content, File, Folder, Found};
use puerta_serve::core::mime;
use puerta_serve::core::plan::{Fits, Lookup, Plan, plan};
use puerta_serve::core::respond::{answer, put_page, refuse, respond};
use puerta_serve::core::response::{Body, Response};
use puerta_serve::core::site::Site;
use puerta_serve::http1::head::{Limits, Room, read};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

/// A store that is a list of files; a handle is the bytes themselves.
struct World {
    files: BTreeMap<&'static str, Vec<u8>>,
    open: bool,
}

#[test]
fn files_in_memory_are_answered_as_the_tables_say() {
    holds(false);
}

#[test]
fn open_files_are_answered_as_the_tables_say() {
    holds(true);
}

#[test]
fn there_are_at_least_three_hundred_distinct_cases() {
    let (cases, mut distinct) = (cases::all(), BTreeSet::new());
    for case in &cases {
        assert!(distinct.insert(format!("{:?}", case.ask)), "{}: {} is there already", case.place, case.text);
    }
    assert!(distinct.len() >= 300, "{}", distinct.len());
}

fn holds(open: bool) {
    let files = cases::world().into_iter().map(|entry| (entry.path, entry.content)).collect();
    let world = World { files, open };
    let wrong = cases::check(&cases::all(), |ask| world.ask(ask));
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

impl World {
    fn ask(&self, ask: &Ask) -> Answer {
        let site = site(&ask.site);
        let bytes = ask.bytes();
        let mut room = Room::new();
        let request = match read(&bytes, &mut room, &Limits::default()) {
            Ok(request) => request.unwrap_or_else(|| panic!("half a head: {ask:?}")),
            Err(refused) => return read_back(refuse(refused.status, &site), true),
        };
        let head = request.head;
        let now = UNIX_EPOCH + Duration::from_secs(MODIFIED + 86_400);
        let mut response = match plan(&head, &site) {
            Plan::Answer(what) => answer(&head, what, &site),
            Plan::Lookup(lookup) => respond(&head, &lookup, self.look(&lookup, &site), &site, now),
        };
        if let Some(lookup) = site.error_page(response.status)
            && let Found::File(page) = self.look(&lookup, &site)
        {
            put_page(&head, &mut response, page, &site);
        }
        read_back(response, !request.keep_alive)
    }

    fn look(&self, lookup: &Lookup<'_>, site: &Site) -> Found<Vec<u8>> {
        for step in lookup.steps(site) {
            let path = std::str::from_utf8(&step.path).unwrap_or("\n");
            if let Some(content) = self.files.get(path)
                && step.fits != Fits::Folder
            {
                return Found::File(self.file(path, content, lookup, site));
            }
            let below = format!("{path}/");
            let folder = path.is_empty() || self.files.keys().any(|file| file.starts_with(&below));
            if folder && step.fits != Fits::File {
                return Found::Folder(Folder { folder: Vec::new() });
            }
        }
        Found::Missing
    }

    fn file(&self, path: &str, content: &[u8], lookup: &Lookup<'_>, site: &Site) -> File<Vec<u8>> {
        let media = mime::content_type(path.as_bytes(), Some(content));
        let neighbour = |coding: Coding| self.files.get(format!("{path}{}", coding.suffix()).as_str()).cloned();
        let made = content.len() > 1024 && media.as_bytes().starts_with(b"text/");
        let coded =
            |coding: Coding| neighbour(coding).or_else(|| made.then(|| [coding.name().as_bytes(), content].concat()));
        let chosen = lookup.codings.codings().find_map(|coding| Some((coding, coded(coding)?)));
        let varies = site.compression && Coding::ALL.into_iter().any(|coding| coded(coding).is_some());
        let etag = ETag::of_content(content);
        let (coding, bytes) = chosen.unwrap_or_else(|| (Coding::Identity, content.to_vec()));
        let size = bytes.len() as u64;
        let content = if self.open { Content::Open { file: bytes, size } } else { Content::Memory(bytes.into()) };
        File { content, coding, varies, etag: etag.coded(coding), modified: Date::at(MODIFIED), media }
    }
}

/// What a driver would put on the wire, and a client would read.
fn read_back(response: Response<Vec<u8>>, closed: bool) -> Answer {
    let mut text = Vec::new();
    response.fields.write_to(&mut text);
    let text = String::from_utf8(text).unwrap();
    let mut fields: Vec<(String, String)> = text
        .split_terminator("\r\n")
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    fields.extend(response.length.map(|length| ("Content-Length".to_owned(), length.to_string())));
    let cut = |file: &[u8], from: u64, length: u64| {
        let from = usize::try_from(from).unwrap();
        file[from..from + usize::try_from(length).unwrap()].to_vec()
    };
    let body = match response.body {
        Body::Empty => Vec::new(),
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::File { file, from, length } => cut(&file, from, length),
        Body::Listing(_) => b"entries".to_vec(),
        Body::Parts(parts) => {
            let each = parts.parts.iter().flat_map(|p| [p.head.to_vec(), cut(&parts.file, p.from, p.length)]);
            [each.collect::<Vec<_>>().concat(), parts.end.to_vec()].concat()
        }
    };
    Answer { status: response.status.0, fields, body, closed: closed.then_some(true) }
}
