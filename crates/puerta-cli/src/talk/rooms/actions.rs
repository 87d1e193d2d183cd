//! What is asked of a hub or done to our own files, without talking.

use super::doctor;
use super::found;
use super::home::{Home, data, own_name};
use super::ladder::{self, Target};
use super::session::{self, ANSWER, Wanted};
use super::trouble::Trouble;
use crate::report::Reporter;
use crate::signals::Stop;
use crate::talk::Arguments;
use crate::talk::arguments::Action;
use crate::talk::screen::{Ended, exported, printed, refusal, rfc3339};
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::identity::RunningHub;
use puerta_talk::log;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::{Denial, MemberFacts};
use puerta_talk::room::ids::RoomNo;
use puerta_talk::room::record::{Kind, Record};
use puerta_talk::room::store::RoomKind;
use puerta_text::visible;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// What a hub cuts the time of an invite to.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) async fn run(
    action: Action,
    arguments: &Arguments,
    reporter: Reporter,
    stop: &mut Stop,
) -> Result<u8, Trouble> {
    let work = async {
        match action {
            Action::Forget => forget(arguments, reporter),
            Action::Export => export(arguments),
            Action::Doctor => doctor::doctor(arguments).await,
            Action::Rooms | Action::Members | Action::Invite => ask(action, arguments, reporter).await,
        }
    };
    tokio::select! {
        biased;
        how = stop.wait() => Ok(session::ended_as(&Ended::Signal(how), reporter)),
        done = work => done,
    }
}

fn forget(arguments: &Arguments, reporter: Reporter) -> Result<u8, Trouble> {
    let name =
        arguments.second().ok_or_else(|| Trouble::usage("which hub?", "puerta talk forget NAME, or its address"))?;
    let home = Home::open()?;
    let hubs = home.book.read()?;
    let there = || ladder::place(name).ok().and_then(|place| hubs.at(&place));
    let known = hubs.named(name).or_else(there).map(|hub| hub.name.clone());
    let hub = home.book.forget(&known.unwrap_or_else(|| name.to_owned()))?;
    reporter.note(&format!("forgotten: {}, {}", visible(&hub.name), Fingerprint::of(hub.key)));
    Ok(0)
}

