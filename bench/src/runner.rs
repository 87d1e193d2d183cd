//! Verifies, then measures in alternating order.

use crate::Result;
use crate::arguments::Options;
use crate::contender::Contender;
use crate::jobs::{Job, Sample, Unit};
use crate::stats::{Spread, spread};
use std::path::PathBuf;

/// A job's figures.
pub(crate) struct Outcome {
    pub(crate) job: &'static str,
    pub(crate) about: String,
    pub(crate) unit: Unit,
    pub(crate) bytes: u64,
    pub(crate) digest: String,
    /// Ours first, where it could be measured.
    pub(crate) rows: Vec<Row>,
    /// Who was left out, and why.
    pub(crate) absent: Vec<(&'static str, String)>,
}

/// One contender's figures.
pub(crate) struct Row {
    pub(crate) contender: Contender,
    pub(crate) version: String,
    /// One a round.
    pub(crate) samples: Vec<Sample>,
}

impl Row {
    pub(crate) fn rate(&self) -> Spread {
        spread(self.samples.iter().map(|s| s.rate))
    }

    pub(crate) fn cpu(&self) -> Spread {
        spread(self.samples.iter().map(|s| s.cpu))
    }

    pub(crate) fn loader(&self) -> Spread {
        spread(self.samples.iter().map(|s| s.loader))
    }

    pub(crate) fn waited(&self) -> Spread {
        spread(self.samples.iter().map(|s| s.waited))
    }

    pub(crate) fn peak_kib(&self) -> u64 {
        self.samples.iter().map(|s| s.peak_kib).max().unwrap_or_default()
    }

    /// How many times as fast this one is as the other, round by round: the machine's speed shifts between rounds.
    pub(crate) fn ratio_to(&self, other: &Row) -> Spread {
        spread(self.samples.iter().zip(&other.samples).map(|(a, b)| a.rate / b.rate))
    }
}

impl Outcome {
    pub(crate) fn ours(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.contender.is_ours())
    }
}

/// # Errors
/// Bodies differ, a contender failed in the middle, or nobody could be measured.
pub(crate) fn compare(job: &dyn Job, ours: &Result<PathBuf>, options: &Options) -> Result<Outcome> {
    let mut absent = Vec::new();
    let mut present = Vec::new();
    let digest = job.expected(options)?;
    for contender in job.contenders() {
        let found = contender.find(ours).map(|path| path.to_string_lossy().into_owned());
        let verified = found.and_then(|program| Ok((job.verify(&contender, &program, options)?, program)));
        match verified {
            Ok((seen, program)) if seen == digest => {
                eprintln!("  {}: same SHA-256", contender.name);
                present.push((contender, program));
            }
            Ok((seen, _)) => return Err(format!("{}: SHA-256 is {seen}, not {digest}", contender.name)),
            Err(message) => {
                eprintln!("  {}: left out: {message}", contender.name);
                absent.push((contender.name, message));
            }
        }
    }
    if present.is_empty() {
        return Err("no contender could be measured".to_owned());
    }
    let mut rows: Vec<Row> = Vec::new();
    for (contender, _) in &present {
        rows.push(Row { contender: contender.clone(), version: contender.version(), samples: Vec::new() });
    }
    for round in 0..options.rounds {
        eprintln!("  round {} of {}", round + 1, options.rounds);
        for at in order(round, present.len()) {
            let (Some((contender, program)), Some(row)) = (present.get(at), rows.get_mut(at)) else { continue };
            let sample = job.measure(contender, program, options);
            row.samples.push(sample.map_err(|message| format!("{}: {message}", contender.name))?);
        }
    }
    Ok(Outcome { job: job.name(), about: job.about(), unit: job.unit(), bytes: options.bytes, digest, rows, absent })
}

/// Forward and backward in turn, each time from another start: nobody always follows the same one.
fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).map(|i| (i + round / 2) % count).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_runs_once_a_round_in_alternating_order() {
        assert_eq!(order(0, 3), [0, 1, 2]);
        assert_eq!(order(1, 3), [2, 1, 0]);
        assert_eq!(order(2, 3), [1, 2, 0]);
    }
}
