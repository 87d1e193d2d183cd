//! `connect` and `listen`: arguments to requests, the runtime, the signals, and the verdict.

use crate::arguments::{Common, Connect, Listen};
use crate::progress;
use crate::report::Reporter;
use crate::signals::Stop;
use crate::trace;
use puerta::{Address, Host, Ip, Target, errno};
use puerta_relay::Endpoint;
use puerta_relay::accept::Listener;
use puerta_relay::background;
use puerta_relay::child::Program;
use puerta_relay::counters::Counters;
use puerta_relay::datagram;
use puerta_relay::event::{Event, Report};
use puerta_relay::hub;
use puerta_relay::listen;
use puerta_relay::local::Local;
use puerta_relay::open::{self, ConnectRequest, Connection, ListenRequest, Opened};
use puerta_relay::plan;
use puerta_relay::problem::Problem;
use puerta_relay::pump::{Outgoing, Sink};
use puerta_relay::service::{Look, Service};
use puerta_relay::session::{self, Options};
use puerta_relay::verdict::{How, Side, Verdict};
use puerta_relay::wire::Wire;
use std::io;
use std::panic;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use tokio::runtime::{self, Runtime};
use tokio::sync::Mutex;

/// Clients at once by default.
const CLIENTS: usize = 10_000;

pub(crate) fn connect(arguments: Connect) -> ExitCode {
    let reporter = Reporter::new(&arguments.common.output);
    trace::start(arguments.common.output.trace);
    let endpoint = match endpoint(&arguments.address, false) {
        Ok(endpoint) => endpoint,
        Err(error) => return reporter.bad_address(&arguments.address, &error),
    };
    let source = match arguments.source.as_deref().map(|text| source(text, &endpoint.address)).transpose() {
        Ok(source) => source,
        Err(error) => return reporter.bad_address(arguments.source.as_deref().unwrap_or_default(), &error),
    };
    if let Err(problem) = check(&arguments.common, &endpoint, false) {
        return reporter.problem(&problem);
    }
    let request = ConnectRequest {
        address: endpoint.address,
        settings: endpoint.options,
        family: family(&arguments.common),
        within: arguments.within,
        retry: arguments.retry,
        source,
    };
    let service = service(&arguments.common, false, CLIENTS);
    tell_no_output(reporter, &arguments.common);
    let (probe, progress) = (arguments.common.probe, arguments.common.progress);
    run(reporter, progress, Ending::Once, |counters, ending| async move {
        let connection = open::connect(request, Arc::new(reporter)).await?;
        connected(connection, &service, probe, &reporter, &counters, &ending).await
    })
}

async fn connected(
    connection: Connection,
    service: &Service,
    probe: bool,
    reporter: &Reporter,
    counters: &Counters,
    ending: &std::cell::Cell<Ending>,
) -> Result<Verdict, Problem> {
    let wire = match connection {
        Connection::Stream(socket) => Wire::stream(socket)?,
        Connection::Packet(socket) => Wire::packet(socket)?,
        Connection::Datagram(socket, _claim, others) => {
            ending.set(Ending::UntilStopped);
            let peer = socket.peer().cloned().unwrap_or(puerta::Endpoint::Unix(puerta::UnixAddr::Unnamed));
            let input = Local::stdin().map_err(Problem::Input)?;
            let output = Local::stdout().map_err(Problem::Output)?;
            let mut view = service.look.of(&peer, output.is_terminal());
            let sink = Mutex::new(Sink::output(output, counters));
            let (options, report) = (&service.options, reporter);
            let talk = datagram::Talk { input: &input, sink: &sink, options, counters, report };
            return Ok(talk.exchange(socket, others, &mut view).await);
        }
    };
    reporter.event(&Event::Connected { transport: wire.transport(), local: &wire.local(), peer: &wire.peer() });
    Ok(if probe { probed() } else { listen::one(&wire, service, reporter, counters).await })
}

