//! Checks of values that depend on other values of the file.
//!
//! The first mistake is reported, in the order of the file as far as possible.

mod fact;
mod latency;
mod rows;
mod script;
mod store;
mod story;

use std::collections::BTreeMap;

use gateway_core::agent::script::TurnScript;
use gateway_core::behavior::{Behavior, UnknownBehavior};
use gateway_core::clock::Millis;
use gateway_core::release::Release;

use interleaving::tape::{BadTape, Tape};

use self::fact::{RawFacts, listed};
use self::latency::latency;
use super::entries::Entries;
use super::error::{ScenarioError, Source, list};
use super::expected::Expected;
use super::invariant::{InvariantNames, Warning};
use super::parse::{self, Item, Names, RawAgent, RawExpect, RawExpected, RawTurn};
use super::scenario::Scenario;
use super::settings::{AgentSettings, NetworkSettings};
use super::step::{OnSkip, PlacedStep, RawStep};
use crate::placed::Spanned;

/// The tables `[expect.RELEASE]`, in the order of the file.
type Stated = Vec<(Spanned<Release>, RawExpected)>;

/// Reads a file and checks it. The warnings are in the order of the file.
pub(super) fn scenario(source: &Source<'_>, names: &InvariantNames) -> Result<(Scenario, Vec<Warning>), ScenarioError> {
    not_empty(source)?;
    let raw = parse::read(source)?;
    let about = about(source, raw.about.as_ref())?;
    let releases = releases(source, raw.releases.as_ref())?;
    let behavior = behavior(source, raw.behavior)?;
    let network = NetworkSettings {
        latency: latency(source, raw.network.latency.as_ref())?,
        buffer: raw.network.buffer.unwrap_or(NetworkSettings::default().buffer),
        ping: raw.network.ping,
    };
    let fault_places: Vec<_> = raw.store.faults.iter().map(Spanned::span).collect();
    let store = store::settings(source, raw.store)?;
    let mut windows = BTreeMap::new();
    for (window, range) in raw.windows.0 {
        windows.insert(window.into_inner(), latency(source, Some(&range))?);
    }
    let rows = rows::rows(source, raw.rows)?;
    let steps = steps(source, raw.steps)?;
    let on_skip = OnSkip::of(raw.may_skip);
    if on_skip == OnSkip::Fails {
        raw.turns.iter().try_for_each(|(name, turn)| story::turn(source, name, turn))?;
    }
    let turns = raw.turns.into_iter().map(|(name, turn)| (name, turn_script(turn))).collect();
    script::check(source, &rows, &steps, &turns, &store.faults, on_skip)?;
    if on_skip == OnSkip::Fails {
        story::steps(source, &steps, &store.faults)?;
    }
    let warnings = if on_skip == OnSkip::Fails { story::unused_turns(source, &steps, &turns) } else { Vec::new() };
    let mut violated = Violated { names, warnings };
    let (facts, stated) = split(raw.expect);
    let expect = expect(source, stated, &releases, &mut violated)?;
    let tapes = tapes(source, raw.tape, &releases)?;
    let mut scenario = Scenario {
        name: source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        path: source.path.to_owned(),
        about,
        issues: raw.issues,
        releases,
        seed: raw.seed,
        until: Millis::ZERO,
        gateway: raw.gateway,
        behavior,
        network,
        store,
        windows,
        agent: agent(&raw.agent),
        rows,
        turns,
        steps: steps.into_iter().map(|placed| placed.step).collect(),
        expect: expect.into_iter().collect(),
        facts: Vec::new(),
        on_skip,
        tapes,
    };
    scenario.until = until(source, raw.until, &scenario)?;
    if on_skip == OnSkip::Fails {
        for (fault, place) in scenario.store.faults.iter().zip(fault_places) {
            story::fault(source, fault, place, scenario.until)?;
        }
    }
    scenario.facts = fact::facts(source, facts, &scenario)?;
    Ok((scenario, violated.warnings))
}

