//! Hubs that announce themselves. Nothing of that is proven: who is there is seen when a key is shown.

use super::home::Home;
use super::ladder::{self, LOOK, Target};
use super::session::places;
use super::trouble::Trouble;
use puerta::Host;
use puerta_talk::discovery::{Finder, Found};
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::identity::{Hubs, KnownHub, Sighted, Trust};
use puerta_talk::problem::Problem;
use puerta_talk::room::ids::Device;
use puerta_talk::transport::{Dialer, Expected, member_socket};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// When one was found, or has answered, others may for so long.
pub(super) const OTHERS: Duration = Duration::from_millis(200);

/// For how long a hub that was found may take to show its key.
const ANSWERS: Duration = Duration::from_secs(2);

/// When it has at one address, it may at its others for so long.
const ADDRESSES: Duration = Duration::from_millis(100);

/// Addresses of one hub that are tried at most: whoever forges announcements may name many.
pub(super) const TRIED: usize = 32;

/// Hubs that are tried at once, at most.
pub(super) const AT_ONCE: usize = 16;

/// Hubs that are on the network: those that we know and those that are to be accepted, which have shown their key, then others by
/// key.
///
/// # Errors
/// A key that has changed behind a known name and its address, where none of those is there.
pub(super) async fn on_the_network(home: &Home, accept: Option<Fingerprint>) -> Result<Vec<Target>, Trouble> {
    let hubs = home.book.read()?;
    let mut finder = Finder::start();
    let mut until = Instant::now() + LOOK;
    let mut found: Vec<Found> = Vec::new();
    while let Ok(one) = timeout_at(until, finder.next()).await {
        until = until.min(Instant::now() + OTHERS);
        found.push(one);
    }
    let wanted = |target: &Target| target.is(accept) && (target.trust.is_some() || accept.is_some());
    let targets = targets(&found, &hubs, home.key.device());
    let (dialled, others): (Vec<_>, Vec<_>) = targets.into_iter().partition(wanted);
    let (mut there, changed) = tokio::join!(all_answering(home, dialled), changed(home, &hubs, &found));
    // Whoever pretends to be another hub does not keep us from one that is there.
    if let (Some(problem), true) = (changed, there.is_empty()) {
        return Err(problem.into());
    }
    there.extend(others);
    there.sort_by_key(|target| (!target.own, target.trust.is_none()));
    Ok(there)
}

/// What was found, as far as it is known from before: one target a key, by key. Where the sources of its announcements are comes
/// first, in turn with where it was found before, then what they say of themselves.
pub(super) fn targets(found: &[Found], hubs: &Hubs, own: Device) -> Vec<Target> {
    let mut by_key: BTreeMap<Device, Vec<&Found>> = BTreeMap::new();
    for one in found {
        by_key.entry(one.announcement.hub).or_default().push(one);
    }
    let mut targets = Vec::new();
    for (hub, found) in by_key {
        let Some(name) = found.first().map(|one| one.announcement.name.clone()) else { continue };
        let known = hubs.with_key(hub);
        let at = all_of(&found, known);
        targets.push(match known {
            _ if hub == own => Target { trust: Some(Trust::Compared), own: true, ..Target::new(hub, None, at) },
            Some(known) => Target::known(known, at),
            None => {
                let namesake = hubs.named(&name).map(|other| other.key);
                Target { namesake, ..Target::new(hub, Some(name), at) }
            }
        });
    }
    targets
}

/// What a hub is by its name, its key, and where the answer came from: the addresses that it claims for itself are no sign of it.
///
/// # Errors
/// [`Problem::KeyChanged`], if that is so: an announcement can be forged, and where it came from, too.
pub(super) fn sighted<'a>(hubs: &'a Hubs, found: &Found) -> Result<Sighted<'a>, Problem> {
    hubs.sighted(&found.announcement.name, &places(&[found.source]), found.announcement.hub)
}

/// The key that has changed behind a known name and its address: one that was not only announced there, but shown.
pub(super) async fn changed(home: &Home, hubs: &Hubs, found: &[Found]) -> Option<Problem> {
    let mut asked = Vec::new();
    let mut tries = JoinSet::new();
    for at in found.iter().filter(|one| sighted(hubs, one).is_err()).map(|one| one.source) {
        if !asked.contains(&at) && asked.len() < AT_ONCE {
            asked.push(at);
            let home = home.clone();
            tries.spawn(async move { (at, ladder::shown_key(&home, &[at], ANSWERS).await) });
        }
    }
    while let Some(done) = tries.join_next().await {
        if let Ok((at, Ok(shown))) = done {
            let of_it = found.iter().filter(|one| one.source == at && one.announcement.hub == shown);
            if let Some(problem) = of_it.filter_map(|one| sighted(hubs, one).err()).next() {
                return Some(problem);
            }
        }
    }
    None
}

/// The hub, at the addresses where it has shown its key; nothing, where it has at none.
pub(super) async fn answering(home: &Home, mut target: Target) -> Option<Target> {
    let dialer = Dialer::new(&home.key, member_socket().ok()?).ok()?;
    let mut tries = JoinSet::new();
    for at in target.at.iter().copied().take(TRIED) {
        let (dialer, hub) = (dialer.clone(), target.hub);
        tries.spawn(async move {
            let (connection, _) = dialer.connect(at, Expected::Key(hub)).await.ok()?;
            connection.close(0_u32.into(), b"");
            Some(at)
        });
    }
    let shown = gathered(tries, ADDRESSES).await;
    target.at.retain(|at| shown.contains(at));
    (!shown.is_empty()).then_some(target)
}

