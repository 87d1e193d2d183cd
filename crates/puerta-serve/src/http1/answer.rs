//! From a head to a response: at once where nothing has to be waited for, else by threads that may wait.

use super::Service;
use crate::core::access::{self, Denied};
use crate::core::found::Found;
use crate::core::head::Head;
use crate::core::plan::{Plan, plan};
use crate::core::respond;
use crate::core::response::Response;
use crate::core::site::Site;
use crate::event::Event;
use crate::gate::{Asks, Passed};
use crate::store::handle::Handle;
use crate::store::{Looked, Now};
use puerta::Endpoint;

impl Service {
    /// The response, if it can be told without waiting.
    pub(super) fn respond_now(&self, head: &Head<'_>, peer: Option<&Endpoint>, now: Now) -> Option<Response<Handle>> {
        let plan = plan(head, &self.site);
        let passed = self.gate.pass_now(Asks { head, plan: &plan, peer }, now.wall)?;
        let mut response = match (&passed, plan) {
            (Passed::Denied(_) | Passed::To(..), _) => self.sent_away(head, &passed),
            (_, Plan::Answer(answer)) => respond::answer(head, answer, &self.site),
            (_, Plan::Lookup(lookup)) => {
                let found = self.store.probe(&lookup, &self.site, now).map(|looked| self.found(looked))?;
                respond::respond(head, &lookup, found, &self.site, now.wall)
            }
        };
        if let Some(page) = self.site.error_page(response.status) {
            let found = self.store.probe(&page, &self.site, now).map(|looked| self.found(looked))?;
            put_page(head, &mut response, found, &self.site);
        }
        self.finish(&mut response, passed);
        Some(response)
    }

    /// The response, by threads that may wait.
    pub(super) async fn respond(&self, head: &Head<'_>, peer: Option<&Endpoint>) -> Response<Handle> {
        let plan = plan(head, &self.site);
        let passed = self.gate.pass(Asks { head, plan: &plan, peer }, &*self.report, Now::read().wall).await;
        let mut response = match (&passed, plan) {
            (Passed::Denied(_) | Passed::To(..), _) => self.sent_away(head, &passed),
            (_, Plan::Answer(answer)) => respond::answer(head, answer, &self.site),
            (_, Plan::Lookup(lookup)) => {
                let found = self.found(self.store.find(&lookup, &self.site).await);
                respond::respond(head, &lookup, found, &self.site, Now::read().wall)
            }
        };
        if let Some(page) = self.site.error_page(response.status) {
            let found = self.found(self.store.find(&page, &self.site).await);
            put_page(head, &mut response, found, &self.site);
        }
        self.finish(&mut response, passed);
        response
    }

    /// Nothing is looked up for who is not let in.
    fn sent_away(&self, head: &Head<'_>, passed: &Passed) -> Response<Handle> {
        match passed {
            Passed::To(to, cookie) => access::enter(to, cookie.clone(), &self.site),
            Passed::Denied(denied) => access::deny(head, *denied, &self.site),
            Passed::In | Passed::With(_) => access::deny(head, Denied::Ticket, &self.site),
        }
    }

    fn finish(&self, response: &mut Response<Handle>, passed: Passed) {
        if self.gate.is_private() {
            access::keep_private(response);
        }
        if let Passed::With(cookie) = passed {
            access::bring(response, cookie);
        }
    }

    /// What was found; what was in the way is told to the owner of the folder.
    fn found(&self, looked: Looked) -> Found<Handle> {
        if let Some(trouble) = looked.trouble.filter(|trouble| trouble.refusal.is_news()) {
            self.report.event(&Event::NotServed { path: &trouble.path, refusal: trouble.refusal });
        }
        looked.found
    }
}

/// Where the page of an error cannot be had, ours stays.
fn put_page(head: &Head<'_>, response: &mut Response<Handle>, found: Found<Handle>, site: &Site) {
    if let Found::File(page) = found {
        respond::put_page(head, response, page, site);
    }
}
