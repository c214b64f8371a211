//! Candidates: generated scenarios that lean towards the words of a pattern, and come to an end at which rows can be judged.

use std::collections::BTreeSet;

use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::spawn::Window;
use gateway_core::store::EndReason;
use interleaving::prng::Prng;
use sim_scenario::{
    Action, ConnectionStep, Latency, OnDisconnect, OnSkip, PROCESS, Presence, ProcessStep, RequestStep, Scenario,
    SettingChanges, Step,
};

use super::elapsed::Bound;
use super::fit::{Clients, last_event};
use super::pattern::Pattern;
use super::race;
use super::word::RowWord;
use crate::comeback;
use crate::generate::{self, Topic};
use crate::shrink::tidy;

/// The topics that a pattern's words suggest, with their weights.
fn topics(pattern: &Pattern) -> Vec<(u32, Topic)> {
    let mut weights: Vec<(u32, Topic)> = Topic::ALL.into_iter().map(|topic| (1, topic)).collect();
    let mut add = |topics: &[Topic]| {
        for (weight, topic) in &mut weights {
            *weight += if topics.contains(topic) { 8 } else { 0 };
        }
    };
    for (_, word) in pattern.words() {
        add(of_word(word));
    }
    if pattern.live.is_some_and(|live| live > 0) {
        add(&[Topic::LostClients, Topic::Returns]);
    }
    weights
}

fn of_word(word: &RowWord) -> &'static [Topic] {
    use Topic::*;
    match word {
        RowWord::Open => &[LostClients, Deaths, Closes, Returns],
        RowWord::Ended => &[Closes, Returns],
        RowWord::EndReason(reason) => of_reason(reason),
        RowWord::Parent(_) => &[Rotations, Branches],
        RowWord::Messages(0) => &[Closes, Histories, Rotations, Builds],
        RowWord::Messages(_) | RowWord::MessagesMin(_) => &[Returns, Histories, Queues],
        RowWord::Title | RowWord::NoTitle => &[Titles],
        RowWord::CallsWithoutResult => &[Interrupts, Deaths, Rotations],
        RowWord::ResultsWithoutCall => &[Rotations, Histories],
        RowWord::DuplicateMessages => &[Histories, Rotations, StoreFaults, Returns],
        RowWord::CountDiffers => &[StoreFaults, Histories, Deletions],
        RowWord::Elapsed(elapsed) => match elapsed.bound {
            Bound::Below(_) => &[LostClients, Returns, Closes],
            Bound::Above(_) => &[Idleness, Returns],
        },
        RowWord::NoParent | RowWord::Source(_) => &[],
    }
}

fn of_reason(reason: &str) -> &'static [Topic] {
    use Topic::*;
    match EndReason::ALL.into_iter().find(|known| known.as_str() == reason) {
        Some(EndReason::Compression) => &[Rotations, Histories],
        Some(EndReason::TuiClose) => &[Closes],
        Some(EndReason::WsOrphanReap) => &[LostClients, Returns],
        Some(EndReason::WsDisconnect) => &[LostClients, Closes],
        Some(EndReason::IdleTimeout) => &[Idleness],
        Some(EndReason::LruEvict) => &[Crowds],
        Some(EndReason::AgentClose) => &[Builds, Closes, Returns],
        Some(EndReason::StartupOrphanReap | EndReason::TuiShutdown) => &[Deaths],
        Some(EndReason::NewSession | EndReason::CliClose) | None => &[],
    }
}

/// What surrounds the script of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum World {
    /// A quick network, a quick and faultless store, agents that are built at once: what a user's machine has most of the
    /// time, and what a real gateway can be given.
    Plain,
    /// As plain, but race windows stay open for a while, so that others can act in them.
    Windows,
    /// Any latencies and faults.
    Any,
}

/// What candidates have in common.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) pattern: &'a Pattern,
    pub(super) world: World,
    pub(super) clients: Clients,
}

/// A new candidate: usually about one of the topics of the pattern.
pub(super) fn generated(prng: &mut Prng, shape: Shape<'_>) -> Scenario {
    let seed = prng.draw();
    let scenario = match prng.weighted(&topics(shape.pattern)).filter(|_| prng.hits(4, 5)) {
        Some(topic) => generate::scenario_about(seed, topic),
        None => generate::scenario(seed),
    };
    settled(prng, scenario, shape)
}

