//! The bounds that several claims share, each computed from a scenario.

use std::collections::BTreeSet;

use gateway_core::agent::script::{OnInterrupt, TurnScript, TurnStep};
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::spawn::Window;
use sim_scenario::{Action, NetworkSettings, RequestStep, Scenario, Step};

/// Up to this number of sessions, writes seldom wait for each other.
const FEW: u64 = 4;

/// The cap of `current` without a setting.
const DEFAULT_CAP: u32 = 16;

/// The margin of [`timers`]. A task that still runs after it never ends.
const MARGIN: Millis = Millis::from_secs(86_400);

/// How long an agent may take to stop, without its tool and its writes.
const STOP: Millis = Millis::from_secs(1);

/// How long a write and a look at its rows may take while no fault is injected.
pub(super) fn write(scenario: &Scenario) -> Millis {
    let store = &scenario.store;
    store.before_commit.max + store.after_commit.max + store.after_lookup.max
}

/// The bounds that claims compare with after each event. Each takes all steps of the scenario, so they are computed once for each
/// process with other settings.
pub(crate) struct Bounds {
    /// See [`frame`].
    pub(crate) frame: Millis,
    /// See [`held_back`].
    pub(crate) held_back: Millis,
    /// See [`notice`].
    pub(crate) notice: Millis,
    /// See [`queue`].
    pub(crate) queue: Millis,
}

impl Bounds {
    /// The bounds under the settings of a scenario.
    pub(crate) fn of(scenario: &Scenario) -> Self {
        Self {
            frame: frame(scenario),
            held_back: held_back(scenario),
            notice: notice(scenario),
            queue: queue(scenario),
        }
    }
}

/// How many frames may wait for a client.
const WAITING: u64 = 64;

/// How long a frame may be in transit.
pub(crate) fn frame(scenario: &Scenario) -> Millis {
    let Scenario { gateway, network, steps, .. } = scenario;
    let lag = steps.iter().filter_map(|step| step.action.latency());
    // Frames wait for room in a small buffer, or in one that was full when its client read nothing. A client that does not
    // read them within the write timeout is disconnected; zero is no timeout. Those that wait go out one after the other.
    let withheld = steps.iter().any(|step| step.action.entry().withholds_frames);
    let longest = lag.fold(network.latency.max, Millis::max);
    let backlog = match withheld || network.buffer < NetworkSettings::default().buffer {
        true if gateway.write_timeout == Millis::ZERO => timers(gateway),
        true => gateway.write_timeout + longest.times(WAITING),
        false => Millis::ZERO,
    };
    longest + backlog
}

/// How long a frame may be in transit on a connection that does not carry its frames as usual, from the end of the connection
/// on. One that was cut may be mended by the heal phase only.
fn held_back(scenario: &Scenario) -> Millis {
    let is_cut = scenario.steps.iter().any(|step| step.action.word() == "cut");
    if is_cut { scenario.until + frame(scenario) } else { frame(scenario) }
}

/// How long the gateway may take to learn that a client's connection has ended.
fn notice(scenario: &Scenario) -> Millis {
    let vanished = scenario.steps.iter().filter_map(|step| step.action.notice_after());
    frame(scenario) + vanished.fold(scenario.network.ping.times(2), Millis::max)
}

/// How long the writes that end a session may take while no fault is injected.
pub(super) fn writes(scenario: &Scenario) -> Millis {
    // At most four writes in a row end a session: its unstored messages, the title, the end, and one in reserve.
    let one = write(scenario).times(4);
    // The writes of many sessions that end at one instant form one queue.
    let sessions = sessions(scenario);
    let writes = if sessions > FEW { one.times(sessions) } else { one };
    let window = |window| scenario.windows.get(&window).map_or(Millis::ZERO, |window| window.max);
    // The windows of old releases delay an end, which is no leak.
    writes + window(Window::PoppedNotEnded) + window(Window::VictimChosen)
}

