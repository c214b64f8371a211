//! The keys of a step: from the flat table of a file to an [`Action`], and back.

use std::num::NonZeroU32;
use std::ops::Range;

use gateway_core::clock::Millis;
use gateway_core::lifecycle::process::Signal;
use serde::Deserialize;
use toml::Value;

use super::{
    Action, AnsweredQuestion, ConnectionStep, Jump, Memory, Naming, OnDisconnect, OnSkip, PROCESS, ProcessStep, Prompt,
    RequestStep, ResumeMode, ResumeTarget, Start, Step, Word,
};
use crate::entries::Entries;
use crate::error::{ScenarioError, Source, list};
use crate::placed::Spanned;
use crate::settings::SettingChanges;

/// The value of `id` in an answer that names no question.
const NO_ID: &str = "none";

/// One table of `[[steps]]`, with the union of the keys of all steps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStep {
    at: Option<Spanned<Millis>>,
    client: Option<Spanned<String>>,
    #[serde(rename = "do")]
    word: Option<Spanned<String>>,
    #[serde(default)]
    may_skip: bool,
    #[serde(rename = "as")]
    name: Option<Spanned<String>>,
    title: Option<Spanned<String>>,
    model: Option<Spanned<String>>,
    session: Option<Spanned<String>>,
    turn: Option<Spanned<String>>,
    text: Option<Spanned<String>>,
    #[serde(rename = "continue")]
    goes_on: Option<Spanned<bool>>,
    id: Option<Spanned<String>>,
    signal: Option<Spanned<String>>,
    close_on_disconnect: Option<Spanned<bool>>,
    lazy: Option<Spanned<bool>>,
    takes: Option<Spanned<Millis>>,
    stop_timeout: Option<Spanned<Millis>>,
    forward: Option<Spanned<Millis>>,
    back: Option<Spanned<Millis>>,
    truncate: Option<Spanned<i64>>,
    key: Option<Spanned<String>>,
    question: Option<Spanned<i64>>,
    again: Option<Spanned<bool>>,
    eager_build: Option<Spanned<bool>>,
    source: Option<Spanned<String>>,
    parent: Option<Spanned<String>>,
    seed: Option<Spanned<Vec<String>>>,
    forgets: Option<Spanned<bool>>,
    last_seen: Option<Spanned<i64>>,
    gateway: Option<Spanned<Entries<String, Spanned<Value>>>>,
}

/// A step, and the positions of its keys' values in the file.
pub(crate) struct PlacedStep {
    pub(crate) step: Step,
    raw: RawStep,
    whole: Range<usize>,
}

impl PlacedStep {
    /// Reads one table of `[[steps]]`.
    pub(crate) fn read(source: &Source<'_>, raw: Spanned<RawStep>) -> Result<Self, ScenarioError> {
        let whole = raw.span();
        let raw = raw.into_inner();
        let reading = Reading { source, raw: &raw, whole: whole.clone() };
        let step = reading.step()?;
        Ok(Self { step, raw, whole })
    }

    /// The position of a key's value; the position of the whole step if the key is absent.
    pub(crate) fn place(&self, key: &str) -> Range<usize> {
        let given = self.raw.keys().into_iter().find(|(name, _)| *name == key);
        given.and_then(|(_, place)| place).unwrap_or_else(|| self.whole.clone())
    }
}

