//! Our own hub: members over QUIC, each with a key, a socket and a task of its own, all on one thread. A record is counted by the
//! fields in front of its text alone; what a member said itself comes back to it, and is not counted.

use super::body::{body, sender};
use super::flow::Flow;
use super::pace::beat;
use super::quic::{self, Link, Links};
use super::window::Window;
use super::{Chat, Done, Load, Work};
use crate::Result;
use crate::contender::Contender;
use crate::load;
use crate::server::{Begun, Folder, Server};
use puerta_talk::identity::Key;
use puerta_talk::room::codec::{self, Frames, decode};
use puerta_talk::room::frame::{Hello, Send, Target, ToHub, ToMember, VERSION};
use puerta_talk::room::ids::{MemberNo, MessageId, RoomNo};
use puerta_talk::room::record::{Kind, Person, Record};
use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

/// How long all members together may take to join.
const JOINING: Duration = Duration::from_secs(120);

/// How many join at once.
const ENTERING: usize = 64;

/// How long the last messages may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many messages are under way while the bodies are compared.
const COMPARING: u64 = 8;

/// The room.
const ROOM: &str = "bench";

/// Our hub, with its log or without.
pub(super) enum Rooms {
    /// What is acknowledged is on the disk.
    Log,
    /// Nothing is.
    NoLog,
}

impl Chat for Rooms {
    fn contender(&self) -> Contender {
        match self {
            Rooms::Log => Contender::ours(
                "puerta talk",
                &["talk", "--host", "--listen", "127.0.0.1:PORT", "--room", ROOM, "--rate", "0", "--store", "FILE"],
            ),
            Rooms::NoLog => Contender {
                ours: false,
                ..Contender::ours(
                    "puerta, no log",
                    &["talk", "--host", "--listen", "127.0.0.1:PORT", "--room", ROOM, "--rate", "0", "--no-store"],
                )
            },
        }
    }

    fn start(&self, program: &str) -> Result<Server> {
        let port = load::free_port()?;
        let folder = Folder::new("")?;
        let home = folder.path().to_string_lossy().into_owned();
        let mut words = vec!["env".to_owned(), format!("HOME={home}")];
        words.extend(["XDG_CONFIG_HOME=", "XDG_DATA_HOME="].map(str::to_owned));
        words.extend(self.contender().words(program, port, &format!("{home}/room.db")));
        Server::start(&words, port, Some(folder), |_, running| running.said().contains("listening on"))
    }

    fn run(&self, server: &Server, work: &Work) -> Result<Done> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| format!("the loader: {e}"))?;
        LocalSet::new().block_on(&runtime, async {
            let room = Room::open(server.port, work).await?;
            match work.load {
                Load::Bodies(messages) => room.compare(server.begin(), messages).await,
                Load::Busy { outstanding, time } => room.fill(server.begin(), outstanding, time).await,
                Load::Paced { every, time } => room.pace(server.begin(), every, time).await,
            }
        })
    }
}

struct Room {
    work: Work,
    members: Vec<Member>,
    shared: Rc<Shared>,
}

/// A member's end of what it says.
struct Member {
    link: Rc<Link>,
    said: Cell<u64>,
}

/// What the readers of all members share.
struct Shared {
    counting: Cell<bool>,
    keeping: Cell<bool>,
    flow: Flow,
    /// What each member has heard.
    has: RefCell<Vec<u64>>,
    bodies: RefCell<Vec<Vec<Vec<u8>>>>,
}

impl Room {
    async fn open(port: u16, work: &Work) -> Result<Room> {
        let shared = Rc::new(Shared {
            counting: Cell::new(false),
            keeping: Cell::new(false),
            flow: Flow::new(work.members),
            has: RefCell::new(vec![0; work.members]),
            bodies: RefCell::new(vec![Vec::new(); work.members]),
        });
        let links = Links::new();
        tokio::task::spawn_local(quic::tick(links.clone()));
        let joined = timeout(JOINING, async {
            let mut joined = Vec::new();
            let mut joining = JoinSet::new();
            for member in 0..work.members {
                if joining.len() >= ENTERING {
                    joined.push(done(joining.join_next().await)?);
                }
                joining.spawn_local(enter(member, port, links.clone(), shared.clone()));
            }
            while !joining.is_empty() {
                joined.push(done(joining.join_next().await)?);
            }
            Ok::<_, String>(joined)
        });
        let mut joined = joined.await.map_err(|_| "the members took too long to join".to_owned())??;
        joined.sort_by_key(|(member, _)| *member);
        let members = joined.into_iter().map(|(_, link)| Member { link, said: Cell::new(0) }).collect();
        // What the joining caused passes: presence is told within half a second.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Room { work: *work, members, shared })
    }

