//! Who comes in: new members, invites, streams.

use super::state::{Known, State};
use super::{Asked, Conn, Effect, Held, Rooms, folded, may_be_called, send};
use crate::room::frame::{Denial, Hello, Refusal, ToMember, VERSION, Welcome};
use crate::room::ids::{MemberNo, RoomNo};
use crate::room::limits::STREAMS;
use crate::room::store::{Ask, Invite, RoomKind, Token, TokenHash, Write};
use std::time::Duration;

/// Streams of a member that are kept in mind, at most, while none of them waits for the log.
const STREAMS_KEPT: usize = 4 * STREAMS;

/// Invites that are kept; the one that ends first makes room for another.
const INVITES: usize = 1024;

impl Rooms {
    pub(super) fn hello(&mut self, now: Duration, wall: i64, conn: Conn, hello: Hello, out: &mut Vec<Effect>) {
        match self.admitted(wall, conn, &hello) {
            Err(denial) => self.deny(conn, denial, out),
            Ok(member) => {
                let Some(session) = self.sessions.get_mut(&conn) else { return };
                let streams = hello.streams.clone();
                session.state = State::Entering { hello: Box::new(hello), member };
                let new = self.batch.iter().any(|w| matches!(w, Write::Member { no, .. } if *no == member));
                let known = self.members.get(&member).map(|m| &m.streams);
                let unknown: Vec<u64> =
                    streams.iter().copied().filter(|s| known.is_some_and(|k| !k.contains_key(s))).collect();
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
                known.streams.retain(|_, stream| stream.batch > written);
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
        let State::Entering { hello, member } = std::mem::replace(&mut session.state, State::Closed) else { return };
        session.state = State::Open { member, feed: hello.feed, streams: hello.streams };
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

    pub(super) fn welcome(&mut self, now: Duration, conn: Conn, member: MemberNo, out: &mut Vec<Effect>) {
        let Some(State::Open { streams, .. }) = self.sessions.get(&conn).map(|s| &s.state) else { return };
        let Some(known) = self.members.get(&member) else { return };
        let last = |s: &u64| (*s, known.streams.get(s).map_or(0, |stream| stream.last));
        let welcome = Welcome {
            hub: self.setup.name.clone(),
            you: known.person(member),
            limits: self.setup.limits,
            streams: streams.iter().map(last).collect(),
            read_only: self.read_only.clone(),
            first: self.setup.first.clone(),
            may_move: u32::try_from(self.setup.may_move.saturating_sub(now).as_millis()).unwrap_or(u32::MAX),
        };
        send(out, conn, &ToMember::Welcome(welcome));
        for room in self.rooms_of(member) {
            self.tell_room(conn, member, room, out);
        }
        if let Some((address, hub)) = &self.moved {
            send(out, conn, &ToMember::Move { address: address.clone(), hub: *hub });
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
            let sessions = self.members.get(member).map_or(0, |m| m.sessions.len());
            if sessions >= limits.sessions as usize {
                return Err(Denial::TooManySessions { sessions: limits.sessions });
            }
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
        self.members.insert(no, Known::new(device, name.clone()));
        self.write(Write::Member { no, device, name });
        let inbox = self.make_room(RoomKind::Inbox(no));
        self.write(Write::Join { room: inbox, member: no });
        self.enter_room(inbox, no, 0);
        Ok(no)
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

    #[allow(clippy::too_many_arguments, reason = "the fields of one frame")]
    pub(super) fn invite(
        &mut self,
        conn: Conn,
        member: MemberNo,
        room: RoomNo,
        once: bool,
        until: i64,
        renew: bool,
        out: &mut Vec<Effect>,
    ) {
        if let Some(why) = &self.read_only {
            return send(out, conn, &ToMember::Sorry(Refusal::ReadOnly { why: why.clone() }));
        }
        if !self.is_in(room, member) || self.rooms.get(&room).is_none_or(|r| r.name().is_none()) {
            return send(out, conn, &ToMember::Sorry(Refusal::NotInRoom { room: room.0.to_string() }));
        }
        let ticket = self.ticket(Asked::Invite { conn, room, once, until, renew });
        out.push(Effect::NeedToken { ticket });
    }

    pub(super) fn token(&mut self, ticket: u64, token: [u8; 16]) {
        let Some(Asked::Invite { conn, room, once, until, renew }) = self.tickets.remove(&ticket) else { return };
        self.invited(Some(conn), room, token, until, once, renew);
    }

    pub(super) fn invited(
        &mut self,
        conn: Option<Conn>,
        room: RoomNo,
        token: [u8; 16],
        until: i64,
        once: bool,
        renew: bool,
    ) {
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
