//! What a hub says of itself to whoever looks for one, as one datagram; the question; and which of two hubs gives way.
//! No I/O.
//!
//! Both datagrams begin with 11 bytes `puerta-talk`, a sign (`?` or `!`), the version (1), and the 8 bytes of the asking
//! process. The question is padded with zeros to 512 bytes, and no answer is longer: whoever forges the source of a
//! question gains nothing. Numbers are little-endian.

use crate::room::ids::Device;
use std::net::IpAddr;
use std::time::Duration;

/// How long a question is, in bytes, and an answer at most.
pub const QUESTION: usize = 512;
/// The longest name of a hub or of a room, in bytes of UTF-8.
pub const NAME: usize = 32;
/// How many addresses an announcement has at most; those behind are left out.
pub const ADDRESSES: usize = 8;
/// Two hubs that were opened within this time of each other, both without arguments, become one.
pub const TOGETHER: Duration = Duration::from_secs(10);
/// How long a hub that was opened without arguments looks for another, and can give way: its age.
pub const UNSETTLED: Duration = Duration::from_secs(15);
/// By how much another hub may seem younger than it is: 2 s for the network, 2 s for what mDNS tells late.
pub const LATE: Duration = Duration::from_secs(4);

const MAGIC: &[u8] = b"puerta-talk";
const ASKS: u8 = b'?';
const ANSWERS: u8 = b'!';
const VERSION: u8 = 1;
const V4: u8 = 4;
const V6: u8 = 6;
/// Both names with their lengths, the addresses with their signs, and what has always the same length.
const LONGEST: usize = MAGIC.len() + 2 + 8 + 32 + 8 + 4 + 2 + 1 + 2 * (1 + NAME) + 1 + ADDRESSES * 17;
const _: () = assert!(LONGEST <= QUESTION, "an answer is never longer than its question");

/// A random number of a process, so that it knows itself when it hears itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process(pub [u8; 8]);

/// What a hub says of itself. Nothing of it is proven: the key is, when one connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Its key.
    pub hub: Device,
    /// Its process.
    pub process: Process,
    /// Its name, up to [`NAME`] bytes: text from outside, to be made visible before it is shown.
    pub name: String,
    /// The room that it was opened with, up to [`NAME`] bytes; the same holds for it.
    pub room: String,
    /// Its UDP port, for QUIC; not 0.
    pub port: u16,
    /// Its addresses, the likeliest first, up to [`ADDRESSES`]. One that announces with none here gives those of its
    /// interfaces, as they are when it is asked.
    pub addresses: Vec<IpAddr>,
    /// How long ago it was opened, by a clock that only goes forward; whole milliseconds, up to 49 days.
    pub age: Duration,
    /// It was opened without arguments: only such hubs give way to each other.
    pub without_arguments: bool,
}

/// Why something cannot be announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// The hub's name is longer than [`NAME`] bytes.
    Name,
    /// The room's name is.
    Room,
    /// The port is 0.
    Port,
}

impl Announcement {
    /// Whether it can be announced.
    ///
    /// # Errors
    /// A name that is too long, or port 0.
    pub fn check(&self) -> Result<(), Unfit> {
        match self {
            _ if self.name.len() > NAME => Err(Unfit::Name),
            _ if self.room.len() > NAME => Err(Unfit::Room),
            _ if self.port == 0 => Err(Unfit::Port),
            _ => Ok(()),
        }
    }

    /// Which hub it is of: a hub that was started anew is another.
    pub fn id(&self) -> (Device, Process) {
        (self.hub, self.process)
    }
}

