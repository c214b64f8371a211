//! The tables of the reference, each generated from the code that it describes.

use std::fmt::Write;
use std::fs;

use gateway_core::Method;
use gateway_core::behavior::{Alternative, Behavior, Field};
use gateway_core::config::Config;
use gateway_core::release::Release;
use gateway_core::spawn::Window;
use sim_audit::Kind;
use sim_harness::coverage::MARKS;
use sim_harness::invariant::{ALL, NAMES};
use sim_scenario::table::{Entry, FaultClass, Key, Need, Value};
use sim_scenario::{CallSide, Word};

use super::pages::root;
use super::scenarios;
use super::source::{Member, members};

const SCENARIO: &str = "sim/scenario/src/scenario.rs";
const SETTINGS: &str = "sim/scenario/src/settings.rs";
const RAW: &str = "sim/scenario/src/parse.rs";

/// The table with this name, as Markdown.
pub(crate) fn table(name: &str, words: &[&str]) -> String {
    match name {
        "keys-top" => {
            keys(&members(SCENARIO, "pub struct Scenario"), &["about", "issues", "releases", "seed", "until"])
        }
        "keys-gateway" => settings(),
        "keys-network" => keys(&members(SETTINGS, "pub struct NetworkSettings"), &["latency", "buffer", "ping"]),
        "keys-store" => {
            keys(&members(SETTINGS, "pub struct StoreSettings"), &["before_commit", "after_commit", "after_lookup"])
        }
        "keys-agent" => {
            keys(&members(SETTINGS, "pub struct AgentSettings"), &["build", "first_build", "failures", "summary"])
        }
        "steps" => steps(words),
        "step-faults" => step_faults(),
        "turn-steps" => turn_steps(),
        "windows" => windows(),
        "store-calls" => store_calls(),
        "invariants" => invariants(words[0]),
        "invariants-renamed" => renamed(),
        "behavior" => behavior(words),
        "cli" => words.iter().map(|word| command(word)).collect(),
        "audit-kinds" => audit_kinds(),
        "exit-codes" => exit_codes(),
        "methods" => methods(),
        "marks" => marks(),
        "scenarios-defects" => scenarios::defects(words),
        "scenarios-faults" => scenarios::faults(words),
        "scenarios-none" => scenarios::absent(),
        other => panic!("no table is called `{other}`"),
    }
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn head(cells: &[&str]) -> String {
    row(cells) + &row(&vec!["---"; cells.len()])
}

/// The sentence before `Left out: `, and the text after it.
fn default_of(about: &str) -> (String, String) {
    let Some((meaning, default)) = about.split_once("Left out: ") else {
        return (sentence(about), "required".to_owned());
    };
    // A function of rustdoc behind the default says how it is computed.
    let default = default.split(" ([`").next().unwrap_or_default();
    (sentence(meaning), default.trim().trim_end_matches('.').to_owned())
}

/// Removes the full stop of a text that is one sentence.
fn sentence(text: &str) -> String {
    let text = unlinked(text.trim());
    let one = text.strip_suffix('.').filter(|one| !one.contains(". "));
    linked(one.unwrap_or(&text))
}

/// Replaces links of rustdoc by code.
fn unlinked(text: &str) -> String {
    text.replace("[`", "`").replace("`]", "`")
}

fn keys(members: &[Member], names: &[&str]) -> String {
    let mut table = head(&["key", "meaning", "default"]);
    for name in names {
        let member = members.iter().find(|member| member.name == *name);
        let member = member.unwrap_or_else(|| panic!("no key `{name}`"));
        let (meaning, default) = default_of(&member.about);
        table += &row(&[&format!("`{name}`"), &meaning, &default]);
    }
    table
}

fn settings() -> String {
    let defaults = serde_json::to_value(Config::default()).expect("settings are plain data");
    let mut table = head(&["key", "meaning", "default"]);
    for Member { name, about } in members("gateway/core/src/config.rs", "pub struct Config") {
        let default = match &defaults[&name] {
            serde_json::Value::Null => "of the release".to_owned(),
            value => format!("`{value}`"),
        };
        table += &row(&[&format!("`{name}`"), &sentence(&about), &default]);
    }
    table
}

fn steps(groups: &[&str]) -> String {
    let mut table = head(&["`do`", "keys", "what happens"]);
    for word in Word::ALL {
        let entry = word.entry();
        if groups.contains(&group_of(entry)) {
            let keys: Vec<String> = entry.keys.iter().map(key).collect();
            table += &row(&[&format!("`{}`", entry.word), &keys.join("<br>"), entry.about]);
        }
    }
    table
}

fn group_of(entry: &Entry) -> &'static str {
    use sim_scenario::table::OverSockets;
    match (entry.presence, entry.over_sockets) {
        (sim_scenario::step::Presence::NoClient | sim_scenario::step::Presence::DisconnectsAll, _) => "process",
        (_, OverSockets::Request) => "requests",
        _ => "connection",
    }
}

