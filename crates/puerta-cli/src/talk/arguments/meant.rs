//! Which options mean something to what is to be done: one that means nothing is refused, not passed over.

use super::{Action, Arguments, What};
use Here::{Ask, Doctor, Enter, Export, Forget, Host, MakeInvite, Open, Pipe, Plain};

/// What is to be done, as far as options go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Here {
    Plain,
    Host,
    /// The hub that is found is joined, or one opened.
    Open,
    /// The hub that is found is joined for a pipe, or to read along.
    Pipe,
    /// The hub that is named is joined, or that of an invite.
    Enter,
    /// `rooms`, `members`.
    Ask,
    MakeInvite,
    Forget,
    Export,
    Doctor,
}

/// An option that was given: its name, whom it means something to, and what to do instead.
type Given = (&'static str, bool, &'static [Here], &'static str);

const FOR_PLAIN: &str = "it is for the plain mode: add --plain";
const FOR_OURS: &str = "it is for a hub of our own: puerta talk, or puerta talk --host";
const FOR_MEMBERS: &str = "it is for joining a hub: puerta talk, or puerta talk HOST";
const FOR_ROOMS: &str = "it is for the rooms of a hub: puerta talk, or puerta talk HOST";
const FOR_INVITES: &str = "it is for invites: puerta talk invite";
const FOR_STORES: &str =
    "it is for a hub of our own and what asks it: puerta talk --host, rooms, members, invite, export";

const OWN: &[Here] = &[Host, Open];
const READ: &[Here] = &[Pipe, Enter];
const JOIN: &[Here] = &[Open, Pipe, Enter];
const ASKED: &[Here] = &[Open, Pipe, Enter, Ask, MakeInvite];

impl Arguments {
    /// The first option that means nothing to what is to be done, with what to do instead.
    pub(super) fn means_nothing(&self, what: What<'_>) -> Option<(String, &'static str)> {
        let here = match what {
            _ if self.plain => Plain,
            What::Host => Host,
            What::Find if self.opens() => Open,
            What::Find => Pipe,
            What::Hub(_) | What::Invite(_) | What::Stdin => Enter,
            What::Action(Action::Rooms | Action::Members) => Ask,
            What::Action(Action::Invite) => MakeInvite,
            What::Action(Action::Forget) => Forget,
            What::Action(Action::Export) => Export,
            What::Action(Action::Doctor) => Doctor,
        };
        let wrong = self.all().into_iter().find(|(_, given, means, _)| *given && !means.contains(&here))?;
        let beside = match here {
            Plain => "with --plain",
            Host => "with --host",
            Open => "here",
            Pipe => "with --to or --follow",
            Enter => "where another hub is joined",
            Ask => "with rooms or members",
            MakeInvite => "with invite",
            Forget => "with forget",
            Export => "with export",
            Doctor => "with doctor",
        };
        Some((format!("{} means nothing {beside}", wrong.0), wrong.3))
    }

    /// An option that is for a hub that is opened, which none is where ours runs already.
    pub(crate) fn for_a_new_hub(&self) -> Option<&'static str> {
        let is_for_it = |name: &str, hint: &str| hint == FOR_OURS || name == "--lasts";
        let ours = self.all().into_iter().filter(|(name, given, _, hint)| *given && is_for_it(name, hint));
        ours.map(|(name, ..)| name).find(|name| *name != "--room")
    }

    fn all(&self) -> [Given; 25] {
        const STORE: &[Here] = &[Host, Open, Pipe, Ask, MakeInvite, Export, Doctor];
        const NAME: &[Here] = &[Plain, Host, Open, Pipe, Enter, Ask, MakeInvite];
        [
            ("--source", self.source.is_some(), &[Plain], FOR_PLAIN),
            ("--wire", self.wire.is_some(), &[Plain], FOR_PLAIN),
            ("--idle", self.idle.is_some(), &[Plain], FOR_PLAIN),
            ("-4", self.four, &[Plain], FOR_PLAIN),
            ("-6", self.six, &[Plain], FOR_PLAIN),
            ("--room", self.room.is_some(), OWN, FOR_OURS),
            ("--invite-only", self.invite_only, OWN, FOR_OURS),
            ("--rate", self.rate.is_some(), OWN, FOR_OURS),
            ("--burst", self.burst.is_some(), OWN, FOR_OURS),
            ("--max-message", self.max_message.is_some(), OWN, FOR_OURS),
            ("--max-rooms", self.max_rooms.is_some(), OWN, FOR_OURS),
            ("--max-members", self.max_members.is_some(), OWN, FOR_OURS),
            ("--listen", self.listen.is_some(), &[Plain, Host, Open], FOR_OURS),
            ("--store", self.store.is_some(), STORE, FOR_STORES),
            ("--no-store", self.no_store, &[Host, Open, Ask, MakeInvite], FOR_STORES),
            ("--lasts", self.lasts.is_some(), &[Host, Open, MakeInvite], FOR_INVITES),
            (
                "--once",
                self.once,
                &[Host, MakeInvite],
                "it is for an invite: puerta talk invite --once, or --host --once",
            ),
            ("--renew", self.renew, &[MakeInvite], FOR_INVITES),
            ("--accept", self.accept.is_some(), ASKED, FOR_MEMBERS),
            ("--to", self.to.is_some(), READ, FOR_ROOMS),
            ("--follow", self.follow, READ, FOR_ROOMS),
            ("--since", self.since.is_some(), READ, FOR_ROOMS),
            ("--line", self.line, JOIN, FOR_MEMBERS),
            ("--within", self.within.is_some(), ASKED, FOR_MEMBERS),
            ("--name", self.name.is_some(), NAME, FOR_MEMBERS),
        ]
    }
}
