//! `ncat --chat`: lines to everyone else.

use super::tcp::{self, Wire};
use super::{Chat, Done, Work};
use crate::Result;
use crate::contender::Contender;
use crate::server::Server;

pub(super) struct Ncat;

impl Chat for Ncat {
    fn contender(&self) -> Contender {
        let arguments = &["-l", "-k", "--chat", "-m", "1100", "127.0.0.1", "PORT"];
        Contender::peer("ncat --chat", "ncat", "ncat", arguments)
    }

    /// It waits with select(2), which knows 1,024 descriptors.
    fn most(&self) -> usize {
        1000
    }

    fn start(&self, program: &str) -> Result<Server> {
        Server::tcp(&self.contender(), program, &[], None)
    }

    fn run(&self, server: &Server, work: &Work) -> Result<Done> {
        tcp::run(&Ncat, server, work)
    }
}

impl Wire for Ncat {
    fn hello(&self, _member: usize) -> String {
        String::new()
    }

    /// The first that a member hears of is itself.
    fn greeted(&self) -> &'static str {
        "is connected as <user"
    }

    fn message(&self, body: &str) -> String {
        format!("{body}\n")
    }

    /// `<user7> ` stands before what it read at once, be that one line or more.
    fn body<'a>(&self, line: &'a str) -> Option<&'a str> {
        Some(line.split_once("> ").map_or(line, |(_, body)| body))
    }
}