fn key(key: &Key) -> String {
    let value = match key.value {
        Value::Text => "text".to_owned(),
        Value::Session => "session".to_owned(),
        Value::NewSession => "new name".to_owned(),
        Value::Turn => "turn".to_owned(),
        Value::OneOf(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Value::Duration => "time".to_owned(),
        Value::Integer => "integer".to_owned(),
        Value::Flag => "flag".to_owned(),
        Value::Texts => "texts".to_owned(),
        Value::Settings => "settings".to_owned(),
    };
    let need = match key.need {
        Need::Required => "",
        Need::OneOf => "one of these: ",
        Need::Optional => "optional: ",
    };
    format!("{need}`{}` ({value}): {}", key.name, key.about)
}

fn step_faults() -> String {
    let mut faults: Vec<(FaultClass, &Entry)> =
        Word::ALL.iter().filter_map(|word| Some((word.entry().fault.as_ref()?.class, word.entry()))).collect();
    faults.sort_by_key(|(class, _)| *class);
    let mut table = head(&["step", "duty", "checked by"]);
    for (_, entry) in faults {
        let fault = entry.fault.as_ref().expect("it has one");
        let invariants: Vec<String> = fault.invariants.iter().map(|name| format!("`{name}`")).collect();
        table += &row(&[&format!("`{}`", entry.word), fault.duty, &invariants.join(", ")]);
    }
    table
}

fn turn_steps() -> String {
    let mut table = head(&["step", "what happens"]);
    for Member { name, about } in members("gateway/core/src/agent/script.rs", "pub enum TurnStep") {
        let (code, meaning) = about.split_once("}`: ").unwrap_or_else(|| panic!("`{name}` begins with its form"));
        table += &row(&[&format!("{code}}}`"), &sentence(meaning)]);
    }
    table
}

fn windows() -> String {
    let abouts = members("gateway/core/src/spawn.rs", "pub enum Window");
    let mut table = head(&["window", "what it is", "id"]);
    for (window, Member { name, about }) in Window::ALL.into_iter().zip(abouts) {
        assert_eq!(format!("{window:?}"), name, "windows stand in the order of their declaration");
        let (meaning, id) = about.rsplit_once(" (").unwrap_or((&about, ""));
        let id = id.trim_end_matches(['.', ')']);
        let race = id.rsplit(", ").next().filter(|race| race.starts_with('W'));
        let id = match race {
            Some(race) => format!("[{race}](../specification/race-windows.md#{race})"),
            None => linked(id),
        };
        table += &row(&[&format!("`{}`", window.name()), meaning, &id]);
    }
    table
}

fn store_calls() -> String {
    let mut table = head(&["key", "words"]);
    for side in [CallSide::Write, CallSide::Read] {
        let words: Vec<String> = side.words().iter().map(|word| format!("`{word}`")).collect();
        table += &row(&[&format!("`{}`", side.key()), &words.join(", ")]);
    }
    table
}

fn invariants(kind: &str) -> String {
    let mut table = head(&["invariant", "claim"]);
    for invariant in ALL.iter().filter(|invariant| invariant.kind() == kind) {
        let name = format!("<a id=\"{0}\"></a>`{0}`", invariant.name);
        table += &row(&[&name, invariant.about]);
    }
    table
}

fn renamed() -> String {
    let mut table = head(&["earlier", "present"]);
    for (old, new) in NAMES.renamed {
        table += &row(&[&format!("`{old}`"), &format!("`{new}`")]);
    }
    table
}

fn behavior(groups: &[&str]) -> String {
    let by_release = Release::ALL.map(|release| (release, release.behavior().fields()));
    let mut text = String::new();
    let mut group_before = "";
    let fields = Behavior::default().fields();
    for field in &fields {
        let (group, _) = field.name.split_once('.').expect("a field has a group");
        if !groups.contains(&group) {
            continue;
        }
        if group != group_before {
            writeln!(text, "## `{group}` {{#{group}}}\n").expect("a string takes all");
            group_before = group;
        }
        writeln!(text, "**`{}`** {}\n", field.name, linked(&unlinked(field.about))).expect("a string takes all");
        for way in field.alternatives {
            let value_of =
                |fields: &[Field]| fields.iter().find(|other| other.name == field.name).map(|other| other.value);
            let having = by_release.iter().filter(|(_, fields)| value_of(fields) == Some(way.name));
            let releases: Vec<&str> = having.map(|(release, _)| release.name()).collect();
            text += &alternative(way, &releases);
        }
        text.push('\n');
    }
    text
}

fn alternative(way: &Alternative, releases: &[&str]) -> String {
    let releases = if releases.is_empty() { "no release".to_owned() } else { releases.join(", ") };
    let harmless = way.harmless.map_or_else(String::new, |why| format!(" *No defect:* {}", linked(why)));
    format!("* `{}` ({releases}): {}{harmless}\n", way.name, linked(&unlinked(way.about)))
}

/// The groups of behaviour that no page of the reference contains.
pub(crate) fn missing_groups() -> Vec<String> {
    let pages = ["", "-prompts", "-waiting", "-clients", "-sessions", "-rows", "-turns", "-process"].map(|page| {
        let path = root().join(format!("docs/src/reference/behavior{page}.md"));
        fs::read_to_string(path).expect("a page of the reference")
    });
    let fields = Behavior::default().fields().into_iter();
    let missing = fields.filter(|field| !pages.iter().any(|page| page.contains(&format!("**`{}`**", field.name))));
    missing.map(|field| format!("docs/src/reference/behavior*.md: no `{}`", field.name)).collect()
}

/// The keys that a file may have and the reference does not contain.
pub(crate) fn missing_keys() -> Vec<String> {
    let read = |page: &str| fs::read_to_string(root().join("docs/src/reference").join(page)).expect("a page");
    let (page, faults) = (read("scenario.md"), read("store-faults.md"));
    let serde = [
        ("behavior", "behavior"),
        ("expect", "expect."),
        ("tape", "tape"),
        ("turns", "turns."),
        ("windows", "windows"),
    ];
    let mut missing = Vec::new();
    for head in ["RawScenario", "RawNetwork", "RawStore", "RawAgent", "RawFault", "RawOdds"] {
        for Member { name, .. } in members(RAW, &format!("pub(super) struct {head}")) {
            let table = serde.iter().find(|(key, _)| *key == name).map_or(name.as_str(), |(_, table)| table);
            let known = [
                format!("`{name}`"),
                format!("[{table}"),
                format!("[[{table}"),
                format!("[store.{name}]"),
                format!("[[store.{name}]]"),
            ];
            if !known.iter().any(|text| page.contains(text) || faults.contains(text)) {
                missing.push(format!("docs/src/reference/scenario.md: no `{name}`"));
            }
        }
    }
    missing
}

fn command(path: &str) -> String {
    let mut found = sim::cli::command();
    let mut command = found.find_subcommand_mut(path).unwrap_or_else(|| panic!("no command `{path}`")).clone();
    let mut name = format!("sim {path}");
    let inner = command.get_subcommands().next().cloned();
    if let Some(inner) = inner.filter(|_| path == "bench") {
        name = format!("{name} {}", inner.get_name());
        command = inner;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("## `{name}`\n\n{}.\n\n", about.trim_end_matches('.'));
    text += &head(&["argument", "default", "meaning"]);
    for argument in command.get_arguments().filter(|argument| argument.get_id() != "help" && !argument.is_hide_set()) {
        let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
        let value = value
            .map_or_else(String::new, |names| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "));
        let shown = match argument.get_long() {
            Some(long) => format!("`--{long} {value}").trim_end().to_owned() + "`",
            None => format!("`{value}`"),
        };
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if defaults.is_empty() || !argument.get_action().takes_values() {
            String::new()
        } else {
            format!("`{}`", defaults.join(" "))
        };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let values: Vec<String> =
            argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        let values = if values.is_empty() || !argument.get_action().takes_values() {
            String::new()
        } else {
            format!(" ({})", values.join(", "))
        };
        text += &row(&[&shown, &default, &format!("{help}{values}")]);
    }
    text + "\n"
}

/// The kinds of findings: the claim, the defects that break it, and what else does.
fn audit_kinds() -> String {
    let mut table = head(&["kind", "claim", "broken by"]);
    for kind in Kind::ALL {
        let defects: Vec<&str> = kind.defects().iter().map(|defect| defect.id).collect();
        let causes: Vec<String> = [linked(&defects.join(", ")), kind.otherwise().to_owned()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        let name = format!("`{}`{}", kind.name(), if kind.is_safe() { " (SQL)" } else { "" });
        table += &row(&[&name, kind.claim(), &causes.join("; ")]);
    }
    table
}

fn exit_codes() -> String {
    let mut table = head(&["code", "outcome", "meaning"]);
    for (code, outcome, about) in sim::cli::exit_codes() {
        let outcome = outcome.map_or_else(String::new, |word| format!("`{word}`"));
        table += &row(&[&code.to_string(), &outcome, about]);
    }
    table
}

fn methods() -> String {
    let mut table = head(&["method", "pace", "what it does"]);
    for method in Method::ALL {
        let pace = format!("{:?}", method.pace()).to_lowercase();
        table += &row(&[&format!("`{}`", method.name()), &pace, &sentence(method.about())]);
    }
    table
}

fn marks() -> String {
    let mut table = head(&["mark", "situation"]);
    for mark in MARKS {
        table += &row(&[&format!("`{}`", mark.name), mark.about]);
    }
    table
}

/// A sentence for a page of the reference, in which ids of defects and sections of the specification are links.
pub(crate) fn linked(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(place) = rest.find(|letter: char| letter.is_ascii_alphanumeric() || letter == '§') {
        let before = rest[..place].chars().next_back();
        result.push_str(&rest[..place]);
        rest = &rest[place..];
        let length =
            rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || "§._".contains(letter))).unwrap_or(rest.len());
        let word = rest[..length].trim_end_matches('.');
        let word = if word.is_empty() { &rest[..length] } else { word };
        match link(word).filter(|_| !before.is_some_and(|letter| "`[#/-".contains(letter))) {
            Some(link) => write!(result, "[{word}](../{link})").expect("a string takes all"),
            None => result.push_str(word),
        }
        rest = &rest[word.len()..];
    }
    result + rest
}

/// The page and anchor of a defect or a section.
pub(crate) fn link(word: &str) -> Option<String> {
    if let Some(section) = word.strip_prefix('§') {
        let anchor = format!("section-{}", section.replace('.', "-"));
        return page_with("specification", &format!("{{#{anchor}}}")).map(|page| format!("{page}#{anchor}"));
    }
    let number = word.strip_prefix(['S', 'A', 'B'])?;
    if number.is_empty() || !number.bytes().all(|letter| letter.is_ascii_digit()) {
        return None;
    }
    page_with("defects", &format!("{{#{word}}}")).map(|page| format!("{page}#{word}"))
}

fn page_with(folder: &str, text: &str) -> Option<String> {
    let mut names: Vec<_> =
        fs::read_dir(root().join("docs/src").join(folder)).ok()?.flatten().map(|entry| entry.path()).collect();
    names.sort();
    let found = names.into_iter().find(|path| fs::read_to_string(path).is_ok_and(|page| page.contains(text)))?;
    Some(format!("{folder}/{}", found.file_name()?.to_string_lossy()))
}
