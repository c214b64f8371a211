//! Files that parse, files that do not, and the position of each mistake.

mod fault_mistakes;
mod key_mistakes;
mod mistakes;
mod round_trip;
mod row_mistakes;
mod story_mistakes;

use std::fs;
use std::path::Path;

use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;

use super::*;
use crate::table::Need;

/// A scenario that uses nearly every key. The tests of `print` check that it prints unchanged.
pub(super) const EXAMPLE: &str = r#"about = "A turn outlives the grace after its client is gone; the continuation row must still be ended."
issues = ["hermes-agent#44045", "hermes-agent#44102"]
releases = ["0.16.0", "current"]

[gateway]
orphan_grace = "15s"

[behavior]
"grace.expiry" = "one_shot"

[network]
latency = ["1ms", "20ms"]

[store]
after_commit = "5ms"

[turns.refactor]
steps = [
    { tool = "terminal", takes = "4s" },
    { compress = "rotate", takes = "2s" },
    { tool = "terminal", takes = "34s", interruptible = false },
    { reply = "done" },
]

[[steps]]
at = "0s"
client = "desktop"
do = "connect"

[[steps]]
at = "0s"
client = "desktop"
do = "session.create"
as = "work"

[[steps]]
at = "1s"
client = "desktop"
do = "prompt.submit"
session = "work"
turn = "refactor"

[[steps]]
at = "6s"
client = "desktop"
do = "drop"  # the socket dies without a close frame

[[steps]]
at = "1m 30s"
client = "phone"
do = "connect"

[[steps]]
at = "1m 30s"
client = "phone"
do = "session.resume"
session = "work"
id = "tip"
as = "again"

[expect."0.16.0"]
violates = "detached_rows_end"

[expect.current]
outcome = "passed"
"#;

/// The parser knows only the invariants that the caller passes in.
pub(super) const NAMES: InvariantNames = InvariantNames {
    known: &["detached_rows_end", "idle_sessions_end", "acknowledged_messages_are_stored"],
    renamed: &[("rows_end", "detached_rows_end"), ("told_is_stored", "acknowledged_messages_are_stored")],
    renamed_until: "9.9",
};

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(Path::new("x.toml"), text, &NAMES)
}

#[track_caller]
fn check_text(found: &str, expected: &str) {
    match expected.strip_suffix('…') {
        Some(beginning) => assert!(found.starts_with(beginning), "`{found}` does not begin with `{beginning}`"),
        None => assert_eq!(found, expected),
    }
}

/// A mistake that has no position in the text has the path as its position.
#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |name: &str, expected: &str| {
        let error = Scenario::load(&folder.path().join(name), &NAMES).expect_err("a bad file");
        let path = format!("{}/", folder.path().display());
        check_text(&error.to_string().replace(&path, ""), expected);
    };
    fs::write(folder.path().join("latin.toml"), b"# fine\nabout = \"caf\xe9\"\n").expect("a file");
    check("latin.toml", "latin.toml:2:13: not UTF-8: byte 0xe9 at offset 19");
    check("gone.toml", "gone.toml: no such file or directory");
    fs::create_dir(folder.path().join("folder.toml")).expect("a folder");
    check("folder.toml", "folder.toml: cannot be read: …");
    fs::write(folder.path().join("good.toml"), EXAMPLE).expect("a file");
    let good = Scenario::load(&folder.path().join("good.toml"), &NAMES).expect("a good file");
    assert_eq!(good.name, "good");
}

