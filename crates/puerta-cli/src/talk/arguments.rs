//! The arguments of `talk`.

mod meant;

use super::rooms::Trouble;
use crate::arguments::{Output, TraceForm, number, time};
use clap::{Args, ValueEnum};
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::identity::NAME;
use puerta_talk::invite::is_invite;
use puerta_talk::room::limits::Limits;
use puerta_talk::room::rooms::may_be_called;
use puerta_talk::wire::Wire;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The room that a hub begins with, unless `--room` says otherwise.
const ROOM: &str = "main";

/// How long an invite is good, and for how long a first connection is tried.
const INVITE: Duration = Duration::from_secs(24 * 3600);
const WITHIN: Duration = Duration::from_secs(30);

/// Where plain mode listens by default.
const PLAIN: &str = ":7778";

/// Arguments of talk.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// An invite (puerta://…, or - to read it from stdin), or the hub's HOST or HOST:PORT; or rooms, members, invite, forget
    /// NAME, export [ROOM], doctor. Plain: HOST or HOST:PORT [default: the hub that is found, or a new one; port 7777, plain 7778]
    #[arg(value_name = "WHERE")]
    pub(crate) address: Option<String>,
    /// What `forget`, `export`, `members` and `invite` are about
    #[arg(value_name = "WHAT", hide = true)]
    pub(crate) second: Option<String>,
    /// Be a hub without a screen, until stopped
    #[arg(long, conflicts_with_all = ["address", "plain"])]
    pub(crate) host: bool,
    /// The room that our hub begins with [default: #main]
    #[arg(long, value_name = "NAME")]
    pub(crate) room: Option<String>,
    /// Where our hub keeps what was said [default: room.db in $XDG_DATA_HOME/puerta]
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Our hub keeps what was said in memory alone, the last 10000 messages of each room
    #[arg(long, conflicts_with = "store")]
    pub(crate) no_store: bool,
    /// Only devices with an invite come into our hub, and it is not announced
    #[arg(long)]
    pub(crate) invite_only: bool,
    /// How long an invite is good [default: 24h; 1s at least, 30 days at most]
    #[arg(long, value_name = "TIME", value_parser = lasts)]
    pub(crate) lasts: Option<Duration>,
    /// An invite for one device
    #[arg(long)]
    pub(crate) once: bool,
    /// With `invite`: those made before for this room are good for nothing any more
    #[arg(long)]
    pub(crate) renew: bool,
    /// Join a hub if its key has this fingerprint, though it is not known here, and no other
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    pub(crate) accept: Option<Fingerprint>,
    /// Send stdin to this room (a pipe: until its end, several lines in a message), or read this room with --follow or --json
    #[arg(long, value_name = "ROOM")]
    pub(crate) to: Option<String>,
    /// Print what is said in the room WHERE names (as '#build'; all rooms without it), until stopped; stdin is not read
    #[arg(long)]
    pub(crate) follow: bool,
    /// With --follow: begin behind this place (the seq of the last message that was read) [default: what comes from now on]
    #[arg(long, value_name = "SEQ", requires = "follow", value_parser = number::<u64>(0..))]
    pub(crate) since: Option<u64>,
    /// One line for everything that happens, nothing rewritten [default: for pipes and TERM=dumb]
    #[arg(long)]
    pub(crate) line: bool,
    /// For how long the first connection is tried [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) within: Option<Duration>,
    /// Messages a second that our hub takes of a device; 0 is without a limit [default: 20]
    #[arg(long, value_name = "N", value_parser = number::<u32>(0..))]
    pub(crate) rate: Option<u32>,
    /// Messages that our hub takes of a device at once, before --rate counts [default: 40]
    #[arg(long, value_name = "N", value_parser = number::<u32>(1..))]
    pub(crate) burst: Option<u32>,
    /// Bytes that a message to our hub has at most [default: 4096; at most 8192]
    #[arg(long, value_name = "BYTES", value_parser = number::<u32>(1..=8192))]
    pub(crate) max_message: Option<u32>,
    /// Rooms that our hub has at most [default: 256]
    #[arg(long, value_name = "N", value_parser = number::<u32>(1..))]
    pub(crate) max_rooms: Option<u32>,
    /// Devices that are members of our hub, at most [default: 3200]
    #[arg(long, value_name = "N", value_parser = number::<u32>(1..))]
    pub(crate) max_members: Option<u32>,
    /// Talk as classic programs, nc -u and socat do: one datagram is one message, nothing is encrypted and no name is checked
    #[arg(long)]
    pub(crate) plain: bool,
    /// Where a hub listens: :PORT (all interfaces) or HOST:PORT. Plain: be a hub there [default: :7777 or the next free one; plain :7778]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "", conflicts_with = "address")]
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
    /// 2096 bytes: user, text, their lengths; \quit ends
    Ull2096,
    /// 1066 bytes over TCP: user, text, time
    Ull1066,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What<'a> {
    /// Find a hub, or open one.
    Find,
    /// Go to the hub at a host.
    Hub(&'a str),
    /// Go where an invite leads.
    Invite(&'a str),
    /// The same, with the invite on stdin.
    Stdin,
    /// Be a hub without a screen.
    Host,
    /// Something that is not talking.
    Action(Action),
}

/// What is asked of a hub, or done to our own files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Which rooms are there.
    Rooms,
    /// Who is in a room.
    Members,
    /// Make an invite.
    Invite,
    /// Forget a hub.
    Forget,
    /// Print what a store holds.
    Export,
    /// Which way to a hub works.
    Doctor,
}

