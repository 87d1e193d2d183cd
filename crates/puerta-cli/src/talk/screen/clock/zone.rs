//! The user's time zone: TZ, else /etc/localtime (RFC 8536, tzfile(5); the rule in its footer is that of POSIX, tzset(3)).

use super::Moment;
use std::sync::OnceLock;

/// Where zones lie by name.
const FOLDER: &str = "/usr/share/zoneinfo";
/// The longest file that is taken for a zone, in bytes.
const LONGEST: usize = 1 << 20;

/// Offsets from Greenwich over time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Zone {
    /// From when on (seconds since 1970), which offset; in order.
    changes: Vec<(i64, i64)>,
    /// Before the first of them.
    first: i64,
    /// Behind the last of them.
    rule: Option<Rule>,
}

/// What holds for good: an offset, and another one for a part of each year.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    usual: i64,
    /// The other offset, and the days and seconds at which it begins and ends.
    summer: Option<(i64, Day, Day)>,
}

/// A day of each year and a second of it, by the clock that is about to change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Day {
    /// Month, week (5 is the last), weekday from Sunday; or a day of the year counted from 0, and whether 29 February counts.
    when: When,
    second: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    Week(i64, i64, i64),
    OfYear(i64, bool),
}

/// Seconds east of Greenwich where the user is, at a time in milliseconds since 1970. Greenwich where nothing tells.
pub(crate) fn offset(at: i64) -> i64 {
    static ZONE: OnceLock<Zone> = OnceLock::new();
    ZONE.get_or_init(zone).offset(at.div_euclid(1000))
}

fn zone() -> Zone {
    let file = |path: &str| std::fs::read(path).ok().filter(|b| b.len() <= LONGEST).and_then(|b| tzfile(&b));
    let Ok(name) = std::env::var("TZ") else { return file("/etc/localtime").unwrap_or_default() };
    let name = name.strip_prefix(':').unwrap_or(&name);
    let named = (!name.is_empty() && !name.contains(".."))
        .then(|| if name.starts_with('/') { file(name) } else { file(&format!("{FOLDER}/{name}")) });
    let rule = || rule(name).map(|rule| Zone { rule: Some(rule), ..Zone::default() });
    named.flatten().or_else(rule).unwrap_or_default()
}

impl Zone {
    fn offset(&self, at: i64) -> i64 {
        let behind = self.changes.partition_point(|(from, _)| *from <= at);
        match (behind.checked_sub(1).and_then(|i| self.changes.get(i)), &self.rule) {
            (_, Some(rule)) if behind == self.changes.len() => rule.offset(at),
            (Some((_, offset)), _) => *offset,
            (None, _) => self.first,
        }
    }
}

impl Rule {
    fn offset(&self, at: i64) -> i64 {
        let Some((summer, start, end)) = &self.summer else { return self.usual };
        let year = Moment::of(at.saturating_mul(1000), self.usual).year;
        let start = start.second_of(year) - self.usual;
        let end = end.second_of(year) - summer;
        let is_summer = if start < end { (start..end).contains(&at) } else { !(end..start).contains(&at) };
        if is_summer { *summer } else { self.usual }
    }
}

impl Day {
    /// Seconds since 1970 by the clock on the wall.
    fn second_of(&self, year: i64) -> i64 {
        let leap = i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        let january = super::days(year, 1, 1);
        let day = match self.when {
            When::OfYear(day, true) => january + day,
            When::OfYear(day, false) => january + day - 1 + if day >= 60 { leap } else { 0 },
            When::Week(month, week, weekday) => {
                let first = super::days(year, month, 1);
                let next = if month == 12 { super::days(year + 1, 1, 1) } else { super::days(year, month + 1, 1) };
                // 1970 began on a Thursday.
                let day = first + (weekday - (first + 4)).rem_euclid(7) + 7 * (week - 1);
                if day >= next { day - 7 } else { day }
            }
        };
        day * 86_400 + self.second
    }
}

/// A file of version 2 or later; its first block, for programs of old, is passed over.
fn tzfile(bytes: &[u8]) -> Option<Zone> {
    let (_, rest) = counts(bytes)?.split(bytes, 4)?;
    let block = counts(rest)?;
    let (body, footer) = block.split(rest, 8)?;
    let Counts([_, _, _, times, types, _]) = block;
    let (at, body) = body.split_at_checked(times * 8)?;
    let (which, body) = body.split_at_checked(times)?;
    let types = body.get(..types * 6)?;
    let offset = |i: usize| Some(i64::from(i32::from_be_bytes(types.get(i * 6..i * 6 + 4)?.try_into().ok()?)));
    let at = at.chunks_exact(8).filter_map(|b| Some(i64::from_be_bytes(b.try_into().ok()?)));
    let changes = at.zip(which).map(|(at, which)| Some((at, offset(usize::from(*which))?)));
    let footer = footer.strip_prefix(b"\n").and_then(|f| f.split(|b| *b == b'\n').next()).unwrap_or_default();
    let rule = std::str::from_utf8(footer).ok().and_then(rule);
    Some(Zone { changes: changes.collect::<Option<_>>()?, first: offset(0)?, rule })
}

/// How much of each there is: isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt.
#[derive(Clone, Copy)]
struct Counts([usize; 6]);

