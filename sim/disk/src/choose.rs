//! The choices of a disk: which unsynced changes survive.

use interleaving::{Chooser, Prng};

/// Makes the choices of a disk at a loss of power.
///
/// The first alternative is always the mildest: the change survives. A disk asks in an order that depends only on its
/// content and on earlier answers, so recorded answers replay a loss.
pub trait Choose {
    /// Picks one of `count` alternatives, at least 2, and returns its index. `site` names the kind of the choice, and
    /// `label` the alternative with an index; labels of one choice differ.
    fn choose(&mut self, site: &str, count: usize, label: &dyn Fn(usize) -> String) -> usize;
}

/// Equal odds, from the seed of a campaign.
#[derive(Clone, Debug)]
pub struct Seeded(Prng);

/// Always the first alternative: nothing is lost, as if the process had been killed and the machine had gone on.
#[derive(Clone, Copy, Debug)]
pub struct First;

impl Seeded {
    /// The choices of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Prng::stream(seed, "disk"))
    }
}

impl Choose for Seeded {
    fn choose(&mut self, _: &str, count: usize, _: &dyn Fn(usize) -> String) -> usize {
        self.0.below(count)
    }
}

impl Choose for First {
    fn choose(&mut self, _: &str, _: usize, _: &dyn Fn(usize) -> String) -> usize {
        0
    }
}

/// The choices go through the strategy of a simulation, and onto its tape.
impl<R> Choose for &Chooser<R> {
    fn choose(&mut self, site: &str, count: usize, label: &dyn Fn(usize) -> String) -> usize {
        let labels: Vec<String> = (0..count).map(label).collect();
        let among: Vec<&str> = labels.iter().map(String::as_str).collect();
        Chooser::choose(self, site, &among)
    }
}

/// Picks one of several labels.
pub(crate) fn pick<T: Copy>(choose: &mut dyn Choose, site: &str, among: &[(&str, T)]) -> T {
    among[choose.choose(site, among.len(), &|place| among[place].0.to_owned())].1
}
