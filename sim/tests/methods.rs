//! The rows that the methods on a conversation leave, under the releases that differ.

use std::path::Path;

use sim_harness::invariant::NAMES;
use sim_harness::{Outcome, Release, Scenario, Simulator};

/// A client with a session `work` that has completed two prompts: four messages.
const TALK: &str = r#"
about = "A conversation of two prompts."
until = "40s"
[turns.long]
steps = [{ tool = "terminal", takes = "5s" }, { reply = "done" }]
[turns.silent]
steps = [{ sleep = "5s" }, { reply = "done" }]
[turns.rotating]
steps = [{ compress = "rotate", takes = "1s" }, { tool = "terminal", takes = "5s" }]
"#;

const PROLOGUE: &str = "
0s connect
0s session.create as=work
1s prompt.submit session=work text=one
2s prompt.submit session=work text=two
";

/// Runs a script, one step a line, under a release with some fields of its behaviour changed, and compares facts about the
/// rows at the end of the script's time. A fact with the prefix `-` must be absent.
#[track_caller]
fn check(release: Release, behavior: &[&str], script: &str, expected: &[&str]) {
    check_with("", release, behavior, script, expected);
}

/// As `check`, with further settings.
#[track_caller]
fn check_with(settings: &str, release: Release, behavior: &[&str], script: &str, expected: &[&str]) {
    let steps: String =
        PROLOGUE.lines().chain(script.lines()).filter(|line| !line.trim().is_empty()).map(step).collect();
    let mut scenario = Scenario::parse(Path::new("methods.toml"), &format!("{TALK}{settings}{steps}"), &NAMES)
        .unwrap_or_else(|error| panic!("{error}"));
    for change in behavior {
        let (field, alternative) = change.split_once('=').expect("field=alternative");
        scenario.behavior.push((field.to_owned(), alternative.to_owned()));
    }
    let report = Simulator::new().run(&scenario, release);
    if release == Release::Current && behavior.is_empty() {
        assert_eq!((report.outcome, report.detail), (Outcome::Passed, None), "{:?}", report.violations);
    }
    let facts: Vec<String> = report.rows.facts().iter().map(|(name, value)| format!("{name} = {value}")).collect();
    for fact in expected {
        let (found, wanted) = match fact.strip_prefix('-') {
            Some(absent) => (facts.iter().any(|known| known.starts_with(absent)), false),
            None => (facts.iter().any(|known| known == fact), true),
        };
        assert_eq!(found, wanted, "{release}: `{fact}` in\n{}", report.rows);
    }
}

fn step(line: &str) -> String {
    let mut words = line.split_whitespace();
    let (at, word) = (words.next().expect("a time"), words.next().expect("a word"));
    let keys = words.map(|word| word.split_once('=').expect("key=value"));
    let keys: String = keys.map(|(key, value)| format!("{key} = \"{value}\"\n")).collect();
    format!("\n[[steps]]\nat = \"{at}\"\nclient = \"desktop\"\ndo = \"{word}\"\n{keys}")
}

/// A title is stored in the row, also when it is set before the row exists; reading the title writes nothing (B18).
#[test]
fn titles() {
    let early = "10s session.create as=idle\n11s session.title session=idle title=plan";
    check(Release::Current, &[], early, &["s2.title = plan", "s2.message_count = 0"]);
    check(Release::V0_16_0, &[], early, &["-s2"]);
    let twice = "10s session.title session=work title=plan\n11s session.create as=idle\n12s session.title session=idle title=plan";
    check(Release::Current, &[], twice, &["s1.title = plan", "-s2"]);
}

/// Removed messages stay removed (A18): the next prompt follows the first, and a resume does not restore them.
#[test]
fn undo() {
    let again = "10s session.undo session=work\n11s prompt.submit session=work text=three";
    let kept = ["s1.message_count = 4", "s1.m3 = user \"three\" at 11.000s", "-s1.m5"];
    check(Release::Current, &[], again, &kept);
    check(Release::Current, &["history.undo=memory_only"], again, &["s1.message_count = 6"]);
    check(Release::V0_19_0, &[], again, &["s1.message_count = 6", "s1.m3 = user \"two\" at 2.000s"]);
    let busy = "10s prompt.submit session=work turn=long\n11s session.undo session=work";
    check(Release::Current, &[], busy, &["s1.message_count = 8"]);
}

