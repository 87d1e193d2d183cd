//! `talk` in rooms: finds the hub or opens one, joins, and shows what is said.

mod actions;
mod doctor;
mod found;
mod home;
mod hosting;
mod ladder;
mod neighbours;
mod session;
mod show;
mod trouble;
mod trust;

use super::arguments::{Arguments, What};
use super::screen::{Ended, Feed};
use crate::exchange::runtime;
use crate::report::Reporter;
use crate::signals::Stop;
use home::{Home, hub_name, own_name};
use hosting::Hosting;
use ladder::Target;
use puerta_relay::background;
use puerta_talk::identity::Trust;
use puerta_talk::invite::Invite;
use puerta_talk::log;
use puerta_talk::problem::Problem;
use puerta_talk::room::ids::Device;
use puerta_talk::room::member::From;
use puerta_text::visible;
use session::Wanted;
use show::Mode;
use std::io::{self, BufRead};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;
pub(super) use trouble::Trouble;

/// For how long the hub of another program of ours is waited for that has the store and is not there yet.
const ALMOST: Duration = Duration::from_secs(3);

/// Lines about other hubs that wait for the screen, and words of `/go` that wait for us.
const NOTICES: usize = 32;

pub(super) fn run(arguments: &Arguments, reporter: Reporter) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return reporter.problem(&puerta_relay::problem::Problem::System(error)),
    };
    let done = runtime.block_on(begin(arguments, reporter));
    // A name server that does not answer holds a thread; nobody waits for it.
    runtime.shutdown_background();
    ExitCode::from(match done {
        Ok(status) => status,
        Err(Trouble::Interrupted) => Trouble::Interrupted.status(),
        Err(trouble) => trouble.report(reporter),
    })
}

async fn begin(arguments: &Arguments, reporter: Reporter) -> Result<u8, Trouble> {
    let mut stop = Stop::watch().map_err(Trouble::System)?;
    let what = arguments.what()?;
    if let What::Action(action) = what {
        return actions::run(action, arguments, reporter, &mut stop).await;
    }
    let home = Home::open()?;
    let own = own_name(arguments.name.as_deref())?;
    if let What::Host = what {
        let mut hosting = hosting::open(&home, arguments, &own, false, reporter)?;
        hosting.announce(arguments, reporter)?;
        tokio::select! {
            biased;
            _ = stop.wait() => {}
            done = async {
                session::be_member(&home, &hosting, own, arguments, reporter).await?;
                std::future::pending().await
            } => return done,
        }
        hosting.end().await;
        return Ok(0);
    }
    let arrived = tokio::select! {
        biased;
        how = stop.wait() => {
            trust::give_back();
            return Ok(session::ended_as(&Ended::Signal(how), reporter));
        }
        arrived = arrive(&home, what, &own, arguments, reporter) => arrived?,
    };
    talk(&home, arrived, own, arguments, reporter, &mut stop).await
}

/// Where we have come to.
struct Arrived {
    /// The hub to go to.
    target: Target,
    /// Our own, if we have opened one.
    hosting: Option<Hosting>,
    /// Others that were found on the way, and not gone to.
    passed: Vec<Device>,
}

impl Arrived {
    fn at(target: Target) -> Arrived {
        Arrived { target, hosting: None, passed: Vec::new() }
    }
}

async fn arrive(
    home: &Home,
    what: What<'_>,
    own: &str,
    arguments: &Arguments,
    reporter: Reporter,
) -> Result<Arrived, Trouble> {
    match what {
        What::Find => find(home, own, arguments, reporter).await,
        What::Hub(text) => {
            let target = ladder::named(home, text, arguments.within()).await?;
            Ok(Arrived::at(trusted(target, arguments).await?))
        }
        What::Invite(text) => {
            let invite: Invite = text.parse().map_err(Problem::Invite)?;
            Ok(Arrived::at(trusted(ladder::invited(home, &invite).await?, arguments).await?))
        }
        What::Stdin => {
            let text = background::run(first_line).await.map_err(Trouble::System)?.map_err(Trouble::System)?;
            let invite: Invite = text.parse().map_err(Problem::Invite)?;
            Ok(Arrived::at(trusted(ladder::invited(home, &invite).await?, arguments).await?))
        }
        What::Host | What::Action(_) => Err(Trouble::Nobody),
    }
}

