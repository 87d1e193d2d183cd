//! Who comes in: new members, invites, streams.

use super::state::{Known, Room, Session, State};
use super::{Asked, Conn, Effect, Held, Rooms, Wish, folded, may_be_called, send};
use crate::room::frame::{Denial, Hello, Refusal, ToMember, VERSION, Welcome};
use crate::room::ids::{MemberNo, RoomNo};
use crate::room::limits::STREAMS;
use crate::room::store::{Ask, Invite, RoomKind, Token, TokenHash, Write};
use std::collections::BTreeSet;
use std::time::Duration;

/// Streams of a member that are kept in mind, at most, while none of them waits for the log.
const STREAMS_KEPT: usize = 4 * STREAMS;

/// Invites that are kept; the one that ends first makes room for another.
const INVITES: usize = 1024;

impl Rooms {
    pub(super) fn hello(&mut self, now: Duration, wall: i64, conn: Conn, hello: Hello, out: &mut Vec<Effect>) {
        let first = self.led_to(wall, &hello);
        match self.admitted(wall, conn, &hello) {
            Err(denial) => self.deny(conn, denial, out),
            Ok(member) => {
                let Some(session) = self.sessions.get_mut(&conn) else { return };
                let streams = hello.streams.clone();
                session.state = State::Entering { hello: Box::new(hello), member, first };
                let Some(known) = self.members.get(&member) else { return };
                let unknown: Vec<u64> = streams.into_iter().filter(|s| !known.streams.contains_key(s)).collect();
                // The log has nothing of one who was not let in before.
                let new = known.since > self.written;
                if new || unknown.is_empty() {
                    let none: Vec<(u64, u64)> = unknown.iter().map(|s| (*s, 0)).collect();
                    self.entered(now, conn, &none, out);
                } else {
                    self.ask(Asked::Enter(conn), Ask::Last { from: member, streams: unknown }, out);
                }
            }
        }
    }

    /// The streams of a connection are known: it is let in, when its membership is durable.
    pub(super) fn entered(&mut self, now: Duration, conn: Conn, streams: &[(u64, u64)], out: &mut Vec<Effect>) {
        let Some(State::Entering { member, .. }) = self.sessions.get(&conn).map(|s| &s.state) else { return };
        let member = *member;
        let written = self.written;
        if let Some(known) = self.members.get_mut(&member) {
            if known.streams.len() + streams.len() > STREAMS_KEPT {
                let theirs = self.sessions.values().filter_map(Session::streams).filter(|(no, _)| *no == member);
                let spoken_for: BTreeSet<u64> = theirs.flat_map(|(_, streams)| streams).copied().collect();
                known.streams.retain(|no, stream| stream.batch > written || spoken_for.contains(no));
            }
            for (stream, last) in streams {
                let entry = known.streams.entry(*stream).or_default();
                entry.last = entry.last.max(*last);
                entry.durable = entry.durable.max(*last);
            }
        }
        if self.settled() {
            self.open(now, conn, out);
        } else {
            self.hold(Held::Enter(conn));
        }
    }

