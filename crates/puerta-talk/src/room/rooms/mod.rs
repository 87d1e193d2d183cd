//! The hub without I/O: who is there, which rooms, what was said, and who must hear of it.
//!
//! Frames and answers go in, effects come out. A record is given its place when it comes, goes to the log in a [`Batch`], and
//! is told to anyone only when the log has it. So it is with everything that must outlive the hub: a member is let in, and a
//! room entered, when that is durable.

mod admit;
mod feed;
mod people;
mod say;
mod state;

use super::codec;
use super::frame::{Refusal, Send, ToHub, ToMember};
use super::ids::{Device, MemberNo, RoomNo};
use super::limits::{Limits, WAITING};
use super::store::{Answer, Ask, Batch, Invite, Loaded, RoomKind, TokenHash, Write};
use bytes::Bytes;
use state::{Known, Room, Session, State};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A connection, numbered by the driver; a number is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn(pub u64);

/// How a hub was set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its name.
    pub name: String,
    /// The room that who comes without an invite joins first, without the `#`.
    pub first: String,
    /// Only devices with an invite become members.
    pub invite_only: bool,
    /// What is allowed.
    pub limits: Limits,
    /// Until when it may yield to another hub: by the clock that `now` counts on. Zero: never.
    pub may_move: Duration,
}

/// What happens to a hub.
#[derive(Debug)]
pub enum Input {
    /// A connection stands; TLS has shown its key.
    Connected {
        /// Which.
        conn: Conn,
        /// Whose.
        device: Device,
    },
    /// A frame came.
    Frame {
        /// From where.
        conn: Conn,
        /// What.
        frame: ToHub,
    },
    /// What came is no frame.
    Malformed(Conn),
    /// A connection is gone.
    Closed(Conn),
    /// A connection that was too slow can take more: what it missed it should ask for.
    Drained(Conn),
    /// The log has these batches; they come back in order.
    Written(Vec<Batch>),
    /// The log could not write, and will not any more.
    Failed(String),
    /// The log answers.
    Answer {
        /// The question's number.
        ticket: u64,
        /// What it says.
        answer: Answer,
    },
    /// The random number that was asked for.
    Token {
        /// The question's number.
        ticket: u64,
        /// Sixteen bytes from the system's generator.
        token: [u8; 16],
    },
    /// Another hub takes over.
    Move {
        /// Where it is: `host:port`.
        address: String,
        /// Its key.
        hub: Device,
    },
    /// Time has passed: [`Rooms::due`] has come.
    Tick,
}

/// What the driver has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Frames for one connection.
    Send {
        /// Which.
        conn: Conn,
        /// Whole frames.
        frames: Bytes,
    },
    /// The same frames for many. They may be left out whole for a connection that is too slow: it is told by `Drained`.
    Fan {
        /// Which.
        to: Arc<[Conn]>,
        /// Whole frames.
        frames: Bytes,
    },
    /// For the log. Answered by `Written` or `Failed`.
    Write(Batch),
    /// For the log. Answered by `Answer`.
    Ask {
        /// Its number.
        ticket: u64,
        /// What.
        ask: Ask,
    },
    /// A random number, please. Answered by `Token`.
    NeedToken {
        /// Its number.
        ticket: u64,
    },
    /// The connection is of no use: close it when what it was sent is out.
    Close(Conn),
}