/// The records of a room, or of all, oldest first: one a line.
fn export(arguments: &Arguments) -> Result<u8, Trouble> {
    let store = match &arguments.store {
        Some(store) => store.clone(),
        None => data()?.join("room.db"),
    };
    let rooms: Vec<String> = match arguments.second() {
        Some(room) => vec![room.trim_start_matches('#').to_owned()],
        None => {
            let all = log::rooms(&store)?;
            all.into_iter().filter_map(|(_, kind, _)| public(kind)).collect()
        }
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    for room in rooms {
        log::export(&store, &room, |record| write(&mut out, &room, &record, arguments.json)).map_err(|ended| {
            match ended {
                log::Ended::Problem(problem) => Trouble::Log(problem),
                log::Ended::Sink(error) => Trouble::Output(error),
            }
        })?;
    }
    out.flush().map_err(Trouble::Output)?;
    Ok(0)
}

fn public(kind: RoomKind) -> Option<String> {
    match kind {
        RoomKind::Public(name) => Some(name),
        RoomKind::Inbox(_) => None,
    }
}

fn write(out: &mut impl Write, room: &str, record: &Record, json: bool) -> io::Result<()> {
    if json {
        return out.write_all(exported(room, record).as_bytes());
    }
    let (at, id, room, from) = (rfc3339(record.at), record.id, visible(room), visible(&record.from.name));
    let said = match record.kind {
        Kind::Text => format!("{from}:"),
        Kind::Action => format!("* {from}"),
    };
    writeln!(out, "{at} {id} #{room} {said} {}", visible(&record.text))
}

/// Asks the hub, and prints what it says.
async fn ask(action: Action, arguments: &Arguments, reporter: Reporter) -> Result<u8, Trouble> {
    let home = Home::open()?;
    let own = own_name(arguments.name.as_deref())?;
    let target = nearest(&home, arguments).await?;
    if !target.own {
        reporter.note(&format!("asking the hub {}", visible(&target.called())));
    }
    let wanted = Wanted::ask(own);
    let room = session::enter(&home, &target, wanted, arguments, None, reporter).await?;
    let link = room.facts.link;
    let mut asked = Asked::new(room.joined.events, room.joined.commands);
    let answer = async {
        let (room, no) = match asked.room(arguments.second().map(|room| room.trim_start_matches('#'))).await? {
            Ok(room) => room,
            Err(denial) => return Ok(session::ended_as(&Ended::Denied(denial), reporter)),
        };
        match action {
            Action::Rooms => {
                for (room, members) in asked.rooms(no).await? {
                    let plural = if members == 1 { "" } else { "s" };
                    let data = json!({"event": "room", "room": format!("#{room}"), "members": members});
                    print(arguments, &data, || format!("#{}  {members} member{plural}", visible(&room)))?;
                }
            }
            Action::Members => {
                for member in asked.members(no).await? {
                    let (who, key) = (&member.who.name, Fingerprint::of(member.device).to_string());
                    let there = if member.online { "online" } else { "offline" };
                    let data = json!({"event": "member", "name": who, "online": member.online, "fingerprint": key});
                    print(arguments, &data, || format!("{}  {there}  {key}", visible(who)))?;
                }
            }
            _ => {
                let (token, until) = asked.invite(no, arguments).await?;
                show_invite(&link(&room, &token), until, arguments, reporter)?;
            }
        }
        Ok(0)
    };
    let done = timeout(ANSWER, answer).await;
    drop(asked);
    session::gone(room.joined.ended).await;
    done.unwrap_or(Err(Trouble::Nobody))
}

/// Whether the hub has a room, and as many messages in it as `--since` says: who only follows it does not make it, and waits for
/// nothing that comes in years.
///
/// # Errors
/// There is none; and whatever keeps us from asking.
pub(super) async fn has_room(
    home: &Home,
    target: &Target,
    own: String,
    room: &str,
    arguments: &Arguments,
    reporter: Reporter,
) -> Result<(), Trouble> {
    let wanted = Wanted::ask(own);
    let entered = session::enter(home, target, wanted, arguments, None, reporter).await?;
    let mut asked = Asked::new(entered.joined.events, entered.joined.commands);
    let found = timeout(ANSWER, asked.room(Some(room))).await;
    let heads = std::mem::take(&mut asked.heads);
    drop(asked);
    session::gone(entered.joined.ended).await;
    // Why we are not let in is told when we come to follow.
    let Ok((name, no)) = found.unwrap_or(Err(Trouble::Nobody))? else { return Ok(()) };
    let head = heads.iter().rev().find(|(room, _)| *room == no).map(|(_, head)| *head);
    match (arguments.since, head) {
        (Some(since), Some(head)) if head < since => Err(Trouble::usage(
            format!("#{} has {head} messages, and --since says {since}", visible(&name)),
            "its numbers began anew, in another store or at another hub: --since 0 reads all that there is",
        )),
        _ => Ok(()),
    }
}

/// A hub that is asked.
struct Asked {
    events: mpsc::Receiver<Event>,
    commands: mpsc::Sender<Command>,
    /// The rooms that we are in, as they were told.
    ours: Vec<(String, RoomNo)>,
    /// Of each of them, the place of its last message.
    heads: Vec<(RoomNo, u64)>,
}

impl Asked {
    fn new(events: mpsc::Receiver<Event>, commands: mpsc::Sender<Command>) -> Asked {
        Asked { events, commands, ours: Vec::new(), heads: Vec::new() }
    }

    /// Comes into the room that is asked for, if the hub has it, or into its first.
    async fn room(&mut self, asked: Option<&str>) -> Result<Result<(String, RoomNo), Denial>, Trouble> {
        let mut looked = false;
        loop {
            let is_it = |name: &str| asked.is_none_or(|asked| asked.to_lowercase() == name.to_lowercase());
            if let Some(found) = self.ours.iter().find(|(name, _)| is_it(name)) {
                return Ok(Ok(found.clone()));
            }
            match self.ours.first().map(|(_, first)| *first).filter(|_| !looked) {
                // Whoever joins a room that is not there makes it.
                Some(first) => {
                    looked = true;
                    if !self.rooms(first).await?.iter().any(|(room, _)| is_it(room)) {
                        let what = format!("there is no room #{}", visible(asked.unwrap_or_default()));
                        return Err(Trouble::usage(what, "puerta talk rooms lists those that there are"));
                    }
                    self.tell(Command::Join(asked.unwrap_or_default().to_owned())).await;
                }
                None => {
                    if let Event::Denied(denial) = self.next().await? {
                        return Ok(Err(denial));
                    }
                }
            }
        }
    }

    /// All rooms, however many answers they take: what is asked for behind them comes behind them.
    async fn rooms(&mut self, no: RoomNo) -> Result<Vec<(String, u32)>, Trouble> {
        self.tell(Command::Rooms).await;
        self.tell(Command::Who(no)).await;
        let mut all = Vec::new();
        loop {
            match self.next().await? {
                Event::Rooms(rooms) => all.extend(rooms),
                Event::Members { .. } => return Ok(all),
                _ => {}
            }
        }
    }

    /// All members of a room, in the same way.
    async fn members(&mut self, no: RoomNo) -> Result<Vec<MemberFacts>, Trouble> {
        self.tell(Command::Who(no)).await;
        self.tell(Command::Rooms).await;
        let mut all = Vec::new();
        loop {
            match self.next().await? {
                Event::Members { room, members } if room == no => all.extend(members),
                Event::Rooms(_) => return Ok(all),
                _ => {}
            }
        }
    }

    /// The token of an invite, and until when it is good.
    async fn invite(&mut self, room: RoomNo, arguments: &Arguments) -> Result<([u8; 16], i64), Trouble> {
        let lasts = u32::try_from(arguments.invite_lasts().as_secs()).unwrap_or(u32::MAX);
        self.tell(Command::Invite { room, once: arguments.once, lasts, renew: arguments.renew }).await;
        loop {
            if let Event::Invite { token, until, .. } = self.next().await? {
                return Ok((token, until));
            }
        }
    }

    /// What comes next; a wish that was not granted is an error.
    async fn next(&mut self) -> Result<Event, Trouble> {
        let event = self.events.recv().await.ok_or(Trouble::Nobody)?;
        match &event {
            Event::Sorry(why) => return Err(Trouble::usage(refusal(why), "try again later")),
            Event::Unanswered(_) => return Err(Trouble::Nobody),
            Event::Room(facts) => {
                self.ours.extend(facts.name.clone().map(|name| (name, facts.no)));
                self.heads.push((facts.no, facts.head));
            }
            _ => {}
        }
        Ok(event)
    }

    async fn tell(&self, command: Command) {
        // Where nobody takes it the events have ended, too.
        let _ = self.commands.send(command).await;
    }
}

/// As a link, and on a terminal as a QR code.
fn show_invite(link: &str, until: i64, arguments: &Arguments, reporter: Reporter) -> Result<(), Trouble> {
    let until = rfc3339(until);
    if arguments.invite_lasts() > LONGEST {
        reporter.note(&format!("an invite is good for 30 days at most: this one until {until}"));
    }
    print(arguments, &json!({"event": "invite", "link": link, "until": until}), || link.to_owned())?;
    if io::stdout().is_terminal() && !arguments.json {
        let whom = if arguments.once { "one device" } else { "everyone" };
        let good = format!("good until {until}, for {whom}");
        for line in printed(link, &[link.to_owned()], std::slice::from_ref(&good)) {
            print(arguments, &json!(null), || line.clone())?;
        }
        reporter.note(&good);
    }
    Ok(())
}

fn print(arguments: &Arguments, data: &serde_json::Value, text: impl FnOnce() -> String) -> Result<(), Trouble> {
    let line = if arguments.json { data.to_string() } else { text() };
    writeln!(io::stdout(), "{line}").map_err(Trouble::Output)
}

/// The one hub of ours that runs on this machine, or the one that `--store` or `--no-store` names.
fn ours(home: &Home, arguments: &Arguments) -> Result<Option<Target>, Trouble> {
    let store = arguments.store.as_deref().map(|store| std::fs::canonicalize(store).unwrap_or(store.to_owned()));
    let mut running = home.running();
    running.retain(|hub| (store.is_none() || hub.store == store) && !(arguments.no_store && hub.store.is_some()));
    match running.as_slice() {
        [] => {}
        [one] => return Ok(Some(Target::own(home, one.address))),
        several => {
            let called = |hub: &RunningHub| match &hub.store {
                Some(store) => format!("{} (--store {})", hub.address, visible(&store.to_string_lossy())),
                None => format!("{} (--no-store)", hub.address),
            };
            let several: Vec<String> = several.iter().map(called).collect();
            let what = format!("{} hubs of ours run here: {}", several.len(), several.join(", "));
            return Err(Trouble::usage(
                what,
                "say which with --store FILE or --no-store, or end those that are not needed",
            ));
        }
    }
    if let Some(target) = ladder::on_this_machine(home, &home.store(arguments.store.as_deref())) {
        return Ok(Some(target));
    }
    if store.is_some() || arguments.no_store {
        let what = "no hub of ours runs here with this store";
        return Err(Trouble::NotRunning(what.to_owned()));
    }
    Ok(None)
}

/// The hub that is asked: ours, one that is known on the network, or one that is remembered.
async fn nearest(home: &Home, arguments: &Arguments) -> Result<Target, Trouble> {
    let accept = arguments.accept;
    if let Some(target) = ours(home, arguments)?
        && (target.is(accept) || arguments.store.is_some() || arguments.no_store)
    {
        return super::trusted(target, arguments).await;
    }
    let found = found::on_the_network(home, accept).await?;
    let known = found.iter().find(|target| target.trust.is_some() && target.is(accept));
    let target = match known.cloned() {
        None => ladder::remembered(home, accept).await?,
        known => known,
    };
    match target.or_else(|| found.into_iter().min_by_key(|target| !target.is(accept))) {
        Some(target) => super::trusted(target, arguments).await,
        None => Err(Trouble::Nobody),
    }
}
