//! Campaigns: nothing on the good gateway, each planted bug that they are known to find, and the same report however many
//! threads there are.

use std::collections::BTreeSet;
use std::process::Command;

use gateway::behavior::Behavior;
use sim::fuzz::{Campaign, Guard, Mode};
use sim::{Release, Simulator};

/// How many runs a bug may take that is found soon. Many times what it took, since that changes with the generator.
const RUNS_MAX: u64 = 3000;

/// Found within 420 runs of each of three seeds: these are looked for here.
const SOON: &[&str] = &[
    "grace.expiry = one_shot",
    "grace.expiry = kill",
    "attach.departure = detaches",
    "attach.prompt = before_busy_check",
    "attach.disconnect = snapshot",
    "attach.activate = answers_only",
    "attach.dead_connection = binds",
    "build.failure = sticky",
    "build.ended = kept",
    "claim.busy = reject",
    "claim.liveness = not_checked",
    "claim.sections = tested_then_claimed",
    "claim.row = plain_insert",
    "queue.drain = after_normal_turn",
    "flush.when = prompt_and_end",
    "flush.when = at_end",
    "events.replay = lost",
    "close.turn = left_running",
    "close.order = pop_then_end",
    "close.on_disconnect = ignored",
    "close.foreign = ended",
    "close.agent = ends_row",
    "close.reap_reason = tui_close",
    "finish.failed = forgotten",
    "finish.interrupted = silent",
    "interrupt.busy = turn_of_the_moment",
    "steer.unread = lost",
    "review.fork = writes",
    "review.fork = writes_and_compresses",
    "history.undo = memory_only",
    "history.hold = none",
    "lineage.draft = not_stored",
    "lineage.draft = one_by_one",
];

/// Found within 1500 runs of at least one of three seeds, later or not with each: too late for every test run.
const LATE: &[&str] = &[
    "grace.expiry = interrupt",
    "grace.expiry = rearm_for_ever",
    "grace.timers = pile",
    "grace.clock = wall",
    "resume.live_match = agent_row",
    "resume.live_match = session_key",
    "resume.order = reopen_then_register",
    "queue.slots = one_merged",
    "flush.unit = message_counted_late",
    "rotation.procedure = steps_and_write",
    "rotation.procedure = steps",
    "rotation.procedure = steps_unchecked",
    "events.questions = not_shown",
    "writing.timeout = silenced",
    "close.order = under_resume_lock",
    "close.reap_order = pop_then_end",
    "idle.reaper = none",
    "finish.running = cleared_after_complete",
    "interrupt.idle = sticky",
    "interrupt.late = told",
    "interrupt.waiting = cleared",
    "interrupt.waiting = looked_at_later",
    "interrupt.claimed = loses_session",
    "notices.watchers = session_claimed_first",
    "title.unsaved = waits",
    "shutdown.on_term = leaves_rows",
    "shutdown.turns = cut_off",
    "startup.sweep = none",
];

/// Not found within 1500 runs of seed 1. No invariant is about some of them: they show in rows and frames, which scenarios
/// hold (`snapshots/planted.snap`); others hang on a race or a setting that is rare (`sim bench planted` gives them more).
const NOT: &[&str] = &[
    "grace.expiry = rearm_beside",
    "resume.target = any_child",
    "resume.target = latest_start",
    "resume.target = exact",
    "resume.reopen = unconditional",
    "resume.lazy = exact",
    "resume.lazy = unknown",
    "resume.build = before_answer",
    "queue.delivery = pinned",
    "flush.unit = message",
    "flush.finalize = lost",
    "flush.loaded = in_turns",
    "rotation.key = after_turn",
    "rotation.default_mode = rotate",
    "writing.timeout = in_flight",
    "close.reap_order = under_resume_lock",
    "idle.victims = not_tested_again",
    "idle.cap = off_unless_set",
    "idle.cap = none",
    "interrupt.answer = wiped",
    "notices.taker = any_after_turn",
    "notices.liveness = not_checked",
    "approval.asked = stored_id",
    "approval.wait = five_minutes",
    "history.negative = from_the_end",
    "history.cut = all",
    "history.busy = ignored",
    "title.get = applies_pending",
    "lineage.delete = session_key",
    "lineage.branch = row_then_messages",
    "list.order = start",
    "list.tip = latest_start",
    "lineage.source = setting",
];

