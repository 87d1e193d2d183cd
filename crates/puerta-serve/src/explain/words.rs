//! The words for each step.

use super::{Explanation, Step};
use crate::core::access::Denied;
use crate::core::conditions::{IfRange, Invalid, Rule, Weighed};
use crate::core::encoding::{Accepted, Coding};
use crate::core::found::Failure;
use crate::core::path::BadPath;
use crate::core::plan::{Answer, Why as Refused};
use crate::core::range::{MOST, Range, Ranges, Whole};
use crate::core::response::Form;
use crate::core::site::Site;
use crate::core::why::Why;
use crate::gate::{Door, Passed};
use crate::http1::Service;
use crate::http1::head::Why as Malformed;
use crate::http1::tell::{Next, Sent, Told};
use crate::problem::{Absence, Refusal};
use crate::store::compress::{FROM, UP_TO};
use crate::store::{Made, Neighbour, NotMade, Tried};
use std::borrow::Cow;

/// Which part of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// How the request was read.
    Read,
    /// Who is let in.
    Gate,
    /// What was looked up.
    Look,
    /// What decided.
    Decide,
    /// What was looked up for the page of an error.
    Page,
}

/// A step in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it belongs.
    pub part: Part,
    /// What it is about: `path`, `If-None-Match`, or a path below the folder. Not made visible.
    pub about: String,
    /// What there is to say of it. Not made visible.
    pub text: String,
    /// Whether it says why the status is what it is.
    pub decides: bool,
}

impl Part {
    /// Its heading.
    pub fn heading(self) -> &'static str {
        match self {
            Part::Read => "how it is read",
            Part::Gate => "who is let in",
            Part::Look => "what is looked up in the folder",
            Part::Decide => "what decides",
            Part::Page => "the page of the error",
        }
    }

    /// One word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Part::Read => "read",
            Part::Gate => "gate",
            Part::Look => "look",
            Part::Decide => "decide",
            Part::Page => "page",
        }
    }
}

impl Explanation {
    /// The steps, in words.
    pub fn lines(&self, service: &Service) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut page = false;
        for step in &self.steps {
            page |= matches!(step, Step::Told(Told::ErrorPage(_)));
            let (mut said, part) = match step {
                Step::Told(told) => of_told(told, service),
                Step::Tried(tried) => (of_tried(tried), Part::Look),
                Step::Why(why) => (of_why(why), Part::Decide),
            };
            let part = if page { Part::Page } else { part };
            for said in &mut said {
                said.decides &= !page;
            }
            lines.extend(said.into_iter().map(|Said { about, text, decides }| Line { part, about, text, decides }));
        }
        lines
    }

    /// Why the status is what it is, in a line. Not made visible.
    pub fn because(&self, service: &Service) -> String {
        let lines = self.lines(service);
        let nothing =
            matches!(self.steps.iter().find(|step| matches!(step, Step::Why(_))), Some(Step::Why(Why::Missing)));
        // Of what is not there, the last look that found something in the way says most.
        let in_the_way = self.steps.iter().rev().find_map(|step| match step {
            Step::Tried(Tried::Refused { path, why }) if nothing && *why != Refusal::Missing(Absence::Nothing) => {
                Some(format!("{}: {why}", shown(path)))
            }
            _ => None,
        });
        let last = lines.iter().rfind(|line| line.decides).map(|Line { about, text, .. }| {
            let is_rule = Rule::ALL.iter().any(|rule| rule.name() == about);
            if is_rule { format!("{about} {text}") } else { text.clone() }
        });
        in_the_way.or(last).unwrap_or_default()
    }

    /// What follows the head.
    pub fn body(&self) -> Cow<'static, str> {
        match self.sent {
            Sent::Nothing => "none".into(),
            Sent::Bytes(bytes) => counted(bytes).into(),
            Sent::Listing => "the entries of the folder, as they are read".into(),
        }
    }
}

/// A line before it is known where it belongs.
struct Said {
    about: String,
    text: String,
    decides: bool,
}

fn said(about: impl Into<String>, text: impl Into<String>) -> Said {
    Said { about: about.into(), text: text.into(), decides: false }
}

fn decides(about: impl Into<String>, text: impl Into<String>) -> Said {
    Said { about: about.into(), text: text.into(), decides: true }
}

