//! Faults of the store: the tables `[[store.faults]]` and `[store.odds]`.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::store::{EndReason, Read, Write};
use schemars::JsonSchema;
use serde::Deserialize;

use super::expected::OnSkip;

/// One table of `[[store.faults]]`: calls that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFault {
    /// The kind of calls that fail.
    pub call: Call,
    /// Only the call with this number fails, counted from 1. Left out: each call.
    pub nth: Option<u32>,
    /// Only calls at or after this time count. Left out: from the start of the run.
    pub from: Millis,
    /// Only calls before this time count. Left out: to the end of the run.
    pub until: Option<Millis>,
    /// The way in which the call fails.
    pub fault: Fault,
    /// What it means if no call fails by it: key `may_skip`.
    pub on_skip: OnSkip,
}

/// A way in which a call of the store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another process locks the database at this call. A write waits for as long as in production (the busy timeout),
    /// then fails, and nothing is written.
    Busy {
        /// The duration of the lock.
        lasts: Millis,
    },
    /// The disk fails before the commit: nothing is written.
    Error,
    /// The disk is full: nothing is written.
    Full,
    /// The sync of the commit fails. The write is in the rows or not: a choice on the tape, whose first alternative is that it
    /// is not. The gateway cannot know it without a look.
    Sync,
    /// The write is committed, and the answer is lost: the gateway cannot know whether the write was committed.
    Lost,
    /// The gateway's process is killed before the commit, or before the rows are read.
    Crash,
    /// The write is committed, and the gateway's process is killed before it has the answer.
    CrashAfter,
    /// The machine loses its power in the write, and the gateway's process with it. The database is on a disk that keeps what
    /// was synced, and any part of the rest.
    Power {
        /// Key `change`: the change of the disk that the write does not make any more, counted from 1. If it makes fewer, the
        /// power is lost before the answer.
        change: u32,
    },
}

/// A kind of calls, by its word in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whether the calls are writes or reads.
    pub side: CallSide,
    word: &'static str,
}

/// The two kinds of call of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallSide {
    /// A call that commits a transaction; key `write`.
    Write,
    /// A call that only reads rows; key `read`.
    Read,
}

/// The `[store.odds]` table: the probabilities that a call fails which no table of `[[store.faults]]` matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Odds {
    /// Another process delays the write.
    pub busy: Ratio,
    /// The write or read fails, and nothing is written.
    pub error: Ratio,
    /// The write is committed, and its answer is lost.
    pub lost: Ratio,
}

/// A probability from 0 to 1, as a ratio of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = "^[0-9]+/[0-9]+$"))]
pub struct Ratio {
    /// The numerator; at most `whole`.
    part: u32,
    /// The denominator; never 0.
    whole: u32,
}

/// The word for all calls of a side.
const ANY: &str = "any";

impl CallSide {
    /// The key of `[[store.faults]]` that takes the words of this side.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }

    /// The words of the calls of this side; `any` stands for all of them.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Write => &[
                ANY,
                "create_session",
                "insert_child",
                "start_turn",
                "append",
                "accept",
                "cancel",
                "end",
                "end_parent",
                "reopen",
                "reopen_tip",
                "rotate",
                "continue_title",
                "compact",
                "set_title",
                "set_model",
                "name_session",
                "replace_messages",
                "branch",
                "delete",
                "delete_chain",
            ],
            Self::Read => &[ANY, "session", "titled", "messages", "inputs", "keyed", "tip", "chain", "open", "list"],
        }
    }
}

impl Call {
    /// All calls of a side.
    pub const fn any(side: CallSide) -> Self {
        Self { side, word: ANY }
    }

    /// The kind of calls with this word. `None`: there is no such word.
    pub fn named(side: CallSide, word: &str) -> Option<Self> {
        let word = side.words().iter().copied().find(|known| *known == word)?;
        Some(Self { side, word })
    }

    /// As it is written in the file, such as `append`.
    pub const fn word(self) -> &'static str {
        self.word
    }

    /// Whether this kind includes `write`.
    pub fn is_write(self, write: &Write) -> bool {
        self.side == CallSide::Write && [ANY, word_of_write(write)].contains(&self.word)
    }

    /// Whether this kind includes `read`.
    pub fn is_read(self, read: &Read) -> bool {
        self.side == CallSide::Read && [ANY, word_of_read(read)].contains(&self.word)
    }
}