pub(crate) fn listen(arguments: Listen) -> ExitCode {
    let reporter = Reporter::new(&arguments.common.output);
    trace::start(arguments.common.output.trace);
    let endpoint = match endpoint(&arguments.address, true) {
        Ok(endpoint) => endpoint,
        Err(error) => return reporter.bad_address(&arguments.address, &error),
    };
    if let Err(problem) = check(&arguments.common, &endpoint, true).and_then(|()| check_many(&arguments, &endpoint)) {
        return reporter.problem(&problem);
    }
    let datagrams = endpoint.address.transport.is_datagram();
    let max = arguments.max.map_or(if datagrams { hub::PEERS_MAX } else { CLIENTS }, |max| max as usize);
    let service = Rc::new(service(&arguments.common, arguments.show_peer, max));
    let request = ListenRequest {
        address: endpoint.address,
        settings: endpoint.options,
        family: family(&arguments.common),
        backlog: arguments.backlog,
    };
    let ipv6_alone = plan::ipv6_alone(request.family, &request.settings);
    tell_no_output(reporter, &arguments.common);
    let many = arguments.keep || arguments.broadcast;
    let ending = if many || datagrams { Ending::UntilStopped } else { Ending::Once };
    let (probe, progress, broadcast) = (arguments.common.probe, arguments.common.progress, arguments.broadcast);
    run(reporter, progress, ending, |counters, _| async move {
        let opened = opened(request, reporter).await?;
        let Opened { streams, packets, datagrams, claim: _claim } = opened;
        let report: Arc<dyn Report> = Arc::new(reporter);
        if !datagrams.is_empty() {
            let doors = datagrams.into_iter().map(hub::door).collect::<Result<Vec<_>, _>>()?;
            for door in &doors {
                let local = door.get_ref().local_addr()?;
                let transport = if local.unix().is_some() { "unix-dgram" } else { "udp" };
                reporter.event(&Event::Listening { transport, address: &local, ipv6_alone });
            }
            return Ok(served(hub::serve(doors, service, broadcast, report, counters.clone()).await, &counters));
        }
        let streams = streams.into_iter().map(Listener::stream);
        let listeners = streams.chain(packets.into_iter().map(Listener::packet)).collect::<Result<Vec<_>, _>>()?;
        for listener in &listeners {
            let (transport, local) = (listener.transport(), listener.local()?);
            reporter.event(&Event::Listening { transport, address: &local, ipv6_alone });
        }
        let total = counters.clone();
        Ok(match (probe, many, broadcast) {
            (true, ..) => probed(),
            (_, _, true) => served(listen::broadcast(listeners, service, report, total).await, &counters),
            (_, true, _) => served(listen::keep(listeners, service, report, total).await, &counters),
            _ => {
                let done = listen::once(listeners, &service, &*report, &counters).await;
                done.unwrap_or_else(|problem| session::failed(problem, &counters))
            }
        })
    })
}

/// A name is resolved in a thread of its own. A path is claimed in this one: a signal finds it either ours to unlink or untouched.
async fn opened(request: ListenRequest, reporter: Reporter) -> Result<Opened, Problem> {
    if matches!(request.address.target, Target::Unix(_)) {
        return open::listen(&request, &reporter);
    }
    background::run(move || open::listen(&request, &reporter)).await.map_err(Problem::System)?
}

/// Nothing is discarded without a word.
fn tell_no_output(reporter: Reporter, common: &Common) {
    if common.command.is_empty() && !common.probe && Local::stdout_was_closed() {
        reporter.event(&Event::NoOutput);
    }
}

/// What a signal means: an end before its time, or the way in which this command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Once,
    UntilStopped,
}

/// Runs the work on a runtime of one thread until it is done or a signal comes. Either way everything is dropped in order
/// before the verdict is given.
fn run<F: Future<Output = Result<Verdict, Problem>>>(
    reporter: Reporter,
    progress: bool,
    ending: Ending,
    work: impl FnOnce(Rc<Counters>, Rc<std::cell::Cell<Ending>>) -> F,
) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return reporter.problem(&Problem::System(error)),
    };
    let counters = Rc::new(Counters::new());
    let ending = Rc::new(std::cell::Cell::new(ending));
    let local = tokio::task::LocalSet::new();
    let done = local.block_on(&runtime, async {
        let mut stop = Stop::watch().map_err(Problem::System)?;
        tokio::select! {
            biased;
            how = stop.wait() => {
                let how = if ending.get() == Ending::UntilStopped { How::Stopped } else { how };
                let (sent, received) = (counters.sent(), counters.received());
                Ok(Verdict { sent, received, closed_by: Side::Us, how, problem: None })
            }
            verdict = work(counters.clone(), ending.clone()) => verdict,
            () = progress::show(counters.clone(), reporter, progress, input_size()) => unreachable_progress(),
        }
    });
    drop(local);
    // A name server that does not answer holds a thread; nobody waits for it.
    runtime.shutdown_background();
    match done {
        Ok(mut verdict) => {
            if verdict.how == How::Stopped && counters.unwritten() > 0 {
                verdict.problem = Some(Problem::Unwritten { bytes: counters.unwritten() });
            }
            reporter.verdict(&verdict)
        }
        Err(problem) => reporter.problem(&problem),
    }
}

/// A runtime of one thread. It panics where it can have no socket pair for its signals: that is an error here, and of those
/// that can be its reason, which goes with the panic, a limit of descriptors is the likely one.
pub(crate) fn runtime() -> io::Result<Runtime> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let built = panic::catch_unwind(|| runtime::Builder::new_current_thread().enable_all().build());
    panic::set_hook(hook);
    built.unwrap_or_else(|_| Err(io::Error::from_raw_os_error(errno::EMFILE)))
}

/// `progress::show` never ends.
fn unreachable_progress() -> Result<Verdict, Problem> {
    Err(Problem::System(io::Error::other("progress ended")))
}

