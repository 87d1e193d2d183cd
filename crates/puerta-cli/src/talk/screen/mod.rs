//! What people and programs see of rooms: a full screen, lines, JSON, or nothing but a pipe's end. Each is a [`Screen`] over
//! the same loop; what they show is decided in [`view`], without I/O.

mod clean;
mod clock;
mod full;
mod input;
mod json;
mod line;
mod pipe;
mod qr;
mod stdin;
mod tally;

#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;
mod view;
mod wished;
mod words;

use puerta_relay::verdict::How;
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::Denial;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};
use view::{Link, View};

pub(crate) use clock::{offset, rfc3339};
pub(crate) use full::Full;
pub(crate) use json::{Json, Wanted, exported};
pub(crate) use line::Line;
pub(crate) use pipe::Pipe;
pub(crate) use qr::printed;
pub(crate) use words::{denial, not_done, not_stored, refusal, waiting};

/// How many events are taken in before what they changed is shown.
const BATCH: usize = 1024;
/// How long the core may take to accept what was typed before the end, to tell what became of it, and a screen to restore its
/// terminal: the core itself waits a second at most.
const GRACE: Duration = Duration::from_secs(2);
/// What was typed and not yet looked at. What a pipe brings above waits in the pipe.
const TYPED: usize = 256;
/// The same for what a pipe brings in pieces of many lines.
const PIECES: usize = 4;
/// How long a thread that has read from a pipe may take to hand that over at the end.
const HANDED: Duration = Duration::from_millis(20);

/// Makes the link of an invite from its room's name and its token.
pub(crate) type MakeLink = Box<dyn Fn(&str, &[u8]) -> String + Send>;

/// Writes to the terminal or to stdout.
pub(crate) type Print = Box<dyn FnMut(&str) -> io::Result<()> + Send>;

/// What is told of other hubs on the network, while we are in a room. Names come from outside, and are cleaned when they are shown.
#[derive(Debug, Clone)]
pub(crate) enum Notice {
    /// Another one is there now.
    Another {
        /// Its name, as it says.
        name: String,
        /// Its key's.
        fingerprint: Fingerprint,
        /// How one goes there.
        way: Way,
    },
    /// Another one was opened at the same time, and ours would give way to it if it were known.
    Together {
        /// Its name, as it says.
        name: String,
        /// Its key's.
        fingerprint: Fingerprint,
        /// What `/go` is given.
        word: String,
    },
    /// Ours ends, and everybody goes there.
    Going {
        /// Its name.
        name: String,
        /// Because it was opened at the same time; else because the host wished it.
        together: bool,
    },
    /// The one that `/go` named does not answer.
    NoAnswer {
        /// Its name.
        name: String,
    },
    /// `/go` named none that was told of.
    Unknown {
        /// What was typed.
        typed: String,
    },
    /// One goes by the name or the address of a hub that is known, and is not it.
    Suspect(String),
}

/// How one goes to another hub.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// The host types `/go` and this word, and all go along.
    Go(String),
    /// Who is only a member leaves, and calls it by its address.
    Talk(String),
}

/// What comes in to a screen, and where what it wants goes.
pub(crate) struct Feed {
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) notices: mpsc::Receiver<Notice>,
    pub(crate) commands: mpsc::Sender<Command>,
}

/// What a screen is told at the start, besides what the hub tells.
pub(crate) struct Facts {
    /// The hub's name, until it tells it itself.
    pub(crate) hub: String,
    /// Its key's fingerprint.
    pub(crate) fingerprint: String,
    /// Whether the fingerprint was compared, or came in an invite.
    pub(crate) verified: bool,
    /// Whether the hub runs in this very program: who quits ends it.
    pub(crate) hosting: bool,
    /// Lines for the start: who can reach the hub, the invite.
    pub(crate) greeting: Vec<String>,
    /// For /invite.
    pub(crate) link: MakeLink,
    /// The room to be in, without its `#`, when one was asked for.
    pub(crate) room: Option<String>,
    /// The name that was asked for: a hub that knows us keeps the one that it has.
    pub(crate) name: Option<String>,
    /// Takes the word that `/go` was given, where our hub can give way to another.
    pub(crate) go: Option<mpsc::Sender<String>>,
    /// While we are offline: whether the hub was closed, and said so.
    pub(crate) closed: watch::Receiver<bool>,
}

