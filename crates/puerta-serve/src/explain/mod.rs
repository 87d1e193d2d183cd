//! What a request is answered, and why: the very code that answers, asked once, with each step told.
//!
//! ```text
//! bytes ─→ http1::tell ─ the way of a request ─→ status and fields as they are sent
//!                └ each step ─→ Explanation ─→ words
//! ```

mod fields;
mod words;

pub use words::{Line, Part};

use crate::core::response::Status;
use crate::core::why::{Hear, Why};
use crate::http1::Service;
use crate::http1::tell::{Answered, Sent, Told, tell};
use crate::store::Tried;
use puerta::Endpoint;

/// A request that is to be explained.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// As it would be sent: the first request of a connection.
    pub bytes: &'a [u8],
    /// Who asks.
    pub peer: Option<&'a Endpoint>,
    /// Whether it comes without TLS to a server that has it.
    pub in_the_clear: bool,
}

/// A step on the way to an answer.
#[derive(Debug, Clone)]
pub enum Step {
    /// How it was read, what is to be done about it, and who is let in.
    Told(Told),
    /// What was tried to find a file.
    Tried(Tried),
    /// What decided.
    Why(Why),
}

/// An answer and the way to it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// In order.
    pub steps: Vec<Step>,
    /// The status.
    pub status: Status,
    /// Each field as it would be sent, in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body.
    pub sent: Sent,
}

/// What the server would answer to the first request of a connection, and why. What is compressed on the fly is compressed
/// already: only those who ask before that is done get a file as it is.
///
/// Of one client alone: what limits many (connections, lists under way, wrong passwords) does not count.
///
/// May wait for a disk, and for a password to be looked at. `None`: the head of the request is not whole.
pub async fn explain(service: &Service, ask: &Ask<'_>) -> Option<Explanation> {
    let mut steps = Steps(Vec::new());
    let Answered { status, head, body } = tell(service, ask.bytes, ask.peer, ask.in_the_clear, &mut steps).await?;
    let lines = head.split(|&b| b == b'\n').skip(1).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let fields = lines.filter_map(|line| {
        let colon = line.iter().position(|&b| b == b':')?;
        let value = line.get(colon + 1..)?;
        Some((String::from_utf8_lossy(line.get(..colon)?).into_owned(), value.trim_ascii().to_vec()))
    });
    Some(Explanation { steps: steps.0, status, fields: fields.collect(), sent: body })
}

struct Steps(Vec<Step>);

impl Hear<Told> for Steps {
    fn hear(&mut self, event: impl FnOnce() -> Told) {
        self.0.push(Step::Told(event()));
    }
}

impl Hear<Tried> for Steps {
    fn hear(&mut self, event: impl FnOnce() -> Tried) {
        self.0.push(Step::Tried(event()));
    }
}

impl Hear<Why> for Steps {
    fn hear(&mut self, event: impl FnOnce() -> Why) {
        self.0.push(Step::Why(event()));
    }
}
