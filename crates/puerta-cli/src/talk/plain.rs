//! `talk --plain`: arguments to sockets, lines to messages, and the end.

mod screen;

use super::arguments::Arguments;
use crate::exchange::runtime;
use crate::machine;
use crate::report::{Reporter, line, object};
use crate::signals::Stop;
use puerta::opt::{self, Setting};
use puerta::{Address, Endpoint, Host, Ip, ParseError, Service, Target, Transport};
use puerta_relay::background;
use puerta_relay::event::{Event as Told, Report};
use puerta_relay::local::Local;
use puerta_relay::open::{self, ConnectRequest, Connection, ListenRequest, Opened, Others};
use puerta_relay::problem::Problem;
use puerta_relay::pump::{Messages, Outgoing};
use puerta_relay::reach;
use puerta_relay::verdict::{How, Side, Verdict};
use puerta_talk::plain::{Event, PORT, Settings, Talk, UNPROTECTED, Why};
use puerta_talk::wire::{Control, Misfit, Wire};
use screen::Screen;
use serde_json::json;
use std::process::ExitCode;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long answers are waited for after the end of the input.
const ANSWERS: Duration = Duration::from_secs(1);

pub(crate) fn run(arguments: &Arguments, reporter: Reporter) -> ExitCode {
    if let Err(trouble) = arguments.what() {
        return ExitCode::from(trouble.report(reporter));
    }
    let settings = match settings(arguments) {
        Ok(settings) => settings,
        Err(problem) => return reporter.problem(&problem),
    };
    let Some(text) = arguments.plain_listen().or(arguments.address.as_deref()) else {
        let what = "whom to talk with is missing".to_owned();
        let hint = "name a host, or be a hub: --listen".to_owned();
        return reporter.problem(&Problem::Usage { what, hint });
    };
    let wire = settings.wire;
    let address = match address(text, wire) {
        Ok(address) => address,
        Err(error) => return reporter.bad_address(text, &error),
    };
    let source =
        match arguments.source.as_deref().map(|text| Address::with_transport(transport(wire), text)).transpose() {
            Ok(source) => source,
            Err(error) => return reporter.bad_address(arguments.source.as_deref().unwrap_or_default(), &error),
        };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return reporter.problem(&Problem::System(error)),
    };
    if Local::stdout_was_closed() {
        reporter.event(&Told::NoOutput);
    }
    match reporter.json() {
        true => object(json!({"event": "plain", "message": UNPROTECTED})),
        false => line(UNPROTECTED),
    }
    let begin = Begin { arguments, reporter, settings, address, source };
    let done = runtime.block_on(begin.talk());
    // A name server that does not answer holds a thread; nobody waits for it.
    runtime.shutdown_background();
    match done {
        Ok(verdict) => reporter.verdict(&verdict),
        Err(problem) => reporter.problem(&problem),
    }
}

/// What is known before a socket is opened.
struct Begin<'a> {
    arguments: &'a Arguments,
    reporter: Reporter,
    settings: Settings,
    address: Address,
    source: Option<Address>,
}