/// The facts of `expect`, and its tables of releases.
fn split(raw: RawExpect) -> (RawFacts, Stated) {
    let RawExpect { releases, rows, frames, memory } = raw;
    (RawFacts { rows, frames, memory }, releases)
}

fn agent(raw: &RawAgent) -> AgentSettings {
    AgentSettings {
        build: raw.build,
        first_build: raw.first_build.0.clone(),
        failures: raw.failures,
        summary: raw.summary,
    }
}

fn not_empty(source: &Source<'_>) -> Result<(), ScenarioError> {
    let is_blank_or_comment = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if source.text.lines().all(is_blank_or_comment) {
        return Err(source.error(0..0, "empty scenario").with_help(
            "a scenario needs `about = \"…\"` and at least one `[[steps]]` table with `at`, `client` and `do`",
        ));
    }
    Ok(())
}

fn about(source: &Source<'_>, about: Option<&Spanned<String>>) -> Result<String, ScenarioError> {
    let error = match about {
        Some(about) if !about.get_ref().trim().is_empty() => return Ok(about.get_ref().clone()),
        Some(about) => source.error(about.span(), "empty `about`"),
        None => source.error(0..0, "missing `about`"),
    };
    Err(error.with_help("say in one sentence what the scenario shows"))
}

fn releases(
    source: &Source<'_>,
    releases: Option<&Spanned<Vec<Item<Release>>>>,
) -> Result<Vec<Release>, ScenarioError> {
    let Some(releases) = releases else { return Ok(vec![Release::Current]) };
    let mut seen = Vec::new();
    for Item(release) in releases.get_ref() {
        if seen.contains(release.get_ref()) {
            let message = format!("release `{}` is listed twice", release.get_ref());
            return Err(source.error(release.span(), message).with_help("each release runs once; drop the second"));
        }
        seen.push(*release.get_ref());
    }
    if seen.is_empty() {
        let help =
            format!("leave `releases` out for `current` alone; known are {}", list(&Release::ALL.map(Release::name)));
        return Err(source.error(releases.span(), "empty `releases`").with_help(help));
    }
    Ok(seen)
}

/// Each override is checked against the behaviour of `current`; all releases have the same fields.
fn behavior(
    source: &Source<'_>,
    entries: Entries<String, Spanned<String>>,
) -> Result<Vec<(String, String)>, ScenarioError> {
    let mut behavior = Behavior::default();
    let mut overrides = Vec::new();
    for (field, alternative) in entries.0 {
        behavior.set(field.get_ref(), alternative.get_ref()).map_err(|error| {
            let place = match error {
                UnknownBehavior::Field { .. } => field.span(),
                UnknownBehavior::Alternative { .. } => alternative.span(),
            };
            source
                .error(place, error.to_string())
                .with_help("a line of `[behavior]` changes one field: \"group.field\" = \"alternative\"")
        })?;
        overrides.push((field.into_inner(), alternative.into_inner()));
    }
    Ok(overrides)
}

fn turn_script(raw: RawTurn) -> TurnScript {
    TurnScript { steps: raw.steps.into_iter().map(|Item(step)| step.into_inner()).collect() }
}

fn steps(source: &Source<'_>, raw: Vec<Spanned<RawStep>>) -> Result<Vec<PlacedStep>, ScenarioError> {
    if raw.is_empty() {
        return Err(source
            .error(0..0, "a scenario needs at least one step")
            .with_help("a step is a `[[steps]]` table with `at`, `client` and `do`"));
    }
    let steps: Result<Vec<PlacedStep>, ScenarioError> =
        raw.into_iter().map(|step| PlacedStep::read(source, step)).collect();
    let mut steps = steps?;
    steps.sort_by_key(|placed| placed.step.at);
    Ok(steps)
}