impl Arguments {
    /// What is to be done. A host that is called like an action is named with its port.
    pub(crate) fn what(&self) -> Result<What<'_>, Trouble> {
        let what = match self.address.as_deref() {
            None if self.host => What::Host,
            None => What::Find,
            Some("-") => What::Stdin,
            Some("rooms") => What::Action(Action::Rooms),
            Some("members") => What::Action(Action::Members),
            Some("invite") => What::Action(Action::Invite),
            Some("forget") => What::Action(Action::Forget),
            Some("export") => What::Action(Action::Export),
            Some("doctor") => What::Action(Action::Doctor),
            Some(room) if room.starts_with('#') => What::Find,
            Some(text) if is_invite(text) => What::Invite(text),
            Some(text) => What::Hub(text),
        };
        let second = self.second.as_deref();
        let taken = matches!(what, What::Action(Action::Members | Action::Invite | Action::Forget | Action::Export));
        if let Some(second) = second.filter(|_| self.plain || !taken) {
            let room = !self.plain && second.starts_with('#') && !matches!(what, What::Action(_));
            let hint =
                if room { "a room is named with --to: puerta talk HOST --to '#build'" } else { "name one thing" };
            return Err(Trouble::usage("too many arguments", hint));
        }
        if let Some((what, hint)) = self.means_nothing(what) {
            return Err(Trouble::usage(what, hint));
        }
        if !self.plain {
            self.check_rooms()?;
        }
        Ok(what)
    }

    /// Whether rooms and members are called what they may be.
    fn check_rooms(&self) -> Result<(), Trouble> {
        let room = self.address.as_deref().filter(|room| room.starts_with('#'));
        for name in [self.to.as_deref(), self.room.as_deref(), room].into_iter().flatten() {
            let bare = name.strip_prefix(['#', '@']).unwrap_or(name);
            if !may_be_called(bare, NAME) {
                let what = format!("{} cannot be the name of a room or a member", puerta_text::visible(name));
                let why = "a name has up to 32 bytes, no white space and no comma, does not begin with # @ ~ / or -, and hides nothing";
                return Err(Trouble::usage(what, why));
            }
        }
        Ok(())
    }

    /// What an action is about.
    pub(crate) fn second(&self) -> Option<&str> {
        self.second.as_deref()
    }

    /// The room to send to or to read: `--to`, or the one that stands in place of a host.
    pub(crate) fn wanted_room(&self) -> Option<&str> {
        let named = self.address.as_deref().filter(|room| room.starts_with('#'));
        let to = self.to.as_deref().filter(|to| !to.starts_with('@'));
        to.or(named).map(|room| room.trim_start_matches('#'))
    }

    /// The room that our hub begins with.
    pub(crate) fn first_room(&self) -> &str {
        self.room.as_deref().map_or(ROOM, |room| room.trim_start_matches('#'))
    }

    /// Whether a hub is opened when none is found: not for those who send a pipe or read along.
    pub(crate) fn opens(&self) -> bool {
        self.to.is_none() && !self.follow
    }

    /// Whether options say how our hub is to be: then it is opened, and no other is looked for.
    pub(crate) fn shapes_a_hub(&self) -> bool {
        let place = self.room.is_some() || self.listen.is_some() || self.store.is_some() || self.no_store;
        let limits = self.rate.is_some() || self.burst.is_some() || self.max_message.is_some();
        place || self.invite_only || limits || self.max_rooms.is_some() || self.max_members.is_some()
    }

    /// Whether someone can be asked.
    pub(crate) fn may_ask(&self) -> bool {
        !self.json
    }

    pub(crate) fn within(&self) -> Duration {
        self.within.unwrap_or(WITHIN)
    }

    pub(crate) fn invite_lasts(&self) -> Duration {
        self.lasts.unwrap_or(INVITE)
    }

    /// Where our hub listens, if that was said.
    pub(crate) fn listen_at(&self) -> Result<Option<SocketAddr>, Trouble> {
        let Some(text) = self.listen.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let any = text.strip_prefix(':').and_then(|port| port.parse().ok());
        let at = any.map(|port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).or_else(|| text.parse().ok());
        let what = || format!("{} is no address to listen on", puerta_text::visible(text));
        at.map(Some).ok_or_else(|| Trouble::usage(what(), "give :PORT, or an IP address of this machine with a port"))
    }

    /// Where plain mode listens, if it does.
    pub(crate) fn plain_listen(&self) -> Option<&str> {
        self.listen.as_deref().map(|text| if text.is_empty() { PLAIN } else { text })
    }

    /// What our hub allows.
    pub(crate) fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            rate: self.rate.unwrap_or(usual.rate),
            burst: self.burst.unwrap_or(usual.burst),
            message: self.max_message.unwrap_or(usual.message),
            rooms: self.max_rooms.unwrap_or(usual.rooms),
            members: self.max_members.unwrap_or(usual.members),
            ..usual
        }
    }

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

fn lasts(text: &str) -> Result<Duration, String> {
    match time(text)? {
        lasts if lasts < Duration::from_secs(1) => Err("an invite is good for 1s at least".to_owned()),
        lasts => Ok(lasts),
    }
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    text.parse().map_err(|_| "a fingerprint looks like 7K3M-9QXT-0VBN-4H2C-WJ8E".to_owned())
}
