//! Points in time as HTTP writes them: whole seconds, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).

use httpdate::HttpDate;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the text of a date is.
const LEN: usize = 29;

/// 9999-12-31 23:59:59: the last second that four digits can name.
const LAST: u64 = 253_402_300_799;

/// A point in time with its text, so that a date which is sent often is written once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    seconds: u64,
    text: [u8; LEN],
}

impl Date {
    /// The second in which `time` lies; `None` before 1970 and after 9999, which HTTP cannot write.
    pub fn of(time: SystemTime) -> Option<Self> {
        Self::at(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
    }

    /// So many seconds after 1970 began; `None` after 9999.
    pub fn at(seconds: u64) -> Option<Self> {
        if seconds > LAST {
            return None;
        }
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        let mut text = Text { bytes: [0; LEN], len: 0 };
        write!(text, "{}", HttpDate::from(time)).ok()?;
        (text.len == LEN).then_some(Date { seconds, text: text.bytes })
    }

    /// A date of any of the three formats that RFC 9110 section 5.6.7 asks to be read; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let date: HttpDate = std::str::from_utf8(text).ok()?.parse().ok()?;
        Self::of(date.into())
    }

    /// Seconds since 1970 began.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// As it is sent.
    pub fn text(&self) -> &[u8; LEN] {
        &self.text
    }
}

struct Text {
    bytes: [u8; LEN],
    len: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
