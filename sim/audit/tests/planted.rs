//! Each kind has a database that breaks its claim, and a clean database breaks none.
//!
//! A plant is SQL on top of the clean database. It names every kind that it is to break: a plant that breaks a neighbour too
//! says so.

#[path = "planted/databases.rs"]
mod databases;

use std::collections::BTreeSet;

use sim_audit::{Audit, Finding, Kind, Options, Sources, Texts, audit, script};

use databases::{Base, DAY, NOW};

const BASES: [Base; 2] = [Base::V13, Base::Current];

fn options() -> Options {
    Options { now: NOW, age: DAY, sources: Sources::Own, kinds: Vec::new(), texts: Texts::Withheld }
}

/// Audits the base with the SQL of a plant, and compares the kinds that are found.
#[track_caller]
fn check(base: Base, plant: &str, expected: &[Kind]) -> Audit {
    let file = databases::planted(base, plant);
    let audit = audit(file.path(), &options()).expect("it can be read");
    let found: BTreeSet<Kind> = audit.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(found, expected.iter().copied().collect(), "{base:?}: {plant}\n{:#?}", audit.findings);
    audit
}

/// The plants: the kinds that they break, and the SQL.
const PLANTS: &[(&[Kind], &str)] = &[
    (&[Kind::OpenRowWithoutOwner], "UPDATE sessions SET ended_at = NULL, end_reason = NULL WHERE id = 'tip'"),
    (
        &[Kind::TwoOpenRowsInChain, Kind::OpenRowWithoutOwner],
        "UPDATE sessions SET ended_at = NULL, end_reason = NULL WHERE id IN ('root', 'tip')",
    ),
    (&[Kind::ContinuedRowNotCompressed], "UPDATE sessions SET end_reason = 'tui_close' WHERE id = 'root'"),
    (&[Kind::CompressedRowWithoutChild], "UPDATE sessions SET end_reason = 'compression' WHERE id = 'tip'"),
    (&[Kind::CompressedRowContinuedTwice], "UPDATE sessions SET parent_session_id = 'root' WHERE id = 'plain'"),
    (
        &[Kind::CompressedRowContinuedTwice, Kind::TwoOpenRowsInChain, Kind::OpenRowWithoutOwner],
        "UPDATE sessions SET parent_session_id = 'root' WHERE id = 'plain'; \
         UPDATE sessions SET ended_at = NULL, end_reason = NULL WHERE id IN ('plain', 'tip')",
    ),
    (
        &[Kind::CompressedRowWithoutMessages],
        "DELETE FROM messages WHERE session_id = 'root'; \
         UPDATE sessions SET message_count = 0, tool_call_count = 0 WHERE id = 'root'",
    ),
    (
        &[Kind::RowWithoutMessages],
        "DELETE FROM messages WHERE session_id = 'plain'; \
         UPDATE sessions SET message_count = 0, title = NULL WHERE id = 'plain'",
    ),
    (&[Kind::MessageCountDiffers], "UPDATE sessions SET message_count = 9 WHERE id = 'tip'"),
    (&[Kind::ToolCallCountDiffers], "UPDATE sessions SET tool_call_count = 9 WHERE id = 'tip'"),
    (
        &[Kind::CallWithoutResult],
        "DELETE FROM messages WHERE session_id = 'tip' AND role = 'tool'; \
         UPDATE sessions SET message_count = message_count - 1 WHERE id = 'tip'",
    ),
    (
        &[Kind::ResultWithoutCall],
        "UPDATE messages SET tool_calls = NULL WHERE session_id = 'tip'; \
         UPDATE sessions SET tool_call_count = 0 WHERE id = 'tip'",
    ),
    // Stored again with the times of before.
    (
        &[Kind::DuplicateMessages],
        "INSERT INTO messages (session_id, role, content, timestamp) \
         SELECT session_id, role, content, timestamp FROM messages WHERE session_id = 'plain'; \
         UPDATE sessions SET message_count = message_count * 2 WHERE id = 'plain'",
    ),
    // Stored again at one time, much later.
    (
        &[Kind::DuplicateMessages],
        "INSERT INTO messages (session_id, role, content, timestamp) \
         SELECT session_id, role, content, 1700000090.0 + id / 1000.0 FROM messages WHERE session_id = 'plain'; \
         UPDATE sessions SET message_count = message_count * 2 WHERE id = 'plain'",
    ),
    // A call and its result stored again.
    (
        &[Kind::DuplicateMessages],
        "INSERT INTO messages (session_id, role, content, tool_call_id, tool_calls, timestamp) \
         SELECT session_id, role, content, tool_call_id, tool_calls, timestamp + 5 FROM messages \
         WHERE session_id = 'tip' AND (tool_calls IS NOT NULL OR role = 'tool'); \
         UPDATE sessions SET message_count = message_count + 2, tool_call_count = 2 WHERE id = 'tip'",
    ),
    (&[Kind::MessageAfterEnd], "UPDATE sessions SET ended_at = started_at + 1 WHERE id = 'tip'"),
    (
        &[Kind::PlatformRowEnded],
        "UPDATE sessions SET ended_at = 1700000400, end_reason = 'agent_close' WHERE id = 'chat'",
    ),
    (&[Kind::SourceUnknown], "UPDATE sessions SET source = 'unknown' WHERE id = 'plain'"),
    (
        &[Kind::MessagesWithoutRow],
        "INSERT INTO messages (session_id, role, content, timestamp) VALUES ('gone', 'user', 'x', 1700000000)",
    ),
    (&[Kind::ParentMissing], "UPDATE sessions SET parent_session_id = 'gone' WHERE id = 'plain'"),
    (
        &[Kind::ParentCycle],
        "UPDATE sessions SET parent_session_id = 'plain' WHERE id = 'branch'; \
         UPDATE sessions SET parent_session_id = 'branch' WHERE id = 'plain'",
    ),
    (
        &[Kind::ReferenceMissing],
        "CREATE TABLE usage (session_id TEXT REFERENCES sessions(id)); INSERT INTO usage VALUES ('gone'), ('tip')",
    ),
    (
        &[Kind::EndedBeforeStarted, Kind::MessageAfterEnd],
        "UPDATE sessions SET ended_at = started_at - 3600 WHERE id = 'plain'",
    ),
    (
        &[Kind::TitleGivenTwice],
        "DROP INDEX IF EXISTS idx_sessions_title_unique; UPDATE sessions SET title = 'one' WHERE id IN ('root', 'plain')",
    ),
];

