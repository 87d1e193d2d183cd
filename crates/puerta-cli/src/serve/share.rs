//! Sharing: over TLS, by a link or a password, and at a rate.

use super::certificate::Certificate;
use super::password;
use super::report::{Place, Told, elsewhere, unix};
use super::trouble::Trouble;
use crate::arguments::time;
use crate::qr;
use crate::report::{Reporter, line, object};
use clap::Args;
use puerta::{Endpoint, units};
use puerta_relay::reach;
use puerta_serve::core::access::ticket::Ticket;
use puerta_serve::event::Report;
use puerta_serve::gate::pace::Pace;
use puerta_serve::gate::password::{Passwords, random};
use puerta_serve::gate::{Door, Entry, Gate};
use puerta_serve::tls::ServerConfig;
use serde_json::json;
use std::collections::HashSet;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a link works, unless that is said.
const EXPIRES: Duration = Duration::from_secs(24 * 3600);

/// Who may come in, and how.
#[derive(Debug, Args)]
pub(crate) struct Sharing {
    /// Share with others: on all interfaces, over HTTPS, by a link with a secret in it, which is shown as a QR code too
    #[arg(long)]
    pub(crate) share: bool,
    /// The link works so long: a TIME or never [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = expiry, requires = "share", conflicts_with = "auth")]
    expires: Option<Expiry>,
    /// The link works once: who opens it first is the only one
    #[arg(long, requires = "share", conflicts_with = "auth")]
    once: bool,
    /// Send at most so much a second, over all connections together: 5MB/s, 500k
    #[arg(long, value_name = "RATE", value_parser = rate)]
    limit: Option<u64>,
    /// Let in who knows the password of this user, which is asked for now, or is in a file that nobody else can read (or its
    /// argon2 hash is); repeatable. With --share in place of the link's secret
    #[arg(long, value_name = "USER[:FILE]")]
    auth: Vec<String>,
    /// Take passwords over plain HTTP from other machines, where everybody on the way can read them
    #[arg(long, requires = "auth")]
    auth_in_clear: bool,
    /// Serve HTTPS with a certificate that is made on the spot and kept; browsers ask once whether to trust it
    #[arg(long, conflicts_with_all = ["cert", "key"])]
    tls: bool,
    /// Serve HTTPS with the certificate (and those that vouch for it) in this PEM file; SIGHUP reads it anew
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --cert, PEM; nobody else may read it
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

/// When a link ends.
#[derive(Debug, Clone, Copy)]
enum Expiry {
    Never,
    After(Duration),
}

/// What the arguments lead to: files are read, passwords are known.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) gate: Gate,
    certificate: Option<Certificate>,
    share: bool,
    /// Passwords come over plain HTTP, and nobody said that others may send theirs so.
    pub(super) in_clear: bool,
    once: bool,
    expires: Option<Duration>,
    /// What the link has behind its path.
    query: String,
}

impl Sharing {
    /// Where the certificate and its key will be read again: their folders, and those that links now lead to, since a new one comes into the
    /// place of the old.
    pub(super) fn read_again(&self) -> Vec<PathBuf> {
        let given = [&self.cert, &self.key].into_iter().flatten();
        let all = given.flat_map(|path| [std::path::absolute(path), path.canonicalize()]).flatten();
        all.filter_map(|path| path.parent().map(PathBuf::from)).collect()
    }

    /// Whether it is HTTPS that is served.
    pub(super) fn is_secure(&self) -> bool {
        self.tls || self.share || self.cert.is_some()
    }

    /// Who is let in, and what a link has behind its path: passwords are asked for, or read.
    /// `report` hears who used a link that works once, and that one has expired.
    pub(super) fn door(&self, report: Arc<dyn Report>) -> Result<(Door, String), Trouble> {
        if !self.auth.is_empty() {
            return Ok((Door::Password(Passwords::new(password::users(&self.auth)?)?), String::new()));
        }
        if !self.share {
            return Ok((Door::Open, String::new()));
        }
        let mut secret = [0; 32];
        random(&mut secret)?;
        let until = self.expires().and_then(|time| SystemTime::now().checked_add(time));
        let ticket = Ticket::new(secret, self.once, until);
        let query = ticket.query();
        Ok((Door::Ticket(Entry::new(ticket, report)), query))
    }

    /// How long the link works.
    fn expires(&self) -> Option<Duration> {
        match self.expires {
            Some(Expiry::Never) => None,
            Some(Expiry::After(time)) => Some(time),
            None => Some(EXPIRES),
        }
    }
}

impl Shared {
    /// Reads keys, and asks for passwords: before anything else, so that a signal still ends us as it ends others.
    pub(super) fn prepare(given: &Sharing, reporter: Reporter) -> Result<Shared, Trouble> {
        let certificate = match (&given.cert, &given.key) {
            (Some(certificate), Some(key)) => Some(Certificate::of(certificate.clone(), key.clone())?),
            _ if given.tls || given.share => Some(Certificate::made()?),
            _ => None,
        };
        let (door, query) = given.door(Arc::new(Told::new(reporter)))?;
        let in_clear = !given.auth.is_empty() && certificate.is_none() && !given.auth_in_clear;
        let gate = Gate { door, pace: given.limit.map(Pace::new) };
        let (share, once, expires) = (given.share, given.once, given.expires());
        Ok(Shared { gate, certificate, share, in_clear, once, expires, query })
    }

    /// How connections are TLS.
    pub(super) fn tls(&self) -> Result<Option<Arc<ServerConfig>>, Trouble> {
        let config = self.certificate.as_ref().map(|certificate| certificate.identity.config());
        Ok(config.transpose()?)
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.certificate.is_some() { "https" } else { "http" }
    }