/// How much there is to send, where stdin is a file.
fn input_size() -> Option<u64> {
    let meta = std::fs::metadata("/proc/self/fd/0").ok()?;
    meta.is_file().then_some(meta.len()).filter(|&len| len > 0)
}

fn endpoint(text: &str, listening: bool) -> Result<Endpoint, puerta::ParseError> {
    let endpoint: Endpoint = text.parse()?;
    if endpoint.listen && !listening {
        let error =
            puerta::ParseError::new(puerta::ParseErrorKind::Listen, 0, "this address listens, and connect does not");
        return Err(error.with_hint("use puerta listen, or leave out -listen"));
    }
    Ok(endpoint)
}

/// Our own address, of the transport that is connected with. Of an IP address alone, any port.
fn source(text: &str, to: &Address) -> Result<Address, puerta::ParseError> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let (false, Ok(host @ (Host::V4(_) | Host::V6 { .. }))) = (to.transport.is_unix(), inner.parse()) {
        return Ok(Address {
            transport: to.transport,
            target: Target::Inet { host, service: puerta::Service::Port(0) },
        });
    }
    Address::with_transport(to.transport, text).or_else(|error| match text.parse::<Address>() {
        Ok(address) if address.transport == to.transport => Ok(address),
        _ => Err(error),
    })
}

/// Options that make no sense together.
fn check(common: &Common, endpoint: &Endpoint, listening: bool) -> Result<(), Problem> {
    let transport = endpoint.address.transport;
    let messages = transport.is_datagram() || transport == puerta::Transport::UnixPacket;
    if common.probe && transport.is_datagram() {
        return usage("--probe is for streams: a datagram socket connects to nobody", "leave it out");
    }
    if common.whole && !messages {
        return usage("--whole is for datagrams and packets: a stream has no messages", "leave it out, or use udp:");
    }
    if common.drain.is_some() && transport.is_datagram() {
        return usage("--drain is for streams: a datagram peer has no end of file", "use --idle");
    }
    if !common.command.is_empty() && transport.is_datagram() && !listening {
        return usage("connect runs no command for datagrams", "use listen, or a stream");
    }
    if !common.command.is_empty() && (common.hex || common.crlf || common.raw) {
        return usage(
            "--hex, --crlf and --raw are for stdin and stdout, which a command takes the place of",
            "leave them out",
        );
    }
    Ok(())
}

/// Options of `listen` that would do nothing.
fn check_many(arguments: &Listen, endpoint: &Endpoint) -> Result<(), Problem> {
    let Listen { common, keep, broadcast, .. } = arguments;
    let datagrams = endpoint.address.transport.is_datagram();
    let no_command = common.command.is_empty();
    // Then our input is read by nobody, and a client's end is the end.
    let only_hears = *keep && !broadcast && !datagrams && no_command;
    if common.drain.is_some() && *broadcast {
        return usage("--drain is for one peer: with --broadcast the end of our input ends nothing", "use --idle");
    }
    if common.drain.is_some() && only_hears {
        return usage(
            "--drain limits the wait after our input, which --keep without a command does not read",
            "use --idle",
        );
    }
    if (common.crlf || common.whole) && only_hears {
        return usage(
            "--crlf and --whole change what is sent, and --keep alone sends nothing",
            "leave them out, or use --broadcast",
        );
    }
    if arguments.max.is_some() && !(*keep || *broadcast || datagrams) {
        return usage("--max is for many clients, and one alone is served here", "add --keep, or leave it out");
    }
    if arguments.show_peer && !no_command {
        return usage(
            "--show-peer marks what is written to stdout, and a command has it here",
            "leave it out; a command has PUERTA_PEER",
        );
    }
    if arguments.backlog.is_some() && datagrams {
        return usage("--backlog is for connections, and datagrams have none", "leave it out");
    }
    Ok(())
}

fn usage(what: &str, hint: &str) -> Result<(), Problem> {
    Err(Problem::Usage { what: what.to_owned(), hint: hint.to_owned() })
}

fn family(common: &Common) -> Option<Ip> {
    match (common.four, common.six) {
        (true, _) => Some(Ip::V4),
        (_, true) => Some(Ip::V6),
        _ => None,
    }
}

fn service(common: &Common, tag: bool, max: usize) -> Service {
    let outgoing = Outgoing { crlf: common.crlf, whole: common.whole };
    let mut words = common.command.iter().cloned();
    Service {
        options: Options { outgoing, idle: common.idle, drain: common.drain },
        look: Look { hex: common.hex, raw: common.raw, tag },
        program: words.next().map(|name| Program { name, arguments: words.collect() }),
        max,
    }
}

/// A server of many that ends by itself has failed: the verdict tells what it had moved until then.
fn served(done: Result<(), Problem>, counters: &Counters) -> Verdict {
    done.map_or_else(|problem| session::failed(problem, counters), |()| probed())
}

fn probed() -> Verdict {
    Verdict { sent: 0, received: 0, closed_by: Side::Us, how: How::Probe, problem: None }
}
