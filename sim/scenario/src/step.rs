//! The words of `do`, the keys that go with each, and the way from the flat table of a step to its [`Action`].

use std::ops::Range;

use gateway_core::clock::Millis;
use gateway_core::lifecycle::process::Signal;
use toml::Spanned;

use super::error::Source;
use super::parse::RawStep;
use super::{Action, Jump, OnDisconnect, PROCESS, Prompt, ResumeTarget, ResumeWish, ScenarioError, Start, Step};

/// A word of `do`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Connect,
    Close,
    Drop,
    Stall,
    Unstall,
    Lag,
    Cut,
    Mend,
    Vanish,
    Resend,
    Create,
    Prompt,
    Resume,
    Activate,
    CloseSession,
    Interrupt,
    Title,
    History,
    Undo,
    Steer,
    Compress,
    Branch,
    Delete,
    Answer,
    EventsSince,
    MostRecent,
    ActiveList,
    List,
    Kill,
    Signal,
    Restart,
    CliNew,
    ScanIdle,
    Suspend,
    SetClock,
}

/// A step and the places of its words.
pub(super) struct PlacedStep {
    pub(super) step: Step,
    raw: RawStep,
    whole: Range<usize>,
}

impl Word {
    pub(super) const ALL: [Self; 35] = [
        Self::Connect,
        Self::Close,
        Self::Drop,
        Self::Stall,
        Self::Unstall,
        Self::Lag,
        Self::Cut,
        Self::Mend,
        Self::Vanish,
        Self::Resend,
        Self::Create,
        Self::Prompt,
        Self::Resume,
        Self::Activate,
        Self::CloseSession,
        Self::Interrupt,
        Self::Title,
        Self::History,
        Self::Undo,
        Self::Steer,
        Self::Compress,
        Self::Branch,
        Self::Delete,
        Self::Answer,
        Self::EventsSince,
        Self::MostRecent,
        Self::ActiveList,
        Self::List,
        Self::Kill,
        Self::Signal,
        Self::Restart,
        Self::CliNew,
        Self::ScanIdle,
        Self::Suspend,
        Self::SetClock,
    ];

