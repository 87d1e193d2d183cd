//! When a certificate ends, and when that is said: of a server that runs for months nobody looks at it.

use super::{Identity, said_of};
use crate::core::date::Date;
use crate::event::{Event, Report};
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};
use std::time::{Duration, SystemTime};

/// How long before its end a certificate is told of.
pub const BEFORE: Duration = Duration::from_secs(14 * 86_400);

/// How often the certificate is looked at: it may have been replaced, or the clock set.
const DAY: Duration = Duration::from_secs(86_400);

/// The last second that a certificate can name, 9999-12-31 23:59:59: it stands for no end (RFC 5280 section 4.1.2.5).
const NEVER: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(253_402_300_799));

/// What is said of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It ends in at most two weeks.
    Soon,
    /// It has ended.
    Over,
}

/// What is to be said now of a certificate that ends then, and when there is more to say; `None`: never.
pub fn ending(now: SystemTime, not_after: SystemTime) -> (Option<Ending>, Option<SystemTime>) {
    let soon = not_after.checked_sub(BEFORE).unwrap_or(SystemTime::UNIX_EPOCH);
    if now > not_after {
        (Some(Ending::Over), None)
    } else if now >= soon {
        // It is good for its last second, too.
        (Some(Ending::Soon), not_after.checked_add(Duration::from_secs(1)))
    } else {
        (None, Some(soon))
    }
}

impl Identity {
    /// When the certificate ends. `None`: never, or that cannot be told.
    pub fn ends(&self) -> Option<SystemTime> {
        match said_of(&self.current(), NEVER) {
            Some(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(not_after.as_secs()))
            }
            _ => None,
        }
    }

    /// Tells of the certificate's end, of each certificate once two weeks before and once when it is over. Never done; in a tokio runtime
    /// with time. `made`: a start makes a new one.
    pub async fn watch(&self, made: bool, report: &dyn Report) {
        let mut said = None;
        loop {
            let (now, ends) = (SystemTime::now(), self.ends());
            let (what, next) = ends.map_or((None, None), |ends| ending(now, ends));
            if let Some((what, ends)) = what.zip(ends).filter(|both| said != Some(*both)) {
                let date = Date::of(ends).map_or_else(String::new, |date| String::from_utf8_lossy(date.text()).into());
                report.event(&Event::Certificate { date: &date, over: what == Ending::Over, made });
                said = Some((what, ends));
            }
            let wait = next.and_then(|next| next.duration_since(now).ok()).unwrap_or(DAY);
            tokio::time::sleep(wait.min(DAY)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_two_weeks_before_and_when_it_is_there() {
        let end = SystemTime::UNIX_EPOCH + DAY * 20_000;
        let second = Duration::from_secs(1);
        let (soon, over) = (end - BEFORE, end + second);
        for (now, said, next) in [
            (end - DAY * 90, None, Some(soon)),
            (soon - second, None, Some(soon)),
            (soon, Some(Ending::Soon), Some(over)),
            (end, Some(Ending::Soon), Some(over)),
            (over, Some(Ending::Over), None),
            (end + DAY * 90, Some(Ending::Over), None),
        ] {
            assert_eq!(ending(now, end), (said, next), "{now:?}");
        }
    }
}
