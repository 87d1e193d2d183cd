//! What is asked of a hub or done to our own files, without talking.

use super::home::{Home, data, own_name};
use super::hosting::qr;
use super::ladder::{self, Target};
use super::session::{self, ANSWER, Wanted};
use super::trouble::Trouble;
use crate::report::Reporter;
use crate::signals::Stop;
use crate::talk::Arguments;
use crate::talk::arguments::Action;
use crate::talk::screen::rfc3339;
use puerta_talk::discovery::Finder;
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::log;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::record::Record;
use puerta_talk::room::store::RoomKind;
use puerta_text::visible;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use tokio::time::timeout;

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
            Action::Doctor => doctor(arguments).await,
            Action::Rooms | Action::Members | Action::Invite => ask(action, arguments, reporter).await,
        }
    };
    tokio::select! {
        biased;
        how = stop.wait() => Ok(session::status(&crate::talk::screen::Ended::Signal(how), None, reporter)),
        done = work => done,
    }
}

fn forget(arguments: &Arguments, reporter: Reporter) -> Result<u8, Trouble> {
    let name = arguments.second().ok_or_else(|| Trouble::usage("which hub?", "puerta talk forget NAME"))?;
    let home = Home::open()?;
    let hub = home.book.forget(name)?;
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
    let (at, from) = (rfc3339(record.at), &record.from.name);
    if json {
        let value = json!({"event": "message", "room": format!("#{room}"), "seq": record.seq, "from": from,
            "text": record.text, "at": at});
        writeln!(out, "{value}")
    } else {
        writeln!(out, "{at} #{} {}: {}", visible(room), visible(from), visible(&record.text))
    }
}

/// Which rung of the ladder works, and who answers on it.
async fn doctor(arguments: &Arguments) -> Result<u8, Trouble> {
    let home = Home::open()?;
    let mut out = io::stdout();
    let mut say = |line: String| writeln!(out, "{line}").map_err(Trouble::Output);
    say(format!("our key: {}", Fingerprint::of(home.key.device())))?;
    let store = home.store(arguments.store.as_deref());
    match log::running(&store) {
        Some(at) => say(format!("this machine: our hub runs at {}", visible(&at)))?,
        None => say("this machine: no hub of ours runs".to_owned())?,
    }
    let mut finder = Finder::start();
    let until = tokio::time::Instant::now() + 2 * ladder::LOOK;
    let mut found = 0;
    while let Ok(hub) = tokio::time::timeout_at(until, finder.next()).await {
        found += 1;
        let (name, key) = (visible(&hub.announcement.name).into_owned(), Fingerprint::of(hub.announcement.hub));
        say(format!("{}: {name} at {}, fingerprint {key}", hub.by, hub.source))?;
    }
    if found == 0 {
        say("network: no hub answers".to_owned())?;
    }
    for trouble in finder.troubles() {
        say(format!("{trouble}"))?;
    }
    let hubs = home.book.read()?;
    for hub in hubs.all() {
        let at: Vec<String> = hub.addresses.iter().map(ToString::to_string).collect();
        say(format!(
            "remembered: {} at {}, fingerprint {}",
            visible(&hub.name),
            at.join(", "),
            Fingerprint::of(hub.key)
        ))?;
    }
    Ok(0)
}

/// Asks the hub, and prints what it says.
async fn ask(action: Action, arguments: &Arguments, reporter: Reporter) -> Result<u8, Trouble> {
    let home = Home::open()?;
    let own = own_name(arguments.name.as_deref())?;
    let target = nearest(&home, arguments).await?;
    let rooms: Vec<String> = arguments.second().iter().map(|room| room.trim_start_matches('#').to_owned()).collect();
    let mut wanted = Wanted::talk(own, rooms);
    wanted.feed = false;
    let room = session::enter(&home, &target, wanted, arguments, None, reporter).await?;
    let (mut events, commands) = (room.joined.events, room.joined.commands);
    let link = room.facts.link;
    let mut name = None;
    let answer = async {
        while let Some(event) = events.recv().await {
            match event {
                Event::Denied(denial) => return Ok(session::status(&denied(denial), None, reporter)),
                Event::Sorry(why) => return Err(Trouble::usage(crate::talk::screen::refusal(&why), "try again later")),
                Event::Room(facts) if facts.name.is_some() && name.is_none() => {
                    name.clone_from(&facts.name);
                    let command = match action {
                        Action::Rooms => Command::Rooms,
                        Action::Members => Command::Who(facts.no),
                        _ => Command::Invite {
                            room: facts.no,
                            once: arguments.once,
                            lasts: u32::try_from(arguments.invite_lasts().as_secs()).unwrap_or(u32::MAX),
                            renew: arguments.renew,
                        },
                    };
                    let _ = commands.send(command).await;
                }
                Event::Rooms(rooms) => {
                    for (room, members) in rooms {
                        print(
                            arguments,
                            &json!({"event": "room", "room": format!("#{room}"), "members": members}),
                            || format!("#{}  {members} members", visible(&room)),
                        )?;
                    }
                    return Ok(0);
                }
                Event::Members { members, .. } => {
                    for member in members {
                        let (who, key) = (&member.who.name, Fingerprint::of(member.device).to_string());
                        let there = if member.online { "online" } else { "offline" };
                        print(
                            arguments,
                            &json!({"event": "member", "name": who, "online": member.online, "fingerprint": key}),
                            || format!("{}  {there}  {key}", visible(who)),
                        )?;
                    }
                    return Ok(0);
                }
                Event::Invite { token, until, .. } => {
                    let link = link(name.as_deref().unwrap_or("main"), &token);
                    let until = rfc3339(until);
                    print(arguments, &json!({"event": "invite", "link": link, "until": until}), || link.clone())?;
                    if io::stdout().is_terminal() && !arguments.json {
                        for line in qr(&link) {
                            print(arguments, &json!(null), || line.clone())?;
                        }
                        reporter.note(&format!(
                            "good until {until}, for {}",
                            if arguments.once { "one device" } else { "everyone" }
                        ));
                    }
                    return Ok(0);
                }
                _ => {}
            }
        }
        Err(Trouble::Nobody)
    };
    match timeout(ANSWER, answer).await {
        Ok(done) => done,
        Err(_) => Err(Trouble::Nobody),
    }
}

fn denied(denial: puerta_talk::room::frame::Denial) -> crate::talk::screen::Ended {
    crate::talk::screen::Ended::Denied(denial)
}

fn print(arguments: &Arguments, data: &serde_json::Value, text: impl FnOnce() -> String) -> Result<(), Trouble> {
    let line = if arguments.json { data.to_string() } else { text() };
    writeln!(io::stdout(), "{line}").map_err(Trouble::Output)
}

/// The hub that is asked: ours, one that is known on the network, or one that is remembered.
async fn nearest(home: &Home, arguments: &Arguments) -> Result<Target, Trouble> {
    let store = home.store(arguments.store.as_deref());
    if let Some(target) = ladder::on_this_machine(home, &store) {
        return Ok(target);
    }
    let found = ladder::on_the_network(home).await?;
    if let Some(known) = found.iter().find(|target| target.trust.is_some()) {
        return Ok(known.clone());
    }
    if let Some(target) = ladder::remembered(home).await? {
        return Ok(target);
    }
    match found.into_iter().next() {
        Some(target) => super::trusted(target, arguments).await,
        None => Err(Trouble::Nobody),
    }
}
