//! The times of a scenario, and their simplifications.

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::spawn::Window;

use sim_scenario::{Latency, Scenario, StoreSettings};

/// A place of a scenario that holds a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The gap between the step before and this one. All later steps, and the end of the script, move along.
    Gap(usize),
    /// The duration of a step of a turn.
    Turn(String, usize),
    /// The duration of a step of the script.
    Step(usize),
    /// The end of the script, after its last step.
    Rest,
    /// A setting of the gateway, by its index in [`GATEWAY`].
    Gateway(usize),
    /// The latency of frames.
    Network,
    /// A latency of the store, by its index in [`STORE`].
    Store(usize),
    /// The duration of a race window.
    Window(Window),
    /// The duration of an agent's build.
    Build,
    /// The duration of a summary.
    Summary,
}

/// The gateway's settings that are durations.
const GATEWAY: [fn(&mut Config) -> &mut Millis; 9] = [
    |config| &mut config.orphan_grace,
    |config| &mut config.orphan_silence,
    |config| &mut config.orphan_tool_silence,
    |config| &mut config.build_delay,
    |config| &mut config.agent_wait,
    |config| &mut config.clarify_timeout,
    |config| &mut config.sudo_timeout,
    |config| &mut config.write_timeout,
    |config| &mut config.session_ttl,
];

const STORE: [fn(&mut StoreSettings) -> &mut Latency; 3] =
    [|store| &mut store.before_commit, |store| &mut store.after_commit, |store| &mut store.after_lookup];

impl Slot {
    /// All explicit times of the scenario. Settings with their default are not explicit.
    pub(super) fn all(scenario: &Scenario) -> Vec<Self> {
        let mut slots: Vec<Self> = (0..scenario.steps.len()).map(Self::Gap).collect();
        for (name, turn) in &scenario.turns {
            slots.extend((0..turn.steps.len()).map(|place| Self::Turn(name.clone(), place)));
        }
        slots.extend((0..scenario.steps.len()).map(Self::Step));
        slots.push(Self::Rest);
        let (mut own, mut default) = (scenario.gateway.clone(), Config::default());
        let said = (0..GATEWAY.len()).filter(|place| GATEWAY[*place](&mut own) != GATEWAY[*place](&mut default));
        slots.extend(said.map(Self::Gateway));
        slots.push(Self::Network);
        slots.extend((0..STORE.len()).map(Self::Store));
        slots.extend(scenario.windows.keys().copied().map(Self::Window));
        slots.extend([Self::Build, Self::Summary]);
        slots.retain(|slot| slot.get(scenario) > Millis::ZERO);
        slots
    }

    /// The times of the script, also those that are zero: the gaps between its steps, and the durations of the steps of turns.
    pub(crate) fn of_script(scenario: &Scenario) -> Vec<Self> {
        let mut slots: Vec<Self> = (0..scenario.steps.len()).map(Self::Gap).collect();
        for (name, turn) in &scenario.turns {
            let timed = (0..turn.steps.len()).filter(|place| taken(&mut turn.steps[*place].clone()).is_some());
            slots.extend(timed.map(|place| Self::Turn(name.clone(), place)));
        }
        slots
    }

    /// Fixes a latency at its maximum, so that it is no longer a choice.
    pub(super) fn fix(&self, scenario: &mut Scenario) {
        let latency = match self {
            Self::Network => Some(&mut scenario.network.latency),
            Self::Store(place) => Some(STORE[*place](&mut scenario.store)),
            Self::Window(window) => scenario.windows.get_mut(window),
            _ => None,
        };
        if let Some(latency) = latency {
            latency.min = latency.max;
        }
    }

    /// The distance of the time at this place from a round one.
    pub(super) fn rough(&self, scenario: &Scenario) -> usize {
        match (self.is_fine(), self.get(scenario)) {
            (true, time) if time == Millis::ZERO || is_round(time.0) => 0,
            (true, _) => 3,
            (false, time) => roughness(time),
        }
    }

    /// Simpler times for this place, the simplest first.
    pub(crate) fn simpler(&self, scenario: &Scenario) -> Vec<Millis> {
        let time = self.get(scenario);
        if let Self::Gateway(_) = self {
            // Zero turns a setting off or means no limit.
            return simpler(time).into_iter().filter(|time| *time > Millis::ZERO).collect();
        }
        if !self.is_fine() {
            return simpler(time);
        }
        let mut times = vec![Millis::ZERO];
        times.extend(rounds(time.0).map(Millis).filter(|round| *round < time));
        times
    }

    /// Whether its times are naturally milliseconds, so that whole seconds would be longer.
    fn is_fine(&self) -> bool {
        matches!(self, Self::Network | Self::Store(_) | Self::Window(_) | Self::Build | Self::Summary)
    }

    /// The time at this place; `None` for a step without a duration.
    pub(super) fn get(&self, scenario: &Scenario) -> Millis {
        let at = |place: usize| scenario.steps[place].at;
        match self {
            Self::Gap(0) => at(0),
            Self::Gap(place) => Millis(at(*place).0 - at(*place - 1).0),
            Self::Turn(name, place) => {
                taken(&mut scenario.turns[name].steps[*place].clone()).map_or(Millis::ZERO, |time| *time)
            }
            Self::Step(place) => scenario.steps[*place].action.takes().unwrap_or_default(),
            Self::Rest => Millis(scenario.until.0 - scenario.steps.last().map_or(0, |step| step.at.0)),
            Self::Gateway(place) => *GATEWAY[*place](&mut scenario.gateway.clone()),
            Self::Network => scenario.network.latency.max,
            Self::Store(place) => STORE[*place](&mut scenario.store.clone()).max,
            Self::Window(window) => scenario.windows[window].max,
            Self::Build => scenario.agent.build,
            Self::Summary => scenario.agent.summary,
        }
    }

