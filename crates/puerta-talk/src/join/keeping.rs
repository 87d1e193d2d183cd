//! Where messages are kept until the hub has them: on the disk, or, where that cannot be, in memory.

use crate::identity::random;
use crate::log;
use crate::outbox::{Opened, Outbox, Told};
use crate::problem::Problem;
use crate::room::ids::{Device, MessageId};
use crate::room::member::Pending;
use std::path::Path;
use tokio::sync::mpsc;

/// Why the outbox takes nothing for the moment.
const FULL: &str = "too much waits for the disk";

/// An outbox, and what it says.
#[derive(Debug)]
pub struct Keeping {
    outbox: Option<Outbox>,
    tell: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
    stream: u64,
    last: u64,
    spare: u64,
    pending: Vec<Pending>,
    waiting: usize,
    left: Vec<log::Problem>,
}

impl Keeping {
    /// The outbox of this process for a hub, below a folder.
    ///
    /// # Errors
    ///
    /// The folder or a file in it cannot be used.
    pub fn disk(folder: &Path, hub: Device) -> Result<Keeping, log::Problem> {
        let (tell, told) = mpsc::unbounded_channel();
        let sender = tell.clone();
        let opened = Outbox::open(folder, hub, move |what| drop(sender.send(what)))?;
        let Opened { outbox, stream, last, spare, pending, waiting, left } = opened;
        Ok(Keeping { outbox: Some(outbox), tell, told, stream, last, spare, pending, waiting, left })
    }

    /// An outbox that ends with the program.
    ///
    /// # Errors
    ///
    /// [`Problem::Random`] where the system gives no random bytes.
    pub fn memory() -> Result<Keeping, Problem> {
        let (tell, told) = mpsc::unbounded_channel();
        let (stream, spare) = (u64::from_le_bytes(random()?), u64::from_le_bytes(random()?));
        let (pending, left) = (Vec::new(), Vec::new());
        Ok(Keeping { outbox: None, tell, told, stream, last: 0, spare, pending, waiting: 0, left })
    }

    /// The stream that is its own.
    pub fn stream(&self) -> u64 {
        self.stream
    }

    /// The last number that was given there.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// A stream that no outbox has.
    pub fn spare(&self) -> u64 {
        self.spare
    }

    /// What was pending when it was opened.
    pub fn pending(&self) -> Vec<Pending> {
        self.pending.clone()
    }

    /// Messages of programs that have ended which did not fit: they wait for the next one.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Files that could not be read.
    pub fn left(&self) -> &[log::Problem] {
        &self.left
    }

    pub(super) fn keep(&self, message: Pending) {
        let id = message.id;
        let told = match &self.outbox {
            None => Told::Kept(vec![id]),
            Some(outbox) => match outbox.keep(message) {
                Ok(()) => return,
                Err(_) => Told::NotKept { ids: vec![id], why: FULL.to_owned() },
            },
        };
        // The receiver lives as long as this.
        let _ = self.tell.send(told);
    }

    pub(super) fn forget(&self, id: MessageId) {
        if let Some(outbox) = &self.outbox {
            // What is not forgotten is pending again at the next start, and the hub knows it again.
            let _ = outbox.forget(vec![id]);
        }
    }

    pub(super) fn move_to(&self, hub: Device, pending: Vec<Pending>) {
        let messages = pending.len();
        if self.outbox.as_ref().is_some_and(|outbox| outbox.move_to(hub, pending).is_err()) {
            let _ = self.tell.send(Told::NotMoved { messages, why: FULL.to_owned() });
        }
    }

    pub(super) fn renumber(&self, stream: u64, messages: Vec<(MessageId, Pending)>) {
        let ids = messages.iter().map(|(_, message)| message.id).collect();
        let told = match &self.outbox {
            None => Told::Kept(ids),
            Some(outbox) => match outbox.renumber(stream, messages) {
                Ok(()) => return,
                Err(_) => Told::NotKept { ids, why: FULL.to_owned() },
            },
        };
        let _ = self.tell.send(told);
    }

    /// Waits until all of it is on the disk; what is not, with those of which nobody heard before.
    pub(super) fn close(mut self, mut unheard: Vec<String>) -> Option<Problem> {
        drop(self.outbox.take());
        while let Ok(told) = self.told.try_recv() {
            if let Told::NotKept { ids, why } = told {
                unheard.extend(ids.iter().map(|_| why.clone()));
            }
        }
        let messages = unheard.len();
        unheard.into_iter().next().map(|why| Problem::NotKept { messages, why })
    }

    /// Whether messages outlive the program there.
    pub fn is_on_disk(&self) -> bool {
        self.outbox.is_some()
    }

    /// What the disk has done.
    pub(super) async fn told(&mut self) -> Told {
        match self.told.recv().await {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }
}
