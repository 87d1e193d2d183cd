//! Times of day and dates from milliseconds since 1970.

mod zone;

pub(crate) use zone::offset;

/// A moment as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    pub(crate) millisecond: u32,
}

/// Years before and after 1970 up to which a time is taken seriously: a hub can send any number.
const MOST: i64 = 250_000 * 366 * 86_400_000;

impl Moment {
    /// At an offset of so many seconds east of Greenwich.
    pub(crate) fn of(at: i64, offset: i64) -> Self {
        let at = at.clamp(-MOST, MOST) + offset.clamp(-86_400, 86_400) * 1000;
        let (days, rest) = (at.div_euclid(86_400_000), at.rem_euclid(86_400_000));
        let (year, month, day) = civil(days);
        let part = |unit: i64, of: i64| u32::try_from(rest / unit % of).unwrap_or(0);
        Moment {
            year,
            month,
            day,
            hour: part(3_600_000, 24),
            minute: part(60_000, 60),
            second: part(1000, 60),
            millisecond: part(1, 1000),
        }
    }

    /// `10:32`.
    pub(crate) fn time(&self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }

    /// `2026-11-20`.
    pub(crate) fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// RFC 3339 in UTC, with milliseconds: `2026-11-20T10:32:05.120Z`.
pub(crate) fn rfc3339(at: i64) -> String {
    let m = Moment::of(at, 0);
    format!("{}T{:02}:{:02}:{:02}.{:03}Z", m.date(), m.hour, m.minute, m.second, m.millisecond)
}

/// The date of a day counted from 1970-01-01 in the Gregorian calendar: years from March, in eras of 400 years.
fn civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

/// The day of a date, counted from 1970-01-01: the reverse of `civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_says() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_170_725_120), "2026-11-20T10:32:05.120Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
        assert!(!rfc3339(i64::MAX).is_empty() && !rfc3339(i64::MIN).is_empty());
    }

    #[test]
    fn dates_and_days_are_each_others_reverse() {
        for day in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month.into(), of_month.into()), day);
        }
    }

    #[test]
    fn an_offset_moves_the_day() {
        let moment = Moment::of(0, -3600);
        assert_eq!((moment.date().as_str(), moment.time().as_str()), ("1969-12-31", "23:00"));
    }
}
