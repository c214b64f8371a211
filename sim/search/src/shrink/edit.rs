//! Edits: single simplifications of a scenario, and their combined application.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::agent::script::{OnInterrupt, TurnStep};
use gateway_core::clock::Millis;
use gateway_core::config::Config;

use super::time::Slot;
use sim_scenario::{ExpectedFact, Journal, Latency, NetworkSettings, Odds, Presence, Prompt, Scenario, Step, is_alias};

/// A simplification of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// Removes a client with all its steps.
    Client(String),
    /// Removes a client; another one takes its steps over.
    OneClient { gone: String, takes_over: String },
    /// Removes a session with all its steps.
    Session(String),
    /// Removes a session; another one takes its steps over.
    OneSession { gone: String, stays: String },
    /// Removes a step of the script.
    Step(usize),
    /// Removes a step of a turn.
    TurnStep(String, usize),
    /// Removes a step of a turn, and lengthens the next one by its duration.
    JoinedTurnStep(String, usize),
    /// Removes a step of a turn, and moves the script's steps after the first prompt of that turn earlier by its duration.
    ClosedTurnStep(String, usize),
    /// Replaces a prompt's turn by a plain text.
    PlainPrompt(usize),
    /// Makes a tool of a turn interruptible.
    PlainTool(String, usize),
    /// Removes an optional key of a step.
    PlainStep(usize),
    /// Resets a setting, by its index in [`SETTINGS`].
    Setting(usize),
    /// Removes a line of `[behavior]`.
    Behavior(usize),
    /// Removes a table of `[[store.faults]]`.
    Fault(usize),
    /// Removes a line of `[windows]`.
    Window(usize),
    /// Simplifies a time of the scenario.
    Time(Slot, Millis),
    /// Fixes a latency at its maximum, so that it is no longer a choice.
    Fixed(Slot),
    /// Simplifies the time of one step; all others stay.
    Move(usize, Millis),
    /// Simplifies a time and the gap before a step by the same amount, so that simultaneous events stay simultaneous.
    Pair(Slot, Millis, usize),
}

/// Functions that reset one setting to its default.
pub(super) const SETTINGS: [fn(&mut Scenario); 36] = [
    |scenario| scenario.seed = 0,
    |scenario| {
        let used = |name: &str| scenario.steps.iter().any(|step| step.action.is_about(name));
        // A row stays if a step names it, or if one of its children stays.
        let mut kept: Vec<String> = Vec::new();
        for row in scenario.rows.iter().rev() {
            if used(row.name()) || kept.contains(&row.id) {
                kept.push(row.id.clone());
                kept.extend(row.parent.clone());
            }
        }
        scenario.rows.retain(|row| kept.contains(&row.id));
    },
    |scenario| scenario.network.latency = Latency::default(),
    |scenario| scenario.network.ping = Millis::ZERO,
    |scenario| scenario.network.buffer = NetworkSettings::default().buffer,
    |scenario| scenario.store.before_commit = Latency::default(),
    |scenario| scenario.store.after_commit = Latency::default(),
    |scenario| scenario.store.after_lookup = Latency::default(),
    |scenario| scenario.store.odds = Odds::default(),
    |scenario| scenario.store.journal = Journal::default(),
    |scenario| scenario.agent.build = Millis::ZERO,
    |scenario| scenario.agent.first_build = Vec::new(),
    |scenario| scenario.agent.failures = 0,
    |scenario| scenario.agent.failures = scenario.agent.failures.min(1),
    |scenario| scenario.agent.summary = Millis::ZERO,
    |scenario| scenario.gateway.orphan_grace = Config::default().orphan_grace,
    |scenario| scenario.gateway.orphan_silence = Config::default().orphan_silence,
    |scenario| scenario.gateway.orphan_tool_silence = Config::default().orphan_tool_silence,
    |scenario| scenario.gateway.build_delay = Config::default().build_delay,
    |scenario| scenario.gateway.agent_wait = Config::default().agent_wait,
    |scenario| scenario.gateway.clarify_timeout = Config::default().clarify_timeout,
    |scenario| scenario.gateway.sudo_timeout = Config::default().sudo_timeout,
    |scenario| scenario.gateway.approval_timeout = Config::default().approval_timeout,
    |scenario| scenario.gateway.write_timeout = Config::default().write_timeout,
    |scenario| scenario.gateway.busy_input_mode = Config::default().busy_input_mode,
    |scenario| scenario.gateway.session_ttl = Config::default().session_ttl,
    |scenario| scenario.gateway.max_live_sessions = None,
    |scenario| scenario.gateway.max_sessions_per_connection = Config::default().max_sessions_per_connection,
    |scenario| scenario.gateway.max_waiting_prompts = Config::default().max_waiting_prompts,
    |scenario| scenario.gateway.max_kept_events = Config::default().max_kept_events,
    |scenario| scenario.gateway.busy_timeout = Config::default().busy_timeout,
    |scenario| scenario.gateway.fan_out = Config::default().fan_out,
    |scenario| scenario.gateway.compression = Config::default().compression,
    |scenario| scenario.gateway.compress_above = Config::default().compress_above,
    |scenario| scenario.gateway.source = Config::default().source,
    |scenario| scenario.gateway.model = Config::default().model,
];

