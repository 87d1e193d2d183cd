//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use puerta::units;
use std::ffi::OsString;
use std::fmt::Display;
use std::ops::{Bound, RangeBounds};
use std::str::FromStr;
use std::time::Duration;

/// Sockets for people: connect, listen, talk, serve a folder, resolve names, and explain what an address means.
#[derive(Debug, Parser)]
#[command(
    name = "puerta",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(after_help = EXIT_STATUSES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_STATUSES: &str = "\
Exit status: 0 all went well (over TCP the peer's system has acknowledged every byte), 2 wrong command line, 3 no socket, \
4 name not resolved, 5 bind or listen failed, 6 connect failed, 7 broken in transit, 8 local input, output or child failed, \
130 and 143 stopped by a signal before it was finished (a server that was stopped: 0), 1 anything else.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect to an address: stdin goes to the peer, what the peer sends to stdout
    #[command(after_help = "\
Examples:
  puerta connect example.org:80               talk to a server by hand
  tar c photos | puerta connect nas:9000      status 0: all was acknowledged
  echo hola | puerta connect udp:host:9000    one line is one datagram")]
    Connect(Connect),
    /// Listen on an address: what clients send goes to stdout, stdin to the client
    #[command(after_help = "\
Examples:
  puerta listen :9000 >photos.tar             take one client, then end
  puerta listen --keep :7007 -- cat           echo: a process for each client
  puerta listen --broadcast :9000             a room: all hear what one says")]
    Listen(Listen),
    /// Talk with people: in the room that is found on the network or in one of our own, or plainly over UDP
    #[command(after_help = "\
Examples:
  puerta talk                                 join the room found, or open one
  puerta talk 'puerta://…'                    by an invite: /invite makes one
  puerta talk 10.0.0.5                        a hub by its host
  puerta talk --host --room casa              be a hub without a screen
  make 2>&1 | puerta talk --to '#build'       a program's output goes to a room
  puerta talk --follow --json '#build'        what a room says, as data
  puerta talk --plain 10.0.0.5:7778           to nc -u, socat, or another puerta
  puerta talk --plain --listen :7778          their hub: all hear what one says")]
    Talk(crate::talk::Arguments),
    /// Serve a folder to any browser, until stopped
    #[command(mut_arg("verbose", |verbose| verbose.help(crate::serve::VERBOSE)))]
    #[command(after_help = "\
Examples:
  puerta serve                                this folder, to this machine alone
  puerta serve ~/photos --listen :8000        to all who reach this machine
  puerta serve ~/photos --share --once        to who gets the link or code
  puerta serve docs --share --auth ana        to who knows the password
  puerta serve dist --spa --cache immutable   an application and its assets
  puerta serve www --log access.log           with a line for each response
  puerta serve www --explain /a.html          what is answered there, and why
  puerta serve www --listen /run/www.sock     behind another server")]
    Serve(Box<crate::serve::Arguments>),
    /// Resolve a name to addresses, in the order in which connect would try them, or an address to its name
    #[command(after_help = "\
Examples:
  puerta resolve example.org                  all addresses
  puerta resolve localhost http               with the port of a service
  puerta resolve 127.0.0.1                    the name of an address")]
    Resolve(Resolve),
    /// Explain what an address means, the system calls it leads to, and the Rust that does the same
    #[command(after_help = "\
Examples:
  puerta explain example.org:80,no-delay      what connect does, call by call
  puerta explain --listen udp::9000           what listen does
  puerta explain --rust unix-packet:@door     only the Rust: a whole program")]
    Explain(Explain),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  puerta completions bash >~/.local/share/bash-completion/completions/puerta
  puerta completions zsh >~/.zfunc/_puerta
  puerta completions fish >~/.config/fish/completions/puerta.fish")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write all of them into a folder
    #[command(after_help = "\
Examples:
  puerta man | man -l -                       read it
  puerta man ~/.local/share/man/man1          install the pages of all commands
  puerta man serve | man -l -                 the page of one command")]
    Man {
        /// A command, whose page is printed; or the folder where puerta.1, puerta-connect.1 and so on are written (./serve, if it is
        /// called like a command) [default: puerta.1 is printed]
        #[arg(value_name = "COMMAND|FOLDER")]
        of: Option<std::path::PathBuf>,
    },
}

