//! `explain`: what an address means, the system calls it leads to, who can reach it, and the Rust that does the same.

mod meaning;
mod sample;

use crate::arguments::{Explain, Output};
use crate::columns::{columns, visible_lines, wrapped};
use crate::machine;
use crate::printed::print;
use crate::report::Reporter;
use meaning::parts;
use puerta::{Endpoint as SocketAddress, Host, Ip, Service, Target, Transport, Use};
use puerta_relay::Endpoint;
use puerta_relay::plan::{Role, Step, connects, ipv6_alone, plan};
use puerta_relay::problem::Problem;
use puerta_relay::reach::{self, Machine};
use puerta_relay::words::shell;
use sample::sample;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Explain) -> ExitCode {
    let reporter = Reporter::new(&Output { json: arguments.json, ..Output::default() });
    let endpoint: Endpoint = match arguments.address.parse() {
        Ok(endpoint) => endpoint,
        Err(error) => return reporter.bad_address(&arguments.address, &error),
    };
    let family = match (arguments.four, arguments.six) {
        (true, _) => Some(Ip::V4),
        (_, true) => Some(Ip::V6),
        _ => None,
    };
    let listens = arguments.listen || endpoint.listen || !connects(&endpoint);
    let role = if listens { Role::Listen } else { Role::Connect };
    let bound = match number(&endpoint, family, role) {
        Ok(bound) => bound,
        Err(error) => return reporter.problem(&Problem::Socket(error)),
    };
    let explained = Explained { endpoint, family, role, bound };
    let text = match (arguments.rust, arguments.json) {
        (true, _) => explained.rust(),
        (_, true) => format!("{}\n", explained.data()),
        _ => explained.text(),
    };
    print(text.as_bytes(), reporter)
}

/// The address itself where nobody has to be asked for it. What the command would refuse without asking is refused here too.
fn number(endpoint: &Endpoint, family: Option<Ip>, role: Role) -> puerta::Result<Option<SocketAddress>> {
    let asks = match &endpoint.address.target {
        Target::Unix(_) => false,
        Target::Inet { host: Host::Name(_), .. } | Target::Inet { service: Service::Name(_), .. } => true,
        Target::Inet { host: Host::V6 { zone: Some(zone), .. }, .. } => zone.parse::<u32>().is_err(),
        Target::Inet { .. } => false,
    };
    if asks {
        return Ok(None);
    }
    let purpose = if role == Role::Connect { Use::Connect } else { Use::Bind };
    Ok(endpoint.address.resolve(family, purpose)?.into_iter().next())
}

struct Explained {
    endpoint: Endpoint,
    family: Option<Ip>,
    role: Role,
    bound: Option<SocketAddress>,
}

impl Explained {
    fn text(&self) -> String {
        let mut text = format!("{}\n\nwhat it means\n", self.endpoint);
        let parts = parts(&self.endpoint, self.role, self.family);
        let rows: Vec<(&str, &str)> = parts.iter().map(|part| (part.text.as_str(), part.meaning.as_str())).collect();
        text += &columns(&rows, WIDEST);
        let command = self.command();
        let _ = write!(text, "\nthe system calls of {command}\n");
        for step in self.steps() {
            let _ = writeln!(text, "  {step}");
            text += &wrapped(&step.why, 6);
        }
        let _ = write!(text, "\nwho reaches whom\n{}", wrapped(&self.reach(), 2));
        let _ = write!(text, "\nwhat to type\n  here             {command}\n");
        for (place, line) in self.elsewhere() {
            let _ = writeln!(text, "  {place:15}  {line}");
        }
        let _ = write!(text, "\nthe same in Rust\n");
        for line in self.rust().lines() {
            let _ = writeln!(text, "{}{line}", if line.is_empty() { "" } else { "  " });
        }
        let _ = write!(text, "\nmore\n");
        let more = self.more();
        let width = more.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
        for (command, what) in more {
            let _ = writeln!(text, "  {command:width$}  {what}");
        }
        visible_lines(&text)
    }

    /// The same as data.
    fn data(&self) -> Value {
        let parts: Vec<Value> = parts(&self.endpoint, self.role, self.family)
            .iter()
            .map(|part| json!({"kind": part.kind, "text": part.text, "meaning": part.meaning}))
            .collect();
        let options: Vec<Value> = self
            .endpoint
            .options
            .iter()
            .map(|setting| {
                let named = setting.named();
                json!({"name": named.name, "value": setting.value().to_string(), "summary": named.summary,
                    "takes": named.value.to_string()})
            })
            .collect();
        let calls: Vec<Value> = self
            .steps()
            .iter()
            .map(|step| json!({"call": step.call, "args": step.args, "gives": step.gives, "why": step.why}))
            .collect();
        let elsewhere: Vec<String> = self.elsewhere().into_iter().map(|(_, line)| line).collect();
        json!({"address": self.endpoint.to_string(), "role": self.word(),
            "transport": self.endpoint.address.transport.name(), "parts": parts, "options": options, "calls": calls,
            "reach": self.reach(), "command": self.command(), "elsewhere": elsewhere, "rust": self.rust()})
    }

