//! The race of connection attempts, played with a clock of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use puerta::{ATTEMPT_DELAY, Action, Endpoint, Race, UnixAddr, interleave};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How an attempt goes, from its start on.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Stands(u64),
    Fails(u64),
    Hangs,
}
use Fate::{Fails, Hangs, Stands};

/// What a race came to, in milliseconds from its start.
#[derive(Debug)]
struct Played {
    starts: Vec<(usize, u64)>,
    end: String,
    at: u64,
}

/// Plays a race to its end; waits take no time.
fn play(fates: &[Fate], delay: u64, deadline: Option<u64>) -> Played {
    let start = Instant::now();
    let millis = |at: Instant| u64::try_from((at - start).as_millis()).unwrap();
    let limit = deadline.map(|deadline| start + Duration::from_millis(deadline));
    let mut race = Race::new(fates.len(), Duration::from_millis(delay), limit);
    let (mut now, mut starts) = (start, Vec::new());
    let mut under_way: Vec<(Instant, usize, bool)> = Vec::new();
    for _step in 0..10_000 {
        let until = match race.act(now) {
            Action::Start(number) => {
                starts.push((number, millis(now)));
                match fates[number] {
                    Stands(after) => under_way.push((now + Duration::from_millis(after), number, true)),
                    Fails(after) => under_way.push((now + Duration::from_millis(after), number, false)),
                    Hangs => {}
                }
                continue;
            }
            Action::Done(number) => return Played { starts, end: format!("{number} stands"), at: millis(now) },
            Action::GiveUp(lost) => {
                let failed: Vec<usize> = lost.failed.iter().map(|(number, _)| *number).collect();
                let end = format!("failed {failed:?} pending {:?} late {}", lost.pending, lost.late);
                return Played { starts, end, at: millis(now) };
            }
            Action::WaitUntil(until) => until,
        };
        under_way.sort();
        match under_way.first().copied() {
            Some((at, number, stands)) if until.is_none_or(|until| at <= until) => {
                under_way.remove(0);
                now = now.max(at);
                if stands { race.connected(number) } else { race.failed(number, "refused") }
            }
            _ => now = now.max(until.expect("something must end the wait")),
        }
    }
    panic!("the race does not end: {starts:?}");
}

#[test]
fn attempts_start_and_end_as_rfc_8305_says() {
    let refused = "failed [0, 1, 2] pending [] late false";
    for (name, fates, deadline, starts, end, at) in [
        ("one that stands", vec![Stands(10)], None, vec![(0, 0)], "0 stands", 10),
        ("one that is refused", vec![Fails(10)], None, vec![(0, 0)], "failed [0] pending [] late false", 10),
        ("no address", vec![], None, vec![], "failed [] pending [] late false", 0),
        ("a dead first is joined by the second", vec![Hangs, Stands(5)], None, vec![(0, 0), (1, 250)], "1 stands", 255),
        ("a slow first wins before the delay", vec![Stands(249), Stands(1)], None, vec![(0, 0)], "0 stands", 249),
        (
            "a slow first still wins after it",
            vec![Stands(260), Stands(90)],
            None,
            vec![(0, 0), (1, 250)],
            "0 stands",
            260,
        ),
        ("the second overtakes", vec![Stands(400), Stands(90)], None, vec![(0, 0), (1, 250)], "1 stands", 340),
        ("a failure starts the next at once", vec![Fails(7), Stands(1)], None, vec![(0, 0), (1, 7)], "1 stands", 8),
        ("all refused at once", vec![Fails(0); 3], None, vec![(0, 0), (1, 0), (2, 0)], refused, 0),
        ("all refused, slowly", vec![Fails(300); 3], None, vec![(0, 0), (1, 250), (2, 300)], refused, 600),
        (
            "a failure while another runs starts the next",
            vec![Fails(300), Hangs, Stands(1)],
            None,
            vec![(0, 0), (1, 250), (2, 300)],
            "2 stands",
            301,
        ),
        ("the last one is waited for", vec![Fails(1), Stands(90_000)], None, vec![(0, 0), (1, 1)], "1 stands", 90_001),
        (
            "the deadline strikes all",
            vec![Hangs; 3],
            Some(400),
            vec![(0, 0), (1, 250)],
            "failed [] pending [0, 1] late true",
            400,
        ),
        (
            "the deadline strikes the only one",
            vec![Hangs],
            Some(100),
            vec![(0, 0)],
            "failed [] pending [0] late true",
            100,
        ),
        (
            "what failed before the deadline is told",
            vec![Fails(1), Hangs],
            Some(100),
            vec![(0, 0), (1, 1)],
            "failed [0] pending [1] late true",
            100,
        ),
        ("no time at all", vec![Stands(0)], Some(0), vec![], "failed [] pending [] late true", 0),
        ("in time, just", vec![Stands(99)], Some(100), vec![(0, 0)], "0 stands", 99),
        (
            "none starts at the deadline",
            vec![Hangs, Stands(0)],
            Some(250),
            vec![(0, 0)],
            "failed [] pending [0] late true",
            250,
        ),
        (
            "they start a quarter of a second apart",
            [vec![Hangs; 3], vec![Stands(1)]].concat(),
            None,
            vec![(0, 0), (1, 250), (2, 500), (3, 750)],
            "3 stands",
            751,
        ),
    ] {
        let played = play(&fates, 250, deadline);
        assert_eq!((played.starts, played.end.as_str(), played.at), (starts, end, at), "{name}");
    }
}

