//! Servers of streams and packets: one client, or many at once.

use crate::accept::{Acceptor, Listener, Place, Places};
use crate::broadcast;
use crate::child::{self, Program};
use crate::counters::Counters;
use crate::event::{Event, Report};
use crate::local::Local;
use crate::problem::Problem;
use crate::pump::{Sink, View};
use crate::session::{self, Options, how};
use crate::transform::{Show, Tagged};
use crate::verdict::{Side, Verdict};
use crate::wire::Wire;
use crate::words::shown;
use puerta::Endpoint;
use puerta_text::Visible;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

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

/// One session with our input and output, or with a child.
pub async fn one(wire: &Wire, service: &Service, counters: &Counters) -> Verdict {
    if let Some(program) = &service.program {
        return child::serve(wire, program, &service.options, counters).await;
    }
    let failed = |problem| session::verdict(counters, Side::Us, how(&problem), Some(problem));
    let (input, output) = match (Local::stdin(), Local::stdout()) {
        (Ok(input), Ok(output)) => (input, output),
        (Err(error), _) => return failed(Problem::Input(error)),
        (_, Err(error)) => return failed(Problem::Output(error)),
    };
    let mut view = service.look.of(&wire.peer(), output.is_terminal());
    let sink = Mutex::new(Sink::output(output));
    session::exchange(wire, &input, &sink, &mut view, &service.options, counters).await
}

/// Serves one client, then ends with the verdict. The listener is closed once the client is there.
///
/// # Errors
/// What accept(2) says.
pub async fn once(
    listeners: Vec<Listener>,
    service: &Service,
    report: &dyn Report,
    counters: &Counters,
) -> Result<Verdict, Problem> {
    let acceptor = Acceptor::new(listeners, Places::new(1));
    let (wire, _place) = acceptor.accept(report).await?;
    drop(acceptor);
    report.event(&Event::Connected { transport: wire.transport(), local: &wire.local(), peer: &wire.peer() });
    Ok(one(&wire, service, counters).await)
}

/// Serves many clients at once until it is dropped. Without a program what they send goes to standard output; standard
/// input is not read.
///
/// # Errors
/// What accept(2) says when the listener itself is broken.
pub async fn keep(
    listeners: Vec<Listener>,
    service: Rc<Service>,
    report: Arc<dyn Report>,
    counters: Rc<Counters>,
) -> Result<(), Problem> {
    let acceptor = Acceptor::new(listeners, Places::new(service.max));
    let sink = match service.program {
        Some(_) => None,
        None => Some(Rc::new(Mutex::new(Sink::output(Local::stdout().map_err(Problem::Output)?)))),
    };
    let mut clients = JoinSet::new();
    loop {
        let (wire, place) = tokio::select! {
            accepted = acceptor.accept(&*report) => accepted?,
            Some(ended) = clients.join_next(), if !clients.is_empty() => match ended {
                Ok(Some(problem)) => return Err(problem),
                _ => continue,
            },
        };
        report.event(&Event::Joined(&wire.peer()));
        clients.spawn_local(client(wire, place, service.clone(), sink.clone(), report.clone(), counters.clone()));
    }
}

/// One client of many. Gives the problem that ends the whole server: our own output failed.
async fn client(
    wire: Wire,
    place: Place,
    service: Rc<Service>,
    sink: Option<Rc<Mutex<Sink>>>,
    report: Arc<dyn Report>,
    total: Rc<Counters>,
) -> Option<Problem> {
    let counters = Counters::part_of(total);
    let verdict = match (&service.program, sink) {
        (Some(program), _) => Box::pin(child::serve(&wire, program, &service.options, &counters)).await,
        (None, Some(sink)) => {
            let terminal = sink.lock().await.is_terminal();
            let mut view = service.look.of(&wire.peer(), terminal);
            session::receive(&wire, &sink, &mut view, service.options.idle, &counters).await
        }
        (None, None) => return None,
    };
    report.event(&Event::Left { peer: &wire.peer(), verdict: &verdict });
    drop(place);
    match verdict.problem {
        Some(problem @ Problem::Output(_)) => Some(problem),
        _ => None,
    }
}

/// What one client sends, all others get, and our output; our input goes to all.
///
/// # Errors
/// What accept(2) says when the listener itself is broken, or our output failed.
pub async fn broadcast(
    listeners: Vec<Listener>,
    service: Rc<Service>,
    report: Arc<dyn Report>,
    counters: Rc<Counters>,
) -> Result<(), Problem> {
    let acceptor = Acceptor::new(listeners, Places::new(service.max));
    broadcast::run(acceptor, service, report, counters).await
}
