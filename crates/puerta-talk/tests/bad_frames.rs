//! Frames that are cut, too long, forged or of another version: a hub ends with who sends them and goes on with the others; a
//! member of a hub that sends them comes again, and never breaks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod hub;
mod listener;
mod strangers;

use hub::{PATIENCE, Running, options};
use listener::Listener;
use puerta_talk::identity::Key;
use puerta_talk::join::{Joined, Keeping, Options, join};
use puerta_talk::room::codec::{Frames, bytes};
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::{Denial, Hello, Send, Target, ToHub, ToMember, VERSION, Welcome};
use puerta_talk::room::ids::{MemberNo, MessageId, RoomNo};
use puerta_talk::room::limits::{FRAME, Limits};
use puerta_talk::room::record::{Kind, Person};
use puerta_talk::transport::{Dialer, Event as Came, Expected, hub_socket, member_socket};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use strangers::{client, with_key};

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("within 30 s")
}

async fn hears(joined: &mut Joined, wanted: impl Fn(&Event) -> bool) {
    let wait = async { while !wanted(&joined.events.recv().await.expect("the member goes on")) {} };
    in_time(wait).await;
}

fn hello(version: u16, name: &str) -> Vec<u8> {
    let hello = Hello { version, name: name.into(), token: None, streams: vec![1], feed: true };
    bytes(&ToHub::Hello(hello)).to_vec()
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_le_bytes()[..], body].concat()
}

/// Random bytes, the same for the same seed (xorshift).
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(next).collect()
}

/// What cannot be frames, for either end.
fn bad() -> Vec<Vec<u8>> {
    let whole = hello(VERSION, "eve");
    let mut longer = whole.clone();
    longer.push(7);
    let length = (longer.len() - 2) as u16;
    longer[..2].copy_from_slice(&length.to_le_bytes());
    let mut bad = vec![
        vec![0, 0],
        (FRAME as u16 + 1).to_le_bytes().to_vec(),
        vec![0xff; 4096],
        framed(&[0xff; 64]),
        framed(&[200, 1, 2, 3]),
        longer,
    ];
    bad.extend((1..40_u64).map(|seed| framed(&noise(seed, 1 + seed as usize * 9))));
    bad
}

/// Says this to a hub, and ends the stream if wanted: what it answers until it has ended its own.
async fn says(at: SocketAddr, words: &[u8], ends: bool) -> Vec<ToMember> {
    let dialer = Dialer::new(&Key::generate().unwrap(), member_socket().unwrap()).unwrap();
    let (connection, _) = dialer.connect(at, Expected::Any).await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    // The hub may have ended it before everything was said.
    let _ = send.write_all(words).await;
    if ends {
        let _ = send.finish();
    }
    let (mut frames, mut answers) = (Frames::default(), Vec::new());
    in_time(async {
        while let Ok(Some(chunk)) = receive.read_chunk(65_536, true).await {
            frames.push(&chunk.bytes);
            while let Some(frame) = frames.take().unwrap() {
                answers.push(frame);
            }
        }
    })
    .await;
    connection.close(0_u32.into(), b"");
    dialer.endpoint().wait_idle().await;
    answers
}

/// Somebody who takes so many bytes before they are read, and stays for as long as the hub lets him.
async fn stranger(at: SocketAddr, window: u32) -> quinn::Connection {
    let mut transport = quinn::TransportConfig::default();
    transport.stream_receive_window(window.into()).keep_alive_interval(Some(Duration::from_secs(1)));
    let mut config = client(with_key());
    config.transport_config(transport.into());
    let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    in_time(endpoint.connect_with(config, at, "hub").unwrap()).await.unwrap()
}

async fn goes_on(joined: &mut Joined, text: &str) {
    let to = Target::Room("main".into());
    joined.commands.send(Command::Say { to, kind: Kind::Text, text: text.into() }).await.unwrap();
    hears(joined, |event| matches!(event, Event::Message { record, .. } if record.text == text)).await;
}

#[tokio::test]
async fn a_hub_ends_with_who_sends_what_is_no_frame_and_the_others_go_on() {
    let hub = Running::new();
    let mut ana = hub.member("ana").await;
    for (index, words) in bad().iter().enumerate() {
        for before in [Vec::new(), hello(VERSION, "eve")] {
            let words = [&before[..], words].concat();
            let answers = says(hub.at, &words, false).await;
            let let_in = answers.iter().any(|answer| matches!(answer, ToMember::Welcome(_)));
            assert!(!let_in || !before.is_empty(), "{index}: {answers:?}");
        }
        if index % 9 == 0 {
            goes_on(&mut ana, &format!("still here {index}")).await;
        }
    }
    goes_on(&mut ana, "the end").await;
}

