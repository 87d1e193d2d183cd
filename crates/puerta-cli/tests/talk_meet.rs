//! Two people type `puerta talk`, and talk: in two terminals of one machine, and on two machines that start at the same time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod talk;

use common::{Running, pause, wait_until};
use std::time::{Duration, Instant};
use talk::{Network, Terminal, User, fingerprint};

/// Two that start together, so often; `PUERTA_FULL=1` asks for all 50.
const ROUNDS: (u32, u32) = (3, 50);
/// For how long two hubs that were opened apart from each other may still become one by themselves, and a little more.
const UNSETTLED: Duration = Duration::from_secs(20);
/// Everything that is waited for comes within this time.
const LIMIT: Duration = Duration::from_secs(30);
/// For so long another hub is waited for that `/go` named.
const ANSWERS: Duration = Duration::from_secs(3);
/// What the one says whose hub gives way.
const GIVES_WAY: &str = "another room was opened at the same time";

#[test]
fn the_second_finds_the_room_of_the_first_and_one_key_joins_and_stay_keeps_it() {
    let (network, ana, ben) = (Network::new(), User::new("ana"), User::new("ben"));
    let mut first = network.terminal(&ana, &[]);
    first.is_in_the_room();
    let mut second = network.terminal(&ben, &[]);
    second.shows("found the hub ana@").shows("for the first time").shows("join it?");
    let shown = fingerprint(&second.picture());
    second.types("\r").is_in_the_room().shows(&format!("unverified {shown}"));
    first.shows("ben came in").types("hola, ben\r").shows("ana: hola, ben");
    second.shows("ana: hola, ben").types("hola, ana\r").shows("ben: hola, ana");
    first.shows("ben: hola, ana").types("/quit\r").shows("ben would be cut off").types("/stay\r");
    first.shows("the hub stays");
    second.types("are you there?\r").shows("ben: are you there?  ✓");
    assert_eq!(network.hubs(), 1);
    let (status, _) = first.types_and_finish("\x03");
    assert_eq!(status, 0);
    second.shows("was closed. Your messages wait");
    assert_eq!(second.types_and_finish("/quit\r").0, 0);
}

#[test]
fn a_user_in_two_terminals_is_in_one_room_and_is_not_asked() {
    let (network, ana) = (Network::new(), User::new("ana"));
    let mut first = network.terminal(&ana, &[]);
    first.is_in_the_room();
    let mut second = network.terminal(&ana, &[]);
    assert!(!second.comes_in(), "nothing was asked");
    second.types("from the second\r");
    first.shows("ana: from the second").types("from the first\r");
    second.shows("ana: from the first");
    assert_eq!(network.hubs(), 1);
    assert_eq!(second.types_and_finish("/quit\r").0, 0);
    assert_eq!(first.types_and_finish("/quit\r").0, 0);
}

#[test]
fn who_does_not_agree_opens_a_room_of_their_own_and_an_interrupt_at_the_question_ends_it_all() {
    let (network, ana, ben) = (Network::new(), User::new("ana"), User::new("ben"));
    let mut first = network.terminal(&ana, &[]);
    first.is_in_the_room();
    for (how, status) in [("\x03", 130), ("TERM", 143)] {
        let mut asked = network.terminal(&ben, &[]);
        asked.shows("any other key does not");
        let (ended, text) = if how == "TERM" { asked.signal(how).end() } else { asked.types(how).end() };
        assert_eq!(ended, status, "{text}");
        assert!(asked.is_usual(), "the terminal was given back");
    }
    for key in ["q", "\x1b"] {
        let (status, text) = network.terminal(&ben, &[]).shows("any other key does not").types(key).end();
        assert_eq!((status, text.contains("not joined"), network.hubs()), (6, true, 1), "{text}");
    }
    let mut second = network.terminal(&ben, &[]);
    second.shows("any other key does not").types("n").is_in_the_room();
    let all = String::from_utf8_lossy(&second.all).into_owned();
    assert!(all.contains("not joined; opening a room of your own: ben@"), "{all}");
    assert_eq!(network.hubs(), 2);
    assert!(!second.picture().contains("unverified"));
}

