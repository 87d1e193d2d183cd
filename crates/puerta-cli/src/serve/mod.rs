//! `serve`: a folder, to any browser.

mod arguments;
mod listeners;
mod log;
mod report;
mod trouble;

pub(crate) use arguments::Arguments;

use crate::exchange::runtime;
use crate::report::Reporter;
use crate::signals::Stop;
use crate::trace;
use arguments::LogForm;
use listeners::Listeners;
use log::LogFile;
use puerta_serve::event::Report;
use puerta_serve::gate::Gate;
use puerta_serve::http1::Service;
use puerta_serve::log::{Form, Log};
use puerta_serve::server::Server;
use puerta_serve::store::Store;
use report::Told;
use std::io::{self, IsTerminal};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;
use trouble::Trouble;

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let reporter = Reporter::new(&arguments.output);
    trace::start(arguments.output.trace);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Trouble::system(error).tell(reporter),
    };
    let done = runtime.block_on(serve(arguments, reporter));
    // A name server that does not answer holds a thread; nobody waits for it.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.tell(reporter),
    }
}

/// Serves until a signal comes. What is opened is opened in this order, before any thread starts: folder, log, sockets.
async fn serve(arguments: &Arguments, reporter: Reporter) -> Result<(), Trouble> {
    let mut stop = Stop::watch().map_err(Trouble::system)?;
    let terminal = io::stderr().is_terminal();
    let folder = arguments.folder();
    let store = Store::open(&folder, &arguments.store())?;
    let again = Arc::new(AtomicBool::new(false));
    let log = match &arguments.log {
        Some(path) => Some(LogFile::open(path, again.clone()).map_err(|error| Trouble::Log(path.clone(), error))?),
        None => None,
    };
    let opening = Listeners::open(&arguments.listen, reporter);
    let mut listeners = tokio::select! {
        biased;
        opened = opening => opened?,
        _ = stop.wait() => return Ok(()),
    };
    let told: Arc<dyn Report> = Arc::new(Told(reporter));
    let form = if arguments.log_format == LogForm::Json { Form::Json } else { Form::Common };
    let log = log.map(|file| Log::start(file, form, told.clone())).transpose().map_err(Trouble::system)?;
    let gate = Gate::default();
    let service = Service { site: arguments.site(), store, limits: arguments.limits(), gate, report: told, log };
    let sockets = std::mem::take(&mut listeners.sockets);
    let addresses = sockets.iter().map(listeners::local).collect::<Result<Vec<_>, _>>()?;
    let settings = arguments.settings();
    let server = Server::start(sockets, Arc::new(service), None, &settings).map_err(Trouble::system)?;
    for address in &addresses {
        report::serving(reporter, &folder.to_string_lossy(), address);
    }
    let (tell, stopping) = oneshot::channel();
    let mut running = pin!(server.run(async { drop(stopping.await) }));
    loop {
        let how = tokio::select! {
            ended = &mut running => return ended.map_err(Trouble::system),
            how = stop.wait_or_hang_up() => how,
        };
        // A terminal that has hung up is none any more, and nobody is left who could stop us.
        let hung_up = terminal && !io::stderr().is_terminal();
        if how.is_some() || arguments.log.is_none() || hung_up {
            break;
        }
        again.store(true, Ordering::Relaxed);
    }
    let _ = tell.send(());
    tokio::select! {
        ended = &mut running => ended.map_err(Trouble::system),
        // The second one: what is under way is cut.
        _ = stop.wait() => Ok(()),
    }
}
