//! Which hub: the one on this machine, one on the network, one that is remembered, one that was named, or an invite's.

use super::found::OTHERS;
use super::home::Home;
use super::trouble::Trouble;
use puerta::{Host, Query, SocketType, resolve};
use puerta_relay::background;
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::host;
use puerta_talk::identity::{KnownHub, Trust};
use puerta_talk::invite::{Invite, Place};
use puerta_talk::log;
use puerta_talk::room::ids::Device;
use puerta_talk::transport::{Dialer, Expected, member_socket};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// For how long hubs are looked for on the network.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// For how long a remembered hub may take to answer, and how many are asked.
const REMEMBERED: (Duration, usize) = (Duration::from_secs(2), 4);

/// A hub to go to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) hub: Device,
    /// Its name, as far as it is known.
    pub(super) name: Option<String>,
    pub(super) at: Vec<SocketAddr>,
    /// Why it is trusted; not yet, when there is no reason.
    pub(super) trust: Option<Trust>,
    pub(super) token: Option<[u8; 16]>,
    /// The room that an invite leads to.
    pub(super) room: Option<String>,
    /// It is our own, on this machine.
    pub(super) own: bool,
    /// A hub that is known by its name, and has another key.
    pub(super) namesake: Option<Device>,
}

impl Target {
    pub(super) fn own(home: &Home, at: SocketAddr) -> Target {
        let hub = home.key.device();
        Target {
            hub,
            name: None,
            at: vec![at],
            trust: Some(Trust::Compared),
            token: None,
            room: None,
            own: true,
            namesake: None,
        }
    }

    /// How it is called, or where it is, until it says so itself.
    pub(super) fn called(&self) -> String {
        let shown = |at: &SocketAddr| SocketAddr::new(at.ip().to_canonical(), at.port()).to_string();
        self.name.clone().or_else(|| self.at.first().map(shown)).unwrap_or_default()
    }

    /// Whether it is the one that is to be accepted, if one is.
    pub(super) fn is(&self, accept: Option<Fingerprint>) -> bool {
        accept.is_none_or(|accept| accept == Fingerprint::of(self.hub))
    }

    pub(super) fn known(known: &KnownHub, at: Vec<SocketAddr>) -> Target {
        let (name, room) = (Some(known.name.clone()), Some(known.room.clone()));
        Target { hub: known.key, name, at, trust: Some(known.trust), token: None, room, own: false, namesake: None }
    }

    pub(super) fn new(hub: Device, name: Option<String>, at: Vec<SocketAddr>) -> Target {
        Target { hub, name, at, trust: None, token: None, room: None, own: false, namesake: None }
    }
}

/// The hub that runs on this machine with our store.
pub(super) fn on_this_machine(home: &Home, store: &Path) -> Option<Target> {
    let at = log::running(store)?.parse().ok()?;
    Some(Target::own(home, at))
}

/// The hub that was joined last and answers; of those that are to be accepted.
pub(super) async fn remembered(home: &Home, accept: Option<Fingerprint>) -> Result<Option<Target>, Trouble> {
    let (within, most) = REMEMBERED;
    let hubs = home.book.read()?;
    let mut latest: Vec<KnownHub> = hubs.all().to_vec();
    latest.retain(|hub| accept.is_none_or(|accept| accept == Fingerprint::of(hub.key)));
    latest.sort_by_key(|hub| std::cmp::Reverse(hub.last_used));
    let mut tries = JoinSet::new();
    for (rank, known) in latest.into_iter().take(most).enumerate() {
        let key = home.key.clone();
        tries.spawn(async move {
            let at = addresses(&known.addresses).await;
            let dialer = Dialer::new(&key, member_socket().ok()?).ok()?;
            let mut answers = JoinSet::new();
            for place in &at {
                let (dialer, place, hub) = (dialer.clone(), *place, known.key);
                answers.spawn(async move { dialer.connect(place, Expected::Key(hub)).await.is_ok() });
            }
            while let Some(answer) = answers.join_next().await {
                if let Ok(true) = answer {
                    return Some((rank, Target::known(&known, at)));
                }
            }
            None
        });
    }
    let mut best: Option<(usize, Target)> = None;
    let until = Instant::now() + within;
    while let Ok(Some(done)) = timeout_at(until, tries.join_next()).await {
        if let Ok(Some((rank, target))) = done
            && best.as_ref().is_none_or(|(other, _)| rank < *other)
        {
            best = Some((rank, target));
        }
    }
    Ok(best.map(|(_, target)| target))
}