    /// Lets a connection in.
    pub(super) fn open(&mut self, now: Duration, conn: Conn, out: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let State::Entering { hello, member, first } = std::mem::replace(&mut session.state, State::Closed) else {
            return;
        };
        if let Some(why) = self.read_only.clone()
            && self.members.get(&member).is_none_or(|m| m.since > self.written)
        {
            return self.deny(conn, Denial::ReadOnly { why }, out);
        }
        self.replace(member, &hello, out);
        let sessions = self.setup.limits.sessions;
        if self.members.get(&member).is_some_and(|m| m.sessions.len() >= sessions as usize) {
            return self.deny(conn, Denial::TooManySessions { sessions }, out);
        }
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.state = State::Open { member, feed: hello.feed, streams: hello.streams, first };
        }
        let was_there = self.members.get(&member).is_some_and(Known::online);
        if let Some(known) = self.members.get_mut(&member) {
            known.sessions.push(conn);
        }
        for room in self.rooms_of(member) {
            if let Some(room) = self.rooms.get_mut(&room) {
                room.audience = None;
            }
        }
        self.welcome(now, conn, member, out);
        if !was_there {
            self.presence(now, member, true, out);
        }
    }

    /// A program that comes again has lost the connection that it had.
    fn replace(&mut self, member: MemberNo, hello: &Hello, out: &mut Vec<Effect>) {
        let (Some(own), Some(known)) = (hello.streams.first(), self.members.get_mut(&member)) else { return };
        for conn in std::mem::take(&mut known.sessions) {
            let Some(session) = self.sessions.get_mut(&conn) else { continue };
            if session.streams().is_some_and(|(_, streams)| streams.first() == Some(own)) {
                session.state = State::Closed;
                out.push(Effect::Close(conn));
            } else {
                known.sessions.push(conn);
            }
        }
    }

    pub(super) fn welcome(&mut self, now: Duration, conn: Conn, member: MemberNo, out: &mut Vec<Effect>) {
        if let Some((address, hub)) = &self.moved {
            return send(out, conn, &ToMember::Move { address: address.clone(), hub: *hub });
        }
        let Some(State::Open { streams, first, .. }) = self.sessions.get(&conn).map(|s| &s.state) else { return };
        let first = first.and_then(|room| self.rooms.get(&room)).and_then(Room::name);
        let Some(known) = self.members.get(&member) else { return };
        let last = |s: &u64| (*s, known.streams.get(s).map_or(0, |stream| stream.last));
        let welcome = Welcome {
            hub: self.setup.name.clone(),
            you: known.person(member),
            limits: self.setup.limits,
            streams: streams.iter().map(last).collect(),
            rooms: known.rooms.iter().copied().collect(),
            read_only: self.read_only.clone(),
            first: first.unwrap_or(&self.setup.first).to_owned(),
            may_move: u32::try_from(self.setup.may_move.saturating_sub(now).as_millis()).unwrap_or(u32::MAX),
        };
        send(out, conn, &ToMember::Welcome(welcome));
        for room in self.rooms_of(member) {
            self.tell_room(conn, member, room, out);
        }
    }

    pub(super) fn deny(&mut self, conn: Conn, denial: Denial, out: &mut Vec<Effect>) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.state = State::Closed;
        }
        send(out, conn, &ToMember::Denied(denial));
        out.push(Effect::Close(conn));
    }

    pub(super) fn malformed(&mut self, conn: Conn, out: &mut Vec<Effect>) {
        if self.sessions.get(&conn).is_some_and(|s| s.member().is_some()) {
            out.push(Effect::Close(conn));
        } else {
            self.deny(conn, Denial::Malformed, out);
        }
    }

    /// Who this is: a member, or one from now on.
    fn admitted(&mut self, wall: i64, conn: Conn, hello: &Hello) -> Result<MemberNo, Denial> {
        let limits = self.setup.limits;
        let Some(session) = self.sessions.get(&conn) else { return Err(Denial::Malformed) };
        let device = session.device;
        if hello.version != VERSION {
            return Err(Denial::Version { hub: VERSION });
        }
        if hello.streams.len() > STREAMS {
            return Err(Denial::Malformed);
        }
        if let Some(member) = self.devices.get(&device) {
            return Ok(*member);
        }
        if let Some(why) = &self.read_only {
            return Err(Denial::ReadOnly { why: why.clone() });
        }
        if !may_be_called(&hello.name, limits.name) {
            return Err(Denial::BadName);
        }
        if self.members.len() >= limits.members as usize {
            return Err(Denial::Full { members: limits.members });
        }
        if self.setup.invite_only {
            self.redeem(wall, hello.token)?;
        }
        let name = self.free_name(&hello.name);
        let no = MemberNo(self.members.last_key_value().map_or(0, |(no, _)| no.0) + 1);
        self.devices.insert(device, no);
        self.names.insert(folded(&name), no);
        let known = Known { since: self.next_batch, ..Known::new(device, name.clone()) };
        self.members.insert(no, known);
        self.write(Write::Member { no, device, name });
        let inbox = self.make_room(RoomKind::Inbox(no));
        self.write(Write::Join { room: inbox, member: no });
        self.enter_room(inbox, no, 0);
        Ok(no)
    }

    /// The room of its invite, if that is good.
    fn led_to(&self, wall: i64, hello: &Hello) -> Option<RoomNo> {
        let invite = self.invites.get(&Token(hello.token?).hash())?;
        (invite.until > wall).then_some(invite.room)
    }

    fn redeem(&mut self, wall: i64, token: Option<[u8; 16]>) -> Result<(), Denial> {
        let token = Token(token.ok_or(Denial::InviteOnly)?).hash();
        if self.used.contains(&token) {
            return Err(Denial::UsedUp);
        }
        let invite = self.invites.get(&token).ok_or(Denial::UnknownInvite)?;
        if invite.until <= wall {
            return Err(Denial::Expired);
        }
        if invite.once {
            self.invites.remove(&token);
            self.used.insert(token);
            self.write(Write::Spent(token));
        }
        Ok(())
    }

    pub(super) fn invite(&mut self, now: Duration, conn: Conn, member: MemberNo, wish: Wish, out: &mut Vec<Effect>) {
        let room = wish.room;
        if !self.is_in(room, member) || self.rooms.get(&room).is_none_or(|r| r.name().is_none()) {
            return send(out, conn, &ToMember::Sorry(Refusal::NotInRoom { room: room.0.to_string() }));
        }
        if self.may_write(now, conn, member, out) {
            let ticket = self.ticket(Asked::Invite(conn, wish));
            out.push(Effect::NeedToken { ticket });
        }
    }

    pub(super) fn token(&mut self, ticket: u64, token: [u8; 16]) {
        if let Some(Asked::Invite(conn, wish)) = self.tickets.remove(&ticket) {
            self.invited(Some(conn), token, wish);
        }
    }

    pub(super) fn invited(&mut self, conn: Option<Conn>, token: [u8; 16], wish: Wish) {
        let Wish { room, once, until, renew } = wish;
        if self.read_only.is_some() {
            return;
        }
        if renew {
            let before: Vec<TokenHash> =
                self.invites.iter().filter(|(_, invite)| invite.room == room).map(|(t, _)| *t).collect();
            for old in before {
                self.invites.remove(&old);
                self.write(Write::Spent(old));
            }
        }
        while self.invites.len() >= INVITES {
            let Some(first) = self.invites.values().min_by_key(|i| i.until).map(|i| i.token) else { break };
            self.invites.remove(&first);
            self.write(Write::Spent(first));
        }
        let hash = Token(token).hash();
        let invite = Invite { token: hash, room, until, once };
        self.invites.insert(hash, invite.clone());
        self.write(Write::Invite(invite));
        if let Some(conn) = conn {
            self.hold(Held::Invited { conn, room, token, until });
        }
    }

    /// The wished name, or with a number behind it when it is another member's.
    fn free_name(&self, wished: &str) -> String {
        let limit = self.setup.limits.name as usize;
        let mut name = wished.to_owned();
        let mut number = 2_u32;
        while self.names.contains_key(&folded(&name)) {
            let suffix = format!("-{number}");
            let mut end = wished.len().min(limit.saturating_sub(suffix.len()));
            while !wished.is_char_boundary(end) {
                end -= 1;
            }
            name = format!("{}{suffix}", wished.get(..end).unwrap_or_default());
            number += 1;
        }
        name
    }
}
