//! Plain mode's decisions, with a clock of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use puerta_talk::plain::{BURST, Event, Hub, IDLE, IDLE_JOINED, Peer, SILENT_MAX, Settings, Why, slow_down};
use puerta_talk::wire::{Frame, Wire};
use std::net::SocketAddr;
use std::time::{Duration, Instant, UNIX_EPOCH};

const SECOND: Duration = Duration::from_secs(1);

fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn hub(wire: Wire) -> (Hub, Instant) {
    (Hub::new(Settings::new(wire, "")), Instant::now())
}

fn frame(wire: Wire, user: &str, text: &str) -> Vec<u8> {
    let user = if wire.user_max().is_some() { user } else { "" };
    wire.encode(&Frame { user: user.into(), text: text.into(), ..Frame::default() }).unwrap()
}

/// What goes out, and to whom, sorted.
fn outgoing(hub: &mut Hub) -> Vec<(u16, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some((to, frame)) = hub.outgoing() {
        all.push((to.port(), frame.to_vec()));
        hub.sent();
    }
    all.sort();
    all
}

fn texts(wire: Wire, sent: &[(u16, Vec<u8>)]) -> Vec<(u16, String)> {
    sent.iter().map(|(to, bytes)| (*to, String::from_utf8(wire.decode(bytes).frame.text).unwrap())).collect()
}

fn events(hub: &mut Hub) -> Vec<String> {
    std::iter::from_fn(|| hub.event()).map(|event| event.to_string()).collect()
}

#[test]
fn each_message_goes_to_all_others_whole_and_without_the_senders_memory() {
    for wire in Wire::ALL {
        let (mut hub, now) = hub(wire);
        let hear = |hub: &mut Hub, port, bytes: &[u8]| hub.heard(at(port), bytes, now, UNIX_EPOCH);
        for port in [1, 2, 3] {
            hear(&mut hub, port, &frame(wire, "ana", "here"));
        }
        outgoing(&mut hub);
        let clean = frame(wire, "ana", "hola");
        let mut dirty = clean.clone();
        if wire.frame_len().is_some() {
            let end = clean.windows(4).position(|four| four == b"hola").unwrap() + 4;
            dirty[end + 1..end + 9].copy_from_slice(b"password");
        }
        hear(&mut hub, 2, &dirty);
        let wanted = if wire.is_stream() { dirty } else { clean };
        assert_eq!(outgoing(&mut hub), [(1, wanted.clone()), (3, wanted)], "{wire}");
        assert!(events(&mut hub).iter().all(|line| !line.contains("password")));
    }
}

#[test]
fn only_the_source_ends_a_membership_whatever_name_the_frame_gives() {
    for (wire, quit) in [(Wire::Ull1106, "/talk_quit"), (Wire::Ull2096, r"\quit")] {
        let (mut hub, now) = hub(wire);
        for (port, user) in [(1, "ana"), (2, "eva")] {
            hub.heard(at(port), &frame(wire, user, "hola"), now, UNIX_EPOCH);
        }
        hub.heard(at(9), &frame(wire, "ana", quit), now, UNIX_EPOCH);
        assert_eq!(hub.members(), 2, "a stranger quits for nobody");
        assert!(!events(&mut hub).iter().any(|line| line.contains("127.0.0.1:9")), "and was never here");
        hub.heard(at(2), &frame(wire, "ana", quit), now, UNIX_EPOCH);
        assert!(hub.has(&at(1)) && !hub.has(&at(2)));
        let left = |event: &Event| matches!(event, Event::Left { who, why: Why::Quit } if who.address == at(2));
        assert!(std::iter::from_fn(|| hub.event()).any(|event| left(&event)));
    }
}

#[test]
fn an_answer_never_has_more_bytes_than_came() {
    let wire = Wire::Ull1106;
    let (mut hub, now) = hub(wire);
    let join = frame(wire, "ana", "/talk_join");
    hub.heard(at(1), &join[..100], now, UNIX_EPOCH);
    assert_eq!((outgoing(&mut hub), hub.members()), (vec![], 0), "what is no frame makes no member");
    hub.heard(at(1), &join, now, UNIX_EPOCH);
    let answer = outgoing(&mut hub);
    assert_eq!(texts(wire, &answer), [(1, "/talk_connected".to_owned())]);
    assert_eq!((answer[0].1.len(), wire.decode(&answer[0].1).frame.user), (join.len(), b"talk_server".to_vec()));

    let (mut hub, now) = self::hub(Wire::Text);
    for _ in 0..200 {
        hub.heard(at(1), b"", now, UNIX_EPOCH);
    }
    assert_eq!(outgoing(&mut hub), [], "empty datagrams pay for no answer");
}