#[test]
fn the_delay_is_held_within_its_bounds() {
    assert_eq!(play(&[Hangs, Stands(0)], 0, None).starts, [(0, 0), (1, 10)]);
    assert_eq!(play(&[Hangs, Stands(0)], 60_000, None).starts, [(0, 0), (1, 2000)]);
}

#[test]
fn what_comes_late_or_from_nowhere_changes_nothing() {
    let now = Instant::now();
    let mut race = Race::new(2, ATTEMPT_DELAY, None);
    race.connected(0);
    race.failed(1, "not started");
    race.connected(7);
    assert_eq!(race.act(now), Action::Start(0));
    race.failed(0, "refused");
    race.connected(0);
    assert_eq!(race.act(now), Action::Start(1));
    race.connected(1);
    race.failed(1, "after it stood");
    assert_eq!(race.act(now), Action::Done(1));
    assert_eq!(race.act(now + Duration::from_secs(9)), Action::Done(1));
}

#[test]
fn the_families_take_turns_and_keep_their_order() {
    let all = |list: &str| list.split(' ').map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
    for (given, expected) in [
        ("[::1]:1 [::2]:1 [::3]:1 1.1.1.1:1 2.2.2.2:1", "[::1]:1 1.1.1.1:1 [::2]:1 2.2.2.2:1 [::3]:1"),
        ("1.1.1.1:1 [::1]:1 [::2]:1 2.2.2.2:1", "1.1.1.1:1 [::1]:1 2.2.2.2:1 [::2]:1"),
        ("1.1.1.1:1 2.2.2.2:1", "1.1.1.1:1 2.2.2.2:1"),
        ("[::1]:1", "[::1]:1"),
    ] {
        let once = interleave(&all(given));
        assert_eq!(once, all(expected));
        assert_eq!(interleave(&once), once, "it changes nothing the second time");
    }
    let unix = [Endpoint::Unix(UnixAddr::path("/a")), Endpoint::Unix(UnixAddr::path("/b"))];
    assert_eq!(interleave(&unix), unix);
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![(0..2000u64).prop_map(Stands), (0..2000u64).prop_map(Fails), Just(Hangs)]
}

proptest! {
    #[test]
    fn a_race_ends_starts_each_once_in_order_and_none_after_the_deadline(
        fates in prop::collection::vec(fate(), 0..12),
        delay in 0..3000u64,
        deadline in 0..8000u64,
    ) {
        let played = play(&fates, delay, Some(deadline));
        prop_assert!(played.at <= deadline);
        for (i, (number, at)) in played.starts.iter().enumerate() {
            prop_assert_eq!(i, *number);
            prop_assert!(*at < deadline, "started {} at {}", number, at);
        }
        let stands = |fate: &Fate, after: u64| matches!(fate, Stands(time) if after + time < deadline);
        let someone = played.starts.iter().any(|(number, at)| stands(&fates[*number], *at));
        if someone {
            // The one that stood first.
            prop_assert!(played.end.ends_with("stands"), "{}", played.end);
            let first = played.starts.iter().filter_map(|(number, at)| match fates[*number] {
                Stands(time) => Some(at + time),
                _ => None,
            }).min();
            prop_assert_eq!(Some(played.at), first);
        }
    }

    #[test]
    fn interleaving_loses_and_adds_nothing(v6 in prop::collection::vec(any::<bool>(), 0..20)) {
        let given: Vec<SocketAddr> = v6.iter().enumerate().map(|(i, v6)| {
            let port = u16::try_from(i).unwrap() + 1;
            if *v6 { SocketAddr::new([0, 0, 0, 0, 0, 0, 0, 1].into(), port) } else { SocketAddr::new([127, 0, 0, 1].into(), port) }
        }).collect();
        let ordered = interleave(&given);
        prop_assert_eq!(ordered.first(), given.first());
        let mut sorted = ordered.clone();
        sorted.sort_by_key(SocketAddr::port);
        prop_assert_eq!(sorted, given);
    }
}
