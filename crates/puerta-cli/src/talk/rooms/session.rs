//! In a room: the member, its outbox, and the screen.

use super::home::Home;
use super::hosting::{self, Hosting};
use super::ladder::Target;
use super::trouble::Trouble;
use crate::printed::not_printed;
use crate::report::Reporter;
use crate::talk::Arguments;
use crate::talk::screen::{self, Ended, Facts, Left, Undone};
use puerta_relay::verdict::How;
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::identity::{KnownHub, RunningHub, Trust};
use puerta_talk::invite::{Invite, PLACES, Place};
use puerta_talk::join::{Joined, Keeping, Options, join};
use puerta_talk::problem::Problem;
use puerta_talk::room::event::Event;
use puerta_talk::room::ids::Device;
use puerta_talk::room::member::{From, Setup};
use puerta_talk::room::rooms::may_be_called;
use puerta_talk::room::store::Token;
use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};

/// Messages before those that are new that a screen shows first.
const CONTEXT: u64 = 100;

/// Events that wait for the screen.
const EVENTS: usize = 256;

/// A connection to the hub, with what the screens need.
pub(super) struct Room {
    pub(super) joined: Joined,
    pub(super) facts: Facts,
    pub(super) agreed: Agreed,
    /// What is not stored at the end is sent by the next program.
    pub(super) kept: bool,
}

/// Hubs that the user, or what is known of them, has agreed to go to since.
pub(super) type Agreed = Arc<Mutex<BTreeMap<Device, Trust>>>;

/// What is wanted of a room.
pub(super) struct Wanted {
    pub(super) name: String,
    /// Rooms to be in, without the `#`; none: the hub's first.
    pub(super) rooms: Vec<String>,
    pub(super) only: bool,
    pub(super) feed: bool,
    pub(super) from: From,
    /// It may say something, and so sends what waits in the outbox: whoever only asks could not tell what becomes of that.
    pub(super) speaks: bool,
}

impl Wanted {
    pub(super) fn talk(name: String, rooms: Vec<String>) -> Wanted {
        Wanted { name, rooms, only: false, feed: true, from: From::Seen { context: CONTEXT }, speaks: true }
    }

    pub(super) fn ask(name: String) -> Wanted {
        Wanted { feed: false, speaks: false, ..Wanted::talk(name, Vec::new()) }
    }
}

/// Connects to the hub. It is remembered once it has let us in.
pub(super) async fn enter(
    home: &Home,
    target: &Target,
    wanted: Wanted,
    arguments: &Arguments,
    hosting: Option<&Hosting>,
    reporter: Reporter,
) -> Result<Room, Trouble> {
    let keeping = match wanted.speaks.then(|| Keeping::disk(&home.outbox(), target.hub)) {
        None => Keeping::memory()?,
        Some(Ok(keeping)) => keeping,
        Some(Err(problem)) => {
            reporter.note(&format!("{problem}: what is not delivered when this ends is lost"));
            reporter.note(&format!("hint: {}", problem.hint()));
            Keeping::memory()?
        }
    };
    for problem in keeping.left() {
        reporter.note(&format!("{problem}: messages that wait there are not sent"));
    }
    if keeping.waiting() > 0 {
        reporter.note(&screen::waiting(keeping.waiting()));
    }
    let kept = keeping.is_on_disk();
    let room = wanted.rooms.first().cloned().or_else(|| target.room.clone());
    let setup = Setup {
        name: wanted.name,
        token: target.token,
        feed: wanted.feed,
        rooms: if wanted.rooms.is_empty() { target.room.iter().cloned().collect() } else { wanted.rooms },
        only: wanted.only,
        from: wanted.from,
        stream: keeping.stream(),
        last: keeping.last(),
        spare: keeping.spare(),
        pending: keeping.pending(),
    };
    let options = Options {
        key: home.key.clone(),
        at: target.at.clone(),
        hub: target.hub,
        setup,
        keeping,
        within: arguments.within(),
    };
    let joined = join(options).await.map_err(|problem| changed(home, problem))?;
    let agreed = Agreed::default();
    let joined = remembering(joined, home, target, agreed.clone());
    let verified = target.own || target.trust.is_some_and(|trust| trust > Trust::Agreed);
    let hub = target.hub;
    let places = match hosting {
        Some(hosting) => hosting.places(),
        None => from_elsewhere(home, &target.at, target.hub),
    };
    let facts = Facts {
        hub: hosting.map(|h| h.name.clone()).unwrap_or_else(|| target.called()),
        fingerprint: Fingerprint::of(target.hub).to_string(),
        verified,
        hosting: hosting.is_some(),
        greeting: Vec::new(),
        link: Box::new(move |room, token| link(&places, hub, room, token)),
        room,
        go: None,
        name: None,
        closed: joined.closed.clone(),
    };
    Ok(Room { joined, facts, agreed, kept })
}

