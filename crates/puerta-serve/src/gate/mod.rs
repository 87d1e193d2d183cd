//! What stands between a request and the store: whether it is let in, and how fast all of it may go.

pub mod pace;
pub mod password;

use crate::core::accept;
use crate::core::access::Denied;
use crate::core::access::ticket::{Leave, Ticket, beyond, masked};
use crate::core::fields::Value;
use crate::core::head::Head;
use crate::core::plan::Plan;
use crate::core::target::Target;
use crate::event::{Event, Report};
use pace::Pace;
use password::Passwords;
use puerta::Endpoint;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

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
    used: AtomicBool,
}

/// What is to be done about a request.
#[derive(Debug, Clone)]
pub enum Passed {
    /// It is let in.
    In,
    /// It is let in, and the response brings it this cookie.
    With(Value),
    /// It is sent there, with this cookie.
    To(Vec<u8>, Value),
    /// It is not let in.
    Denied(Denied),
}

impl Entry {
    /// A door that this ticket opens.
    pub fn new(ticket: Ticket) -> Self {
        Entry { ticket, used: AtomicBool::new(false) }
    }

    /// Who comes by the link has that counted, which is done once a request: `None`.
    fn pass_now(&self, asks: &Asks<'_>, now: SystemTime) -> Option<Passed> {
        match self.ticket.leave(asks.head, asks.query(), now) {
            Leave::In => Some(Passed::In),
            Leave::Denied(denied) => Some(Passed::Denied(denied)),
            Leave::Enter => None,
        }
    }

    fn enter(&self, asks: &Asks<'_>, report: &dyn Report, now: SystemTime) -> Passed {
        // Of all who come by the link at the same time, one is first. Who has the cookie was.
        if self.ticket.once() && !self.ticket.has_cookie(asks.head) {
            if self.used.swap(true, Ordering::AcqRel) {
                return Passed::Denied(Denied::Gone);
            }
            report.event(&Event::TicketUsed(asks.peer));
        }
        let cookie = self.ticket.set_cookie(now);
        match asks.plan {
            Plan::Lookup(lookup) if accept::is_page(asks.head) => {
                Passed::To(beyond(&lookup.path, asks.query()), cookie)
            }
            _ => Passed::With(cookie),
        }
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
            Door::Ticket(_) => Cow::Owned(masked(text)),
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
    pub(crate) async fn pass(&self, asks: Asks<'_>, report: &dyn Report, now: SystemTime) -> Passed {
        if let Some(passed) = self.pass_now(asks, now) {
            return passed;
        }
        match &self.door {
            Door::Open => Passed::In,
            Door::Ticket(entry) => entry.enter(&asks, report, now),
            Door::Password(passwords) => told(passwords.admit(asks.head, asks.peer).await),
        }
    }
}

fn told(admitted: Result<(), Denied>) -> Passed {
    admitted.map_or_else(Passed::Denied, |()| Passed::In)
}