/// Those that answer; when one has, the others a little later at most.
async fn all_answering(home: &Home, targets: Vec<Target>) -> Vec<Target> {
    let mut tries = JoinSet::new();
    for target in targets.into_iter().take(AT_ONCE) {
        let home = home.clone();
        tries.spawn(async move { answering(&home, target).await });
    }
    let mut there = gathered(tries, OTHERS).await;
    there.sort_by_key(|target| target.hub);
    there
}

/// What comes in time, the first of them; when it has, the others as long behind each as is said.
async fn gathered<T: 'static>(mut tries: JoinSet<Option<T>>, behind: Duration) -> Vec<T> {
    let mut all = Vec::new();
    let mut until = Instant::now() + ANSWERS;
    while let Ok(Some(done)) = timeout_at(until, tries.join_next()).await {
        if let Ok(Some(found)) = done {
            until = until.min(Instant::now() + behind);
            all.push(found);
        }
    }
    all
}

/// Where a hub may be, each address once. Nobody joins at a link-local one if there is any other.
fn all_of(found: &[&Found], known: Option<&KnownHub>) -> Vec<SocketAddr> {
    let mut before = known.into_iter().flat_map(|known| &known.addresses).filter_map(|place| match place.host() {
        Host::V4(ip) => Some(SocketAddr::from((*ip, place.port()))),
        Host::V6 { ip, zone: None } => Some(SocketAddr::from((*ip, place.port()))),
        _ => None,
    });
    let mut all: Vec<SocketAddr> = Vec::new();
    for one in found {
        all.push(one.source);
        all.extend(before.next());
    }
    all.extend(before);
    all.extend(found.iter().flat_map(|one| one.addresses()));
    if !all.iter().all(is_link_local) {
        all.retain(|at| !is_link_local(at));
    }
    let mut each = Vec::new();
    for at in all {
        if !each.contains(&at) && each.len() < TRIED {
            each.push(at);
        }
    }
    each
}

fn is_link_local(at: &SocketAddr) -> bool {
    matches!(at.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;
    use puerta_talk::announcement::{Announcement, Process};
    use puerta_talk::rung::Rung;

    fn found(key: u8, source: &str, addresses: &[&str]) -> Found {
        let announcement = Announcement {
            hub: Device([key; 32]),
            process: Process([key; 8]),
            name: "pi".into(),
            room: "main".into(),
            port: 7777,
            addresses: addresses.iter().filter_map(|ip| ip.parse().ok()).collect(),
            age: Duration::ZERO,
            without_arguments: true,
        };
        let by = Rung::Broadcast;
        Found { announcement, source: SocketAddr::new(source.parse().unwrap(), 7777), by }
    }

    /// With the hub `pi`, whose key is all ones, at 10.0.0.5.
    fn book() -> Hubs {
        let mut hubs = Hubs::default();
        let addresses = ["10.0.0.5:7777", "10.0.0.6:7777"].map(|at| at.parse().unwrap()).into();
        let (name, room) = ("pi".to_owned(), "main".to_owned());
        let (key, trust, last_used) = (Device([1; 32]), Trust::Agreed, 1);
        hubs.remember(KnownHub { name, addresses, key, room, trust, last_used }).unwrap();
        hubs
    }

    fn at(target: &Target) -> Vec<String> {
        target.at.iter().map(|at| at.ip().to_string()).collect()
    }

    #[test]
    fn announcements_of_one_key_are_one_target_with_the_sources_of_all_and_where_it_was_before() {
        let all = [
            found(1, "10.0.0.66", &["10.0.0.67"]),
            found(1, "10.0.0.7", &["10.0.0.5", "10.1.0.7"]),
            found(1, "fe80::7", &[]),
            found(9, "10.0.0.9", &[]),
        ];
        let targets = targets(&all, &book(), Device([9; 32]));
        let [known, own] = &targets[..] else { panic!("{targets:?}") };
        assert_eq!((known.hub, known.trust, known.own), (Device([1; 32]), Some(Trust::Agreed), false));
        assert_eq!(at(known), ["10.0.0.66", "10.0.0.5", "10.0.0.7", "10.0.0.6", "10.0.0.67", "10.1.0.7"]);
        assert!(own.own && at(own) == ["10.0.0.9"], "{own:?}");
    }

    #[test]
    fn however_many_addresses_are_announced_for_a_known_hub_those_where_it_was_before_are_tried() {
        let all: Vec<Found> = (0..200).map(|n| found(1, &format!("10.0.9.{n}"), &["10.9.9.9"])).collect();
        let targets = targets(&all, &book(), Device([9; 32]));
        let at = at(&targets[0]);
        assert_eq!(at.len(), TRIED);
        assert!(["10.0.0.5", "10.0.0.6"].iter().all(|before| at[..4].contains(&(*before).to_owned())), "{at:?}");
    }

    #[test]
    fn who_claims_the_address_of_a_known_hub_in_an_announcement_is_another_of_its_name() {
        let hubs = book();
        let (claims, from_there) = (found(2, "10.0.0.66", &["10.0.0.5"]), found(2, "10.0.0.5", &[]));
        assert!(matches!(sighted(&hubs, &claims), Ok(Sighted::Namesake(pi)) if pi.key == Device([1; 32])));
        assert!(matches!(sighted(&hubs, &from_there), Err(Problem::KeyChanged { .. })), "to be seen");
        for one in [claims, from_there] {
            let [target] = &targets(&[one], &hubs, Device([9; 32]))[..] else { panic!("one") };
            assert_eq!((target.namesake, target.trust), (Some(Device([1; 32])), None));
        }
    }
}