impl Begin<'_> {
    async fn talk(self) -> Result<Verdict, Problem> {
        let mut stop = Stop::watch().map_err(Problem::System)?;
        let hub = self.arguments.listen.is_some();
        let stopped = |how| if hub { How::Stopped } else { how };
        let opened = tokio::select! {
            biased;
            how = stop.wait() => {
                return Ok(Verdict { sent: 0, received: 0, closed_by: Side::Us, how: stopped(how), problem: None });
            }
            opened = async { if hub { self.hub().await } else { self.peer().await } } => opened,
        };
        let (mut talk, others) = opened?;
        let input = Local::stdin().map_err(Problem::Input)?;
        let screen = Screen::new(self.reporter.json(), self.arguments.quiet)?;
        let mut session = Session {
            talk: &mut talk,
            others,
            hub,
            wire: self.settings.wire,
            terminal: input.is_terminal(),
            idle: self.arguments.idle.unwrap_or(ANSWERS),
            screen: &screen,
            reporter: self.reporter,
            waiting: None,
            ending: None,
            finished: None,
            unsent: false,
        };
        let done = tokio::select! {
            biased;
            how = stop.wait() => Ok(stopped(how)),
            done = session.hold(&input) => done,
        };
        let unsent = session.unsent;
        talk.leave().await;
        let moved = talk.moved();
        let (how, problem) = match done {
            Ok(How::Done | How::Fin) if unsent => (How::Local, None),
            Ok(how) => (how, None),
            Err(problem @ Problem::Broken(_)) => (How::Error, Some(problem)),
            Err(problem) => (How::Local, Some(problem)),
        };
        let closed_by = if how == How::Left { Side::Peer } else { Side::Us };
        Ok(Verdict { sent: moved.sent, received: moved.received, closed_by, how, problem })
    }

    async fn peer(&self) -> Result<(Talk, Others), Problem> {
        let request = ConnectRequest {
            address: self.address.clone(),
            settings: self.options(),
            family: self.family(),
            within: None,
            retry: None,
            source: self.source.clone(),
        };
        let (talk, others, local, peer) = match open::connect(request, Arc::new(self.reporter)).await? {
            Connection::Stream(socket) => {
                let (local, peer) = (socket.local_addr()?, socket.peer().cloned());
                (Talk::over_stream(socket, self.settings.clone())?, Others::default(), local, peer)
            }
            Connection::Datagram(socket, _, others) => {
                let (local, peer) = (socket.local_addr()?, socket.peer().cloned());
                (Talk::with(socket, self.settings.clone(), !others.is_empty())?, others, local, peer)
            }
            Connection::Packet(_) => return Err(usage("plain mode talks over UDP or TCP", "name a host")),
        };
        if let Some(peer) = peer {
            let transport = self.address.transport.name();
            if self.reporter.json() {
                self.reporter.event(&Told::Connected { transport, local: &local, peer: &peer });
            } else if !self.arguments.quiet {
                line(&format!("talking with {peer} from {local} ({}, {transport}); /quit ends", self.settings.wire));
            }
        }
        Ok((talk, others))
    }

    async fn hub(&self) -> Result<(Talk, Others), Problem> {
        let request = ListenRequest {
            address: self.address.clone(),
            settings: self.options(),
            family: self.family(),
            backlog: None,
        };
        let reporter = self.reporter;
        let opened = background::run(move || open::listen(&request, &reporter)).await.map_err(Problem::System)??;
        let Opened { streams, datagrams, .. } = opened;
        for local in datagrams.iter().map(|s| s.local_addr()).chain(streams.iter().map(|s| s.local_addr())) {
            self.announce(&local?);
        }
        let settings = self.settings.clone();
        let talk = match streams.is_empty() {
            true => Talk::hub(datagrams, settings)?,
            false => Talk::stream_hub(streams, settings)?,
        };
        Ok((talk, Others::default()))
    }

    /// Who can reach the hub, and what they type.
    fn announce(&self, local: &Endpoint) {
        let transport = self.address.transport.name();
        let ipv6_alone = self.family() == Some(Ip::V6);
        let listening = Told::Listening { transport, address: local, ipv6_alone };
        let (Endpoint::Inet(inet), false) = (local, self.reporter.json()) else {
            return self.reporter.event(&listening);
        };
        if self.arguments.quiet {
            return;
        }
        let machine = machine::of(slice::from_ref(local)).of_ipv6(ipv6_alone);
        let target = reach::target(inet, &machine);
        let wire = self.settings.wire;
        let how = if wire == Wire::Text { String::new() } else { format!(" --wire {wire}") };
        let nc = if wire == Wire::Text {
            format!(", or nc -u {} {}", target.host(), target.at.port())
        } else {
            String::new()
        };
        let reached = reach::reach(local, &machine);
        line(&format!("{listening}; {reached}\n{}: puerta talk --plain{how} {target}{nc}", target.place));
    }

    fn options(&self) -> Vec<Setting> {
        match self.settings.wire.is_stream() {
            // A line goes at once, and a peer that has vanished is noticed.
            true => vec![Setting::of(opt::NoDelay, true), Setting::of(opt::KeepAlive, true)],
            false => Vec::new(),
        }
    }

    fn family(&self) -> Option<Ip> {
        match (self.arguments.four, self.arguments.six) {
            (true, _) => Some(Ip::V4),
            (_, true) => Some(Ip::V6),
            _ => None,
        }
    }
}

/// A talk that is held.
struct Session<'a> {
    talk: &'a mut Talk,
    others: Others,
    hub: bool,
    wire: Wire,
    terminal: bool,
    idle: Duration,
    screen: &'a Screen,
    reporter: Reporter,
    /// A line of a pipe that waits for a hub's first member.
    waiting: Option<Vec<u8>>,
    ending: Option<Ending>,
    /// Our direction of a TCP connection was ended then.
    finished: Option<Instant>,
    unsent: bool,
}

/// Nothing more is said.
#[derive(Clone, Copy)]
enum Ending {
    /// Stdin has ended: answers are waited for.
    Input(Instant),
    /// The user wants it.
    Quit,
}