/// A steering text reaches the turn with the next tool result or becomes the next prompt; it is never lost (A17).
#[test]
fn steer() {
    let read = "10s prompt.submit session=work turn=long\n11s session.steer session=work text=hurry";
    check(Release::Current, &[], read, &["s1.m7 = tool \"ok\\n\\nUser guidance: hurry\" at 15.000s", "-s1.m9"]);
    let unread = "10s prompt.submit session=work turn=silent\n11s session.steer session=work text=hurry";
    check(Release::Current, &[], unread, &["s1.m7 = user \"hurry\" at 15.000s", "s1.message_count = 8"]);
    check(Release::V0_19_0, &[], unread, &["s1.message_count = 6"]);
    check(Release::Current, &[], "10s session.steer session=work text=hurry", &["s1.message_count = 4"]);
}

/// A row that a live session writes is not deleted by any of its ids (A32); other rows are.
#[test]
fn delete() {
    check(Release::Current, &[], "10s session.delete session=work", &["s1.message_count = 4"]);
    let closed = "10s session.close session=work\n11s session.delete session=work";
    check(Release::Current, &[], closed, &["-s1"]);
    let rotated = "10s prompt.submit session=work turn=rotating\n13s session.delete session=work id=tip";
    check(Release::Current, &[], rotated, &["s2.parent_session_id = s1"]);
    check(Release::V0_19_0, &["resume.order=register_then_reopen"], rotated, &["-s2"]);
}

/// A branch copies the messages, ends on its own, and neither ends nor continues its parent.
#[test]
fn branch() {
    let script = "10s session.branch session=work as=second\n11s prompt.submit session=second text=three\n12s session.close session=second";
    let rows = [
        "s1.end_reason = NULL",
        "s1.message_count = 4",
        "s2.parent_session_id = s1",
        "s2.end_reason = tui_close",
        "s2.message_count = 6",
        "s2.title = branch",
    ];
    for release in Release::ALL {
        check(release, &[], script, &rows);
    }
    let empty = "10s session.create as=idle\n11s session.branch session=idle as=second";
    check(Release::Current, &[], empty, &["-s2"]);
}

/// A compression on request leaves a summary and the last message, in place or under a new id.
#[test]
fn compress() {
    let script = "10s session.compress session=work\n11s prompt.submit session=work text=three";
    check(Release::Current, &[], script, &["s1.message_count = 4", "s1.end_reason = NULL", "-s2"]);
    let rotated =
        ["s1.end_reason = compression", "s2.parent_session_id = s1", "s2.end_reason = NULL", "s2.message_count = 4"];
    check(Release::Current, &["rotation.default_mode=rotate"], script, &rotated);
    check(Release::V0_17_0, &[], script, &["s1.end_reason = compression", "s2.parent_session_id = s1"]);
    let short =
        "10s session.create as=other\n11s prompt.submit session=other text=x\n12s session.compress session=other";
    check(
        Release::Current,
        &["rotation.default_mode=rotate"],
        short,
        &["s2.end_reason = NULL", "s2.message_count = 2", "-s3"],
    );
}

/// A compression occupies the session like a turn (S28): a prompt waits for it, or stops it in an old release, and an end
/// stops it.
///
/// Method: the session is resumed, and its compression waits for an agent whose build takes 3 s.
#[test]
fn a_compression_holds_the_session() {
    let queue = "[gateway]\nbusy_input_mode = \"queue\"\n[agent]\nbuild = \"3s\"\n[behavior]\n\"rotation.default_mode\" = \"rotate\"\n";
    let back = "20s session.close session=work\n21s session.resume session=work as=again\n22s session.compress session=again\n";
    let prompt = format!("{back}23s prompt.submit session=again text=three");
    let waited = ["s1.end_reason = compression", "s2.message_count = 4", "s2.m3 = user \"three\" at 24.050s"];
    check_with(queue, Release::Current, &[], &prompt, &waited);
    let interrupt = queue.replace("queue", "interrupt");
    let stopped = ["-s2", "s1.message_count = 6", "s1.m5 = user \"three\" at 23.000s"];
    check_with(&interrupt, Release::Current, &[], &prompt, &waited);
    check_with(&interrupt, Release::Current, &["claim.compressing=interrupts"], &prompt, &stopped);
    let closed = format!("{back}23s session.close session=again");
    check_with(queue, Release::Current, &[], &closed, &["-s2", "s1.end_reason = tui_close", "s1.ended_at = 23.000s"]);
}

/// A running turn is neither undone nor compressed.
#[test]
fn busy_sessions_are_neither_undone_nor_compressed() {
    let busy =
        "10s prompt.submit session=work turn=silent\n11s session.undo session=work\n12s session.compress session=work";
    check(Release::Current, &[], busy, &["s1.message_count = 6", "s1.end_reason = NULL", "-s2"]);
}
