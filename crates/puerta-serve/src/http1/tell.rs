//! The answer to one request, with each step on the way to it: what a connection would send, without a connection.

use super::Service;
use super::answer::{Reply, Start};
use super::head::{Framing, Room, Why as Malformed, read};
use super::write::{self, Clock, Delimited};
use crate::core::access::basic::Credentials;
use crate::core::encoding::Accepted;
use crate::core::head::{Head, Method, Version};
use crate::core::path::SitePath;
use crate::core::plan::{Answer, Lookup, Plan, plan};
use crate::core::respond;
use crate::core::response::{Body, Response, Status};
use crate::core::target::Target;
use crate::core::why::{Hear, Why};
use crate::gate::{Asks, Passed};
use crate::store::handle::Handle;
use crate::store::{Now, Tried};
use puerta::Endpoint;

/// A step on the way from bytes to what is looked up, and who is let in.
#[derive(Debug, Clone)]
pub enum Told {
    /// It came in the clear to a server of HTTPS.
    InTheClear,
    /// The head is refused, and the connection ends with the answer.
    Unread(Malformed),
    /// The head was read.
    Read {
        /// What is asked for.
        method: Method,
        /// Whether the client can take another response.
        keep_alive: bool,
        /// What follows the head.
        framing: Framing,
    },
    /// What the target leads to.
    Planned {
        /// The one normal path, if it is one, and what stands behind the `?`.
        path: Option<(SitePath<'static>, Option<Box<[u8]>>)>,
        /// What is to be done.
        next: Next,
    },
    /// What the gate says.
    Passed {
        /// It.
        passed: Passed,
        /// What is answered says nothing of what is served.
        for_all: bool,
        /// A name and a password are shown.
        shown: bool,
    },
    /// A page of the site is looked up for an error of this status.
    ErrorPage(Status),
}

/// What is to be done about a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is answered without looking.
    Answer(Answer),
    /// It is looked up.
    Lookup {
        /// The codings that the client takes.
        codings: Accepted,
        /// Whether `--spa` may answer.
        page: bool,
    },
}

/// What would be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: Status,
    /// Status line and fields, to the empty line.
    pub head: Vec<u8>,
    /// The body.
    pub body: Sent,
}

/// The body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// None.
    Nothing,
    /// So many bytes.
    Bytes(u64),
    /// The entries of a folder, as they come.
    Listing,
}

/// What the answer to the first request of a connection begins with. `None`: its head is not whole.
///
/// `in_the_clear`: it comes without TLS to a server that has it.
pub(crate) async fn tell<H: Hear<Told> + Hear<Tried> + Hear<Why>>(
    service: &Service,
    bytes: &[u8],
    peer: Option<&Endpoint>,
    in_the_clear: bool,
    hear: &mut H,
) -> Option<Answered> {
    let now = Now::read();
    let mut room = Room::new();
    if in_the_clear {
        hear.hear(|| Told::InTheClear);
    }
    let request = match read(bytes, &mut room, &service.limits.head) {
        Ok(request) => request?,
        Err(refused) => {
            hear.hear(|| Told::Unread(refused.why));
            let response =
                if in_the_clear { service.misdirected() } else { respond::refuse(refused.status, &service.site) };
            return Some(short(response, now));
        }
    };
    let head = &request.head;
    let (method, keep_alive, framing) = (head.method, request.keep_alive, request.framing);
    hear.hear(|| Told::Read { method, keep_alive, framing });
    if in_the_clear {
        return Some(short(service.elsewhere(head), now));
    }
    let planned = plan(head, &service.site);
    let passed = service.gate.pass(Asks { head, plan: &planned, peer }, now.wall).await;
    let find = |lookup: &Lookup<'_>, hear: &mut H| Some(service.store.look_telling(lookup, &service.site, now, hear));
    let Reply { response, .. } = service.respond_by(head, peer, now, |_| Some(passed), find, hear)?;
    let start = Start::of(&request, &response, service.limits.requests <= 1);
    Some(answered(&response, start.delimited, head.version, !start.closes, now))
}

/// What the connection ends with.
fn short(response: Response<Handle>, now: Now) -> Answered {
    answered(&response, Delimited::of(&response, Version::Http11), Version::Http11, false, now)
}

fn answered(response: &Response<Handle>, delimited: Delimited, version: Version, persists: bool, now: Now) -> Answered {
    let (mut head, mut clock) = (Vec::new(), Clock::default());
    clock.set(now.wall);
    write::head(&mut head, response, delimited, version, persists, &clock);
    let body = match &response.body {
        Body::Empty => Sent::Nothing,
        Body::Bytes(bytes) => Sent::Bytes(bytes.len() as u64),
        Body::File { length, .. } => Sent::Bytes(*length),
        Body::Parts(_) => Sent::Bytes(response.length.unwrap_or_default()),
        Body::Listing(_) => Sent::Listing,
    };
    Answered { status: response.status, head, body }
}

impl Told {
    /// A path is told of what is refused, too.
    pub(super) fn planned(head: &Head<'_>, plan: &Plan<'_>) -> Self {
        let path = match Target::read(head.target) {
            Ok(Target::Path { path, query, .. }) => {
                SitePath::read(path).ok().map(|path| (path.into_owned(), query.map(Box::from)))
            }
            _ => None,
        };
        let next = match plan {
            Plan::Answer(answer) => Next::Answer(*answer),
            Plan::Lookup(Lookup { codings, page, .. }) => Next::Lookup { codings: *codings, page: *page },
        };
        Told::Planned { path, next }
    }

    pub(super) fn passed(head: &Head<'_>, plan: &Plan<'_>, passed: &Passed) -> Self {
        let shown = Credentials::read(head).is_some();
        Told::Passed { passed: passed.clone(), for_all: plan.is_for_all(), shown }
    }
}
