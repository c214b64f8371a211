//! Prints a scenario as TOML. Values that equal their defaults are left out.

use std::fmt::{self, Write};

use gateway_core::agent::script::TurnScript;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;
use serde::Serialize;
use toml::{Table, Value};

use super::expected::Expected;
use super::fact::{self, ExpectedFact};
use super::fault::{Fault, Odds, StoreFault};
use super::rows::{InitialMessage, InitialSession, Kinship};
use super::scenario::Scenario;
use super::settings::{AgentSettings, Journal, Latency, NetworkSettings, Synchronous};
use super::step::{OnSkip, Step, written};

impl Scenario {
    /// The text of a file that parses as this scenario.
    pub fn to_toml(&self) -> String {
        let mut page = Page::default();
        self.head(&mut page);
        self.settings(&mut page);
        for row in &self.rows {
            write_row(&mut page, row);
        }
        for (name, turn) in &self.turns {
            write_turn(&mut page, name, turn);
        }
        for step in &self.steps {
            write_step(&mut page, step);
        }
        for (release, expected) in &self.expect {
            page.table(&format!("[expect.{}]", key(release.name())));
            match expected {
                Expected::Outcome(outcome) => page.line("outcome", &quoted(outcome.name())),
                Expected::Violates(names) => match names.as_slice() {
                    [name] => page.line("violates", &quoted(name)),
                    names => page.line("violates", &quoted_list(names)),
                },
            }
        }
        for fact in &self.facts {
            page.table(fact.kind.header());
            for (key, value) in fact::written(fact) {
                page.line(key, &inline(&value));
            }
        }
        let tapes = self.tapes.iter().map(|(release, tape)| (key(release.name()), lines(&tape.to_string())));
        page.settings("[tape]", &tapes.collect::<Vec<_>>());
        page.0
    }

    fn head(&self, page: &mut Page) {
        page.line("about", &quoted(&self.about));
        if !self.issues.is_empty() {
            page.line("issues", &quoted_list(&self.issues));
        }
        if self.releases != [Release::Current] {
            page.line(
                "releases",
                &quoted_list(&self.releases.iter().map(|release| release.name()).collect::<Vec<_>>()),
            );
        }
        if self.seed != 0 {
            page.line("seed", &self.seed.to_string());
        }
        if self.until != self.default_until() {
            page.line("until", &length(self.until));
        }
        page.may_skip(self.on_skip);
    }

    fn settings(&self, page: &mut Page) {
        page.settings("[gateway]", &changed_settings(&self.gateway));
        let overrides = self.behavior.iter().map(|(field, alternative)| (key(field), quoted(alternative)));
        page.settings("[behavior]", &overrides.collect::<Vec<_>>());
        let NetworkSettings { latency, buffer, ping } = self.network;
        let mut network = latencies(&[("latency", latency)]);
        if buffer != NetworkSettings::default().buffer {
            network.push(("buffer".to_owned(), buffer.to_string()));
        }
        if ping > Millis::ZERO {
            network.push(("ping".to_owned(), length(ping)));
        }
        page.settings("[network]", &network);
        let mut store = latencies(&[
            ("before_commit", self.store.before_commit),
            ("after_commit", self.store.after_commit),
            ("after_lookup", self.store.after_lookup),
        ]);
        if self.store.synchronous != Synchronous::default() {
            store.push(("synchronous".to_owned(), quoted(self.store.synchronous.name())));
        }
        if self.store.journal != Journal::default() {
            store.push(("journal".to_owned(), quoted(self.store.journal.name())));
        }
        page.settings("[store]", &store);
        let Odds { busy, error, lost } = self.store.odds;
        let odds = [("busy", busy), ("error", error), ("lost", lost)].into_iter().filter(|(_, odds)| !odds.is_zero());
        page.settings(
            "[store.odds]",
            &odds.map(|(name, odds)| (name.to_owned(), quoted(&odds.to_string()))).collect::<Vec<_>>(),
        );
        for fault in &self.store.faults {
            write_fault(page, fault);
        }
        let windows: Vec<_> = self.windows.iter().map(|(window, range)| (window.name(), *range)).collect();
        page.settings("[windows]", &latencies(&windows));
        let AgentSettings { build, first_build, failures, summary } = &self.agent;
        let mut agent = Vec::new();
        if *build > Millis::ZERO {
            agent.push(("build".to_owned(), length(*build)));
        }
        match first_build.as_slice() {
            [] => {}
            [one] => agent.push(("first_build".to_owned(), length(*one))),
            several => {
                let lengths: Vec<String> = several.iter().copied().map(length).collect();
                agent.push(("first_build".to_owned(), format!("[{}]", lengths.join(", "))));
            }
        }
        if *failures > 0 {
            agent.push(("failures".to_owned(), failures.to_string()));
        }
        if *summary > Millis::ZERO {
            agent.push(("summary".to_owned(), length(*summary)));
        }
        page.settings("[agent]", &agent);
    }
}

