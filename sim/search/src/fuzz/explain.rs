//! Explanations: the field of a release's behaviour that causes a failure. The run is repeated with one field set as in
//! `current`; if the failure disappears, that field explains it.

use std::fmt;

use gateway_core::behavior::{Behavior, Field};
use gateway_core::release::Release;

use crate::signature::FailureSignature;
use interleaving::strategy::Follow;
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;

/// A field whose alternative causes the failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The field, as `group.field`.
    pub field: String,
    /// The alternative of the release or the planted bug.
    pub alternative: &'static str,
    /// The description of the alternative.
    pub about: &'static str,
}

impl Explanation {
    /// The defects that the description names: ids of the catalogue such as `S1`, and public issues.
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

/// `grace.expiry = one_shot (S1, hermes-agent#44045)`
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.field, self.alternative)?;
        let defects = self.defects();
        if defects.is_empty() { Ok(()) } else { write!(f, " ({})", defects.join(", ")) }
    }
}

/// All fields that explain the failure on their own. If there is none, because two differences have the same effect: all
/// fields whose alternative alone makes `current` fail in this way. Empty if the failure needs several fields.
///
/// The runs follow the scenario's tape as far as it fits.
pub fn explain(
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
    signature: &FailureSignature,
) -> Vec<Explanation> {
    let tape = scenario.tapes.get(&release).cloned().unwrap_or_default();
    let plain = Scenario { tapes: Default::default(), behavior: Vec::new(), ..scenario.clone() };
    let mut fails = |release: Release, behavior: Vec<(String, String)>| {
        let other = Scenario { behavior, ..plain.clone() };
        let report = simulator.run_with(&other, release, Box::new(Follow::new(&tape)));
        FailureSignature::all(&other, &report).iter().any(|seen| seen.claim == signature.claim)
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

/// The alternative of `current`.
pub(crate) fn sound(field: &Field) -> &'static str {
    field.alternatives[0].name
}

pub(crate) fn set(field: &Field, value: &str) -> (String, String) {
    (field.name.clone(), value.to_owned())
}

pub(crate) fn explanation(field: &Field) -> Explanation {
    let alternative = field.alternatives.iter().find(|alternative| alternative.name == field.value);
    let about = alternative.map_or("", |alternative| alternative.about);
    Explanation { field: field.name.clone(), alternative: field.value, about }
}

/// The release's behaviour with the scenario's overrides.
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

    /// The one-shot timer is the only explanation of the open row under 0.16.0; the wrong end reason has another cause.
    #[test]
    fn a_defect_is_found_by_its_field() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/issues/44045_turn_outlives_grace.toml");
        let scenario = Scenario::load(&path, &NAMES).expect("a good file");
        let mut simulator = Simulator::new();
        let report = simulator.run(&scenario, Release::V0_16_0);
        let mut check = |claim: &str, expected: &[(&str, &[&str])]| {
            let signature = FailureSignature::all(&scenario, &report)
                .into_iter()
                .find(|signature| signature.claim == claim)
                .expect("it fails");
            let found = explain(&mut simulator, &scenario, Release::V0_16_0, &signature);
            let found: Vec<_> = found.iter().map(|found| (found.field.as_str(), found.defects())).collect();
            let expected: Vec<_> = expected.iter().map(|(field, defects)| (*field, defects.to_vec())).collect();
            assert_eq!(found, expected, "{claim}");
        };
        check("detached_rows_end", &[("grace.expiry", &["S1", "hermes-agent#44045"])]);
        // Either reaper causes it, and each has a defect of its own.
        check("idle_sessions_end", &[("grace.expiry", &["S1", "hermes-agent#44045"]), ("idle.reaper", &["A2"])]);
    }
}
