//! Verifies, then measures in alternating order.

use crate::Result;
use crate::arguments::Options;
use crate::contender::Contender;
use crate::jobs::{Job, Measure, Sample};
use crate::stats::{Spread, spread};
use std::path::PathBuf;

/// A job's figures.
pub(crate) struct Outcome {
    pub(crate) job: String,
    pub(crate) about: String,
    pub(crate) amount: String,
    pub(crate) measures: &'static [Measure],
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
    failed: Option<String>,
}

impl Row {
    /// The figures of the measure at this place.
    pub(crate) fn figures(&self, at: usize) -> Spread {
        spread(self.each(at))
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

    /// How many times the other's figure this one's is, round by round: the machine's speed shifts between rounds.
    pub(crate) fn ratio_to(&self, other: &Row, at: usize) -> Spread {
        spread(self.each(at).zip(other.each(at)).map(|(a, b)| a / b))
    }

    fn each(&self, at: usize) -> impl Iterator<Item = f64> {
        self.samples.iter().map(move |s| s.figures.get(at).copied().unwrap_or(f64::NAN))
    }
}

impl Outcome {
    pub(crate) fn ours(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.contender.ours)
    }
}

/// # Errors
/// Bodies differ, or nobody could be measured.
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
        return Err(nobody(&absent));
    }
    let mut rows: Vec<Row> = Vec::new();
    for (contender, _) in &present {
        rows.push(Row {
            contender: contender.clone(),
            version: contender.version(),
            samples: Vec::new(),
            failed: None,
        });
    }
    for round in 0..options.rounds {
        eprintln!("  round {} of {}", round + 1, options.rounds);
        for at in order(round, present.len()) {
            let (Some((contender, program)), Some(row)) = (present.get(at), rows.get_mut(at)) else { continue };
            if row.failed.is_some() {
                continue;
            }
            // What the one before has left to be written is not the next one's burden.
            rustix::fs::sync();
            match job.measure(contender, program, options) {
                Ok(sample) => row.samples.push(sample),
                Err(message) => row.failed = Some(format!("in round {}: {message}", round + 1)),
            }
        }
    }
    // Who failed once has no place in a comparison, but does not keep the others from theirs.
    let (failed, rows): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.failed.is_some());
    absent.extend(failed.into_iter().map(|row| (row.contender.name, row.failed.unwrap_or_default())));
    if rows.is_empty() {
        return Err(nobody(&absent));
    }
    let (about, amount) = (job.about(), job.amount(options));
    Ok(Outcome { job: job.name(), about, amount, measures: job.measures(), digest, rows, absent })
}

fn nobody(absent: &[(&'static str, String)]) -> String {
    let each: Vec<String> = absent.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    format!("no contender could be measured: {}", each.join("; "))
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