#[test]
fn a_signal_in_the_room_and_while_it_is_looked_for_ends_with_its_status_and_a_usual_terminal() {
    let (network, ana) = (Network::new(), User::new("ana"));
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        let mut looking = network.terminal(&ana, &[]);
        looking.shows("looking for a room").signal(name);
        assert_eq!((looking.end().0, looking.is_usual()), (status, true), "looking, {name}");
        let mut talking = network.terminal(&ana, &[]);
        talking.is_in_the_room().signal(name);
        assert_eq!((talking.end().0, talking.is_usual()), (status, true), "talking, {name}");
    }
}

#[test]
fn who_was_stopped_and_is_continued_by_a_shell_has_the_room_on_the_screen_again_and_types_in_it() {
    let (network, ana) = (Network::new(), User::new("ana"));
    let mut terminal = network.terminal(&ana, &[]);
    terminal.is_in_the_room().types("before\r").shows("ana: before  ✓").is_stopped("Stopped\r\n$ fg\r\n");
    assert!(terminal.is_usual() && !terminal.picture().contains("ana: before"));
    terminal.signal("CONT").shows("ana: before  ✓").types("behind\r").shows("ana: behind  ✓");
    assert!(!terminal.is_usual() && !terminal.picture().contains("$ fg"), "{}", terminal.picture());
    let (status, _) = terminal.types("/quit\r").end();
    assert_eq!((status, terminal.is_usual()), (0, true));
}

#[test]
fn two_that_start_together_are_in_one_room_and_nothing_that_they_type_is_lost() {
    meet_again_and_again(20_111, Duration::from_millis(300));
}

#[test]
fn of_two_that_start_at_the_same_moment_one_gives_way_and_nothing_that_they_type_is_lost() {
    // Each looks for a second before it opens a hub, so in four rounds of five neither finds the other's where little else runs.
    let crossed = (7_775..7_795).any(|seed| meet_again_and_again(seed, Duration::from_millis(21)) > 0);
    assert!(crossed, "no hub gave way to another");
}

#[test]
fn a_cable_that_is_plugged_in_soon_leads_everyone_of_two_hubs_into_one_room_with_all_that_was_said() {
    let (one, two) = Network::wired();
    one.cable(false);
    let users = ["ana", "ben", "eva", "leo"].map(User::new);
    let [mut ana, mut ben] = [one.terminal(&users[0], &[]), two.terminal(&users[1], &[])];
    ana.is_in_the_room();
    ben.is_in_the_room();
    let [mut eva, mut leo] = [one.terminal(&users[2], &[]), two.terminal(&users[3], &[])];
    assert_eq!((eva.comes_in(), leo.comes_in()), (true, true));
    let mut all = [ana, ben, eva, leo];
    for (terminal, user) in all.iter_mut().zip(&users) {
        terminal.types(&format!("hola de {}\r", user.name)).shows(&format!("hola de {}  ✓", user.name));
    }
    one.cable(true);
    // Only the higher key gives way, and trust does not follow from a lower one: its host says so. Which it is nobody knows before.
    let asked = either(&mut all[..2], "was opened at the same time");
    let other = hub_of(&all[1 - asked]);
    assert_eq!([one.hubs(), two.hubs()], [1, 1], "nothing moves in silence");
    all[asked].types(&format!("/go {other}\r"));
    for terminal in &mut all {
        terminal.until("what all have said", |picture| {
            users.iter().all(|user| said_here(picture).matches(&format!("hola de {}", user.name)).count() == 1)
        });
    }
    assert!(all[asked].picture().contains("unverified"), "{}", all[asked].picture());
    wait_until("one hub", || one.hubs() + two.hubs() == 1);
    // Whoever went with its host hosts no more, and cuts nobody off.
    let [ana, ben, eva, leo] = all;
    let (guest, mut host, home) = if asked == 0 { (ana, ben, &users[1]) } else { (ben, ana, &users[0]) };
    for terminal in [guest, eva, leo] {
        assert_eq!(terminal.types_and_finish("/quit\r").0, 0);
    }
    host.until("nobody else", |picture| picture.matches("(away)").count() == 3);
    assert_eq!(host.types_and_finish("/quit\r").0, 0);
    wait_until("end of the hub", || one.hubs() + two.hubs() == 0);
    let kept = String::from_utf8(one.talk(home, ["export"]).finish().stdout).unwrap();
    let each_once = users.iter().all(|user| kept.matches(&format!("hola de {}", user.name)).count() == 1);
    assert_eq!((kept.lines().count(), each_once), (4, true), "{kept}");
}

