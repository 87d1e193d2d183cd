//! ngIRCd: a channel, PRIVMSG to it.

use super::tcp::{self, Wire};
use super::{Chat, Done, Work};
use crate::Result;
use crate::contender::Contender;
use crate::server::{Folder, Server};

pub(super) struct Ngircd;

/// No limits, no penalties, nothing looked up.
const CONFIG: &str = "[Global]
Name = bench.example
Info = bench
Listen = 127.0.0.1
Ports = PORT
MotdPhrase = bench
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
";

impl Chat for Ngircd {
    fn contender(&self) -> Contender {
        Contender::peer("ngircd", "ngircd", "ngircd", &["-n", "-f", "FILE"])
    }

    fn start(&self, program: &str) -> Result<Server> {
        Server::tcp(&self.contender(), program, &[], Some(Folder::new(CONFIG)?))
    }

    fn run(&self, server: &Server, work: &Work) -> Result<Done> {
        tcp::run(&Ngircd, server, work)
    }
}

impl Wire for Ngircd {
    fn hello(&self, member: usize) -> String {
        format!("NICK m{member:05}\r\nUSER m 0 * :m\r\n")
    }

    /// The end of the message of the day.
    fn greeted(&self) -> &'static str {
        " 376 "
    }

    /// The list of names comes last, and this is its end.
    fn enter(&self) -> Option<(&'static str, &'static str)> {
        Some(("JOIN #room\r\n", " 366 "))
    }

    fn message(&self, body: &str) -> String {
        format!("PRIVMSG #room :{body}\r\n")
    }

    fn body<'a>(&self, line: &'a str) -> Option<&'a str> {
        line.split_once(" PRIVMSG #room :").map(|(_, body)| body)
    }
}
