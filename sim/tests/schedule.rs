//! The order of ready tasks is a choice, and virtual time costs nothing.

use std::collections::BTreeSet;
use std::path::Path;

use interleaving::strategy::{Fifo, Random, Strategy};
use sim_harness::invariant::NAMES;
use sim_harness::trace::Site;
use sim_harness::{Release, Scenario, Simulator};

fn scenario(text: &str) -> Scenario {
    Scenario::parse(Path::new("test.toml"), text, &NAMES).unwrap_or_else(|error| panic!("{error}"))
}

/// Three clients that act at one instant.
fn three_at_once() -> Scenario {
    let mut text = "about = \"Three clients act at one instant.\"\nuntil = \"2s\"\n".to_owned();
    for (at, word) in [("0s", "do = \"connect\""), ("1s", "do = \"session.list\"")] {
        for client in ["ann", "bob", "cid"] {
            text += &format!("[[steps]]\nat = \"{at}\"\nclient = \"{client}\"\n{word}\n");
        }
    }
    scenario(&text)
}

/// The order in which the clients sent their requests at 1 s.
fn order(simulator: &mut Simulator, scenario: &Scenario, strategy: Box<dyn Strategy>) -> Vec<String> {
    let report = simulator.run_with(scenario, Release::Current, strategy);
    let sent = report.trace.entries().iter().filter(|entry| entry.site == Site::Sent);
    sent.map(|entry| entry.task.label.to_string()).collect()
}

/// Paused tokio has one order for 1,000 seeds; a random strategy reaches all six, and `fifo` always has the same one.
#[test]
fn every_order_of_one_instant_is_reached() {
    let (scenario, mut simulator) = (three_at_once(), Simulator::new());
    let random: BTreeSet<_> =
        (0..200).map(|seed| order(&mut simulator, &scenario, Box::new(Random::new(seed)))).collect();
    assert_eq!(random.len(), 6, "{random:?}");
    let fifo: BTreeSet<_> = (0..200).map(|_| order(&mut simulator, &scenario, Box::new(Fifo))).collect();
    assert_eq!(fifo.into_iter().collect::<Vec<_>>(), [["ann/script", "bob/script", "cid/script"]]);
}

/// A session that is idle for this duration.
fn idle(length: &str) -> Scenario {
    scenario(&format!(
        "about = \"A session is left alone.\"\nuntil = \"{length}\"\n\
         [[steps]]\nat = \"0s\"\nclient = \"desktop\"\ndo = \"connect\"\n\
         [[steps]]\nat = \"0s\"\nclient = \"desktop\"\ndo = \"session.create\"\nas = \"work\"\n\
         [[steps]]\nat = \"1s\"\nclient = \"desktop\"\ndo = \"prompt.submit\"\nsession = \"work\"\ntext = \"hello\"\n"
    ))
}

/// The cost of a run follows its events, not its duration: the gateway does not poll.
#[test]
fn idle_hours_have_as_many_events_as_idle_seconds() {
    let mut simulator = Simulator::new();
    for release in Release::ALL {
        let (day, seconds) = (simulator.run(&idle("24h"), release), simulator.run(&idle("24s"), release));
        assert_eq!(day.trace.events(), seconds.trace.events(), "{release}");
        assert!(day.uptime.0 > 24 * 3_600_000, "{release}: the day has passed");
    }
}

/// A client whose session was never created continues with its other steps; the skipped steps are reported.
#[test]
fn steps_on_a_session_that_was_never_created_are_skipped() {
    let scenario = scenario(
        "about = \"The connection dies before its answer.\"\n[network]\nlatency = \"1s\"\n\
         [[steps]]\nat = \"0s\"\nclient = \"desktop\"\ndo = \"connect\"\n\
         [[steps]]\nat = \"0s\"\nclient = \"desktop\"\ndo = \"session.create\"\nas = \"work\"\n\
         [[steps]]\nat = \"0s\"\nclient = \"desktop\"\ndo = \"drop\"\n\
         [[steps]]\nat = \"4s\"\nclient = \"desktop\"\ndo = \"connect\"\n\
         [[steps]]\nat = \"5s\"\nclient = \"desktop\"\ndo = \"session.activate\"\nsession = \"work\"\n",
    );
    let report = Simulator::new().run(&scenario, Release::Current);
    let skipped = report.trace.entries().iter().find(|entry| entry.site == Site::Script).map(|entry| &*entry.text);
    assert_eq!(skipped, Some("line 21: skipped, session `work` never came to be"));
    assert_eq!(report.outcome, sim_harness::Outcome::Passed);
}