    fn rust(&self) -> String {
        sample(&self.endpoint, self.role, self.family)
    }

    fn steps(&self) -> Vec<Step> {
        plan(&self.endpoint, self.role, self.family)
    }

    fn word(&self) -> &'static str {
        if self.role == Role::Connect { "connect" } else { "listen" }
    }

    /// The command line that this is about.
    fn command(&self) -> String {
        format!("puerta {} {}{}", self.word(), self.only(), shell(&short(&self.endpoint)))
    }

    /// The option for one family alone.
    fn only(&self) -> &'static str {
        match self.family {
            None => "",
            Some(Ip::V4) => "-4 ",
            Some(Ip::V6) => "-6 ",
        }
    }

    fn reach(&self) -> String {
        if self.role == Role::Connect {
            return match self.endpoint.address.transport {
                Transport::Udp => {
                    "we send from a port that the system chooses; only this peer's answers come in".to_owned()
                }
                transport if transport.is_unix() => {
                    "we connect to a program of this machine; nobody connects to us".to_owned()
                }
                _ => "we connect from a port that the system chooses; nobody connects to us".to_owned(),
            };
        }
        match &self.bound {
            Some(bound) => reach::reach(bound, &self.machine(bound)).to_string(),
            None => "whoever reaches the address that is found; listen says who that is".to_owned(),
        }
    }

    fn machine(&self, bound: &SocketAddress) -> Machine {
        let alone = ipv6_alone(self.family, &self.endpoint.options);
        machine::of(std::slice::from_ref(bound)).of_ipv6(alone)
    }

    /// What the other side types.
    fn elsewhere(&self) -> Vec<(&'static str, String)> {
        let address = &self.endpoint.address;
        let port = match &address.target {
            Target::Inet { service: Service::Port(port), .. } => Some(*port),
            _ => None,
        };
        if self.role == Role::Listen {
            return match &self.bound {
                Some(bound) if port != Some(0) => {
                    let line = reach::invitation(address.transport.name(), bound, &self.machine(bound));
                    let (place, line) = line.split_once(": ").unwrap_or(("elsewhere", &line));
                    let place = if place.contains("another") { "another machine" } else { "another shell" };
                    line.split(", or ").map(|line| (place, line.to_owned())).collect()
                }
                _ => Vec::new(),
            };
        }
        let there = Endpoint { options: Vec::new(), ..self.endpoint.clone() };
        let line = match &address.target {
            Target::Inet { service, .. } if address.transport == Transport::Udp => {
                format!("puerta listen udp::{service}")
            }
            Target::Inet { service, .. } => format!("puerta listen :{service}"),
            Target::Unix(_) => format!("puerta listen {}", shell(&short(&there))),
        };
        vec![("before, there", line)]
    }

    /// The other role, and the program alone.
    fn more(&self) -> Vec<(String, &'static str)> {
        let address = format!("{}{}", self.only(), shell(&short(&self.endpoint)));
        let listen = if self.role == Role::Listen && connects(&self.endpoint) && !self.endpoint.listen {
            "--listen "
        } else {
            ""
        };
        let mut more = vec![(format!("puerta explain --rust {listen}{address}"), "the program alone")];
        if self.role == Role::Connect {
            more.push((format!("puerta explain --listen {address}"), "what listen does with it"));
        } else if let Target::Inet { host: Host::Any, service } = &self.endpoint.address.target {
            let prefix = if self.endpoint.address.transport == Transport::Udp { "udp:" } else { "" };
            let there = shell(&format!("{prefix}localhost:{service}"));
            more.push((format!("puerta explain {}{there}", self.only()), "what connect does; it needs a host"));
        } else if connects(&self.endpoint) {
            let other = Endpoint { listen: false, ..self.endpoint.clone() };
            more.push((
                format!("puerta explain {}{}", self.only(), shell(&short(&other))),
                "what connect does with it",
            ));
        }
        more.push((format!("{} --trace", self.command()), "the calls as they are made, the helpers too"));
        more
    }
}

/// The longest part that has its meaning beside it.
const WIDEST: usize = 24;

fn short(endpoint: &Endpoint) -> String {
    format!("{endpoint:#}")
}