/// A campaign on the good gateway finds nothing, and each of its runs is the same twice.
#[test]
fn current_is_clean() {
    let campaign = Campaign { guard: Guard::All, ..Campaign::new(1, Release::Current) };
    let summary = campaign.carry_out_all(&mut Simulator::new(), 400);
    let shapes: Vec<String> = summary.findings.keys().map(ToString::to_string).collect();
    assert!(shapes.is_empty(), "found on current: {shapes:#?}");
    assert_eq!((summary.runs, summary.repeated, summary.different), (400, 400, None));
}

/// Every bug that can be planted is in one of the three lists. A new one is to be tried: `sim fuzz --behavior FIELD=ALTERNATIVE
/// --runs 1500 --fail-fast` with the seeds 1, 2 and 3 says in which.
#[test]
fn every_planted_bug_is_accounted_for() {
    let behavior = Behavior::default().fields();
    let planted = behavior.iter().flat_map(|field| {
        let others = field.alternatives.iter().filter(|alternative| alternative.name != field.value);
        others.map(|alternative| format!("{} = {}", field.name, alternative.name))
    });
    let planted: BTreeSet<String> = planted.collect();
    let listed: Vec<String> = [SOON, LATE, NOT].concat().into_iter().map(str::to_owned).collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), planted);
    assert_eq!(listed.len(), planted.len(), "a bug is listed twice");
}

/// One half of the bugs that are found soon; tests run side by side.
#[test]
fn planted_bugs_are_found() {
    SOON.iter().step_by(2).for_each(|planted| check_found(planted));
}

/// The other half.
#[test]
fn other_planted_bugs_are_found() {
    SOON.iter().skip(1).step_by(2).for_each(|planted| check_found(planted));
}

/// The report does not depend on the number of threads, guided or not.
#[test]
fn threads_do_not_matter() {
    for mode in [&[][..], &["--guided"]] {
        let report = |jobs: &str| {
            let flags = [&["fuzz", "--runs", "320", "--seed", "5", "--recheck", "off", "--jobs", jobs], mode].concat();
            let folder = tempfile::tempdir().expect("a folder");
            let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
            let output = command.args(flags).current_dir(folder.path()).env_clear().output().expect("it runs");
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        assert_eq!(report("1"), report("2"), "{mode:?}");
    }
}

/// A guided campaign does mutate, what it makes gets to places where new scenarios alone do not, and nothing of it is found
/// to be wrong.
///
/// That it gets to more places in all shows only in thousands of runs; README says what was measured.
#[test]
fn a_guided_campaign_builds_on_what_it_has() {
    let blind = Campaign { guard: Guard::Off, ..Campaign::new(1, Release::Current) };
    let guided = Campaign { mode: Mode::Guided, ..blind.clone() };
    let mut simulator = Simulator::new();
    let [blind, guided] = [blind, guided].map(|campaign| campaign.carry_out_all(&mut simulator, 1000));
    assert!((40..900).contains(&guided.mutated) && blind.mutated == 0, "{} mutated runs", guided.mutated);
    assert!(guided.findings.is_empty(), "{:?}", guided.findings.keys());
    let known = blind.coverage.edges();
    let new = guided.coverage.edges().keys().filter(|edge| !known.contains_key(edge)).count();
    assert!(new > 0, "each edge is one that new scenarios reach");
}

/// Goes on until the bug is found.
#[track_caller]
fn check_found(planted: &str) {
    let (field, alternative) = planted.split_once(" = ").expect("a field and its alternative");
    let campaign = Campaign {
        behavior: vec![(field.to_owned(), alternative.to_owned())],
        guard: Guard::Off,
        ..Campaign::new(1, Release::Current)
    };
    let mut simulator = Simulator::new();
    let mut units = 0..RUNS_MAX / campaign.unit();
    let found = units.any(|unit| !campaign.carry_out(&mut simulator, unit, RUNS_MAX).findings.is_empty());
    assert!(found, "{planted} is not found within {RUNS_MAX} runs");
}
