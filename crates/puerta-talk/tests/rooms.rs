//! A hub and its members over QUIC on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod folder;
mod hub;

use folder::Folder;
use hub::{PATIENCE, Running, options};
use puerta_talk::hub::History;
use puerta_talk::identity::Key;
use puerta_talk::join::{Joined, Keeping, Options, join};
use puerta_talk::log::Place;
use puerta_talk::problem::Problem;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::Target;
use puerta_talk::room::record::Kind;
use std::time::Duration;

/// The next event that `pick` wants.
async fn event<T>(joined: &mut Joined, pick: impl Fn(&Event) -> Option<T>) -> T {
    let wait = async {
        loop {
            let event = joined.events.recv().await.expect("the member goes on");
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("an event in time")
}

async fn says(joined: &Joined, text: &str) {
    let to = Target::Room("main".into());
    joined.commands.send(Command::Say { to, kind: Kind::Text, text: text.into() }).await.unwrap();
}

fn message(event: &Event) -> Option<(u64, String, String)> {
    match event {
        Event::Message { record, .. } => Some((record.seq, record.from.name.clone(), record.text.clone())),
        _ => None,
    }
}

fn in_main(event: &Event) -> Option<()> {
    matches!(event, Event::Room(facts) if facts.name.as_deref() == Some("main")).then_some(())
}

#[tokio::test]
async fn what_one_says_the_others_hear_in_one_order() {
    let hub = Running::new();
    let (mut ana, mut ben) = (hub.member("ana").await, hub.member("ben").await);
    event(&mut ana, in_main).await;
    event(&mut ben, in_main).await;
    for n in 0..10 {
        says(&ana, &format!("ana {n}")).await;
        says(&ben, &format!("ben {n}")).await;
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        left.push(event(&mut ana, message).await);
        right.push(event(&mut ben, message).await);
    }
    assert_eq!(left, right);
    assert_eq!(left.iter().map(|m| m.0).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    let said = |who: &str| left.iter().filter(|m| m.1 == who).map(|m| m.2.clone()).collect::<Vec<_>>();
    assert_eq!(said("ana"), (0..10).map(|n| format!("ana {n}")).collect::<Vec<_>>());
    assert_eq!(said("ben"), (0..10).map(|n| format!("ben {n}")).collect::<Vec<_>>());
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_that_comes_back_has_what_was_stored_and_gets_what_was_pending() {
    let folder = Folder::new();
    let key = Key::generate().unwrap();
    let place = || History::File(Box::new(Place::open(&folder.store()).unwrap()));
    let hub = Running::start(&key, "127.0.0.1:0", place(), |_| {});
    let at = hub.at.to_string();
    let mut ana = hub.member("ana").await;
    event(&mut ana, in_main).await;
    says(&ana, "one").await;
    event(&mut ana, |e| matches!(e, Event::Stored { seq: 1, .. }).then_some(())).await;
    hub.stop().await;
    event(&mut ana, |e| matches!(e, Event::Offline).then_some(())).await;
    says(&ana, "two").await;
    event(&mut ana, |e| matches!(e, Event::Pending { .. }).then_some(())).await;
    let hub = Running::start(&key, &at, place(), |_| {});
    event(&mut ana, |e| matches!(e, Event::Stored { seq: 2, .. }).then_some(())).await;
    let mut ben = hub.member("ben").await;
    assert_eq!(event(&mut ben, message).await.2, "one");
    assert_eq!(event(&mut ben, message).await.2, "two");
    hub.stop().await;
}

#[tokio::test]
async fn what_was_said_before_nobody_listened_any_more_is_in_the_outbox() {
    let folder = Folder::new();
    let hub = Running::new();
    let key = Key::generate().unwrap();
    let mut ben = hub.member("ben").await;
    event(&mut ben, in_main).await;
    let ana = || hub.member_of(key.clone(), "ana", Keeping::disk(folder.path(), hub.key).unwrap(), |_| {});
    let problem = says_a_last_word(ana().await).await;
    assert!(problem.is_none(), "{problem:?}");
    let comes_back = ana().await;
    assert_eq!(event(&mut ben, message).await.2, "last word");
    drop(comes_back);
    hub.stop().await;
}

/// What the end has to say, for somebody who has more to tell than anybody reads, and is told a last word meanwhile.
async fn says_a_last_word(mut quits: Joined) -> Option<Problem> {
    event(&mut quits, in_main).await;
    while quits.events.len() < quits.events.max_capacity() {
        quits.commands.send(Command::Rename(String::new())).await.unwrap();
        tokio::task::yield_now().await;
    }
    quits.commands.send(Command::Rename(String::new())).await.unwrap();
    says(&quits, "last word").await;
    let Joined { events, commands, ended, .. } = quits;
    drop((events, commands));
    tokio::time::timeout(PATIENCE, ended).await.expect("an end in time").ok()
}

#[tokio::test]
async fn a_last_word_that_the_outbox_does_not_take_is_told_as_lost() {
    let folder = Folder::new();
    let hub = Running::new();
    let keeping = Keeping::disk(folder.path(), hub.key).unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|end| end == "db") {
            rusqlite::Connection::open(file).unwrap().execute_batch("DROP TABLE pending").unwrap();
        }
    }
    let ana = hub.member_of(Key::generate().unwrap(), "ana", keeping, |_| {}).await;
    let problem = says_a_last_word(ana).await.expect("a problem");
    assert_eq!(problem.status(), 8);
    let told = problem.to_string();
    assert!(told.starts_with("1 message is lost, which the outbox did not take: no such table"), "{told}");
    hub.stop().await;
}

#[tokio::test]
async fn what_is_said_while_another_hub_is_found_in_its_place_is_in_the_outbox() {
    let folder = Folder::new();
    let hub = Running::new();
    let (at, key, device) = (hub.at.to_string(), hub.key, Key::generate().unwrap());
    let keeping = Keeping::disk(folder.path(), key).unwrap();
    let mut ana = hub.member_of(device, "ana", keeping, |_| {}).await;
    event(&mut ana, in_main).await;
    hub.stop().await;
    event(&mut ana, |e| matches!(e, Event::Offline).then_some(())).await;
    let other = Running::start(&Key::generate().unwrap(), &at, History::Memory, |_| {});
    let Joined { mut events, commands, ended, .. } = ana;
    let (tell, mut kept) = tokio::sync::watch::channel(0);
    let reads = tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            tell.send_modify(|kept| *kept += usize::from(matches!(event, Event::Pending { .. })));
        }
    });
    let mut said = 0;
    let to = || Target::Room("main".into());
    while commands.send(Command::Say { to: to(), kind: Kind::Text, text: format!("{said}") }).await.is_ok() {
        said += 1;
        // The disk keeps up.
        let _ = kept.wait_for(|kept| kept + 100 > said).await;
        assert!(said < 9000, "nobody has found the other hub");
    }
    let problem = tokio::time::timeout(PATIENCE, ended).await.unwrap().ok();
    assert!(matches!(problem, Some(Problem::WrongKey { .. })), "{problem:?}");
    reads.await.unwrap();
    let kept: Vec<String> = Keeping::disk(folder.path(), key).unwrap().pending().into_iter().map(|p| p.text).collect();
    assert_eq!(kept, (0..said).map(|n| n.to_string()).collect::<Vec<_>>());
    other.stop().await;
}