fn of_told(told: &Told, service: &Service) -> (Vec<Said>, Part) {
    let site = &service.site;
    let lines = match told {
        Told::InTheClear => vec![decides(
            "TLS",
            "this server speaks HTTPS; what comes without TLS is sent there, or told so where that cannot be",
        )],
        Told::Unread(why) => vec![decides("head", format!("{}; the connection ends with the answer", malformed(*why)))],
        Told::Read { .. } => Vec::new(),
        Told::Planned { path, next } => {
            let mut lines = Vec::new();
            if let Some((path, query)) = path {
                let slash = if path.is_folder() && !path.as_bytes().is_empty() { "/" } else { "" };
                lines.push(said("path", shown(path.as_bytes()) + slash));
                if let Some(query) = query {
                    lines.push(said(
                        "query",
                        format!("{}: lists heed it, files do not", String::from_utf8_lossy(query)),
                    ));
                }
            }
            lines.extend(of_next(*next, path.as_ref().map(|(path, _)| path.segments()), site));
            lines
        }
        Told::Passed { passed, for_all, shown } => {
            return (gate(passed, *for_all, *shown, &service.gate.door), Part::Gate);
        }
        Told::ErrorPage(status) => vec![said("--error-page", format!("there is one for {status}"))],
    };
    (lines, Part::Read)
}

fn of_next<'a>(next: Next, mut path: Option<impl Iterator<Item = &'a [u8]>>, site: &Site) -> Vec<Said> {
    match next {
        Next::Answer(Answer::Options) => vec![decides("method", "OPTIONS asks what can be done, which needs no file")],
        Next::Answer(Answer::Refused(why)) => {
            let about = if matches!(why, Refused::UnknownMethod | Refused::Method) { "method" } else { "target" };
            let mut text = refused(why).to_owned();
            if why == Refused::Hidden
                && let Some(name) = path.as_mut().and_then(|path| path.find(|name| name.starts_with(b".")))
            {
                text = format!("{} begins with a dot; --hidden serves such names", String::from_utf8_lossy(name));
            }
            vec![decides(about, text)]
        }
        Next::Lookup { codings, page } => {
            let mut lines = vec![said("codings", taken(&codings, site))];
            if site.spa.is_some() {
                let text = if page {
                    "a browser asks for a page, so that this may answer"
                } else {
                    "this answers who asks for a page: Accept names no text/html"
                };
                lines.push(said("--spa", text));
            }
            lines
        }
    }
}

fn taken(codings: &Accepted, site: &Site) -> String {
    let names: Vec<&str> = codings.codings().map(Coding::name).collect();
    match (names.as_slice(), codings.identity()) {
        _ if !site.compression => "files are sent as they are: --no-compression".to_owned(),
        ([], true) => "no compressed one is asked for (Accept-Encoding), so that files are sent as they are".to_owned(),
        ([], false) => "Accept-Encoding takes none that is known here, and refuses files as they are".to_owned(),
        (names, true) => format!("Accept-Encoding takes {}, in this order, else files as they are", names.join(", ")),
        (names, false) => format!("Accept-Encoding takes {}, in this order, and nothing else", names.join(", ")),
    }
}

fn refused(why: Refused) -> &'static str {
    match why {
        Refused::UnknownMethod => "it is none that is known (their case matters: GET, not get)",
        Refused::Method => "files answer GET, HEAD and OPTIONS alone",
        Refused::Server => "* is for OPTIONS alone (RFC 9112 3.2.4)",
        Refused::Hidden => "a name begins with a dot; --hidden serves such names",
        Refused::Target(BadPath::Form) => "it is no path: it does not begin with a slash",
        Refused::Target(BadPath::Escape) => "there is a % without two hexadecimal digits behind it",
        Refused::Target(BadPath::Segment) => {
            "a name in it is . or .., or has a /, a \\ or a NUL in it once it is decoded, and could lead elsewhere"
        }
        Refused::Target(BadPath::Character) => {
            "there is a control character, a space, a ? or a # in it that should be escaped"
        }
    }
}

fn gate(passed: &Passed, for_all: bool, shown: bool, door: &Door) -> Vec<Said> {
    let about = match door {
        Door::Open => return Vec::new(),
        Door::Ticket(_) => "--share",
        Door::Password(_) => "--auth",
    };
    vec![match passed {
        Passed::In if for_all => said(about, "everybody may hear this answer: it says nothing of what is served"),
        Passed::As(_) => said(about, "name and password are right"),
        Passed::In => said(about, "the ticket is right"),
        Passed::With(_) => said(about, "the link's ticket is right; it is exchanged for a cookie"),
        Passed::To(..) => decides(
            about,
            "the link's ticket is right; a browser gets it as a cookie, and is sent to the same without it",
        ),
        Passed::Denied(Denied::Password) if shown => decides(about, "the name or the password is wrong"),
        Passed::Denied(Denied::Password) => decides(about, "no name and password are shown (Authorization: Basic)"),
        Passed::Denied(Denied::TooMany(_)) => decides(about, "too many wrong passwords came from there"),
        Passed::Denied(Denied::Busy) => decides(about, "too many passwords are being looked at"),
        Passed::Denied(Denied::Ticket) => decides(
            about,
            "it shows no ticket, or another one: a server makes its own as it starts, so that none fits this explanation",
        ),
        Passed::Denied(Denied::Gone) => decides(about, "the ticket has expired, or works once and was used"),
    }]
}

