//! The randomness of the operating system.

use gateway_core::entropy::{Entropy, Purpose, Stream, Uncertain};

/// Draws each number from the operating system; the stream is ignored. Ids are unpredictable.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    ///
    /// When the operating system provides no randomness, because no id would be safe then.
    fn draw(&self, _: Stream<'_>, _: Purpose) -> u64 {
        getrandom::u64().expect("the system gives random numbers")
    }

    /// The first: only models of old releases ask, and a served gateway runs `current`.
    fn pick(&self, _: Uncertain, _: usize) -> usize {
        0
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
