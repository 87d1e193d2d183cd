//! A member without I/O: what it has said and seen, what it waits for, and when it tries again.
//!
//! A message gets its number, goes to the outbox, and only then on its way; it stays pending until the hub says that it is
//! durable. Records are shown in the order of their room, without gaps and once; what is missing is asked for.

mod asked;
mod driver;
mod outgoing;
mod renumber;
mod rooms;

use super::event::{Command, Event};
use super::frame::{Hello, Refusal, ToHub, ToMember, VERSION, Welcome};
use super::ids::{MemberNo, MessageId, RoomNo};
use super::limits::Limits;
use super::record::Record;
use super::rooms::may_be_called;
pub use asked::ANSWER;
pub use driver::{Effect, From, Input, Pending, Setup};

use rooms::Place;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How long a frame's answer is waited for before it is sent again.
pub const RESEND: Duration = Duration::from_secs(2);

/// How often a member says Hello again, and so learns of what it missed when nothing else tells it.
pub const CHECK: Duration = Duration::from_secs(60);

/// The longest pause between two tries to connect.
pub const RECONNECT: Duration = Duration::from_secs(1);

/// The first pause.
const RECONNECT_FIRST: Duration = Duration::from_millis(100);

/// How often the hub is told what was seen.
const SEEN: Duration = Duration::from_secs(1);

/// A member. See [the module](self).
#[derive(Debug)]
pub struct Member {
    setup: Setup,
    link: Link,
    /// Who we are at the hub.
    me: Option<MemberNo>,
    limits: Limits,
    /// Messages that are not durable, in the order of each stream.
    pending: VecDeque<Outgoing>,
    next_number: u64,
    /// The highest number of our stream that the hub may have from us.
    sent: u64,
    /// Questions that are not answered, and when each was asked; the oldest first.
    asked: VecDeque<(Duration, Command)>,
    /// When the quota is whole again (GCRA).
    quota: Duration,
    /// Messages of ours that the screen has as pending or stored, and not yet at their place.
    shown: BTreeSet<MessageId>,
    rooms: BTreeMap<RoomNo, Place>,
    /// Rooms that we are not in any more, as far as they were shown.
    left: BTreeMap<RoomNo, Place>,
    /// Names of rooms that we want to be in.
    wanted: BTreeSet<String>,
    /// Why the hub's log takes nothing, as the screen was told.
    read_only: Option<String>,
    /// Rooms that the hub has us in, and has not told of.
    expected: BTreeSet<RoomNo>,
    /// Rooms that the user has left, until the hub says so.
    leaving: BTreeSet<RoomNo>,
    /// Messages that a hub took which may have yielded to another one: the outbox has them until it is known that it did not.
    movable: Vec<Pending>,
    /// Until when it may yield; none when it did not.
    may_move: Option<Duration>,
    moved: bool,
    greeted: bool,
    /// A name that was wished for while there was no connection.
    wish: Option<String>,
    /// When the last Hello was sent.
    hello: Duration,
    asked_join: Duration,
    seen_told: Duration,
    pause: Duration,
}

/// How the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// None; the next try is due then.
    Down { retry: Duration },
    /// It is being made.
    Connecting,
    /// It stands; Hello was sent then.
    Greeting { at: Duration },
    /// The hub has let us in.
    Up,
    /// The hub does not let us in.
    Denied,
}

/// A message of ours on its way.
#[derive(Debug)]
struct Outgoing {
    message: Pending,
    kept: bool,
    /// When it was last sent over this connection.
    sent: Option<Duration>,
}

impl Member {
    /// A member that has not begun.
    pub fn new(setup: Setup) -> Member {
        let pending = setup.pending.iter().cloned();
        let pending = pending.map(|message| Outgoing { message, kept: true, sent: None }).collect();
        Member {
            link: Link::Down { retry: Duration::ZERO },
            me: None,
            limits: Limits::default(),
            pending,
            next_number: setup.last.saturating_add(1),
            sent: setup.last,
            asked: VecDeque::new(),
            quota: Duration::ZERO,
            shown: setup.pending.iter().map(|p| p.id).collect(),
            rooms: BTreeMap::new(),
            left: BTreeMap::new(),
            wanted: setup.rooms.iter().map(|r| folded(r)).collect(),
            read_only: None,
            expected: BTreeSet::new(),
            leaving: BTreeSet::new(),
            movable: Vec::new(),
            may_move: None,
            moved: false,
            greeted: false,
            wish: None,
            hello: Duration::ZERO,
            asked_join: Duration::ZERO,
            seen_told: Duration::ZERO,
            pause: RECONNECT_FIRST,
            setup,
        }
    }