/// Why a screen ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The user wished it, or the input ended and everything was stored.
    Quit,
    /// The user leaves, and the hub in this program stays.
    Stay,
    /// The hub does not let us in.
    Denied(Denial),
    /// Whoever sent the events has ended.
    Closed,
    /// A signal.
    Signal(How),
    /// Our output takes nothing any more: its reader has ended, or the disk is full.
    OutputFailed(io::Error),
    /// The terminal or stdin failed.
    Failed(io::Error),
}

/// What is left undone at the end.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Messages of this run that are not stored: they are in the outbox, but for those that were refused.
    pub(crate) messages: usize,
    /// Lines of stdin.
    pub(crate) undone: Undone,
}

/// Lines of stdin that were not carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Undone {
    /// They mean nothing, or nothing here.
    pub(crate) wrong: usize,
    /// The hub did not grant them, or did not answer.
    pub(crate) refused: usize,
}

/// What came from the keyboard or from stdin.
#[derive(Debug)]
pub(crate) enum Typed {
    /// A key, a paste, a resize or a change of focus.
    Terminal(ratatui::crossterm::event::Event),
    /// A line without its line break.
    Line(String),
    /// Bytes of a pipe, as one read(2) gave them.
    Bytes(Vec<u8>),
    /// Ctrl-C while a line was being typed.
    Interrupt,
    /// We were stopped, and go on: SIGCONT.
    Continued,
    /// The end of the input.
    End,
    /// It could not be read.
    Failed(io::Error),
}

/// One way of showing a room. The loop feeds it; it never waits but for its output.
pub(crate) trait Screen {
    /// How many pieces of input may wait for it.
    fn places() -> usize
    where
        Self: Sized,
    {
        TYPED
    }
    /// Takes in what happened.
    fn event(&mut self, event: Event, now: Instant);
    /// Takes in what was typed.
    fn typed(&mut self, typed: Typed, now: Instant);
    /// Tells of another hub.
    fn notice(&mut self, _: &Notice) {}
    /// Shows what has changed, and does what is due.
    fn show(&mut self, now: Instant) -> io::Result<()>;
    /// When `show` is to be called at the latest, though nothing happens.
    fn due(&self) -> Option<Instant>;
    /// What the core is to do, oldest first.
    fn commands(&mut self) -> &mut VecDeque<Command>;
    /// Whether more input is welcome: a pipe is read no faster than its messages are stored.
    fn listens(&self) -> bool {
        true
    }
    /// Set once there is nothing more to do.
    fn ended(&mut self) -> Option<Ended>;
    /// Messages of this run that are not stored.
    fn not_stored(&self) -> usize;
    /// Lines of this run that were not carried out, where nobody could type them again.
    fn undone(&self) -> Undone {
        Undone::default()
    }
    /// Whether it takes more of what was read already, when a signal ends it: nobody else can have that any more.
    fn takes_on(&self) -> bool {
        false
    }
    /// A signal ends it, after that.
    fn stopped(&mut self) {}
    /// Lines for the terminal once it is given back.
    fn last_words(&mut self, _: &Ended) -> Vec<String> {
        Vec::new()
    }
}

/// Runs a screen in a thread of its own until it ends or a signal comes: a terminal that takes nothing for a while does not
/// hold up the caller's runtime. `open` is called in that thread with where to send what is typed; what it makes is dropped
/// before this returns, and restores the terminal as it goes.
pub(crate) async fn run<S: Screen>(
    open: impl FnOnce(mpsc::Sender<Typed>) -> io::Result<S> + Send + 'static,
    feed: Feed,
    signal: impl Future<Output = How>,
) -> (Ended, Left) {
    let (stop, stopped) = watch::channel(false);
    let (tell, told) = oneshot::channel();
    let work = move || {
        let failed = |error| (Ended::Failed(error), Left::default());
        let ended = runtime::Builder::new_current_thread().enable_time().build().map_or_else(failed, |runtime| {
            let (typed, keys) = mpsc::channel(S::places());
            match open(typed) {
                Ok(screen) => runtime.block_on(turn(screen, feed, keys, stopped)),
                Err(error) => failed(error),
            }
        });
        // Nobody listens any more only after the grace was over.
        let _ = tell.send(ended);
    };
    if let Err(error) = std::thread::Builder::new().name("screen".to_owned()).spawn(work) {
        return (Ended::Failed(error), Left::default());
    }
    tokio::pin!(told);
    tokio::select! {
        ended = &mut told => ended.unwrap_or((Ended::Closed, Left::default())),
        how = signal => {
            let _ = stop.send(true);
            let ended = tokio::time::timeout(GRACE * 2, told).await;
            // A screen that is stuck in its output cannot restore the terminal itself.
            full::restore();
            (Ended::Signal(how), ended.ok().and_then(Result::ok).map(|(_, left)| left).unwrap_or_default())
        }
    }
}

