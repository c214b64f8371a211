//! Turns that nothing ends: their agent hangs, and the settings let no timer interrupt it.

use gateway_core::agent::script::{self, CONTINUE, TurnScript, TurnStep};
use gateway_core::clock::Millis;
use gateway_core::record::{Attachment, Record, TurnPhase, TurnState};
use sim_scenario::Scenario;

/// Whether the turn of a session without a client runs for ever, as the scenario demands: its script hangs, nothing has
/// interrupted it, and a grace or a silence of zero switches off the timer that would.
pub(crate) fn is_endless(scenario: &Scenario, record: &Record) -> bool {
    let settings = &scenario.gateway;
    let is_never_given_up = settings.orphan_grace == Millis::ZERO || settings.orphan_silence == Millis::ZERO;
    let is_detached = matches!(record.attachment, Attachment::Detached { .. });
    is_never_given_up && is_detached && record.turn.as_ref().is_some_and(|turn| hangs(scenario, turn))
}

fn hangs(scenario: &Scenario, turn: &TurnState) -> bool {
    let may_hang = |script: &TurnScript| script.steps.contains(&TurnStep::Hang);
    let may_hang = match script::named(&scenario.turns, &turn.user) {
        Some(script) => may_hang(script),
        // It goes on with the turn before it, whichever that was.
        None => turn.user == CONTINUE && scenario.turns.values().any(may_hang),
    };
    may_hang && turn.phase == TurnPhase::Begun && !turn.interrupted
}