/// An earlier name of an invariant is read as the present one, with one warning at the first place of the name.
#[test]
fn earlier_names_of_invariants_are_accepted_with_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("old.toml");
    let names = r#"["told_is_stored", "idle_sessions_end", "rows_end"]"#;
    let twice = "[expect.current]\nviolates = \"rows_end\"";
    let text = EXAMPLE.replace(r#""detached_rows_end""#, names);
    let text = text.replace("[expect.current]\noutcome = \"passed\"", twice);
    fs::write(&path, text).expect("a file");
    let (scenario, warnings) = Scenario::load_with_warnings(&path, &NAMES).expect("a good file");
    let present = ["acknowledged_messages_are_stored", "idle_sessions_end", "detached_rows_end"].map(str::to_owned);
    assert_eq!(scenario.expect[&Release::V0_16_0], Expected::Violates(present.to_vec()));
    let printed = scenario.to_toml();
    assert!(!printed.contains("told_is_stored") && !printed.contains("\"rows_end\""), "{printed}");
    let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let line = |place: &str, old: &str, new: &str| {
        let path = path.display();
        format!("{path}:{place}: `{old}` is now `{new}`; the earlier name is accepted until version 9.9")
    };
    let expected = [
        line("62:13", "told_is_stored", "acknowledged_messages_are_stored"),
        line("62:52", "rows_end", "detached_rows_end"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(Scenario::load_with_warnings(&path, &NAMES).expect("again").1.len(), 2);
}

/// A mistake in the text has a span; a mistake in the path has none.
#[test]
fn errors_have_the_place() {
    let text = EXAMPLE.replace("\"drop\"", "\"crush\"");
    let error = parse(&text).expect_err("a bad file");
    assert_eq!(error.text(), Some(text.as_str()));
    assert_eq!(&text[error.span().expect("a place")], "\"crush\"");
    assert!(error.help().is_some_and(|help| help.starts_with("steps are `connect`")), "{error:?}");
    let pathless = ScenarioError::of_path(Path::new("gone.toml"), "no such file or directory");
    assert!(pathless.text().is_none() && pathless.span().is_none());
}

/// Every prefix of a file parses or fails with a position, also when the file ends at that position.
#[test]
fn every_prefix_of_a_file_is_read_or_has_a_place() {
    let text = EXAMPLE.replace("about = \"A", "about = \"Ä");
    for (end, _) in text.char_indices() {
        if let Err(error) = parse(&text[..end]) {
            let (text, span) = (error.text().expect("a text"), error.span().expect("a place"));
            assert!(text.get(span).is_some_and(|marked| !marked.contains('\n')), "cut at {end}: {error:?}");
            assert!(error.column().is_some() && error.line() <= Some(text[..end].lines().count().max(1)), "{error:?}");
        }
    }
}

/// Every key of the file is read, and each absent key has its documented default.
#[test]
fn the_example_is_read() {
    let example = parse(EXAMPLE).expect("a good file");
    assert_eq!(example.releases, [Release::V0_16_0, Release::Current]);
    assert_eq!(example.seed, 0);
    assert_eq!(example.gateway, Config { orphan_grace: Millis::from_secs(15), ..Config::default() });
    assert_eq!(example.behavior, [("grace.expiry".to_owned(), "one_shot".to_owned())]);
    assert_eq!(example.network.latency, Latency { min: Millis(1), max: Millis(20) });
    assert_eq!(example.store.before_commit, Latency::default());
    assert_eq!(example.store.after_commit, Latency::fixed(Millis(5)));
    // The last step at 90 s, one turn of 40 s, three graces of 15 s.
    assert_eq!(example.until, Millis::from_secs(90 + 40 + 45));
    assert_eq!(example.steps[2].line, 36);
    assert_eq!(example.steps[2].action.word(), "prompt.submit");
    let resume = RequestStep::Resume {
        session: "work".to_owned(),
        target: ResumeTarget::Tip,
        name: Some("again".to_owned()),
        model: None,
        last_seen: None,
        mode: ResumeMode::Continue,
    };
    assert_eq!(example.steps[5].action, resume.into());
    assert_eq!(example.expect[&Release::V0_16_0], Expected::Violates(vec!["detached_rows_end".to_owned()]));
    assert_eq!(example.expect[&Release::Current], Expected::Outcome(ExpectedOutcome::Passed));
}

/// A tape is written in the file as it prints, and belongs to one release.
#[test]
fn a_tape_is_read() {
    let tape = "ready: desktop/script | *work/grace\nnet.desktop.in: *0.001s | 0.010s\n";
    let text = format!("{EXAMPLE}\n[tape]\n\"0.16.0\" = '''\n{tape}'''\n");
    let read = parse(&text).expect("a good file");
    assert_eq!(read.tapes.keys().collect::<Vec<_>>(), [&Release::V0_16_0]);
    assert_eq!(read.tapes[&Release::V0_16_0].to_string(), tape);
    assert!(read.to_toml().ends_with(&format!("\n[tape]\n\"0.16.0\" = '''\n{tape}'''\n")), "{read}");
    assert_eq!(parse(&read.to_toml()).expect("its own text"), read);
}

/// Steps are sorted by time; steps of the same instant keep the order of the file.
#[test]
fn steps_are_sorted_by_time() {
    let step =
        |at: &str, client: &str, rest: &str| format!("[[steps]]\nat = \"{at}\"\nclient = \"{client}\"\n{rest}\n");
    let text = [
        "about = \"x\"\n".to_owned(),
        step("2s", "a", "do = \"session.list\""),
        step("1s", "b", "do = \"connect\""),
        step("0s", "a", "do = \"connect\""),
        step("1s", "a", "do = \"session.active_list\""),
    ]
    .concat();
    let scenario = parse(&text).expect("a good file");
    let order: Vec<(u64, &str, usize)> =
        scenario.steps.iter().map(|step| (step.at.0, step.client.as_str(), step.line)).collect();
    assert_eq!(order, [(0, "a", 10), (1000, "b", 6), (1000, "a", 14), (2000, "a", 2)]);
}

/// A step without keys is refused for a key that the table marks as required.
#[test]
fn steps_need_what_the_table_says() {
    let step = |word: Word, keys: &str| {
        let client = if word.entry().has_client() { "client = \"desktop\"\n" } else { "" };
        format!("[[steps]]\nat = \"0s\"\n{client}do = \"{}\"\n{keys}", word.entry().word)
    };
    for word in Word::ALL.iter().copied().filter(|word| *word != Word::Connect) {
        let text = ["about = \"x\"\n", &step(Word::Connect, ""), &step(word, "")].concat();
        let needs = match parse(&text) {
            Ok(_) => None,
            Err(error) => error.message().split_once(" needs ").map(|(_, keys)| keys.to_owned()),
        };
        let keys = word.entry().keys.iter();
        let needed: Vec<&str> = keys.filter(|key| key.need != Need::Optional).map(|key| key.name).collect();
        match needs {
            None => assert!(needed.is_empty(), "`{}` is read without {needed:?}", word.entry().word),
            Some(needs) => assert!(
                needs.split(" or ").all(|key| needed.contains(&key.trim_matches('`'))),
                "`{}` needs {needs}, and {needed:?} in the table",
                word.entry().word
            ),
        }
    }
}