/// The hub at `HOST` or `HOST:PORT`. Where no key is known for it, the key that it shows is taken as a question.
pub(super) async fn named(home: &Home, text: &str, within: Duration) -> Result<Target, Trouble> {
    let hubs = home.book.read()?;
    let place = match (place(text), hubs.named(text)) {
        (Ok(place), _) => place,
        // The name of a hub need not be one of a host.
        (Err(_), Some(known)) => return Ok(Target::known(known, addresses(&known.addresses).await)),
        (Err(trouble), None) => return Err(trouble),
    };
    let at = resolved(&place).await?;
    if let Some(known) = hubs.at(&place).or_else(|| hubs.named(text)) {
        return Ok(Target::known(known, at));
    }
    let shown = shown_key(home, &at, within).await?;
    if shown == home.key.device() {
        return Ok(Target { at, ..Target::own(home, SocketAddr::from(([127, 0, 0, 1], place.port()))) });
    }
    Ok(match hubs.with_key(shown) {
        Some(known) => Target::known(known, at),
        None => Target::new(shown, None, at),
    })
}

/// Where an invite leads.
pub(super) async fn invited(home: &Home, invite: &Invite) -> Result<Target, Trouble> {
    let hubs = home.book.read()?;
    let known = hubs.check(None, invite.places(), invite.hub())?;
    let mut at = Vec::new();
    let mut why = None;
    for place in invite.places() {
        match resolved(place).await {
            Ok(found) => at.extend(found),
            Err(trouble) => why = Some(trouble),
        }
    }
    if at.is_empty() {
        return Err(why.unwrap_or(Trouble::Nobody));
    }
    let trust = known.map_or(Trust::Invited, |known| known.trust.max(Trust::Invited));
    let own = invite.hub() == home.key.device();
    Ok(Target {
        hub: invite.hub(),
        name: known.map(|known| known.name.clone()),
        at,
        trust: Some(trust),
        token: Some(invite.token().0),
        room: Some(invite.room().to_owned()),
        own,
        namesake: None,
    })
}

/// The key that answers where a known hub was found, if any does.
pub(super) async fn key_of(home: &Home, known: &KnownHub, within: Duration) -> Option<Device> {
    let answer = async { shown_key(home, &addresses(&known.addresses).await, within).await };
    timeout(within, answer).await.ok()?.ok()
}

/// The key that a hub shows; nothing is said to it.
pub(super) async fn shown_key(home: &Home, at: &[SocketAddr], within: Duration) -> Result<Device, Trouble> {
    let dialer = Dialer::new(&home.key, member_socket().map_err(puerta_talk::problem::Problem::Socket)?)?;
    let mut tries = JoinSet::new();
    for place in at {
        let (dialer, place) = (dialer.clone(), *place);
        tries.spawn(async move {
            let (connection, device) = dialer.connect(place, Expected::Any).await?;
            connection.close(0_u32.into(), b"");
            Ok::<Device, puerta_talk::problem::Problem>(device)
        });
    }
    let mut why = None;
    let first = async {
        while let Some(done) = tries.join_next().await {
            match done {
                Ok(Ok(device)) => return Some(device),
                Ok(Err(problem)) => why = Some(problem),
                Err(_) => {}
            }
        }
        None
    };
    let device = timeout(within, first).await;
    let _ = timeout(OTHERS, dialer.endpoint().wait_idle()).await;
    match (device, why) {
        (Ok(Some(device)), _) => Ok(device),
        (_, Some(problem)) => Err(problem.into()),
        (_, None) => match at.first() {
            Some(at) => Err(puerta_talk::problem::Problem::NoAnswer { at: *at, within }.into()),
            None => Err(Trouble::Nobody),
        },
    }
}

/// `HOST` or `HOST:PORT`.
pub(super) fn place(text: &str) -> Result<Place, Trouble> {
    let bare = || -> Option<Place> {
        let host: Host = text.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        Place::new(host, host::PORT).ok()
    };
    let named = text.parse::<Place>().ok().or_else(bare);
    named.ok_or_else(|| {
        let what = format!("{} is no host", puerta_text::visible(text));
        Trouble::usage(what, "name a host, HOST:PORT, or an invite: puerta://…")
    })
}

/// All addresses of all places that resolve.
async fn addresses(places: &[Place]) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for place in places {
        all.extend(resolved(place).await.unwrap_or_default());
    }
    all
}

async fn resolved(place: &Place) -> Result<Vec<SocketAddr>, Trouble> {
    let (name, port) = (place.host().to_string(), place.port());
    let query = move || resolve(&Query::new(name).port(port).kind(SocketType::Datagram));
    let found = background::run(query).await.map_err(Trouble::System)?;
    let found = found.map_err(|error| Trouble::Resolve(puerta_relay::problem::Problem::Socket(error)))?;
    Ok(found.into_iter().map(|resolved| resolved.address).collect())
}
