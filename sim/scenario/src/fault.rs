//! Which calls of the store fail, and how: what `[[store.faults]]` and `[store.odds]` say.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::store::{EndReason, Read, Write};
use serde::Deserialize;

/// One table of `[[store.faults]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFault {
    /// Which calls it is about.
    pub call: Call,
    /// Which of these calls it hits, counted from 1. Left out: each.
    pub nth: Option<u32>,
    /// Only calls from then on count. Left out: from the start.
    pub from: Millis,
    /// Only calls before then count. Left out: to the end.
    pub until: Option<Millis>,
    /// What befalls the call.
    pub fault: Fault,
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another process holds the database from this call on. A write waits for it as long as production does, then it
    /// is refused, and nothing was written.
    Busy {
        /// How long it is held.
        lasts: Millis,
    },
    /// The disk fails before the commit: nothing was written.
    Error,
    /// It is committed, and the answer is lost: the gateway cannot know whether it was written.
    Lost,
    /// The gateway's process is killed before the commit.
    Crash,
}

/// Calls of one kind, by the word of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Writes or reads.
    pub side: CallSide,
    word: &'static str,
}

/// Whether a call writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallSide {
    /// Key `write`.
    Write,
    /// Key `read`.
    Read,
}

/// The `[store.odds]` table: how often a call fails that no table of `[[store.faults]]` is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Odds {
    /// Of a write that another process delays.
    pub busy: Ratio,
    /// Of a write or a read that fails.
    pub error: Ratio,
    /// Of a write whose answer is lost.
    pub lost: Ratio,
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Ratio {
    /// So many
    part: u32,
    /// in so many; never zero, and never less than `part`.
    whole: u32,
}

/// The word for all calls of a side.
const ANY: &str = "any";

impl CallSide {
    /// The key that names such a call.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }

    /// The words that such calls have.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Write => &[
                ANY,
                "create_session",
                "insert_child",
                "start_turn",
                "append",
                "end",
                "end_parent",
                "reopen",
                "reopen_tip",
                "rotate",
                "continue_title",
                "compact",
                "set_title",
                "name_session",
                "replace_messages",
                "branch",
                "delete",
            ],
            Self::Read => &[ANY, "session", "titled", "messages", "tip", "open", "list"],
        }
    }
}

impl Call {
    /// The calls that `word` names, if it names any.
    pub fn named(side: CallSide, word: &str) -> Option<Self> {
        let word = side.words().iter().copied().find(|known| *known == word)?;
        Some(Self { side, word })
    }

    /// As it is written.
    pub const fn word(self) -> &'static str {
        self.word
    }

    /// Whether `write` is one of them.
    pub fn is_write(self, write: &Write) -> bool {
        self.side == CallSide::Write && [ANY, word_of_write(write)].contains(&self.word)
    }

    /// Whether `read` is one of them.
    pub fn is_read(self, read: &Read) -> bool {
        self.side == CallSide::Read && [ANY, word_of_read(read)].contains(&self.word)
    }
}

/// The name of the variant. What old releases take two statements for has a word of its own.
fn word_of_write(write: &Write) -> &'static str {
    match write {
        Write::CreateSession { session } if session.parent.is_some() && session.branched_from.is_none() => {
            "insert_child"
        }
        Write::CreateSession { .. } => "create_session",
        Write::StartTurn { .. } => "start_turn",
        Write::Append { .. } => "append",
        Write::End { reason: EndReason::Compression, .. } => "end_parent",
        Write::End { .. } => "end",
        Write::Reopen { .. } => "reopen",
        Write::ReopenTip { .. } => "reopen_tip",
        Write::Rotate { .. } => "rotate",
        Write::ContinueTitle { .. } => "continue_title",
        Write::Compact { .. } => "compact",
        Write::SetTitle { .. } => "set_title",
        Write::NameSession { .. } => "name_session",
        Write::ReplaceMessages { .. } => "replace_messages",
        Write::Branch { .. } => "branch",
        Write::Delete { .. } => "delete",
    }
}

fn word_of_read(read: &Read) -> &'static str {
    match read {
        Read::Session { .. } => "session",
        Read::Titled { .. } => "titled",
        Read::Messages { .. } => "messages",
        Read::Tip { .. } => "tip",
        Read::Open => "open",
        Read::List { .. } => "list",
    }
}

impl StoreFault {
    /// Whether a call at `now` counts.
    pub fn counts_at(&self, now: Uptime) -> bool {
        now.0 >= self.from.0 && self.until.is_none_or(|until| now.0 < until.0)
    }
}

impl Fault {
    /// How `fault` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Error => "error",
            Self::Lost => "lost",
            Self::Crash => "crash",
        }
    }
}

/// How often each of the things happens that can befall a call, of all times that they count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Nothing.
    pub none: u64,
    /// [`Odds::busy`].
    pub busy: u64,
    /// [`Odds::error`].
    pub error: u64,
    /// [`Odds::lost`].
    pub lost: u64,
}

impl Odds {
    /// Whole numbers in these ratios; `None` when the odds are more than one, or too fine for a number.
    pub fn weights(&self) -> Option<Weights> {
        let Self { busy, error, lost } = *self;
        let whole = [busy, error, lost].into_iter().try_fold(1_u64, |all, odds| lcm(all, u64::from(odds.whole)))?;
        let weight = |odds: Ratio| whole / u64::from(odds.whole) * u64::from(odds.part);
        let [busy, error, lost] = [busy, error, lost].map(weight);
        let none = whole.checked_sub(busy)?.checked_sub(error)?.checked_sub(lost)?;
        Some(Weights { none, busy, error, lost })
    }
}

fn lcm(one: u64, other: u64) -> Option<u64> {
    let (mut divisor, mut rest) = (one, other);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (one / divisor).checked_mul(other)
}

impl Ratio {
    /// `part` in `whole`, if that is a ratio between nothing and all.
    pub const fn new(part: u32, whole: u32) -> Option<Self> {
        if whole > 0 && part <= whole { Some(Self { part, whole }) } else { None }
    }

    /// So many,
    pub const fn part(self) -> u32 {
        self.part
    }

    /// in so many.
    pub const fn whole(self) -> u32 {
        self.whole
    }

    /// Whether it is nothing at all.
    pub const fn is_zero(self) -> bool {
        self.part == 0
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self { part: 0, whole: 1 }
    }
}

/// `1/50`.
impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.part, self.whole)
    }
}

impl TryFrom<String> for Ratio {
    type Error = NoRatio;

    fn try_from(text: String) -> Result<Self, NoRatio> {
        let ratio = text.split_once('/').and_then(|(part, whole)| Self::new(part.parse().ok()?, whole.parse().ok()?));
        ratio.ok_or(NoRatio { found: text })
    }
}

/// Text that is no ratio.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ratio: `{found}`, expected a part of a whole such as `1/50`")]
pub struct NoRatio {
    found: String,
}