/// Applies all edits, then removes what is left without a meaning. `None` if no step is left.
///
/// Indexes are those of the original scenario: steps are removed last.
pub(super) fn apply(scenario: &Scenario, edits: &[Edit]) -> Option<Scenario> {
    let follows_default = scenario.until == scenario.default_until();
    let mut edited = scenario.clone();
    let mut steps_gone = BTreeSet::new();
    let mut turn_steps_gone: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let (mut behaviors_gone, mut windows_gone, mut faults_gone) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for edit in edits {
        match edit {
            Edit::Step(place) => drop(steps_gone.insert(*place)),
            Edit::Behavior(place) => drop(behaviors_gone.insert(*place)),
            Edit::Fault(place) => drop(faults_gone.insert(*place)),
            Edit::Window(place) => drop(windows_gone.insert(*place)),
            Edit::TurnStep(turn, place) | Edit::JoinedTurnStep(turn, place) | Edit::ClosedTurnStep(turn, place) => {
                turn_steps_gone.entry(turn.clone()).or_default().insert(*place);
            }
            _ => {}
        }
        change(&mut edited, edit);
    }
    keep_others(&mut edited.steps, &steps_gone);
    for (turn, gone) in &turn_steps_gone {
        if let Some(turn) = edited.turns.get_mut(turn) {
            keep_others(&mut turn.steps, gone);
        }
    }
    keep_others(&mut edited.behavior, &behaviors_gone);
    keep_others(&mut edited.store.faults, &faults_gone);
    let windows: Vec<_> = edited.windows.keys().copied().collect();
    for place in windows_gone {
        edited.windows.remove(&windows[place]);
    }
    tidy(&mut edited);
    let last = edited.steps.last()?.at;
    edited.until = if follows_default { edited.default_until() } else { edited.until.max(last) };
    let until = edited.until;
    edited.facts.retain(|fact| fact.at().is_none_or(|at| at <= until));
    Some(edited)
}

fn change(scenario: &mut Scenario, edit: &Edit) {
    match edit {
        Edit::Client(gone) => scenario.steps.retain(|step| step.client != *gone),
        Edit::OneClient { gone, takes_over } => {
            let of_gone = scenario.steps.iter_mut().filter(|step| step.client == *gone);
            of_gone.for_each(|step| step.client.clone_from(takes_over));
        }
        Edit::Session(gone) => scenario.steps.retain(|step| !step.action.is_about(gone)),
        Edit::OneSession { gone, stays } => {
            scenario.steps.retain(|step| step.action.mentions().creates != Some(gone));
            scenario.steps.iter_mut().for_each(|step| step.action.replace_session(gone, stays));
        }
        Edit::PlainPrompt(place) => {
            if let Some(prompt) = scenario.steps[*place].action.prompt_mut() {
                *prompt = Prompt::Text("hello".to_owned());
            }
        }
        Edit::PlainTool(turn, place) => {
            let step = scenario.turns.get_mut(turn).map(|turn| &mut turn.steps[*place]);
            if let Some(TurnStep::Tool { interrupt, .. }) = step {
                *interrupt = OnInterrupt::Stop;
            }
        }
        Edit::PlainStep(place) => scenario.steps[*place].action.simplify(),
        Edit::Setting(place) => SETTINGS[*place](scenario),
        Edit::Fixed(slot) => slot.fix(scenario),
        Edit::Time(slot, time) => slot.set(scenario, *time),
        Edit::Move(place, gap) => {
            let before = if *place == 0 { Millis::ZERO } else { scenario.steps[*place - 1].at };
            scenario.steps[*place].at = before + *gap;
            scenario.steps.sort_by_key(|step| step.at);
        }
        Edit::Pair(slot, time, place) => {
            let less = slot.get(scenario).0.saturating_sub(time.0);
            slot.set(scenario, *time);
            let gap = Slot::Gap(*place);
            let shorter = Millis(gap.get(scenario).0.saturating_sub(less));
            gap.set(scenario, shorter);
        }
        Edit::JoinedTurnStep(turn, place) => {
            let (gone, next) = (Slot::Turn(turn.clone(), *place), Slot::Turn(turn.clone(), *place + 1));
            let both = gone.get(scenario) + next.get(scenario);
            next.set(scenario, both);
        }
        Edit::ClosedTurnStep(turn, place) => {
            let length = Slot::Turn(turn.clone(), *place).get(scenario);
            let prompts = |step: &Step| step.action.turn() == Some(turn);
            let behind = scenario.steps.iter().position(prompts).map(|prompt| Slot::Gap(prompt + 1));
            if let Some(gap) = behind.filter(|gap| *gap != Slot::Gap(scenario.steps.len())) {
                let shorter = Millis(gap.get(scenario).0.saturating_sub(length.0));
                gap.set(scenario, shorter);
            }
        }
        // Removed at the end, because the indexes of the other edits refer to the original.
        Edit::Step(_) | Edit::TurnStep(..) | Edit::Behavior(_) | Edit::Window(_) | Edit::Fault(_) => {}
    }
}