fn of_tried(tried: &Tried) -> Vec<Said> {
    vec![match tried {
        Tried::File { path, size, fits: true } => said(shown(path), format!("a file of {}", counted(*size))),
        Tried::File { path, .. } => said(shown(path), "a file, where the slash at the end asks for a folder"),
        Tried::Folder { path, fits: true } => said(shown(path), "a folder"),
        Tried::Folder { path, .. } => said(shown(path), "a folder, where a file is looked for"),
        Tried::Refused { path, why } => said(shown(path), why.to_string()),
        Tried::Neighbour { path, seen, .. } => said(
            shown(path),
            match seen {
                Neighbour::There => "a compressed neighbour".to_owned(),
                Neighbour::Older => "older than the file itself, so that it is not used".to_owned(),
                Neighbour::Folder => "a folder, where a compressed neighbour is looked for".to_owned(),
                Neighbour::Refused(Refusal::Missing(Absence::Nothing)) => "no compressed neighbour".to_owned(),
                Neighbour::Refused(why) => format!("no compressed neighbour: {why}"),
            },
        ),
        Tried::Coded { coding, made: Made::Before } => said(coding.name(), "sent from the neighbour"),
        Tried::Coded { coding, made: Made::OnTheFly } => {
            said(coding.name(), "compressed on the fly, once; who asks before that is done gets the file as it is")
        }
        Tried::NotMade { coding, why } => said(coding.name(), not_made(*why)),
    }]
}

fn not_made(why: NotMade) -> String {
    let why = match why {
        NotMade::Incompressible => "a file of this type would not be smaller".to_owned(),
        NotMade::Small => format!("files are compressed from {FROM} bytes on"),
        NotMade::Large => format!("files are compressed up to {} MiB; larger ones by hand", UP_TO >> 20),
        NotMade::NotKept => "there is no room for it (--cache-size)".to_owned(),
        NotMade::NotSmaller => "it would hardly be smaller".to_owned(),
        NotMade::UnderWay => "it is about to be".to_owned(),
    };
    format!("not compressed on the fly: {why}")
}

fn of_why(why: &Why) -> Vec<Said> {
    vec![match why {
        Why::File { coding: Coding::Identity, size } => {
            decides("file", format!("it is there, {}, and is sent as it is", counted(*size)))
        }
        Why::File { coding, size } => {
            decides("file", format!("it is there, and in {} it has {}", coding.name(), counted(*size)))
        }
        Why::NotAcceptable => decides(
            "codings",
            "Accept-Encoding refuses the file as it is, and it is in none of the codings that are left",
        ),
        Why::Slash => {
            decides("redirect", "the address of a folder ends in a slash, so that links in it lead to what lies there")
        }
        Why::Slashes => {
            decides("redirect", "slashes follow each other, so that the links of a list would lead elsewhere")
        }
        Why::Listed(Form::Html) => decides("list", "the folder is listed, as a page"),
        Why::Listed(Form::Json) => decides("list", "the folder is listed, as JSON: Accept prefers that"),
        Why::NotListed => decides("list", "the folder has no index file, and --no-listing says that it is not listed"),
        Why::Missing => decides("file", "there is nothing that may be served"),
        Why::Failed(Failure::Denied) => decides("file", "the server's user may not read it"),
        Why::Failed(Failure::Busy) => {
            decides("file", "there are too few descriptors or threads, or too little memory, for now")
        }
        Why::Failed(Failure::Broken) => decides("file", "the disk or the file system fails"),
        Why::Conditions(all) => return conditions(all),
        Why::Ranges { ranges, size, asked } => return range(ranges, *size, *asked),
    }]
}

fn conditions(all: &[(Rule, Weighed)]) -> Vec<Said> {
    let mut decided = false;
    let mut lines = Vec::new();
    for (at, (rule, weighed)) in all.iter().enumerate() {
        let text = match weighed {
            Weighed::Absent => continue,
            _ if decided => "not weighed any more".to_owned(),
            Weighed::Decides => condition(*rule, true).to_owned(),
            Weighed::Holds => condition(*rule, false).to_owned(),
            Weighed::PassedOver(Invalid::Outweighed) => "passed over: a tag says more".to_owned(),
            Weighed::PassedOver(Invalid::Date) => "passed over: it is no date, or comes twice".to_owned(),
            Weighed::PassedOver(Invalid::Nothing) => "passed over: what is sent has no date".to_owned(),
        };
        let text = format!("{text} (RFC 9110 13.2.2, step {})", at + 1);
        let is_it = *weighed == Weighed::Decides && !decided;
        decided |= is_it;
        lines.push(Said { about: rule.name().to_owned(), text, decides: is_it });
    }
    lines
}