/// Whether our hub gives way to theirs: its members are asked to move there, and it closes. Both were opened without
/// arguments, within [`TOGETHER`] of each other, and theirs has the lower key (the lower process, where the keys are
/// the same). Each age is as it was when `theirs` was received, so theirs seems younger by the time that it was on its way.
///
/// Only the higher key ever gives way, so never both do; and it allows for [`LATE`], so never do both stay that were opened
/// within [`TOGETHER`], as long as it hears of the other while it is [`UNSETTLED`]. Of two that were opened between
/// `TOGETHER` and `TOGETHER + LATE` apart, the higher key may give way or not: it depends on the network, but it alone
/// decides. Beyond that both stay. A hub that is older than [`UNSETTLED`] never gives way: nobody can collect its room.
pub fn yields(ours: &Announcement, theirs: &Announcement) -> bool {
    ours.without_arguments
        && theirs.without_arguments
        && theirs.id() < ours.id()
        && ours.age <= UNSETTLED
        && theirs.age <= ours.age + TOGETHER
        && ours.age <= theirs.age.saturating_add(TOGETHER + LATE)
}

/// A question, asked by `process`.
pub fn question(process: Process) -> [u8; QUESTION] {
    let mut datagram = [0; QUESTION];
    let head = head(ASKS, process);
    for (to, from) in datagram.iter_mut().zip(head) {
        *to = from;
    }
    datagram
}

/// Who asks, if the datagram is a question.
pub fn asker(datagram: &[u8]) -> Option<Process> {
    let (process, padding) = read_head(ASKS, datagram)?;
    (datagram.len() == QUESTION && padding.iter().all(|b| *b == 0)).then_some(process)
}