fn counts(bytes: &[u8]) -> Option<Counts> {
    bytes.strip_prefix(b"TZif").filter(|rest| rest.first().is_some_and(|version| *version >= b'2'))?;
    let mut counts = [0; 6];
    for (count, four) in counts.iter_mut().zip(bytes.get(20..44)?.chunks_exact(4)) {
        *count = usize::try_from(u32::from_be_bytes(four.try_into().ok()?)).ok().filter(|n| *n <= LONGEST)?;
    }
    Some(Counts(counts))
}

impl Counts {
    /// What is in a block whose times have so many bytes, and what is behind it.
    fn split(self, bytes: &[u8], time: usize) -> Option<(&[u8], &[u8])> {
        let Counts([utc, standard, leaps, times, types, letters]) = self;
        let body = times * (time + 1) + types * 6 + letters + leaps * (time + 4) + standard + utc;
        bytes.get(44..)?.split_at_checked(body)
    }
}

/// `CET-1CEST,M3.5.0,M10.5.0/3`.
fn rule(text: &str) -> Option<Rule> {
    let (usual, rest) = offset_of(name(text)?)?;
    let usual = -usual;
    if rest.is_empty() {
        return Some(Rule { usual, summer: None });
    }
    let rest = name(rest)?;
    let (summer, rest) = if rest.starts_with(',') || rest.is_empty() {
        (usual + 3600, rest)
    } else {
        let (offset, rest) = offset_of(rest)?;
        (-offset, rest)
    };
    let days = if rest.is_empty() { "M3.2.0,M11.1.0" } else { rest.strip_prefix(',')? };
    let (start, end) = days.split_once(',')?;
    Some(Rule { usual, summer: Some((summer, day(start)?, day(end)?)) })
}

/// What is behind a name: letters, or anything between `<` and `>`.
fn name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>').map(|(_, rest)| rest);
    }
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    (text.len() - rest.len() >= 3).then_some(rest)
}

/// `-5:30:00` in seconds, and what is behind it.
fn offset_of(text: &str) -> Option<(i64, &str)> {
    let (sign, body) = match text.strip_prefix('-') {
        Some(body) => (-1, body),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = body.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(body.len());
    let (number, rest) = body.split_at_checked(end)?;
    let mut seconds = 0;
    for (part, unit) in number.split(':').zip([3600, 60, 1]) {
        seconds += part.parse::<i64>().ok().filter(|n| *n <= 167)? * unit;
    }
    Some((sign * seconds, rest))
}

fn day(text: &str) -> Option<Day> {
    let (day, time) = text.split_once('/').unwrap_or((text, "2"));
    let number = |text: &str, most: i64| text.parse::<i64>().ok().filter(|n| (0..=most).contains(n));
    let when = if let Some(week) = day.strip_prefix('M') {
        let mut parts = week.split('.');
        let month = number(parts.next()?, 12).filter(|n| *n > 0)?;
        When::Week(month, number(parts.next()?, 5).filter(|n| *n > 0)?, number(parts.next()?, 6)?)
    } else if let Some(day) = day.strip_prefix('J') {
        When::OfYear(number(day, 365)?, false)
    } else {
        When::OfYear(number(day, 365)?, true)
    };
    offset_of(time).filter(|(_, rest)| rest.is_empty()).map(|(second, _)| Day { when, second })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-29 and 2026-10-25, 01:00 in Greenwich: when Madrid changes its clocks.
    const SPRING: i64 = 1_774_746_000;
    const AUTUMN: i64 = 1_792_890_000;

    #[test]
    fn a_rule_changes_the_clocks_when_it_says() {
        let madrid = rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        assert_eq!((madrid.offset(SPRING - 1), madrid.offset(SPRING)), (3600, 7200));
        assert_eq!((madrid.offset(AUTUMN - 1), madrid.offset(AUTUMN)), (7200, 3600));
        // South of the equator summer goes over the new year; half hours, too.
        let adelaide = rule("ACST-9:30ACDT,M10.1.0,M4.1.0/3").unwrap();
        assert_eq!((adelaide.offset(1_767_225_600), adelaide.offset(1_782_864_000)), (37_800, 34_200));
        assert_eq!(rule("<+0545>-5:45").unwrap().offset(0), 20_700);
        assert_eq!(rule("EST5EDT").unwrap().offset(1_782_864_000), -14_400);
        for wrong in ["", "x", "CET", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0", "CET-999"] {
            assert_eq!(rule(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_tells_the_past_and_its_footer_the_future() {
        let header = |version: u8, times: u32, types: u32| {
            let mut bytes = b"TZif".to_vec();
            bytes.push(version);
            bytes.extend([0; 15]);
            [0, 0, 0, times, types, 4].iter().for_each(|n: &u32| bytes.extend(n.to_be_bytes()));
            bytes
        };
        let types: Vec<u8> = [0_i32, 3600].iter().flat_map(|n| [&n.to_be_bytes()[..], &[0, 0]].concat()).collect();
        let old = [header(b'2', 0, 1), vec![0; 6], b"UTC\0".to_vec()].concat();
        let new = [header(b'2', 1, 2), 1000_i64.to_be_bytes().to_vec(), vec![1], types, b"CET\0\nIST-2\n".to_vec()];
        let whole = [old, new.concat()].concat();
        let zone = tzfile(&whole).unwrap();
        assert_eq!((zone.offset(999), zone.offset(1000)), (0, 7200));
        let past = Zone { rule: None, ..zone };
        assert_eq!((past.offset(999), past.offset(1000)), (0, 3600));
        for end in 0..whole.len() - 8 {
            assert!(tzfile(&whole[..end]).is_none() || end > 44, "{end}");
        }
    }
}
