//! A member: the rooms' core, joined to QUIC, to its outbox and to the clock.
//!
//! It runs as a task of its own. Commands go in, events come out; a reader of the events who is slow makes the hub wait, and then
//! leave out, what is asked for later.

mod hunt;
mod keeping;
mod link;
mod schedule;

pub use keeping::Keeping;

use crate::identity::Key;
use crate::outbox::Told;
use crate::problem::Problem;
use crate::room::Member;
use crate::room::event::{Command, Event};
use crate::room::ids::Device;
use crate::room::member::{Effect, Input, Setup};
use crate::transport::{Dialer, member_socket};
use hunt::{Hunt, Hunted};
use link::{FromHub, Link};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{mpsc, oneshot, watch};

/// Events that wait for the screen.
const EVENTS: usize = 1024;

/// Commands that wait for the core.
const COMMANDS: usize = 256;

/// How long a member that ends, and is online, waits until its last words are stored.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a member that ends waits for the hub to hear of it.
const GOODBYE: Duration = Duration::from_millis(300);

/// What a member is made of.
pub struct Options {
    /// Its key.
    pub key: Key,
    /// Where the hub may be; all are tried.
    pub at: Vec<SocketAddr>,
    /// The key that the hub must show.
    pub hub: Device,
    /// Names, rooms and what is pending.
    pub setup: Setup,
    /// Where messages are kept until the hub has them.
    pub keeping: Keeping,
    /// For how long the first connection is tried.
    pub within: Duration,
}

/// A member that has come to its hub once. Dropped, it goes.
#[derive(Debug)]
pub struct Joined {
    /// What the screen shows.
    pub events: mpsc::Receiver<Event>,
    /// What the user wants. When all senders are dropped, the member goes; what is pending stays in the outbox.
    pub commands: mpsc::Sender<Command>,
    /// Further addresses of the hub, as they are found.
    pub addresses: mpsc::Sender<SocketAddr>,
    /// While it is offline: whether that is because the hub was closed, and said so. Set before
    /// [`Event::Offline`] comes.
    pub closed: watch::Receiver<bool>,
    /// Why it ended, if not because it was told to. It comes, or is closed, when all that was said is in the outbox and the hub was
    /// told: a program that ends before has said it to nobody.
    pub ended: oneshot::Receiver<Problem>,
}

/// Connects, and goes on as a task. What the hub answers to the Hello is among the events.
///
/// # Errors
///
/// Why there was no connection within the time that was given: [`Problem::NoAnswer`] and the others of [`Dialer::connect`].
pub async fn join(options: Options) -> Result<Joined, Problem> {
    let Options { key, at, hub, setup, keeping, within } = options;
    let dialer = Dialer::new(&key, member_socket()?)?;
    let mut hunt = Hunt::start(dialer.clone(), at.clone(), hub);
    let first = tokio::time::timeout(within, hunt.first()).await;
    let first = match first {
        Ok(found) => found?,
        // An attempt is given up sooner than all of them together.
        Err(_) => match hunt.why() {
            Some(Problem::NoAnswer { at, .. }) => return Err(Problem::NoAnswer { at, within }),
            why => return Err(why.unwrap_or_else(|| no_answer(&at, within))),
        },
    };
    let (show, events) = mpsc::channel(EVENTS);
    let (commands, wishes) = mpsc::channel(COMMANDS);
    let (addresses, found) = mpsc::channel(16);
    let (end, ended) = oneshot::channel();
    let (tell_closed, closed) = watch::channel(false);
    let driver = Driver {
        start: Instant::now(),
        core: Member::new(setup),
        dialer,
        at,
        hub,
        keeping,
        show,
        link: None,
        first: Some(first),
        hunt: None,
        closed: tell_closed,
        unheard: Vec::new(),
    };
    tokio::spawn(driver.run(wishes, found, end));
    Ok(Joined { events, commands, addresses, closed, ended })
}

fn no_answer(at: &[SocketAddr], within: Duration) -> Problem {
    let at = at.first().copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
    Problem::NoAnswer { at, within }
}

