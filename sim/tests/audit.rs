//! What the audit finds in rows that the simulator leaves: nothing under `current`, and under old releases the defects that it
//! names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gateway_sqlite::{Database, Dump};
use interleaving::strategy::Fifo;
use sim_audit::{Kind, Options, Sources, Texts, audit};
use sim_harness::invariant::NAMES;
use sim_harness::rows::RowSet;
use sim_harness::{Release, Scenario, Simulator};
use sim_search::find::{Clients, Fit, Others, Pattern};

/// One database file, which gets the rows of one run after another.
struct File {
    database: Database,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let database = Database::open(&path).expect("it opens");
        Self { database, path, _folder: folder }
    }

    /// The kinds that are found in the rows, with the defects that are named for each; an open row is without an owner after
    /// `age` seconds.
    fn kinds(&mut self, rows: &RowSet, age: f64) -> BTreeMap<Kind, BTreeSet<&'static str>> {
        self.database.reset().expect("it is emptied");
        let dump = Dump { sessions: rows.sessions.clone(), messages: rows.messages.clone(), inputs: Vec::new() };
        self.database.insert(&dump).expect("it is inserted");
        let times = rows.sessions.iter().flat_map(|row| row.ended_at.into_iter().chain([row.started_at]));
        let messages = rows.messages.iter().map(|row| row.message.timestamp);
        let now = times.chain(messages).map(|at| at.as_seconds()).fold(0.0, f64::max) + 60.0;
        let options = Options { now, age, sources: Sources::Own, kinds: Vec::new(), texts: Texts::Withheld };
        let audit = audit(&self.path, &options).expect("it is read");
        let mut kinds: BTreeMap<Kind, BTreeSet<&'static str>> = BTreeMap::new();
        for finding in audit.findings {
            kinds.entry(finding.kind).or_default().extend(finding.defects);
        }
        kinds
    }
}

