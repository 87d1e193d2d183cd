//! From a head to a response: at once where nothing has to be waited for, else by the store's threads.

use super::Service;
use crate::core::found::Found;
use crate::core::head::Head;
use crate::core::plan::{Plan, plan};
use crate::core::respond;
use crate::core::response::Response;
use crate::core::site::Site;
use crate::event::Event;
use crate::store::handle::Handle;
use crate::store::{Looked, Now};

impl Service {
    /// The response, if it can be told without waiting.
    pub(super) fn respond_now(&self, head: &Head<'_>, now: Now) -> Option<Response<Handle>> {
        let mut response = match plan(head, &self.site) {
            Plan::Answer(answer) => respond::answer(head, answer, &self.site),
            Plan::Lookup(lookup) => {
                let found = self.store.probe(&lookup, &self.site, now).map(|looked| self.found(looked))?;
                respond::respond(head, &lookup, found, &self.site, now.wall)
            }
        };
        if let Some(page) = self.site.error_page(response.status) {
            let found = self.store.probe(&page, &self.site, now).map(|looked| self.found(looked))?;
            put_page(head, &mut response, found, &self.site);
        }
        Some(response)
    }

    /// The response, by a thread that may wait.
    pub(super) async fn respond(&self, head: &Head<'_>) -> Response<Handle> {
        let mut response = match plan(head, &self.site) {
            Plan::Answer(answer) => respond::answer(head, answer, &self.site),
            Plan::Lookup(lookup) => {
                let found = self.found(self.store.find(&lookup, &self.site).await);
                respond::respond(head, &lookup, found, &self.site, Now::read().wall)
            }
        };
        if let Some(page) = self.site.error_page(response.status) {
            let found = self.found(self.store.find(&page, &self.site).await);
            put_page(head, &mut response, found, &self.site);
        }
        response
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
