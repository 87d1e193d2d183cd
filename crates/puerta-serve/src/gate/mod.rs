//! What stands between a request and the store: whether it is let in, and how fast all of it may go.

pub mod pace;
pub mod password;

use crate::core::accept;
use crate::core::access::ticket::{Leave, Ticket, beyond};
use crate::core::access::{Brought, Denied};
use crate::core::fields::Value;
use crate::core::head::Head;
use crate::core::plan::Plan;
use crate::core::response::Status;
use crate::core::target::Target;
use crate::event::{Event, Report};
use pace::Pace;
use password::Passwords;
use puerta::Endpoint;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

/// Who is let in, and how fast all of it may go. [`Gate::default`]: all, and without a limit.
#[derive(Debug, Default)]
pub struct Gate {
    /// Who is let in.
    pub door: Door,
    /// How fast all connections together send.
    pub pace: Option<Arc<Pace>>,
}

/// Who is let in.
#[derive(Debug, Default)]
pub enum Door {
    /// All.
    #[default]
    Open,
    /// Who has the ticket.
    Ticket(Entry),
    /// Who knows a password.
    Password(Passwords),
}

/// A ticket, and whether it was used.
#[derive(Debug)]
pub struct Entry {
    ticket: Ticket,
    uses: Arc<Uses>,
}

/// How far the use of a ticket is that works once, and who hears of it.
#[derive(Debug)]
struct Uses {
    state: AtomicU8,
    report: Arc<dyn Report>,
}

const UNUSED: u8 = 0;
const BEING_USED: u8 = 1;
const USED: u8 = 2;

/// How often the clock is looked at while a link works: it may be set, and a machine that sleeps does not count that time otherwise.
const LOOK: Duration = Duration::from_secs(60);

/// What is to be done about a request.
#[derive(Debug, Clone)]
pub enum Passed {
    /// It is let in.
    In,
    /// It is let in, as the user whose password it shows.
    As(Arc<str>),
    /// It is let in, and the response brings it this cookie.
    With(Cookie),
    /// It is sent there, with this cookie.
    To(Vec<u8>, Value),
    /// It is not let in.
    Denied(Denied),
}

impl Entry {
    /// A door that this ticket opens. `report` hears who used one that works once, and, by [`watch`](Self::watch), of its end.
    pub fn new(ticket: Ticket, report: Arc<dyn Report>) -> Self {
        Entry { ticket, uses: Arc::new(Uses { state: AtomicU8::new(UNUSED), report }) }
    }

    /// Tells, at its time, that the link has expired; done then, or at once where it never does. In a tokio runtime with time.
    pub fn watch(&self) -> impl Future<Output = ()> + Send + use<> {
        let (expires, uses) = (self.ticket.expires(), self.uses.clone());
        async move {
            let Some(expires) = expires else { return };
            while let Some(left) = expires.duration_since(SystemTime::now()).ok().filter(|left| !left.is_zero()) {
                tokio::time::sleep(left.min(LOOK)).await;
            }
            uses.report.event(&Event::TicketExpired);
        }
    }

    /// Who comes by the link has that counted, which is done once a request: `None`.
    fn pass_now(&self, asks: &Asks<'_>, now: SystemTime) -> Option<Passed> {
        match self.ticket.leave(asks.head, asks.query(), now) {
            Leave::In if self.is_used_by_another(asks.head) => Some(Passed::Denied(Denied::Gone)),
            Leave::In => Some(Passed::In),
            Leave::Denied(denied) => Some(Passed::Denied(denied)),
            Leave::Enter => None,
        }
    }

    /// Whether the link works no more for who has no cookie.
    fn is_used_by_another(&self, head: &Head<'_>) -> bool {
        self.ticket.once() && self.uses.state.load(Ordering::Acquire) == USED && !self.ticket.has_cookie(head)
    }

    fn enter(&self, asks: &Asks<'_>, now: SystemTime) -> Passed {
        let mut first = None;
        // Of all who come by the link at the same time, one is first. Who has the cookie was.
        if self.ticket.once() && !self.ticket.has_cookie(asks.head) {
            let state = &self.uses.state;
            first = match state.compare_exchange(UNUSED, BEING_USED, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => Some(Arc::new(First { uses: self.uses.clone(), peer: asks.peer.cloned() })),
                // It is not known yet whether there will be a use.
                Err(BEING_USED) => return Passed::Denied(Denied::Busy),
                Err(_) => return Passed::Denied(Denied::Gone),
            };
        }
        let value = self.ticket.set_cookie(now);
        match asks.plan {
            Plan::Lookup(lookup) if accept::is_page(asks.head) => {
                if let Some(first) = first {
                    first.uses();
                }
                Passed::To(beyond(&lookup.path, asks.query()), value)
            }
            _ => Passed::With(Cookie { value, first }),
        }
    }
}

