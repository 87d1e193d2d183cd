//! Servers of streams and packets: one client, or many at once.

use crate::accept::{Acceptor, Listener, Place, Places};
use crate::broadcast;
use crate::child::{self, Child, Program};
use crate::counters::Counters;
use crate::event::{Event, Limit, Report};
use crate::local::Local;
use crate::problem::Problem;
use crate::pump::Sink;
use crate::service::Service;
use crate::session;
use crate::verdict::Verdict;
use crate::wire::Wire;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// One session with our input and output, or with a child.
pub async fn one(wire: &Wire, service: &Service, report: &dyn Report, counters: &Counters) -> Verdict {
    if let Some(program) = &service.program {
        let started = program.start(&wire.local(), &wire.peer());
        return child::serve(wire, program, started, &service.options, counters).await;
    }
    let (input, output) = match (Local::stdin(), Local::stdout()) {
        (Ok(input), Ok(output)) => (input, output),
        (Err(error), _) => return session::failed(Problem::Input(error), counters),
        (_, Err(error)) => return session::failed(Problem::Output(error), counters),
    };
    let mut view = service.look.of(&wire.peer(), output.is_terminal());
    let sink = Mutex::new(Sink::output(output, counters));
    session::exchange(wire, &input, &sink, &mut view, &service.options, counters, Some(report)).await
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
    Ok(one(&wire, service, report, counters).await)
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
    let sink = output.map(|output| Rc::new(Mutex::new(Sink::output(output, &counters))));
    let mut clients = JoinSet::new();
    let work = async |wire: &Wire| match (&service.program, &sink) {
        (Some(program), _) => Work::Child(Box::new(started(program, wire, &acceptor, &*report).await)),
        (None, sink) => Work::Read(sink.clone(), terminal),
    };
    acceptor
        .each(&*report, &mut clients, work, |wire, place, work| {
            client(wire, place, service.clone(), work, report.clone(), counters.clone())
        })
        .await
}

/// What is done with a client of many.
enum Work {
    /// What it sends goes to our output, which is a terminal or not.
    Read(Option<Rc<Mutex<Sink>>>, bool),
    /// It has a child, or the reason why not.
    Child(Box<Result<Child, Problem>>),
}

/// Starts a client's child. At a limit of the system the client waits, as those do that are not accepted yet, as long as there
/// are others whose end makes room.
async fn started(program: &Program, wire: &Wire, acceptor: &Acceptor, report: &dyn Report) -> Result<Child, Problem> {
    loop {
        match program.start(&wire.local(), &wire.peer()) {
            Err(problem) if problem.is_limit() && acceptor.has_others() => {
                acceptor.pause(report, Limit::Program(&problem)).await;
            }
            done => return done,
        }
    }
}

/// One client of many. Gives the problem that ends the whole server: our own output failed.
async fn client(
    wire: Wire,
    place: Place,
    service: Rc<Service>,
    work: Work,
    report: Arc<dyn Report>,
    total: Rc<Counters>,
) -> Option<Problem> {
    let counters = Counters::part_of(total);
    let verdict = match (&service.program, work) {
        (Some(program), Work::Child(started)) => {
            Box::pin(child::serve(&wire, program, *started, &service.options, &counters)).await
        }
        (None, Work::Read(Some(sink), terminal)) => {
            let mut view = service.look.of(&wire.peer(), terminal);
            session::receive(&wire, &sink, &mut view, service.options.idle, &counters).await
        }
        _ => return None,
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
    let packets = listeners.iter().any(|listener| matches!(listener, Listener::Packet(..)));
    let acceptor = Acceptor::new(listeners, Places::new(service.max));
    broadcast::run(acceptor, packets, service, report, counters).await
}