    /// One thing that happened, at `now` on a clock that only goes forward.
    pub fn handle(&mut self, now: Duration, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Start => self.start(out),
            Input::Command(command) => self.command(now, command, out),
            Input::Kept(id) => self.kept(id, out),
            Input::NotKept(id, why) => self.not_kept(id, why, out),
            Input::Linked => self.linked(now, out),
            Input::Cut => self.cut(now, out),
            Input::Frame(frame) => self.frame(now, frame, out),
            Input::Tick => self.tick(now, out),
        }
        self.send_pending(now, out);
    }

    /// When [`Input::Tick`] is due, if at all.
    pub fn due(&self, now: Duration) -> Option<Duration> {
        match self.link {
            Link::Down { retry } => Some(retry),
            Link::Connecting | Link::Denied => None,
            Link::Greeting { at } => Some(at + RESEND),
            Link::Up => {
                let mut due = self.hello_due();
                if self.is_waiting_for_rooms() {
                    due = due.min(self.asked_join + RESEND);
                }
                if self.rooms.values().any(Place::tells_seen) {
                    due = due.min(self.seen_told + SEEN);
                }
                for place in self.rooms.values() {
                    due = due.min(place.due().unwrap_or(due));
                }
                due = due.min(self.answer_due().unwrap_or(due));
                self.sending_due(now).map_or(Some(due), |sending| Some(due.min(sending)))
            }
        }
    }

    /// Messages that are not durable at the hub.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.iter().map(|o| &o.message)
    }

    /// Whether the hub has let us in, and the connection stands.
    pub fn is_online(&self) -> bool {
        self.link == Link::Up
    }

    fn start(&mut self, out: &mut Vec<Effect>) {
        for Outgoing { message, .. } in &self.pending {
            out.push(Effect::Show(pending(message, true)));
        }
        self.link = Link::Connecting;
        out.push(Effect::Connect);
    }

    fn linked(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if self.link == Link::Denied {
            return out.push(Effect::Disconnect);
        }
        self.greet(now, out);
    }

    fn greet(&mut self, now: Duration, out: &mut Vec<Effect>) {
        self.link = Link::Greeting { at: now };
        self.say_hello(now, out);
    }

    /// Also when we are in: the hub answers as before, and so tells what was lost.
    fn say_hello(&mut self, now: Duration, out: &mut Vec<Effect>) {
        self.hello = now;
        let mut streams = vec![self.setup.stream];
        for outgoing in &self.pending {
            let stream = outgoing.message.id.stream;
            if !streams.contains(&stream) && streams.len() < super::limits::STREAMS {
                streams.push(stream);
            }
        }
        out.push(Effect::Send(ToHub::Hello(Hello {
            version: VERSION,
            name: self.setup.name.clone(),
            token: self.setup.token,
            streams,
            feed: self.setup.feed,
        })));
    }

    fn cut(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if self.link == Link::Denied {
            return;
        }
        if self.link == Link::Up || !self.greeted {
            self.greeted = true;
            out.push(Effect::Show(Event::Offline));
        }
        self.link = Link::Down { retry: now + self.pause };
        self.pause = (self.pause * 2).min(RECONNECT);
        for outgoing in &mut self.pending {
            outgoing.sent = None;
        }
        for place in self.rooms.values_mut() {
            place.cut();
        }
        self.unanswered(out);
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<Effect>) {
        match self.link {
            Link::Down { retry } if now >= retry => {
                self.link = Link::Connecting;
                out.push(Effect::Connect);
            }
            Link::Greeting { at } if now >= at + RESEND => self.greet(now, out),
            Link::Up => {
                if now >= self.hello_due() {
                    self.say_hello(now, out);
                }
                if self.is_waiting_for_rooms() && now >= self.asked_join + RESEND {
                    self.ask_to_join(now, out);
                }
                for (room, place) in &mut self.rooms {
                    if place.due().is_some_and(|due| now >= due) {
                        place.ask(*room, now, out);
                    }
                }
                self.tell_seen(now, out);
                self.overdue(now, out);
            }
            _ => {}
        }
    }

    fn frame(&mut self, now: Duration, frame: ToMember, out: &mut Vec<Effect>) {
        match (&self.link, frame) {
            (Link::Greeting { .. } | Link::Up, ToMember::Welcome(welcome)) => self.welcome(now, welcome, out),
            (Link::Greeting { .. }, ToMember::Denied(denial)) => {
                self.link = Link::Denied;
                out.push(Effect::Show(Event::Denied(denial)));
                out.push(Effect::Disconnect);
            }
            (Link::Greeting { .. }, ToMember::Move { address, hub }) => self.make_way(address, hub, out),
            (Link::Up, frame) => self.told(now, frame, out),
            // What comes before the Welcome is told again, or asked for.
            _ => {}
        }
    }

    fn welcome(&mut self, now: Duration, welcome: Welcome, out: &mut Vec<Effect>) {
        if self.is_copied(&welcome) {
            return self.renew(now, None, out);
        }
        let is_open = |room: &RoomNo| self.rooms.get(room).is_some_and(|place| place.open);
        self.expected = welcome.rooms.iter().copied().filter(|room| !is_open(room)).collect();
        self.may_move = (welcome.may_move > 0).then(|| now + Duration::from_millis(welcome.may_move.into()));
        if self.may_move.is_none() {
            out.extend(self.movable.drain(..).map(|message| Effect::Forget(message.id)));
        }
        let news = self.read_only != welcome.read_only;
        self.read_only.clone_from(&welcome.read_only);
        if self.link == Link::Up {
            if let Some(why) = welcome.read_only.filter(|_| news) {
                out.push(Effect::Show(Event::ReadOnly(why)));
            }
            return;
        }
        self.link = Link::Up;
        self.greeted = true;
        self.me = Some(welcome.you.no);
        self.pause = RECONNECT_FIRST;
        self.limits = welcome.limits;
        self.setup.name.clone_from(&welcome.you.name);
        if self.wanted.is_empty() && self.setup.rooms.is_empty() {
            self.wanted.insert(folded(&welcome.first));
        }
        if let Some(name) = self.wish.take().filter(|name| *name != welcome.you.name) {
            out.push(Effect::Send(ToHub::Rename { name }));
        }
        out.push(Effect::Show(Event::Online(Box::new(welcome))));
        self.ask_to_join(now, out);
    }

    /// Who hears from a room has it open, or what told of it was lost.
    fn miss_room(&mut self, frame: &ToMember) {
        let (ToMember::Record(Record { room, .. })
        | ToMember::Joined { room, .. }
        | ToMember::Presence { room, .. }
        | ToMember::Count { room, .. }
        | ToMember::Seen { room, .. }) = frame
        else {
            return;
        };
        if !self.setup.only && self.rooms.get(room).is_none_or(|place| !place.open) {
            self.expected.insert(*room);
        }
    }

    /// When to say Hello again: now and then; soon, if rooms were not told of, or if the hub can say that it does not yield.
    fn hello_due(&self) -> Duration {
        let settled = self.may_move.filter(|_| !self.movable.is_empty()).map(|until| until.max(self.hello + RESEND));
        let told = (!self.expected.is_empty()).then_some(self.hello + RESEND);
        settled.into_iter().chain(told).fold(self.hello + CHECK, Duration::min)
    }

    fn told(&mut self, now: Duration, frame: ToMember, out: &mut Vec<Effect>) {
        self.miss_room(&frame);
        self.answered(&frame);
        let event = match frame {
            ToMember::Room(facts) => return self.room(now, facts, out),
            ToMember::Record(record) => return self.record(now, record, out),
            ToMember::Older(record) => return self.older(record, out),
            ToMember::Head { room, seq } => return self.head(now, room, seq, out),
            ToMember::Gone { room } => return self.left(room, out),
            ToMember::Stored { id, room, seq } => return self.stored(id, room, seq, out),
            ToMember::Refused { id, why } => return self.refused(now, id, why, out),
            ToMember::Move { address, hub } => return self.make_way(address, hub, out),
            ToMember::NotJoined { room, why } => {
                // A room that cannot be joined is not asked for again; one of a log that is closed is.
                if !matches!(why, Refusal::ReadOnly { .. }) {
                    self.wanted.remove(&folded(&room));
                }
                Event::Sorry(why)
            }
            ToMember::Sorry(why) => Event::Sorry(why),
            ToMember::Welcome(_) | ToMember::Denied(_) | ToMember::Pong => return,
            ToMember::Slow { rate } => {
                self.slowed(now, rate);
                Event::Slow { rate }
            }
            ToMember::Oldest { room, .. } => Event::Oldest(room),
            ToMember::ReadOnly { why } if self.read_only.as_ref() == Some(&why) => return,
            ToMember::ReadOnly { why } => {
                self.read_only = Some(why.clone());
                Event::ReadOnly(why)
            }
            ToMember::Joined { room, who } => Event::Joined { room, who },
            ToMember::Left { room, who } => Event::Left { room, who },
            ToMember::Presence { room, who, online } => Event::Presence { room, who, online },
            ToMember::Count { room, members, online } => Event::Count { room, members, online },
            ToMember::Seen { room, who, through } => Event::Seen { room, who, through },
            ToMember::SeenBy { room, through, members } => Event::SeenBy { room, through, members },
            ToMember::Renamed { who, name } => {
                if self.me == Some(who.no) {
                    self.setup.name.clone_from(&name);
                }
                Event::Renamed { who, name }
            }
            ToMember::Rooms { rooms, .. } => Event::Rooms(rooms),
            ToMember::Members { room, members, .. } => Event::Members { room, members },
            ToMember::Invite { room, token, until } => Event::Invite { room, token, until },
        };
        out.push(Effect::Show(event));
    }

    fn command(&mut self, now: Duration, command: Command, out: &mut Vec<Effect>) {
        let frame = match command {
            Command::Say { to, kind, text } => return self.say(to, kind, text, out),
            Command::Join(name) => {
                if !may_be_called(&name, self.limits.name) {
                    return out.push(Effect::Show(Event::Sorry(Refusal::BadName)));
                }
                let rooms = &self.rooms;
                let same = |no: &RoomNo| rooms.get(no).and_then(Place::folded_name) == Some(&folded(&name));
                self.leaving.retain(|no| !same(no));
                self.wanted.insert(folded(&name));
                ToHub::Join { room: name }
            }
            Command::Leave(room) => {
                if let Some(name) = self.rooms.get(&room).and_then(Place::folded_name) {
                    self.wanted.remove(name);
                    self.leaving.insert(room);
                }
                ToHub::Leave { room }
            }
            Command::Seen { room, through } => {
                if let Some(place) = self.rooms.get_mut(&room) {
                    place.was_seen(through);
                }
                return self.tell_seen(now, out);
            }
            Command::Rename(name) => {
                if !may_be_called(&name, self.limits.name) {
                    return out.push(Effect::Show(Event::Sorry(Refusal::BadName)));
                }
                if self.link != Link::Up {
                    self.setup.name.clone_from(&name);
                    self.wish = Some(name);
                    return;
                }
                ToHub::Rename { name }
            }
            question @ (Command::Older(_) | Command::Invite { .. } | Command::Rooms | Command::Who(_)) => {
                return self.question(now, question, out);
            }
        };
        if self.link == Link::Up {
            out.push(Effect::Send(frame));
        }
    }

    fn is_waiting_for_rooms(&self) -> bool {
        self.wanted.iter().any(|name| !self.is_open(name))
    }

    /// Whether a room is open on this connection.
    fn is_open(&self, name: &str) -> bool {
        self.rooms.values().any(|place| place.open && place.folded_name() == Some(name))
    }

    fn ask_to_join(&mut self, now: Duration, out: &mut Vec<Effect>) {
        self.asked_join = now;
        for name in &self.wanted {
            if !self.is_open(name) {
                out.push(Effect::Send(ToHub::Join { room: name.clone() }));
            }
        }
    }

    fn tell_seen(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if self.link != Link::Up || now < self.seen_told + SEEN && self.seen_told > Duration::ZERO {
            return;
        }
        for (room, place) in &mut self.rooms {
            if let Some(through) = place.seen_to_tell() {
                self.seen_told = now;
                out.push(Effect::Send(ToHub::Seen { room: *room, through }));
            }
        }
    }
}

fn pending(message: &Pending, old: bool) -> Event {
    let Pending { id, to, kind, text } = message.clone();
    Event::Pending { id, to, kind, text, old }
}

/// Names are the same whatever their case.
fn folded(name: &str) -> String {
    name.to_lowercase()
}
