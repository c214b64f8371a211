//! What shrinking preserves, and how far it gets.

use std::path::Path;

use super::*;
use interleaving::strategy::Random;
use sim_harness::invariant::NAMES;

/// #44045 with unrelated clients, sessions, latencies, turns and settings.
const NOISY: &str = r#"about = "A turn outlives the grace of its client, while others come and go."
issues = ["hermes-agent#44045"]
releases = ["0.16.0", "current"]
seed = 7
until = "5m"

[gateway]
orphan_grace = "17s"
session_ttl = "30m"

[network]
latency = ["1ms", "12ms"]

[store]
after_commit = "3ms"

[turns.refactor]
steps = [
    { say = "let me see" },
    { tool = "read", takes = "3s 250ms" },
    { compress = "rotate", takes = "2s" },
    { tool = "terminal", takes = "41s 750ms", interruptible = false },
    { tool = "write", takes = "1s" },
    { reply = "refactored" },
]

[turns.short]
steps = [{ tool = "read", takes = "500ms" }, { reply = "ok" }]

[[steps]]
at = "0s"
client = "desktop"
do = "connect"

[[steps]]
at = "300ms"
client = "phone"
do = "connect"

[[steps]]
at = "500ms"
client = "desktop"
do = "session.create"
as = "work"
title = "the work"

[[steps]]
at = "700ms"
client = "phone"
do = "session.create"
as = "play"

[[steps]]
at = "1s 100ms"
client = "phone"
do = "prompt.submit"
session = "play"
turn = "short"

[[steps]]
at = "2s 50ms"
client = "desktop"
do = "prompt.submit"
session = "work"
turn = "refactor"

[[steps]]
at = "3s"
client = "tablet"
do = "connect"

[[steps]]
at = "3s 500ms"
client = "tablet"
do = "session.list"

[[steps]]
at = "4s"
client = "phone"
do = "session.history"
session = "play"

[[steps]]
at = "5s"
client = "phone"
do = "session.branch"
session = "play"
as = "other"

[[steps]]
at = "9s 320ms"
client = "desktop"
do = "drop"

[[steps]]
at = "20s"
client = "phone"
do = "session.close"
session = "play"

[[steps]]
at = "21s"
client = "tablet"
do = "close"

[[steps]]
at = "25s"
client = "phone"
do = "prompt.submit"
session = "other"
text = "hello"

[[steps]]
at = "4m"
client = "phone"
do = "close"
"#;

fn noisy() -> Scenario {
    Scenario::parse(Path::new("noisy.toml"), NOISY, &NAMES).expect("a good file")
}

/// The open row of the issue as a failure of a run, with its tape. An old release fails other claims as well.
fn failure(
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
    seed: Option<u64>,
) -> Option<(FailureSignature, Tape)> {
    let strategy: Box<dyn Strategy> = match seed {
        Some(seed) => Box::new(Random::new(seed)),
        None => Box::new(scenario.schedule(release)),
    };
    let report = simulator.run_with(scenario, release, strategy);
    let signature =
        FailureSignature::all(scenario, &report).into_iter().find(|found| found.claim == "detached_rows_end")?;
    Some((signature, report.tape))
}

/// The result is the issue alone: a client prompts a turn that outlives the grace, and drops.
#[test]
fn issue_44045_shrinks_to_its_heart() {
    let (mut simulator, scenario, release) = (Simulator::new(), noisy(), Release::V0_16_0);
    for seed in [None, Some(3)] {
        let (target, tape) = failure(&mut simulator, &scenario, release, seed).expect("the issue shows");
        assert_eq!(target.claim, "detached_rows_end");
        let shrunk = shrink(&mut simulator, &scenario, release, &tape, &target, Limits::default(), &mut |_| {});
        let shrunk = shrunk.expect("its run shows it");
        let size = Size::of(&shrunk.scenario);
        assert!(size.clients <= 2 && size.sessions == 1 && size.steps <= 6, "{size:?}\n{}", shrunk.scenario);
        assert_eq!((size.clients, size.steps, size.turn_steps, size.rough), (1, 4, 1, 0), "{}", shrunk.scenario);
        assert_eq!(shrunk.tape, Tape::default(), "the issue needs no schedule of its own");
    }
}