#[tokio::test]
async fn another_hub_at_one_of_the_addresses_is_passed_by() {
    let (key, keeping) = (Key::generate().unwrap(), || Keeping::memory().unwrap());
    let strange = Running::new();
    let hub = Running::start(&key, "127.0.0.1:0", History::Memory, |_| {});
    let at = vec![strange.at, hub.at];
    let within = |within| Options { at: at.clone(), within, ..options(hub.key, "ana", keeping(), |_| {}) };
    let mut ana = join(within(PATIENCE)).await.unwrap();
    event(&mut ana, in_main).await;
    let (again, not_found) = (hub.at.to_string(), within(Duration::from_secs(3)));
    hub.stop().await;
    event(&mut ana, |e| matches!(e, Event::Offline).then_some(())).await;
    let told = event(&mut ana, |e| if let Event::OtherKey(why) = e { Some(why.clone()) } else { None }).await;
    assert!(told.contains(&strange.at.to_string()) && told.contains("not joined"), "{told}");
    // What failed because of the other hub is told if nothing better comes.
    let problem = join(not_found).await.unwrap_err();
    assert!(matches!(problem, Problem::WrongKey { at, .. } if at == strange.at), "{problem:?}");
    let hub = Running::start(&key, &again, History::Memory, |_| {});
    event(&mut ana, in_main).await;
    hub.stop().await;
    strange.stop().await;
}

#[tokio::test]
async fn who_has_no_invite_stays_outside_of_a_room_for_invited_ones() {
    let hub =
        Running::start(&Key::generate().unwrap(), "127.0.0.1:0", History::Memory, |setup| setup.invite_only = true);
    let mut eve = hub.member("eve").await;
    event(&mut eve, |e| matches!(e, Event::Denied(_)).then_some(())).await;
    let token = hub.handle.invite(Duration::from_secs(60), true, false).unwrap();
    let mut ana = hub.member_with("ana", |setup| setup.token = Some(token)).await;
    event(&mut ana, in_main).await;
    let mut eve = hub.member_with("eve", |setup| setup.token = Some(token)).await;
    event(&mut eve, |e| matches!(e, Event::Denied(puerta_talk::room::frame::Denial::UsedUp)).then_some(())).await;
    hub.stop().await;
}

#[tokio::test]
async fn who_is_moved_to_another_hub_stays_in_the_room_and_may_speak_on_the_way() {
    let (first, second) = (Running::new(), Running::new());
    let (mut ana, mut ben) = (first.member("ana").await, second.member("ben").await);
    event(&mut ana, in_main).await;
    event(&mut ben, in_main).await;
    first.handle.make_way(second.at.to_string(), second.key);
    let stays = |event: &Event| match event {
        Event::Gone(_) => Some(false),
        Event::Moving { .. } => Some(true),
        _ => None,
    };
    assert!(event(&mut ana, stays).await, "out of the room, where nothing can be said");
    says(&ana, "on the way").await;
    event(&mut ana, in_main).await;
    assert_eq!(event(&mut ben, message).await, (1, "ana".to_owned(), "on the way".to_owned()));
    second.stop().await;
    first.stop().await;
}