#[tokio::test]
async fn a_hub_ends_with_who_says_something_else_before_hello_or_breaks_off_in_a_frame() {
    let hub = Running::new();
    let mut ana = hub.member("ana").await;
    let send = Send {
        id: MessageId { stream: 1, number: 1 },
        after: 0,
        to: Target::Room("main".into()),
        kind: Kind::Text,
        text: "forged".into(),
    };
    for frame in [ToHub::Ping, ToHub::Rooms, ToHub::Send(send), ToHub::After { room: RoomNo(1), seq: 0 }] {
        assert_eq!(says(hub.at, &bytes(&frame), false).await, [ToMember::Denied(Denial::Malformed)]);
    }
    let whole = hello(VERSION, "eve");
    for length in 0..whole.len() {
        assert_eq!(says(hub.at, &whole[..length], true).await, [], "{length}");
    }
    goes_on(&mut ana, "the end").await;
}

#[tokio::test]
async fn who_was_shown_the_door_is_gone_in_time_though_nothing_is_read_or_the_talk_goes_on() {
    let hub = Running::new();
    for (window, goes_on) in [(1, false), (1_000_000, true)] {
        let connection = stranger(hub.at, window).await;
        let (mut send, _receive) = in_time(connection.open_bi()).await.unwrap();
        in_time(send.write_all(&bytes(&ToHub::Ping))).await.unwrap();
        let talk = async {
            while goes_on && send.write_all(&[0, 0]).await.is_ok() {
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        };
        let closed = in_time(async {
            tokio::select! {
                closed = connection.closed() => closed,
                () = talk => unreachable!(),
            }
        });
        let closed = closed.await;
        let quinn::ConnectionError::ApplicationClosed(close) = &closed else { panic!("{closed:?}") };
        assert_eq!(close.error_code, 2_u32.into(), "{close:?}");
    }
}

#[tokio::test]
async fn a_part_of_a_frame_holds_no_place_and_a_whole_one_does() {
    let hub = Running::new();
    let mut ana = hub.member("ana").await;
    let connection = stranger(hub.at, 1_000_000).await;
    let (mut send, _receive) = in_time(connection.open_bi()).await.unwrap();
    in_time(send.write_all(&hello(VERSION, "eve")[..1])).await.unwrap();
    // Until then it says that it is still there.
    let closed = in_time(connection.closed()).await;
    let quinn::ConnectionError::ApplicationClosed(close) = &closed else { panic!("{closed:?}") };
    assert_eq!(close.error_code, 3_u32.into(), "{close:?}");
    // She came before, and her connection is still the first.
    let mut events = std::iter::from_fn(|| ana.events.try_recv().ok());
    assert!(!events.any(|event| matches!(event, Event::Offline)));
    goes_on(&mut ana, "the end").await;
}

#[tokio::test]
async fn a_hub_says_why_it_does_not_let_in_another_version_or_a_name_that_cannot_be_seen() {
    let hub = Running::new();
    for version in [0, VERSION + 1, u16::MAX] {
        let denied = ToMember::Denied(Denial::Version { hub: VERSION });
        assert_eq!(says(hub.at, &hello(version, "eve"), false).await, [denied]);
    }
    for name in ["", "\x1b[2J", "e\nve", "\u{202e}eve", &"e".repeat(33)] {
        assert_eq!(says(hub.at, &hello(VERSION, name), false).await, [ToMember::Denied(Denial::BadName)], "{name:?}");
    }
}

/// Lets somebody in properly.
fn welcome() -> Vec<u8> {
    let welcome = Welcome {
        hub: "casa".into(),
        you: Person { no: MemberNo(1), name: "ana".into() },
        limits: Limits::default(),
        streams: Vec::new(),
        rooms: Vec::new(),
        read_only: None,
        first: "main".into(),
        may_move: 0,
    };
    bytes(&ToMember::Welcome(welcome)).to_vec()
}

#[tokio::test]
async fn a_member_of_a_hub_that_sends_what_is_no_frame_comes_again_each_time() {
    let key = Key::generate().unwrap();
    let mut listener = Listener::new(&key, hub_socket((Ipv4Addr::LOCALHOST, 0).into()).unwrap().socket);
    let at = listener.door.address().unwrap();
    let few: Vec<Vec<u8>> = bad().into_iter().take(9).collect();
    let rounds = few.len() * 2;
    tokio::spawn(async move {
        let mut met = 0;
        let mut spoken = std::collections::BTreeSet::new();
        loop {
            // Attempts overlap: those that the member drops do not count. Who was spoken to stays, so that it is the member who ends it.
            let Came::Read(peer, _) = listener.next().await else { continue };
            if !spoken.insert(peer) {
                continue;
            }
            let words = few.get(met / 2).cloned().unwrap_or_default();
            let first = if met % 2 == 0 && met < rounds { Vec::new() } else { welcome() };
            let _ = listener.server.write(peer, &mut [first, words].concat().into());
            met += 1;
        }
    });
    let options = options(key.device(), "ana", Keeping::memory().unwrap(), |_| {});
    let mut ana = join(Options { at: vec![at], ..options }).await.unwrap();
    // Each second time it is let in before the hub speaks nonsense; the last time it stays.
    for _ in 0..rounds / 2 {
        hears(&mut ana, |event| matches!(event, Event::Online(_))).await;
        hears(&mut ana, |event| matches!(event, Event::Offline)).await;
    }
    hears(&mut ana, |event| matches!(event, Event::Online(_))).await;
}
