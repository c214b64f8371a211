//! The turns of a generated scenario.

use std::collections::BTreeMap;

use gateway_core::agent::script::{OnInterrupt, ParallelTool, TurnScript, TurnStep};
use gateway_core::agent::{CompressionMode, QuestionKind};
use gateway_core::clock::Millis;

use super::feature::Feature;
use super::swarm::Swarm;
use interleaving::prng::Prng;

/// Draws one to three turns.
pub(super) fn draw(prng: &mut Prng, swarm: &Swarm, grace: Millis) -> BTreeMap<String, TurnScript> {
    let names = ["first", "second", "third"];
    let count = 1 + prng.below(names.len());
    names.into_iter().take(count).map(|name| (name.to_owned(), turn(prng, swarm, grace))).collect()
}

#[derive(Clone, Copy)]
enum Kind {
    Tool,
    Tools,
    Compress,
    Say,
    Ask,
    Sleep,
    Flush,
    Job,
    Review,
    Error,
    Hang,
    Late,
}

fn turn(prng: &mut Prng, swarm: &Swarm, grace: Millis) -> TurnScript {
    let weight = |feature, weight| swarm.weight(feature, weight);
    let kinds = [
        (6, Kind::Tool),
        (2, Kind::Tools),
        (weight(Feature::Rotation, 6), Kind::Compress),
        (1, Kind::Say),
        (weight(Feature::Question, 4), Kind::Ask),
        // A tool reads a steer with its result, also one that is interrupted.
        (1 + weight(Feature::Steer, 4), Kind::Sleep),
        (1, Kind::Flush),
        (weight(Feature::Background, 3), Kind::Job),
        (weight(Feature::Background, 2), Kind::Review),
        (weight(Feature::Error, 2), Kind::Error),
        // With a grace of zero only a client could ever interrupt it.
        (if grace > Millis::ZERO { weight(Feature::Hang, 2) } else { 0 }, Kind::Hang),
        (weight(Feature::LateAnswer, 3), Kind::Late),
    ];
    let mut steps = Vec::new();
    for _ in 0..1 + prng.below(4) {
        let kind = prng.weighted(&kinds).expect("a tool is always possible");
        let step = step(prng, kind, grace);
        let asked = if let TurnStep::Ask { kind, .. } = &step { Some(*kind) } else { None };
        let job = if let TurnStep::Background { takes, .. } = &step { Some(*takes) } else { None };
        steps.push(step);
        // A process that ends meanwhile loses what was said, unless it is stored at once.
        if matches!(kind, Kind::Say) && prng.hits(1, 2) {
            steps.push(TurnStep::Sleep { takes: length(prng, grace) });
        }
        // An answer that is late, or sent twice, finds another question open: leave for one command, that for another.
        if asked.is_some_and(|kind| kind == QuestionKind::Approval || prng.hits(1, 2)) {
            steps.push(TurnStep::Ask { kind: QuestionKind::Approval, text: "rm -r build".to_owned() });
        }
        // The job may end while the turn that started it still runs, and other turns end.
        if let Some(takes) = job.filter(|_| swarm.has(Feature::Sessions) && prng.hits(1, 2)) {
            let takes = takes + *prng.one(&[Millis(1), Millis::from_secs(1), Millis::from_secs(10)]);
            steps.push(TurnStep::Tool { name: "terminal".to_owned(), takes, interrupt: OnInterrupt::Stop });
        }
        if matches!(kind, Kind::Error | Kind::Hang | Kind::Late) {
            break;
        }
    }
    TurnScript { steps }
}

fn step(prng: &mut Prng, kind: Kind, grace: Millis) -> TurnStep {
    match kind {
        Kind::Tool => {
            let interrupt = if prng.hits(1, 5) { OnInterrupt::SitThrough } else { OnInterrupt::Stop };
            TurnStep::Tool { name: "terminal".to_owned(), takes: length(prng, grace), interrupt }
        }
        Kind::Tools => {
            let names = ["read", "write", "terminal"];
            let calls = names.into_iter().take(2 + prng.below(2));
            let calls = calls.map(|name| ParallelTool { name: name.to_owned(), takes: length(prng, grace) });
            TurnStep::Tools { calls: calls.collect() }
        }
        Kind::Compress => TurnStep::Compress {
            mode: *prng.one(&[CompressionMode::Rotate, CompressionMode::Rotate, CompressionMode::InPlace]),
            takes: *prng.one(&[Millis::ZERO, Millis::from_secs(2)]),
        },
        Kind::Say => TurnStep::Say { text: (*prng.one(&["so far so good", "so far so good", ""])).to_owned() },
        Kind::Ask => TurnStep::Ask {
            kind: *prng.one(&[
                QuestionKind::Clarify,
                QuestionKind::Approval,
                QuestionKind::Approval,
                QuestionKind::Sudo,
            ]),
            text: (*prng.one(&["which one?", "ls"])).to_owned(),
        },
        Kind::Sleep => TurnStep::Sleep { takes: length(prng, grace) },
        Kind::Flush => TurnStep::Flush,
        Kind::Job => TurnStep::Background { job: "build".to_owned(), takes: length(prng, grace) },
        Kind::Review => TurnStep::Review {
            text: "well done".to_owned(),
            takes: length(prng, grace),
            compress: *prng.one(&[None, Some(CompressionMode::Rotate)]),
        },
        Kind::Hang => TurnStep::Hang,
        Kind::Late => TurnStep::Late { text: "here it is".to_owned(), takes: length(prng, grace) },
        Kind::Error => TurnStep::Error { message: "the model is overloaded".to_owned() },
    }
}

/// A duration near a multiple of the grace, or any other.
fn length(prng: &mut Prng, grace: Millis) -> Millis {
    let secs = Millis::from_secs;
    let around = [grace, grace + Millis(1), Millis(grace.0.saturating_sub(1)), grace.times(2), grace + secs(7)];
    let any = [Millis::ZERO, Millis(1), secs(1), secs(4), secs(10), secs(34), secs(90)];
    *if prng.hits(1, 3) { prng.one(&around) } else { prng.one(&any) }
}
