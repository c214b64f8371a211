//! Pseudo-random numbers: SplitMix64, fixed by a golden test. A seed in an old report yields the same numbers in
//! every version of this crate.

/// A stream of pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Prng {
    state: u64,
}

impl Prng {
    /// The stream of a seed. All seeds, 0 included, are equally suitable.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream `name` of a seed. Streams are independent: a draw from one does not shift another.
    pub fn stream(seed: u64, name: &str) -> Self {
        // FNV-1a. Like the generator, it is part of the format and never changes.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self::new(Self::new(seed ^ hash).draw())
    }

    /// The next number, uniform over all 2^64 values.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, each with the same probability up to a difference of 2^-64.
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "a bound is at least 1");
        ((u128::from(self.draw()) * bound as u128) >> 64) as usize
    }

    /// One of several, each with the same probability.
    ///
    /// # Panics
    /// When `of` is empty.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// True with a probability of `hits / out_of`.
    ///
    /// # Panics
    /// When `out_of` is zero.
    pub fn hits(&mut self, hits: usize, out_of: usize) -> bool {
        self.below(out_of) < hits
    }

    /// One of several, each with a probability proportional to its weight; `None` when all weights are zero.
    pub fn weighted<T: Copy>(&mut self, of: &[(u32, T)]) -> Option<T> {
        let weights: Vec<u64> = of.iter().map(|(weight, _)| u64::from(*weight)).collect();
        (weights.iter().sum::<u64>() > 0).then(|| of[self.by_weight(&weights)].1)
    }

    /// An index into `weights`, each with a probability proportional to its weight.
    ///
    /// # Panics
    /// When all weights are zero.
    pub fn by_weight(&mut self, weights: &[u64]) -> usize {
        let total = usize::try_from(weights.iter().sum::<u64>()).expect("the sum of the weights fits a usize");
        let mut drawn = self.below(total) as u64;
        let picked = weights.iter().position(|weight| {
            let picked = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            picked
        });
        picked.expect("the drawn number is below the sum")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published SplitMix64 numbers of seed 1234567. They must never change.
    #[test]
    fn numbers_are_frozen() {
        let mut prng = Prng::new(1_234_567);
        let drawn: Vec<u64> = (0..5).map(|_| prng.draw()).collect();
        let golden = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, golden);
    }

    /// The numbers of a named stream are part of every tape and report that names a seed. They must never change.
    #[test]
    fn streams_are_frozen() {
        assert_eq!(Prng::stream(7, "strategy.random").draw(), 12_639_260_694_797_442_307);
    }

    /// Streams of one seed differ, streams of one name differ by seed, and a stream is the same each time.
    #[test]
    fn streams_are_independent() {
        assert_ne!(Prng::stream(1, "a").draw(), Prng::stream(1, "b").draw());
        assert_ne!(Prng::stream(1, "a").draw(), Prng::stream(2, "a").draw());
        assert_eq!(Prng::stream(1, "a").draw(), Prng::stream(1, "a").draw());
    }

    /// Bounded draws reach every number below the bound and no other.
    #[test]
    fn bounded_draws_cover_their_range() {
        let mut prng = Prng::new(7);
        let mut seen = [0; 3];
        for _ in 0..300 {
            seen[prng.below(3)] += 1;
        }
        assert!(seen.iter().all(|count| *count > 60), "{seen:?}");
    }
}
