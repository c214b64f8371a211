//! `sim find`: what it finds can be run and replayed, does not depend on threads, and is never a session that is still in use.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use gateway_core::store::Role;
use serde_json::Value;
use sim_confirm::{Pace, prepare};
use sim_harness::invariant::NAMES;
use sim_harness::verdict::{Reference, judge};
use sim_harness::{Release, Simulator};
use sim_scenario::Scenario;

/// The rows of hermes-agent#44045 with the session that is left in memory.
const GHOST: [&str; 6] = ["--row", "s1 end_reason=compression", "--row", "s2 parent=s1 open", "--live", "1"];

/// The output of a search in a folder of its own, its exit code, and the files that it has written.
struct Searched {
    code: Option<i32>,
    printed: String,
    said: String,
    files: BTreeMap<String, String>,
}

#[track_caller]
fn find(arguments: &[&str]) -> Searched {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    let output = command.arg("find").args(arguments).current_dir(folder.path()).env_clear().output().expect("it runs");
    let found = folder.path().join("scenarios/found");
    let entries = fs::read_dir(found).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    let files = entries.map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("UTF-8"))
    });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Searched {
        code: output.status.code(),
        files: files.collect(),
        printed: text(output.stdout),
        said: text(output.stderr),
    }
}

/// The searched document, with the exit code.
#[track_caller]
fn check(arguments: &[&str], code: i32) -> (Value, Searched) {
    let searched = find(&[arguments, &["--format", "json"]].concat());
    assert_eq!(searched.code, Some(code), "{}{}", searched.printed, searched.said);
    (serde_json::from_str(&searched.printed).expect("one document"), searched)
}

/// A found file is small, names its cause, does what it expects on its own (rows, memory and violations), and has times that
/// the real gateway can be given. In the smallest one the steps share an instant.
#[test]
fn a_found_file_replays() {
    for release in [Release::V0_16_0, Release::V0_19_0] {
        let (document, searched) = check(&[&GHOST[..], &["--release", release.name(), "--tries", "3000"]].concat(), 0);
        let found = &document["found"][0];
        assert_eq!((&found["cause"], &found["explained"][0]["field"]), (&"clear".into(), &"grace.expiry".into()));
        assert!(found["steps"].as_u64() <= Some(6), "{found}");
        let [(name, text)] = searched.files.iter().collect::<Vec<_>>()[..] else { panic!("one file") };
        assert!(found["file"].as_str().is_some_and(|file| file.ends_with(name)));
        assert!(text.contains("[[expect.rows]]") && text.contains("[[expect.memory]]"), "{text}");
        let scenario = Scenario::parse(Path::new(name), text, &NAMES).expect("a good file");
        let report = Simulator::new().run(&scenario, release);
        assert_eq!((report.rows.sessions.len() >= 2, report.live.sessions), (true, 1), "{text}");
        assert!(found["unplayable"].is_null(), "{found}");
        let played = prepare(&mut Simulator::new(), &scenario, release, Pace::Exact);
        played.unwrap_or_else(|why| panic!("{why}: {text}"));
        let verdict = judge(report, &scenario, &Reference::OtherSchedule);
        assert!(verdict.expected && verdict.report.unmet.is_empty(), "{text}");
    }
}

/// The files and the report are the same on any number of threads, and other ones by another seed.
#[test]
fn threads_do_not_matter() {
    let of = |flags: &[&str]| {
        let arguments = [&GHOST[..], &["--release", "0.18.2", "--tries", "300", "--runs", "1600"], flags].concat();
        let searched = find(&arguments);
        assert_eq!(searched.code, Some(0), "{}", searched.printed);
        (searched.printed, searched.files)
    };
    let one = of(&["--jobs", "1"]);
    let (name, _) = one.1.first_key_value().expect("a file");
    let confirm = format!("  confirm  sim confirm scenarios/found/{name} --release 0.18.2\n");
    assert!(one.0.contains(&confirm), "{}", one.0);
    assert_eq!(one, of(&["--jobs", "3"]));
    assert_ne!(one, of(&["--jobs", "1", "--seed", "5"]));
}