/// The hub. See [the module](self).
#[derive(Debug)]
pub struct Rooms {
    setup: Setup,
    members: BTreeMap<MemberNo, Known>,
    devices: BTreeMap<Device, MemberNo>,
    names: BTreeMap<String, MemberNo>,
    rooms: BTreeMap<RoomNo, Room>,
    room_names: BTreeMap<String, RoomNo>,
    sessions: BTreeMap<Conn, Session>,
    invites: BTreeMap<TokenHash, Invite>,
    /// Invites for one device that were used since the start, to say so.
    used: BTreeSet<TokenHash>,
    tickets: BTreeMap<u64, Asked>,
    /// Connections whose question for what follows in a room is on its way.
    catching_up: BTreeSet<(Conn, RoomNo)>,
    next_ticket: u64,
    batch: Vec<Write>,
    /// What waits for this batch and those that follow.
    held: BTreeMap<u64, Vec<Held>>,
    next_batch: u64,
    written: u64,
    waiting: usize,
    /// Who will be in a room when the batch of this number is durable.
    joining: BTreeMap<(RoomNo, MemberNo), u64>,
    /// Members whose "seen" is not in the log.
    unwritten: BTreeMap<(RoomNo, MemberNo), u64>,
    /// Members whose last connection is gone since it was told.
    departed: Vec<MemberNo>,
    due: Option<Duration>,
    read_only: Option<String>,
    moved: Option<(String, Device)>,
}

/// Why a question was asked.
#[derive(Debug)]
enum Asked {
    Enter(Conn),
    After(Conn, RoomNo),
    Before(Conn, RoomNo, u64),
    Find(Conn, Box<Send>),
    Invite(Conn, Wish),
}

/// An invite that is wished for.
#[derive(Debug, Clone, Copy)]
struct Wish {
    room: RoomNo,
    once: bool,
    until: i64,
    renew: bool,
}

/// What is done when a batch is durable.
#[derive(Debug)]
enum Held {
    Enter(Conn),
    Joined(RoomNo, MemberNo),
    Left(RoomNo, MemberNo),
    Renamed(MemberNo, String),
    Invited { conn: Conn, room: RoomNo, token: [u8; 16], until: i64 },
}

/// The longest that an invite may last, in seconds: 30 days.
pub const LONGEST_INVITE: u32 = 30 * 24 * 3600;

/// How long what is not urgent waits to be told together.
const GATHER: Duration = Duration::from_millis(500);

impl Rooms {
    /// A hub with what its log had.
    pub fn new(mut setup: Setup, loaded: Loaded) -> Rooms {
        setup.limits = setup.limits.bounded();
        let mut rooms = Rooms {
            setup,
            members: BTreeMap::new(),
            devices: BTreeMap::new(),
            names: BTreeMap::new(),
            rooms: BTreeMap::new(),
            room_names: BTreeMap::new(),
            sessions: BTreeMap::new(),
            invites: BTreeMap::new(),
            used: BTreeSet::new(),
            tickets: BTreeMap::new(),
            catching_up: BTreeSet::new(),
            next_ticket: 1,
            batch: Vec::new(),
            held: BTreeMap::new(),
            next_batch: 1,
            written: 0,
            waiting: 0,
            joining: BTreeMap::new(),
            unwritten: BTreeMap::new(),
            departed: Vec::new(),
            due: None,
            read_only: None,
            moved: None,
        };
        for (no, device, name) in loaded.members {
            rooms.devices.insert(device, no);
            rooms.names.insert(folded(&name), no);
            rooms.members.insert(no, Known::new(device, name));
        }
        for (no, kind, head) in loaded.rooms {
            rooms.open_room(no, kind, head);
        }
        for (room, member, seen) in loaded.joined {
            rooms.enter_room(room, member, seen);
        }
        rooms.invites = loaded.invites.into_iter().map(|invite| (invite.token, invite)).collect();
        rooms
    }