struct Driver {
    start: Instant,
    core: Member,
    dialer: Dialer,
    at: Vec<SocketAddr>,
    hub: Device,
    keeping: Keeping,
    show: mpsc::Sender<Event>,
    link: Option<Link>,
    /// The connection that was made before the task began.
    first: Option<Link>,
    hunt: Option<Hunt>,
    closed: watch::Sender<bool>,
    /// Why messages were not kept, each of which nobody was there to hear.
    unheard: Vec<String>,
}

/// Why the driver ends.
enum End {
    /// Nobody gives commands any more.
    Quit,
    /// It cannot go on.
    Problem(Problem),
}

impl Driver {
    async fn run(
        mut self,
        mut wishes: mpsc::Receiver<Command>,
        mut found: mpsc::Receiver<SocketAddr>,
        end: oneshot::Sender<Problem>,
    ) {
        let mut ended = self.handle(Input::Start).await;
        // Nobody gives commands any more: until when their last words are waited for.
        let mut leaves: Option<Instant> = None;
        while ended.is_ok() {
            if self.show.is_closed() {
                // Who reads no more has given its last commands: they are carried out, so that what was said is in the outbox.
                wishes.close();
            }
            if leaves.is_some() && !self.has_last_words() {
                break;
            }
            let now = self.start.elapsed();
            let due = self.core.due(now).map(|due| due.saturating_sub(now));
            let left = leaves.map(|until| until.saturating_duration_since(Instant::now()));
            ended = tokio::select! {
                wish = wishes.recv(), if leaves.is_none() => match wish {
                    Some(wish) => self.handle(Input::Command(wish)).await,
                    None => {
                        leaves = Some(Instant::now() + LAST_WORDS);
                        Ok(())
                    }
                },
                () = sleep(left), if left.is_some() => Err(End::Quit),
                told = self.keeping.told() => self.told(told).await,
                Some(address) = found.recv() => {
                    self.also_at(address);
                    Ok(())
                }
                from = Self::hear(&mut self.link) => match from {
                    FromHub::Frame(frame) => self.handle(Input::Frame(frame)).await,
                    FromHub::Gone => self.cut().await,
                },
                hunted = Self::hunted(&mut self.hunt) => self.hunted_down(hunted).await,
                () = sleep(due) => self.handle(Input::Tick).await,
            };
        }
        if matches!(ended, Err(End::Problem(_))) {
            self.keep_the_rest(&mut wishes);
        }
        if let Some(link) = self.link.take() {
            link.close().await;
        }
        let _ = tokio::time::timeout(GOODBYE, self.dialer.endpoint().wait_idle()).await;
        // Whoever waits for the end finds on the disk what is to be kept there.
        let not_kept = self.keeping.close(self.unheard);
        let problem = match ended {
            Err(End::Problem(problem)) => Some(problem),
            _ => not_kept,
        };
        if let Some(problem) = problem {
            let _ = end.send(problem);
        }
    }

    /// Whether something that was said can still be stored by the hub.
    fn has_last_words(&self) -> bool {
        self.core.is_online() && self.core.pending().next().is_some()
    }

    /// There is no hub to go to any more; what was said meanwhile is kept for the next time.
    fn keep_the_rest(&mut self, wishes: &mut mpsc::Receiver<Command>) {
        wishes.close();
        while let Ok(wish) = wishes.try_recv() {
            let mut effects = Vec::new();
            self.core.handle(self.start.elapsed(), Input::Command(wish), &mut effects);
            for effect in effects {
                match effect {
                    Effect::Keep(message) => self.keeping.keep(message),
                    Effect::Show(event) => {
                        let _ = self.show.try_send(event);
                    }
                    _ => {}
                }
            }
        }
    }

