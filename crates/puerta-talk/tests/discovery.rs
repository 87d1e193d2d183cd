//! Hubs are found on this machine, over the loopback interface, each test at a port of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use puerta::{Async, Bound, Flags, Ip, Socket, Udp, opt};
use puerta_talk::announcement::{Announcement, Process, QUESTION, announced, answer, asker, question, yields};
use puerta_talk::discovery::{ANSWERS_PER_SECOND, Announcer, Finder, Found, HUBS, Settings};
use puerta_talk::problem::Problem;
use puerta_talk::room::ids::Device;
use puerta_talk::rung::{Rung, Why};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Every wait ends after this.
const LIMIT: Duration = Duration::from_secs(20);

/// A free UDP port, and only the loopback interface.
fn here() -> Settings {
    let free = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    Settings { port: free.local_addr().unwrap().port(), rungs: vec![Rung::Machine], itself: None }
}

fn hub(key: u8) -> Announcement {
    Announcement {
        hub: Device([key; 32]),
        process: Process([key; 8]),
        name: format!("hub {key}"),
        room: "main".into(),
        port: 7000 + u16::from(key),
        addresses: vec![[192, 0, 2, key].into()],
        age: Duration::ZERO,
        without_arguments: true,
    }
}

async fn next(finder: &mut Finder) -> Found {
    let found = tokio::time::timeout(LIMIT, finder.next()).await;
    found.unwrap_or_else(|_| panic!("nothing is found; troubles: {:?}", finder.troubles()))
}

/// A socket of a stranger.
fn stranger() -> Async<Socket<Udp, Bound>> {
    Async::new(Socket::new(Ip::V4).unwrap().bind(&"127.0.0.1:0".parse().unwrap()).unwrap()).unwrap()
}

async fn receive(socket: &Async<Socket<Udp, Bound>>) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 2048];
    let received = tokio::time::timeout(LIMIT, socket.recv_from(&mut buffer, Flags::NONE)).await;
    let (received, from) = received.expect("something comes").unwrap();
    buffer.truncate(received.len);
    (buffer, from)
}

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[tokio::test]
async fn a_hub_is_found_with_all_that_it_says() {
    let settings = here();
    let old = Announcement { age: Duration::from_secs(60), ..hub(1) };
    let _hub = Announcer::with(old.clone(), settings.clone()).unwrap();
    let mut finder = Finder::with(settings);
    let found = next(&mut finder).await;
    assert_eq!((found.by, found.source), (Rung::Machine, at(7001)));
    assert_eq!(found.addresses(), [at(7001), "192.0.2.1:7001".parse().unwrap()]);
    let age = found.announcement.age;
    assert!(age >= old.age && age < old.age + LIMIT, "{age:?}");
    assert_eq!(found.announcement, Announcement { age, ..old });
    assert!(finder.troubles().is_empty(), "{:?}", finder.troubles());
}

#[tokio::test]
async fn two_hubs_that_share_the_port_find_each_other_and_not_themselves_and_one_gives_way() {
    let settings = here();
    let mut sides: Vec<_> = [7, 5]
        .map(|key| {
            let settings = Settings { itself: Some(hub(key).process), ..settings.clone() };
            (Announcer::with(hub(key), settings.clone()).unwrap(), Finder::with(settings))
        })
        .into();
    let mut decided = Vec::new();
    for (announcer, finder) in &mut sides {
        let found = next(finder).await;
        decided.push((found.announcement.hub.0[0], yields(&announcer.announcement(), &found.announcement)));
    }
    assert_eq!(decided, [(5, true), (7, false)]);
}

#[tokio::test]
async fn a_hub_that_opens_later_is_found_and_each_hub_is_told_once() {
    let settings = here();
    let mut finder = Finder::with(settings.clone());
    assert!(tokio::time::timeout(Duration::from_millis(150), finder.next()).await.is_err());
    let first = Announcer::with(hub(1), settings.clone()).unwrap();
    assert_eq!(next(&mut finder).await.announcement.hub, Device([1; 32]));
    let again = Announcement { process: Process(*b"restarts"), ..hub(1) };
    let _second = Announcer::with(again.clone(), settings).unwrap();
    let found = next(&mut finder).await;
    assert_eq!(found.announcement.id(), again.id(), "the first answers too, but was told");
    drop(first);
}