/// A hub that is known and shows another key: by its name, which `forget` takes.
fn changed(home: &Home, problem: Problem) -> Problem {
    let Problem::WrongKey { expected, shown, .. } = &problem else { return problem };
    let (remembered, shown) = (*expected, *shown);
    match home.book.read().ok().and_then(|hubs| hubs.with_key(remembered).map(|hub| hub.name.clone())) {
        Some(name) => Problem::KeyChanged { name, remembered, shown },
        None => problem,
    }
}

/// Who hosts a hub that takes only those with an invite is a member of it, so that `puerta talk invite` works.
pub(super) async fn be_member(
    home: &Home,
    hosting: &Hosting,
    name: String,
    arguments: &Arguments,
    reporter: Reporter,
) -> Result<(), Trouble> {
    if !hosting.invite_only {
        return Ok(());
    }
    let wanted = Wanted::ask(name);
    let mut room = enter(home, &hosting.target(home)?, wanted, arguments, Some(hosting), reporter).await?;
    let online = async {
        while let Some(event) = room.joined.events.recv().await {
            if matches!(event, Event::Online(_) | Event::Denied(_)) {
                return;
            }
        }
    };
    // Without it the hub serves all the same, and its host comes in by the invite that was printed.
    let _ = tokio::time::timeout(ANSWER, online).await;
    Ok(())
}

/// Hands the events on, and remembers the hub when it lets us in.
fn remembering(joined: Joined, home: &Home, target: &Target, agreed: Agreed) -> Joined {
    let Joined { mut events, commands, addresses, closed, ended } = joined;
    let (show, shown) = mpsc::channel(EVENTS);
    let (tell, told) = oneshot::channel();
    let (book, mut target) = (home.book.clone(), target.clone());
    tokio::spawn(async move {
        let mut known = target.own;
        while let Some(event) = events.recv().await {
            if let Event::Moving { address, hub } = &event {
                // Where our hub sends us is remembered only if somebody has agreed to it.
                let trust = agreed.lock().unwrap_or_else(PoisonError::into_inner).get(hub).copied();
                target = Target { trust, ..Target::new(*hub, None, address.parse().into_iter().collect()) };
                known = false;
            }
            if let (Event::Online(welcome), false) = (&event, known) {
                known = true;
                let hub = known_hub(&target, &welcome.hub, &welcome.first);
                let book = book.clone();
                // What cannot be remembered is asked for again the next time.
                let _ = puerta_relay::background::run(move || hub.map(|hub| book.remember(hub))).await;
            }
            if show.send(event).await.is_err() {
                break;
            }
        }
        // The end is told when what there was to remember is written.
        drop(events);
        if let Ok(problem) = ended.await {
            let _ = tell.send(problem);
        }
    });
    Joined { events: shown, commands, addresses, closed, ended: told }
}

