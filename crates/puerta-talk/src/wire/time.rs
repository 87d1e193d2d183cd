//! Times as text, in UTC: the system's time zones are not asked.

use std::time::{SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// As RFC 3339 writes it, to the millisecond: `2025-11-20T15:26:00.250Z`. Before 1970 is 1970, after 9999 is the end of 9999.
///
/// ```
/// use puerta_talk::wire::time::rfc3339;
/// use std::time::{Duration, UNIX_EPOCH};
/// assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(1_763_652_360_250)), "2025-11-20T15:26:00.250Z");
/// ```
pub fn rfc3339(at: SystemTime) -> String {
    let Civil { year, month, day, hour, minute, second, millis, .. } = civil(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// As asctime(3) writes it, without the newline: `Thu Nov 20 15:26:00 2025`, 24 bytes.
///
/// ```
/// use puerta_talk::wire::time::asctime;
/// use std::time::{Duration, UNIX_EPOCH};
/// assert_eq!(asctime(UNIX_EPOCH + Duration::from_secs(1_763_652_360)), "Thu Nov 20 15:26:00 2025");
/// ```
pub fn asctime(at: SystemTime) -> String {
    let Civil { year, month, day, hour, minute, second, weekday, .. } = civil(at);
    let name = |names: &[&'static str], at: u64| usize::try_from(at).ok().and_then(|at| names.get(at).copied());
    let (weekday, month) = (name(&DAYS, weekday).unwrap_or_default(), name(&MONTHS, month - 1).unwrap_or_default());
    format!("{weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {year:04}")
}

struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    millis: u32,
    /// 0 is Thursday: the first of January 1970.
    weekday: u64,
}

/// The end of the year 9999.
const LAST: u64 = 253_402_300_799;

/// The proleptic Gregorian calendar (POSIX, "Seconds Since the Epoch"). Years begin in March, so that the leap day is their last.
fn civil(at: SystemTime) -> Civil {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().min(LAST);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since the first of March of the year 0; an era is 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    Civil {
        year: era * 400 + year_of_era + u64::from(month <= 2),
        month,
        day: day_of_year - (153 * from_march + 2) / 5 + 1,
        hour: rest / 3600,
        minute: rest / 60 % 60,
        second: rest % 60,
        millis: since.subsec_millis(),
        weekday: days % 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn both(seconds: u64) -> (String, String) {
        let at = UNIX_EPOCH + Duration::from_secs(seconds);
        (rfc3339(at), asctime(at))
    }

    #[test]
    fn days_that_calendars_get_wrong_are_right() {
        let at = |seconds, text: &str, classic: &str| assert_eq!(both(seconds), (text.into(), classic.into()));
        at(0, "1970-01-01T00:00:00.000Z", "Thu Jan  1 00:00:00 1970");
        at(951_782_399, "2000-02-28T23:59:59.000Z", "Mon Feb 28 23:59:59 2000");
        at(951_782_400, "2000-02-29T00:00:00.000Z", "Tue Feb 29 00:00:00 2000");
        at(4_107_542_400, "2100-03-01T00:00:00.000Z", "Mon Mar  1 00:00:00 2100");
        at(LAST, "9999-12-31T23:59:59.000Z", "Fri Dec 31 23:59:59 9999");
    }

    #[test]
    fn a_clock_that_is_off_is_no_panic() {
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
        assert_eq!(asctime(UNIX_EPOCH + Duration::from_secs(1 << 50)).len(), 24);
    }
}