    /// Refuses to take passwords that others on the way could read, unless that is asked for.
    pub(super) fn allows(&self, addresses: &[Endpoint]) -> Result<(), Trouble> {
        let outside = |at: &&Endpoint| at.inet().is_some_and(|at| !at.ip().to_canonical().is_loopback());
        match addresses.iter().find(outside) {
            Some(at) if self.in_clear => Err(Trouble::usage(
                format!("passwords would come to {at} in the clear, for everybody on the way to read"),
                "add --tls, or --auth-in-clear if the way is safe",
            )),
            _ => Ok(()),
        }
    }

    /// Has told, as long as the runtime runs, when the certificate ends, and when the link of this gate does.
    pub(super) fn watch(&self, gate: &Gate, report: Arc<dyn Report>) {
        if let Door::Ticket(entry) = &gate.door {
            tokio::spawn(entry.watch());
        }
        if let Some(certificate) = &self.certificate {
            let (identity, made) = (certificate.identity.clone(), certificate.is_made());
            tokio::spawn(async move { identity.watch(made, &*report).await });
        }
    }

    /// Whether SIGHUP is for us, too.
    pub(super) fn reloads(&self) -> bool {
        self.certificate.as_ref().is_some_and(|certificate| !certificate.is_made())
    }

    /// Reads the certificate anew, and says how that went.
    pub(super) fn reload(&self, reporter: Reporter) {
        let Some(certificate) = self.certificate.as_ref().filter(|_| self.reloads()) else { return };
        match certificate.reload() {
            Ok(()) => reporter.note(&format!("certificate: SHA-256 {}", certificate.identity.fingerprint())),
            Err(problem) => reporter.note(&format!("the certificate stays as it was: {problem}")),
        }
    }

    /// What is behind the path in the line that others type.
    pub(super) fn query(&self) -> &str {
        &self.query
    }

    /// Behind the lines of the addresses: by what the certificate is known, how long the link works, and its code. Where nothing is to
    /// be said, the links of a share are, since nobody could come in without.
    pub(super) fn say(&self, reporter: Reporter, places: &[Place<'_>], quiet: bool) {
        let inet = || places.iter().filter_map(|(address, machine)| Some((address.inet()?, machine)));
        let link = |at| format!("{}://{at}/{}", self.scheme(), self.query);
        let mut links: Vec<String> =
            inet().flat_map(|(at, machine)| reach::addresses(&at, machine)).map(link).collect();
        let mut known = HashSet::new();
        links.retain(|link| known.insert(link.clone()));
        let fingerprint = self.certificate.as_ref().map(|certificate| certificate.identity.fingerprint());
        let ticket = !self.query.is_empty();
        if reporter.json() {
            if self.share || fingerprint.is_some() {
                object(json!({"event": "sharing", "links": links, "fingerprint": fingerprint, "once": self.once,
                    "expires_seconds": self.expires.filter(|_| ticket).map(|time| time.as_secs())}));
            }
            return;
        }
        if quiet {
            if links.is_empty() {
                let here = inet().map(|(at, machine)| reach::target(&at, machine).url(self.scheme()));
                links.extend(here.map(|url| url + &self.query));
                let sockets = places.iter().filter_map(|(address, _)| match address {
                    Endpoint::Unix(at) => unix(at, self),
                    Endpoint::Inet(_) => None,
                });
                links.extend(sockets);
            }
            links.iter().filter(|_| self.share).for_each(|link| line(link));
            return;
        }
        let certificate = fingerprint.map(|fingerprint| format!("certificate: SHA-256 {fingerprint}"));
        let mut lines: Vec<String> = certificate.clone().into_iter().collect();
        if self.certificate.as_ref().is_some_and(Certificate::is_made) {
            lines.push("nobody vouches for it: a browser warns once; compare this, then go on".to_owned());
        }
        if ticket {
            let time = self
                .expires
                .map_or_else(|| "until we stop".to_owned(), |time| format!("for {}", units::print_time(time)));
            let once = if self.once { ", and once" } else { "" };
            lines.push(format!("the link works {time}{once}"));
        }
        for text in &lines {
            reporter.note(text);
        }
        if let Some(link) = links.first().filter(|_| self.share && io::stderr().is_terminal()) {
            // As they stand above the code, where the links were said.
            lines.splice(0..0, inet().flat_map(|(at, machine)| elsewhere(&at, self, machine)));
            let again: Vec<String> = std::iter::once(link.clone()).chain(certificate).collect();
            reporter.picture(&qr::printed_behind(link, &lines, &again));
        }
    }
}

fn expiry(text: &str) -> Result<Expiry, String> {
    match text {
        "never" => Ok(Expiry::Never),
        text => match time(text) {
            Ok(time) if !time.is_zero() => Ok(Expiry::After(time)),
            Ok(_) => Err("it must be more than nothing".to_owned()),
            Err(error) => Err(format!("not never, and {error}")),
        },
    }
}

/// `5MB/s`, `5m`, `500kB/s`: powers of 1024, bytes.
fn rate(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    if number.ends_with('b') {
        return Err("write B for bytes: 5MB/s".to_owned());
    }
    match units::parse_size(number) {
        Ok(0) => Err("it must be more than nothing".to_owned()),
        Ok(rate) => Ok(rate),
        Err(_) => Err("not a rate: write 5MB/s, 500kB/s or 500k (powers of 1024)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_is_bytes_a_second_however_it_is_written() {
        for (text, bytes) in [("5MB/s", 5 << 20), ("5m", 5 << 20), ("500kB", 500 << 10), ("1000", 1000), ("1B/s", 1)] {
            assert_eq!(rate(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "5Mb/s", "5 MB/s", "MB/s", "5MB/min", "-1"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
