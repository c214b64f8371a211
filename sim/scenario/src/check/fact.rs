//! The facts of `[[expect.rows]]`, `[[expect.frames]]` and `[[expect.memory]]`: their names exist, and each can be judged.

use std::collections::BTreeMap;
use std::ops::Range;

use gateway_core::Method;
use gateway_core::clock::Millis;
use gateway_core::release::Release;
use gateway_core::store::EndReason;
use toml::{Table, Value};

use crate::error::{ScenarioError, Source, list};
use crate::fact::{
    ExpectedFact, ExpectedFrames, ExpectedMemory, ExpectedMessage, ExpectedRows, FactKind, FieldValue, MemoryCount,
    RowColumn, WhichFrames, WhichRows, is_alias,
};
use crate::nearest::nearest;
use crate::parse::{Item, RawFrames, RawMemory, RawRowFact};
use crate::placed::Spanned;
use crate::rows::InitialSession;
use crate::scenario::Scenario;
use crate::step::{Presence, Step};

/// The largest count in a fact.
const COUNT_MAX: i64 = 1_000_000;

/// The tables of facts as they stand in a file.
pub(super) struct RawFacts {
    pub(super) rows: Vec<Spanned<RawRowFact>>,
    pub(super) frames: Vec<Spanned<RawFrames>>,
    pub(super) memory: Vec<Spanned<RawMemory>>,
}

/// Reads every fact of a file whose other parts are read, and checks it against them.
pub(super) fn facts(
    source: &Source<'_>,
    raw: RawFacts,
    scenario: &Scenario,
) -> Result<Vec<ExpectedFact>, ScenarioError> {
    let check = Check { source, scenario };
    let mut facts = Vec::new();
    for raw in raw.rows {
        let place = raw.span();
        facts.push(check.rows(&place, raw.into_inner())?);
    }
    for raw in raw.frames {
        let place = raw.span();
        facts.push(check.frames(&place, raw.into_inner())?);
    }
    for raw in raw.memory {
        let place = raw.span();
        facts.push(check.memory(&place, raw.into_inner())?);
    }
    // In the order of the file, whatever the kinds.
    facts.sort_by_key(|fact| fact.line);
    Ok(facts)
}

/// A table for a release has no effect unless the scenario runs against that release.
pub(super) fn listed(
    source: &Source<'_>,
    key: &str,
    release: Spanned<Release>,
    releases: &[Release],
) -> Result<Release, ScenarioError> {
    let place = release.span();
    let release = release.into_inner();
    if releases.contains(&release) {
        return Ok(release);
    }
    let names: Vec<&str> = releases.iter().map(|release| release.name()).collect();
    Err(source
        .error(place, format!("`{key}` for `{release}`, which the scenario does not run against"))
        .with_help(format!("it runs against {}; add the release to `releases`, or drop the table", list(&names))))
}

struct Check<'a> {
    source: &'a Source<'a>,
    scenario: &'a Scenario,
}