/// The table on one line: its header, and its keys with their values.
impl fmt::Display for ExpectedFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.header())?;
        for (place, (key, value)) in fact::written(self).iter().enumerate() {
            write!(f, "{} {key} = {}", if place == 0 { "" } else { "," }, inline(value))?;
        }
        Ok(())
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_toml())
    }
}

/// The text of the file so far.
#[derive(Default)]
struct Page(String);

impl Page {
    fn table(&mut self, header: &str) {
        self.0 += &format!("\n{header}\n");
    }

    fn line(&mut self, key: &str, value: &str) {
        self.0 += &format!("{key} = {value}\n");
    }

    fn may_skip(&mut self, on_skip: OnSkip) {
        if on_skip == OnSkip::Allowed {
            self.line("may_skip", "true");
        }
    }

    /// Adds a table, unless it would be empty.
    fn settings(&mut self, header: &str, settings: &[(String, String)]) {
        if settings.is_empty() {
            return;
        }
        self.table(header);
        for (key, value) in settings {
            self.line(key, value);
        }
    }
}

fn write_row(page: &mut Page, row: &InitialSession) {
    page.table("[[rows.sessions]]");
    page.line("id", &quoted(&row.id));
    let texts = [("as", &row.name), ("parent", &row.parent)];
    write_given(page, &texts);
    if row.kinship == Kinship::Branch {
        page.line("branch", "true");
    }
    let default = InitialSession::new("");
    if row.source != default.source {
        page.line("source", &quoted(&row.source));
    }
    if row.started != default.started {
        page.line("started", &length(row.started));
    }
    if let Some(end) = &row.end {
        if end.ago > Millis::ZERO {
            page.line("ended", &length(end.ago));
        }
        page.line("reason", &quoted(&end.reason));
    }
    write_given(page, &[("title", &row.title), ("model", &row.model), ("cwd", &row.cwd)]);
    if !row.messages.is_empty() {
        let messages: String = row.messages.iter().map(|message| format!("    {},\n", row_message(message))).collect();
        page.line("messages", &format!("[\n{messages}]"));
    }
}

fn write_given(page: &mut Page, texts: &[(&str, &Option<String>)]) {
    for (key, text) in texts {
        if let Some(text) = text {
            page.line(key, &quoted(text));
        }
    }
}

/// A message as an inline table.
fn row_message(message: &InitialMessage) -> String {
    let texts = [
        ("content", &message.content),
        ("tool_calls", &message.tool_calls),
        ("tool_call_id", &message.tool_call_id),
        ("tool_name", &message.tool_name),
    ];
    let mut pairs = vec![format!("role = {}", quoted(message.role.as_str()))];
    pairs.extend(texts.iter().filter_map(|(key, text)| Some(format!("{key} = {}", quoted(text.as_deref()?)))));
    if !message.is_active {
        pairs.push("active = false".to_owned());
    }
    format!("{{ {} }}", pairs.join(", "))
}

fn write_fault(page: &mut Page, fault: &StoreFault) {
    page.table("[[store.faults]]");
    page.line(fault.call.side.key(), &quoted(fault.call.word()));
    if let Some(nth) = fault.nth {
        page.line("nth", &nth.to_string());
    }
    if fault.from > Millis::ZERO {
        page.line("from", &length(fault.from));
    }
    if let Some(until) = fault.until {
        page.line("until", &length(until));
    }
    page.line("fault", &quoted(fault.fault.name()));
    if let Fault::Power { change } = fault.fault {
        page.line("change", &change.to_string());
    }
    if let Fault::Busy { lasts } = fault.fault {
        page.line("lasts", &length(lasts));
    }
    page.may_skip(fault.on_skip);
}