#[test]
fn a_flood_is_cut_at_the_quota_and_told_once_a_second() {
    let wire = Wire::Text;
    let (mut hub, start) = hub(wire);
    hub.heard(at(1), b"hola\n", start, UNIX_EPOCH);
    hub.heard(at(2), b"hola\n", start, UNIX_EPOCH);
    outgoing(&mut hub);
    events(&mut hub);
    for n in 0..1000u32 {
        hub.heard(at(2), b"flood\n", start + SECOND * n / 500, UNIX_EPOCH);
    }
    let sent = texts(wire, &outgoing(&mut hub));
    let passed = sent.iter().filter(|(to, _)| *to == 1).count();
    assert_eq!(passed, BURST as usize - 1 + 39, "20 a second for two seconds, and what was left of the burst");
    let told: Vec<_> = sent.iter().filter(|(to, _)| *to == 2).collect();
    assert!(told.len() == 2 && told.iter().all(|(_, text)| *text == slow_down()), "{told:?}");
    let lines = events(&mut hub);
    assert_eq!(lines.iter().filter(|line| line.contains("Too many messages; slow down (20/s).")).count(), 2);
    assert_eq!(lines.iter().filter(|line| line.ends_with(": flood")).count(), passed);
}

#[test]
fn nobody_gets_a_new_quota_by_leaving_and_coming_again() {
    for (wire, quit) in [(Wire::Ull1106, "/talk_quit"), (Wire::Ull2096, r"\quit")] {
        let (mut hub, now) = hub(wire);
        hub.heard(other(), &frame(wire, "ana", "hola"), now, UNIX_EPOCH);
        for _ in 0..10 {
            for _ in 0..BURST {
                hub.heard(at(2), &frame(wire, "eva", "flood"), now, UNIX_EPOCH);
            }
            hub.heard(at(2), &frame(wire, "eva", quit), now, UNIX_EPOCH);
        }
        let got = |hub: &mut Hub| outgoing(hub).iter().filter(|(to, _)| *to == other().port()).count();
        assert_eq!(got(&mut hub), BURST as usize, "{wire}");
        let lines = events(&mut hub);
        assert_eq!(lines.iter().filter(|line| line.contains("Too many messages")).count(), 1, "told once: {lines:?}");
        // Neither the quit nor what came of no member is forgotten.
        hub.heard(at(2), &frame(wire, "eva", "again"), now + SECOND / 20, UNIX_EPOCH);
        assert_eq!(got(&mut hub), 1, "{wire}");
        for _ in 0..2 * BURST {
            hub.heard(at(2), &frame(wire, "eva", "later"), now + SECOND * 3, UNIX_EPOCH);
        }
        assert_eq!(got(&mut hub), BURST as usize, "{wire}");
    }
}

#[test]
fn a_new_connection_goes_on_with_the_quota_of_the_last() {
    let (mut hub, now) = hub(Wire::Ull1066);
    assert!(hub.accepted(other(), now));
    let flood = frame(Wire::Ull1066, "eva", "flood");
    let mut taken = 0;
    for port in 2..1000 {
        if hub.accepted(at(port), now) {
            taken += 1;
            (0..10).for_each(|_| hub.heard(at(port), &flood, now, UNIX_EPOCH));
            hub.closed(at(port), None, Why::Closed(None), UNIX_EPOCH);
        }
    }
    let got = outgoing(&mut hub).iter().filter(|(to, _)| *to == other().port()).count();
    assert!(taken + got <= BURST as usize && taken > 1, "{taken} connections, {got} messages");
    assert!(hub.accepted(([127, 0, 0, 3], 1).into(), now), "others come in");
    assert!(hub.accepted(at(2), now + SECOND));
}

/// Somebody on another host.
fn other() -> SocketAddr {
    ([127, 0, 0, 2], 1).into()
}

#[test]
fn garbage_of_strangers_is_told_once_a_second_and_counted() {
    let (mut hub, start) = hub(Wire::Ull1024);
    for n in 0..1000u16 {
        hub.heard(at(n + 1), b"GET / HTTP/1.1", start, UNIX_EPOCH);
    }
    assert_eq!(events(&mut hub), ["dropped what is no frame, from 127.0.0.1:1: it is 14 bytes long, not 1024"]);
    assert_eq!(hub.wake_at(), Some(start + SECOND));
    hub.tick(start + SECOND);
    let rest = "dropped what is no frame, from 127.0.0.1:1000: it is 14 bytes long, not 1024 (and 998 more)";
    assert_eq!((events(&mut hub), hub.wake_at()), (vec![rest.to_owned()], None));
    assert_eq!((hub.members(), outgoing(&mut hub)), (0, vec![]));
}

#[test]
fn the_table_of_members_is_bounded_and_told_once() {
    let (mut hub, now) = hub(Wire::Text);
    for port in 1..2000 {
        hub.heard(at(port), b"hola\n", now, UNIX_EPOCH);
        outgoing(&mut hub);
    }
    assert_eq!(hub.members(), 1024);
    let full = events(&mut hub).into_iter().filter(|line| line.contains("1024 members are here")).count();
    assert_eq!(full, 1);
}