fn until(source: &Source<'_>, until: Option<Spanned<Millis>>, scenario: &Scenario) -> Result<Millis, ScenarioError> {
    let Some(until) = until else { return Ok(scenario.default_until()) };
    match scenario.steps.last() {
        Some(last) if last.at > *until.get_ref() => {
            let (until_text, last_text) = (String::from(*until.get_ref()), String::from(last.at));
            Err(source
                .error(until.span(), format!("`until` is `{until_text}`, but the last step is at `{last_text}`"))
                .with_help(format!("the step is in line {}; left out, `until` lies well behind it", last.line)))
        }
        _ => Ok(until.into_inner()),
    }
}

fn expect(
    source: &Source<'_>,
    entries: Stated,
    releases: &[Release],
    violated: &mut Violated<'_>,
) -> Result<Vec<(Release, Expected)>, ScenarioError> {
    let mut expect = Vec::new();
    for (release, raw) in entries {
        let place = release.span();
        let release = listed(source, "expect", release, releases)?;
        let expected = match (raw.outcome, raw.violates) {
            (Some(outcome), None) => Expected::Outcome(outcome.into_inner()),
            (None, Some(violates)) => Expected::Violates(violated.read(source, violates)?),
            (Some(_), Some(violates)) => {
                let place = source.key("violates", violates.span());
                return Err(source.error(place, "both `outcome` and `violates`").with_help(EXPECT_HELP));
            }
            (None, None) => return Err(source.error(place, "neither `outcome` nor `violates`").with_help(EXPECT_HELP)),
        };
        expect.push((release, expected));
    }
    Ok(expect)
}

fn tapes(
    source: &Source<'_>,
    entries: Entries<Release, Spanned<String>>,
    releases: &[Release],
) -> Result<BTreeMap<Release, Tape>, ScenarioError> {
    let mut tapes = BTreeMap::new();
    for (release, text) in entries.0 {
        let release = listed(source, "tape", release, releases)?;
        let tape: Result<Tape, BadTape> = text.get_ref().parse();
        let tape = tape.map_err(|error| {
            // The line is quoted as it stands in the file, unless the text is written with escapes.
            let whole = text.span();
            let start = source.text[whole.clone()].find(error.found()).map(|offset| whole.start + offset);
            let place = start.map_or(whole, |start| start..start + error.found().len());
            source.error(place, error.to_string()).with_help(
                "a line of a tape is a choice: its site, its alternatives in their order, a `*` before the picked one",
            )
        })?;
        tapes.insert(release, tape);
    }
    Ok(tapes)
}

const EXPECT_HELP: &str = "an expectation has either `outcome`, or `violates` with names of invariants";

/// Reads what `violates` names.
struct Violated<'a> {
    names: &'a InvariantNames,
    warnings: Vec<Warning>,
}

impl Violated<'_> {
    /// The present names of the invariants; an earlier name adds a warning, the first time it stands in the file.
    fn read(&mut self, source: &Source<'_>, names: Spanned<Names>) -> Result<Vec<String>, ScenarioError> {
        let place = names.span();
        let names = match names.into_inner() {
            Names::One(name) => vec![Spanned::new(place.clone(), name)],
            Names::Many(names) => names,
        };
        let help = || format!("invariants are {}", list(self.names.known));
        if names.is_empty() {
            return Err(source.error(place, "empty `violates`").with_help(help()));
        }
        let mut present = Vec::new();
        for name in names {
            let Some(new) = self.names.resolve(name.get_ref()) else {
                let message = format!("unknown invariant `{}`", name.get_ref());
                return Err(source.error(name.span(), message).with_help(help()));
            };
            self.warn(source, &name, new);
            present.push(new.to_owned());
        }
        Ok(present)
    }

    fn warn(&mut self, source: &Source<'_>, name: &Spanned<String>, new: &'static str) {
        let old = name.get_ref();
        let until = self.names.renamed_until;
        let message = format!("`{old}` is now `{new}`; the earlier name is accepted until version {until}");
        if old == new || self.warnings.iter().any(|warning| warning.message == message) {
            return;
        }
        let (line, column) = source.line_and_column(name.span().start);
        self.warnings.push(Warning { path: source.path.to_owned(), line, column, message });
    }
}
