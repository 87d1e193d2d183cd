//! `serve`: a folder, to any browser.

mod arguments;
mod audit;
mod certificate;
mod explain;
mod guard;
mod hidden;
mod listeners;
mod log;
mod password;
mod report;
mod share;
mod trouble;

pub(crate) use arguments::Arguments;

use crate::aside;
use crate::exchange::runtime;
use crate::machine;
use crate::report::Reporter;
use crate::signals::Stop;
use crate::trace;
use arguments::LogForm;
use listeners::Listeners;
use log::LogFile;
use puerta_relay::local::Local;
use puerta_serve::audit::Bounds;
use puerta_serve::event::Report;
use puerta_serve::http1::{Service, Tally};
use puerta_serve::log::{Form, Log};
use puerta_serve::server::{Server, Settings};
use puerta_serve::store::Store;
use report::{Place, Told};
use share::Shared;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use trouble::Trouble;

/// How long a stop takes before anything is said of it.
const AT_ONCE: Duration = Duration::from_millis(300);

/// What --verbose says besides what it says elsewhere.
pub(crate) const VERBOSE: &str = "Say more: names; and, without --log, a line for each response";

/// How long the end waits for whoever reads stderr.
const LAST: Duration = Duration::from_secs(1);

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let reporter = Reporter::new(&arguments.output);
    trace::start(arguments.output.trace);
    if let Some(time) = arguments.guard.audit {
        let bounds = Bounds { time, hidden: arguments.site().hidden, ..Bounds::default() };
        return audit::run(&arguments.folder(), &bounds, reporter).unwrap_or_else(|trouble| trouble.tell(reporter));
    }
    if let Some(url) = &arguments.explaining.explain {
        return explain::run(arguments, url, reporter).unwrap_or_else(|trouble| trouble.tell(reporter));
    }
    let sharing = match Shared::prepare(&arguments.sharing, reporter) {
        Ok(sharing) => sharing,
        Err(trouble) => return trouble.tell(reporter),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Trouble::system(error).tell(reporter),
    };
    let done = runtime.block_on(serve(arguments, sharing, reporter));
    // A name server that does not answer holds a thread; nobody waits for it.
    runtime.shutdown_background();
    let status = match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.tell(reporter),
    };
    aside::end(LAST);
    status
}

/// Serves until a signal comes. What is opened is opened in this order, before any thread starts: folder, log, sockets; then the
/// sandbox closes.
async fn serve(arguments: &Arguments, mut sharing: Shared, reporter: Reporter) -> Result<(), Trouble> {
    let mut stop = Stop::watch().map_err(Trouble::system)?;
    let terminal = io::stderr().is_terminal();
    let folder = arguments.folder();
    let store = Store::open(&folder, &arguments.store())?;
    let again = Arc::new(AtomicBool::new(false));
    if arguments.log.as_deref() == Some(Path::new("-")) && Local::stdout_was_closed() {
        reporter.note("standard output is closed or /dev/null: the log is discarded");
    }
    let log = match &arguments.log {
        Some(path) => Some(LogFile::open(path, again.clone()).map_err(|error| Trouble::Log(path.clone(), error))?),
        None => arguments.output.verbose.then(|| LogFile::stderr(reporter.json())),
    };
    let opening = Listeners::open(&arguments.listen, arguments.sharing.share, reporter);
    let mut listeners = tokio::select! {
        biased;
        opened = opening => opened?,
        _ = stop.wait() => return Ok(()),
    };
    // It asks how many cores we may use, which is read from files.
    let settings = arguments.settings();
    let left = guard::restrict(arguments, &store, &listeners)?;
    aside::start(reporter).map_err(Trouble::system)?;
    left.notes.iter().for_each(|note| reporter.note(note));
    let told: Arc<dyn Report> = Arc::new(Told::new(reporter));
    let form = match arguments.log_format {
        // What goes to stderr is as all else is there.
        LogForm::Common if arguments.log.is_none() && reporter.json() => Form::Json,
        LogForm::Common => Form::Common,
        LogForm::Combined => Form::Combined,
        LogForm::Json => Form::Json,
    };
    let log = log.map(|file| Log::start(file, form, told.clone())).transpose().map_err(Trouble::system)?;
    let gate = std::mem::take(&mut sharing.gate);
    let (site, limits, tally) = (arguments.site(), arguments.limits(), Tally::default());
    let service = Arc::new(Service { site, store, limits, gate, report: told, log, tally });
    let sockets = std::mem::take(&mut listeners.sockets);
    let addresses = sockets.iter().map(listeners::local).collect::<Result<Vec<_>, _>>()?;
    let alone: Vec<bool> = sockets.iter().map(listeners::ipv6_alone).collect();
    sharing.allows(&addresses)?;
    let server = Server::start(sockets, service.clone(), sharing.tls()?, &settings).map_err(Trouble::system)?;
    let machine = machine::of(&addresses);
    let places: Vec<Place<'_>> =
        addresses.iter().zip(alone).map(|(at, alone)| (at, machine.clone().of_ipv6(alone))).collect();
    for place in &places {
        report::serving(reporter, &folder.to_string_lossy(), place, &sharing);
    }
    if terminal && arguments.listen.is_empty() {
        report::alone(reporter, &addresses, &sharing);
    }
    if let Some(ports) = listeners.passed_over {
        report::passed_over(reporter, ports);
    }
    report::not_there(reporter, &service.site, &service.store);
    sharing.say(reporter, &places, arguments.output.quiet);
    sharing.watch(&service.gate, service.report.clone());
    let done = run_until_stopped(server, &mut stop, &settings, reporter, || {
        // A terminal that has hung up is none any more, and nobody is left who could stop us.
        let hung_up = terminal && !io::stderr().is_terminal();
        let goes_on = (arguments.log.is_some() || sharing.reloads()) && !hung_up;
        again.fetch_or(goes_on && left.opens_log, Ordering::Relaxed);
        if goes_on {
            if !left.opens_log {
                reporter.note("the log goes on in the file that it has");
                reporter.note(guard::NOT_ANEW);
            }
            sharing.reload(reporter);
        }
        goes_on
    });
    done.await.map_err(Trouble::system)?;
    // Its log is written to the end before we say ours.
    let tally = report::Totals::of(&service.tally);
    drop(service);
    report::stopped(reporter, &tally);
    Ok(())
}

/// Serves until a signal; a second one cuts what is still under way. `hang_up` says whether SIGHUP means something else.
async fn run_until_stopped(
    server: Server,
    stop: &mut Stop,
    settings: &Settings,
    reporter: Reporter,
    hang_up: impl Fn() -> bool,
) -> io::Result<()> {
    let ((tell_stop, stopping), (tell_cut, cutting)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
    let mut running = pin!(server.run_until(async { drop(stopping.await) }, async { drop(cutting.await) }));
    loop {
        tokio::select! {
            ended = &mut running => return ended,
            how = stop.wait_or_hang_up() => if how.is_some() || !hang_up() { break },
        }
    }
    drop(tell_stop);
    // Idle connections end at once; of others it is said that they are waited for.
    tokio::select! {
        ended = &mut running => return ended,
        _ = stop.wait() => {}
        () = tokio::time::sleep(AT_ONCE) => {
            report::stopping(reporter, settings.stop_time);
            tokio::select! {
                ended = &mut running => return ended,
                _ = stop.wait() => {}
            }
        }
    }
    drop(tell_cut);
    running.await
}