#[tokio::test]
async fn a_dropped_hub_gives_its_port_back() {
    let settings = here();
    let announcer = Announcer::with(hub(1), settings.clone()).unwrap();
    assert!(std::net::UdpSocket::bind(("0.0.0.0", settings.port)).is_err());
    announcer.stop().await;
    let until = Instant::now() + LIMIT;
    while std::net::UdpSocket::bind(("0.0.0.0", settings.port)).is_err() {
        assert!(Instant::now() < until, "the port is still taken");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn garbage_gets_no_answer_and_the_hub_goes_on() {
    let settings = here();
    let _hub = Announcer::with(hub(1), settings.clone()).unwrap();
    let socket = stranger();
    let asks = question(Process(*b"stranger"));
    let mut garbage = vec![Vec::new(), asks[..511].to_vec(), [&asks[..], &[0]].concat(), vec![0xff; 65_000]];
    garbage.push(answer(Process(*b"stranger"), &hub(2)));
    // Each byte but those of the asking process.
    let spoilt = |at: usize| asks.iter().enumerate().map(|(i, b)| if i == at { !b } else { *b }).collect();
    garbage.extend((0..13).chain(21..64).map(spoilt));
    // Its own question: it does not talk to itself.
    garbage.push(question(hub(1).process).to_vec());
    for datagram in garbage.iter().cycle().take(5_000) {
        socket.send_to(datagram, &at(settings.port), Flags::NONE).await.unwrap();
        tokio::task::yield_now().await;
    }
    // The queue of the hub may be full of garbage still: whoever asks asks again.
    let (mut questions, mut first) = (0, None);
    while first.is_none() {
        assert!(questions < 100, "the hub is silent");
        socket.send_to(&asks, &at(settings.port), Flags::NONE).await.unwrap();
        questions += 1;
        first = tokio::time::timeout(Duration::from_millis(200), receive(&socket)).await.ok();
    }
    let (datagram, from) = first.unwrap();
    assert_eq!(from, at(settings.port));
    assert!(datagram.len() <= QUESTION);
    let (asker, announcement) = announced(&datagram).unwrap();
    assert_eq!((asker, announcement.hub), (Process(*b"stranger"), Device([1; 32])));
    let more = std::iter::from_fn(|| socket.get_ref().recv_from(&mut [0; 16], Flags::DONTWAIT).ok()).count();
    assert!(more < questions, "{} answers to {questions} questions", more + 1);
}

#[tokio::test]
async fn a_flood_of_questions_gets_no_more_answers_than_a_second_has() {
    let settings = here();
    let _hub = Announcer::with(hub(1), settings.clone()).unwrap();
    let socket = stranger();
    let asks = question(Process(*b"stranger"));
    let (began, mut asked, mut answers, mut bytes) = (Instant::now(), 0, 0, 0);
    let mut buffer = [0; 2048];
    while began.elapsed() < Duration::from_millis(1500) {
        socket.send_to(&asks, &at(settings.port), Flags::NONE).await.unwrap();
        asked += asks.len();
        tokio::task::yield_now().await;
        while let Ok((received, _)) = socket.get_ref().recv_from(&mut buffer, Flags::DONTWAIT) {
            answers += 1;
            bytes += received.full_len;
        }
    }
    let seconds = began.elapsed().as_secs() as u32 + 2;
    assert!(answers >= ANSWERS_PER_SECOND && answers <= seconds * ANSWERS_PER_SECOND, "{answers} in {seconds} s");
    assert!(bytes < asked, "{bytes} for {asked}");
}

#[tokio::test]
async fn answers_that_nobody_asked_for_are_passed_by_and_too_many_hubs_are_trouble() {
    let settings = here();
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, settings.port));
    let fake = Async::new(Socket::<Udp>::new(Ip::V4).unwrap().bind(&everywhere).unwrap()).unwrap();
    let answers = async {
        let (asked, from) = receive(&fake).await;
        let asker = asker(&asked).unwrap();
        let mut forged = vec![vec![0; 600], answer(Process(*b"somebody"), &hub(99)), asked];
        forged.push([&answer(asker, &hub(98))[..], &[0]].concat());
        let many = (0..HUBS as u16 + 50).map(|i| {
            let mut hub = hub(1);
            hub.hub.0[..2].copy_from_slice(&i.to_be_bytes());
            answer(asker, &hub)
        });
        for datagram in forged.into_iter().chain(many) {
            fake.send_to(&datagram, &from, Flags::NONE).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let mut finder = Finder::with(settings.clone());
    let mut found = BTreeSet::new();
    let finds = async {
        while found.len() < HUBS {
            found.insert(next(&mut finder).await.announcement.hub);
        }
        assert!(tokio::time::timeout(Duration::from_millis(300), finder.next()).await.is_err());
    };
    tokio::join!(answers, finds);
    assert!(!found.contains(&Device([99; 32])) && !found.contains(&Device([98; 32])));
    assert!(finder.troubles().iter().any(|t| matches!(t.why, Why::TooMany(HUBS))), "{:?}", finder.troubles());
}

#[tokio::test]
async fn who_answers_quicker_in_the_name_of_a_hub_does_not_hide_it() {
    let settings = here();
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, settings.port));
    let ear = Async::new(Socket::<Udp>::new(Ip::V4).unwrap().bind(&everywhere).unwrap()).unwrap();
    let answers = async {
        let (asked, from) = receive(&ear).await;
        let same = answer(asker(&asked).unwrap(), &hub(1));
        for ip in ["127.0.0.2:0", "127.0.0.3:0", "127.0.0.2:0"] {
            let mouth = Socket::<Udp>::new(Ip::V4).unwrap().bind(&ip.parse().unwrap()).unwrap();
            Async::new(mouth).unwrap().send_to(&same, &from, Flags::NONE).await.unwrap();
        }
    };
    let mut finder = Finder::with(settings);
    let finds = async {
        let sources = [next(&mut finder).await.source, next(&mut finder).await.source];
        assert_eq!(sources.map(|source| source.to_string()), ["127.0.0.2:7001", "127.0.0.3:7001"]);
        assert!(tokio::time::timeout(Duration::from_millis(200), finder.next()).await.is_err(), "each once");
    };
    tokio::join!(answers, finds);
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_is_had_when_it_is_free() {
    let settings = here();
    let taken = std::net::UdpSocket::bind(("0.0.0.0", settings.port)).unwrap();
    let announcer = Announcer::with(hub(1), settings.clone()).unwrap();
    let troubles = announcer.troubles();
    assert!(troubles[0].to_string().contains("EADDRINUSE"), "{}", troubles[0]);
    drop(taken);
    let found = next(&mut Finder::with(settings)).await;
    assert_eq!(found.announcement.hub, Device([1; 32]));
    assert!(announcer.troubles().is_empty());
}

#[tokio::test]
async fn what_cannot_be_announced_is_refused() {
    let long = Announcement { name: "n".repeat(33), ..hub(1) };
    assert!(matches!(Announcer::with(long, here()), Err(Problem::Announcement(_))));
}

#[tokio::test]
async fn a_question_to_a_broadcast_address_reaches_each_of_the_programs_that_share_the_port() {
    let settings = here();
    let hubs: Vec<_> = (1..=5).map(|key| Announcer::with(hub(key), settings.clone()).unwrap()).collect();
    let socket = Socket::<Udp>::new(Ip::V4).unwrap().with(opt::Broadcast, true).unwrap();
    let socket = Async::new(socket.bind(&"127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
    let everyone = SocketAddr::from(([127, 255, 255, 255], settings.port));
    socket.send_to(&question(Process(*b"stranger")), &everyone, Flags::NONE).await.unwrap();
    let mut answered = BTreeSet::new();
    for _ in &hubs {
        answered.insert(announced(&receive(&socket).await.0).unwrap().1.hub.0[0]);
    }
    assert_eq!(answered, (1..=5).collect());
}
