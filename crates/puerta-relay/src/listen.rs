//! Servers of streams and packets: one client, or many at once.

use crate::accept::{Acceptor, Listener, Place, Places};
use crate::broadcast;
use crate::child;
use crate::counters::Counters;
use crate::event::{Event, Report};
use crate::local::Local;
use crate::problem::Problem;
use crate::pump::Sink;
use crate::service::Service;
use crate::session::{self, how};
use crate::verdict::{Side, Verdict};
use crate::wire::Wire;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

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
    let output = match service.program {
        Some(_) => None,
        None => Some(Local::stdout().map_err(Problem::Output)?),
    };
    let terminal = output.as_ref().is_some_and(Local::is_terminal);
    let sink = output.map(|output| Rc::new(Mutex::new(Sink::output(output))));
    let mut clients = JoinSet::new();
    acceptor
        .each(&*report, &mut clients, |wire, place| {
            let sink = sink.clone().map(|sink| (sink, terminal));
            client(wire, place, service.clone(), sink, report.clone(), counters.clone())
        })
        .await
}

/// One client of many. Gives the problem that ends the whole server: our own output failed.
async fn client(
    wire: Wire,
    place: Place,
    service: Rc<Service>,
    sink: Option<(Rc<Mutex<Sink>>, bool)>,
    report: Arc<dyn Report>,
    total: Rc<Counters>,
) -> Option<Problem> {
    let counters = Counters::part_of(total);
    let verdict = match (&service.program, sink) {
        (Some(program), _) => Box::pin(child::serve(&wire, program, &service.options, &counters)).await,
        (None, Some((sink, terminal))) => {
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
