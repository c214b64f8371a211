//! The releases whose behaviour the gateway can show, each as its differences from the next newer one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::behavior::Behavior;

/// A release of the modelled gateway, or ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("enum" = Release::ALL)))]
pub enum Release {
    /// hermes-agent 0.16.0, tagged 2026.6.5.
    V0_16_0,
    /// hermes-agent 0.17.0, tagged 2026.6.19.
    V0_17_0,
    /// hermes-agent 0.18.2, tagged 2026.7.7.2.
    V0_18_2,
    /// hermes-agent 0.19.0, tagged 2026.7.20.
    V0_19_0,
    /// No release: 0.19.0 with the change that hermes-agent#44102 proposes.
    V0_19_0Rearm,
    /// Ours: every known defect fixed. The only one that `gateway serve` runs.
    #[default]
    Current,
}

/// The differences of 0.19.0 with re-arming from `current`.
const V0_19_0_REARM: &[(&str, &str)] = &[
    ("grace.expiry", "rearm_beside"),
    ("grace.timers", "pile"),
    ("attach.prompt", "before_busy_check"),
    ("attach.departure", "detaches"),
    ("attach.dead_connection", "binds"),
    ("attach.audience", "latest_only"),
    ("attach.disconnect", "snapshot"),
    ("build.failure", "sticky"),
    ("build.ended", "kept"),
    ("claim.liveness", "not_checked"),
    ("claim.sections", "tested_then_claimed"),
    ("provider.open_calls", "left"),
    ("interrupt.busy", "turn_of_the_moment"),
    ("interrupt.waiting", "cleared"),
    ("interrupt.asking", "stops_later"),
    ("interrupt.answer", "wiped"),
    ("interrupt.claimed", "loses_session"),
    ("interrupt.queue", "cancelled"),
    ("approval.asked", "stored_id"),
    ("approval.leave", "session"),
    ("resume.live_match", "agent_row"),
    ("resume.order", "reopen_then_register"),
    ("resume.reopen", "unconditional"),
    ("resume.target", "any_child"),
    ("resume.count", "chain"),
    ("resume.lazy", "exact"),
    ("claim.row", "plain_insert"),
    ("events.replay", "lost"),
    ("events.questions", "not_shown"),
    ("events.resolved", "silent"),
    ("writing.timeout", "in_flight"),
    ("queue.slots", "one_merged"),
    ("queue.delivery", "pinned"),
    ("queue.drain", "after_normal_turn"),
    ("queue.storage", "memory"),
    ("claim.keys", "ignored"),
    ("claim.compressing", "interrupts"),
    ("flush.busy", "gives_up"),
    ("flush.when", "tools_and_end"),
    ("flush.unit", "message"),
    ("flush.loaded", "in_turns"),
    ("flush.last_tries", "few"),
    ("flush.again", "each_second"),
    ("rotation.procedure", "steps_and_write"),
    ("rotation.key", "after_turn"),
    ("rotation.kept", "last_message"),
    ("rotation.unchanged", "skipped"),
    ("close.turn", "left_running"),
    ("close.later_requests", "wait"),
    ("close.agent", "ends_row"),
    ("close.order", "pop_then_end"),
    ("close.reap_order", "pop_then_end"),
    ("idle.victims", "not_tested_again"),
    ("idle.cap", "off_unless_set"),
    ("finish.running", "cleared_after_complete"),
    ("finish.failed", "forgotten"),
    ("finish.interrupted", "said_after_tool"),
    ("steer.unread", "lost"),
    ("notices.watchers", "session_claimed_first"),
    ("history.undo", "memory_only"),
    ("history.cut", "all"),
    ("history.busy", "ignored"),
    ("history.hold", "none"),
    ("title.get", "applies_pending"),
    ("title.pending", "after_complete_turn"),
    ("lineage.delete", "session_key"),
    ("list.tip", "best"),
    ("lineage.branch", "row_then_messages"),
    ("lineage.draft", "one_by_one"),
    ("lineage.source", "named_until_resume"),
    ("lineage.model", "session_until_resume"),
    ("shutdown.on_term", "leaves_rows"),
    ("shutdown.turns", "cut_off"),
    ("startup.sweep", "none"),
    ("startup.halves", "left"),
    ("startup.calls", "left"),
];

/// The differences of 0.19.0 from 0.19.0 with re-arming.
const V0_19_0: &[(&str, &str)] = &[("grace.expiry", "one_shot")];

/// The differences of 0.18.2 from 0.19.0.
const V0_18_2: &[(&str, &str)] = &[
    ("close.foreign", "ended"),
    ("claim.sections", "one"),
    ("flush.finalize", "lost"),
    ("interrupt.busy", "turn_at_work"),
    ("notices.taker", "any_after_turn"),
    ("notices.liveness", "not_checked"),
    ("notices.watchers", "one_for_each_job"),
    ("approval.wait", "five_minutes"),
    ("rotation.procedure", "steps"),
    ("rotation.unchanged", "rewritten"),
    ("lineage.source", "named_until_rotation"),
    ("close.order", "under_resume_lock"),
    ("close.reap_order", "under_resume_lock"),
];

