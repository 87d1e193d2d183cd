//! Sizes and times as the command line and the address grammar write them.
//!
//! ```
//! use puerta::units::{parse_size, parse_time, print_size, print_time};
//! use std::time::Duration;
//!
//! assert_eq!(parse_size("64k"), Ok(65_536));
//! assert_eq!(parse_time("2m"), Ok(Duration::from_secs(120)));
//! assert_eq!(print_size(65_536), "64k");
//! assert_eq!(print_time(Duration::from_millis(1500)), "1500ms");
//! ```

use std::fmt;
use std::time::Duration;

/// Text that is no size or no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnitError {
    /// No number, or an unknown unit after it, where a size was expected.
    Size,
    /// No number, or an unknown unit after it, where a time was expected.
    Time,
    /// The number is larger than can be held: 2^64 - 1 bytes, or 2^64 - 1 seconds.
    TooLarge,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UnitError::Size => "not a size: write bytes, or 64k, 1m, 1g (powers of 1024)",
            UnitError::Time => "not a time: write 500ms, 10s, 2m, 1h or 1d; a bare number is seconds",
            UnitError::TooLarge => "the number is too large",
        })
    }
}

impl std::error::Error for UnitError {}

const SIZES: [(&str, u128); 4] = [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10), ("", 1)];

/// In nanoseconds.
const TIMES: [(&str, u128); 6] =
    [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", SECOND), ("ms", 1_000_000), ("us", 1000), ("ns", 1)];

/// A time may be given in days; it is printed in hours, as no reader has to ask whether a day has 24.
const DAY: (&str, u128) = ("d", 24 * 3_600_000_000_000);

const SECOND: u128 = 1_000_000_000;

/// A number of bytes: `1500`, `64k`, `1m`, `1g`, in powers of 1024; capitals are fine, and so is a `B` or `iB` behind it: `64kB`, `1GiB`. No fractions.
///
/// # Errors
/// [`UnitError::Size`] for other text, [`UnitError::TooLarge`] above 2^64 - 1.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text).ok_or(UnitError::Size)?;
    let in_bytes = unit.strip_suffix("iB").filter(|unit| !unit.is_empty()).or_else(|| unit.strip_suffix('B'));
    let unit = in_bytes.unwrap_or(unit);
    let (_, factor) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or(UnitError::Size)?;
    let bytes = digits(number)?.checked_mul(*factor).ok_or(UnitError::TooLarge)?;
    u64::try_from(bytes).map_err(|_| UnitError::TooLarge)
}

/// A length of time: `500ms`, `10s`, `2m`, `1h`, also `us` and `ns`; a bare number is seconds. No fractions.
///
/// # Errors
/// [`UnitError::Time`] for other text, [`UnitError::TooLarge`] above 2^64 - 1 seconds.
pub fn parse_time(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text).ok_or(UnitError::Time)?;
    let unit = if unit.is_empty() { "s" } else { unit };
    let (_, factor) = TIMES.iter().chain([&DAY]).find(|(name, _)| *name == unit).ok_or(UnitError::Time)?;
    let nanos = digits(number)?.checked_mul(*factor).ok_or(UnitError::TooLarge)?;
    let seconds = u64::try_from(nanos / SECOND).map_err(|_| UnitError::TooLarge)?;
    Ok(Duration::new(seconds, (nanos % SECOND) as u32))
}

/// The shortest text with a whole number from which [`parse_size`] reads the same size.
pub fn print_size(bytes: u64) -> String {
    let (number, unit) = whole(u128::from(bytes), &SIZES);
    format!("{number}{unit}")
}

/// The text with the largest unit from which [`parse_time`] reads the same time, to the nanosecond.
pub fn print_time(time: Duration) -> String {
    if time.is_zero() {
        return "0s".to_owned();
    }
    let (number, unit) = whole(time.as_nanos(), &TIMES);
    format!("{number}{unit}")
}

/// In the largest unit that leaves no fraction.
fn whole(value: u128, units: &[(&'static str, u128)]) -> (u128, &'static str) {
    let fits = |(_, factor): &&(&str, u128)| value != 0 && value.is_multiple_of(*factor);
    units.iter().find(fits).map_or((value, ""), |(name, factor)| (value / factor, *name))
}

/// The digits, of which there must be some, and what follows.
fn split(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn digits(text: &str) -> Result<u128, UnitError> {
    text.parse().map_err(|_| UnitError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [("0", 0), ("1500", 1500), ("64k", 65_536), ("1M", 1 << 20), ("2g", 2 << 30)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        assert_eq!(parse_size(&u64::MAX.to_string()), Ok(u64::MAX));
    }

    #[test]
    fn a_size_may_say_that_it_is_in_bytes() {
        for (text, bytes) in [("5B", 5), ("64kB", 65_536), ("64KB", 65_536), ("64MB", 64 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["5iB", "64Mb", "64MBB", "64mi", "B", "1 MB"] {
            assert_eq!(parse_size(text), Err(UnitError::Size), "{text}");
        }
    }

    #[test]
    fn a_bare_time_is_in_seconds() {
        for (text, ms) in
            [("10", 10_000), ("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("2d", 172_800_000)]
        {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(parse_time("50us"), Ok(Duration::from_micros(50)));
    }

    #[test]
    fn other_text_is_refused_and_what_is_too_large_named_so() {
        for text in ["", "k", "-1", "+1", "1.5k", "1kb", "1 k", "64k ", "٣", "0x10", "1t"] {
            assert_eq!(parse_size(text), Err(UnitError::Size), "{text}");
        }
        for text in ["", "s", "-1s", "1.5s", "1S", "1w", "1 s", "ms", "٣s"] {
            assert_eq!(parse_time(text), Err(UnitError::Time), "{text}");
        }
        for text in ["18446744073709551616", "17179869184g", &"9".repeat(60)] {
            assert_eq!(parse_size(text), Err(UnitError::TooLarge), "{text}");
        }
        for text in ["18446744073709551616", "18446744073709551615h", &"9".repeat(60)] {
            assert_eq!(parse_time(text), Err(UnitError::TooLarge), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_size_reads_back_as_printed(bytes: u64, shift in 0..64_u32) {
            let bytes = bytes >> shift << (shift / 2);
            prop_assert_eq!(parse_size(&print_size(bytes)), Ok(bytes));
        }

        #[test]
        fn every_time_reads_back_as_printed(seconds: u64, nanos in 0..1_000_000_000_u32, coarse in 0..4_u32) {
            let step = [1, 1000, 1_000_000, 1_000_000_000][coarse as usize];
            let time = Duration::new(seconds, nanos / step * step % 1_000_000_000);
            prop_assert_eq!(parse_time(&print_time(time)), Ok(time));
        }
    }
}
