//! From a head to a response: at once where nothing has to be waited for, else by threads that may wait.

use super::Service;
use super::body::Listed;
use super::head::{Framing, Request};
use super::tell::Told;
use super::write::Delimited;
use crate::core::access::{self, Denied};
use crate::core::found::Found;
use crate::core::head::{Head, Method};
use crate::core::plan::{Lookup, Plan, plan};
use crate::core::respond;
use crate::core::response::{Body, Response};
use crate::core::site::Site;
use crate::core::why::{Hear, Why};
use crate::event::Event;
use crate::gate::{Asks, Passed};
use crate::store::handle::Handle;
use crate::store::{Looked, Now, Tried};
use puerta::Endpoint;
use std::sync::Arc;

/// A response, and the user whose password was right.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) response: Response<Handle>,
    pub(super) user: Option<Arc<str>>,
}

impl Service {
    /// The response, if it can be told without waiting.
    pub(super) fn respond_now(&self, head: &Head<'_>, peer: Option<&Endpoint>, now: Now) -> Option<Reply> {
        let pass = |plan: &Plan<'_>| self.gate.pass_now(Asks { head, plan, peer }, now.wall);
        let find = |lookup: &Lookup<'_>, (): &mut ()| self.store.probe(lookup, &self.site, now);
        self.respond_by(head, peer, now, pass, find, &mut ())
    }

    /// The response where `pass` knows whether the request is let in, and `find` what a lookup leads to; `hear` is told of each step.
    pub(super) fn respond_by<H: Hear<Told> + Hear<Tried> + Hear<Why>>(
        &self,
        head: &Head<'_>,
        peer: Option<&Endpoint>,
        now: Now,
        pass: impl FnOnce(&Plan<'_>) -> Option<Passed>,
        mut find: impl FnMut(&Lookup<'_>, &mut H) -> Option<Looked>,
        hear: &mut H,
    ) -> Option<Reply> {
        let plan = plan(head, &self.site);
        hear.hear(|| Told::planned(head, &plan));
        let passed = pass(&plan)?;
        hear.hear(|| Told::passed(head, &plan, &passed));
        let mut response = match (&passed, plan) {
            (Passed::Denied(_) | Passed::To(..), _) => self.sent_away(head, &passed),
            (_, Plan::Answer(answer)) => respond::answer(head, answer, &self.site),
            (_, Plan::Lookup(lookup)) => {
                let found = find(&lookup, hear).map(|looked| self.found(looked))?;
                respond::respond_telling(head, &lookup, found, &self.site, now.wall, hear)
            }
        };
        self.limit_listings(head, peer, &mut response);
        if let Some(page) = self.site.error_page(response.status) {
            hear.hear(|| Told::ErrorPage(response.status));
            let found = find(&page, hear).map(|looked| self.found(looked))?;
            put_page(head, &mut response, found, &self.site);
        }
        Some(self.finish(response, passed))
    }

    /// The response, by threads that may wait.
    pub(super) async fn respond(&self, head: &Head<'_>, peer: Option<&Endpoint>) -> Reply {
        let plan = plan(head, &self.site);
        let passed = self.gate.pass(Asks { head, plan: &plan, peer }, Now::read().wall).await;
        let mut response = match (&passed, plan) {
            (Passed::Denied(_) | Passed::To(..), _) => self.sent_away(head, &passed),
            (_, Plan::Answer(answer)) => respond::answer(head, answer, &self.site),
            (_, Plan::Lookup(lookup)) => {
                let found = self.found(self.store.find(&lookup, &self.site).await);
                respond::respond(head, &lookup, found, &self.site, Now::read().wall)
            }
        };
        self.limit_listings(head, peer, &mut response);
        if let Some(page) = self.site.error_page(response.status) {
            let found = self.found(self.store.find(&page, &self.site).await);
            put_page(head, &mut response, found, &self.site);
        }
        self.finish(response, passed)
    }

    /// Nothing is looked up for who is not let in.
    fn sent_away(&self, head: &Head<'_>, passed: &Passed) -> Response<Handle> {
        match passed {
            Passed::To(to, cookie) => access::enter(to, cookie.clone(), &self.site),
            Passed::Denied(denied) => access::deny(head, *denied, &self.site),
            Passed::In | Passed::As(_) | Passed::With(_) => access::deny(head, Denied::Ticket, &self.site),
        }
    }

    /// Where there is room for a listing now, there is until it begins: nothing is waited for.
    fn limit_listings(&self, head: &Head<'_>, peer: Option<&Endpoint>, response: &mut Response<Handle>) {
        if matches!(response.body, Body::Listing(_)) && !Listed::has_room(peer) {
            *response = respond::busy(head, &self.site);
        }
    }

    fn finish(&self, mut response: Response<Handle>, passed: Passed) -> Reply {
        if self.gate.is_private() {
            access::keep_private(&mut response);
        }
        let mut user = None;
        match passed {
            Passed::With(cookie) => access::bring(&mut response, cookie),
            Passed::As(name) => user = Some(name),
            Passed::In | Passed::To(..) | Passed::Denied(_) => {}
        }
        Reply { response, user }
    }

    /// What was found; what was in the way is told to the owner of the folder.
    fn found(&self, looked: Looked) -> Found<Handle> {
        if let Some(trouble) = looked.trouble.filter(|trouble| trouble.refusal.is_news()) {
            self.report.event(&Event::NotServed { path: &trouble.path, refusal: trouble.refusal });
        }
        looked.found
    }
}

/// How long a body may be that comes with a request, if the connection is to go on after it.
const PASSED_OVER: u64 = 64 * 1024;

/// How a response begins, and what becomes of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) delimited: Delimited,
    /// Bytes of the request's body that are passed over; `None`: nobody knows where it ends, or waits for that.
    pub(super) passed_over: Option<u64>,
    /// No other request can follow.
    pub(super) closes: bool,
}

impl Start {
    /// Of the response to a request; `last`: it is to be the connection's last.
    pub(super) fn of(request: &Request<'_>, response: &Response<Handle>, last: bool) -> Self {
        let passed_over = match request.framing {
            Framing::Empty => Some(0),
            Framing::Length(length) => Some(length).filter(|n| *n <= PASSED_OVER && !request.expects_continue),
            Framing::Chunked => None,
        };
        let delimited = Delimited::of(response, request.head.version);
        // Of a method that nobody knows, nobody knows what follows.
        let closes = !request.keep_alive
            || request.head.method == Method::Unknown
            || passed_over.is_none()
            || delimited == Delimited::Close
            || last;
        Start { delimited, passed_over, closes }
    }
}

/// Where the page of an error cannot be had, ours stays.
fn put_page(head: &Head<'_>, response: &mut Response<Handle>, found: Found<Handle>, site: &Site) {
    if let Found::File(page) = found {
        respond::put_page(head, response, page, site);
    }
}
