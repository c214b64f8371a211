//! Idle sessions, and the cap on live sessions.

use crate::clock::{Millis, Uptime};
use crate::group::group;
use crate::record::{AgentState, Record, SessionStage};

/// The idle reaper looks at multiples of this uptime (spec §6).
pub const SCAN: Millis = Millis::from_secs(300);

/// How long after a session was added the cap is looked at (spec §6).
pub const CAP_DELAY: Millis = Millis(100);

group! {
    /// Idle sessions and the cap on live sessions.
    Idle "idle" {
        /// Whether an idle reaper runs.
        reaper: Reaper {
            /// It scans every 300 s.
            Scans "scans",
            /// There is none (A2).
            None "none",
        }
        /// Whether a selected session is checked again right before its end.
        victims: Victims {
            /// It is checked again and spared if in use.
            TestedAgain "tested_again",
            /// It is not: a client that resumes it in between loses it (S7).
            NotTestedAgain "not_tested_again",
        }
        /// The default of `max_live_sessions`.
        cap: Cap {
            /// Sixteen live sessions, as in the real default.
            Sixteen "sixteen",
            /// No limit: the default is not read (A24).
            OffUnlessSet "off_unless_set",
            /// No limit, and the setting is unknown.
            None "none",
        }
    }
}

impl Idle {
    /// Whether an idle reaper runs.
    pub fn reaper(&self) -> Reaper {
        self.reaper
    }

    /// What happens to a selected session right before its end.
    pub fn victims(&self) -> Victims {
        self.victims
    }

    /// How many live sessions there may be; `None` for any number.
    pub fn cap(&self, configured: Option<u32>) -> Option<usize> {
        let cap = match self.cap {
            Cap::Sixteen => configured.or(Some(16)),
            Cap::OffUnlessSet => configured,
            Cap::None => None,
        };
        cap.filter(|cap| *cap > 0).map(|cap| cap as usize)
    }
}

/// Whether a session may be ended as idle. `served` says whether its connection is still served.
pub fn is_evictable(record: &Record, served: bool) -> bool {
    let built = !matches!(record.agent.state, AgentState::Building);
    record.stage == SessionStage::Open && !record.is_running() && built && !served
}

/// When a session that is evictable has been idle for longer than `ttl`.
pub fn due(record: &Record, ttl: Millis) -> Uptime {
    let details = &record.details;
    details.last_active.uptime.max(details.created_at.uptime) + ttl
}

/// The first scan after `due`.
pub fn scan_after(due: Uptime) -> Uptime {
    Uptime((due.0 / SCAN.0 + 1) * SCAN.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{idle, running, with};

    #[test]
    fn sessions_in_use_stay() {
        let building = with(idle(), |record| record.agent.state = AgentState::Building);
        let closing = with(idle(), |record| record.stage = SessionStage::Closing);
        assert!(is_evictable(&idle(), false) && !is_evictable(&idle(), true));
        assert!([running(), building, closing].iter().all(|record| !is_evictable(record, false)));
    }

    /// A session is due after its time, and ended at the scan after that.
    #[test]
    fn scans_come_at_multiples() {
        let due = due(&with(idle(), |record| record.details.last_active.uptime = Uptime(299_999)), Millis(1));
        assert_eq!((due, scan_after(due)), (Uptime(300_000), Uptime(600_000)));
        assert_eq!(scan_after(Uptime(0)), Uptime(300_000));
    }

    #[test]
    fn reapers_run_and_check_by_release() {
        let decided = |idle: &Idle| (idle.reaper(), idle.victims());
        assert_eq!(decided(&Idle::default()), (Reaper::Scans, Victims::TestedAgain));
        let other = Idle { reaper: Reaper::None, victims: Victims::NotTestedAgain, ..Idle::default() };
        assert_eq!(decided(&other), (Reaper::None, Victims::NotTestedAgain));
    }

    #[test]
    fn the_cap_is_set_or_the_default() {
        let cap = |cap, configured| Idle { cap, ..Idle::default() }.cap(configured);
        assert_eq!([None, Some(3), Some(0)].map(|set| cap(Cap::Sixteen, set)), [Some(16), Some(3), None]);
        assert_eq!([None, Some(3)].map(|set| cap(Cap::OffUnlessSet, set)), [None, Some(3)]);
        assert_eq!(cap(Cap::None, Some(3)), None);
    }
}
