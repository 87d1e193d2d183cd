//! Processes that stand still for longer than a connection lasts: a lid that was closed.

use crate::common::pause;
use crate::common::places::Folder;
use crate::full;
use crate::world::{Events, Hub, LIMIT, Member, in_order};
use std::time::Duration;

/// For how long: a connection lasts 10 s without a sign of life.
fn still() -> Duration {
    Duration::from_secs(if full() { 70 } else { 12 })
}

/// A hub and two members.
fn three(folder: &Folder) -> (Hub, Member, Member) {
    let hub = Hub::start(&folder.path("hub"), &[], "127.0.0.1:0", &[]);
    let join = |name: &str| Member::join(&folder.path(name), &[], &hub.invite, name);
    let (ana, bob) = (join("ana"), join("bob"));
    ana.hears("online", 1, LIMIT);
    bob.hears("online", 1, LIMIT);
    (hub, ana, bob)
}

/// The places of what came after the line that says that it is new, and behind which place that line stands.
fn new_since(events: &Events) -> Option<(u64, Vec<u64>)> {
    let line = events.0.iter().rposition(|e| e.1["event"] == "new_since")?;
    let after = events.0[line..].iter().filter(|e| e.1["event"] == "message");
    Some((events.0[line].1["seq"].as_u64()?, after.map(|e| e.1["seq"].as_u64().unwrap()).collect()))
}

#[test]
fn who_stood_still_gets_exactly_what_was_missed_once_below_the_line_that_says_so() {
    let folder = Folder::new("storms");
    let (hub, mut ana, mut bob) = three(&folder);
    for number in 0..5 {
        bob.say(&format!("before {number}"));
        ana.say(&format!("mine {number}"));
    }
    ana.has(10, LIMIT);
    bob.has(10, LIMIT);
    ana.0.signal("STOP");
    bob.wait("ana offline", LIMIT, |e| e.named("presence").find(|e| e.1["online"] == false).map(|_| ()));
    for number in 0..20 {
        bob.say(&format!("meanwhile {number}"));
    }
    bob.stored(25, LIMIT);
    pause(still().saturating_sub(Duration::from_secs(10)));
    ana.0.signal("CONT");
    let woken = std::time::Instant::now();
    let back = ana.has(30, LIMIT) - woken;
    ana.say("again");
    ana.stored(6, LIMIT);
    // It is told that it is stored before it sees it in its place.
    ana.has(31, LIMIT);
    bob.has(31, LIMIT);
    let events = ana.events();
    in_order(&events.messages());
    assert_eq!(events.messages(), bob.events().messages());
    let (behind, places) = new_since(&events).unwrap_or_else(|| panic!("no new_since\n{}", ana.0.all()));
    assert_eq!((behind, places), (10, (11..=31).collect()));
    assert_eq!(events.named("offline").count(), 1);
    eprintln!("what was missed had come {back:?} after waking");
    drop(hub);
}

#[test]
fn members_of_a_hub_that_stood_still_are_offline_come_again_and_nothing_is_lost_or_doubled() {
    let folder = Folder::new("storms");
    let (hub, mut ana, mut bob) = three(&folder);
    ana.say("before");
    ana.has(1, LIMIT);
    bob.has(1, LIMIT);
    hub.process.signal("STOP");
    for number in 0..10 {
        ana.say(&format!("ana {number}"));
        bob.say(&format!("bob {number}"));
    }
    ana.hears("offline", 1, LIMIT);
    bob.hears("offline", 1, LIMIT);
    pause(still().saturating_sub(Duration::from_secs(10)));
    hub.process.signal("CONT");
    let woken = std::time::Instant::now();
    let back = ana.has(21, LIMIT).max(bob.has(21, LIMIT)) - woken;
    ana.stored(11, LIMIT);
    bob.stored(10, LIMIT);
    for (member, own) in [(&ana, 11), (&bob, 10)] {
        let events = member.events();
        in_order(&events.messages());
        assert_eq!((events.messages().len(), events.stored().len()), (21, own));
    }
    assert_eq!(ana.events().messages(), bob.events().messages());
    eprintln!("everybody had everything {back:?} after the hub went on");
}