fn keep_others<T>(items: &mut Vec<T>, gone: &BTreeSet<usize>) {
    let mut place = 0;
    items.retain(|_| {
        place += 1;
        !gone.contains(&(place - 1))
    });
}

/// Removes the steps that the file's checks would refuse, the turns that no prompt names, and the facts about what is gone.
pub(crate) fn tidy(scenario: &mut Scenario) {
    let mut connected = BTreeSet::new();
    let mut named: BTreeSet<String> = scenario.rows.iter().map(|row| row.name().to_owned()).collect();
    scenario.steps.retain(|step| {
        match step.action.presence() {
            Presence::DisconnectsAll => connected.clear(),
            Presence::NoClient => {}
            Presence::Connects => return connected.insert(step.client.clone()),
            Presence::Disconnects => return connected.remove(&step.client),
            Presence::Connected if !connected.contains(&step.client) => return false,
            Presence::Connected => {}
        }
        let mut others = [step.action.session(), step.action.parent()].into_iter().flatten();
        let known = others.all(|session| named.contains(session));
        known && step.action.names().is_none_or(|name| named.insert(name.to_owned()))
    });
    let steps = &scenario.steps;
    let asked = |turn: &str| steps.iter().any(|step| step.action.turn() == Some(turn));
    scenario.turns.retain(|turn, _| asked(turn));
    // A prompt that continues needs a turn that it could mean.
    let is_able = |step: &Step| !scenario.turns.is_empty() || step.action.prompt() != Some(&Prompt::Continue);
    scenario.steps.retain(is_able);
    let steps = &scenario.steps;
    let clients: BTreeSet<&str> = steps.iter().map(|step| step.client.as_str()).collect();
    let is_there = |fact: &ExpectedFact| {
        let (client, sessions) = fact.names();
        client.is_none_or(|client| clients.contains(client))
            && sessions.iter().all(|session| named.contains(*session) || is_alias(session))
    };
    scenario.facts.retain(is_there);
}

/// The edits of one kind, which are tried together.
pub(super) struct Pass {
    pub(super) edits: fn(&Scenario) -> Vec<Edit>,
    pub(super) at_once: AtOnce,
}

/// The group sizes in which the edits of a pass are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtOnce {
    /// All edits, then halves, down to single ones.
    Halving,
    /// Single edits, because they are alternatives.
    One,
}

/// The passes in order: those that shorten a file most come first.
pub(super) const PASSES: [Pass; 9] = [
    Pass { edits: clients, at_once: AtOnce::Halving },
    Pass { edits: one_client, at_once: AtOnce::One },
    Pass { edits: sessions, at_once: AtOnce::Halving },
    Pass { edits: one_session, at_once: AtOnce::One },
    Pass { edits: steps, at_once: AtOnce::Halving },
    Pass { edits: turn_steps, at_once: AtOnce::Halving },
    Pass { edits: other_turn_steps, at_once: AtOnce::One },
    Pass { edits: settings, at_once: AtOnce::Halving },
    Pass { edits: times, at_once: AtOnce::One },
];

fn session_names(scenario: &Scenario) -> BTreeSet<&str> {
    let rows = scenario.rows.iter().map(|row| row.name());
    rows.chain(scenario.steps.iter().filter_map(|step| step.action.names())).collect()
}

