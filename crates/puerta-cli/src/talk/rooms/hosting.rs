//! Our own hub: opened, announced, and who can reach it said, with the invite as a link and as a QR code.

use super::found::{self, AT_ONCE};
use super::home::{Home, hub_name};
use super::ladder::Target;
use super::trouble::Trouble;
use super::trust;
use crate::machine;
use crate::report::Reporter;
use crate::talk::Arguments;
use crate::talk::screen::printed;
use puerta::Endpoint;
use puerta_relay::reach;
use puerta_talk::announcement::{Announcement, yields};
use puerta_talk::discovery::{Finder, Found};
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::host::{Host, Wish};
use puerta_talk::hub::Handle;
use puerta_talk::identity::{RunningHub, Told};
use puerta_talk::invite::{Invite, PLACES, Place};
use puerta_talk::log;
use puerta_talk::room::ids::Device;
use puerta_talk::room::store::Token;
use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::slice;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// For how long a hub that was opened because there was no other looks for one that was opened at the same time, before the
/// screen is shown: both ask at once and every few hundred milliseconds.
const SETTLE: Duration = Duration::from_millis(1500);

/// How long one that was found may take to show its key, though that time is over: announcements can be forged, or be of a hub
/// that has gone.
const ANSWERS: Duration = Duration::from_millis(500);

/// How long members that are sent to another hub may take to go: they do so as soon as they hear of it.
const HEARD: Duration = Duration::from_secs(2);

/// For how long the invite is good that the host itself comes in with.
const OWN_INVITE: Duration = Duration::from_secs(60);

/// A hub of ours that runs.
pub(super) struct Hosting {
    pub(super) handle: Handle,
    pub(super) local: SocketAddr,
    pub(super) name: String,
    room: String,
    address: SocketAddr,
    hub: Device,
    pub(super) invite_only: bool,
    announcement: Announcement,
    opened: Instant,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    /// Lets `puerta talk rooms` and its like find it.
    _told: Option<Told>,
}

