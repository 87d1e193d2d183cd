//! A network that loses, delays and doubles, and that parts for a time.

use crate::common::pause;
use crate::common::places::Folder;
use crate::full;
use crate::world::{Events, Hub, LIMIT, Machine, Member, Process, in_order, median_and_p99};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Members.
const MEMBERS: usize = 5;
/// The pause between two messages of a member: its quota is 20 a second.
const PACE: Duration = Duration::from_millis(50);

/// A hub and its members, with a bad cable between them.
struct World {
    members: Vec<Member>,
    _hub: Hub,
    /// A member beside the hub.
    near: Member,
    link: Process,
    _machines: [Machine; 2],
    _folder: Folder,
}

impl World {
    fn new(seed: u64) -> World {
        let machines = [Machine::new(), Machine::new()];
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/talk_storms/link.py");
        let mut python = Command::new("python3");
        python.arg(script).args([
            "0.3",
            "0.05",
            "0.02",
            "0.03",
            &seed.to_string(),
            &machines[0].id(),
            &machines[1].id(),
        ]);
        let link = Process::start("link", &mut python);
        link.says("link up");
        let folder = Folder::new("storms");
        let hub = Hub::start(&folder.path("hub"), &machines[0].inside(), "10.77.0.1:7777", &[]);
        let join = |n: usize| {
            let name = format!("m{n}");
            Member::join(&folder.path(&name), &machines[1].inside(), &hub.invite, &name)
        };
        let members: Vec<Member> = (0..MEMBERS).map(join).collect();
        let near = Member::join(&folder.path("near"), &machines[0].inside(), &hub.invite, "near");
        for member in members.iter().chain([&near]) {
            member.hears("online", 1, LIMIT);
        }
        World { members, _hub: hub, near, link, _machines: machines, _folder: folder }
    }

    /// Each says so many; when each line was written.
    fn talk(&mut self, round: &str, each: usize) -> BTreeMap<String, Instant> {
        let mut sent = BTreeMap::new();
        for number in 0..each {
            for (who, member) in self.members.iter_mut().enumerate() {
                let text = format!("{round} {who} {number}");
                sent.insert(text.clone(), member.say(&text));
            }
            pause(PACE);
        }
        sent
    }

    /// Cuts the cable, or heals it.
    fn cut(&mut self, how: &str) -> Instant {
        let now = Instant::now();
        self.link.send(how);
        self.link.says(how);
        now
    }

    /// Waits until everybody has so many messages; when the last came to its last member. All have the same, once, in order.
    fn converge(&self, count: usize, limit: Duration) -> Instant {
        let all = self.members.iter().chain([&self.near]);
        let last = all.map(|member| member.has(count, limit)).max().unwrap();
        let expected = self.near.events().messages();
        in_order(&expected);
        assert_eq!(expected.len(), count);
        for member in &self.members {
            let got = member.events().messages();
            assert!(got == expected, "{} messages, others or elsewhere than at the hub\n{}", got.len(), member.0.all());
        }
        last
    }
}

/// How long each of these messages took until it was told to be stored; each once.
fn took(events: &[Events], sent: &BTreeMap<String, Instant>) -> Vec<Duration> {
    let mut times = BTreeMap::new();
    for stored in events.iter().flat_map(Events::stored) {
        if let Some(at) = sent.get(&stored.text) {
            assert!(times.insert(stored.text.clone(), stored.at - *at).is_none(), "{} was stored twice", stored.text);
        }
    }
    assert_eq!(times.len(), sent.len());
    times.into_values().collect()
}

#[test]
fn root_everything_arrives_once_and_in_one_order_over_a_network_that_loses_a_third() {
    let each = if full() { 200 } else { 20 };
    let mut world = World::new(1);
    let sent = world.talk("rain", each);
    for member in &world.members {
        member.stored(each, LIMIT * 2);
    }
    world.converge(each * MEMBERS, LIMIT * 2);
    let events: Vec<Events> = world.members.iter().map(Member::events).collect();
    let times = took(&events, &sent);
    let most = times.iter().max().copied();
    let (median, p99) = median_and_p99(times);
    world.link.end_input();
    eprintln!("{} messages: stored after {median:?} (median), {p99:?} (p99), {most:?} (most)", sent.len());
    eprintln!("{}", world.link.says("{'packets"));
}

/// A number from the environment, such as for another seed.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

#[test]
fn root_a_network_that_parts_is_seen_on_both_sides_and_all_converge_when_it_heals() {
    let (each, apart, times) = if full() { (10, 60, 5) } else { (4, 14, 1) };
    let apart = Duration::from_secs(number("PUERTA_APART").unwrap_or(apart));
    let times = number("PUERTA_TIMES").unwrap_or(times);
    let mut world = World::new(number("PUERTA_SEED").unwrap_or(2));
    let mut count = world.talk("before", each).len();
    world.converge(count, LIMIT);
    let mut took = Vec::new();
    for time in 1..=times as usize {
        let cut = world.cut("down");
        let meanwhile = world.talk(&format!("apart {time}"), each);
        let told: Vec<Duration> = world.members.iter().map(|m| m.hears("offline", time, LIMIT) - cut).collect();
        let gone = |events: &Events| {
            let presence = |e: &&(Instant, serde_json::Value)| e.1["online"] == false && e.0 > cut;
            events.named("presence").filter(presence).nth(MEMBERS - 1).map(|e| e.0)
        };
        let seen = world.near.wait("members offline at the hub", LIMIT, gone) - cut;
        world.near.say("alone");
        world.near.stored(time, LIMIT);
        pause(apart.saturating_sub(cut.elapsed()));
        let healed = world.cut("up");
        count += meanwhile.len() + 1;
        let last = world.converge(count, LIMIT) - healed;
        let told = told.into_iter().max().unwrap();
        eprintln!("apart for {:?}: told to members after {told:?}, at the hub after {seen:?}", healed - cut);
        let online = world.members.iter().map(|m| m.hears("online", 1 + time, LIMIT) - healed);
        eprintln!("all have everything {last:?} after it healed; online after {:?}", online.collect::<Vec<_>>());
        took.push(last);
    }
    world.link.end_input();
    eprintln!("{took:?}: all have everything\n{}", world.link.says("{'packets"));
}
