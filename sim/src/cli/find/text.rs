//! The result of a search as text and as JSON. It contains no real time, so it is the same on every machine.

use std::path::PathBuf;

use gateway_core::clock::Millis;
use serde_json::{Value, json};

use crate::cli::failure;
use crate::cli::file::word;
use crate::cli::human;
use sim_confirm::Refusal;
use sim_harness::simulation::Simulator;
use sim_search::find::{Cause, Found, Near, Others, Pattern, Progress, Search};
use sim_search::fuzz::Explanation;
use sim_search::shrink::Size;

/// A found scenario with its file, and the reason why `sim confirm` cannot play it, if there is one.
pub(super) struct Kept {
    pub(super) found: Found,
    pub(super) file: PathBuf,
    pub(super) unplayable: Option<Refusal>,
}

/// The state of a search as one line of a progress bar.
pub(super) fn so_far(progress: &Progress, found: usize) -> String {
    let nearest = match &progress.nearest {
        Some(near) if near.fit.distance.sum() == 0 => "rows that `current` leaves too".to_owned(),
        Some(near) => format!("nearest {}", near.fit.distance.sum()),
        None => String::new(),
    };
    if found == 0 { nearest } else { format!("{found} found, {nearest}") }
}

pub(super) fn print(search: &Search, progress: &Progress, kept: &[Kept]) {
    out!("{}", search.pattern);
    out!("under {}, seed {}", search.release, search.seed);
    for kept in kept {
        print_found(search, kept);
    }
    match kept.len() {
        0 => print_nothing(search, progress),
        1 => out!("\n1 scenario"),
        count => out!("\n{count} scenarios with different causes"),
    }
}

fn print_found(search: &Search, kept: &Kept) {
    let Kept { found, file, unplayable } = kept;
    out!("\nfound in run {}, by {}", found.hit.run, found.hit.plan);
    match &found.cause {
        Cause::Current => {}
        Cause::Sound => out!("  no defect is needed: `current` leaves these rows too"),
        Cause::Clear(fields) => fields.iter().for_each(|field| print_field("explained by", field)),
        Cause::Needed(fields) => fields.iter().for_each(|field| print_field("needs, with other differences,", field)),
        Cause::Several(fields) if fields.is_empty() => {
            out!("  `current` leaves other rows, but no single field of the release explains it");
        }
        Cause::Several(fields) => fields.iter().for_each(|field| print_field("enough alone:", field)),
    }
    let size = |size: Size| format!("{} clients, {} sessions, {} steps", size.clients, size.sessions, size.steps);
    out!("  shrunk from {} to {}", size(Size::of(&found.hit.scenario)), size(Size::of(&found.scenario)));
    let report = Simulator::new().run(&found.scenario, search.release);
    failure::picture(&found.scenario, &report).lines().for_each(|line| out!("{line}"));
    human::print_listed(&report.rows.listed());
    human::print_live(report.live);
    let run = word(file);
    out!("  run      sim run {run}");
    out!("  replay   sim replay {run} --times 100");
    let release = search.release;
    out!("  explore  sim explore {run} --release {release}");
    match unplayable {
        None => out!("  confirm  sim confirm {run} --release {release}"),
        Some(why) => out!("  confirm  cannot be played: {why}"),
    }
}

fn print_field(how: &str, explanation: &Explanation) {
    out!("  {how} {explanation}");
    out!("    {}", explanation.about);
}

/// What came nearest, and what never came to be.
fn print_nothing(search: &Search, progress: &Progress) {
    out!("\nnot found in {} runs", progress.runs);
    if let Some(near) = &progress.nearest {
        print_nearest(&search.pattern, near);
    }
    let never = never(&search.pattern, progress);
    if !never.is_empty() {
        out!("  no run had a row for");
        never.iter().for_each(|word| out!("    {word}"));
    } else {
        out!("  every word was met by some run, but never all of them at once");
    }
    out!("  try another `--seed`, more `--runs`, or a pattern of fewer words");
}