/// Opens a hub. It runs until [`Hosting::end`].
pub(super) fn open(
    home: &Home,
    arguments: &Arguments,
    own: &str,
    without_arguments: bool,
    reporter: Reporter,
) -> Result<Hosting, Trouble> {
    if let (Some(store), false) = (&arguments.store, arguments.no_store) {
        in_a_folder(store)?;
    }
    let room = arguments.first_room().to_owned();
    let name = hub_name(own);
    let wish = Wish {
        key: home.key.clone(),
        name: name.clone(),
        room: room.clone(),
        store: (!arguments.no_store).then(|| home.store(arguments.store.as_deref())),
        listen: arguments.listen_at()?,
        invite_only: arguments.invite_only,
        limits: arguments.limits(),
        announced: !arguments.invite_only,
        without_arguments,
    };
    let host = Host::open(wish)?;
    if host.ipv6_off() {
        reporter.note("IPv6 is switched off here: listening on IPv4 alone");
    }
    let (handle, local, address) = (host.handle(), host.local(), host.address());
    let announcement = host.announcement();
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(host.run(async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    let (hub, opened) = (home.key.device(), Instant::now());
    let store = (!arguments.no_store).then(|| home.store(arguments.store.as_deref()));
    let store = store.map(|store| std::fs::canonicalize(&store).unwrap_or(store));
    let running = RunningHub { address: local, listens: address, fingerprint: Fingerprint::of(hub), store };
    let told = home.runtime.tell(&running);
    if let Err(problem) = &told {
        reporter.note(&format!("{problem}: puerta talk rooms, members and invite may not find this hub"));
    }
    let invite_only = arguments.invite_only;
    Ok(Hosting {
        handle,
        local,
        name,
        room,
        address,
        hub,
        invite_only,
        announcement,
        opened,
        stop,
        task,
        _told: told.ok(),
    })
}

impl Hosting {
    /// Says where it is and who can reach it, and gives an invite: as a link on stderr, and as a QR code on a terminal.
    pub(super) fn announce(&self, arguments: &Arguments, reporter: Reporter) -> Result<Vec<String>, Trouble> {
        let address = Endpoint::Inet(self.address);
        let reach = reach::reach(&address, &machine::of(slice::from_ref(&address)));
        let token = self.handle.invite(arguments.invite_lasts(), arguments.once, false)?;
        let link = self.link(&self.room, Token(token))?;
        let fingerprint = Fingerprint::of(self.hub).to_string();
        reporter.hub(&self.address.to_string(), &reach.to_string(), &fingerprint, &link);
        let listening = format!("listening on {} (UDP); {reach}", self.address);
        let words = vec![listening, format!("fingerprint: {fingerprint}"), format!("invite: {link}")];
        if io::stderr().is_terminal() && !reporter.json() {
            // Last: where the window is too small for all, the words have gone up, not the head of the code.
            reporter.picture(&printed(&link, &words, &[]));
        }
        Ok(words)
    }

    /// How we come in ourselves. Where an invite is needed, this makes one for us alone.
    pub(super) fn target(&self, home: &Home) -> Result<Target, Trouble> {
        let token = self.invite_only.then(|| self.handle.invite(OWN_INVITE, true, false)).transpose()?;
        Ok(Target { token, ..Target::own(home, self.local) })
    }

    /// The link of an invite.
    pub(super) fn link(&self, room: &str, token: Token) -> Result<String, Trouble> {
        let invite = Invite::new(self.places(), room.to_owned(), self.hub, token);
        Ok(invite.map_err(puerta_talk::problem::Problem::Invite)?.to_string())
    }

    /// Where others can connect to.
    pub(super) fn places(&self) -> Vec<Place> {
        places(self.address)
    }

    /// Whether another hub was opened at the same time to which ours gives way, and the user agrees: then its members are sent
    /// there, and so are we.
    pub(super) async fn settle(
        &self,
        home: &Home,
        arguments: &Arguments,
        declined: &mut Vec<Device>,
    ) -> Result<Option<Target>, Trouble> {
        let settings = puerta_talk::discovery::Settings {
            itself: Some(self.announcement.process),
            ..puerta_talk::discovery::Settings::default()
        };
        let mut finder = Finder::with(settings);
        let begun = Instant::now();
        let mut until = begun + SETTLE;
        let mut tries = JoinSet::new();
        loop {
            let mut target: Target = tokio::select! {
                found = finder.next() => {
                    if tries.len() < AT_ONCE && let Some(target) = self.first_of(&found, home, declined)? {
                        until = until.max(Instant::now() + ANSWERS).min(begun + SETTLE * 2);
                        let home = home.clone();
                        tries.spawn(async move { found::answering(&home, target).await });
                    }
                    continue;
                }
                Some(done) = tries.join_next() => match done {
                    Ok(Some(target)) => target,
                    _ => continue,
                },
                () = sleep_until(until) => return Ok(None),
            };
            // Nobody is asked twice.
            if declined.contains(&target.hub) {
                continue;
            }
            if target.trust.is_none() {
                match trust::agreed(&target, arguments.accept, arguments.may_ask()).await {
                    Ok(trust) => target.trust = Some(trust),
                    // Who does not want to move stays.
                    Err(Trouble::Declined | Trouble::NotTrusted { .. }) => {
                        declined.push(target.hub);
                        continue;
                    }
                    Err(trouble) => return Err(trouble),
                }
            }
            return Ok(Some(target));
        }
    }

    /// What was found, if ours gives way to it, and it does not only pretend to be another.
    fn first_of(&self, found: &Found, home: &Home, declined: &[Device]) -> Result<Option<Target>, Trouble> {
        let theirs = &found.announcement;
        if theirs.hub == self.hub || declined.contains(&theirs.hub) || !yields(&self.announcement(), theirs) {
            return Ok(None);
        }
        let hubs = home.book.read()?;
        let suspect = found::sighted(&hubs, found).is_err();
        Ok(found::targets(slice::from_ref(found), &hubs, self.hub).pop().filter(|_| !suspect))
    }

    /// What it says of itself now.
    pub(super) fn announcement(&self) -> Announcement {
        Announcement { age: self.opened.elapsed(), ..self.announcement.clone() }
    }

    /// Ends it for another hub: its members are sent there, and it waits a little until they have heard. Dropped before, it goes on
    /// until [`Hosting::end`].
    pub(super) async fn give_way(&mut self, target: &Target) {
        let Some(at) = for_others(&target.at) else { return };
        self.handle.make_way(at.to_string(), target.hub);
        let until = Instant::now() + HEARD;
        while self.handle.counts().connections > 0 && Instant::now() < until {
            tokio::time::sleep(HEARD / 100).await;
        }
        self.end().await;
    }

    /// Ends it, once: what came is made durable, and the members hear of it.
    pub(super) async fn end(&mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

/// Where others can connect to, the likeliest first: the addresses of the interfaces, or the one that is listened on.
pub(super) fn places(address: SocketAddr) -> Vec<Place> {
    let here = |ip: IpAddr| Place::new(host_of(ip), address.port()).ok();
    if !address.ip().is_unspecified() {
        return here(address.ip()).into_iter().collect();
    }
    let machine = machine::of(&[Endpoint::Inet(address)]);
    let outside = reach::addresses(&address, &machine);
    let mut places: Vec<Place> = outside.iter().filter_map(|at| here(at.ip())).take(PLACES).collect();
    if places.is_empty() {
        places.extend(here(IpAddr::from([127, 0, 0, 1])));
    }
    places
}

/// The address where members elsewhere reach a hub: one of the loopback interface leads to their own machine.
fn for_others(at: &[SocketAddr]) -> Option<SocketAddr> {
    at.iter().find(|at| !at.ip().to_canonical().is_loopback()).or(at.first()).copied()
}

/// Only the folder of our own is made: another that is not there is a slip of the pen, or a disk that is not mounted.
fn in_a_folder(store: &Path) -> Result<(), Trouble> {
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match std::fs::metadata(folder) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(folder_failed(folder, &io::ErrorKind::NotADirectory.into())),
        Err(error) => Err(folder_failed(folder, &error)),
    }
}

fn folder_failed(folder: &Path, error: &io::Error) -> Trouble {
    let what = log::What::Failed { doing: "open", why: error.to_string(), errno: error.raw_os_error() };
    Trouble::Log(log::Problem { path: folder.to_owned(), what })
}

fn host_of(ip: IpAddr) -> puerta::Host {
    match ip {
        IpAddr::V4(ip) => puerta::Host::V4(ip),
        IpAddr::V6(ip) => puerta::Host::V6 { ip, zone: None },
    }
}

#[cfg(test)]
mod tests {
    use super::for_others;

    #[test]
    fn members_elsewhere_are_not_sent_to_their_own_machine() {
        let at = |all: &[&str]| {
            let all: Vec<_> = all.iter().filter_map(|at| at.parse().ok()).collect();
            for_others(&all).map(|at| at.to_string())
        };
        let outside = Some("10.0.0.5:7778".to_owned());
        assert_eq!(at(&["127.0.0.1:7778", "[::1]:7778", "10.0.0.5:7778", "10.1.0.5:7778"]), outside);
        assert_eq!(at(&["[::ffff:127.0.0.1]:7778", "10.0.0.5:7778"]), outside);
        assert_eq!(at(&["10.0.0.5:7778", "127.0.0.1:7778"]), outside);
        assert_eq!((at(&["127.0.0.1:7778"]), at(&[])), (Some("127.0.0.1:7778".to_owned()), None));
    }
}