fn scenarios(family: &str) -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let found = sim_scenario::find(&[root.join("scenarios").join(family)]).expect("there are scenarios");
    found.iter().map(|found| Scenario::load(&found.path, &NAMES).unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Kinds that are found in rows that are right under `current`, each with the reason.
const FOUND: &[(&str, &str, &str)] = &[
    ("a_clock_set_back_hides_a_continuation", "ended_before_started", "the wall clock is set back"),
    ("a_clock_set_back_hides_a_continuation", "message_after_end", "the wall clock is set back"),
    ("a_clock_set_back_lengthens_no_grace", "ended_before_started", "the wall clock is set back"),
    ("a_clock_set_back_lengthens_no_grace", "message_after_end", "the wall clock is set back"),
    ("a_conversation_is_resumed_from_its_rows", "row_without_messages", "it begins with such a row"),
    ("a_failed_resume_is_listed_with_its_model", "call_without_result", "it begins with such a row"),
    ("a_list_cannot_tell_which_row_continues", "compressed_row_continued_twice", "it begins with such a row"),
    ("a_resume_fails_while_a_start_closes_its_calls", "call_without_result", "it begins with such a row"),
    ("a_signal_gives_messages_up", "call_without_result", "a planted bug ends the row without them"),
    ("a_start_crashes_before_it_repairs_a_half", "call_without_result", "it begins with such a row"),
    ("a_start_repairs_halves_of_rotations", "compressed_row_without_child", "it begins with such a row"),
    ("a_start_repairs_halves_of_rotations", "continued_row_not_compressed", "it begins with such a row"),
    ("a_waiting_prompt_that_was_not_stored_takes_nothing_over", "compressed_row_without_child", "it begins so"),
    ("an_answer_under_way_outlives_a_deletion", "compressed_row_without_child", "a client deletes the continuation"),
    ("the_same_prompt_follows_stored_input", "duplicate_messages", "the same prompts are answered at once, twice"),
];

/// Words of a pattern, and the kinds that they stand for.
const WORDS: [(&str, Kind); 4] = [
    ("calls_without_result", Kind::CallWithoutResult),
    ("results_without_call", Kind::ResultWithoutCall),
    ("duplicate_messages", Kind::DuplicateMessages),
    ("count_differs", Kind::MessageCountDiffers),
];

/// Defects that a kind names, and that no simulated run shows in it.
const UNSEEN: &[(&str, &str, &str)] = &[
    ("open_row_without_owner", "A11", "there are no profiles here"),
    ("two_open_rows_in_chain", "A9", "the scenario closes the second row too"),
    ("two_open_rows_in_chain", "S24", "the scenario ends one of the two continuations"),
    ("two_open_rows_in_chain", "S25", "the scenario ends one of the two continuations"),
    ("compressed_row_without_child", "B2", "the scenario resumes the parent, which opens it again"),
    ("row_without_messages", "A14", "the scenario sends a second prompt, which is stored"),
    ("row_without_messages", "S8", "the scenario has a turn in the row"),
    ("row_without_messages", "B11", "before 0.16.0"),
    ("call_without_result", "A30", "another transport: pipes"),
    ("duplicate_messages", "B6", "the scenario stores one prompt twice, and a person may have said it twice"),
    ("duplicate_messages", "S33", "several processes"),
    ("source_unknown", "B12", "no tokens are counted here"),
    ("source_unknown", "B1", "no tokens are counted here"),
    ("messages_without_row", "B1", "the store here has foreign keys"),
    ("parent_missing", "B1", "the store here has foreign keys"),
];

/// The audit cries wolf in no run of this gateway, but where the reason is known.
#[test]
fn nothing_is_found_in_rows_of_current() {
    let (mut simulator, mut file) = (Simulator::new(), File::new());
    let mut found = BTreeSet::new();
    for scenario in scenarios("").into_iter().filter(|scenario| scenario.releases.contains(&Release::Current)) {
        let report = simulator.run(&scenario, Release::Current);
        let kinds = file.kinds(&report.rows, 86_400.0);
        found.extend(kinds.into_keys().map(|kind| (scenario.name.clone(), kind.name())));
    }
    let expected = FOUND.iter().map(|(scenario, kind, _)| ((*scenario).to_owned(), *kind)).collect();
    assert_eq!(found, expected);
}

/// A defect is named beside a kind because it leaves that shape: in the rows of its scenario, under a release that has it and
/// not under `current`. Otherwise a reason is given.
#[test]
fn defects_are_seen_in_the_rows_that_they_leave() {
    let (mut simulator, mut file) = (Simulator::new(), File::new());
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    for scenario in scenarios("defects") {
        let sound = file.kinds(&simulator.run(&scenario, Release::Current).rows, 0.0);
        for release in scenario.releases.iter().filter(|release| **release != Release::Current) {
            let kinds = file.kinds(&simulator.run(&scenario, *release).rows, 0.0);
            for (kind, defects) in kinds.into_iter().filter(|(kind, _)| !sound.contains_key(kind)) {
                let named = scenario.issues.iter().filter(|issue| defects.contains(issue.as_str()));
                seen.extend(named.map(|id| (kind.name(), id.clone())));
            }
        }
    }
    let all = Kind::ALL.into_iter().flat_map(|kind| kind.defects().iter().map(move |defect| (kind.name(), defect.id)));
    let unseen: BTreeSet<_> = all.filter(|(kind, id)| !seen.contains(&(*kind, (*id).to_owned()))).collect();
    assert_eq!(unseen, UNSEEN.iter().map(|(kind, id, _)| (*kind, *id)).collect());
}

/// `sim find` looks for what an audit has found: a word holds of some row exactly if the audit finds its kind, in the rows of
/// every scenario under every release.
#[test]
fn words_of_patterns_are_kinds() {
    let (mut simulator, mut file) = (Simulator::new(), File::new());
    let mut seen = BTreeSet::new();
    for scenario in scenarios("") {
        for release in &scenario.releases {
            let (_, ends) = simulator.observe(&scenario, *release, Box::new(Fifo), &[]);
            let end = ends.last().expect("every run observes the end of its script");
            let kinds = file.kinds(&end.rows, 0.0);
            for (word, kind) in WORDS {
                let rows = [format!("s1 {word}")];
                let pattern = Pattern::parse(&rows, None, Others::Free).expect("a good pattern");
                let holds = Fit::of(&pattern, &scenario, end, Clients::MayStay).distance.rows() == 0;
                let name = &scenario.name;
                assert_eq!(holds, kinds.contains_key(&kind), "{name} under {release}: `{word}` beside {kinds:?}");
                seen.extend(holds.then_some(word));
            }
        }
    }
    // No run here has a wrong counter.
    assert_eq!(seen, BTreeSet::from(["calls_without_result", "duplicate_messages", "results_without_call"]));
}
