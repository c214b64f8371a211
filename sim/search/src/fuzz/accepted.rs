//! The claims of which it is accepted that campaigns hardly judge them, each with its reason.

use serde::Serialize;

/// How a claim is blind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Blindness {
    /// It was judged fewer than [`JUDGED_MIN`](super::JUDGED_MIN) times.
    Rare,
    /// More than [`EXCUSED_MAX`](super::EXCUSED_MAX) percent of its cases were excused.
    Excused,
}

/// An accepted blindness.
pub struct Accepted {
    /// The name of the claim.
    pub claim: &'static str,
    /// What it may lack.
    pub blindness: Blindness,
    /// Why, in one sentence without a full stop.
    pub reason: &'static str,
}

/// Every accepted blindness, sorted by claim.
pub const ACCEPTED: &[Accepted] = &[Accepted {
    claim: "power_losses_keep_commits",
    blindness: Blindness::Rare,
    reason: "campaigns lose no power; `sim sweep --power` loses it at each change of each write",
}];

#[cfg(test)]
mod tests {
    use sim_harness::invariant::ALL;

    use super::ACCEPTED;

    /// An exception for a claim that no longer exists is taken out, and each is listed once.
    #[test]
    fn exceptions_name_claims() {
        for accepted in ACCEPTED {
            assert!(ALL.iter().any(|known| known.name == accepted.claim), "`{}` is no claim", accepted.claim);
            assert!(!accepted.reason.is_empty() && !accepted.reason.ends_with('.'), "{}", accepted.reason);
        }
        assert!(ACCEPTED.is_sorted_by(|before, after| before.claim < after.claim));
    }
}