fn clients(scenario: &Scenario) -> Vec<Edit> {
    scenario.clients().into_iter().map(|client| Edit::Client(client.to_owned())).collect()
}

fn one_client(scenario: &Scenario) -> Vec<Edit> {
    let edit = |(gone, takes_over)| Edit::OneClient { gone, takes_over };
    pairs(&scenario.clients()).map(edit).collect()
}

fn sessions(scenario: &Scenario) -> Vec<Edit> {
    session_names(scenario).into_iter().map(|session| Edit::Session(session.to_owned())).collect()
}

fn one_session(scenario: &Scenario) -> Vec<Edit> {
    let edit = |(gone, stays)| Edit::OneSession { gone, stays };
    pairs(&session_names(scenario)).map(edit).collect()
}

/// Each with each other.
fn pairs(names: &BTreeSet<&str>) -> impl Iterator<Item = (String, String)> {
    let both = names.iter().flat_map(|gone| names.iter().map(move |stays| (*gone, *stays)));
    let pairs: Vec<(String, String)> =
        both.filter(|(gone, stays)| gone != stays).map(|(gone, stays)| (gone.to_owned(), stays.to_owned())).collect();
    pairs.into_iter()
}

fn steps(scenario: &Scenario) -> Vec<Edit> {
    (0..scenario.steps.len()).map(Edit::Step).collect()
}

fn turn_steps(scenario: &Scenario) -> Vec<Edit> {
    places_in_turns(scenario).map(|(turn, place)| Edit::TurnStep(turn.clone(), place)).collect()
}

/// Whether the duration of a step is essential and must not be removed with it.
fn other_turn_steps(scenario: &Scenario) -> Vec<Edit> {
    let takes_time = |turn: &str, place| Slot::Turn(turn.to_owned(), place).get(scenario) > Millis::ZERO;
    let timed = places_in_turns(scenario).filter(|(turn, place)| takes_time(turn, *place));
    let edits = timed.flat_map(|(turn, place)| {
        let is_joined = scenario.turns[turn].steps.len() > place + 1 && takes_time(turn, place + 1);
        let joined = is_joined.then(|| Edit::JoinedTurnStep(turn.clone(), place));
        joined.into_iter().chain([Edit::ClosedTurnStep(turn.clone(), place)])
    });
    edits.collect()
}

fn places_in_turns(scenario: &Scenario) -> impl Iterator<Item = (&String, usize)> {
    scenario.turns.iter().flat_map(|(turn, script)| (0..script.steps.len()).map(move |place| (turn, place)))
}

fn settings(scenario: &Scenario) -> Vec<Edit> {
    let mut edits: Vec<Edit> = (0..scenario.behavior.len()).map(Edit::Behavior).collect();
    edits.extend((0..scenario.windows.len()).map(Edit::Window));
    edits.extend((0..scenario.store.faults.len()).map(Edit::Fault));
    edits.extend((0..SETTINGS.len()).map(Edit::Setting));
    edits.extend((0..scenario.steps.len()).map(Edit::PlainStep));
    edits.extend((0..scenario.steps.len()).map(Edit::PlainPrompt));
    edits.extend(places_in_turns(scenario).map(|(turn, place)| Edit::PlainTool(turn.clone(), place)));
    let changes = |edit: &Edit| apply(scenario, std::slice::from_ref(edit)).is_some_and(|edited| edited != *scenario);
    edits.retain(changes);
    edits
}

fn times(scenario: &Scenario) -> Vec<Edit> {
    let slots = Slot::all(scenario);
    let simpler = |slot: &Slot| slot.simpler(scenario);
    let mut edits: Vec<Edit> = slots.iter().cloned().map(Edit::Fixed).collect();
    for slot in &slots {
        edits.extend(simpler(slot).into_iter().map(|time| Edit::Time(slot.clone(), time)));
    }
    let gaps = || slots.iter().filter_map(|slot| if let Slot::Gap(place) = slot { Some(*place) } else { None });
    for place in gaps() {
        edits.extend(simpler(&Slot::Gap(place)).into_iter().map(|time| Edit::Move(place, time)));
    }
    // Steps that last or wait.
    for slot in slots.iter().filter(|slot| !matches!(slot, Slot::Gap(_) | Slot::Rest)) {
        for place in gaps() {
            edits.extend(simpler(slot).into_iter().map(|time| Edit::Pair(slot.clone(), time, place)));
        }
    }
    edits
}