    async fn compare(&self, begun: Begun<'_>, messages: u64) -> Result<Done> {
        self.start(true, COMPARING);
        within(PATIENCE, &self.shared, async {
            for number in 0..messages {
                self.shared.flow.wait(|window| window.free() > 0).await?;
                self.say(sender(number, self.work.speakers), &text(number));
                self.send();
            }
            self.shared.flow.wait(Window::is_empty).await
        })
        .await?;
        Ok(self.done(begun))
    }

    async fn fill(&self, begun: Begun<'_>, outstanding: u64, time: Duration) -> Result<Done> {
        self.start(false, outstanding);
        let message = text(0);
        let (end, mut number) = (begun.at + time, 0);
        within(time + PATIENCE, &self.shared, async {
            while Instant::now() < end {
                let free = self.shared.flow.window.borrow().free();
                for _ in 0..free {
                    self.say(sender(number, self.work.speakers), &message);
                    number += 1;
                }
                self.send();
                self.shared.flow.wait(|window| window.free() > 0).await?;
            }
            self.shared.flow.wait(Window::is_empty).await
        })
        .await?;
        Ok(self.done(begun))
    }

    async fn pace(&self, begun: Begun<'_>, every: Duration, time: Duration) -> Result<Done> {
        self.start(false, u64::MAX);
        let message = text(0);
        let mut beat = beat(every, time);
        within(time + PATIENCE, &self.shared, async {
            while beat.recv().await.is_some() {
                self.shared.flow.stamp();
                self.say(0, &message);
                self.send();
            }
            self.shared.flow.wait(Window::is_empty).await
        })
        .await?;
        Ok(self.done(begun))
    }

    fn start(&self, keeping: bool, outstanding: u64) {
        self.shared.flow.start(outstanding);
        self.shared.counting.set(true);
        self.shared.keeping.set(keeping);
    }

    fn done(&self, begun: Begun<'_>) -> Done {
        let taken = begun.end();
        let deliveries = self.shared.flow.window.borrow().deliveries();
        Done { deliveries, taken, latencies: self.shared.flow.latencies(), bodies: self.shared.bodies.take() }
    }

    /// Something that goes out with [`send`](Self::send).
    fn say(&self, by: usize, text: &str) {
        self.shared.flow.window.borrow_mut().send(by);
        let Some(member) = self.members.get(by) else { return };
        let after = member.said.replace(member.said.get() + 1);
        let id = MessageId { stream: stream_of(by), number: after + 1 };
        let send = Send { id, after, to: Target::Room(ROOM.to_owned()), kind: Kind::Text, text: text.to_owned() };
        member.link.write(&codec::bytes(&ToHub::Send(send)));
    }

    /// What was said since the last time goes out.
    fn send(&self) {
        for member in self.members.iter().take(self.work.speakers) {
            member.link.send();
        }
    }
}

impl Shared {
    /// A member has heard so many more.
    fn count(&self, member: usize, more: u64) {
        if !self.counting.get() || more == 0 {
            return;
        }
        let had = {
            let mut has = self.has.borrow_mut();
            let Some(has) = has.get_mut(member) else { return };
            *has += more;
            *has - more
        };
        self.flow.receive(member, had, more);
    }

    /// Whole frames: counted, or kept.
    fn hear(&self, member: usize, mut bytes: &[u8]) -> usize {
        let (all, mut records) = (bytes.len(), 0);
        while let Some((head, rest)) = bytes.split_first_chunk::<2>() {
            let Some(frame) = rest.get(..usize::from(u16::from_le_bytes(*head))) else { break };
            bytes = rest.get(frame.len()..).unwrap_or_default();
            if !is_others(frame, stream_of(member)) {
                continue;
            }
            records += 1;
            if self.keeping.get()
                && let Ok(ToMember::Record(record)) = decode(frame)
                && let Some(kept) = self.bodies.borrow_mut().get_mut(member)
            {
                kept.push(record.text.into_bytes());
            }
        }
        self.count(member, records);
        all - bytes.len()
    }
}