/// A candidate near another one.
pub(super) fn mutated(prng: &mut Prng, near: &Scenario, shape: Shape<'_>) -> Scenario {
    let scenario = generate::mutate(near, prng.draw());
    settled(prng, scenario, shape)
}

/// The scenario without the parts that would make the rows trivial, and with an end at which nothing goes on.
///
/// Rows that the file itself gives, or that another program leaves, would be the pattern without any cause. So would a
/// session that a grace of zero keeps.
fn settled(prng: &mut Prng, mut scenario: Scenario, shape: Shape<'_>) -> Scenario {
    if shape.world != World::Any {
        scenario.network = Default::default();
        scenario.store = Default::default();
        scenario.agent = Default::default();
        scenario.windows.clear();
    }
    if shape.world == World::Windows {
        let length = Latency::fixed(Millis::from_secs(*prng.one(&[1, 2, 5])));
        let windows = Window::ALL.into_iter().filter(|_| prng.hits(1, 2));
        scenario.windows = windows.map(|window| (window, length)).collect();
        race::add(prng, &mut scenario, length.max);
    }
    scenario.rows.clear();
    scenario.steps.retain(|step| !matches!(step.action, Action::Process(ProcessStep::CliNew { .. })));
    if scenario.gateway.orphan_grace == Millis::ZERO {
        scenario.gateway.orphan_grace = Config::default().orphan_grace;
    }
    let sources = shape.pattern.words().filter_map(|(_, word)| match word {
        RowWord::Source(source) => Some(source),
        _ => None,
    });
    match sources.last() {
        Some(source) if prng.hits(3, 4) => scenario.gateway.source.clone_from(source),
        Some(_) => {}
        // The row of a messaging platform stays open by right, until its own program ends it.
        None => {
            scenario.gateway.source = Config::default().source;
            for step in &mut scenario.steps {
                if let Action::Request(RequestStep::Create { start, .. }) = &mut step.action {
                    start.source = None;
                }
            }
        }
    }
    let closes = RowWord::EndReason(EndReason::WsDisconnect.as_str().to_owned());
    if shape.pattern.words().any(|(_, word)| *word == closes) && prng.hits(3, 4) {
        for step in &mut scenario.steps {
            if let Action::Request(RequestStep::Create { on_disconnect, .. }) = &mut step.action {
                *on_disconnect = OnDisconnect::Close;
            }
        }
    }
    tidy(&mut scenario);
    if shape.clients == Clients::AreGone || prng.hits(1, 2) {
        part(prng, &mut scenario);
    }
    scenario.on_skip = OnSkip::Allowed;
    let quiet = last_event(&scenario) + scenario.gateway.orphan_grace.times(3);
    scenario.until = scenario.default_until().max(quiet);
    scenario
}

/// Clients that are still connected leave, and a gateway that is down is started.
fn part(prng: &mut Prng, scenario: &mut Scenario) {
    let mut connected: BTreeSet<&str> = BTreeSet::new();
    let mut is_up = true;
    for step in &scenario.steps {
        match step.action.presence() {
            Presence::Connects => drop(connected.insert(&step.client)),
            Presence::Disconnects => drop(connected.remove(step.client.as_str())),
            Presence::DisconnectsAll => connected.clear(),
            Presence::NoClient | Presence::Connected => {}
        }
        let is_end = matches!(step.action, Action::Process(ProcessStep::Kill | ProcessStep::Signal { .. }));
        let is_start = matches!(step.action, Action::Process(ProcessStep::Restart { .. }));
        is_up = (is_up && !is_end) || is_start;
    }
    let last = scenario.steps.last().map_or(Millis::ZERO, |step| step.at);
    let grace = scenario.gateway.orphan_grace;
    let lengths = [Millis::ZERO, Millis(1), Millis::from_secs(1), Millis::from_secs(7), grace, grace.times(4)];
    let mut leave: Vec<Step> = Vec::new();
    for client in connected {
        let action = if prng.hits(2, 3) { ConnectionStep::Drop } else { ConnectionStep::Close };
        leave.push(comeback::step(last + *prng.one(&lengths), client, action.into()));
    }
    if !is_up {
        let changes = SettingChanges::default();
        leave.push(comeback::step(last + *prng.one(&lengths), PROCESS, ProcessStep::Restart { changes }.into()));
    }
    comeback::add(scenario, leave);
}