    /// Sets the time at this place.
    pub(crate) fn set(&self, scenario: &mut Scenario, time: Millis) {
        match self {
            Self::Gap(place) => {
                let before = self.get(scenario);
                let moved = |at: Millis| Millis((at.0 + time.0).saturating_sub(before.0));
                scenario.steps[*place..].iter_mut().for_each(|step| step.at = moved(step.at));
                scenario.until = moved(scenario.until);
            }
            Self::Turn(name, place) => {
                let step = scenario.turns.get_mut(name).map(|turn| &mut turn.steps[*place]);
                if let Some(takes) = step.and_then(taken) {
                    *takes = time;
                }
            }
            Self::Step(place) => {
                if let Some(takes) = scenario.steps[*place].action.takes_mut() {
                    *takes = time;
                }
            }
            Self::Rest => scenario.until = scenario.steps.last().map_or(Millis::ZERO, |step| step.at) + time,
            Self::Gateway(place) => *GATEWAY[*place](&mut scenario.gateway) = time,
            Self::Network => cap(&mut scenario.network.latency, time),
            Self::Store(place) => cap(STORE[*place](&mut scenario.store), time),
            Self::Window(window) => {
                if let Some(latency) = scenario.windows.get_mut(window) {
                    cap(latency, time);
                }
            }
            Self::Build => scenario.agent.build = time,
            Self::Summary => scenario.agent.summary = time,
        }
    }
}

fn taken(step: &mut TurnStep) -> Option<&mut Millis> {
    match step {
        TurnStep::Tool { .. }
        | TurnStep::Tools { .. }
        | TurnStep::Compress { .. }
        | TurnStep::Sleep { .. }
        | TurnStep::Late { .. } => step.takes_mut(),
        _ => None,
    }
}

fn cap(latency: &mut Latency, max: Millis) {
    // A fixed latency stays fixed.
    let min = if latency.min == latency.max { max } else { latency.min.min(max) };
    *latency = Latency { min, max };
}

/// The distance of a time from a round one, ascending: a few whole seconds or 1, 2, 5 times a power of ten; whole seconds;
/// round milliseconds; any other.
fn roughness(time: Millis) -> usize {
    let (seconds, rest) = (time.0 / 1000, time.0 % 1000);
    match rest {
        0 if seconds <= 10 || is_round(seconds) => 0,
        0 => 1,
        _ if is_round(time.0) => 2,
        _ => 3,
    }
}

fn is_round(mut number: u64) -> bool {
    while number > 0 && number.is_multiple_of(10) {
        number /= 10;
    }
    matches!(number, 1 | 2 | 5)
}

/// The series 1, 2, 5, 10 … below twice a number, which must not be zero.
fn rounds(up_to: u64) -> impl Iterator<Item = u64> {
    let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(10));
    let numbers = powers.take_while(move |power| *power <= up_to).flat_map(|power| [power, 2 * power, 5 * power]);
    numbers.take_while(move |number| *number < 2 * up_to)
}

/// Simpler times than this one, the simplest first.
fn simpler(time: Millis) -> Vec<Millis> {
    let seconds = time.0.div_ceil(1000);
    let mut times = vec![Millis::ZERO];
    times.extend(rounds(seconds.max(1)).map(Millis::from_secs));
    times.extend(
        [seconds.saturating_sub(1), time.0 / 1000, seconds, seconds / 2, seconds * 3 / 4].map(Millis::from_secs),
    );
    if time.0 < 10_000 {
        times.extend(rounds(time.0.max(1)).map(Millis));
    }
    times.extend([Millis(time.0 / 2), Millis(time.0 * 3 / 4), Millis(time.0.saturating_sub(1))]);
    let order = |time: &Millis| (roughness(*time), *time);
    times.retain(|other| order(other) < order(&time));
    times.sort_by_key(order);
    times.dedup();
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole seconds are simpler than fractions, round times than others, short times than long ones.
    #[test]
    fn simpler_times_come_in_order() {
        let check = |ms: u64, expected: &[u64]| {
            let found: Vec<u64> = simpler(Millis(ms)).into_iter().map(|time| time.0).collect();
            assert_eq!(found, expected, "of {ms}");
        };
        check(0, &[]);
        check(1000, &[0]);
        check(34_000, &[0, 1000, 2000, 5000, 10_000, 20_000, 50_000, 17_000, 25_000, 33_000]);
        check(1, &[0, 1000]);
    }

    /// Repeatedly taking the last of the simpler times terminates.
    #[test]
    fn simplifying_ends() {
        for start in [1, 999, 37_412, 86_400_001] {
            let mut time = Millis(start);
            let mut steps = 0;
            while let Some(next) = simpler(time).last() {
                time = *next;
                steps += 1;
                assert!(steps < 200_000, "{start} does not come to an end");
            }
            assert_eq!(time, Millis::ZERO);
        }
    }
}