/// Another cause of the same rows is another file, found with the first one mended.
#[test]
fn causes_differ() {
    let rows = ["--row", "s1 open", "--live", "1", "--exact", "--release", "0.19.0", "--causes", "2", "--tries", "300"];
    let (document, searched) = check(&rows, 0);
    let fields: Vec<&Value> =
        document["found"].as_array().into_iter().flatten().map(|found| &found["explained"][0]["field"]).collect();
    assert_eq!((fields.len(), searched.files.len()), (2, 2));
    assert_ne!(fields[0], fields[1]);
}

/// A row that ended too early is found by the time since its prompt (S3), and its file states when it ended. The prompt
/// alone would be no evidence: `current` ends such rows too, but later.
#[test]
fn an_early_end_is_found() {
    let row = "s1 end_reason=ws_orphan_reap since_prompt<20s";
    let (document, searched) = check(&["--row", row, "--release", "0.19.0", "--tries", "300"], 0);
    let found = &document["found"][0];
    assert_eq!((&found["cause"], &found["explained"][0]["field"]), (&"clear".into(), &"grace.timers".into()));
    let (name, text) = searched.files.iter().next().expect("a file");
    let scenario = Scenario::parse(Path::new(name), text, &NAMES).expect("a good file");
    let [early, late] = [Release::V0_19_0, Release::Current].map(|release| {
        let rows = Simulator::new().run(&scenario, release).rows;
        let ended = rows.sessions[0].ended_at.expect("it ended").0;
        let prompts = rows.messages.iter().filter(|row| row.message.role == Role::User);
        ended - prompts.map(|row| row.message.timestamp.0).max().expect("a prompt")
    });
    assert!(early < 20_000 && late >= 20_000, "{early} and {late} ms in\n{text}");
    assert!(text.contains("ended_at = "), "{text}");
}

/// The nearest run says by how much it misses a time. A session is not reaped within a grace of its only prompt, whatever
/// the release.
#[test]
fn a_missed_time_is_measured() {
    let rows = ["--row", "s1 end_reason=ws_orphan_reap since_start<1s", "--runs", "64"];
    let (document, searched) = check(&rows, 13);
    let distance = &document["nearest"]["distance"];
    assert_eq!(distance["words"], 1, "{document}");
    let missed = distance["missed_ms"].as_u64().expect("a number");
    assert!((1..86_400_000).contains(&missed), "{document}");
    assert!(searched.files.is_empty());
    let printed = find(&rows).printed;
    assert!(printed.contains(&format!("times are missed by {}.{:03}s", missed / 1000, missed % 1000)), "{printed}");
}

/// Each entry of the table that `sim/search/measure-find` measures can be searched for, and the fields by which a file is
/// recognized are differences of its release.
#[test]
fn the_measured_patterns_can_be_searched_for() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("search/find-patterns.toml");
    let table: toml::Table = toml::from_str(&fs::read_to_string(path).expect("UTF-8")).expect("a table");
    let strings = |value: Option<&toml::Value>| -> Vec<String> {
        let list = value.map(|value| value.as_array().expect("a list").as_slice()).unwrap_or_default();
        list.iter().map(|value| value.as_str().expect("a string").to_owned()).collect()
    };
    for entry in table["defect"].as_array().expect("a list") {
        let name = entry["release"].as_str().expect("a string");
        let release: Release = name.parse().expect("a release");
        for field in strings(entry.get("fields")) {
            let fields = release.behavior().fields();
            let known = fields.iter().find(|known| known.name == field).unwrap_or_else(|| panic!("no field {field}"));
            assert_ne!(known.value, known.alternatives[0].name, "{field} of {name} is as in `current`");
        }
        let mut arguments = vec!["--release".to_owned(), name.to_owned()];
        arguments.extend(strings(entry.get("rows")).into_iter().flat_map(|row| ["--row".to_owned(), row]));
        arguments.extend(strings(entry.get("flags")));
        arguments.extend(["--runs", "1", "--tries", "0"].map(str::to_owned));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let searched = find(&arguments);
        assert!([Some(0), Some(13)].contains(&searched.code), "{arguments:?}: {}", searched.said);
    }
}