/// What connect and listen share.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "six")]
    pub(crate) four: bool,
    /// IPv6 only
    #[arg(short = '6', id = "six")]
    pub(crate) six: bool,
    /// End after TIME (500ms, 10s, 2m, 1h; a bare number is seconds) without a byte either way (status 7); while what came waits for our own output, that time does not run. Datagrams: how long answers are waited for after stdin's end
    /// [default: none; datagrams 1s, a listener's peers 60s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) idle: Option<Duration>,
    /// End TIME after our own end of file when the peer's has not come (status 7) [default: wait for it]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) drain: Option<Duration>,
    /// Send all of stdin as one datagram or packet, not each line
    #[arg(long)]
    pub(crate) whole: bool,
    /// Show what arrives as a hex dump
    #[arg(long)]
    pub(crate) hex: bool,
    /// Send CRLF where the input has LF
    #[arg(long)]
    pub(crate) crlf: bool,
    /// Write what arrives as it is, also to a terminal [default: control characters are shown as ^[ there]
    #[arg(long)]
    pub(crate) raw: bool,
    /// Open the socket, report, and end without exchanging anything (streams only)
    #[arg(long)]
    pub(crate) probe: bool,
    /// Show progress after a second, with --json as an object each second, never with -q [default: on a terminal that neither stdin nor stdout uses, without --json]
    #[arg(long)]
    pub(crate) progress: bool,
    /// Talk to a program in place of the terminal: `-- PROGRAM ARGUMENTS…`
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// How a command talks to its user.
#[derive(Debug, Default, Args)]
pub(crate) struct Output {
    /// Say more: names, every attempt, who comes and goes
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Events, errors and the verdict as JSON on stderr, one object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Show every socket call on stderr, as text or JSON (which then implies --json)
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub(crate) trace: Option<TraceForm>,
}

/// How the trace looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceForm {
    /// As the man pages write it.
    Text,
    /// One object a line.
    Json,
}

/// Arguments of connect.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// host:port, @name, /path, udp:host:port, unix-dgram:/path, unix-packet:/path; options after a comma: host:80,no-delay
    #[arg(value_name = "ADDR")]
    pub(crate) address: String,
    /// Time limit for connecting, names and retries included: 500ms, 10s, 2m, 1h, a bare number is seconds [default: 30s; with --retry 30s for each try]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) within: Option<Duration>,
    /// Try again when it fails, 1 s later, then doubling to 30 s [default: one try; --retry alone: 10 tries]
    #[arg(long, value_name = "TRIES", num_args = 0..=1, require_equals = true, default_missing_value = "10", value_parser = number::<u32>(0..))]
    pub(crate) retry: Option<u32>,
    /// Our own address: an IP address, host:port, :port, or a path for Unix datagrams
    #[arg(long, value_name = "ADDR")]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of listen.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// :port (all interfaces), host:port, @name, /path, udp::port, unix-dgram:/path, unix-packet:/path; port 0: any free one
    #[arg(value_name = "ADDR")]
    pub(crate) address: String,
    /// Serve many clients at once, until stopped [default: one client; datagrams: always many]
    #[arg(long)]
    pub(crate) keep: bool,
    /// What one client sends, all others get, also those that have ended their own input; stdin goes to all (implies --keep)
    #[arg(long, conflicts_with = "command")]
    pub(crate) broadcast: bool,
    /// Clients at once, where there are many [default: 10000; datagram peers 1024]
    #[arg(long, value_name = "N", value_parser = number::<u32>(1..))]
    pub(crate) max: Option<u32>,
    /// Clients that may wait to be accepted [default: the system's maximum, net.core.somaxconn]
    #[arg(long, value_name = "N", value_parser = number::<u32>(0..))]
    pub(crate) backlog: Option<u32>,
    /// Put the peer's address before each line that arrives
    #[arg(long)]
    pub(crate) show_peer: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of resolve.
