//! What a server or a client is to do with what it exchanges.

use crate::child::Program;
use crate::pump::View;
use crate::session::Options;
use crate::transform::{Show, Tagged};
use crate::words::shown;
use puerta::Endpoint;
use puerta_text::Visible;

/// What a server does with its clients.
#[derive(Debug)]
pub struct Service {
    /// What limits and changes each session.
    pub options: Options,
    /// How received bytes are shown.
    pub look: Look,
    /// A child for each client, in place of our own input and output.
    pub program: Option<Program>,
    /// Clients at once.
    pub max: usize,
}

/// How received bytes are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// As a hex dump.
    pub hex: bool,
    /// As it came, on a terminal too.
    pub raw: bool,
    /// The peer's name before each line.
    pub tag: bool,
}

impl Look {
    /// The view of one peer.
    pub fn of(self, peer: &Endpoint, terminal: bool) -> View {
        let show = match self {
            Look { hex: true, .. } => Show::Hex(Default::default()),
            Look { raw: false, .. } if terminal => Show::Visible(Box::new(Visible::new(Default::default()))),
            _ => Show::Raw,
        };
        View { show, tag: self.tag.then(|| Tagged::new(&shown(peer).to_string())) }
    }
}