/// An open row of a session that is still in use is no result: under `current` there is no other, so nothing is found.
/// With `--live` it is what was asked for.
#[test]
fn a_session_in_use_is_no_ghost() {
    let rows = ["--row", "s1 open", "--runs", "800"];
    let (document, searched) = check(&rows, 13);
    assert_eq!((searched.files.len(), &document["found"]), (0, &Value::Array(Vec::new())));
    assert!(document["nearest"]["distance"]["sum"].as_u64() >= Some(1), "{document}");
    let (document, _) = check(&[&rows[..], &["--live", "1"]].concat(), 0);
    assert_eq!(document["found"][0]["cause"], "current");
    assert_eq!(document["found"][0]["unplayable"], "current is no published release of hermes-agent");
}

/// Rows that `current` leaves as well are said to need no defect.
#[test]
fn sound_rows_need_no_defect() {
    let rows = ["--row", "s1 end_reason=ws_orphan_reap", "--release", "0.19.0", "--runs", "32", "--tries", "300"];
    let (document, _) = check(&rows, 0);
    assert_eq!(document["found"][0]["cause"], "none", "{document}");
}

/// What cannot be found is reported: the nearest run, its rows, and the words that no run met. Only another program
/// writes `cli_close`, and no other program writes here.
#[test]
fn nothing_is_made_up() {
    let rows =
        ["--row", "s1 end_reason=cli_close", "--row", "s2 parent=s1 open", "--release", "0.19.0", "--runs", "200"];
    let searched = find(&rows);
    assert_eq!((searched.code, searched.files.len()), (Some(13), 0));
    for part in [
        "not found in 200 runs",
        "nearest: run",
        "not end_reason=cli_close",
        "no run had a row for",
        "s1 end_reason=cli_close",
    ] {
        assert!(searched.printed.contains(part), "no `{part}` in\n{}", searched.printed);
    }
    let (document, _) = check(&rows, 13);
    assert_eq!(document["never_met"][0], "s1 end_reason=cli_close");
    let unmet = document["nearest"]["unmet"].as_array().expect("a list");
    assert!(unmet.contains(&"s1 end_reason=cli_close".into()), "{document}");
}

/// A mistake in a pattern is refused with its place, before anything is run.
#[test]
fn mistakes_are_refused() {
    let check = |arguments: &[&str], said: &[&str]| {
        let searched = find(arguments);
        assert_eq!((searched.code, searched.printed.as_str()), (Some(2), ""), "{}", searched.said);
        let one_line = searched.said.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in said {
            assert!(one_line.contains(part), "no `{part}` in\n{}", searched.said);
        }
    };
    check(&[], &["a pattern without rows", "--row 's1 end_reason=compression'"]);
    check(&["--row", "s1 opn"], &["unknown word `opn`", "[row 1:1:4]", "did you mean `open`?"]);
    check(&["--row", "s1 open", "--row", "s2 parent=s9"], &["no row of the pattern has the alias `s9`", "[row 2:1:4]"]);
    check(
        &["--row", "s1 ended since_prompt<20"],
        &["not a time: `20`", "[row 1:1:10]", "write `since_prompt<20s` or `since_prompt>1m30s`"],
    );
    check(&["--row", "s1 open since_start<20s"], &["no row is both `open` and `since_start<20s`", "[row 1:1:9]"]);
    check(&["--row", "s1 open", "--pattern", "x.toml"], &["cannot be used with"]);
    check(&["--pattern", "missing.toml"], &["cannot read missing.toml"]);
    check(&["--row", "s1 open", "--release", "0.20"], &["unknown release `0.20`"]);
    check(&["--row", "s1 open", "--causes", "0"], &["0 is not in 1..=100"]);
}
