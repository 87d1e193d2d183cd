//! Median and spread.

/// The middle of some figures, and their ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// All of it NaN where there are no figures.
pub(crate) fn spread(figures: impl IntoIterator<Item = f64>) -> Spread {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let at = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
    let upper = at(sorted.len() / 2);
    let median = if sorted.len() % 2 == 1 { upper } else { (at((sorted.len() / 2).wrapping_sub(1)) + upper) / 2.0 };
    Spread { median, least: at(0), most: at(sorted.len().wrapping_sub(1)) }
}

/// The figure that so large a part of all does not exceed. It sorts them; NaN where there are none.
pub(crate) fn percentile(figures: &mut [f64], part: f64) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let rank = (figures.len() as f64 * part).ceil() as usize;
    figures.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(spread([4.0, 1.0, 3.0]), Spread { median: 3.0, least: 1.0, most: 4.0 });
        assert_eq!(spread([4.0, 1.0, 3.0, 2.0]).median, 2.5);
        assert!(spread([]).median.is_nan());
    }

    #[test]
    fn a_percentile_is_one_of_the_figures() {
        let mut figures: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((percentile(&mut figures, 0.5), percentile(&mut figures, 0.99)), (100.0, 198.0));
        assert!(percentile(&mut [], 0.5).is_nan());
    }
}
