//! Other hubs on the network while we are in a room: the driver of [`Neighbours`].

use super::found::{self, TRIED};
use super::home::Home;
use super::hosting::Hosting;
use super::ladder::Target;
use super::session::Agreed;
use crate::talk::screen::{Ended, Left, Notice, Way};
use puerta_talk::announcement::UNSETTLED;
use puerta_talk::discovery::{Finder, Found, Settings};
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::host::PORT;
use puerta_talk::identity::{NAME, Trust};
use puerta_talk::neighbours::{Neighbours, Step, TOLD};
use puerta_talk::room::ids::Device;
use puerta_talk::room::rooms::may_be_called;
use puerta_talk::rung::Rung;
use std::convert::Infallible;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How often a hub looks for others: while it may give way, and then.
const PACE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

/// How often a member does.
const MEMBER: Duration = Duration::from_secs(30);

/// What two hosts wait that send everybody to each other's hub at once: the one with the lower key, until the other has gone.
const AFTER: Duration = Duration::from_millis(1500);

/// Looks for other hubs, and says what there is to say.
pub(super) struct Watch<'a> {
    home: &'a Home,
    core: Neighbours,
    finder: Finder,
    say: mpsc::Sender<Notice>,
    words: mpsc::Receiver<String>,
    agreed: Agreed,
    /// Those that may still give way, with the time when they count, and all that was heard of each; [`TOLD`] at most.
    later: Vec<(Instant, Vec<Found>)>,
    /// What `/go` may be given, and where it leads; [`TOLD`] at most, and as many that were opened at the same time.
    offers: Vec<(String, Target)>,
    /// All are on their way to another hub.
    going: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        home: &'a Home,
        passed: impl IntoIterator<Item = Device>,
        hosting: Option<&Hosting>,
        say: mpsc::Sender<Notice>,
        words: mpsc::Receiver<String>,
        agreed: Agreed,
    ) -> Self {
        let mut settings = Settings { itself: hosting.map(|h| h.announcement().process), ..Settings::default() };
        if hosting.is_none() {
            // Members are many: no thread for mDNS each.
            settings.rungs.retain(|rung| *rung != Rung::Mdns);
        }
        let mut finder = Finder::with(settings);
        finder.pace(if hosting.is_some() { PACE[0] } else { MEMBER });
        let passed = passed.into_iter().filter(|hub| hosting.is_none() || *hub != home.key.device());
        let core = Neighbours::new(passed.chain([home.key.device()]));
        Watch { home, core, finder, say, words, agreed, later: Vec::new(), offers: Vec::new(), going: false }
    }

    /// Watches while a room is shown. How that ended, and our hub, if it is still there.
    pub(super) async fn while_shown(
        mut self,
        shown: impl Future<Output = (Ended, Left)>,
        mut hosting: Option<Hosting>,
    ) -> ((Ended, Left), Option<Hosting>) {
        // To go elsewhere takes a while, and whoever quits meanwhile does not wait for it.
        let ended = tokio::select! {
            ended = shown => ended,
            never = self.watch(&mut hosting) => match never {},
        };
        if self.going
            && let Some(mut ours) = hosting.take()
        {
            // Its members have been sent away: it cannot stay.
            ours.end().await;
        }
        (ended, hosting)
    }

    /// Watches, and takes our hub away once all go to another one. It can be dropped at any time.
    async fn watch(&mut self, hosting: &mut Option<Hosting>) -> Infallible {
        let mut slower = hosting.as_ref().map(|_| Instant::now() + UNSETTLED);
        loop {
            let due = self.later.iter().map(|(at, _)| *at).min();
            let go = tokio::select! {
                found = self.finder.next() => self.heard(&[found], hosting.as_ref()).await,
                Some(word) = self.words.recv() => self.asked(&word, hosting.as_ref()).await,
                () = until(due) => self.recall(hosting.as_ref()).await,
                () = until(slower) => {
                    slower = None;
                    self.finder.pace(PACE[1]);
                    None
                }
            };
            if let Some((target, together)) = go
                && let Some(ours) = hosting.as_mut()
            {
                let name = target.called();
                self.core.pass(target.hub);
                self.tell(Notice::Going { name, together });
                let trust = target.trust.unwrap_or(Trust::Agreed);
                self.agreed.lock().unwrap_or_else(PoisonError::into_inner).insert(target.hub, trust);
                self.finder.pace(MEMBER);
                self.going = true;
                ours.give_way(&target).await;
                *hosting = None;
            }
        }
    }

    /// Another hub announces itself, and that is all that was heard of it. Where to go at once, and whether because it was opened
    /// at the same time.
    async fn heard(&mut self, all: &[Found], ours: Option<&Hosting>) -> Option<(Target, bool)> {
        let found = all.first()?;
        let announcement = ours.map(Hosting::announcement);
        self.more(all);
        let step = self.core.heard(announcement.as_ref(), &found.announcement);
        let target = match step {
            Step::Pass => return None,
            Step::Later(wait) => {
                let is_it = |(_, all): &(Instant, Vec<Found>)| {
                    all.first().is_some_and(|other| other.announcement.hub == found.announcement.hub)
                };
                if self.later.len() < TOLD && !self.later.iter().any(is_it) {
                    self.later.push((Instant::now() + wait, all.to_vec()));
                }
                return None;
            }
            Step::GiveWay | Step::Tell => self.target(all).await?,
        };
        let (mut name, fingerprint) = (found.announcement.name.clone(), Fingerprint::of(target.hub));
        if let Some(other) = target.namesake {
            name = format!("{name}, not the known one of that name ({})", Fingerprint::of(other));
        }
        if step == Step::GiveWay {
            if target.trust.is_some() {
                // Behind an announcement that was forged there may be a true one.
                let target = found::answering(self.home, target).await?;
                self.core.pass(target.hub);
                return Some((target, true));
            }
            self.core.pass(target.hub);
            // Trust does not follow from a lower key.
            let word = self.offer(&name, target);
            self.tell(Notice::Together { name, fingerprint, word });
        } else if ours.is_some() {
            let word = self.offer(&name, target);
            self.tell(Notice::Another { name, fingerprint, way: Way::Go(word) });
        } else {
            let at = target.at.first().copied().unwrap_or(found.source);
            let (ip, port) = (at.ip().to_canonical(), at.port());
            let address =
                if port == PORT { ip.to_string() } else { format!("{}", std::net::SocketAddr::new(ip, port)) };
            self.tell(Notice::Another { name, fingerprint, way: Way::Talk(address) });
        }
        None
    }

    /// Those that might have given way, and have not: they count as any other now.
    async fn recall(&mut self, ours: Option<&Hosting>) -> Option<(Target, bool)> {
        let now = Instant::now();
        let at = self.later.iter().position(|(at, _)| *at <= now)?;
        let (_, mut all) = self.later.swap_remove(at);
        all.iter_mut().for_each(|found| found.announcement.age = Duration::MAX);
        let target = self.target(&all).await?;
        // One that has given way, or was closed, is not there any more.
        found::answering(self.home, target).await?;
        Box::pin(self.heard(&all, ours)).await
    }

    /// The host has typed `/go` and this.
    async fn asked(&mut self, word: &str, ours: Option<&Hosting>) -> Option<(Target, bool)> {
        let ours = ours?;
        let same = |offered: &str| offered.to_lowercase() == word.to_lowercase();
        let Some((_, target)) = self.offers.iter().find(|(offered, _)| same(offered)).cloned() else {
            self.tell(Notice::Unknown { typed: word.to_owned() });
            return None;
        };
        if ours.announcement().hub < target.hub {
            tokio::time::sleep(AFTER).await;
        }
        let name = target.called();
        let there = found::answering(self.home, target).await;
        if there.is_none() {
            self.tell(Notice::NoAnswer { name });
        }
        there.map(|target| (target, false))
    }

    /// Where else a hub may be that we have heard of: what was heard first may have been forged.
    fn more(&mut self, all: &[Found]) {
        for found in all {
            let hub = found.announcement.hub;
            for (_, heard) in &mut self.later {
                if heard.first().is_some_and(|first| first.announcement.hub == hub) && heard.len() < TRIED {
                    heard.push(found.clone());
                }
            }
            for (_, target) in self.offers.iter_mut().filter(|(_, target)| target.hub == hub) {
                let at = found.addresses().into_iter().filter(|at| !target.at.contains(at)).collect::<Vec<_>>();
                target.at.extend(at);
                target.at.truncate(TRIED);
            }
        }
    }

    /// What was found, unless its key has changed: that is told.
    async fn target(&mut self, all: &[Found]) -> Option<Target> {
        let hubs = self.home.book.read().ok()?;
        if let Some(problem) = found::changed(self.home, &hubs, all).await {
            all.iter().for_each(|found| self.core.pass(found.announcement.hub));
            self.tell(Notice::Suspect(problem.to_string()));
            return None;
        }
        found::targets(all, &hubs, self.home.key.device()).pop()
    }

    /// The word that leads there: its name, or the beginning of its fingerprint where the name cannot be typed or leads elsewhere.
    fn offer(&mut self, name: &str, target: Target) -> String {
        let taken = |word: &str| self.offers.iter().any(|(offered, _)| offered.to_lowercase() == word.to_lowercase());
        let fits = may_be_called(name, NAME) && !taken(name);
        let fingerprint = Fingerprint::of(target.hub).to_string();
        let word = if fits { name.to_owned() } else { fingerprint.chars().take(9).collect() };
        self.offers.push((word.clone(), target));
        word
    }

    /// A screen that is behind has enough to show.
    fn tell(&self, notice: Notice) {
        let _ = self.say.try_send(notice);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