    async fn handle(&mut self, input: Input) -> Result<(), End> {
        let mut effects = Vec::new();
        self.core.handle(self.start.elapsed(), input, &mut effects);
        let moves = effects.iter().any(|effect| matches!(effect, Effect::Move { .. }));
        for effect in effects {
            match effect {
                // Who goes to another hub stays in the rooms, and may speak there meanwhile: they are asked for anew.
                Effect::Show(Event::Gone(_)) if moves => {}
                Effect::Connect => self.connect(),
                Effect::Disconnect => {
                    if let Some(link) = self.link.take() {
                        link.close().await;
                    }
                }
                Effect::Send(frame) => {
                    if let Some(link) = &mut self.link {
                        link.send(&frame);
                    }
                }
                Effect::Keep(message) => self.keeping.keep(message),
                Effect::Forget(id) => self.keeping.forget(id),
                Effect::Renumber { stream, messages } => self.keeping.renumber(stream, messages),
                Effect::Show(event) => self.show(event).await,
                Effect::Move { address, hub, pending } => {
                    self.keeping.move_to(hub, pending);
                    self.hub = hub;
                    self.at = address.parse().into_iter().collect();
                    self.hunt = None;
                }
            }
        }
        if let Some(first) = self.first.take() {
            self.hunt = None;
            self.prefer(first.at());
            self.link = Some(first);
            return Box::pin(self.handle(Input::Linked)).await;
        }
        Ok(())
    }

    async fn show(&mut self, event: Event) {
        // Where nobody reads any more the loop ends, once all commands are carried out.
        if let Err(SendError(Event::NotKept { why, .. })) = self.show.send(event).await {
            self.unheard.push(why);
        }
    }

    async fn told(&mut self, told: Told) -> Result<(), End> {
        match told {
            Told::Kept(ids) => {
                for id in ids {
                    self.handle(Input::Kept(id)).await?;
                }
            }
            Told::NotKept { ids, why } => {
                for id in ids {
                    self.handle(Input::NotKept(id, why.clone())).await?;
                }
            }
            Told::Moved { waiting: 0 } => {}
            Told::Moved { waiting } => self.show(Event::Waiting { messages: waiting }).await,
            Told::NotMoved { messages, why } => self.show(Event::NotMoved { messages, why }).await,
        }
        Ok(())
    }

    fn connect(&mut self) {
        if self.first.is_none() && self.hunt.is_none() {
            self.hunt = Some(Hunt::start(self.dialer.clone(), self.at.clone(), self.hub));
        }
    }

    fn also_at(&mut self, address: SocketAddr) {
        if !self.at.contains(&address) {
            // The newest is the likeliest.
            self.at.insert(0, address);
            self.at.truncate(schedule::ADDRESSES);
            if self.hunt.is_some() {
                self.hunt = Some(Hunt::start(self.dialer.clone(), self.at.clone(), self.hub));
            }
        }
    }

    /// Where the hub was is the likeliest place to find it again.
    fn prefer(&mut self, at: SocketAddr) {
        if let Some(index) = self.at.iter().position(|known| *known == at) {
            self.at.swap(0, index);
        }
    }

    async fn cut(&mut self) -> Result<(), End> {
        self.closed.send_replace(self.link.take().is_some_and(|link| link.was_closed()));
        self.handle(Input::Cut).await
    }

    async fn hunted_down(&mut self, hunted: Result<Hunted, Problem>) -> Result<(), End> {
        match hunted {
            Ok(Hunted::Link(link)) => {
                self.hunt = None;
                self.prefer(link.at());
                self.closed.send_replace(false);
                self.link = Some(*link);
                self.handle(Input::Linked).await
            }
            // Nobody answers for now: the core says so, and the hunt goes on.
            Ok(Hunted::Silence) => self.handle(Input::Cut).await,
            Ok(Hunted::OtherKey(problem)) => {
                let hint = problem.hint().map_or(String::new(), |hint| format!("; {hint}"));
                self.show(Event::OtherKey(format!("{problem}{hint}"))).await;
                Ok(())
            }
            Err(problem) => Err(End::Problem(problem)),
        }
    }

    async fn hear(link: &mut Option<Link>) -> FromHub {
        match link {
            Some(link) => link.next().await,
            None => std::future::pending().await,
        }
    }

    async fn hunted(hunt: &mut Option<Hunt>) -> Result<Hunted, Problem> {
        match hunt {
            Some(hunt) => hunt.next().await,
            None => std::future::pending().await,
        }
    }
}

async fn sleep(due: Option<Duration>) {
    match due {
        Some(due) => tokio::time::sleep(due).await,
        None => std::future::pending().await,
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The setup may hold a join token.
        f.debug_struct("Options").field("at", &self.at).field("hub", &self.hub).finish_non_exhaustive()
    }
}
