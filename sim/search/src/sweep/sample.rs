//! A bounded number of places, spread evenly over all of them.

/// Of how many places how many were tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// The places that were tried.
    pub tried: usize,
    /// All places.
    pub of: usize,
}

impl Sample {
    /// Adds the places of another scenario.
    pub fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.of += other.of;
    }
}

/// At most `most` of `count` places, from 0, in their order and equally far apart: the middle of each part. All of them if they are
/// not more.
pub(super) fn places(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let taken = count.min(most);
    (0..taken).map(move |part| (2 * part + 1) * count / (2 * taken))
}

#[cfg(test)]
mod tests {
    use super::places;

    #[track_caller]
    fn check(count: usize, most: usize, expected: &[usize]) {
        assert_eq!(places(count, most).collect::<Vec<_>>(), expected);
    }

    /// No place is taken twice, and few ones are all taken.
    #[test]
    fn places_are_spread_evenly() {
        check(0, 4, &[]);
        check(3, 0, &[]);
        check(3, 4, &[0, 1, 2]);
        check(4, 4, &[0, 1, 2, 3]);
        check(10, 1, &[5]);
        check(10, 3, &[1, 5, 8]);
        check(100, 4, &[12, 37, 62, 87]);
    }
}