/// A cookie; where a link works once, only with a response that uses it up: one that sends something. A redirect, as to a folder's
/// slash, is followed by the link again, and what is not there, or could not be had, is asked for again.
#[derive(Debug, Clone)]
pub struct Cookie {
    value: Value,
    first: Option<Arc<First>>,
}

impl Brought for Cookie {
    fn with(self, status: Status) -> Option<Value> {
        if let Some(first) = self.first {
            if !(200..300).contains(&status.0) {
                return None;
            }
            first.uses();
        }
        Some(self.value)
    }
}

/// The first by a link that works once, until it is known what that leads to: others get 503 meanwhile, so that no two are let in.
/// Dropped, it leaves the link as it was.
#[derive(Debug)]
struct First {
    uses: Arc<Uses>,
    peer: Option<Endpoint>,
}

impl First {
    /// The link is used up.
    fn uses(&self) {
        self.uses.state.store(USED, Ordering::Release);
        self.uses.report.event(&Event::TicketUsed(self.peer.as_ref()));
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let _ = self.uses.state.compare_exchange(BEING_USED, UNUSED, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// A request that wants to be let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asks<'a> {
    pub(crate) head: &'a Head<'a>,
    pub(crate) plan: &'a Plan<'a>,
    pub(crate) peer: Option<&'a Endpoint>,
}

impl<'a> Asks<'a> {
    fn query(&self) -> Option<&'a [u8]> {
        match Target::read(self.head.target) {
            Ok(Target::Path { query, .. }) => query,
            _ => None,
        }
    }
}

impl Gate {
    /// Whether what is sent is only for who was let in.
    pub(crate) fn is_private(&self) -> bool {
        !matches!(self.door, Door::Open)
    }

    /// A request's text as it may be logged.
    pub(crate) fn logged<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.door {
            Door::Ticket(entry) => Cow::Owned(entry.ticket.masked(text)),
            _ => Cow::Borrowed(text),
        }
    }

    /// What is to be done about a request; `None`: [`Gate::pass`] tells.
    pub(crate) fn pass_now(&self, asks: Asks<'_>, now: SystemTime) -> Option<Passed> {
        match &self.door {
            Door::Open => Some(Passed::In),
            _ if asks.plan.is_for_all() => Some(Passed::In),
            Door::Ticket(entry) => entry.pass_now(&asks, now),
            Door::Password(passwords) => passwords.admit_now(asks.head, asks.peer).map(told),
        }
    }

    /// The same where that takes a while, or is counted: once a request.
    pub(crate) async fn pass(&self, asks: Asks<'_>, now: SystemTime) -> Passed {
        if let Some(passed) = self.pass_now(asks, now) {
            return passed;
        }
        match &self.door {
            Door::Open => Passed::In,
            Door::Ticket(entry) => entry.enter(&asks, now),
            Door::Password(passwords) => told(passwords.admit(asks.head, asks.peer).await),
        }
    }
}

fn told(admitted: Result<Arc<str>, Denied>) -> Passed {
    admitted.map_or_else(Passed::Denied, Passed::As)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::head::{Method, Version};
    use crate::core::plan::plan;
    use crate::core::site::Site;
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<String>>);

    impl Report for Told {
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(event.to_string());
        }
    }

    #[test]
    fn the_first_by_a_link_that_works_once_is_the_only_one_and_one_who_gets_nothing_is_not() {
        let told = Arc::new(Told::default());
        let entry = Entry::new(Ticket::new([7; 32], true, None), told.clone());
        let (site, now) = (Site::default(), SystemTime::now());
        let target = format!("/a.txt{}", entry.ticket.query());
        let ask = |method| {
            let head = Head { method, target: target.as_bytes(), version: Version::Http11, fields: &[] };
            let asks = Asks { head: &head, plan: &plan(&head, &site), peer: None };
            entry.pass_now(&asks, now).unwrap_or_else(|| entry.enter(&asks, now))
        };
        let cookie = |passed| if let Passed::With(cookie) = passed { Some(cookie) } else { None };
        for status in [Status::NOT_FOUND, Status::MOVED_PERMANENTLY, Status::SERVICE_UNAVAILABLE] {
            let first = cookie(ask(Method::Get)).unwrap();
            assert!(matches!(ask(Method::Get), Passed::Denied(Denied::Busy)), "two at the same time");
            assert!(matches!(ask(Method::Head), Passed::In));
            assert!(first.with(status).is_none());
        }
        // The client was gone before it was answered.
        drop(cookie(ask(Method::Get)).unwrap());
        let first = cookie(ask(Method::Get)).unwrap();
        assert!(told.0.lock().unwrap().is_empty());
        assert!(first.with(Status::PARTIAL_CONTENT).is_some());
        for method in [Method::Get, Method::Head] {
            assert!(matches!(ask(method), Passed::Denied(Denied::Gone)));
        }
        assert_eq!(told.0.lock().unwrap().len(), 1);
    }
}