    /// One thing that happened, at `now` on a clock that only goes forward, and `wall` milliseconds since 1970.
    pub fn handle(&mut self, now: Duration, wall: i64, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Connected { conn, device } => {
                self.sessions.insert(conn, Session::new(device));
            }
            Input::Frame { conn, frame } => self.frame(now, wall, conn, frame, out),
            Input::Malformed(conn) => self.malformed(conn, out),
            Input::Closed(conn) => self.closed(now, conn),
            Input::Drained(conn) => self.drained(now, conn, out),
            Input::Written(batches) => self.written(now, batches, out),
            Input::Failed(why) => self.failed(now, why, out),
            Input::Answer { ticket, answer } => self.answer(now, ticket, answer, out),
            Input::Token { ticket, token } => self.token(ticket, token),
            Input::Move { address, hub } => self.make_way(address, hub, out),
            Input::Tick => self.tick(now, out),
        }
    }

    /// What was gathered for the log. Call it when there is nothing else to handle for the moment.
    pub fn flush(&mut self, out: &mut Vec<Effect>) {
        if self.batch.is_empty() {
            return;
        }
        self.write_seen();
        let number = self.next_batch;
        self.next_batch += 1;
        out.push(Effect::Write(Batch { number, writes: std::mem::take(&mut self.batch) }));
    }

    /// When [`Input::Tick`] is due, if at all.
    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Why the log takes nothing, when it does not.
    pub fn read_only(&self) -> Option<&str> {
        self.read_only.as_deref()
    }

    /// Connections, members that are there, members.
    pub fn counts(&self) -> (usize, usize, usize) {
        let online = self.members.values().filter(|m| m.online()).count();
        (self.sessions.len(), online, self.members.len())
    }

    /// Makes an invite on the hub's own account, for its first room; spends those that were made before if `renew`.
    pub fn host_invite(&mut self, token: [u8; 16], until: i64, once: bool, renew: bool) {
        let room = self.first_room();
        self.invited(None, token, Wish { room, once, until, renew });
    }

    fn frame(&mut self, now: Duration, wall: i64, conn: Conn, frame: ToHub, out: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get(&conn) else { return };
        if let Some((address, hub)) = &self.moved {
            // Whatever it wants, it gets it there; where that is was announced to everyone.
            return send(out, conn, &ToMember::Move { address: address.clone(), hub: *hub });
        }
        let member = match (&session.state, frame) {
            (State::New, ToHub::Hello(hello)) => return self.hello(now, wall, conn, hello, out),
            (State::New, _) => return self.malformed(conn, out),
            (State::Open { member, .. }, frame) => (*member, frame),
            (State::Entering { .. } | State::Closed, _) => return,
        };
        match member {
            // Repeated on its way.
            (member, ToHub::Hello(_)) => self.welcome(now, conn, member, out),
            (member, ToHub::Join { room }) => self.join(now, conn, member, room, out),
            (member, ToHub::Leave { room }) => self.leave(now, conn, member, room, out),
            (member, ToHub::Send(send)) => self.say(now, wall, conn, member, send, out),
            (member, ToHub::After { room, seq }) => self.after(conn, member, room, seq, out),
            (member, ToHub::Before { room, seq }) => self.before(conn, member, room, seq, out),
            (member, ToHub::Seen { room, through }) => self.seen(now, member, room, through),
            (member, ToHub::Rename { name }) => self.rename(now, conn, member, name, out),
            (member, ToHub::Invite { room, once, lasts, renew }) => {
                let until = wall.saturating_add(i64::from(lasts.min(LONGEST_INVITE)) * 1000);
                self.invite(now, conn, member, Wish { room, once, until, renew }, out);
            }
            (_, ToHub::Rooms) => self.list_rooms(conn, out),
            (member, ToHub::Who { room }) => self.who(conn, member, room, out),
            (_, ToHub::Ping) => send(out, conn, &ToMember::Pong),
        }
    }

    fn closed(&mut self, now: Duration, conn: Conn) {
        let Some(session) = self.sessions.remove(&conn) else { return };
        if let Some(member) = session.member() {
            self.gone(now, member, conn);
        }
    }

    /// Adds to the batch that is being gathered.
    fn write(&mut self, write: Write) {
        if self.read_only.is_some() {
            return;
        }
        self.waiting += 1;
        self.batch.push(write);
    }

    /// Does something when all that was written so far is durable; to be asked only when that is to come. Returns the batch.
    fn hold(&mut self, what: Held) -> u64 {
        let last = if self.batch.is_empty() { self.next_batch - 1 } else { self.next_batch };
        self.held.entry(last).or_default().push(what);
        last
    }

    /// Whether all that was written is durable, or never will be.
    fn settled(&self) -> bool {
        self.read_only.is_some() || (self.batch.is_empty() && self.written + 1 == self.next_batch)
    }

    fn ask(&mut self, asked: Asked, ask: Ask, out: &mut Vec<Effect>) {
        let ticket = self.ticket(asked);
        out.push(Effect::Ask { ticket, ask });
    }

    fn ticket(&mut self, asked: Asked) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.tickets.insert(ticket, asked);
        ticket
    }

    fn answer(&mut self, now: Duration, ticket: u64, answer: Answer, out: &mut Vec<Effect>) {
        let Some(asked) = self.tickets.remove(&ticket) else { return };
        if let Asked::After(conn, room) = asked {
            self.catching_up.remove(&(conn, room));
        }
        let conn = match &asked {
            Asked::Enter(conn) | Asked::After(conn, _) | Asked::Before(conn, ..) | Asked::Find(conn, _) => *conn,
            Asked::Invite(conn, _) => *conn,
        };
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let open = if matches!(asked, Asked::Find(..)) { &mut session.finding } else { &mut session.asked };
        *open = open.saturating_sub(1);
        match (asked, answer) {
            (Asked::Enter(_), Answer::Last(streams)) => self.entered(now, conn, &streams, out),
            (Asked::Enter(_), Answer::Unreadable(why)) => {
                self.deny(conn, super::frame::Denial::ReadOnly { why }, out);
            }
            (_, Answer::Unreadable(why)) => send(out, conn, &ToMember::Sorry(Refusal::Unreadable { why })),
            (Asked::After(_, room), Answer::Records(records)) => self.page(conn, room, records, out),
            (Asked::Before(_, room, seq), Answer::Records(records)) => self.older(conn, room, seq, records, out),
            (Asked::Find(_, message), Answer::Found(record)) => self.found(conn, &message, record, out),
            _ => {}
        }
    }

    fn failed(&mut self, now: Duration, why: String, out: &mut Vec<Effect>) {
        self.batch.clear();
        self.joining.clear();
        self.unwritten.clear();
        self.read_only = Some(why.clone());
        for held in std::mem::take(&mut self.held).into_values().flatten() {
            // Who was a member before is let in, to read.
            if let Held::Enter(conn) = held {
                self.open(now, conn, out);
            }
        }
        let frames = codec::bytes(&ToMember::ReadOnly { why });
        let to: Arc<[Conn]> =
            self.sessions.iter().filter(|(_, s)| s.member().is_some()).map(|(conn, _)| *conn).collect();
        out.push(Effect::Fan { to, frames });
    }

    /// The other hub takes over: nothing is taken here any more.
    fn make_way(&mut self, address: String, hub: Device, out: &mut Vec<Effect>) {
        let frames = codec::bytes(&ToMember::Move { address: address.clone(), hub });
        let to: Arc<[Conn]> = self.sessions.keys().copied().collect();
        out.push(Effect::Fan { to, frames });
        self.moved = Some((address, hub));
    }

    fn full(&self) -> bool {
        self.waiting >= WAITING
    }

    fn due_within(&mut self, now: Duration, wait: Duration) {
        let at = now + wait;
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn first_room(&mut self) -> RoomNo {
        let name = self.setup.first.clone();
        match self.room_names.get(&folded(&name)) {
            Some(room) => *room,
            None => self.make_room(RoomKind::Public(name)),
        }
    }
}

/// Names are the same whatever their case.
fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Whether a member or a room may be called so: visible characters, no white space, and no sign that means something.
pub fn may_be_called(name: &str, limit: u32) -> bool {
    !name.is_empty()
        && name.len() <= limit as usize
        && !name.starts_with(['#', '@', '~', '/', '-'])
        && !name.chars().any(|c| c.is_whitespace() || c == ',')
        && puerta_text::visible(name) == name
}

fn send(out: &mut Vec<Effect>, conn: Conn, frame: &ToMember) {
    out.push(Effect::Send { conn, frames: codec::bytes(frame) });
}
