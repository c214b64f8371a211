//! The randomness of the operating system.

use gateway_core::entropy::{Entropy, Purpose, Stream};

/// Draws each number anew from the system: streams need no seed of their own, and no id can be foreseen.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    ///
    /// If the system has no randomness to give. Then no id is safe to hand out.
    fn draw(&self, _: Stream<'_>, _: Purpose) -> u64 {
        getrandom::u64().expect("the system gives random numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ() {
        let draw = || SystemEntropy.draw(Stream::Client("desktop"), Purpose::StoredId);
        assert_ne!(draw(), draw());
    }
}