impl Check<'_> {
    fn rows(&self, whole: &Range<usize>, raw: RawRowFact) -> Result<ExpectedFact, ScenarioError> {
        let releases = self.releases(raw.release, raw.releases)?;
        let at = self.instant(raw.at.as_ref())?;
        let which = self.which_rows(raw.session.as_ref(), raw.tip.as_ref(), raw.row.as_ref(), at)?;
        self.end_reason(raw.end_reason.as_ref())?;
        let text = |text: Option<Spanned<String>>| text.map(Spanned::into_inner);
        let time = |time: Option<Spanned<Millis>>| time.map(|time| String::from(time.into_inner()));
        let number = |count: Option<&Spanned<i64>>| self.count(count).map(|count| count.map(|count| count.to_string()));
        let columns = [
            (RowColumn::Id, text(raw.id)),
            (RowColumn::Source, text(raw.source)),
            (RowColumn::Parent, text(raw.parent_session_id)),
            (RowColumn::StartedAt, time(raw.started_at)),
            (RowColumn::EndedAt, time(raw.ended_at)),
            (RowColumn::EndReason, text(raw.end_reason)),
            (RowColumn::MessageCount, number(raw.message_count.as_ref())?),
            (RowColumn::ToolCallCount, number(raw.tool_call_count.as_ref())?),
            (RowColumn::Title, text(raw.title)),
            (RowColumn::Model, text(raw.model)),
        ];
        let columns: BTreeMap<RowColumn, String> =
            columns.into_iter().filter_map(|(column, value)| Some((column, value?))).collect();
        let ends = [RowColumn::EndedAt, RowColumn::EndReason].into_iter().find(|column| columns.contains_key(column));
        if let (Some(open), Some(column)) = (raw.open.as_ref().filter(|open| *open.get_ref()), ends) {
            let place = self.source.key("open", open.span());
            let message = format!("`open = true` with `{}`, which no open row has", column.key());
            return Err(self.source.error(place, message).with_help("leave one of them out"));
        }
        let mut order = Vec::new();
        for name in raw.order.map(Spanned::into_inner).unwrap_or_default() {
            self.session_or_row(&name)?;
            order.push(name.into_inner());
        }
        let message = |message: Spanned<crate::parse::RawMessageFact>| {
            let message = message.into_inner();
            ExpectedMessage { role: message.role, text: message.text }
        };
        let messages: Option<Vec<ExpectedMessage>> =
            raw.messages.map(|messages| messages.into_inner().into_iter().map(message).collect());
        let rows = ExpectedRows {
            at,
            which,
            columns,
            open: raw.open.map(Spanned::into_inner),
            count: self.count(raw.count.as_ref())?,
            order,
            messages,
        };
        if rows == (ExpectedRows { at, ..ExpectedRows::default() }) {
            let help =
                "a fact of rows has a `session` or a `row`, values of columns, `open`, `count`, `order` or `messages`";
            return Err(self.source.error(whole.clone(), "nothing is expected of the rows").with_help(help));
        }
        Ok(self.fact(whole, releases, FactKind::Rows(rows)))
    }

    fn which_rows(
        &self,
        session: Option<&Spanned<String>>,
        tip: Option<&Spanned<bool>>,
        row: Option<&Spanned<String>>,
        at: Option<Millis>,
    ) -> Result<WhichRows, ScenarioError> {
        if let (Some(_), Some(row)) = (session, row) {
            let place = self.source.key("row", row.span());
            let help = "`session` is a name of this file, `row` an alias such as `s2` or a stored id; leave one out";
            return Err(self.source.error(place, "both `session` and `row`").with_help(help));
        }
        let is_tip = tip.is_some_and(|tip| *tip.get_ref());
        if let (Some(tip), None) = (tip.filter(|_| is_tip), session) {
            let help = "`tip = true` looks at the newest row of the lineage of a `session`";
            return Err(self
                .source
                .error(self.source.key("tip", tip.span()), "`tip` without `session`")
                .with_help(help));
        }
        Ok(match (session, row) {
            (Some(session), _) => {
                self.session(session, at)?;
                let name = session.get_ref().clone();
                if is_tip { WhichRows::Tip(name) } else { WhichRows::Session(name) }
            }
            (None, Some(row)) => WhichRows::Row(row.get_ref().clone()),
            (None, None) => WhichRows::Any,
        })
    }

    fn frames(&self, whole: &Range<usize>, raw: RawFrames) -> Result<ExpectedFact, ScenarioError> {
        let Some(client) = &raw.client else {
            let help = "every fact of frames has `client`, the one that receives them";
            return Err(self.source.error(whole.clone(), "a fact of frames needs `client`").with_help(help));
        };
        self.client(client)?;
        let which = self.which_frames(whole, &raw)?;
        let (after, before) = (self.instant(raw.after.as_ref())?, self.instant(raw.before.as_ref())?);
        if let Some(session) = &raw.session {
            self.session(session, raw.before.as_ref().map(|before| *before.get_ref()))?;
        }
        if let Some(bound) = raw.before.as_ref().filter(|bound| *bound.get_ref() <= after.unwrap_or_default()) {
            let message = format!(
                "`before` is `{}`, but `after` is `{}`",
                String::from(*bound.get_ref()),
                String::from(after.unwrap_or_default())
            );
            let help = "frames count from `after` on, that instant included, and up to `before`, that instant excluded";
            return Err(self.source.error(bound.span(), message).with_help(help));
        }
        self.connects_in_time(client, raw.before.as_ref())?;
        let mut fields = BTreeMap::new();
        if let Some(table) = raw.fields {
            flatten("", table.into_inner(), &mut fields);
        }
        let releases = self.releases(raw.release, raw.releases)?;
        let (client, session) = (client.get_ref().clone(), raw.session.map(Spanned::into_inner));
        let count = self.count(raw.count.as_ref())?;
        let frames = ExpectedFrames { client, which, session, after, before, fields, count };
        Ok(self.fact(whole, releases, FactKind::Frames(frames)))
    }

    fn which_frames(&self, whole: &Range<usize>, raw: &RawFrames) -> Result<WhichFrames, ScenarioError> {
        let kind = raw.kind.as_ref().map(|kind| (kind, kind.get_ref().as_str()));
        let (event, method) = (raw.event.as_ref(), raw.method.as_ref());
        let text = |text: &Spanned<String>| text.get_ref().clone();
        if let (Some(_), Some(method)) = (event, method) {
            let place = self.source.key("method", method.span());
            let help = "`event` is the type of an event, `method` the method of an answered request; leave one out";
            return Err(self.source.error(place, "both `event` and `method`").with_help(help));
        }
        if let Some(method) = method.filter(|method| Method::named(method.get_ref()).is_none()) {
            let message = format!("unknown method `{}`", method.get_ref());
            let names: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
            return Err(self.source.error(method.span(), message).with_help(self.suggest(
                method.get_ref(),
                &names,
                "methods are",
            )));
        }
        match (kind, event, method) {
            (None | Some((_, "event")), Some(event), None) => Ok(WhichFrames::Event(Some(text(event)))),
            (Some((_, "event")), None, None) => Ok(WhichFrames::Event(None)),
            (None | Some((_, "answer")), None, Some(method)) => Ok(WhichFrames::Answer(Some(text(method)))),
            (Some((_, "answer")), None, None) => Ok(WhichFrames::Answer(None)),
            (Some((_, "error")), None, method) => Ok(WhichFrames::Error(method.map(text))),
            (Some((kind, "answer" | "error")), Some(_), _) => {
                let message = format!("`event` with the kind `{}`", kind.get_ref());
                Err(self.source.error(kind.span(), message).with_help(KIND_HELP))
            }
            (Some((kind, "event")), None, Some(_)) => {
                Err(self.source.error(kind.span(), "`method` with the kind `event`").with_help(KIND_HELP))
            }
            (Some((kind, found)), _, _) => {
                let help = self.suggest(found, &["event", "answer", "error"], "kinds are");
                Err(self.source.error(kind.span(), format!("unknown kind `{found}`")).with_help(help))
            }
            (None, _, _) => {
                Err(self.source.error(whole.clone(), "neither `event`, `method` nor `kind`").with_help(KIND_HELP))
            }
        }
    }

    fn memory(&self, whole: &Range<usize>, raw: RawMemory) -> Result<ExpectedFact, ScenarioError> {
        let releases = self.releases(raw.release, raw.releases)?;
        let at = self.instant(raw.at.as_ref())?;
        let mut counts = BTreeMap::new();
        let given = [raw.sessions, raw.timers, raw.turns, raw.waiting, raw.connections];
        for (kind, count) in MemoryCount::ALL.into_iter().zip(&given) {
            if let Some(count) = self.count(count.as_ref())? {
                counts.insert(kind, count);
            }
        }
        if counts.is_empty() {
            let names = list(&MemoryCount::ALL.map(MemoryCount::key));
            let help = format!("a fact of the memory has at least one of {names}");
            return Err(self.source.error(whole.clone(), "nothing is expected of the memory").with_help(help));
        }
        Ok(self.fact(whole, releases, FactKind::Memory(ExpectedMemory { at, counts })))
    }

    fn fact(&self, whole: &Range<usize>, releases: Vec<Release>, kind: FactKind) -> ExpectedFact {
        ExpectedFact { releases, kind, line: self.source.line(whole.start) }
    }

    fn releases(
        &self,
        one: Option<Spanned<Release>>,
        several: Option<Spanned<Vec<Item<Release>>>>,
    ) -> Result<Vec<Release>, ScenarioError> {
        if let (Some(_), Some(several)) = (&one, &several) {
            let place = self.source.key("releases", several.span());
            return Err(self.source.error(place, "both `release` and `releases`").with_help("leave one of them out"));
        }
        if let Some(several) = several.as_ref().filter(|several| several.get_ref().is_empty()) {
            let help = "leave `releases` out for a fact of all releases of the file";
            return Err(self.source.error(several.span(), "empty `releases`").with_help(help));
        }
        let several = several.map(Spanned::into_inner).unwrap_or_default().into_iter().map(|Item(release)| release);
        one.into_iter()
            .chain(several)
            .map(|release| listed(self.source, "release", release, &self.scenario.releases))
            .collect()
    }

    /// An instant within the script's time.
    fn instant(&self, at: Option<&Spanned<Millis>>) -> Result<Option<Millis>, ScenarioError> {
        let Some(at) = at else { return Ok(None) };
        let (instant, until) = (*at.get_ref(), self.scenario.until);
        if instant > until {
            let message =
                format!("`{}` is after the end of the script at `{}`", String::from(instant), String::from(until));
            let help =
                "nothing after the end is judged; a later `until` at the top of the file lengthens the script's time";
            return Err(self.source.error(at.span(), message).with_help(help));
        }
        Ok(Some(instant))
    }

    fn count(&self, count: Option<&Spanned<i64>>) -> Result<Option<u64>, ScenarioError> {
        let Some(count) = count else { return Ok(None) };
        match u64::try_from(*count.get_ref()) {
            Ok(number) if *count.get_ref() <= COUNT_MAX => Ok(Some(number)),
            _ => {
                let message = format!("a count of {}", count.get_ref());
                Err(self.source.error(count.span(), message).with_help(format!("a count is from 0 to {COUNT_MAX}")))
            }
        }
    }

    fn end_reason(&self, reason: Option<&Spanned<String>>) -> Result<(), ScenarioError> {
        let Some(reason) = reason else { return Ok(()) };
        let known = || EndReason::ALL.iter().map(|reason| reason.as_str());
        let found = reason.get_ref().as_str();
        if known().any(|reason| reason == found) {
            return Ok(());
        }
        let help = match found {
            "" | "NULL" | "null" | "none" | "open" => "an open row is `open = true`".to_owned(),
            // A row of another program may have any reason; only a misspelt one of the gateway's is refused.
            _ => match nearest(found, known()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => return Ok(()),
            },
        };
        Err(self.source.error(reason.span(), format!("unknown end reason `{}`", reason.get_ref())).with_help(help))
    }

    fn client(&self, client: &Spanned<String>) -> Result<(), ScenarioError> {
        let clients: Vec<&str> = self.scenario.clients().into_iter().collect();
        if clients.contains(&client.get_ref().as_str()) {
            return Ok(());
        }
        let help = self.suggest(client.get_ref(), &clients, "clients of the script are");
        Err(self.source.error(client.span(), format!("unknown client `{}`", client.get_ref())).with_help(help))
    }

    /// A client that connects only later receives nothing before.
    fn connects_in_time(
        &self,
        client: &Spanned<String>,
        before: Option<&Spanned<Millis>>,
    ) -> Result<(), ScenarioError> {
        let connects = |step: &&Step| step.client == *client.get_ref() && step.action.presence() == Presence::Connects;
        let (Some(before), Some(first)) = (before, self.scenario.steps.iter().find(connects)) else { return Ok(()) };
        if first.at < *before.get_ref() {
            return Ok(());
        }
        let message =
            format!("client `{}` receives nothing before `{}`", client.get_ref(), String::from(*before.get_ref()));
        let help = format!("it connects at {}, in line {}", String::from(first.at), first.line);
        Err(self.source.error(before.span(), message).with_help(help))
    }

    /// A row of the beginning, or a session of the script that is named at the instant at the latest.
    fn session(&self, session: &Spanned<String>, at: Option<Millis>) -> Result<(), ScenarioError> {
        if self.scenario.rows.iter().any(|row| row.name() == session.get_ref()) {
            return Ok(());
        }
        let named = self.scenario.steps.iter().find(|step| step.action.names() == Some(session.get_ref()));
        let Some(named) = named else {
            let message = format!("unknown session `{}`", session.get_ref());
            let help = self.suggest(session.get_ref(), &self.sessions(), "sessions of the script are");
            return Err(self.source.error(session.span(), message).with_help(help));
        };
        match at.filter(|at| *at < named.at) {
            None => Ok(()),
            Some(at) => {
                let message = format!("session `{}` has no name yet at `{}`", session.get_ref(), String::from(at));
                let help = format!("it is named at {}, in line {}", String::from(named.at), named.line);
                Err(self.source.error(session.span(), message).with_help(help))
            }
        }
    }

    /// A name in `order`: a session, or an alias of a row.
    fn session_or_row(&self, name: &Spanned<String>) -> Result<(), ScenarioError> {
        if is_alias(name.get_ref()) { Ok(()) } else { self.session(name, None) }
    }

    fn sessions(&self) -> Vec<&str> {
        let rows = self.scenario.rows.iter().map(InitialSession::name);
        rows.chain(self.scenario.steps.iter().filter_map(|step| step.action.names())).collect()
    }

    /// A suggestion if a known word is near, otherwise the known words.
    fn suggest(&self, found: &str, known: &[&str], list_of: &str) -> String {
        match nearest(found, known.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None if known.is_empty() => format!("{list_of} none"),
            None => format!("{list_of} {}", list(known)),
        }
    }
}

const KIND_HELP: &str = "frames are named by `event = \"message.complete\"`, by `method = \"prompt.submit\"` (with `kind = \"error\"` \
                         for refusals), or by `kind` alone: `event`, `answer` or `error`";

/// A table within `match` is a path: `payload.status` may be written with or without quotes.
fn flatten(prefix: &str, table: Table, fields: &mut BTreeMap<String, FieldValue>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => flatten(&path, inner, fields),
            value => drop(fields.insert(path, FieldValue(value))),
        }
    }
}