/// Whether a frame is a record that another member said: its kind, room, place, place before, time and stream stand in front, each
/// as a varint.
fn is_others(frame: &[u8], own: u64) -> bool {
    let mut fields = frame.iter();
    if fields.next().copied() != record() {
        return false;
    }
    for _ in 0..4 {
        if !fields.any(|byte| byte & 0x80 == 0) {
            return false;
        }
    }
    let (mut stream, mut shift) = (0_u64, 0_u32);
    for byte in fields {
        stream |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    stream != own
}

/// The first byte of a record's frame.
fn record() -> Option<u8> {
    static FIRST: OnceLock<Option<u8>> = OnceLock::new();
    *FIRST.get_or_init(|| {
        let from = Person { no: MemberNo(1), name: String::new() };
        let (room, id) = (RoomNo(1), MessageId { stream: 1, number: 1 });
        let record = Record { room, seq: 1, prev: 0, at: 0, id, from, to: None, kind: Kind::Text, text: String::new() };
        codec::bytes(&ToMember::Record(record)).get(2).copied()
    })
}

fn stream_of(member: usize) -> u64 {
    member as u64 + 1
}

fn text(number: u64) -> String {
    String::from_utf8_lossy(&body(number)).into_owned()
}

type Entered = (usize, Rc<Link>);

fn done(joined: Option<std::result::Result<Result<Entered>, tokio::task::JoinError>>) -> Result<Entered> {
    match joined {
        Some(Ok(entered)) => entered,
        Some(Err(error)) => Err(error.to_string()),
        None => Err("nobody joined".to_owned()),
    }
}

/// A member comes into the room, and hears what is said there.
async fn enter(member: usize, port: u16, links: Rc<Links>, shared: Rc<Shared>) -> Result<Entered> {
    let tell = |e: &dyn Display| format!("member {member} cannot join: {e}");
    let key = Key::generate().map_err(|e| tell(&e))?;
    let link = Link::open(&key, port, &links).await.map_err(|e| tell(&e))?;
    let hello = Hello {
        version: VERSION,
        name: format!("m{member}"),
        token: None,
        streams: vec![stream_of(member)],
        feed: true,
    };
    link.write(&codec::bytes(&ToHub::Hello(hello)));
    link.send();
    let mut frames = Frames::default();
    let mut room: Option<RoomNo> = None;
    while room.is_none() {
        link.hear(&links.buffer, |bytes| frames.push(bytes)).await.map_err(|e| tell(&e))?;
        while let Some(frame) = frames.take::<ToMember>().map_err(|_| tell(&"what came is no frame"))? {
            match frame {
                ToMember::Welcome(_) => {
                    link.write(&codec::bytes(&ToHub::Join { room: ROOM.to_owned() }));
                    link.send();
                }
                ToMember::Room(facts) if facts.name.is_some() => room = Some(facts.no),
                ToMember::Denied(denial) => return Err(tell(&format!("{denial:?}"))),
                _ => {}
            }
        }
    }
    tokio::task::spawn_local(listen(member, link.clone(), frames.rest(), links, shared));
    Ok((member, link))
}

/// Reads for a member until its connection ends.
async fn listen(member: usize, link: Rc<Link>, mut rest: Vec<u8>, links: Rc<Links>, shared: Rc<Shared>) {
    loop {
        let heard = link.hear(&links.buffer, |bytes| {
            if rest.is_empty() {
                let heard = shared.hear(member, bytes);
                rest.extend_from_slice(bytes.get(heard..).unwrap_or_default());
            } else {
                rest.extend_from_slice(bytes);
                let heard = shared.hear(member, &rest);
                rest.drain(..heard);
            }
        });
        if let Err(error) = heard.await {
            return shared.flow.fail(format!("member {member}: {error}"));
        }
    }
}

async fn within(limit: Duration, shared: &Shared, work: impl Future<Output = Result<()>>) -> Result<()> {
    match timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(format!("messages did not arrive: {}", shared.flow.window.borrow().lack())),
    }
}
