//! NATS core: a subject, published to, without a log.

use super::tcp::{self, Wire};
use super::{Chat, Done, Work};
use crate::Result;
use crate::contender::Contender;
use crate::server::{Folder, Server};

pub(super) struct Nats;

const CONFIG: &str = "host: 127.0.0.1
port: PORT
max_connections: 65536
ping_interval: \"1h\"
";

impl Chat for Nats {
    fn contender(&self) -> Contender {
        Contender::peer("nats-server", "nats-server", "nats-server", &["-c", "FILE"])
    }

    /// One thread runs Go's code: it has one core.
    fn start(&self, program: &str) -> Result<Server> {
        Server::tcp(&self.contender(), program, &["env", "GOMAXPROCS=1"], Some(Folder::new(CONFIG)?))
    }

    fn run(&self, server: &Server, work: &Work) -> Result<Done> {
        tcp::run(&Nats, server, work)
    }
}

impl Wire for Nats {
    fn hello(&self, _member: usize) -> String {
        "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\nPING\r\n".to_owned()
    }

    fn greeted(&self) -> &'static str {
        "PONG\r\n"
    }

    /// The server takes commands in order: with the answer to PING it knows the subscription.
    fn enter(&self) -> Option<(&'static str, &'static str)> {
        Some(("SUB room 1\r\nPING\r\n", "PONG\r\n"))
    }

    fn message(&self, body: &str) -> String {
        format!("PUB room {}\r\n{body}\r\n", body.len())
    }

    /// `MSG room 1 128`, and the body.
    fn lines(&self) -> u64 {
        2
    }

    /// Two seconds after it joined a member hears one PING, the only line that is not of a message; it cannot make two of one.
    fn body<'a>(&self, line: &'a str) -> Option<&'a str> {
        (line != "PING" && !line.starts_with("MSG ")).then_some(line)
    }
}
