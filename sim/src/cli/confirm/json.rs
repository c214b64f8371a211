//! The documents of `sim confirm --format json`.

use std::path::{Path, PathBuf};

use gateway_core::clock::Millis;
use gateway_core::release::Release;
use serde::Serialize;
use sim_confirm::Confirmation;
use sim_harness::rows::ListedSession;

/// One play.
#[derive(Serialize)]
pub(super) struct Play<'a> {
    pub(super) scenario: &'a Path,
    pub(super) release: Release,
    pub(super) confirmed: bool,
    /// How long the script of the file is, and how long it was played.
    pub(super) until_ms: u64,
    pub(super) played_ms: u64,
    pub(super) rows: &'a [ListedSession],
    pub(super) live: Live,
    pub(super) differences: &'a [String],
    pub(super) database: Option<PathBuf>,
}

/// What the package has in its memory at the end.
#[derive(Serialize)]
pub(super) struct Live {
    pub(super) sessions: u64,
    pub(super) timers: u64,
    pub(super) turns: u64,
}

impl<'a> Play<'a> {
    pub(super) fn of(
        scenario: &'a Path,
        until: Millis,
        confirmation: &'a Confirmation,
        database: Option<PathBuf>,
    ) -> Self {
        let live = |key: &str| confirmation.left.memory[key].as_u64().unwrap_or_default();
        Self {
            scenario,
            release: confirmation.report.release,
            confirmed: confirmation.differences.is_empty(),
            until_ms: until.0,
            played_ms: confirmation.played.until.0,
            rows: &confirmation.left.rows,
            live: Live { sessions: live("sessions"), timers: live("timers"), turns: live("turns") },
            differences: &confirmation.differences,
            database,
        }
    }
}

/// A campaign.
#[derive(Serialize)]
pub(super) struct Campaign {
    pub(super) release: Release,
    pub(super) seed: u64,
    pub(super) plays: u64,
    pub(super) equal: u64,
    pub(super) differ: u64,
    pub(super) without_result: Vec<WithoutResult>,
    pub(super) kinds: Vec<Kind>,
}

/// A seed whose play has no result.
#[derive(Serialize)]
pub(super) struct WithoutResult {
    pub(super) seed: u64,
    pub(super) why: String,
}

/// A kind of difference.
#[derive(Serialize)]
pub(super) struct Kind {
    pub(super) kind: String,
    pub(super) seeds: Vec<u64>,
    /// The first difference of the first seed.
    pub(super) example: String,
    pub(super) file: PathBuf,
    pub(super) steps: usize,
}

/// Prints a document.
pub(super) fn print(document: &impl Serialize) {
    out!("{}", serde_json::to_string_pretty(document).expect("a report is plain data"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(document: &impl Serialize, expected: &str) {
        assert_eq!(serde_json::to_string_pretty(document).expect("plain data"), expected);
    }

    /// The document of a play has the row that the package left, and its difference.
    #[test]
    fn a_play_is_a_document() {
        let row = ListedSession {
            alias: "s1".to_owned(),
            id: "20261129_125553_99c979".to_owned(),
            parent: None,
            source: "tui".to_owned(),
            started_ms: 755,
            ended_ms: None,
            end_reason: None,
            message_count: 3,
            title: None,
        };
        let play = Play {
            scenario: Path::new("it's.toml"),
            release: Release::V0_19_0,
            confirmed: false,
            until_ms: 90_000,
            played_ms: 5312,
            rows: &[row],
            live: Live { sessions: 1, timers: 0, turns: 0 },
            differences: &["s1.message_count: expected 2, found 3".to_owned()],
            database: Some(PathBuf::from("/tmp/ghost/state.db")),
        };
        check(&play, include_str!("../../../../snapshots/confirm_play.json").trim_end());
    }

    /// The document of a campaign has a kind with its seeds, and the seeds without a result.
    #[test]
    fn a_campaign_is_a_document() {
        let kind = Kind {
            kind: "s#.message_count: expected #".to_owned(),
            seeds: vec![3, 7],
            example: "s1.message_count: expected 2, found 3".to_owned(),
            file: PathBuf::from("target/confirm/0.19.0_3.toml"),
            steps: 5,
        };
        let campaign = Campaign {
            release: Release::V0_19_0,
            seed: 0,
            plays: 10,
            equal: 7,
            differ: 2,
            without_result: vec![WithoutResult { seed: 9, why: "the package does not start".to_owned() }],
            kinds: vec![kind],
        };
        check(&campaign, include_str!("../../../../snapshots/confirm_campaign.json").trim_end());
    }
}