/// The keys of a step besides `at`, `client` and `do`, in the order of the table. Keys with their default value are left out.
pub(crate) fn written(action: &Action) -> Vec<(&'static str, Value)> {
    let keys = match action {
        Action::Connection(step) => connection_keys(step),
        Action::Request(step) => request_keys(step),
        Action::Process(step) => process_keys(step),
    };
    keys.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

type Keys = Vec<(&'static str, Option<Value>)>;

fn connection_keys(step: &ConnectionStep) -> Keys {
    match step {
        ConnectionStep::Lag { takes } => vec![("takes", Some(duration(*takes)))],
        ConnectionStep::Vanish { takes } => vec![("takes", takes.map(duration))],
        ConnectionStep::Connect { memory } => {
            vec![("forgets", Some(Value::Boolean(true)).filter(|_| *memory == Memory::Lost))]
        }
        ConnectionStep::Close
        | ConnectionStep::Drop
        | ConnectionStep::Stall
        | ConnectionStep::Unstall
        | ConnectionStep::Cut
        | ConnectionStep::Mend
        | ConnectionStep::Resend => Vec::new(),
    }
}

fn request_keys(step: &RequestStep) -> Keys {
    let text = |text: &str| Some(Value::from(text));
    let given = |text: &Option<String>| text.as_deref().map(Value::from);
    let flag = |is_set: bool| is_set.then_some(Value::Boolean(true));
    let id = |target: &ResumeTarget| Some(Value::from(target.name())).filter(|_| *target != ResumeTarget::Stored);
    match step {
        RequestStep::Create { name, title, model, on_disconnect, start } => vec![
            ("as", text(name)),
            ("title", given(title)),
            ("model", given(model)),
            ("source", given(&start.source)),
            ("parent", given(&start.parent)),
            ("seed", Some(Value::from(start.seed.clone())).filter(|_| !start.seed.is_empty())),
            ("close_on_disconnect", flag(*on_disconnect == OnDisconnect::Close)),
        ],
        RequestStep::Prompt { session, prompt, truncate, key } => {
            let (word, value) = match prompt {
                Prompt::Turn(turn) => ("turn", text(turn)),
                Prompt::Text(said) => ("text", text(said)),
                Prompt::Continue => ("continue", flag(true)),
            };
            let truncate = truncate.map(Value::from);
            vec![("session", text(session)), (word, value), ("truncate", truncate), ("key", given(key))]
        }
        RequestStep::Resume { session, target, name, model, last_seen, mode } => vec![
            ("session", text(session)),
            ("id", id(target)),
            ("as", given(name)),
            ("model", given(model)),
            ("last_seen", last_seen.map(number)),
            ("lazy", flag(*mode == ResumeMode::ReadOnly)),
            ("eager_build", flag(*mode == ResumeMode::ContinueWithAgent)),
        ],
        RequestStep::Title { session, title } => vec![("session", text(session)), ("title", given(title))],
        RequestStep::Branch { session, name } => vec![("session", text(session)), ("as", text(name))],
        RequestStep::Delete { session, target } => vec![("session", text(session)), ("id", id(target))],
        RequestStep::Steer { session, text: said } => vec![("session", text(session)), ("text", text(said))],
        RequestStep::Answer { session, text: said, to, naming } => {
            let number = match to {
                AnsweredQuestion::Numbered(number) => Some(Value::from(i64::from(number.get()))),
                AnsweredQuestion::Last | AnsweredQuestion::Again => None,
            };
            let id = match naming {
                Naming::Own => None,
                Naming::None => text(NO_ID),
                Naming::Id(id) => text(id),
            };
            vec![
                ("session", text(session)),
                ("text", given(said)),
                ("question", number),
                ("again", flag(*to == AnsweredQuestion::Again)),
                ("id", id),
            ]
        }
        RequestStep::Activate { session }
        | RequestStep::CloseSession { session }
        | RequestStep::Interrupt { session }
        | RequestStep::History { session }
        | RequestStep::Status { session }
        | RequestStep::Usage { session }
        | RequestStep::Undo { session }
        | RequestStep::Compress { session } => vec![("session", text(session))],
        RequestStep::EventsSince { session, last_seen } => {
            vec![("session", text(session)), ("last_seen", last_seen.map(number))]
        }
        RequestStep::MostRecent | RequestStep::ActiveList | RequestStep::List => Vec::new(),
    }
}

fn process_keys(step: &ProcessStep) -> Keys {
    match step {
        ProcessStep::Signal { signal, stop_timeout } => {
            vec![("signal", Some(Value::from(signal.name()))), ("stop_timeout", stop_timeout.map(duration))]
        }
        ProcessStep::CliNew { session } => vec![("session", Some(Value::from(session.as_str())))],
        ProcessStep::Suspend { length } => vec![("takes", Some(duration(*length)))],
        ProcessStep::SetClock { jump: Jump::Forward(far) } => vec![("forward", Some(duration(*far)))],
        ProcessStep::SetClock { jump: Jump::Back(far) } => vec![("back", Some(duration(*far)))],
        ProcessStep::Restart { changes } => vec![("gateway", settings(changes))],
        ProcessStep::Kill | ProcessStep::ScanIdle => Vec::new(),
    }
}

fn settings(changes: &SettingChanges) -> Option<Value> {
    let changed =
        |(setting, value)| (str::to_owned(setting), Value::try_from(value).expect("settings are plain values"));
    (!changes.is_empty()).then(|| Value::Table(changes.iter().map(changed).collect()))
}

/// Numbers of a file are checked to be within the range of TOML's.
fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn duration(length: Millis) -> Value {
    Value::String(length.into())
}

impl RawStep {
    /// Every key but `at`, with the position of its value if the key is present. The first key that the word does not
    /// take is reported.
    fn keys(&self) -> [(&'static str, Option<Range<usize>>); 28] {
        fn place<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
            value.as_ref().map(Spanned::span)
        }
        [
            ("client", place(&self.client)),
            ("do", place(&self.word)),
            ("as", place(&self.name)),
            ("title", place(&self.title)),
            ("model", place(&self.model)),
            ("session", place(&self.session)),
            ("turn", place(&self.turn)),
            ("text", place(&self.text)),
            ("continue", place(&self.goes_on)),
            ("id", place(&self.id)),
            ("signal", place(&self.signal)),
            ("source", place(&self.source)),
            ("parent", place(&self.parent)),
            ("takes", place(&self.takes)),
            ("stop_timeout", place(&self.stop_timeout)),
            ("forward", place(&self.forward)),
            ("back", place(&self.back)),
            ("close_on_disconnect", place(&self.close_on_disconnect)),
            ("seed", place(&self.seed)),
            ("truncate", place(&self.truncate)),
            ("key", place(&self.key)),
            ("question", place(&self.question)),
            ("again", place(&self.again)),
            ("lazy", place(&self.lazy)),
            ("eager_build", place(&self.eager_build)),
            ("forgets", place(&self.forgets)),
            ("last_seen", place(&self.last_seen)),
            ("gateway", place(&self.gateway)),
        ]
    }
}

/// A step that is being converted from its table to an action.
struct Reading<'a> {
    source: &'a Source<'a>,
    raw: &'a RawStep,
    whole: Range<usize>,
}

impl Reading<'_> {
    fn step(&self) -> Result<Step, ScenarioError> {
        let line = self.source.line(self.whole.start);
        let at = *self.of_every_step("at", self.raw.at.as_ref())?.get_ref();
        let word = self.word()?;
        let client = match word.entry().has_client() {
            true => self.of_every_step("client", self.raw.client.as_ref())?.get_ref().clone(),
            false => PROCESS.to_owned(),
        };
        self.no_stray_key(word)?;
        let on_skip = OnSkip::of(self.raw.may_skip);
        Ok(Step { at, client, action: self.action(word)?, on_skip, line })
    }

    fn action(&self, word: Word) -> Result<Action, ScenarioError> {
        let session = || self.needed(word, "session", self.raw.session.as_ref());
        Ok(match word {
            Word::Connect => {
                let memory = if is_set(self.raw.forgets.as_ref()) { Memory::Lost } else { Memory::Kept };
                ConnectionStep::Connect { memory }.into()
            }
            Word::Close => ConnectionStep::Close.into(),
            Word::Drop => ConnectionStep::Drop.into(),
            Word::Stall => ConnectionStep::Stall.into(),
            Word::Unstall => ConnectionStep::Unstall.into(),
            Word::Lag => ConnectionStep::Lag { takes: self.length(word)? }.into(),
            Word::Cut => ConnectionStep::Cut.into(),
            Word::Mend => ConnectionStep::Mend.into(),
            Word::Vanish => {
                ConnectionStep::Vanish { takes: self.raw.takes.as_ref().map(|takes| *takes.get_ref()) }.into()
            }
            Word::Resend => ConnectionStep::Resend.into(),
            Word::Create => self.create(word)?.into(),
            Word::Prompt => {
                let truncate = self.raw.truncate.as_ref().map(|ordinal| *ordinal.get_ref());
                let key = text(self.raw.key.as_ref());
                RequestStep::Prompt { session: session()?, prompt: self.prompt(word)?, truncate, key }.into()
            }
            Word::Resume => {
                let targets = &[ResumeTarget::Stored, ResumeTarget::Tip, ResumeTarget::Title];
                let (session, target) = (session()?, self.target(targets)?);
                let mode = self.mode()?;
                let (name, model) = (text(self.raw.name.as_ref()), self.model()?);
                RequestStep::Resume { session, target, name, model, last_seen: self.last_seen()?, mode }.into()
            }
            Word::Activate => RequestStep::Activate { session: session()? }.into(),
            Word::CloseSession => RequestStep::CloseSession { session: session()? }.into(),
            Word::Interrupt => RequestStep::Interrupt { session: session()? }.into(),
            Word::Title => RequestStep::Title { session: session()?, title: text(self.raw.title.as_ref()) }.into(),
            Word::History => RequestStep::History { session: session()? }.into(),
            Word::Status => RequestStep::Status { session: session()? }.into(),
            Word::Usage => RequestStep::Usage { session: session()? }.into(),
            Word::Undo => RequestStep::Undo { session: session()? }.into(),
            Word::Steer => {
                let session = session()?;
                RequestStep::Steer { session, text: self.needed(word, "text", self.raw.text.as_ref())? }.into()
            }
            Word::Compress => RequestStep::Compress { session: session()? }.into(),
            Word::Branch => {
                let session = session()?;
                RequestStep::Branch { session, name: self.needed(word, "as", self.raw.name.as_ref())? }.into()
            }
            Word::Delete => {
                let target = self.target(&[ResumeTarget::Stored, ResumeTarget::Tip])?;
                RequestStep::Delete { session: session()?, target }.into()
            }
            Word::MostRecent => RequestStep::MostRecent.into(),
            Word::ActiveList => RequestStep::ActiveList.into(),
            Word::List => RequestStep::List.into(),
            Word::Kill => ProcessStep::Kill.into(),
            Word::Signal => {
                let stop_timeout = self.raw.stop_timeout.as_ref().map(|time| *time.get_ref());
                let stop_timeout = stop_timeout.filter(|time| *time > Millis::ZERO);
                ProcessStep::Signal { signal: self.signal(word)?, stop_timeout }.into()
            }
            Word::Restart => ProcessStep::Restart { changes: self.changes()? }.into(),
            Word::CliNew => ProcessStep::CliNew { session: session()? }.into(),
            Word::ScanIdle => ProcessStep::ScanIdle.into(),
            Word::Suspend => ProcessStep::Suspend { length: self.length(word)? }.into(),
            Word::SetClock => ProcessStep::SetClock { jump: self.jump(word)? }.into(),
            Word::Answer => self.answer(word)?.into(),
            Word::EventsSince => RequestStep::EventsSince { session: session()?, last_seen: self.last_seen()? }.into(),
        })
    }

    fn answer(&self, word: Word) -> Result<RequestStep, ScenarioError> {
        let session = self.needed(word, "session", self.raw.session.as_ref())?;
        let to = match (&self.raw.question, is_set(self.raw.again.as_ref())) {
            (None, false) => AnsweredQuestion::Last,
            (None, true) => AnsweredQuestion::Again,
            (Some(number), false) => {
                let counted = u32::try_from(*number.get_ref()).ok().and_then(NonZeroU32::new);
                AnsweredQuestion::Numbered(counted.ok_or_else(|| {
                    self.source
                        .error(number.span(), format!("no question has the number {}", number.get_ref()))
                        .with_help(format!("questions are counted from 1, and to {} at most", u32::MAX))
                })?)
            }
            (Some(number), true) => {
                let message = "both `question` and `again`".to_owned();
                let help = "`again` answers the question of the answer before; leave one out";
                return Err(self.source.error(self.source.key("question", number.span()), message).with_help(help));
            }
        };
        let said = match to {
            AnsweredQuestion::Again => text(self.raw.text.as_ref()),
            AnsweredQuestion::Last | AnsweredQuestion::Numbered(_) => {
                Some(self.needed(word, "text", self.raw.text.as_ref())?)
            }
        };
        let naming = match text(self.raw.id.as_ref()) {
            None => Naming::Own,
            Some(id) if id == NO_ID => Naming::None,
            Some(id) => Naming::Id(id),
        };
        Ok(RequestStep::Answer { session, text: said, to, naming })
    }

    fn create(&self, word: Word) -> Result<RequestStep, ScenarioError> {
        let name = self.needed(word, "as", self.raw.name.as_ref())?;
        let closes = is_set(self.raw.close_on_disconnect.as_ref());
        let on_disconnect = if closes { OnDisconnect::Close } else { OnDisconnect::Keep };
        let start = Start {
            source: text(self.raw.source.as_ref()),
            parent: text(self.raw.parent.as_ref()),
            seed: self.raw.seed.as_ref().map(|seed| seed.get_ref().clone()).unwrap_or_default(),
        };
        let title = text(self.raw.title.as_ref());
        Ok(RequestStep::Create { name, title, model: self.model()?, on_disconnect, start })
    }

    fn word(&self) -> Result<Word, ScenarioError> {
        let found = self.of_every_step("do", self.raw.word.as_ref())?;
        let word = Word::ALL.iter().copied().find(|word| word.entry().word == found.get_ref());
        word.ok_or_else(|| {
            let words: Vec<&str> = Word::ALL.iter().map(|word| word.entry().word).collect();
            self.source
                .error(found.span(), format!("unknown step `{}`", found.get_ref()))
                .with_help(format!("steps are {}", list(&words)))
        })
    }

    fn no_stray_key(&self, word: Word) -> Result<(), ScenarioError> {
        let entry = word.entry();
        let stray =
            self.raw.keys().into_iter().find(|(key, place)| place.is_some() && *key != "do" && !entry.has_key(key));
        if let Some((key, Some(place))) = stray {
            let message = format!("`{key}` does not go with `{}`", entry.word);
            return Err(self.source.error(self.source.key(key, place), message).with_help(entry.help()));
        }
        Ok(())
    }

    fn last_seen(&self) -> Result<Option<u64>, ScenarioError> {
        let Some(number) = &self.raw.last_seen else { return Ok(None) };
        let counted = u64::try_from(*number.get_ref());
        counted.map(Some).map_err(|_| {
            self.source
                .error(number.span(), format!("no event has the number {}", number.get_ref()))
                .with_help("events are counted from 1; `last_seen = 0` asks for all")
        })
    }

    /// The settings that a restart changes.
    fn changes(&self) -> Result<SettingChanges, ScenarioError> {
        let mut changes = SettingChanges::default();
        if let (Some(_), Some(model)) = (&self.raw.gateway, &self.raw.model) {
            let place = self.source.key("model", model.span());
            let help = "`model` is short for `gateway = { model = … }`; write it there";
            return Err(self.source.error(place, "both `gateway` and `model`").with_help(help));
        }
        if let Some(model) = self.model()? {
            changes.set("model", model.into()).expect("a model is text");
        }
        for (setting, value) in self.raw.gateway.iter().flat_map(|settings| &settings.get_ref().0) {
            let (given, place) = (serde_json::to_value(value.get_ref()), value.span());
            given.and_then(|given| changes.set(setting.get_ref(), given)).map_err(|error| {
                let is_unknown = error.to_string().starts_with("unknown field");
                self.source
                    .error(if is_unknown { setting.span() } else { place }, format!("`{}`: {error}", setting.get_ref()))
                    .with_help("the settings are those of the table `[gateway]`")
            })?;
        }
        Ok(changes)
    }

    fn model(&self) -> Result<Option<String>, ScenarioError> {
        match &self.raw.model {
            Some(model) if model.get_ref().is_empty() => {
                let help = "leave `model` out where no model is asked for";
                Err(self.source.error(model.span(), "empty `model`".to_owned()).with_help(help))
            }
            model => Ok(text(model.as_ref())),
        }
    }

    fn mode(&self) -> Result<ResumeMode, ScenarioError> {
        match (is_set(self.raw.lazy.as_ref()), is_set(self.raw.eager_build.as_ref())) {
            (false, false) => Ok(ResumeMode::Continue),
            (true, false) => Ok(ResumeMode::ReadOnly),
            (false, true) => Ok(ResumeMode::ContinueWithAgent),
            (true, true) => {
                let place = self.raw.eager_build.as_ref().map_or_else(|| self.whole.clone(), Spanned::span);
                let message = "both `lazy` and `eager_build`".to_owned();
                let help = "`lazy` resumes without an agent, and `eager_build` waits for one; leave one out";
                Err(self.source.error(self.source.key("eager_build", place), message).with_help(help))
            }
        }
    }

    fn length(&self, word: Word) -> Result<Millis, ScenarioError> {
        self.raw.takes.as_ref().map(|takes| *takes.get_ref()).ok_or_else(|| {
            let message = format!("`{}` needs `takes`", word.entry().word);
            self.source.error(self.whole.clone(), message).with_help(word.entry().help())
        })
    }

    fn jump(&self, word: Word) -> Result<Jump, ScenarioError> {
        match (&self.raw.forward, &self.raw.back) {
            (Some(length), None) => Ok(Jump::Forward(*length.get_ref())),
            (None, Some(length)) => Ok(Jump::Back(*length.get_ref())),
            (None, None) => {
                let message = format!("`{}` needs `forward` or `back`", word.entry().word);
                Err(self.source.error(self.whole.clone(), message).with_help(word.entry().help()))
            }
            (Some(_), Some(back)) => {
                let place = self.source.key("back", back.span());
                let message = format!("`{}` has both `forward` and `back`", word.entry().word);
                Err(self.source.error(place, message).with_help(word.entry().help()))
            }
        }
    }

    fn signal(&self, word: Word) -> Result<Signal, ScenarioError> {
        let name = self.needed(word, "signal", self.raw.signal.as_ref())?;
        let known = [Signal::Int, Signal::Term].into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| {
            let place = self.raw.signal.as_ref().map_or_else(|| self.whole.clone(), Spanned::span);
            self.source.error(place, format!("unknown signal `{name}`")).with_help(word.entry().help())
        })
    }

    fn prompt(&self, word: Word) -> Result<Prompt, ScenarioError> {
        let goes_on = self.raw.goes_on.as_ref().filter(|goes_on| *goes_on.get_ref());
        let both = |first: &str, second: &str, place: Range<usize>| {
            let message = format!("`{}` has both `{first}` and `{second}`", word.entry().word);
            Err(self.source.error(self.source.key(second, place), message).with_help(word.entry().help()))
        };
        match (&self.raw.turn, &self.raw.text, goes_on) {
            (Some(turn), None, None) => Ok(Prompt::Turn(turn.get_ref().clone())),
            (None, Some(text), None) => Ok(Prompt::Text(text.get_ref().clone())),
            (None, None, Some(_)) => Ok(Prompt::Continue),
            (None, None, None) => {
                let message = format!("`{}` needs `turn`, `text` or `continue`", word.entry().word);
                Err(self.source.error(self.whole.clone(), message).with_help(word.entry().help()))
            }
            (Some(_), Some(text), _) => both("turn", "text", text.span()),
            (Some(_), None, Some(goes_on)) => both("turn", "continue", goes_on.span()),
            (None, Some(_), Some(goes_on)) => both("text", "continue", goes_on.span()),
        }
    }

    fn target(&self, known: &[ResumeTarget]) -> Result<ResumeTarget, ScenarioError> {
        let Some(found) = &self.raw.id else { return Ok(ResumeTarget::default()) };
        let meant = known.iter().find(|known| known.name() == found.get_ref());
        meant.copied().ok_or_else(|| {
            self.source
                .error(found.span(), format!("unknown value of `id`: `{}`", found.get_ref()))
                .with_help(match known.contains(&ResumeTarget::Title) {
                    true => {
                        "`id` is `stored`, the id that the client knows and the default, `tip`, the end of its lineage, \
                         or `title`"
                    }
                    false => {
                        "`id` is `stored`, the id that the client knows and the default, or `tip`, the end of its lineage"
                    }
                })
        })
    }

    fn needed(&self, word: Word, key: &str, value: Option<&Spanned<String>>) -> Result<String, ScenarioError> {
        text(value).ok_or_else(|| {
            let message = format!("`{}` needs `{key}`", word.entry().word);
            self.source.error(self.whole.clone(), message).with_help(word.entry().help())
        })
    }

    fn of_every_step<'v, T>(&self, key: &str, value: Option<&'v Spanned<T>>) -> Result<&'v Spanned<T>, ScenarioError> {
        value.ok_or_else(|| {
            self.source
                .error(self.whole.clone(), format!("a step needs `{key}`"))
                .with_help("every step has `at`, `client` and `do`")
        })
    }
}

fn text(value: Option<&Spanned<String>>) -> Option<String> {
    value.map(|value| value.get_ref().clone())
}

fn is_set(flag: Option<&Spanned<bool>>) -> bool {
    flag.is_some_and(|flag| *flag.get_ref())
}