impl Session<'_> {
    /// Until it ends.
    async fn hold(&mut self, input: &Local) -> Result<How, Problem> {
        let mut messages = Messages::new(Outgoing::default());
        loop {
            let busy = self.talk.is_busy();
            if matches!(self.ending, Some(Ending::Quit)) && !busy {
                return Ok(How::Stopped);
            }
            let listens = self.ending.is_none() && self.waiting.is_none() && !busy;
            let quiet_at = self.quiet_at(busy);
            tokio::select! {
                event = self.talk.next() => {
                    if let Some(how) = self.happened(event.map_err(Problem::Broken)?).await? {
                        return Ok(how);
                    }
                }
                message = messages.next(input), if listens => match message? {
                    Some(message) => self.line(message).await?,
                    None if self.terminal => self.ending = Some(Ending::Quit),
                    None => self.ending = Some(Ending::Input(Instant::now())),
                },
                () = until(quiet_at) => {
                    if let Some(how) = self.quiet()? {
                        return Ok(how);
                    }
                }
            }
        }
    }

    /// When answers are waited for no longer. A hub goes on after its input's end.
    fn quiet_at(&mut self, busy: bool) -> Option<Instant> {
        let Some(Ending::Input(end)) = self.ending.filter(|_| !self.hub && !busy) else { return None };
        self.talk.moved().last.max(self.finished.unwrap_or(end)).checked_add(self.idle)
    }

    /// No answer came for its time.
    fn quiet(&mut self) -> Result<Option<How>, Problem> {
        if !self.wire.is_stream() {
            return Ok(Some(if self.talk.is_refused() { How::Refused } else { How::Done }));
        }
        if self.finished.is_none() {
            self.finished = Some(Instant::now());
            self.talk.finish().map_err(Problem::Broken)?;
            return Ok(None);
        }
        Ok(Some(if self.talk.unacknowledged() == 0 { How::Done } else { How::Unacknowledged }))
    }

    async fn happened(&mut self, event: Event) -> Result<Option<How>, Problem> {
        if let Event::Refused(error) = &event
            && self.talk.is_unheard()
            && let Ok(Some(socket)) = self.others.next(&self.reporter)
        {
            if let Some(address) = error.peer() {
                self.reporter.event(&Told::Attempt { address, error });
            }
            self.talk.elsewhere(socket, !self.others.is_empty()).map_err(Problem::Socket)?;
            return Ok(None);
        }
        self.screen.event(&event).await?;
        if let Event::Left { why, .. } = &event
            && !self.hub
        {
            let closed = matches!(why, Why::Closed(_));
            match self.ending {
                Some(Ending::Input(_)) if closed => return Ok(Some(How::Fin)),
                _ if self.terminal => return Ok(Some(How::Left)),
                _ => {}
            }
        }
        if self.talk.members() > 0
            && let Some(message) = self.waiting.take()
        {
            self.say(&message).await?;
        }
        Ok(None)
    }

    /// A line of our own.
    async fn line(&mut self, mut line: Vec<u8>) -> Result<(), Problem> {
        if line.ends_with(b"\n") {
            line.pop();
        }
        if line == b"/quit" || self.wire.control_text(Control::Quit) == Some(line.as_slice()) {
            self.ending = Some(Ending::Quit);
            return Ok(());
        }
        if self.talk.members() == 0 && !self.terminal {
            self.waiting = Some(line);
            return Ok(());
        }
        self.say(&line).await
    }

    async fn say(&mut self, text: &[u8]) -> Result<(), Problem> {
        match self.talk.say(text) {
            Ok(0) => self.screen.alone().await,
            Ok(_) => Ok(()),
            Err(misfit) => {
                self.unsent = true;
                self.screen.unsent(&misfit).await
            }
        }
    }
}

fn settings(arguments: &Arguments) -> Result<Settings, Problem> {
    let wire = arguments.wire();
    let Some(max) = wire.user_max() else {
        if let Some(name) = &arguments.name {
            line(&format!("the wire {wire} carries no names: {name} is not sent"));
        }
        return Ok(with_idle(Settings::new(wire, ""), arguments));
    };
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let name = arguments.name.clone().or(user.ok()).unwrap_or_else(|| "anonymous".to_owned());
    if name.is_empty() || name.contains('\0') {
        return Err(usage("the name is empty", "give one with --name"));
    }
    if name.len() > max {
        let what = format!("{name}: {}", Misfit::User { len: name.len(), max });
        return Err(usage(&what, "give a shorter one with --name"));
    }
    Ok(with_idle(Settings::new(wire, name), arguments))
}

fn with_idle(mut settings: Settings, arguments: &Arguments) -> Settings {
    settings.idle = arguments.idle.unwrap_or(settings.idle);
    settings
}

fn transport(wire: Wire) -> Transport {
    if wire.is_stream() { Transport::Tcp } else { Transport::Udp }
}

/// A host alone has the port by default.
fn address(text: &str, wire: Wire) -> Result<Address, ParseError> {
    let number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<Host>() {
        Ok(host) if !number => {
            let target = Target::Inet { host, service: Service::Port(PORT) };
            Ok(Address { transport: transport(wire), target })
        }
        _ => Address::with_transport(transport(wire), text),
    }
}

fn usage(what: &str, hint: &str) -> Problem {
    Problem::Usage { what: what.to_owned(), hint: hint.to_owned() }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_alone_has_the_port_by_default() {
        let of = |text, wire| address(text, wire).unwrap().to_string();
        assert_eq!(of("server", Wire::Text), "udp:server:7778");
        assert_eq!(of("::1", Wire::Ull1024), "udp:[::1]:7778");
        assert_eq!(of("[::1]:9", Wire::Ull1066), "tcp:[::1]:9");
        assert_eq!(of("10.0.0.5:9", Wire::Ull1066), "tcp:10.0.0.5:9");
        assert_eq!(of(":9", Wire::Text), of("9", Wire::Text));
        assert!(address("a b", Wire::Text).is_err() && address("", Wire::Text).is_err());
    }
}