/// The ladder: this machine, the network, what is remembered; else a hub of our own.
async fn find(home: &Home, own: &str, arguments: &Arguments, reporter: Reporter) -> Result<Arrived, Trouble> {
    let store = home.store(arguments.store.as_deref());
    // With `--accept` ours may be another than is meant.
    if let Some(target) = ladder::on_this_machine(home, &store).filter(|ours| ours.is(arguments.accept)) {
        if let Some(option) = arguments.for_a_new_hub() {
            let what = format!("our hub runs already, at {}: {option} means nothing to it", target.called());
            return Err(Trouble::usage(what, "leave the option out to join that hub, or end it first"));
        }
        return Ok(Arrived::at(target));
    }
    // Who wants a hub of a kind wants their own.
    let any = !arguments.shapes_a_hub() || !arguments.opens();
    let (mut declined, mut passed) = (Vec::new(), Vec::new());
    if any && let Some(target) = look(home, arguments, reporter, &mut declined, &mut passed).await? {
        if arguments.lasts.is_some() {
            let what = format!("the hub {} is there: --lasts means nothing to it", visible(&target.called()));
            return Err(Trouble::usage(
                what,
                "leave it out and ask there: /invite 2h; or be a hub: puerta talk --host",
            ));
        }
        return Ok(Arrived { target, hosting: None, passed });
    }
    // One of our own is not the one that is to be accepted.
    if !arguments.opens() || any && arguments.accept.is_some() {
        return Err(Trouble::Nobody);
    }
    if !declined.is_empty() {
        reporter.note(&format!("not joined; opening a room of your own: {}", hub_name(own)));
    }
    let mut hosting = match hosting::open(home, arguments, own, any, reporter) {
        Ok(hosting) => hosting,
        Err(Trouble::Log(problem)) if matches!(problem.what, log::What::Running { .. }) => {
            let target = almost(home, arguments).await.ok_or(Trouble::Log(problem))?;
            return Ok(Arrived::at(trusted(target, arguments).await?));
        }
        Err(trouble) => return Err(trouble),
    };
    reporter.note(if any && declined.is_empty() { "nobody is here yet: opened a room" } else { "opened a room" });
    if any && let Some(target) = hosting.settle(home, arguments, &mut declined).await? {
        reporter.note("another room was opened at the same time: going there");
        if arguments.lasts.is_some() {
            reporter.note("--lasts means nothing there: ask for a link with /invite and its time");
        }
        // Our members are told where to go before it ends.
        hosting.give_way(&target).await;
        return Ok(Arrived { target, hosting: None, passed: declined });
    }
    Ok(Arrived { target: hosting.target(home)?, hosting: Some(hosting), passed: declined })
}

/// A hub on the network that we agree to, or one that is remembered.
async fn look(
    home: &Home,
    arguments: &Arguments,
    reporter: Reporter,
    declined: &mut Vec<Device>,
    passed: &mut Vec<Device>,
) -> Result<Option<Target>, Trouble> {
    if arguments.opens() {
        reporter.note("looking for a room on the network …");
    }
    let targets = found::on_the_network(home, arguments.accept).await?;
    passed.extend(targets.iter().map(|target| target.hub));
    let mut refused = None;
    for target in targets {
        let hub = target.hub;
        match trusted(target, arguments).await {
            // Of one that was not known only announcements are: it is joined where it shows its key.
            Ok(target) if target.trust == Some(Trust::Agreed) && target.at.len() > 1 => {
                return Ok(Some(found::answering(home, target.clone()).await.unwrap_or(target)));
            }
            Ok(target) => return Ok(Some(target)),
            // Another one may be the right one, or one that is remembered.
            Err(Trouble::Declined) => declined.push(hub),
            Err(trouble @ Trouble::NotTrusted { .. }) => refused = refused.or(Some(trouble)),
            Err(trouble) => return Err(trouble),
        }
    }
    match (ladder::remembered(home, arguments.accept).await?, refused) {
        (Some(target), _) => trusted(target, arguments).await.map(Some),
        (None, Some(refused)) => Err(refused),
        (None, None) => Ok(None),
    }
}