async fn turn<S: Screen>(
    mut screen: S,
    mut feed: Feed,
    mut keys: mpsc::Receiver<Typed>,
    mut stopped: watch::Receiver<bool>,
) -> (Ended, Left) {
    let mut why = to_its_end(&mut screen, &mut feed, &mut keys, &mut stopped).await;
    settle(&mut screen, feed).await;
    if matches!(why, Ended::Quit)
        && !*stopped.borrow()
        && let Err(error) = screen.show(Instant::now())
    {
        why = Ended::OutputFailed(error);
    }
    let (words, left) = (screen.last_words(&why), Left { messages: screen.not_stored(), undone: screen.undone() });
    drop(screen);
    for line in words {
        // Where even this cannot be written nobody reads.
        let _ = writeln!(io::stderr(), "{line}");
    }
    (why, left)
}

async fn to_its_end<S: Screen>(
    screen: &mut S,
    feed: &mut Feed,
    keys: &mut mpsc::Receiver<Typed>,
    stopped: &mut watch::Receiver<bool>,
) -> Ended {
    let Feed { events, notices, commands } = feed;
    loop {
        // Before an output that takes nothing is waited for.
        hand_over(screen, commands);
        if let Err(error) = screen.show(Instant::now()) {
            return Ended::OutputFailed(error);
        }
        if let Some(ended) = screen.ended() {
            return ended;
        }
        let (listens, waiting, due) = (screen.listens(), !screen.commands().is_empty(), screen.due());
        tokio::select! {
            _ = stopped.changed() => {
                // What waits, and what its reader has in its hands.
                for _ in 0..=S::places() {
                    if !screen.takes_on() {
                        break;
                    }
                    let Ok(Some(typed)) = tokio::time::timeout(HANDED, keys.recv()).await else { break };
                    screen.typed(typed, Instant::now());
                }
                screen.stopped();
                return Ended::Quit;
            }
            event = events.recv() => {
                let Some(event) = event else { return Ended::Closed };
                let now = Instant::now();
                screen.event(event, now);
                for _ in 1..BATCH {
                    let Ok(event) = events.try_recv() else { break };
                    screen.event(event, now);
                }
            }
            Some(notice) = notices.recv() => screen.notice(&notice),
            typed = keys.recv(), if listens => {
                let now = Instant::now();
                screen.typed(typed.unwrap_or(Typed::End), now);
            }
            permit = commands.reserve(), if waiting => {
                let Ok(permit) = permit else { return Ended::Closed };
                if let Some(command) = screen.commands().pop_front() {
                    permit.send(command);
                }
            }
            () = until(due), if due.is_some() => {}
        }
    }
}

/// What was said just before the end is handed over, and what becomes of it is told until the core has ended.
async fn settle(screen: &mut impl Screen, feed: Feed) {
    let Feed { mut events, commands, .. } = feed;
    // The core keeps it in its outbox.
    let _ = tokio::time::timeout(GRACE, async {
        while let Some(command) = screen.commands().pop_front() {
            if commands.send(command).await.is_err() {
                break;
            }
        }
    })
    .await;
    drop(commands);
    let _ = tokio::time::timeout(GRACE, async {
        while let Some(event) = events.recv().await {
            screen.event(event, Instant::now());
        }
    })
    .await;
}

fn hand_over(screen: &mut impl Screen, commands: &mpsc::Sender<Command>) {
    while !screen.commands().is_empty()
        && let Ok(permit) = commands.try_reserve()
    {
        if let Some(command) = screen.commands().pop_front() {
            permit.send(command);
        }
    }
}

/// What a screen that only appends does behind its output: all that came was shown, and it ends when the input has ended and
/// nothing has been on its way for a moment.
fn appended(view: &mut View, tally: &mut Tally, input_ended: bool, ended: &mut Option<Ended>, now: Instant) {
    for at in 1..view.places.len() {
        view.saw_all(at);
    }
    view.tick(now);
    if let Some(why) = view.denied.take() {
        *ended = Some(Ended::Denied(why));
    }
    // Whether we are let in is known by then.
    let answered = view.link != Link::Connecting;
    let idle = input_ended && answered && view.out.is_empty() && tally.waiting() == 0;
    if tally.rested(idle, now) && ended.is_none() {
        *ended = Some(Ended::Quit);
    }
}

async fn until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}
