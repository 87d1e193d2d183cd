//! The table and the raw figures.

use crate::arguments::Options;
use crate::isolate::Place;
use crate::jobs::Sample;
use crate::json::{array, number, object, string};
use crate::runner::{Outcome, Row};

/// From here on the loader's core, not the contender, may be what limits the rate.
const SATURATED: f64 = 0.95;

/// A contender that waits for its core for a larger part of its time was disturbed by other work on the machine.
const DISTURBED: f64 = 0.05;

/// One job for people.
pub(crate) fn table(outcome: &Outcome) -> String {
    let rounds = outcome.rows.first().map_or(0, |row| row.samples.len());
    let about = format!("{}, {}", outcome.about, outcome.amount);
    let mut text = format!("\n{}: {about}, {rounds} rounds, medians (least–most)\n{:22}", outcome.job, "");
    for measure in outcome.measures {
        text += &format!("{:>15}  {:<15} {:<19}", measure.head, "spread", "ours is");
    }
    text += &format!("{:>8}  {:>6}\n", "peak MiB", "loader");
    for row in &outcome.rows {
        text += &format!("{:22}", row.contender.name);
        for (at, measure) in outcome.measures.iter().enumerate() {
            text += &cells(outcome, row, at, measure.digits);
        }
        let full = if row.loader().median > SATURATED { "*" } else { "" };
        text += &format!("{:>8.1}  {:>5.0}%{full}\n", row.peak_kib() as f64 / 1024.0, row.loader().median * 100.0);
    }
    if outcome.rows.iter().any(|row| row.loader().median > SATURATED) {
        text += "* the loader's core was full: this contender could do more, compare its CPU\n";
    }
    let waited = outcome.rows.iter().map(|row| row.waited().median).fold(0.0, f64::max);
    if waited > DISTURBED {
        text += &format!("disturbed: other work had core 0 for up to {:.0}% of a run\n", waited * 100.0);
    }
    for (name, why) in &outcome.absent {
        text += &format!("{name}: left out: {why}\n");
    }
    text + &format!("same SHA-256 for all: {}\n", outcome.digest)
}

/// Where the figures come from, for people.
pub(crate) fn place(place: &Place) -> String {
    let network = if place.own_network { "a network of its own" } else { "the host's network" };
    let cores = if place.pinned { "contender on core 0, loader on core 1" } else { "not pinned" };
    format!("\nLinux {}, {}; {network}, {}; {cores}", place.kernel, place.processor, place.congestion_control)
}

/// Every figure.
pub(crate) fn json(outcomes: &[Outcome], place: &Place, options: &Options) -> String {
    let rows = |outcome: &Outcome| array(outcome.rows.iter().map(|one| row(outcome, one)));
    let absent = |outcome: &Outcome| {
        let left_out = |(name, why): &(&str, String)| object(&[("name", string(name)), ("why", string(why))]);
        array(outcome.absent.iter().map(left_out))
    };
    let job = |outcome: &Outcome| {
        object(&[
            ("name", string(&outcome.job)),
            ("about", string(&outcome.about)),
            ("amount", string(&outcome.amount)),
            ("units", object(&outcome.measures.iter().map(|m| (m.key, string(m.head))).collect::<Vec<_>>())),
            ("sha256", string(&outcome.digest)),
            ("contenders", rows(outcome)),
            ("left_out", absent(outcome)),
        ])
    };
    let fields = [
        ("kernel", string(&place.kernel)),
        ("processor", string(&place.processor)),
        ("congestion_control", string(&place.congestion_control)),
        ("own_network", place.own_network.to_string()),
        ("pinned", place.pinned.to_string()),
        ("rounds", options.rounds.to_string()),
        ("bytes", options.bytes.to_string()),
        ("seconds", options.time.as_secs().to_string()),
        ("pipe", options.pipe.to_string()),
        ("jobs", array(outcomes.iter().map(job))),
    ];
    object(&fields) + "\n"
}

/// Powers of 1024, where it is a round number of them.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fit = units.into_iter().find(|(shift, _)| bytes.trailing_zeros() >= *shift);
    fit.map_or_else(|| format!("{bytes} B"), |(shift, unit)| format!("{} {unit}", bytes >> shift))
}

/// One measure of one contender: the median, the spread, and how many times it ours is.
fn cells(outcome: &Outcome, row: &Row, at: usize, digits: usize) -> String {
    let figures = row.figures(at);
    let spread = format!("{:.digits$}–{:.digits$}", figures.least, figures.most);
    let ratio = match outcome.ours() {
        Some(ours) if !row.contender.ours => {
            let ratio = ours.ratio_to(row, at);
            format!("{:.2} × ({:.2}–{:.2})", ratio.median, ratio.least, ratio.most)
        }
        _ => String::new(),
    };
    format!("{:>15.digits$}  {spread:<15} {ratio:<19}", figures.median)
}

fn row(outcome: &Outcome, row: &Row) -> String {
    let sample = |s: &Sample| {
        let figures = outcome.measures.iter().zip(&s.figures).map(|(measure, figure)| (measure.key, number(*figure)));
        let others = [("peak_kib", s.peak_kib.to_string()), ("loader", number(s.loader)), ("waited", number(s.waited))];
        object(&figures.chain(others).collect::<Vec<_>>())
    };
    let medians: Vec<(&str, String)> =
        outcome.measures.iter().enumerate().map(|(at, m)| (m.key, number(row.figures(at).median))).collect();
    object(&[
        ("name", string(row.contender.name)),
        ("version", string(&row.version)),
        ("medians", object(&medians)),
        ("samples", array(row.samples.iter().map(sample))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_named_by_their_largest_unit() {
        assert_eq!((size(2 << 30), size(3 << 20), size(5)), ("2 GiB".into(), "3 MiB".into(), "5 B".into()));
    }
}