#[test]
fn two_hubs_whose_people_know_each_other_become_one_by_themselves() {
    let (one, two) = Network::wired();
    let [ana, ben] = ["ana", "ben"].map(User::new);
    for (host, guest) in [((&one, &ana), (&two, &ben)), ((&two, &ben), (&one, &ana))] {
        // The first time the guest is asked; a hub that is remembered and not there is looked for a while.
        let mut host = host.0.terminal(host.1, &[]);
        host.is_in_the_room();
        let mut guest = guest.0.terminal(guest.1, &[]);
        assert!(guest.comes_in());
        assert_eq!(guest.types_and_finish("/quit\r").0, 0);
        host.shows("(away)");
        assert_eq!(host.types_and_finish("/quit\r").0, 0);
        wait_until("end of the hub", || one.hubs() + two.hubs() == 0);
    }
    one.cable(false);
    let mut both = [one.terminal(&ana, &[]), two.terminal(&ben, &[])];
    for (terminal, text) in both.iter_mut().zip(["soy ana", "soy ben"]) {
        terminal.is_in_the_room().types(&format!("{text}\r")).shows(&format!("{text}  ✓"));
    }
    one.cable(true);
    either(&mut both, "was opened at the same time");
    for terminal in &mut both {
        terminal.until("both, once each", |picture| {
            ["soy ana", "soy ben"].iter().all(|text| said_here(picture).matches(text).count() == 1)
        });
    }
    wait_until("one hub", || one.hubs() + two.hubs() == 1);
}

#[test]
fn a_cable_that_is_plugged_in_late_moves_nobody_and_every_screen_says_how_to_go_there() {
    let (one, two) = Network::wired();
    one.cable(false);
    let [ana, ben, eva] = ["ana", "ben", "eva"].map(User::new);
    let mut both = [one.terminal(&ana, &[]), two.terminal(&ben, &[])];
    both.iter_mut().for_each(|host| drop(host.is_in_the_room().picture()));
    let mut eva = one.terminal(&eva, &[]);
    assert!(eva.comes_in());
    pause(UNSETTLED);
    one.cable(true);
    let hubs = [hub_of(&both[0]), hub_of(&both[1])];
    for (terminal, other) in both.iter_mut().zip([&hubs[1], &hubs[0]]) {
        terminal.shows("another hub is on the network:").shows(&format!("/go {other}"));
    }
    eva.shows("another hub is on the network:").shows("puerta talk 10.0.0.2");
    for terminal in both.iter().chain([&eva]) {
        assert_eq!(terminal.picture().matches("another hub is on").count(), 1, "{}", terminal.picture());
    }
    assert_eq!([one.hubs(), two.hubs()], [1, 1], "nothing moves by itself");
    let [mut ana, mut ben] = both;
    ana.types("/go nobody\r").shows("is called nobody").types(&format!("/go {}\r", hubs[1]));
    ben.shows("ana came in").shows("eva came in");
    eva.types("here I am\r");
    for terminal in [&mut ana, &mut ben, &mut eva] {
        terminal.shows("eva: here I am");
    }
    wait_until("one hub", || [one.hubs(), two.hubs()] == [0, 1]);
}