fn print_nearest(pattern: &Pattern, near: &Near) {
    out!("  nearest: run {}, {}", near.run, parts(near));
    for (alias, row) in pattern.rows.iter().enumerate() {
        let unmet: Vec<String> = near
            .fit
            .unmet
            .iter()
            .filter(|(of, _)| *of == alias)
            .map(|(_, word)| pattern.written(&row.words[*word]))
            .collect();
        let found = match near.fit.rows.get(alias).copied().flatten() {
            Some(place) => human::listed(&near.rows[place]),
            None => "no row".to_owned(),
        };
        let verdict = if unmet.is_empty() { "as asked".to_owned() } else { format!("not {}", unmet.join(", ")) };
        out!("    {:<32} {verdict}: {found}", pattern.row(row));
    }
    let live = near.live;
    out!(
        "    {:<32} {} live, {} timers, {} turns, {} connections",
        "memory",
        live.sessions,
        live.timers,
        live.turns,
        live.connections
    );
}

/// The parts of a distance in words.
fn parts(near: &Near) -> String {
    let distance = near.fit.distance;
    let parts = [
        (distance.words, "words are not met"),
        (distance.missing, "rows are missing"),
        (distance.extra, "rows too many"),
        (distance.live, "live sessions too many or too few"),
        (distance.unrest, "kinds of events may still come"),
    ];
    let mut parts: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if distance.missed_ms > 0 {
        parts.push(format!("times are missed by {}", Millis(distance.missed_ms)));
    }
    if parts.is_empty() { "its rows are those of the pattern".to_owned() } else { parts.join(", ") }
}

/// The words that no run met, each with its alias.
fn never(pattern: &Pattern, progress: &Progress) -> Vec<String> {
    let mut never = Vec::new();
    for (alias, row) in pattern.rows.iter().enumerate() {
        let words = row.words.iter().enumerate().filter(|(word, _)| !progress.met.contains_key(&(alias, *word)));
        never.extend(words.map(|(_, word)| format!("{} {}", row.alias, pattern.written(word))));
    }
    never
}

pub(super) fn print_json(search: &Search, progress: &Progress, kept: &[Kept]) {
    let pattern = &search.pattern;
    let nearest = progress.nearest.as_ref().filter(|_| kept.is_empty()).map(|near| {
        let distance = near.fit.distance;
        json!({
            "run": near.run,
            "distance": {
                "sum": distance.sum(),
                "words": distance.words,
                "missing": distance.missing,
                "extra": distance.extra,
                "live": distance.live,
                "unrest": distance.unrest,
                "missed_ms": distance.missed_ms,
            },
            "unmet": near.fit.unmet.iter().map(|(alias, word)| {
                let row = &pattern.rows[*alias];
                format!("{} {}", row.alias, pattern.written(&row.words[*word]))
            }).collect::<Vec<_>>(),
            "rows": near.rows,
            "live": near.live,
        })
    });
    let document = json!({
        "format": 1,
        "pattern": {
            "rows": pattern.rows.iter().map(|row| pattern.row(row)).collect::<Vec<_>>(),
            "live": pattern.live,
            "exact": pattern.others == Others::None,
        },
        "release": search.release.name(),
        "seed": search.seed,
        "runs": progress.runs,
        "found": kept.iter().map(found).collect::<Vec<_>>(),
        "nearest": nearest,
        "never_met": if kept.is_empty() { never(pattern, progress) } else { Vec::new() },
    });
    out!("{}", serde_json::to_string_pretty(&document).expect("a result is plain data"));
}

fn found(kept: &Kept) -> Value {
    let Kept { found, file, unplayable } = kept;
    let of_field = |explanation: &Explanation| -> Value {
        let Explanation { field, alternative, .. } = explanation;
        json!({"field": field, "alternative": alternative, "defects": explanation.defects()})
    };
    let size = Size::of(&found.scenario);
    json!({
        "file": file.display().to_string(),
        "run": found.hit.run,
        "strategy": found.hit.plan.to_string(),
        "cause": match found.cause {
            Cause::Current => "current",
            Cause::Sound => "none",
            Cause::Clear(_) => "clear",
            Cause::Needed(_) => "needed",
            Cause::Several(_) => "several",
        },
        "explained": found.cause.fields().iter().map(of_field).collect::<Vec<_>>(),
        "clients": size.clients,
        "sessions": size.sessions,
        "steps": size.steps,
        "tries": found.tries,
        "unplayable": unplayable.as_ref().map(Refusal::to_string),
    })
}
