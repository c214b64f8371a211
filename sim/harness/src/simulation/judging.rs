//! What the claims judge.

/// Which sessions and rows the claims judge after an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judging {
    /// Those of which something has changed. The cost of an event does not grow with the sessions that are over.
    #[default]
    Changed,
    /// All of the run. Slower by far, with the same report: tests compare the two.
    Everything,
}