fn condition(rule: Rule, decides: bool) -> &'static str {
    match (rule, decides) {
        (Rule::Match, true) => "names nothing of what would be sent",
        (Rule::Match, false) => "names what would be sent",
        (Rule::UnmodifiedSince, true) => "names a time since which it was changed",
        (Rule::UnmodifiedSince, false) => "names a time since which it was not changed",
        (Rule::NoneMatch, true) => "names what would be sent, so that the client has it",
        (Rule::NoneMatch, false) => "names another state than what would be sent",
        (Rule::ModifiedSince, true) => "names a time since which it was not changed, so that the client has it",
        (Rule::ModifiedSince, false) => "names a time since which it was changed",
    }
}

fn range(ranges: &Ranges, size: u64, asked: usize) -> Vec<Said> {
    let place = |range: &Range| format!("{}-{}", range.from, range.end().saturating_sub(1));
    let merged = |sent: usize| {
        if asked > sent {
            format!("; of {asked} that are asked for, those that touch are one, and those behind the end none")
        } else {
            String::new()
        }
    };
    vec![match ranges {
        Ranges::Whole(Whole::NotAsked) => return Vec::new(),
        Ranges::Whole(why) => said("Range", format!("passed over, and all is sent: {}", whole(*why))),
        Ranges::One(range) => decides("Range", format!("bytes {} of {size} are asked for{}", place(range), merged(1))),
        Ranges::Many(all) => {
            let places: Vec<String> = all.iter().map(place).collect();
            decides("Range", format!("bytes {} of {size}, in parts{}", places.join(", "), merged(all.len())))
        }
        Ranges::Unsatisfiable => decides("Range", format!("none of it lies in the {}", counted(size))),
    }]
}

fn whole(why: Whole) -> Cow<'static, str> {
    match why {
        Whole::NotAsked => "none is asked for".into(),
        Whole::Twice => "the field comes twice".into(),
        Whole::Method => "ranges are for GET alone (RFC 9110 14.2)".into(),
        Whole::Changed(IfRange::Twice) => "If-Range comes twice".into(),
        Whole::Changed(IfRange::OtherTag) => "If-Range names another state of it".into(),
        Whole::Changed(IfRange::Weak) => "If-Range has a weak tag, which is not enough (RFC 9110 13.1.5)".into(),
        Whole::Changed(IfRange::Invalid) => "If-Range is neither a tag nor a date".into(),
        Whole::Changed(IfRange::OtherDate) => "If-Range names another date".into(),
        Whole::Changed(IfRange::TooNew) => {
            "it was changed less than a second ago, so that the date of If-Range says little (RFC 9110 8.8.2.2)".into()
        }
        // It counts.
        Whole::Changed(IfRange::Same) => "".into(),
        Whole::Unit => "its unit is not bytes".into(),
        Whole::Invalid => "it is not valid".into(),
        Whole::TooMany => format!("more than {MOST} ranges").into(),
        Whole::TooLong => "it asks for more bytes, in all, than there are".into(),
        Whole::Empty => "the file is empty".into(),
    }
}

fn malformed(why: Malformed) -> &'static str {
    match why {
        Malformed::RequestLine => "the request line is none (RFC 9112 3)",
        Malformed::Target => "the target has no form that this method allows (RFC 9112 3.2)",
        Malformed::TargetTooLong => "the target is longer than 8 KiB, or than --head-size",
        Malformed::Version => "the version is neither HTTP/1.0 nor HTTP/1.1",
        Malformed::LineEnd => "a line does not end in CR LF (RFC 9112 2.2)",
        Malformed::FieldName => "the name of a field is none, or has a space behind it (RFC 9112 5.1)",
        Malformed::FieldValue => "the value of a field has a control character in it (RFC 9110 5.5)",
        Malformed::TooLong => "the head is longer than --head-size",
        Malformed::TooManyFields => "there are more fields than --fields",
        Malformed::NoHost => "HTTP/1.1 needs the field Host (RFC 9112 3.2)",
        Malformed::Host => "Host comes twice, or is no host (RFC 9112 3.2)",
        Malformed::ContentLength => "Content-Length is no number, or comes twice (RFC 9112 6.3)",
        Malformed::TransferEncoding => {
            "Transfer-Encoding does not end in one chunked, comes twice, with Content-Length or in HTTP/1.0 (RFC 9112 6.1)"
        }
        Malformed::TransferCoding => "a transfer coding besides chunked is not known (RFC 9112 6.1)",
        Malformed::Expectation => "an expectation besides 100-continue is not known (RFC 9110 10.1.1)",
    }
}

/// A path below the folder.
pub(super) fn shown(path: &[u8]) -> String {
    if path.is_empty() { "(the folder itself)".to_owned() } else { String::from_utf8_lossy(path).into_owned() }
}

pub(super) fn counted(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}