fn known_hub(target: &Target, name: &str, first: &str) -> Option<KnownHub> {
    if !may_be_called(name, puerta_talk::identity::NAME) {
        return None;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(KnownHub {
        name: name.to_owned(),
        addresses: places(&target.at),
        key: target.hub,
        room: target.room.clone().unwrap_or_else(|| first.to_owned()),
        trust: target.trust?,
        last_used: since.as_secs(),
    })
}

/// Where a hub is found again. A link-local address is left out: it means nothing without its zone, which is another elsewhere.
pub(super) fn places(at: &[SocketAddr]) -> Vec<Place> {
    at.iter().filter_map(|at| Place::try_from(*at).ok()).take(PLACES).collect()
}

/// Where others reach the hub: one on this machine where it listens, which another user's is taken to do everywhere.
fn from_elsewhere(home: &Home, at: &[SocketAddr], hub: Device) -> Vec<Place> {
    let Some(here) = at.iter().find(|at| at.ip().to_canonical().is_loopback()) else { return places(at) };
    let hubs = home.runtime.hubs();
    let is_it = |one: &&RunningHub| one.address.port() == here.port() && one.fingerprint == Fingerprint::of(hub);
    let ours = hubs.iter().find(is_it);
    hosting::places(ours.map_or_else(|| (Ipv6Addr::UNSPECIFIED, here.port()).into(), |one| one.listens))
}

/// The link of an invite that the hub has made, or what to do without one.
fn link(places: &[Place], hub: Device, room: &str, token: &[u8]) -> String {
    let token = token.try_into().map(Token).ok();
    let invite = token.and_then(|token| Invite::new(places.to_vec(), room.to_owned(), hub, token).ok());
    invite.map_or_else(|| "this invite cannot be written as a link".to_owned(), |invite| invite.to_string())
}

/// How it ended, as the status of the command; with the hub's end where it had one, and with what is left undone.
pub(super) fn status(ended: &Ended, left: &Left, kept: bool, problem: Option<&Trouble>, reporter: Reporter) -> u8 {
    let status = match problem {
        Some(trouble) => reporter.trouble(&trouble.message(), trouble.hint().as_deref(), trouble.status()),
        None => ended_as(ended, reporter),
    };
    // These were told of.
    let lost = matches!(problem, Some(Trouble::Talk(Problem::NotKept { .. })));
    let (what, hint, own) = match left {
        Left { messages: 1.., .. } if !lost => screen::not_stored(left.messages, kept),
        Left { undone, .. } if *undone != Undone::default() => screen::not_done(*undone),
        _ => return status,
    };
    reporter.trouble(&what, Some(hint), if status == 0 { own } else { status })
}

/// The same, where nothing can be left.
pub(super) fn ended_as(ended: &Ended, reporter: Reporter) -> u8 {
    match ended {
        Ended::Quit | Ended::Stay => 0,
        Ended::Denied(denial) => reporter.trouble(&screen::denial(denial), None, 6),
        Ended::Closed => reporter.trouble("the connection to the hub has ended", None, 7),
        Ended::Signal(How::Interrupted) => 130,
        Ended::Signal(_) => 143,
        Ended::OutputFailed(error) => {
            let problem = not_printed(error);
            reporter.problem(&problem);
            problem.status()
        }
        Ended::Failed(error) => reporter.trouble(&format!("the terminal failed: {error}"), None, 8),
    }
}

/// Waits until the outbox has what was said last, and the hub was told that we go. What ended the member, if anything did.
pub(super) async fn gone(ended: oneshot::Receiver<Problem>) -> Option<Trouble> {
    tokio::time::timeout(GOODBYE, ended).await.ok()?.ok().map(Trouble::Talk)
}

/// How long that may take: the hub hears of it at once, or a little later.
const GOODBYE: Duration = Duration::from_secs(2);

/// How long commands that ask the hub something wait for its answer.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Output;

    #[test]
    fn what_is_left_undone_is_in_the_status_however_it_ended() {
        let reporter = Reporter::new(&Output::default());
        let left = |messages, wrong| Left { messages, undone: Undone { wrong, refused: 0 } };
        for ended in [Ended::Quit, Ended::Stay] {
            let status = |left: Left, kept| status(&ended, &left, kept, None, reporter);
            let all = [left(0, 0), left(1, 0), left(1, 1), left(0, 1)].map(|left| status(left, true));
            assert_eq!((all, status(left(1, 0), false)), ([0, 7, 7, 2], 8), "{ended:?}");
        }
        assert_eq!(status(&Ended::Closed, &left(1, 0), true, None, reporter), 7);
        assert_eq!(status(&Ended::Signal(How::Terminated), &left(1, 0), true, None, reporter), 143);
    }

    #[test]
    fn a_link_local_address_is_not_remembered_without_its_zone() {
        let at =
            ["10.0.0.5:7777", "[fe80::1%3]:7777", "[::ffff:10.0.0.6]:7777", "[2001:db8::1]:7777", "[fe80::2]:7777"];
        let at: Vec<_> = at.iter().filter_map(|at| at.parse().ok()).collect();
        let kept: Vec<String> = places(&at).iter().map(ToString::to_string).collect();
        assert_eq!(
            (at.len(), kept),
            (5, ["10.0.0.5:7777", "10.0.0.6:7777", "[2001:db8::1]:7777"].map(str::to_owned).into())
        );
    }
}