fn write_turn(page: &mut Page, name: &str, turn: &TurnScript) {
    page.table(&format!("[turns.{}]", key(name)));
    if turn.steps.is_empty() {
        page.line("steps", "[]");
        return;
    }
    let steps: String = turn.steps.iter().map(|step| format!("    {},\n", inline(&serialized(step)))).collect();
    page.line("steps", &format!("[\n{steps}]"));
}

fn write_step(page: &mut Page, step: &Step) {
    page.table("[[steps]]");
    page.line("at", &length(step.at));
    if !step.action.is_of_process() {
        page.line("client", &quoted(&step.client));
    }
    page.line("do", &quoted(step.action.word()));
    for (key, value) in written(&step.action) {
        page.line(key, &inline(&value));
    }
    page.may_skip(step.on_skip);
}

/// The settings that differ from their defaults, as key and value.
fn changed_settings(config: &Config) -> Vec<(String, String)> {
    let default = table(&Config::default());
    let changed = table(config).into_iter().filter(|(key, value)| default.get(key) != Some(value));
    changed.map(|(key, value)| (key, inline(&value))).collect()
}

fn latencies(settings: &[(&str, Latency)]) -> Vec<(String, String)> {
    let given = settings.iter().filter(|(_, latency)| *latency != Latency::default());
    given
        .map(|(key, Latency { min, max })| {
            let value = if min == max { length(*min) } else { format!("[{}, {}]", length(*min), length(*max)) };
            ((*key).to_owned(), value)
        })
        .collect()
}

fn table(value: &impl Serialize) -> Table {
    match serialized(value) {
        Value::Table(table) => table,
        other => unreachable!("settings are written as a table, not as {other}"),
    }
}

fn serialized(value: &impl Serialize) -> Value {
    Value::try_from(value).expect("settings and turn steps have only text, numbers and flags")
}

/// A value on one line. The `toml` crate would print text with line ends on several.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.to_string(),
    }
}

fn length(length: Millis) -> String {
    quoted(&String::from(length))
}

fn key(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

fn quoted_list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// A multi-line literal string where the text allows it, otherwise a basic string.
fn lines(text: &str) -> String {
    let is_plain = |letter: char| letter == '\n' || !letter.is_control();
    if text.chars().all(is_plain) && !text.contains("'''") { format!("'''\n{text}'''") } else { quoted(text) }
}

/// A basic string of TOML, with escapes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            _ if letter.is_control() => write!(quoted, "\\u{:04x}", u32::from(letter)).expect("a string takes all"),
            _ => quoted.push(letter),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::tests::{EXAMPLE, NAMES};

    fn read(text: &str) -> Scenario {
        Scenario::parse(Path::new("scenarios/example.toml"), text, &NAMES).expect("a good file")
    }

    /// The example of the design document is printed as it is written, without its comments.
    #[test]
    fn the_example_prints_as_it_is_written() {
        let uncommented: String = EXAMPLE
            .lines()
            .map(|line| format!("{}\n", line.split("  #").next().unwrap_or_default().trim_end()))
            .collect();
        assert_eq!(read(EXAMPLE).to_toml(), uncommented);
    }

    /// A key whose value equals the default is left out, even if the parsed file had the key.
    #[test]
    fn defaults_are_left_out() {
        let minimal = "about = \"x\"\n\n[[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"connect\"\n";
        let explicit = format!(
            "releases = [\"current\"]\nseed = 0\nissues = []\nuntil = \"60s\"\nnetwork.latency = \"0s\"\n\
             gateway.orphan_grace = \"20s\"\n{minimal}"
        );
        assert_eq!(read(&explicit).to_toml(), minimal);
    }

    /// Text that contains line ends, quotes and control characters parses back unchanged.
    #[test]
    fn odd_text_reads_back() {
        let mut scenario = read(EXAMPLE);
        scenario.about = "a \"b\" 'c' \\ \u{7f}\u{0}\n\ttab ''' \"\"\" ü".to_owned();
        let turn = scenario.turns.remove("refactor").expect("the turn");
        scenario.turns.insert("two\nlines. = \"]".to_owned(), turn);
        scenario.steps.retain(|step| step.action.prompt().is_none());
        scenario.until = Millis(7_500_001);
        scenario.seed = u64::MAX;
        assert_eq!(read(&scenario.to_toml()), scenario);
    }
}
