//! Which difference of a release a failure hangs on: the run is repeated with one field of the behaviour as `current` has
//! it, and where the failure is gone, that field explains it.

use gateway_core::behavior::{Behavior, Field};
use gateway_core::release::Release;

use crate::shape::Shape;
use interleaving::strategy::Follow;
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;

/// A field without whose alternative a failure does not show, or whose alternative alone shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// `group.field`.
    pub field: String,
    /// What the release, or the planted bug, has there.
    pub alternative: &'static str,
    /// What that does.
    pub about: &'static str,
}

impl Explanation {
    /// The defects that the words about the alternative name: lines of the catalogue such as `S1`, and public issues.
    pub fn defects(&self) -> Vec<&'static str> {
        let words = self.about.split(|letter: char| !(letter.is_alphanumeric() || "#-".contains(letter)));
        let is_line = |word: &str| {
            word.starts_with(['S', 'A', 'B', 'C'])
                && word.len() > 1
                && word[1..].chars().all(|letter| letter.is_ascii_digit())
        };
        words.filter(|word| is_line(word) || word.contains('#')).collect()
    }
}

/// Every field that explains by itself why the scenario fails in this way. Where there is none, since two differences do
/// the same, every field that makes `current` fail so: nothing where it takes several.
///
/// The runs follow the tape of the scenario as far as it fits.
pub fn explain(simulator: &mut Simulator, scenario: &Scenario, release: Release, shape: &Shape) -> Vec<Explanation> {
    let tape = scenario.tapes.get(&release).cloned().unwrap_or_default();
    let plain = Scenario { tapes: Default::default(), behavior: Vec::new(), ..scenario.clone() };
    let mut fails = |release: Release, behavior: Vec<(String, String)>| {
        let other = Scenario { behavior, ..plain.clone() };
        let report = simulator.run_with(&other, release, Box::new(Follow::new(&tape)));
        Shape::all(&other, &report).iter().any(|seen| seen.claim == shape.claim)
    };
    let different = behavior(scenario, release).fields().into_iter().filter(|field| field.value != sound(field));
    let different: Vec<Field> = different.collect();
    let with = |field: &Field, value: &str| [scenario.behavior.clone(), vec![set(field, value)]].concat();
    let needed = different.iter().filter(|field| !fails(release, with(field, sound(field))));
    let needed: Vec<&Field> = needed.collect();
    if !needed.is_empty() {
        return needed.into_iter().map(explanation).collect();
    }
    different.iter().filter(|field| fails(Release::Current, vec![set(field, field.value)])).map(explanation).collect()
}

/// What `current` has there.
fn sound(field: &Field) -> &'static str {
    field.alternatives[0].name
}

fn set(field: &Field, value: &str) -> (String, String) {
    (field.name.clone(), value.to_owned())
}

fn explanation(field: &Field) -> Explanation {
    let alternative = field.alternatives.iter().find(|alternative| alternative.name == field.value);
    let about = alternative.map_or("", |alternative| alternative.about);
    Explanation { field: field.name.clone(), alternative: field.value, about }
}

/// The release's behaviour, with what the scenario sets otherwise.
fn behavior(scenario: &Scenario, release: Release) -> Behavior {
    let mut behavior = release.behavior();
    for (field, alternative) in &scenario.behavior {
        behavior.set(field, alternative).expect("a scenario overrides fields that exist");
    }
    behavior
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use sim_harness::invariant::NAMES;

    /// The timer that looks once is why 0.16.0 leaves the row open, and nothing else is; that the reason is wrong has
    /// nothing to do with it.
    #[test]
    fn a_defect_is_found_by_its_field() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/issues/44045_turn_outlives_grace.toml");
        let scenario = Scenario::load(&path, &NAMES).expect("a good file");
        let mut simulator = Simulator::new();
        let report = simulator.run(&scenario, Release::V0_16_0);
        let mut check = |claim: &str, expected: &[(&str, &[&str])]| {
            let shape =
                Shape::all(&scenario, &report).into_iter().find(|shape| shape.claim == claim).expect("it fails");
            let found = explain(&mut simulator, &scenario, Release::V0_16_0, &shape);
            let found: Vec<_> = found.iter().map(|found| (found.field.as_str(), found.defects())).collect();
            let expected: Vec<_> = expected.iter().map(|(field, defects)| (*field, defects.to_vec())).collect();
            assert_eq!(found, expected, "{claim}");
        };
        check("detached_rows_end", &[("grace.expiry", &["S1", "hermes-agent#44045"])]);
        // Either reaper would do, and each has its own defect.
        check("idle_sessions_end", &[("grace.expiry", &["S1", "hermes-agent#44045"]), ("idle.reaper", &["A2"])]);
    }
}