    /// As it is written.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Close => "close",
            Self::Drop => "drop",
            Self::Stall => "stall",
            Self::Unstall => "unstall",
            Self::Lag => "lag",
            Self::Cut => "cut",
            Self::Mend => "mend",
            Self::Vanish => "vanish",
            Self::Resend => "resend",
            Self::Create => "session.create",
            Self::Prompt => "prompt.submit",
            Self::Resume => "session.resume",
            Self::Activate => "session.activate",
            Self::CloseSession => "session.close",
            Self::Interrupt => "session.interrupt",
            Self::Title => "session.title",
            Self::History => "session.history",
            Self::Undo => "session.undo",
            Self::Steer => "session.steer",
            Self::Compress => "session.compress",
            Self::Branch => "session.branch",
            Self::Delete => "session.delete",
            Self::Answer => "answer",
            Self::EventsSince => "session.events.since",
            Self::MostRecent => "session.most_recent",
            Self::ActiveList => "session.active_list",
            Self::List => "session.list",
            Self::Kill => "gateway.kill",
            Self::Signal => "gateway.signal",
            Self::Restart => "gateway.restart",
            Self::CliNew => "cli.new",
            Self::ScanIdle => "gateway.scan_idle",
            Self::Suspend => "machine.suspend",
            Self::SetClock => "machine.set_clock",
        }
    }

    /// The word for what is done.
    pub(super) const fn of(action: &Action) -> Self {
        match action {
            Action::Connect => Self::Connect,
            Action::Close => Self::Close,
            Action::Drop => Self::Drop,
            Action::Stall => Self::Stall,
            Action::Unstall => Self::Unstall,
            Action::Lag { .. } => Self::Lag,
            Action::Cut => Self::Cut,
            Action::Mend => Self::Mend,
            Action::Vanish { .. } => Self::Vanish,
            Action::Resend => Self::Resend,
            Action::Create { .. } => Self::Create,
            Action::Prompt { .. } => Self::Prompt,
            Action::Resume { .. } => Self::Resume,
            Action::Activate { .. } => Self::Activate,
            Action::CloseSession { .. } => Self::CloseSession,
            Action::Interrupt { .. } => Self::Interrupt,
            Action::Title { .. } => Self::Title,
            Action::History { .. } => Self::History,
            Action::Undo { .. } => Self::Undo,
            Action::Steer { .. } => Self::Steer,
            Action::Compress { .. } => Self::Compress,
            Action::Branch { .. } => Self::Branch,
            Action::Delete { .. } => Self::Delete,
            Action::Answer { .. } => Self::Answer,
            Action::EventsSince { .. } => Self::EventsSince,
            Action::MostRecent => Self::MostRecent,
            Action::ActiveList => Self::ActiveList,
            Action::List => Self::List,
            Action::Kill => Self::Kill,
            Action::Signal { .. } => Self::Signal,
            Action::Restart => Self::Restart,
            Action::CliNew { .. } => Self::CliNew,
            Action::ScanIdle => Self::ScanIdle,
            Action::Suspend { .. } => Self::Suspend,
            Action::SetClock { .. } => Self::SetClock,
        }
    }

    /// Whether it happens to the gateway itself, and not through a client.
    const fn is_of_process(self) -> bool {
        matches!(
            self,
            Self::Kill | Self::Signal | Self::Restart | Self::CliNew | Self::ScanIdle | Self::Suspend | Self::SetClock
        )
    }

    /// The keys that it takes besides those of every step.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Connect
            | Self::Close
            | Self::Drop
            | Self::Stall
            | Self::Unstall
            | Self::Lag
            | Self::Cut
            | Self::Mend
            | Self::Vanish
            | Self::Resend
            | Self::MostRecent
            | Self::ActiveList
            | Self::List => &["client"],
            Self::Kill | Self::Restart | Self::ScanIdle | Self::Suspend | Self::SetClock => &[],
            Self::Signal => &["signal"],
            Self::CliNew => &["session"],
            Self::Create => &["client", "as", "title", "source", "parent"],
            Self::Prompt => &["client", "session", "turn", "text"],
            Self::Resume => &["client", "session", "id", "as"],
            Self::Activate
            | Self::CloseSession
            | Self::Interrupt
            | Self::History
            | Self::Undo
            | Self::Compress
            | Self::EventsSince => &["client", "session"],
            Self::Title => &["client", "session", "title"],
            Self::Steer | Self::Answer => &["client", "session", "text"],
            Self::Branch => &["client", "session", "as"],
            Self::Delete => &["client", "session", "id"],
        }
    }

    /// The same as a help.
    fn help(self) -> String {
        let name = self.name();
        match self {
            Self::Prompt => {
                format!("`{name}` takes `session`, exactly one of `turn` and `text`, and may take `truncate`")
            }
            Self::Create => format!(
                "`{name}` takes `as`, the name of the session in this file, and may take `title`, `source`, `parent`, `seed` \
                 and `close_on_disconnect`"
            ),
            Self::Resume => format!("`{name}` takes `session` and may take `id`, `as`, and `lazy` or `eager_build`"),
            Self::CliNew => format!("`{name}` takes `session`, the one that another program leaves, and no `client`"),
            Self::Title => format!("`{name}` takes `session` and may take `title`, which it gives"),
            Self::Delete => format!("`{name}` takes `session` and may take `id`"),
            Self::Signal => format!("`{name}` takes `signal`, which is `INT` or `TERM`, and no `client`"),
            Self::Suspend => format!("`{name}` takes `takes`, how long the machine sleeps, and no `client`"),
            Self::SetClock => {
                format!("`{name}` takes `forward` or `back`, how far wall time jumps, and no `client`")
            }
            Self::Lag => format!("`{name}` takes `client` and `takes`, how long each frame is on its way"),
            Self::Vanish => {
                format!("`{name}` takes `client`, and may take `takes`, how long until the gateway finds out")
            }
            _ if self.is_of_process() => format!("`{name}` takes only `at` and `do`"),
            _ if self.keys() == ["client"] => format!("`{name}` takes only `at`, `client` and `do`"),
            _ => format!("`{name}` takes {}", list(&self.keys()[1..])),
        }
    }
}