#[test]
fn a_member_is_forgotten_when_nothing_goes_either_way_or_when_it_was_silent_too_long() {
    for (wire, idle) in [(Wire::Text, IDLE), (Wire::Ull1106, IDLE_JOINED)] {
        let (mut hub, start) = hub(wire);
        hub.heard(at(1), &frame(wire, "ana", "hola"), start, UNIX_EPOCH);
        hub.heard(at(2), &frame(wire, "eva", "hola"), start, UNIX_EPOCH);
        let mut now = start;
        while now < start + SILENT_MAX - SECOND {
            hub.tick(now);
            assert!(hub.has(&at(1)), "{wire}: who listens stays while others talk, {:?}", now - start);
            hub.heard(at(2), &frame(wire, "eva", "still"), now, UNIX_EPOCH);
            now += Duration::from_secs(30);
        }
        hub.tick(start + SILENT_MAX);
        assert!(!hub.has(&at(1)) && hub.has(&at(2)), "{wire}");
        let last = hub.wake_at().unwrap();
        assert!(last <= now + idle);
        hub.tick(last);
        assert_eq!((hub.members(), hub.wake_at()), (0, None), "{wire}");
    }
}

#[test]
fn messages_wait_for_the_answer_to_a_join_and_go_all_the_same_without_one() {
    let wire = Wire::Ull1106;
    let start = Instant::now();
    let text = |frame: &[u8]| String::from_utf8(wire.decode(frame).frame.text).unwrap();
    let mut peer = Peer::new(Settings::new(wire, "ana"), at(1), false, start);
    peer.say(b"hola", UNIX_EPOCH).unwrap();
    let mut sent = Vec::new();
    let mut now = start;
    while peer.is_busy() {
        peer.tick(now, UNIX_EPOCH);
        while let Some(frame) = peer.outgoing(now) {
            sent.push((text(&frame), now - start));
            peer.sent(now);
        }
        now += Duration::from_millis(100);
    }
    let join = |seconds| ("/talk_join".to_owned(), SECOND * seconds);
    assert_eq!(sent, [join(0), join(1), join(2), ("hola".to_owned(), SECOND * 3)]);
    assert!(matches!(peer.event(), Some(Event::NoAnswer(_))));

    let mut peer = Peer::new(Settings::new(wire, "ana"), at(1), false, start);
    peer.say(b"hola", UNIX_EPOCH).unwrap();
    peer.tick(start, UNIX_EPOCH);
    peer.sent(start);
    assert_eq!(peer.outgoing(start), None);
    peer.heard(&frame(wire, "talk_server", "/talk_connected"), UNIX_EPOCH);
    assert_eq!(text(&peer.outgoing(start).unwrap()), "hola");
}

#[test]
fn what_is_said_goes_at_a_pace_that_a_hub_takes() {
    let wire = Wire::Text;
    let start = Instant::now();
    let mut peer = Peer::new(Settings::new(wire, ""), at(1), false, start);
    let (mut hub, _) = hub(wire);
    for n in 0..200 {
        peer.say(format!("{n}").as_bytes(), UNIX_EPOCH).unwrap();
    }
    let mut now = start;
    while peer.is_busy() {
        while let Some(frame) = peer.outgoing(now) {
            hub.heard(at(1), &frame, now, UNIX_EPOCH);
            peer.sent(now);
        }
        now = peer.wake_at(now).unwrap_or(now);
    }
    let shown = std::iter::from_fn(|| hub.event()).filter(|event| matches!(event, Event::Message { .. })).count();
    assert_eq!(shown, 200, "in {:?}", now - start);
}

#[test]
fn what_nobody_heard_goes_to_the_next_address_in_order() {
    let now = Instant::now();
    let mut peer = Peer::new(Settings::new(Wire::Text, ""), at(1), true, now);
    for text in ["one", "two"] {
        peer.say(text.as_bytes(), UNIX_EPOCH).unwrap();
    }
    peer.sent(now);
    assert!(peer.is_unheard());
    peer.elsewhere(at(2), false, now);
    assert_eq!(peer.outgoing(now).unwrap(), "one\n");
    peer.sent(now);
    assert_eq!(peer.outgoing(now).unwrap(), "two\n");
    assert!(!peer.is_unheard(), "there is no further address to keep anything for");
}

#[test]
fn who_may_be_silent_for_ever_is_never_forgotten() {
    let settings = Settings { idle: Duration::from_secs(u64::MAX), ..Settings::new(Wire::Text, "") };
    let (mut hub, start) = (Hub::new(settings), Instant::now());
    hub.heard(at(1), &frame(Wire::Text, "", "hola"), start, UNIX_EPOCH);
    hub.tick(start + SECOND * 1_000_000_000);
    assert_eq!((hub.members(), hub.wake_at()), (1, None));
}