/// The answer to a question of `asker`. Names are cut to [`NAME`] bytes, addresses to [`ADDRESSES`].
pub fn answer(asker: Process, announcement: &Announcement) -> Vec<u8> {
    let mut out: Vec<u8> = head(ANSWERS, asker).collect();
    out.extend(announcement.hub.0);
    out.extend(announcement.process.0);
    out.extend(u32::try_from(announcement.age.as_millis()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(announcement.port.to_le_bytes());
    out.push(u8::from(announcement.without_arguments));
    for name in [&announcement.name, &announcement.room] {
        let name = cut(name);
        out.push(name.len() as u8);
        out.extend(name.as_bytes());
    }
    out.push(announcement.addresses.len().min(ADDRESSES) as u8);
    for address in announcement.addresses.iter().take(ADDRESSES) {
        match address {
            IpAddr::V4(v4) => {
                out.push(V4);
                out.extend(v4.octets());
            }
            IpAddr::V6(v6) => {
                out.push(V6);
                out.extend(v6.octets());
            }
        }
    }
    out
}

/// Who had asked, and what is announced, if the datagram is an answer. Every answer has one form alone.
pub fn announced(datagram: &[u8]) -> Option<(Process, Announcement)> {
    let (asker, rest) = read_head(ANSWERS, datagram)?;
    let mut rest = Rest(rest);
    let hub = Device(rest.array()?);
    let process = Process(rest.array()?);
    let age = Duration::from_millis(u32::from_le_bytes(rest.array()?).into());
    let port = u16::from_le_bytes(rest.array()?);
    let without_arguments = match rest.byte()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let (name, room) = (rest.name()?, rest.name()?);
    let count = usize::from(rest.byte()?);
    if count > ADDRESSES {
        return None;
    }
    let addresses = (0..count).map(|_| rest.address()).collect::<Option<_>>()?;
    let announcement = Announcement { hub, process, name, room, port, addresses, age, without_arguments };
    (rest.0.is_empty() && announcement.check().is_ok()).then_some((asker, announcement))
}

fn head(sign: u8, process: Process) -> impl Iterator<Item = u8> {
    MAGIC.iter().copied().chain([sign, VERSION]).chain(process.0)
}

fn read_head(sign: u8, datagram: &[u8]) -> Option<(Process, &[u8])> {
    let rest = datagram.strip_prefix(MAGIC)?.strip_prefix(&[sign, VERSION])?;
    let (process, rest) = rest.split_first_chunk()?;
    Some((Process(*process), rest))
}

/// What fits of a name, whole characters.
fn cut(name: &str) -> &str {
    let end = (0..=NAME.min(name.len())).rev().find(|at| name.is_char_boundary(*at));
    end.and_then(|at| name.get(..at)).unwrap_or_default()
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn name(&mut self) -> Option<String> {
        let length = usize::from(self.byte()?);
        let (name, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(name).ok().map(str::to_owned)
    }

    fn address(&mut self) -> Option<IpAddr> {
        match self.byte()? {
            V4 => self.array::<4>().map(IpAddr::from),
            V6 => self.array::<16>().map(IpAddr::from),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hub(key: u8, age: Duration) -> Announcement {
        Announcement {
            hub: Device([key; 32]),
            process: Process([key; 8]),
            name: "ana".into(),
            room: "main".into(),
            port: 7777,
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            age,
            without_arguments: true,
        }
    }

    fn any_hub() -> impl Strategy<Value = Announcement> {
        let address = prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)];
        let names = ("\\PC{0,8}", "\\PC{0,8}");
        let numbers = (any::<[u8; 32]>(), any::<[u8; 8]>(), any::<u32>(), 1u16.., any::<bool>());
        (numbers, names, proptest::collection::vec(address, 0..=ADDRESSES)).prop_map(|(numbers, names, addresses)| {
            let (key, process, age, port, without_arguments) = numbers;
            let (name, room) = names;
            let age = Duration::from_millis(age.into());
            let (hub, process) = (Device(key), Process(process));
            Announcement { hub, process, name, room, port, addresses, age, without_arguments }
        })
    }

    proptest! {
        #[test]
        fn what_is_announced_is_read_as_it_was_and_is_never_longer_than_the_question(
            hub in any_hub(), process in any::<[u8; 8]>(),
        ) {
            let datagram = answer(Process(process), &hub);
            prop_assert!(datagram.len() <= QUESTION);
            prop_assert_eq!(announced(&datagram), Some((Process(process), hub)));
            for end in 0..datagram.len() {
                prop_assert_eq!(announced(&datagram[..end]), None, "cut at {}", end);
            }
            let longer = [&datagram[..], &[0]].concat();
            prop_assert_eq!(announced(&longer), None);
        }

        #[test]
        fn one_byte_changed_is_refused_or_read_as_what_it_is_then(
            hub in any_hub(), at in any::<prop::sample::Index>(), to in any::<u8>(),
        ) {
            let mut datagram = answer(Process([1; 8]), &hub);
            let at = at.index(datagram.len());
            datagram[at] = to;
            if let Some((asker, hub)) = announced(&datagram) {
                prop_assert_eq!(answer(asker, &hub), datagram);
            }
        }

        /// The one that was opened first and the other, each told of the other while it is unsettled.
        #[test]
        fn of_two_opened_within_10_s_exactly_the_higher_key_gives_way_whatever_the_network_delays_up_to_2_s(
            apart in 0..=10_000u64, delays in (0..=2_000u64, 0..=2_000u64), stale in (0..=2_000u64, 0..=2_000u64),
            later in (0..3_000u64, 0..3_000u64), keys in (any::<u8>(), any::<u8>()),
        ) {
            prop_assume!(keys.0 != keys.1);
            // When each announcement is received, in ms since the first hub was opened.
            let at_first = apart + delays.0 + later.0;
            let at_second = apart + delays.1 + later.1;
            prop_assert!(at_first <= 15_000);
            let first = told(keys, at_first, at_first.saturating_sub(apart + delays.0 + stale.0));
            let second = told((keys.1, keys.0), at_second - apart, at_second.saturating_sub(delays.1 + stale.1));
            prop_assert_eq!(first, keys.1 < keys.0);
            prop_assert_eq!(second, keys.0 < keys.1);
        }

        #[test]
        fn of_two_opened_at_any_time_never_both_give_way_and_beyond_the_edge_none_does(
            apart in 0..60_000u64, delays in (0..=2_000u64, 0..=2_000u64), later in (0..20_000u64, 0..20_000u64),
            keys in (any::<u8>(), any::<u8>()),
        ) {
            let (at_first, at_second) = (apart + delays.0 + later.0, apart + delays.1 + later.1);
            let first = told(keys, at_first, at_first - apart - delays.0);
            let second = told((keys.1, keys.0), at_second - apart, at_second - delays.1);
            prop_assert!(!(first && second));
            if apart > 14_000 {
                prop_assert!(!first && !second);
            }
        }

        #[test]
        fn of_two_hubs_with_any_ages_never_both_give_way(a in any_hub(), b in any_hub()) {
            prop_assert!(!(yields(&a, &b) && yields(&b, &a)));
            prop_assert!(!yields(&a, &a));
        }
    }

    /// Whether the hub of the first key gives way at that age, in ms, when it hears of the other.
    fn told(keys: (u8, u8), age: u64, theirs: u64) -> bool {
        yields(&hub(keys.0, Duration::from_millis(age)), &hub(keys.1, Duration::from_millis(theirs)))
    }

    #[test]
    fn the_lower_process_wins_where_the_keys_are_the_same() {
        let (mut a, mut b) = (hub(1, Duration::ZERO), hub(1, Duration::ZERO));
        (a.process, b.process) = (Process([1; 8]), Process([2; 8]));
        assert!(yields(&b, &a) && !yields(&a, &b));
    }

    #[test]
    fn a_hub_that_was_opened_with_arguments_or_has_settled_never_gives_way() {
        let young = Duration::from_secs(1);
        let asked_for = Announcement { without_arguments: false, ..hub(9, young) };
        assert!(!yields(&asked_for, &hub(1, young)));
        assert!(!yields(&hub(9, young), &Announcement { without_arguments: false, ..hub(1, young) }));
        assert!(yields(&hub(9, UNSETTLED), &hub(1, UNSETTLED)));
        assert!(!yields(&hub(9, UNSETTLED + Duration::from_millis(1)), &hub(1, UNSETTLED)));
    }

    #[test]
    fn the_edges_are_where_they_are_said_to_be() {
        let ms = Duration::from_millis;
        assert!(yields(&hub(2, ms(0)), &hub(1, ms(10_000))));
        assert!(!yields(&hub(2, ms(0)), &hub(1, ms(10_001))));
        assert!(yields(&hub(2, ms(14_000)), &hub(1, ms(0))));
        assert!(!yields(&hub(2, ms(14_001)), &hub(1, ms(0))));
        assert!(!yields(&hub(2, ms(0)), &hub(1, Duration::MAX)));
    }

    #[test]
    fn a_question_is_512_bytes_and_nothing_else_is_one() {
        let asked = question(Process(*b"12345678"));
        assert_eq!(asker(&asked), Some(Process(*b"12345678")));
        assert_eq!(asker(&asked[..511]), None);
        assert_eq!(asker(&[&asked[..], &[0]].concat()), None);
        let other_version = [&asked[..12], &[2], &asked[13..]].concat();
        assert_eq!(asker(&other_version), None);
        assert_eq!(asker(&answer(Process([0; 8]), &hub(1, Duration::ZERO))), None);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let long =
            Announcement { name: "ñ".repeat(20), room: "a".to_owned() + &"ñ".repeat(16), ..hub(1, Duration::ZERO) };
        assert_eq!(
            (long.check(), Announcement { name: String::new(), ..long.clone() }.check()),
            (Err(Unfit::Name), Err(Unfit::Room))
        );
        let (_, read) = announced(&answer(Process([0; 8]), &long)).unwrap();
        assert_eq!((read.name, read.room), ("ñ".repeat(16), "a".to_owned() + &"ñ".repeat(15)));
    }

    #[test]
    fn port_0_and_an_unknown_flag_are_no_announcement() {
        let datagram = answer(Process([0; 8]), &Announcement { port: 0, ..hub(1, Duration::ZERO) });
        assert_eq!(announced(&datagram), None);
        let mut datagram = answer(Process([0; 8]), &hub(1, Duration::ZERO));
        let flag = datagram.iter().rposition(|b| *b == 3).unwrap() - 1;
        assert_eq!((datagram[flag], datagram[flag + 2]), (1, b'a'));
        datagram[flag] = 2;
        assert_eq!(announced(&datagram), None);
    }
}
