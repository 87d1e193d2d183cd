//! The hubs that are remembered, and their file's text: no I/O.
//!
//! `hubs.toml` (TOML 1.0) has a table for each hub:
//!
//! ```toml
//! [[hub]]
//! name = "ana"
//! addresses = ["10.0.0.5:7777"]
//! key = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI"   # base64url
//! room = "main"
//! trust = "agreed"                                       # or invited, compared
//! last_used = 1763650000                                 # seconds since 1970
//! ```
//!
//! A key of the table that is not one of these is refused, not dropped: a newer puerta may have written it.

use crate::invite::Place;
use crate::problem::Problem;
use crate::room::ids::Device;
use crate::room::rooms::may_be_called;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// Hubs that are remembered, at most.
pub const HUBS: usize = 256;
/// Addresses of each; the oldest go.
pub const ADDRESSES: usize = 8;
/// Bytes of a hub's name, and of its room's.
pub const NAME: u32 = 32;

/// Why a hub is trusted, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Somebody agreed to the key that it showed first: unverified.
    Agreed,
    /// Its key came in an invite.
    Invited,
    /// Its fingerprint was compared.
    Compared,
}

/// A hub that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHub {
    /// Its name, 1 to 32 bytes that [may be a name](may_be_called); whatever the case, none has it twice.
    pub name: String,
    /// Where it was found, the last place first; at most 8.
    pub addresses: Vec<Place>,
    /// Its key.
    pub key: Device,
    /// The room that was joined last, named by the same rule.
    pub room: String,
    /// Why it is trusted.
    pub trust: Trust,
    /// When it was joined last, in seconds since 1970-01-01 UTC.
    pub last_used: u64,
}

/// What a hub is that announces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighted<'a> {
    /// Its key is remembered, whatever its name.
    Known(&'a KnownHub),
    /// Nothing of it is.
    New,
    /// Its name is remembered for this hub, which has another key and was found elsewhere: another machine of the same name, one
    /// that was set up anew, or somebody who pretends.
    Namesake(&'a KnownHub),
}

/// All that are remembered, at most [`HUBS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hubs(Vec<KnownHub>);

/// What is wrong with the text, and in which line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damaged {
    pub(super) line: usize,
    pub(super) reason: String,
}

impl Hubs {
    /// All of them, as they were remembered.
    pub fn all(&self) -> &[KnownHub] {
        &self.0
    }

    /// The hub of that name, whatever the case.
    pub fn named(&self, name: &str) -> Option<&KnownHub> {
        self.0.iter().find(|hub| same_name(&hub.name, name))
    }

    /// The hub that was found there.
    pub fn at(&self, place: &Place) -> Option<&KnownHub> {
        self.0.iter().find(|hub| hub.addresses.contains(place))
    }

    /// The hub with this key.
    pub fn with_key(&self, key: Device) -> Option<&KnownHub> {
        self.0.iter().find(|hub| hub.key == key)
    }