/// Ana hosts #casa and ben another hub, of which she is told, with the word that leads there.
fn told_of_another(network: &Network, ana: &User, ben: &User) -> (Terminal, Running, String) {
    let other = network.talk(ben, ["--host"]).start();
    other.says("invite: puerta://");
    let mut ana = network.terminal(ana, &["--room", "casa"]);
    ana.is_in_the_room().shows("another hub is on the network").shows("takes everyone here");
    let word = ana.picture().split("/go ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    (ana, other, word)
}

#[test]
fn who_goes_to_another_hub_is_in_the_same_rooms_there_and_looks_at_the_same_one() {
    let network = Network::new();
    let [ana, eva, ben] = ["ana", "eva", "ben"].map(User::new);
    let (mut host, _other, word) = told_of_another(&network, &ana, &ben);
    let mut eva = network.terminal(&eva, &["127.0.0.1:7778"]);
    assert!(eva.comes_in());
    host.types("/join #build\r").shows(" #build  1 member").types("/msg eva psst\r").shows("ana: psst  ✓");
    eva.shows("@ana");
    // Alt and a digit goes to a place; the one that is looked at is neither the first nor the last.
    host.types("\x1b2").shows(" #build  1 member").types(&format!("/go {word}\r"));
    eva.shows("going on at").types("from eva\r").shows("eva: from eva  ✓");
    host.until("the same places at the other hub", |picture| {
        let head = picture.lines().next().unwrap_or_default();
        let places = ["1 #casa", "2 #build", "3 @eva"].iter().all(|place| picture.contains(place));
        head.contains(" #build ") && head.contains("1 member, 1 here") && head.contains(&word) && places
    });
    host.types("to build\r").shows("ana: to build  ✓").types("\x1b1").shows("eva: from eva");
    host.types("\x1b3").shows(" @eva").types("psst again\r").shows("ana: psst again  ✓");
    eva.types("\x1b2").shows("ana: psst again");
    let kept = String::from_utf8(network.talk(&ben, ["export"]).finish().stdout).unwrap();
    assert!(kept.contains("#build ana: to build\n") && kept.contains("#casa eva: from eva\n"), "{kept}");
}

#[test]
fn who_quits_while_all_go_to_another_hub_does_not_wait_for_it() {
    let network = Network::new();
    let [ana, ben] = ["ana", "ben"].map(User::new);
    for end in ["/quit\r", "TERM"] {
        let (mut host, other, word) = told_of_another(&network, &ana, &ben);
        // It does not answer, and is waited for.
        other.signal("STOP");
        host.types(&format!("/go {word}\r"));
        let start = Instant::now();
        let (status, _) = if end == "TERM" { host.signal(end).end() } else { host.types(end).end() };
        assert_eq!(status, if end == "TERM" { 143 } else { 0 });
        assert!(start.elapsed() < ANSWERS, "{end}: {:?}", start.elapsed());
        other.signal("KILL");
        other.signal("CONT");
        other.finish();
    }
}

/// On which of them this stands first.
fn either(terminals: &mut [Terminal], text: &str) -> usize {
    let start = Instant::now();
    loop {
        if let Some(at) = terminals.iter_mut().position(|terminal| terminal.glance().contains(text)) {
            return at;
        }
        let pictures: Vec<String> = terminals.iter().map(Terminal::picture).collect();
        assert!(start.elapsed() < LIMIT, "no {text} on\n{}", pictures.join("\n"));
    }
}

/// What was said in the room where one is now: what stands above was said at the hub that has gone.
fn said_here(picture: &str) -> &str {
    picture.rsplit("the hub closes; going on").next().unwrap_or_default()
}

/// The name of the hub that a screen shows.
fn hub_of(terminal: &Terminal) -> String {
    let picture = terminal.picture();
    picture.split_whitespace().find(|word| word.contains('@')).expect("a hub").to_owned()
}

/// Two people with empty homes on two machines, so far apart at most: one hub each time, and both messages in it. In how many
/// rounds both had opened one, and one gave way.
fn meet_again_and_again(mut seed: u64, most: Duration) -> usize {
    let (one, two) = Network::wired();
    let full = std::env::var("PUERTA_FULL").is_ok_and(|full| full == "1");
    let rounds = if full { ROUNDS.1 } else { ROUNDS.0 };
    let (mut times, mut asked, mut crossed) = (Vec::new(), 0, 0);
    println!("seed {seed}, up to {most:?} apart");
    for round in 0..rounds {
        // A small generator (Lehmer's): the same delays in every run.
        seed = seed * 48_271 % 2_147_483_647;
        let apart = Duration::from_micros(seed % most.as_micros() as u64);
        let (ana, ben) = (User::new("ana"), User::new("ben"));
        let begin = Instant::now();
        let mut first = one.terminal(&ana, &[]);
        pause(apart);
        let mut second = two.terminal(&ben, &[]);
        let (a, b) = (format!("ana says {round}"), format!("ben says {round}"));
        let both = std::thread::scope(|scope| {
            let first = scope.spawn(|| meets(&mut first, &a, &b));
            let second = scope.spawn(|| meets(&mut second, &b, &a));
            [first.join(), second.join()]
        });
        let [Ok(in_one), Ok(in_two)] = both else {
            let (hubs, shown) = ([one.hubs(), two.hubs()], [&first, &second].map(everything_of));
            panic!("round {round}, {apart:?} apart, hubs {hubs:?}\nana:\n{}\nben:\n{}", shown[0], shown[1]);
        };
        times.push(begin.elapsed());
        let gave_way = [&first, &second].map(|one| String::from_utf8_lossy(&one.all).contains(GIVES_WAY));
        println!(
            "round {round}, {apart:?} apart: {:?}, asked {:?}, gave way {gave_way:?}",
            times[times.len() - 1],
            [in_one, in_two]
        );
        asked += usize::from(in_one) + usize::from(in_two);
        crossed += usize::from(gave_way != [false, false]);
        assert_ne!(gave_way, [true, true], "round {round}, {apart:?} apart");
        assert_eq!([one.hubs(), two.hubs()].iter().sum::<usize>(), 1, "round {round}, {apart:?} apart");
        let host_is_ana = one.hubs() == 1;
        let (host, guest, home) = if host_is_ana { (first, second, &ana) } else { (second, first, &ben) };
        assert_eq!(guest.types_and_finish("/quit\r").0, 0);
        let mut host = host;
        host.shows("(away)");
        assert_eq!(host.types_and_finish("/quit\r").0, 0);
        wait_until("end of the hub", || one.hubs() + two.hubs() == 0);
        let kept = one.talk(home, ["export"]).finish();
        let kept = String::from_utf8(kept.stdout).unwrap();
        assert_eq!((kept.lines().count(), kept.matches(&a).count(), kept.matches(&b).count()), (2, 1, 1), "{kept}");
    }
    times.sort();
    let median = times[times.len() / 2];
    println!("{rounds} rounds, {crossed} crossed, {asked} asked; to meet: median {median:?}, max {:?}", times.last());
    crossed
}

/// Comes in, says this as soon as its screen is there, and reads the other. Whether it was asked.
fn meets(terminal: &mut Terminal, own: &str, other: &str) -> bool {
    let asked = terminal.comes_in();
    terminal.types(&format!("{own}\r"));
    terminal.until("both messages, each once", |picture| {
        [own, other].iter().all(|text| picture.matches(text).count() == 1) && picture.contains(&format!("{own}  ✓"))
    });
    asked
}

/// For a round that failed: what stands there, and every byte that was written.
fn everything_of(terminal: &Terminal) -> String {
    format!("{}\n{:?}", terminal.picture(), String::from_utf8_lossy(&terminal.all))
}