impl PlacedStep {
    /// Reads one table of `[[steps]]`.
    pub(super) fn read(source: &Source<'_>, raw: Spanned<RawStep>) -> Result<Self, ScenarioError> {
        let whole = raw.span();
        let raw = raw.into_inner();
        let reading = Reading { source, raw: &raw, whole: whole.clone() };
        let step = reading.step()?;
        Ok(Self { step, raw, whole })
    }

    /// Where the value of a key stands; the step itself for a key that it does not have.
    pub(super) fn place(&self, key: &str) -> Range<usize> {
        let given = self.raw.texts().into_iter().find(|(name, _)| *name == key);
        given.and_then(|(_, value)| value).map_or_else(|| self.whole.clone(), Spanned::span)
    }
}

/// A key, where its value stands, and the words that it goes with.
type OtherKey = (&'static str, Option<Range<usize>>, &'static [Word]);

/// Names in back quotes, with commas.
pub(super) fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}

impl RawStep {
    /// The keys whose values are text.
    fn texts(&self) -> [(&'static str, Option<&Spanned<String>>); 11] {
        [
            ("client", self.client.as_ref()),
            ("do", self.word.as_ref()),
            ("as", self.name.as_ref()),
            ("title", self.title.as_ref()),
            ("session", self.session.as_ref()),
            ("turn", self.turn.as_ref()),
            ("text", self.text.as_ref()),
            ("id", self.id.as_ref()),
            ("signal", self.signal.as_ref()),
            ("source", self.source.as_ref()),
            ("parent", self.parent.as_ref()),
        ]
    }

    /// The other keys that not every step has: where their values stand, and the words that they go with.
    fn others(&self) -> [OtherKey; 8] {
        [
            ("takes", self.takes.as_ref().map(Spanned::span), &[Word::Suspend, Word::Lag, Word::Vanish]),
            ("forward", self.forward.as_ref().map(Spanned::span), &[Word::SetClock]),
            ("back", self.back.as_ref().map(Spanned::span), &[Word::SetClock]),
            ("close_on_disconnect", self.close_on_disconnect.as_ref().map(Spanned::span), &[Word::Create]),
            ("seed", self.seed.as_ref().map(Spanned::span), &[Word::Create]),
            ("truncate", self.truncate.as_ref().map(Spanned::span), &[Word::Prompt]),
            ("lazy", self.lazy.as_ref().map(Spanned::span), &[Word::Resume]),
            ("eager_build", self.eager_build.as_ref().map(Spanned::span), &[Word::Resume]),
        ]
    }
}

/// A step on its way from the table to the action.
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
        let client = match word.is_of_process() {
            true => PROCESS.to_owned(),
            false => self.of_every_step("client", self.raw.client.as_ref())?.get_ref().clone(),
        };
        self.no_stray_key(word)?;
        Ok(Step { at, client, action: self.action(word)?, line })
    }

    fn action(&self, word: Word) -> Result<Action, ScenarioError> {
        let session = || self.needed(word, "session", self.raw.session.as_ref());
        Ok(match word {
            Word::Connect => Action::Connect,
            Word::Close => Action::Close,
            Word::Drop => Action::Drop,
            Word::Stall => Action::Stall,
            Word::Unstall => Action::Unstall,
            Word::Lag => Action::Lag { takes: self.length(word)? },
            Word::Cut => Action::Cut,
            Word::Mend => Action::Mend,
            Word::Vanish => Action::Vanish { takes: self.raw.takes.as_ref().map(|takes| *takes.get_ref()) },
            Word::Resend => Action::Resend,
            Word::Create => {
                let name = self.needed(word, "as", self.raw.name.as_ref())?;
                let closes = is_set(self.raw.close_on_disconnect.as_ref());
                let on_disconnect = if closes { OnDisconnect::Close } else { OnDisconnect::Keep };
                let start = Start {
                    source: text(self.raw.source.as_ref()),
                    parent: text(self.raw.parent.as_ref()),
                    seed: self.raw.seed.as_ref().map(|seed| seed.get_ref().clone()).unwrap_or_default(),
                };
                Action::Create { name, title: text(self.raw.title.as_ref()), on_disconnect, start }
            }
            Word::Prompt => {
                let truncate = self.raw.truncate.as_ref().map(|ordinal| *ordinal.get_ref());
                Action::Prompt { session: session()?, prompt: self.prompt(word)?, truncate }
            }
            Word::Resume => {
                let targets = &[ResumeTarget::Stored, ResumeTarget::Tip, ResumeTarget::Title];
                let (session, target) = (session()?, self.target(targets)?);
                let wish = self.wish()?;
                Action::Resume { session, target, name: text(self.raw.name.as_ref()), wish }
            }
            Word::Activate => Action::Activate { session: session()? },
            Word::CloseSession => Action::CloseSession { session: session()? },
            Word::Interrupt => Action::Interrupt { session: session()? },
            Word::Title => Action::Title { session: session()?, title: text(self.raw.title.as_ref()) },
            Word::History => Action::History { session: session()? },
            Word::Undo => Action::Undo { session: session()? },
            Word::Steer => {
                let session = session()?;
                Action::Steer { session, text: self.needed(word, "text", self.raw.text.as_ref())? }
            }
            Word::Compress => Action::Compress { session: session()? },
            Word::Branch => {
                let session = session()?;
                Action::Branch { session, name: self.needed(word, "as", self.raw.name.as_ref())? }
            }
            Word::Delete => {
                let target = self.target(&[ResumeTarget::Stored, ResumeTarget::Tip])?;
                Action::Delete { session: session()?, target }
            }
            Word::MostRecent => Action::MostRecent,
            Word::ActiveList => Action::ActiveList,
            Word::List => Action::List,
            Word::Kill => Action::Kill,
            Word::Signal => Action::Signal { signal: self.signal(word)? },
            Word::Restart => Action::Restart,
            Word::CliNew => Action::CliNew { session: session()? },
            Word::ScanIdle => Action::ScanIdle,
            Word::Suspend => Action::Suspend { length: self.length(word)? },
            Word::SetClock => Action::SetClock { jump: self.jump(word)? },
            Word::Answer => {
                let session = session()?;
                Action::Answer { session, text: self.needed(word, "text", self.raw.text.as_ref())? }
            }
            Word::EventsSince => Action::EventsSince { session: session()? },
        })
    }

    fn word(&self) -> Result<Word, ScenarioError> {
        let found = self.of_every_step("do", self.raw.word.as_ref())?;
        let word = Word::ALL.into_iter().find(|word| word.name() == found.get_ref());
        word.ok_or_else(|| {
            self.source
                .error(found.span(), format!("unknown step `{}`", found.get_ref()))
                .with_help(format!("steps are {}", list(&Word::ALL.map(Word::name))))
        })
    }

    fn no_stray_key(&self, word: Word) -> Result<(), ScenarioError> {
        for (key, value) in self.raw.texts() {
            let Some(value) = value else { continue };
            if key != "do" && !word.keys().contains(&key) {
                let place = self.source.key(key, value.span());
                let message = format!("`{key}` does not go with `{}`", word.name());
                return Err(self.source.error(place, message).with_help(word.help()));
            }
        }
        for (key, place, owners) in self.raw.others() {
            let Some(place) = place.filter(|_| !owners.contains(&word)) else { continue };
            let place = self.source.key(key, place);
            let message = format!("`{key}` does not go with `{}`", word.name());
            return Err(self.source.error(place, message).with_help(word.help()));
        }
        Ok(())
    }

    fn wish(&self) -> Result<ResumeWish, ScenarioError> {
        match (is_set(self.raw.lazy.as_ref()), is_set(self.raw.eager_build.as_ref())) {
            (false, false) => Ok(ResumeWish::GoOn),
            (true, false) => Ok(ResumeWish::Look),
            (false, true) => Ok(ResumeWish::GoOnAtOnce),
            (true, true) => {
                let place = self.raw.eager_build.as_ref().map_or_else(|| self.whole.clone(), Spanned::span);
                let message = "both `lazy` and `eager_build`".to_owned();
                let help = "a client that only looks needs no agent with the answer; leave one out";
                Err(self.source.error(self.source.key("eager_build", place), message).with_help(help))
            }
        }
    }

    fn length(&self, word: Word) -> Result<Millis, ScenarioError> {
        self.raw.takes.as_ref().map(|takes| *takes.get_ref()).ok_or_else(|| {
            let message = format!("`{}` needs `takes`", word.name());
            self.source.error(self.whole.clone(), message).with_help(word.help())
        })
    }

    fn jump(&self, word: Word) -> Result<Jump, ScenarioError> {
        match (&self.raw.forward, &self.raw.back) {
            (Some(length), None) => Ok(Jump::Forward(*length.get_ref())),
            (None, Some(length)) => Ok(Jump::Back(*length.get_ref())),
            (None, None) => {
                let message = format!("`{}` needs `forward` or `back`", word.name());
                Err(self.source.error(self.whole.clone(), message).with_help(word.help()))
            }
            (Some(_), Some(back)) => {
                let place = self.source.key("back", back.span());
                let message = format!("`{}` has both `forward` and `back`", word.name());
                Err(self.source.error(place, message).with_help(word.help()))
            }
        }
    }

    fn signal(&self, word: Word) -> Result<Signal, ScenarioError> {
        let name = self.needed(word, "signal", self.raw.signal.as_ref())?;
        let known = [Signal::Int, Signal::Term].into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| {
            let place = self.raw.signal.as_ref().map_or_else(|| self.whole.clone(), Spanned::span);
            self.source.error(place, format!("unknown signal `{name}`")).with_help(word.help())
        })
    }

    fn prompt(&self, word: Word) -> Result<Prompt, ScenarioError> {
        match (&self.raw.turn, &self.raw.text) {
            (Some(turn), None) => Ok(Prompt::Turn(turn.get_ref().clone())),
            (None, Some(text)) => Ok(Prompt::Text(text.get_ref().clone())),
            (None, None) => {
                let message = format!("`{}` needs `turn` or `text`", word.name());
                Err(self.source.error(self.whole.clone(), message).with_help(word.help()))
            }
            (Some(_), Some(text)) => {
                let place = self.source.key("text", text.span());
                let message = format!("`{}` has both `turn` and `text`", word.name());
                Err(self.source.error(place, message).with_help(word.help()))
            }
        }
    }

    fn target(&self, known: &[ResumeTarget]) -> Result<ResumeTarget, ScenarioError> {
        let Some(found) = &self.raw.id else { return Ok(ResumeTarget::default()) };
        let meant = known.iter().find(|known| known.name() == found.get_ref());
        meant.copied().ok_or_else(|| {
            self.source
                .error(found.span(), format!("unknown `id` to name a session by: `{}`", found.get_ref()))
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
            let message = format!("`{}` needs `{key}`", word.name());
            self.source.error(self.whole.clone(), message).with_help(word.help())
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