/// The word of a write. The second statement of a write that old releases split in two has a word of its own.
fn word_of_write(write: &Write) -> &'static str {
    match write {
        Write::CreateSession { session } if session.parent.is_some() && session.branched_from.is_none() => {
            "insert_child"
        }
        Write::CreateSession { .. } => "create_session",
        Write::StartTurn { .. } => "start_turn",
        Write::Append { .. } => "append",
        Write::Accept { .. } => "accept",
        Write::Cancel { .. } => "cancel",
        Write::End { reason: EndReason::Compression, .. } => "end_parent",
        Write::End { .. } | Write::EndOrphan { .. } => "end",
        Write::Reopen { .. } => "reopen",
        Write::ReopenTip { .. } => "reopen_tip",
        Write::Rotate { .. } => "rotate",
        Write::ContinueTitle { .. } => "continue_title",
        Write::Compact { .. } => "compact",
        Write::SetTitle { .. } => "set_title",
        Write::SetModel { .. } => "set_model",
        Write::NameSession { .. } => "name_session",
        Write::ReplaceMessages { .. } => "replace_messages",
        Write::Branch { .. } => "branch",
        Write::Delete { .. } => "delete",
        Write::DeleteChain { .. } => "delete_chain",
    }
}

fn word_of_read(read: &Read) -> &'static str {
    match read {
        Read::Session { .. } => "session",
        Read::Titled { .. } => "titled",
        Read::Messages { .. } => "messages",
        Read::Inputs { .. } | Read::Input { .. } => "inputs",
        Read::Keyed { .. } => "keyed",
        Read::Tip { .. } => "tip",
        Read::Chain { .. } => "chain",
        Read::Open | Read::Left => "open",
        Read::List { .. } => "list",
    }
}

impl StoreFault {
    /// Whether a call at `now` is within `from` and `until`.
    pub fn counts_at(&self, now: Uptime) -> bool {
        now.0 >= self.from.0 && self.until.is_none_or(|until| now.0 < until.0)
    }
}

impl Fault {
    /// Whether the gateway's process is killed.
    pub const fn kills(self) -> bool {
        matches!(self, Self::Crash | Self::CrashAfter | Self::Power { .. })
    }

    /// Every value of `fault`.
    pub const WORDS: [&str; 8] = ["busy", "error", "full", "sync", "lost", "crash", "crash_after", "power"];

    /// The value of `fault`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Error => "error",
            Self::Full => "full",
            Self::Sync => "sync",
            Self::Lost => "lost",
            Self::Crash => "crash",
            Self::CrashAfter => "crash_after",
            Self::Power { .. } => "power",
        }
    }
}

/// The relative weights of the outcomes of a call; their sum is the common denominator of [`Odds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The weight of a call that succeeds.
    pub none: u64,
    /// The weight of [`Odds::busy`].
    pub busy: u64,
    /// The weight of [`Odds::error`].
    pub error: u64,
    /// The weight of [`Odds::lost`].
    pub lost: u64,
}

impl Odds {
    /// Integer weights in these ratios. `None`: the odds sum to more than 1, or their common denominator overflows.
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
    /// `part` in `whole`. `None`: the ratio is above 1, or `whole` is 0.
    pub const fn new(part: u32, whole: u32) -> Option<Self> {
        if whole > 0 && part <= whole { Some(Self { part, whole }) } else { None }
    }

    /// The numerator, at most [`whole`](Self::whole).
    pub const fn part(self) -> u32 {
        self.part
    }

    /// The denominator, never 0.
    pub const fn whole(self) -> u32 {
        self.whole
    }

    /// Whether the probability is 0.
    pub const fn is_zero(self) -> bool {
        self.part == 0
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self { part: 0, whole: 1 }
    }
}

/// As a fraction, such as `1/50`; [`TryFrom<String>`] reads it back.
impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.part, self.whole)
    }
}

impl TryFrom<String> for Ratio {
    type Error = InvalidRatio;

    fn try_from(text: String) -> Result<Self, InvalidRatio> {
        let ratio = text.split_once('/').and_then(|(part, whole)| Self::new(part.parse().ok()?, whole.parse().ok()?));
        ratio.ok_or(InvalidRatio { found: text })
    }
}

/// A text that is not a ratio from 0 to 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ratio: `{found}`, expected a part of a whole such as `1/50`")]
pub struct InvalidRatio {
    found: String,
}