/// How long one write may wait for those of other sessions and of deletions, which form one queue, while no fault is injected.
fn queue(scenario: &Scenario) -> Millis {
    write(scenario).times(sessions(scenario))
}

/// How many conversations the requests of a scenario begin, continue or delete.
fn sessions(scenario: &Scenario) -> u64 {
    let begins = |step: &&Step| {
        matches!(
            step.action,
            Action::Request(
                RequestStep::Create { .. }
                    | RequestStep::Resume { .. }
                    | RequestStep::Branch { .. }
                    | RequestStep::Delete { .. }
            )
        )
    };
    let actions = scenario.steps.iter().filter(begins).map(|step| &step.action);
    let names: BTreeSet<&str> = actions.flat_map(|action| [action.names(), action.session()]).flatten().collect();
    names.len() as u64
}

/// How many live sessions there may be, if that is limited.
pub(crate) fn live_sessions(scenario: &Scenario) -> Option<usize> {
    Some(scenario.gateway.max_live_sessions.unwrap_or(DEFAULT_CAP) as usize).filter(|cap| *cap > 0)
}

/// How long a turn may run after its interrupt: until its tool has finished or stopped and the results of its calls are stored.
/// What its other messages take, [`writes`] has.
pub(crate) fn stopping(scenario: &Scenario) -> Millis {
    uninterruptible(scenario) + results(scenario) + STOP
}

/// How long the results of calls that run at once may take to be stored. Each is a write of its own.
fn results(scenario: &Scenario) -> Millis {
    let steps = scenario.turns.values().flat_map(|turn| &turn.steps);
    let calls = steps.map(|step| match step {
        TurnStep::Tools { calls } => calls.len() as u64,
        _ => 0,
    });
    queue(scenario).times(calls.max().unwrap_or(0))
}

/// How long a turn may run after its interrupt, because its tool cannot be interrupted.
fn uninterruptible(scenario: &Scenario) -> Millis {
    let steps = scenario.turns.values().flat_map(|turn| &turn.steps);
    let lengths = steps.map(|step| match step {
        TurnStep::Tool { takes, interrupt: OnInterrupt::SitThrough, .. }
        | TurnStep::Compress { takes, .. }
        | TurnStep::Late { takes, .. } => *takes,
        _ => Millis::ZERO,
    });
    lengths.max().unwrap_or(Millis::ZERO)
}

/// Longer than everything that a run may wait for after its script: the timers of the gateway, and what its agents and its
/// clients' ends take.
pub(crate) fn rest(scenario: &Scenario) -> Millis {
    let vanished = scenario.steps.iter().filter_map(|step| step.action.notice_after());
    vanished.fold(timers(&scenario.gateway) + work(scenario), |sum, takes| sum + takes)
}

/// Longer than the turns that run or wait while their clients stay. A turn that hangs goes on for longer.
pub(crate) fn turns(scenario: &Scenario) -> Millis {
    questions(&scenario.gateway) + work(scenario)
}

/// The longest time that the turns of all steps take without their questions.
fn work(scenario: &Scenario) -> Millis {
    let Scenario { agent, steps, turns, .. } = scenario;
    // Each step starts a turn, and a build or a summary before it, at the most.
    let turns = turns.values().map(TurnScript::length);
    let one = turns.fold(agent.longest_build() + agent.summary, |sum, takes| sum + takes);
    one.times(steps.len() as u64)
}

fn questions(settings: &Config) -> Millis {
    settings.clarify_timeout + settings.sudo_timeout + settings.approval_timeout.unwrap_or_default()
}

/// Longer than every timer that a gateway with these settings arms.
pub(crate) fn timers(settings: &Config) -> Millis {
    let silence = settings.orphan_silence + settings.longest_tool_silence();
    MARGIN + settings.session_ttl + settings.orphan_grace + silence + questions(settings)
}