/// The hub of another program of ours, which has just taken the store.
async fn almost(home: &Home, arguments: &Arguments) -> Option<Target> {
    let store = home.store(arguments.store.as_deref());
    let wait = async {
        loop {
            if let Some(target) = ladder::on_this_machine(home, &store) {
                return target;
            }
            tokio::time::sleep(ALMOST / 60).await;
        }
    };
    tokio::time::timeout(ALMOST, wait).await.ok()
}

/// A hub that is trusted, or that someone agrees to; never another than `--accept` names.
async fn trusted(mut target: Target, arguments: &Arguments) -> Result<Target, Trouble> {
    if target.trust.is_none() || arguments.accept.is_some() {
        target.trust = Some(trust::agreed(&target, arguments.accept, arguments.may_ask()).await?);
    }
    Ok(target)
}

async fn talk(
    home: &Home,
    arrived: Arrived,
    own: String,
    arguments: &Arguments,
    reporter: Reporter,
    stop: &mut Stop,
) -> Result<u8, Trouble> {
    let Arrived { target, hosting, passed } = arrived;
    let greeting = match &hosting {
        Some(hosting) => hosting.announce(arguments, reporter)?,
        None => Vec::new(),
    };
    let wanted = wanted(own.clone(), arguments, target.own)?;
    let entering = async {
        if let (true, Some(room)) = (arguments.follow, arguments.wanted_room()) {
            actions::has_room(home, &target, own, room, arguments, reporter).await?;
        }
        session::enter(home, &target, wanted, arguments, hosting.as_ref(), reporter).await
    };
    // A hub that does not answer is waited for.
    let entered = tokio::select! {
        biased;
        how = stop.wait() => Err(how),
        entered = entering => Ok(entered),
    };
    let mut room = match entered {
        Ok(entered) => entered?,
        Err(how) => {
            if let Some(mut hosting) = hosting {
                hosting.end().await;
            }
            return Ok(session::ended_as(&Ended::Signal(how), reporter));
        }
    };
    let kept = room.kept;
    room.facts.greeting = greeting;
    room.facts.name.clone_from(&arguments.name);
    let ended = room.joined.ended;
    let (say, notices) = mpsc::channel(NOTICES);
    let (go, words) = mpsc::channel(NOTICES);
    room.facts.go = hosting.is_some().then_some(go);
    let feed = Feed { events: room.joined.events, notices, commands: room.joined.commands };
    let shown = show::show(arguments, room.facts, feed, stop);
    let ((end, left), hosting) = if matches!(arguments.what()?, What::Find) && arguments.opens() {
        let seen = passed.into_iter().chain([target.hub]);
        let watch = neighbours::Watch::new(home, seen, hosting.as_ref(), say, words, room.agreed);
        watch.while_shown(shown, hosting).await
    } else {
        (shown.await, hosting)
    };
    let problem = session::gone(ended).await;
    if let Some(mut hosting) = hosting {
        if matches!(end, Ended::Stay) {
            reporter.note("the hub stays for those who are in it; Ctrl-C ends it");
            stop.wait().await;
        }
        hosting.end().await;
    }
    Ok(session::status(&end, &left, kept, problem.as_ref(), reporter))
}

fn wanted(name: String, arguments: &Arguments, ours: bool) -> Result<Wanted, Trouble> {
    // A store that is older than `--room` has rooms of its own.
    let first = arguments.room.as_ref().filter(|_| ours && arguments.opens()).map(|_| arguments.first_room());
    let rooms: Vec<String> = arguments.wanted_room().or(first).map(str::to_owned).into_iter().collect();
    let mut wanted = Wanted::talk(name, rooms);
    if arguments.follow {
        wanted.only = !wanted.rooms.is_empty();
        wanted.speaks = false;
        wanted.from = arguments.since.map_or(From::Now, From::Place);
    } else if Mode::of(arguments) == Mode::Pipe {
        wanted.only = true;
        wanted.feed = false;
    }
    Ok(wanted)
}

fn first_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}