#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// A name, or an address, whose name is then looked up; also name:service
    pub(crate) name: String,
    /// A service (http) or port (80) [default: none, and no port is printed]
    pub(crate) service: Option<String>,
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "six")]
    pub(crate) four: bool,
    /// IPv6 only
    #[arg(short = '6', id = "six")]
    pub(crate) six: bool,
    /// Only for sockets of this type [default: any; each address once]
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<SocketType>,
    /// One JSON object a line on stdout; an error as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,
    /// Show every call of the resolver on stderr, as text or JSON (then an error is JSON, too)
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub(crate) trace: Option<TraceForm>,
}

/// What resolve filters by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SocketType {
    /// SOCK_STREAM.
    Stream,
    /// SOCK_DGRAM.
    Datagram,
    /// SOCK_RAW.
    Raw,
}

/// Arguments of explain.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// An address, as for connect and listen
    #[arg(value_name = "ADDR")]
    pub(crate) address: String,
    /// Explain what listen does [default: what connect does, but for an address without host or port, or with -listen]
    #[arg(long)]
    pub(crate) listen: bool,
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "six")]
    pub(crate) four: bool,
    /// IPv6 only
    #[arg(short = '6', id = "six")]
    pub(crate) six: bool,
    /// Print only the Rust: a program that compiles
    #[arg(long, conflicts_with = "json")]
    pub(crate) rust: bool,
    /// The same as data: one JSON object on stdout; an error as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,
}

/// Takes whole numbers between these bounds, and says which they are.
pub(crate) fn number<N>(
    bounds: impl RangeBounds<N> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static
where
    N: FromStr + PartialOrd + Display,
{
    move |text| {
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.ok_or_else(|| match (bounds.start_bound(), bounds.end_bound()) {
            (Bound::Included(least), Bound::Included(most)) => format!("it is a whole number from {least} to {most}"),
            _ if !text.is_empty()
                && text.trim_start_matches('0').len() > 9
                && text.bytes().all(|b| b.is_ascii_digit()) =>
            {
                "it is too large".to_owned()
            }
            (Bound::Included(least), _) => format!("it is a whole number, {least} or more"),
            _ => "it is a whole number".to_owned(),
        })
    }
}

pub(crate) fn time(text: &str) -> Result<Duration, String> {
    units::parse_time(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;
    use clap::CommandFactory;

    /// The commands called `puerta` on a line of an example: what follows is a remark, a redirection or another program.
    fn commands(line: &str) -> Vec<Vec<&str>> {
        let line = line.trim().split("  ").next().unwrap_or_default();
        let parts = line.split(" | ").flat_map(|part| part.split(" && "));
        let ours = parts.filter(|part| part.starts_with("puerta "));
        ours.map(|part| part.split(' ').filter(|word| !word.starts_with(['>', '<'])).collect()).collect()
    }

    #[test]
    fn each_command_has_three_examples_or_more_that_parse() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        for command in cli.get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<Vec<&str>> = help.lines().flat_map(commands).collect();
            assert!(examples.len() >= 3, "{}: {help}", command.get_name());
            for example in examples {
                if let Err(error) = Cli::try_parse_from(&example) {
                    panic!("{example:?}: {error}");
                }
                assert!(help.lines().all(|line| line.len() <= 80), "a terminal breaks a line of: {help}");
                assert_eq!(example[1], command.get_name(), "{example:?}");
                let address =
                    example.iter().skip(2).take_while(|word| **word != "--").find(|word| !word.starts_with('-'));
                if let (true, Some(address)) = (["connect", "listen", "explain"].contains(&example[1]), address) {
                    address.parse::<puerta_relay::Endpoint>().unwrap_or_else(|e| panic!("{example:?}: {e}"));
                }
            }
        }
    }

    #[test]
    fn every_command_argument_and_option_says_what_it_is_for() {
        let mut cli = Cli::command();
        cli.build();
        for command in cli.get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} of {}", argument.get_id(), command.get_name());
            }
        }
    }
}
