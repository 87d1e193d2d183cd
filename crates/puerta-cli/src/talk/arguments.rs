//! The arguments of `talk`.

use crate::arguments::{Output, TraceForm, time};
use clap::{Args, ValueEnum};
use puerta_talk::wire::Wire;
use std::time::Duration;

/// Arguments of talk.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Whom to talk with: HOST or HOST:PORT [default port: 7778]
    #[arg(value_name = "HOST", conflicts_with = "listen")]
    pub(crate) address: Option<String>,
    /// Talk as classic programs, nc -u and socat do: one datagram is one message, nothing is encrypted and no name is checked
    #[arg(long)]
    pub(crate) plain: bool,
    /// Be a hub there, which forwards each message to the others: :PORT (all interfaces) or HOST:PORT [default: :7778]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = ":7778")]
    pub(crate) listen: Option<String>,
    /// Our own address: :PORT, or HOST:PORT [default: any free port]
    #[arg(long, value_name = "ADDR", conflicts_with = "listen")]
    pub(crate) source: Option<String>,
    /// The frame that each message travels in (plain) [default: text]
    #[arg(long, value_name = "WIRE")]
    pub(crate) wire: Option<WireName>,
    /// Our own name, on wires that carry one (15 to 31 bytes at most) [default: the user's]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How long answers are waited for after stdin's end [default: 1s]. A hub: how long a member is remembered without a
    /// message either way [default: 60s, ull1106 10m]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) idle: Option<Duration>,
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "six")]
    pub(crate) four: bool,
    /// IPv6 only
    #[arg(short = '6', id = "six")]
    pub(crate) six: bool,
    /// Say more: names and every attempt
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Say nothing but messages, errors, and that nothing is protected
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Each message, and who comes and goes, as JSON on stdout, one object a line; the start and the end on stderr
    #[arg(long)]
    pub(crate) json: bool,
    /// Show every socket call on stderr, as text or JSON (which then implies --json)
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub(crate) trace: Option<TraceForm>,
}

/// The wires on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WireName {
    /// As long as the line, UTF-8: nc -u, socat, anything by hand
    Text,
    /// 1024 bytes: text
    Ull1024,
    /// 1106 bytes: user, time, text; members join and quit
    Ull1106,
    /// 2096 bytes: user, text, their lengths
    Ull2096,
    /// 1066 bytes over TCP: user, text, time
    Ull1066,
}

impl Arguments {
    /// How the command talks to its user.
    pub(crate) fn output(&self) -> Output {
        Output { verbose: self.verbose, quiet: self.quiet, json: self.json, trace: self.trace }
    }

    /// What goes over the wire.
    pub(crate) fn wire(&self) -> Wire {
        match self.wire {
            None | Some(WireName::Text) => Wire::Text,
            Some(WireName::Ull1024) => Wire::Ull1024,
            Some(WireName::Ull1106) => Wire::Ull1106,
            Some(WireName::Ull2096) => Wire::Ull2096,
            Some(WireName::Ull1066) => Wire::Ull1066,
        }
    }
}