/// A report without findings is worth something only if nothing is found in a sound database.
#[test]
fn nothing_is_found_in_a_clean_database() {
    for base in BASES {
        let audit = check(base, "", &[]);
        assert_eq!((audit.rows, audit.messages), (6, 15), "{base:?}");
        assert_eq!(audit.not_judged, [], "{base:?}");
    }
}

/// Each claim can fail, on the oldest and on the newest schema, and a plant breaks no other claim than it says.
#[test]
fn each_plant_is_found() {
    for base in BASES {
        for (kinds, plant) in PLANTS {
            check(base, plant, kinds);
        }
    }
}

/// [`Kind::DamagedPages`] has a test of its own, because no SQL damages a page.
#[test]
fn every_kind_has_a_plant() {
    let planted: BTreeSet<Kind> = PLANTS.iter().map(|(kinds, _)| kinds[0]).chain([Kind::DamagedPages]).collect();
    assert_eq!(planted, Kind::ALL.into_iter().collect());
}

/// A row that may be a subagent's is counted, and no claim is made of it: before schema 16 the rows do not say.
#[test]
fn a_child_that_may_be_a_subagent_is_not_judged() {
    let open = "UPDATE sessions SET ended_at = NULL, end_reason = NULL, title = NULL WHERE id IN ('root', 'tip')";
    let audit = check(Base::V13, open, &[Kind::OpenRowWithoutOwner]);
    assert_eq!(audit.spared.children_of_unknown_kind, 1);
}

/// A missing column makes exactly the claims that need it not judged.
#[test]
fn what_a_column_is_missing_for_is_said() {
    let audit = check(Base::V13, "ALTER TABLE messages DROP COLUMN tool_calls", &[]);
    let missing: Vec<(Kind, &str)> =
        audit.not_judged.iter().map(|not_judged| (not_judged.kind, not_judged.missing.as_str())).collect();
    let column = "messages.tool_calls";
    let kinds = [Kind::ToolCallCountDiffers, Kind::CallWithoutResult, Kind::ResultWithoutCall];
    assert_eq!(missing, kinds.map(|kind| (kind, column)));
}

