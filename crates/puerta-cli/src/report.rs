//! What the user reads: events, errors with their hints, and the verdict; as text or as JSON, one object a line.

use crate::arguments::{Output, TraceForm};
use crate::{aside, machine};
use puerta::{Call, Endpoint, Error, ParseError};
use puerta_relay::event::{Event, Limit, Report};
use puerta_relay::problem::{Occupant, Problem};
use puerta_relay::reach;
use puerta_relay::verdict::Verdict;
use puerta_relay::words::shown;
use puerta_text::visible;
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

/// Writes to stderr: stdout belongs to the data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reporter {
    verbose: bool,
    quiet: bool,
    json: bool,
}

impl Reporter {
    pub(crate) fn new(output: &Output) -> Self {
        Reporter {
            verbose: output.verbose,
            quiet: output.quiet,
            json: output.json || output.trace == Some(TraceForm::Json),
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Whether nothing but errors is to be said.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    /// A command line that is no command line, as data.
    pub(crate) fn wrong_usage(text: &str) {
        // The paragraph of the error: what is missing, or what would be right, stands on lines of its own.
        let lines: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
        let message = lines.join(" ").trim_start_matches("error: ").to_owned();
        let hint = text.lines().find_map(|line| line.trim().strip_prefix("tip: ")).map(str::to_owned);
        object(json!({"event": "error", "call": null, "local": null, "peer": null, "errno": null,
            "message": message, "hint": hint, "status": 2}));
    }

    /// An address that does not parse: status 2.
    pub(crate) fn bad_address(&self, text: &str, error: &ParseError) -> ExitCode {
        let quote = if text.is_empty() || text.ends_with(':') { "'" } else { "" };
        self.error(&format!("{quote}{text}{quote}: {error}"), error.hint.as_deref(), Place::default(), 2)
    }

    /// A problem that ended the command.
    pub(crate) fn problem(&self, problem: &Problem) -> ExitCode {
        self.error(&problem.to_string(), problem.hint().as_deref(), Place::of(problem), problem.status())
    }

    /// An error of the library that ended the command.
    pub(crate) fn socket_error(&self, error: Error) -> ExitCode {
        self.problem(&Problem::Socket(error))
    }

    /// A problem of any kind that ended the command: one line and a hint. Gives the status back.
    pub(crate) fn trouble(&self, message: &str, hint: Option<&str>, status: u8) -> u8 {
        self.error(message, hint, Place::default(), status);
        status
    }

    /// A line that the user may want to read, on stderr.
    pub(crate) fn note(&self, text: &str) {
        if self.json {
            object(json!({"event": "note", "message": text}));
        } else if !self.quiet {
            line(text);
        }
    }

    /// Rows with colours, which are our own, on stderr.
    pub(crate) fn picture(&self, rows: &[String]) {
        if !self.json && !self.quiet {
            at_once(rows.join("\n"));
        }
    }

    /// Messages that were dropped since nobody read them, as a line with its end.
    pub(crate) fn missing(&self, count: u64) -> String {
        let message = match count {
            1 => "1 message is missing here: nobody read them in time".to_owned(),
            n => format!("{n} messages are missing here: nobody read them in time"),
        };
        if self.json {
            format!("{}\n", json!({"event": "messages-lost", "count": count, "message": message}))
        } else {
            message + "\n"
        }
    }

    /// A hub listens: where, who can reach it, its key's fingerprint, and how others come in.
    pub(crate) fn hub(&self, address: &str, reach: &str, fingerprint: &str, invite: &str) {
        if self.json {
            object(json!({"event": "listening", "address": address, "reach": reach, "fingerprint": fingerprint,
                "invite": invite}));
        } else {
            line(&format!("listening on {address} (UDP); {reach}"));
            line(&format!("fingerprint: {fingerprint}"));
            line(&format!("invite: {invite}"));
        }
    }

    fn error(&self, message: &str, hint: Option<&str>, place: Place, status: u8) -> ExitCode {
        if self.json {
            let Place { call, local, peer, errno } = place;
            object(json!({"event": "error", "call": call, "local": local, "peer": peer, "errno": errno,
                "message": message, "hint": hint, "status": status}));
        } else {
            line(message);
            if let Some(hint) = hint {
                line(&format!("hint: {hint}"));
            }
        }
        ExitCode::from(status)
    }

    /// The end: what went wrong, if anything did, and the verdict.
    pub(crate) fn verdict(&self, verdict: &Verdict) -> ExitCode {
        let status = verdict.status();
        if let Some(problem) = &verdict.problem {
            self.problem(problem);
        }
        if self.json {
            object(json!({"event": "end", "sent": verdict.sent, "received": verdict.received,
                "closed_by": verdict.closed_by.word(), "how": verdict.how.word(), "status": status}));
        } else if !self.quiet || (status != 0 && verdict.problem.is_none()) {
            line(&verdict.to_string());
        }
        ExitCode::from(status)
    }
}

impl Report for Reporter {
    fn event(&self, event: &Event<'_>) {
        if self.json {
            object(as_json(event));
        } else if self.verbose
            || (event.matters() && !self.quiet && (!is_for_a_person(event) || stderr().is_terminal()))
        {
            line(&text(event));
        }
    }
}

/// Only who sits there can do something about it.
fn is_for_a_person(event: &Event<'_>) -> bool {
    matches!(event, Event::Waiting)
}

/// The text of an event; a listener's line also tells who can reach it, and what to type there.
fn text(event: &Event<'_>) -> String {
    let Event::Listening { transport, address, ipv6_alone } = event else { return event.to_string() };
    let machine = machine::of(std::slice::from_ref(address)).of_ipv6(*ipv6_alone);
    let (reach, invitation) = (reach::reach(address, &machine), reach::invitation(transport, address, &machine));
    format!("{event}; {reach}\n{invitation}")
}

/// Which call failed, and between which addresses.
#[derive(Default)]
struct Place {
    call: Option<&'static str>,
    local: Option<String>,
    peer: Option<String>,
    errno: Option<String>,
}

impl Place {
    fn call(name: &'static str) -> Self {
        Place { call: Some(name), ..Place::default() }
    }

    fn of(problem: &Problem) -> Self {
        let error = match problem {
            Problem::Socket(e) | Problem::Broken(e) | Problem::Input(e) | Problem::Output(e) => e,
            Problem::Deadline { doing, target, .. } => {
                return Place { call: Some(doing), peer: Some(target.clone()), ..Place::default() };
            }
            Problem::Path { path, error } => {
                return Place { local: Some(path.clone()), errno: name_of(error), ..Place::call("bind") };
            }
            Problem::PathTaken { path, by } => {
                let errno = if *by == Occupant::NotOurLock { "EEXIST" } else { "EADDRINUSE" };
                return Place { local: Some(path.clone()), errno: Some(errno.to_owned()), ..Place::call("bind") };
            }
            Problem::Spawn { error, .. } | Problem::System(error) => {
                return Place { errno: name_of(error), ..Place::default() };
            }
            _ => return Place::default(),
        };
        let address = |a: Option<&Endpoint>| a.map(|a| shown(a).to_string());
        Place {
            call: Some(error.call().name()),
            local: address(error.local()),
            peer: address(error.peer()),
            errno: Some(error.name().to_string()),
        }
    }
}

/// The errno by name, where the system gave one.
fn name_of(error: &std::io::Error) -> Option<String> {
    error.raw_os_error().map(|_| Error::from_io(Call::Bind, error).name().into_owned())
}

fn as_json(event: &Event<'_>) -> Value {
    let mut object = Map::new();
    object.insert("event".into(), event.word().into());
    let mut put = |key: &str, value: Value| {
        object.insert(key.into(), value);
    };
    match event {
        Event::Listening { transport, address, ipv6_alone } => {
            let machine = machine::of(std::slice::from_ref(address)).of_ipv6(*ipv6_alone);
            put("transport", (*transport).into());
            put("address", address.unix().map_or_else(|| address.to_string(), reach::typed).into());
            put("port", address.inet().map(|a| a.port()).into());
            put("reached_from", reach::reach(address, &machine).names().into());
        }
        Event::Connected { transport, local, peer } => {
            put("transport", (*transport).into());
            put("local", shown(local).to_string().into());
            put("peer", shown(peer).to_string().into());
        }
        Event::Resolved { name, addresses } => {
            put("name", (*name).into());
            put("addresses", addresses.iter().map(Endpoint::to_string).collect::<Vec<_>>().into());
        }
        Event::Attempt { address, error } => {
            put("address", address.to_string().into());
            put("errno", error.name().into());
            put("message", error.to_string().into());
        }
        Event::Joined(peer)
        | Event::Forgotten(peer)
        | Event::GaveWay(peer)
        | Event::Behind(peer)
        | Event::TooManyPeers { peer, .. } => {
            put("peer", shown(peer).to_string().into());
        }
        Event::Dropped { peer, count } => {
            put("peer", shown(peer).to_string().into());
            put("count", (*count).into());
        }
        Event::Left { peer, verdict } => {
            put("peer", shown(peer).to_string().into());
            put("sent", verdict.sent.into());
            put("received", verdict.received.into());
            put("closed_by", verdict.closed_by.word().into());
            put("how", verdict.how.word().into());
            put("status", verdict.status().into());
            put("message", verdict.problem.as_ref().map(Problem::to_string).into());
        }
        Event::AtLimit(Limit::System(error)) => put("errno", error.name().into()),
        Event::AtLimit(Limit::Program(problem)) => put("message", problem.to_string().into()),
        Event::AtLimit(Limit::Clients(max)) => put("max", (*max).into()),
        Event::Refused(error) | Event::NotSent(error) | Event::TooLong(error) => {
            put("peer", error.peer().map(|p| shown(p).to_string()).into());
            put("errno", error.name().into());
            put("message", error.to_string().into());
        }
        Event::Truncated { kept, full } => {
            put("kept", (*kept).into());
            put("full", (*full).into());
        }
        Event::Retrying { problem, after } => {
            put("message", problem.to_string().into());
            put("after_ms", u64::try_from(after.as_millis()).unwrap_or(u64::MAX).into());
        }
        Event::Trouble(problem) => put("message", problem.to_string().into()),
        Event::TookOver(path) => put("path", (*path).into()),
        Event::Ipv6Off | Event::NoOutput | Event::BelowLimit | Event::Unnamed | Event::Waiting => {}
    }
    Value::Object(object)
}

/// Lines on stderr; what others chose (names, paths) cannot reach the terminal raw. A closed stderr is nobody's loss.
pub(crate) fn line(text: &str) {
    let shown: Vec<_> = text.lines().map(visible).collect();
    at_once(shown.join("\n"));
}

pub(crate) fn object(value: Value) {
    at_once(value.to_string());
}

/// A line of a trace, which is whole or useless: whoever asks for one has us wait for its reader.
pub(crate) fn traced(text: &str) {
    aside::write(&format!("{text}\n"));
}

fn at_once(mut text: String) {
    text.push('\n');
    aside::say(text);
}