    /// What a hub that announces itself is: names are given by nobody, so one that is remembered for another key is only a warning.
    ///
    /// # Errors
    /// [`Problem::KeyChanged`] where another key is remembered for the name and one of the places together, and this one is not known.
    pub fn sighted(&self, name: &str, places: &[Place], shown: Device) -> Result<Sighted<'_>, Problem> {
        if let Some(known) = self.with_key(shown) {
            return Ok(Sighted::Known(known));
        }
        match self.named(name) {
            None => Ok(Sighted::New),
            Some(hub) if hub.addresses.iter().any(|place| places.contains(place)) => Err(changed(hub, shown)),
            Some(hub) => Ok(Sighted::Namesake(hub)),
        }
    }

    /// Whether a hub that was asked for by this name or at these places may show this key: the hub that is remembered with it, or
    /// `None` for a new one.
    ///
    /// # Errors
    /// [`Problem::KeyChanged`] where another key is remembered for the name or one of the places.
    pub fn check(&self, name: Option<&str>, places: &[Place], shown: Device) -> Result<Option<&KnownHub>, Problem> {
        let by_name = name.and_then(|name| self.named(name));
        let by_place = places.iter().filter_map(|place| self.at(place));
        match by_name.into_iter().chain(by_place).find(|hub| hub.key != shown) {
            Some(hub) => Err(changed(hub, shown)),
            None => Ok(self.with_key(shown)),
        }
    }

    /// Remembers a hub, or what is new of one: its name and room, its addresses in front of the old ones. Trust only grows. What
    /// belongs to another hub stays with it: an address is left out, and a name gets a number (`ana-2`).
    ///
    /// # Errors
    /// [`Problem::KeyChanged`], [`Problem::HubName`], [`Problem::TooManyHubs`]; nothing has changed then.
    pub fn remember(&mut self, mut hub: KnownHub) -> Result<(), Problem> {
        for name in [&hub.name, &hub.room] {
            if !may_be_called(name, NAME) {
                return Err(Problem::HubName { name: name.clone() });
            }
        }
        self.sighted(&hub.name, &hub.addresses, hub.key)?;
        let of_another = |old: &&KnownHub| old.key != hub.key;
        if self.named(&hub.name).filter(of_another).is_some() {
            let before = self.with_key(hub.key).map(|old| old.name.clone());
            hub.name = before.unwrap_or_else(|| self.free_name(&hub.name));
        }
        let key = hub.key;
        hub.addresses.retain(|place| self.at(place).is_none_or(|other| other.key == key));
        let full = self.0.len() >= HUBS;
        let old = self.0.iter_mut().find(|old| old.key == hub.key);
        if let Some(old) = &old {
            hub.addresses.extend(old.addresses.iter().cloned());
            hub.trust = hub.trust.max(old.trust);
            hub.last_used = hub.last_used.max(old.last_used);
        }
        let mut addresses: Vec<Place> = Vec::new();
        for place in hub.addresses {
            if !addresses.contains(&place) && addresses.len() < ADDRESSES {
                addresses.push(place);
            }
        }
        hub.addresses = addresses;
        match old {
            Some(old) => *old = hub,
            None if full => return Err(Problem::TooManyHubs { limit: HUBS }),
            None => self.0.push(hub),
        }
        Ok(())
    }

    /// The name with the first number that none has, cut where it would be too long.
    fn free_name(&self, name: &str) -> String {
        let numbered = |n: usize| {
            let number = format!("-{n}");
            let mut end = name.len().min(NAME as usize - number.len());
            while !name.is_char_boundary(end) {
                end -= 1;
            }
            format!("{}{number}", name.get(..end).unwrap_or_default())
        };
        // There are fewer hubs than numbers.
        (2..=HUBS + 2).map(numbered).find(|name| self.named(name).is_none()).unwrap_or_default()
    }

    /// Forgets the hub of that name, and gives it back.
    ///
    /// # Errors
    /// [`Problem::UnknownHub`].
    pub fn forget(&mut self, name: &str) -> Result<KnownHub, Problem> {
        match self.0.iter().position(|hub| same_name(&hub.name, name)) {
            Some(at) => Ok(self.0.remove(at)),
            None => Err(Problem::UnknownHub { name: name.to_owned() }),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Damaged> {
        let damaged = |at: usize, reason: String| Damaged { line: line_of(text, at), reason };
        let file: FileIn = toml::from_str(text)
            .map_err(|error| damaged(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let mut hubs = Hubs::default();
        for table in file.hub {
            let at = table.span().start;
            let hub = table.into_inner().hub().map_err(|(at, reason)| damaged(at, reason.to_owned()))?;
            let twice = hubs.with_key(hub.key).is_some()
                || hubs.named(&hub.name).is_some()
                || hub.addresses.iter().any(|place| hubs.at(place).is_some());
            if twice {
                return Err(damaged(at, "its name, its key or an address of it stands there twice".to_owned()));
            }
            if hubs.0.len() == HUBS {
                return Err(damaged(at, format!("it has more than {HUBS} hubs")));
            }
            hubs.0.push(hub);
        }
        Ok(hubs)
    }

    pub(super) fn print(&self) -> Result<String, toml::ser::Error> {
        let hub = self.0.iter().map(TableOut::of).collect();
        Ok(format!("{HEAD}{}", toml::to_string(&FileOut { hub })?))
    }
}

const HEAD: &str = "# The hubs that puerta talk remembers. To forget one: puerta talk forget NAME\n\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileIn {
    #[serde(default)]
    hub: Vec<Spanned<TableIn>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableIn {
    name: Spanned<String>,
    addresses: Spanned<Vec<Spanned<String>>>,
    key: Spanned<String>,
    room: Spanned<String>,
    trust: Trust,
    last_used: u64,
}

impl TableIn {
    /// The hub, or where it is wrong.
    fn hub(self) -> Result<KnownHub, (usize, &'static str)> {
        for name in [&self.name, &self.room] {
            if !may_be_called(name.get_ref(), NAME) {
                return Err((name.span().start, "this is no name of a hub or a room"));
            }
        }
        if self.addresses.get_ref().len() > ADDRESSES {
            return Err((self.addresses.span().start, "a hub has at most 8 addresses"));
        }
        let place = |text: &Spanned<String>| {
            text.get_ref().parse::<Place>().map_err(|_| (text.span().start, "this is no host:port"))
        };
        let key = BASE64URL_NOPAD.decode(self.key.get_ref().as_bytes()).ok().and_then(|key| key.try_into().ok());
        Ok(KnownHub {
            key: Device(key.ok_or((self.key.span().start, "this is no key"))?),
            addresses: self.addresses.get_ref().iter().map(place).collect::<Result<_, _>>()?,
            name: self.name.into_inner(),
            room: self.room.into_inner(),
            trust: self.trust,
            last_used: self.last_used,
        })
    }
}

#[derive(Serialize)]
struct FileOut<'a> {
    hub: Vec<TableOut<'a>>,
}

#[derive(Serialize)]
struct TableOut<'a> {
    name: &'a str,
    addresses: Vec<String>,
    key: String,
    room: &'a str,
    trust: Trust,
    last_used: u64,
}

impl<'a> TableOut<'a> {
    fn of(hub: &'a KnownHub) -> Self {
        TableOut {
            name: &hub.name,
            addresses: hub.addresses.iter().map(Place::to_string).collect(),
            key: BASE64URL_NOPAD.encode(&hub.key.0),
            room: &hub.room,
            trust: hub.trust,
            // TOML has 63 bits.
            last_used: hub.last_used.min(i64::MAX as u64),
        }
    }
}

fn changed(hub: &KnownHub, shown: Device) -> Problem {
    Problem::KeyChanged { name: hub.name.clone(), remembered: hub.key, shown }
}

fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|b| *b == b'\n').count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#[path = "hubs_tests.rs"]
mod tests;