/// The differences of 0.17.0 from 0.18.2.
const V0_17_0: &[(&str, &str)] = &[
    ("resume.live_match", "session_key"),
    ("resume.target", "latest_start"),
    ("resume.build", "before_answer"),
    ("close.agent", "leaves_row"),
    ("claim.busy", "reject"),
    ("flush.when", "prompt_and_end"),
    ("rotation.procedure", "steps_unchecked"),
    ("rotation.default_mode", "rotate_only"),
    ("finish.failed", "forgotten_but_addressed"),
    ("finish.interrupted", "silent"),
    ("interrupt.idle", "sticky"),
    ("interrupt.claimed", "ends_at_once"),
    ("interrupt.waiting", "looked_at_later"),
    ("review.fork", "writes"),
    ("history.negative", "from_the_end"),
    ("lineage.draft", "not_stored"),
    ("lineage.source", "setting"),
    ("list.order", "start"),
    ("list.tip", "latest_start"),
    ("idle.cap", "none"),
];

/// The differences of 0.16.0 from 0.17.0.
const V0_16_0: &[(&str, &str)] = &[
    ("attach.activate", "answers_only"),
    ("lineage.model", "setting"),
    ("resume.target", "exact"),
    ("resume.lazy", "unknown"),
    ("flush.when", "at_end"),
    ("flush.unit", "message_counted_late"),
    ("finish.failed", "forgotten_but_counted"),
    ("close.reap_order", "pop_then_end"),
    ("close.reap_reason", "tui_close"),
    ("close.on_disconnect", "ignored"),
    ("idle.reaper", "none"),
    ("writing.timeout", "silenced"),
    ("review.fork", "writes_and_compresses"),
    ("title.unsaved", "waits"),
];

impl Release {
    /// Oldest first; the last is `current`.
    pub const ALL: [Self; 6] =
        [Self::V0_16_0, Self::V0_17_0, Self::V0_18_2, Self::V0_19_0, Self::V0_19_0Rearm, Self::Current];

    /// Its name, as scenario files and the command line write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V0_16_0 => "0.16.0",
            Self::V0_17_0 => "0.17.0",
            Self::V0_18_2 => "0.18.2",
            Self::V0_19_0 => "0.19.0",
            Self::V0_19_0Rearm => "0.19.0+rearm",
            Self::Current => "current",
        }
    }

    /// The behaviour of this release.
    pub fn behavior(self) -> Behavior {
        let mut behavior = match self.next_newer() {
            Some(newer) => newer.behavior(),
            None => Behavior::default(),
        };
        for (field, alternative) in self.differences() {
            behavior.set(field, alternative).expect("a release's differences name real fields");
        }
        behavior
    }

    /// Field and alternative, where this release differs from the next newer one.
    pub const fn differences(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::V0_16_0 => V0_16_0,
            Self::V0_17_0 => V0_17_0,
            Self::V0_18_2 => V0_18_2,
            Self::V0_19_0 => V0_19_0,
            Self::V0_19_0Rearm => V0_19_0_REARM,
            Self::Current => &[],
        }
    }

    fn next_newer(self) -> Option<Self> {
        let place = Self::ALL.iter().position(|release| *release == self)?;
        Self::ALL.get(place + 1).copied()
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Self, UnknownRelease> {
        let known = Self::ALL.into_iter().find(|release| release.name() == text);
        known.ok_or_else(|| UnknownRelease { found: text.to_owned() })
    }
}

impl TryFrom<String> for Release {
    type Error = UnknownRelease;

    fn try_from(text: String) -> Result<Self, UnknownRelease> {
        text.parse()
    }
}

impl From<Release> for String {
    fn from(release: Release) -> Self {
        release.name().to_owned()
    }
}

/// A name that is no release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown release `{found}`, expected one of {}", known())]
pub struct UnknownRelease {
    found: String,
}

fn known() -> String {
    Release::ALL.map(|release| format!("`{release}`")).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every difference names a field and an alternative that exist, and changes something.
    #[test]
    fn differences_are_real() {
        for release in Release::ALL {
            for (field, alternative) in release.differences() {
                let mut behavior = release.next_newer().expect("`current` differs from nothing").behavior();
                let before = behavior.clone();
                behavior.set(field, alternative).unwrap_or_else(|error| panic!("{release}: {error}"));
                assert_ne!(behavior, before, "{release}: {field} = {alternative} changes nothing");
            }
        }
    }

    /// Every release's name parses back to it.
    #[test]
    fn names_read_back() {
        for release in Release::ALL {
            assert_eq!(release.name().parse(), Ok(release));
        }
        assert_eq!(
            "0.16".parse::<Release>().unwrap_err().to_string(),
            "unknown release `0.16`, expected one of `0.16.0`, `0.17.0`, `0.18.2`, `0.19.0`, `0.19.0+rearm`, `current`"
        );
    }
}
