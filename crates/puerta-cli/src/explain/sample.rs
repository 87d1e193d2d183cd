//! The Rust that does what the command does: a complete program, one statement for each call.

use puerta::opt::{Setting, Value, ValueKind};
use puerta::{Host, Ip, Service, Target, Transport, UnixAddr};
use puerta_relay::Endpoint;
use puerta_relay::plan::{Role, connecting, listening};
use puerta_text::visible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A program that greets over the endpoint, in either role.
pub(crate) fn sample(endpoint: &Endpoint, role: Role, family: Option<Ip>) -> String {
    let mut sample = Sample { endpoint, role, family, body: String::new() };
    sample.open();
    sample.greet();
    let body = sample.body;
    let what = match role {
        Role::Connect => "puerta connect",
        Role::Listen => "puerta listen",
    };
    let address = visible(&endpoint.to_string()).into_owned();
    format!(
        "//! What `{what} {address}` does, with the library puerta.\n\n{}fn main() -> puerta::Result<()> {{\n{body}}}\n",
        imports(&body)
    )
}

struct Sample<'a> {
    endpoint: &'a Endpoint,
    role: Role,
    family: Option<Ip>,
    body: String,
}

impl Sample<'_> {
    fn line(&mut self, text: &str) {
        for line in text.lines() {
            if !line.is_empty() {
                self.body += "    ";
            }
            self.body += line;
            self.body.push('\n');
        }
    }

    fn transport(&self) -> Transport {
        self.endpoint.address.transport
    }

    fn protocol(&self) -> &'static str {
        match self.transport() {
            Transport::Udp => "Udp",
            Transport::Unix => "UnixStream",
            Transport::UnixDatagram => "UnixDatagram",
            Transport::UnixPacket => "UnixPacket",
            _ => "Tcp",
        }
    }

    /// Up to a socket that is connected (`server`), listens (`listener`), or takes datagrams (`socket`).
    fn open(&mut self) {
        let endpoint = self.endpoint;
        match &endpoint.address.target {
            Target::Unix(at) => self.open_unix(at),
            Target::Inet { host, service } => match (host, service) {
                (Host::Name(_), _) | (_, Service::Name(_)) => self.open_found(host, service),
                (host, Service::Port(port)) => self.open_number(host, *port),
            },
        }
    }

    fn open_unix(&mut self, at: &UnixAddr) {
        let address = match at {
            UnixAddr::Abstract(name) => format!("UnixAddr::abstract_name({:?})", String::from_utf8_lossy(name)),
            UnixAddr::Path(path) => format!("UnixAddr::path({:?})", path.to_string_lossy()),
            UnixAddr::Unnamed => "UnixAddr::Unnamed".to_owned(),
        };
        self.line(&format!("let address = {address};"));
        self.line(&format!("let socket = Socket::<{}>::new(())?;", self.protocol()));
        self.settings(&self.endpoint.options);
        match (self.role, self.transport()) {
            (Role::Connect, Transport::UnixDatagram) => {
                self.patience();
                self.line("// A name of our own, which the kernel chooses, so that the peer can answer.");
                self.line("let server = socket.bind(&UnixAddr::Unnamed)?.connect(&address)?;");
            }
            (Role::Connect, _) => self.line(CONNECT),
            (Role::Listen, _) => self.bind(),
        }
    }

    fn open_number(&mut self, host: &Host, port: u16) {
        let ip = match host {
            Host::V4(ip) => IpAddr::V4(*ip),
            Host::V6 { ip, .. } => IpAddr::V6(*ip),
            _ if self.family == Some(Ip::V4) => Ipv4Addr::UNSPECIFIED.into(),
            _ => Ipv6Addr::UNSPECIFIED.into(),
        };
        match host {
            Host::V6 { ip, zone: Some(zone) } => {
                let zone = match zone.parse::<u32>() {
                    Ok(index) => index.to_string(),
                    Err(_) => format!("interface_index({zone:?})?"),
                };
                self.line(&format!("let zone = {zone};"));
                self.line(&format!("let ip = {};", v6(*ip)));
                self.line(&format!("let address = SocketAddrV6::new(ip, {port}, 0, zone).into();"));
            }
            _ => {
                let ip = match ip {
                    IpAddr::V4(ip) => {
                        let [a, b, c, d] = ip.octets();
                        format!("[{a}, {b}, {c}, {d}]")
                    }
                    IpAddr::V6(ip) if ip.is_loopback() || ip.is_unspecified() => v6(ip),
                    IpAddr::V6(ip) => {
                        self.line(&format!("let ip = {};", v6(ip)));
                        "ip".to_owned()
                    }
                };
                self.line(&format!("let address = SocketAddr::from(({ip}, {port}));"));
            }
        }
        let family = if ip.is_ipv4() { "V4" } else { "V6" };
        self.line(&format!("let socket = Socket::<{}>::new(Ip::{family})?;", self.protocol()));
        if self.role == Role::Listen {
            self.settings(&listening(self.transport(), (ip, port).into(), self.family, &self.endpoint.options));
            return self.bind();
        }
        self.settings(&connecting(self.transport(), &self.endpoint.options));
        if self.transport() == Transport::Udp {
            self.patience();
            self.line("let server = socket.connect(&address)?;");
        } else {
            self.line(CONNECT);
        }
    }

    /// What the resolver has to find.
    fn open_found(&mut self, host: &Host, service: &Service) {
        let mut query = match host {
            Host::Any => vec!["Query::any()".to_owned(), ".passive()".to_owned()],
            host => vec![format!("Query::new({:?})", host.to_string())],
        };
        query.push(match service {
            Service::Port(port) => format!(".port({port})"),
            Service::Name(name) => format!(".service({name:?})"),
        });
        let kind = if self.transport() == Transport::Udp { "Datagram" } else { "Stream" };
        query.push(format!(".kind(SocketType::{kind})"));
        query.extend(self.family.map(|family| format!(".family(Ip::{family:?})")));
        self.line(&format!("let query = {};", chain(&query)));
        if self.role == Role::Listen {
            self.line("// puerta listens on each of them, this program on the first. There always is one.");
            self.line("let address = resolve(&query)?[0].address;");
            self.line(&format!("let socket = Socket::<{}>::new(Ip::of(&address))?;", self.protocol()));
            let at = if *host == Host::Any { Ipv6Addr::UNSPECIFIED } else { Ipv6Addr::LOCALHOST };
            self.settings(&listening(self.transport(), (at, 0).into(), self.family, &self.endpoint.options));
            return self.bind();
        }
        self.line("let addresses: Vec<SocketAddr> = resolve(&query)?.iter().map(|found| found.address).collect();");
        let options = connecting(self.transport(), &self.endpoint.options);
        let patience = self.transport() == Transport::Udp && !has(&options, "receive-timeout");
        let before = !options.is_empty() || patience;
        if before {
            self.line(&format!("let before = |socket: &Socket<{}>| -> puerta::Result<()> {{", self.protocol()));
            let outside = std::mem::take(&mut self.body);
            self.settings(&options);
            if patience {
                self.patience();
            }
            let inside = std::mem::replace(&mut self.body, outside);
            self.line(&inside);
            self.line("    Ok(())\n};");
        }
        self.line("// socket and connect for each of them, until one answers.");
        self.line("let options = DialOptions {\n    within: Some(Duration::from_secs(30)),");
        if before {
            self.line("    before: Some(&before),");
        }
        self.line("    ..DialOptions::default()\n};");
        self.line(&format!("let server = dial::<{}>(&addresses, &options, &mut |_| {{}})?;", self.protocol()));
    }

    fn settings(&mut self, settings: &[Setting]) {
        for setting in settings {
            let line = format!("socket.set(opt::{}, {})?;", option_type(setting.named().name), value(setting));
            if setting.named().name == "v6-only"
                && !matches!(self.endpoint.address.target, Target::Unix(_))
                && self.found()
            {
                self.line(&format!("if address.is_ipv6() {{\n    {line}\n}}"));
            } else {
                self.line(&line);
            }
        }
    }

    /// Whether the family of the listener's address is only known once it is resolved.
    fn found(&self) -> bool {
        let Target::Inet { host, service } = &self.endpoint.address.target else { return false };
        self.role == Role::Listen && (matches!(host, Host::Name(_)) || matches!(service, Service::Name(_)))
    }

    /// A datagram may never be answered.
    fn patience(&mut self) {
        if !has(&self.endpoint.options, "receive-timeout") {
            self.line("socket.set(opt::ReceiveTimeout, Some(Duration::from_secs(1)))?;");
        }
    }

    fn bind(&mut self) {
        if self.transport().is_datagram() {
            self.line("let socket = socket.bind(&address)?;\nprintln!(\"listening on {}\", socket.local_addr()?);");
        } else {
            self.line("// The kernel cuts the backlog down to net.core.somaxconn.");
            self.line("let listener = socket.bind(&address)?.listen(4096)?;\nprintln!(\"listening on {}\", listener.local_addr()?);");
        }
    }

    fn greet(&mut self) {
        self.body.push('\n');
        match (self.role, self.transport()) {
            (Role::Connect, Transport::Udp | Transport::UnixDatagram) => self.line(ASK),
            (Role::Listen, Transport::Udp) => self.line(ANSWER_FROM_WHERE_IT_WAS_ASKED),
            (Role::Listen, Transport::UnixDatagram) => self.line(ANSWER),
            (Role::Connect, transport) => {
                if transport == Transport::UnixPacket {
                    self.credentials("server");
                    self.line("server.send(b\"Hola, servidor!\", Flags::NONE)?;");
                } else {
                    self.line(&SEND.replace("PEER", "server").replace("GREETING", "Hola, servidor!"));
                }
                self.line("// Our end: the server reads the end of file, and can still answer.\nserver.shutdown(Shutdown::Write)?;");
                self.receive("server");
            }
            (Role::Listen, transport) => {
                self.line("let (client, peer) = listener.accept()?;\nprintln!(\"{peer} is there\");");
                if transport == Transport::UnixPacket {
                    self.credentials("client");
                }
                self.line("// Up to the client's end of file: only then is its greeting whole.");
                self.receive("client");
                if transport == Transport::UnixPacket {
                    self.line("client.send(b\"Hola, cliente!\", Flags::NONE)?;");
                } else {
                    self.line(&SEND.replace("PEER", "client").replace("GREETING", "Hola, cliente!"));
                }
            }
        }
        if let (Role::Listen, Target::Unix(UnixAddr::Path(path))) = (self.role, &self.endpoint.address.target) {
            self.line("// The file outlives its socket.");
            self.line(&format!("let _ = std::fs::remove_file({:?});", path.to_string_lossy()));
        }
        self.line(match (self.role, self.transport().is_datagram()) {
            (Role::Connect, _) => "server.close()",
            (Role::Listen, true) => "socket.close()",
            (Role::Listen, false) => "client.close()",
        });
    }

    fn credentials(&mut self, peer: &str) {
        self.line("// With it an empty packet differs from the end.");
        self.line(&format!("{peer}.set(opt::PassCredentials, true)?;"));
    }

    fn receive(&mut self, peer: &str) {
        let text = if self.transport() == Transport::UnixPacket { RECEIVE_PACKETS } else { RECEIVE };
        self.line(&text.replace("PEER", peer));
    }
}

