//! The figures of one output, and what to compare them with.

use crate::name::Name;

/// What each contender came to, in the order of the rounds.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    rows: Vec<(Name, Vec<f64>)>,
}

impl Samples {
    pub(crate) fn add(&mut self, name: Name, value: f64) {
        match self.rows.iter_mut().find(|(row, _)| *row == name) {
            Some((_, values)) => values.push(value),
            None => self.rows.push((name, vec![value])),
        }
    }

    /// The contenders, in the order in which they were measured.
    pub(crate) fn names(&self) -> impl Iterator<Item = Name> {
        self.rows.iter().map(|(name, _)| *name)
    }

    pub(crate) fn of(&self, name: Name) -> Option<&[f64]> {
        self.rows.iter().find(|(row, _)| *row == name).map(|(_, values)| values.as_slice())
    }

    /// The median of a contender's figures.
    pub(crate) fn median(&self, name: Name) -> Option<f64> {
        median(self.of(name)?)
    }

    /// The smallest and the largest.
    pub(crate) fn spread(&self, name: Name) -> Option<(f64, f64)> {
        let values = self.of(name)?;
        let (first, rest) = values.split_first()?;
        Some(rest.iter().fold((*first, *first), |(least, most), value| (least.min(*value), most.max(*value))))
    }

    /// The median of the rounds' ratios. Within a round both were measured under the same conditions, or nearly.
    pub(crate) fn ratio(&self, name: Name, to: Name) -> Option<f64> {
        let ratios: Vec<_> = self
            .of(name)?
            .iter()
            .zip(self.of(to)?)
            .filter(|(_, to)| **to > 0.0)
            .map(|(value, to)| value / to)
            .collect();
        median(&ratios)
    }
}

/// The middle value, or the mean of the two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn a_ratio_pairs_the_rounds() {
        let mut samples = Samples::default();
        // The machine was twice as slow in the second round, for both.
        for (ours, theirs) in [(30.0, 10.0), (15.0, 5.0), (40.0, 10.0)] {
            samples.add(Name::Lem, ours);
            samples.add(Name::Tokio, theirs);
        }
        assert_eq!(samples.ratio(Name::Lem, Name::Tokio), Some(3.0));
        assert_eq!(samples.ratio(Name::Tokio, Name::Tokio), Some(1.0));
        assert_eq!(samples.ratio(Name::Lem, Name::Limit), None);
        assert_eq!(samples.spread(Name::Lem), Some((15.0, 40.0)));
        assert_eq!(samples.median(Name::Tokio), Some(10.0));
    }

    #[test]
    fn a_ratio_to_nothing_is_none() {
        let mut samples = Samples::default();
        samples.add(Name::Lem, 1.0);
        samples.add(Name::Tokio, 0.0);
        assert_eq!(samples.ratio(Name::Lem, Name::Tokio), None);
    }
}
