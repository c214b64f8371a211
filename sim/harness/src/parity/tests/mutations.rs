//! Mutated recordings: each is refused with its file and the place in it, or compared and imported. None panics.

use std::fs;
use std::path::{Path, PathBuf};

use interleaving::Prng;
use serde_json::{Map, Value, json};

use super::super::*;
use crate::invariant::NAMES;
use sim_scenario::Scenario;

const MUTATIONS: usize = 1500;

/// The starts of places in a recording.
const PLACES: [&str; 8] = ["line ", "steps", "scripts.", "recorded", "grace_s", "env.", "config.", "script"];

#[test]
fn mutated_recordings_are_refused_with_their_place_or_compared() {
    let originals = originals();
    let (mut prng, mut simulator) = (Prng::stream(12, "recordings"), Simulator::new());
    let (mut refused, mut compared) = (0, 0);
    for number in 0..MUTATIONS {
        let text = mutated(&originals[prng.below(originals.len())], &mut prng);
        match Recording::parse(Path::new("mutated.json"), &text) {
            Err(error) => {
                check_refusal(&error, number, &text);
                refused += 1;
            }
            Ok(recording) => {
                check_accepted(&recording, &mut simulator, number);
                compared += 1;
            }
        }
    }
    // Either way is taken often, so that neither check is empty.
    assert!(refused > 200 && compared > 200, "{refused} refused, {compared} compared");
}

#[track_caller]
fn check_refusal(error: &RecordingError, number: usize, text: &str) {
    let shown = error.to_string();
    let place = shown.strip_prefix("mutated.json: ").unwrap_or_default();
    let is_placed = PLACES.iter().any(|start| place.starts_with(start));
    assert!(is_placed && place.contains(": "), "mutation {number}: {shown}\n{text}");
}

/// Runs a cell, and imports the recording with and without the times of a release.
fn check_accepted(recording: &Recording, simulator: &mut Simulator, number: usize) {
    let newest = recording.cells.last();
    if let Some((release, recorded)) = newest {
        match Cell::run(simulator, recording, *release, recorded) {
            Ok(cell) => {
                let panicked = cell.differences.iter().find(|difference| difference.place == "run");
                assert!(panicked.is_none(), "mutation {number}: {panicked:?}");
            }
            Err(error) => check_refusal(&error, number, ""),
        }
    }
    for release in [newest.map(|(release, _)| *release), None] {
        match recording.import(release) {
            Ok(timed) => {
                let text = timed.scenario.to_toml();
                let read = Scenario::parse(Path::new("imported.toml"), &text, &NAMES);
                assert!(read.is_ok(), "mutation {number}: {}\n{text}", read.expect_err("it was refused"));
            }
            Err(error) => check_refusal(&error, number, ""),
        }
    }
}

/// The texts of all recordings of the repository, in the order of their names.
fn originals() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/upstream");
    let entries = fs::read_dir(&folder).expect("the folder of recordings");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).expect("a recording")).collect()
}

/// One to three mutations of the document, or one of its text.
fn mutated(text: &str, prng: &mut Prng) -> String {
    if prng.hits(1, 10) {
        return mutated_text(text, prng);
    }
    let mut document: Value = serde_json::from_str(text).expect("a recording is JSON");
    for _ in 0..=prng.below(2) {
        // The script is a small part of the text, but most of what is read with care.
        let part = ["steps", "scripts", "recorded", ""][prng.below(4)];
        let part = if part.is_empty() { &mut document } else { &mut document[part] };
        mutate(part, prng);
    }
    document.to_string()
}

/// Cut off, or with one sign replaced.
fn mutated_text(text: &str, prng: &mut Prng) -> String {
    let signs: Vec<char> = text.chars().collect();
    let place = prng.below(signs.len());
    if prng.hits(1, 2) {
        return signs[..place].iter().collect();
    }
    let with = *prng.one(&['"', '{', '}', '[', ']', ',', ':', '-', '9', 'e', '\\', '\u{0}', 'ß']);
    signs.iter().enumerate().map(|(at, sign)| if at == place { with } else { *sign }).collect()
}

/// Goes down to a value at random, and changes it or what holds it.
fn mutate(value: &mut Value, prng: &mut Prng) {
    let stays = prng.hits(1, 8);
    match value {
        Value::Array(items) if !items.is_empty() => match stays {
            true => mutate_list(items, prng),
            false => {
                let place = prng.below(items.len());
                mutate(&mut items[place], prng);
            }
        },
        Value::Object(keys) if !keys.is_empty() => {
            let names: Vec<String> = keys.keys().cloned().collect();
            let name = prng.one(&names);
            match stays {
                true => mutate_key(keys, name, prng),
                false => mutate(&mut keys[name], prng),
            }
        }
        Value::Number(_) => *value = number(prng),
        _ => *value = other(prng),
    }
}

fn mutate_list(items: &mut Vec<Value>, prng: &mut Prng) {
    let place = prng.below(items.len());
    match prng.below(4) {
        0 => drop(items.remove(place)),
        1 => items.insert(place, items[place].clone()),
        2 => {
            let other = prng.below(items.len());
            items.swap(place, other);
        }
        _ => items.truncate(place),
    }
}

fn mutate_key(keys: &mut Map<String, Value>, name: &str, prng: &mut Prng) {
    match prng.below(3) {
        0 => drop(keys.remove(name)),
        1 => {
            let value = keys.remove(name).unwrap_or_default();
            keys.insert(format!("{name}_"), value);
        }
        _ => drop(keys.insert(name.to_owned(), other(prng))),
    }
}

fn number(prng: &mut Prng) -> Value {
    let numbers = [0.0, -0.0, -1.0, 86_400.0, 86_401.0, 1e-300, -1e300, 1e300];
    match prng.below(6) {
        0 => json!(prng.draw()),
        1 => json!(-(prng.below(1_000_000) as i64)),
        2 => json!(prng.one(&numbers)),
        3 => json!(prng.below(100) as f64 / 10.0),
        _ => json!(prng.below(10)),
    }
}

/// A value of another kind.
fn other(prng: &mut Prng) -> Value {
    let names = ["", "x", "y", "c1", "c2", "A", "gateway", "a b", "m1", "s2", "tip", "close", "wait", "ß\n\n\u{0}"];
    match prng.below(12) {
        0 => Value::Null,
        1 => json!(prng.hits(1, 2)),
        2 => number(prng),
        3 => json!([]),
        4 => json!({}),
        _ => json!(prng.one(&names)),
    }
}