const CONNECT: &str = "let server = socket.connect_timeout(&address, Duration::from_secs(30))?;";

const SEND: &str = "\
let mut unsent = &b\"GREETING\"[..];
while !unsent.is_empty() {
    let taken = PEER.send(unsent, Flags::NONE)?;
    unsent = &unsent[taken..];
}";

const RECEIVE: &str = "\
let mut buffer = [0; 4096];
loop {
    let received = PEER.recv(&mut buffer, Flags::NONE)?;
    if received.len == 0 {
        break;
    }
    println!(\"{}\", String::from_utf8_lossy(&buffer[..received.len]));
}";

const RECEIVE_PACKETS: &str = "\
let mut buffer = [0; 65536];
while let Packet::Message(received) = PEER.recv_packet(&mut buffer, Flags::NONE)? {
    println!(\"{}\", String::from_utf8_lossy(&buffer[..received.len]));
}";

const ASK: &str = "\
server.send(b\"Hola, servidor!\", Flags::NONE)?;
let mut buffer = [0; 65536];
match server.recv(&mut buffer, Flags::NONE) {
    Ok(received) => println!(\"{}\", String::from_utf8_lossy(&buffer[..received.len])),
    Err(error) if error.would_block() => println!(\"no answer came\"),
    Err(error) => return Err(error),
}";

const ANSWER_FROM_WHERE_IT_WAS_ASKED: &str = "\
let mut buffer = [0; 65536];
let datagram = socket.recv_datagram(&mut buffer, Flags::NONE)?;
let text = String::from_utf8_lossy(&buffer[..datagram.received.len]);
println!(\"{}: {text}\", datagram.from);
// The answer comes from the address that was asked.
let source = datagram.to.and_then(|to| to.answer());
socket.send_datagram(b\"Hola, cliente!\", &datagram.from, source, Flags::NONE)?;";

const ANSWER: &str = "\
let mut buffer = [0; 65536];
let (received, from) = socket.recv_from(&mut buffer, Flags::NONE)?;
let text = String::from_utf8_lossy(&buffer[..received.len]);
println!(\"{from}: {text}\");
// Without a name of its own nobody can be answered.
if from != UnixAddr::Unnamed {
    socket.send_to(b\"Hola, cliente!\", &from, Flags::NONE)?;
}";

/// What a body may use, and what shows that it does.
const PUERTA: &[(&str, &str)] = &[
    ("DialOptions", "DialOptions {"),
    ("Flags", "Flags::"),
    ("Ip", "Ip::"),
    ("Packet", " Packet::"),
    ("Query", "Query::"),
    ("Shutdown", "Shutdown::"),
    ("Socket", "Socket<"),
    ("Socket", "Socket::<"),
    ("SocketType", "SocketType::"),
    ("Tcp", "<Tcp>"),
    ("Udp", "<Udp>"),
    ("UnixAddr", "UnixAddr::"),
    ("UnixDatagram", "<UnixDatagram>"),
    ("UnixPacket", "<UnixPacket>"),
    ("UnixStream", "<UnixStream>"),
    ("dial", "dial::<"),
    ("interface_index", " interface_index("),
    ("opt", "opt::"),
    ("resolve", " resolve(&query"),
];
const NET: &[(&str, &str)] = &[
    ("Ipv6Addr", "Ipv6Addr::"),
    ("SocketAddr", "SocketAddr>"),
    ("SocketAddr", "SocketAddr::"),
    ("SocketAddrV6", "SocketAddrV6::"),
];

fn imports(body: &str) -> String {
    let used = |table: &[(&'static str, &str)]| {
        let mut names: Vec<_> = table.iter().filter(|(_, sign)| body.contains(sign)).map(|(name, _)| *name).collect();
        names.dedup();
        names
    };
    let mut text = format!("{}\n", import("puerta", &used(PUERTA)));
    let net = used(NET);
    if !net.is_empty() {
        text += &format!("{}\n", import("std::net", &net));
    }
    if body.contains("Duration::") {
        text += "use std::time::Duration;\n";
    }
    text + "\n"
}

/// As rustfmt has it: on one line where it fits.
fn import(from: &str, names: &[&str]) -> String {
    if let [name] = names {
        return format!("use {from}::{name};");
    }
    let line = format!("use {from}::{{{}}};", names.join(", "));
    if line.len() <= 100 {
        return line;
    }
    let mut text = format!("use {from}::{{\n   ");
    let mut width = 3;
    for name in names {
        if width + name.len() + 2 > 100 {
            text += "\n   ";
            width = 3;
        }
        text += &format!(" {name},");
        width += name.len() + 2;
    }
    text + "\n};"
}

/// As rustfmt has it: on one line up to 60 characters.
fn chain(parts: &[String]) -> String {
    let line = parts.concat();
    if line.len() <= 60 { line } else { parts.join("\n    ") }
}

fn has(options: &[Setting], name: &str) -> bool {
    options.iter().any(|setting| setting.named().name == name)
}

fn v6(ip: Ipv6Addr) -> String {
    match ip {
        Ipv6Addr::UNSPECIFIED => "Ipv6Addr::UNSPECIFIED".to_owned(),
        Ipv6Addr::LOCALHOST => "Ipv6Addr::LOCALHOST".to_owned(),
        ip => {
            let hex = |n: &u16| if *n < 10 { n.to_string() } else { format!("{n:#x}") };
            let segments = ip.segments().iter().map(hex).collect::<Vec<_>>().join(", ");
            if segments.len() <= 60 {
                return format!("Ipv6Addr::new({segments})");
            }
            let bits = ip.segments().map(|segment| format!("{segment:04x}")).join("_");
            format!("Ipv6Addr::from_bits(0x{bits})")
        }
    }
}

/// `no-delay` is `NoDelay`.
fn option_type(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(capital).collect()
}

fn value(setting: &Setting) -> String {
    match (setting.value(), setting.named().value) {
        (Value::Time(None), _) => "None".to_owned(),
        (Value::Time(Some(time)), ValueKind::Time { none: Some(_), .. }) => format!("Some({})", duration(*time)),
        (Value::Time(Some(time)), _) => duration(*time),
        (Value::Size(n), _) => n.to_string(),
        (Value::Name(name), _) => format!("{name:?}.to_owned()"),
        (value @ (Value::Group(_) | Value::Interface(_)), _) => format!("{:?}.parse()?", value.to_string()),
        (value, _) => value.to_string(),
    }
}

fn duration(time: Duration) -> String {
    if time.subsec_nanos() == 0 {
        format!("Duration::from_secs({})", time.as_secs())
    } else if time.subsec_nanos().is_multiple_of(1_000_000) {
        format!("Duration::from_millis({})", time.as_millis())
    } else {
        format!("Duration::from_micros({})", time.as_micros())
    }
}