/// Messages that a compression in place has put aside are not counted, and those that a person took back may be. No claim
/// about calls or repetitions is made of either.
#[test]
fn messages_that_are_not_live_break_no_claim() {
    let aside = "INSERT INTO messages (session_id, role, content, tool_calls, timestamp, active, compacted) VALUES
        ('tip', 'user', 'go on', NULL, 1700000110, 0, 1), ('tip', 'user', 'go on', NULL, 1700000110, 0, 0),
        ('tip', 'assistant', '', '[{\"id\": \"call_1\"}]', 1700000111, 0, 1),
        ('tip', 'assistant', '', '[{\"id\": \"call_1\"}]', 1700000111, 0, 0);";
    let count = |messages, calls| {
        format!("{aside} UPDATE sessions SET message_count = {messages}, tool_call_count = {calls} WHERE id = 'tip'")
    };
    check(Base::Current, &count(5, 1), &[]);
    check(Base::Current, &count(7, 2), &[]);
    check(Base::Current, &count(8, 3), &[Kind::MessageCountDiffers, Kind::ToolCallCountDiffers]);
    check(Base::Current, &count(4, 0), &[Kind::MessageCountDiffers, Kind::ToolCallCountDiffers]);
}

/// Open rows within the age are counted and not judged; those of other programs only with their flag. An open row may have a
/// call under way, and no message yet.
#[test]
fn open_rows_are_spared_by_age_and_source() {
    let at = |plant: &str, change: fn(&mut Options)| {
        let file = databases::planted(Base::Current, plant);
        let mut options = options();
        change(&mut options);
        let audit = audit(file.path(), &options).expect("it can be read");
        let kinds: Vec<&str> = audit.findings.iter().map(|finding| finding.kind.name()).collect();
        (kinds, audit.spared.young_open_rows, audit.spared.open_rows_of_other_programs)
    };
    assert_eq!(at("", |_| {}), (vec![], 0, 1), "the open row of the clean database is one of a platform");
    assert_eq!(at("", |options| options.sources = Sources::All), (vec!["open_row_without_owner"], 0, 0));
    let calls = "UPDATE sessions SET ended_at = NULL, end_reason = NULL WHERE id = 'tip'; \
                 DELETE FROM messages WHERE session_id = 'tip' AND (role = 'tool' OR id > 9); \
                 UPDATE sessions SET message_count = (SELECT COUNT(*) FROM messages WHERE session_id = 'tip') WHERE id = 'tip'";
    assert_eq!(at(calls, |options| options.now = 1_700_000_500.0), (vec![], 2, 0));
    assert_eq!(at(calls, |_| {}), (vec!["open_row_without_owner", "call_without_result"], 0, 1));
    assert_eq!(at(calls, |options| options.kinds = vec![Kind::CallWithoutResult]).0, ["call_without_result"]);
}

/// What `sim find` is given, for the shape of #44045: the ended parent and its open continuation.
#[test]
fn a_finding_leads_to_a_schedule() {
    let audit = check(Base::Current, PLANTS[0].1, PLANTS[0].0);
    let [Finding { rows, defects, releases, find, .. }] = &audit.findings[..] else { panic!("{:?}", audit.findings) };
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["root", "tip"]);
    assert_eq!((&defects[..2], releases.len()), (&["A3", "S1"][..], 4));
    let expected = [
        "--release",
        "0.19.0",
        "--row",
        "s1 parent=none end_reason=compression",
        "--row",
        "s2 parent=s1 open messages>=1",
    ];
    assert_eq!(find, &expected);
}

/// Neither titles nor texts are in a report, unless they are asked for.
#[test]
fn texts_are_withheld() {
    let plant = PLANTS.iter().find(|(kinds, _)| kinds[0] == Kind::DuplicateMessages).expect("it is there").1;
    let file = databases::planted(Base::Current, plant);
    let report = |texts| {
        let audit = audit(file.path(), &Options { texts, ..options() }).expect("it can be read");
        serde_json::to_string(&audit).expect("a report is plain data")
    };
    for secret in ["a secret title", "a secret text"] {
        assert!(!report(Texts::Withheld).contains(secret), "{secret}");
        assert!(report(Texts::Shown).contains(secret), "{secret}");
    }
}

/// What is printed as SQL mends what it was printed for, and nothing else is found then.
#[test]
fn the_printed_sql_mends_the_safe_kinds() {
    for (kinds, plant) in PLANTS.iter().filter(|(kinds, _)| kinds[0].is_safe()) {
        let file = databases::planted(Base::Current, plant);
        let before = audit(file.path(), &options()).expect("it can be read");
        let script = script("state.db", &before.findings).expect("a safe kind has a statement");
        file.carry_out(&script);
        let after = audit(file.path(), &options()).expect("it can be read");
        assert!(after.findings.iter().all(|finding| finding.kind != kinds[0]), "{script}{:#?}", after.findings);
    }
    let audit = check(Base::Current, PLANTS[2].1, PLANTS[2].0);
    assert_eq!(script("state.db", &audit.findings), None, "no statement decides what a chain should be");
}
