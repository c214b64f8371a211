//! The rows a gateway keeps: sessions and their messages.
//!
//! [`Store`] takes a [`Write`] or a [`Read`] as a value, so that a wrapper (a simulator's fault layer, a mirror)
//! needs to know two methods. Callers use [`Rows`], which gives each its own name and types.

pub mod contract;
mod rows;
mod write;

use futures_util::future::LocalBoxFuture;

use crate::clock::Wall;

pub use rows::Rows;
pub use write::{
    BranchTitle, EndReason, InputId, InputKind, KeyedAnswer, MessageRow, NewInput, NewMessage, NewSession, Placed,
    Replaced, Role, SessionRow, StoredId, TipRule, Write,
};

/// Keeps rows. The contract, which every implementation is tested on:
///
/// * writes commit in the order of the *calls* to [`write`](Self::write), not of the polls;
/// * a read sees some committed state between its call and its answer;
/// * dropping the returned future does not undo the call, and the answer may come after the caller is gone;
/// * one `Write` is one transaction: all of it or nothing.
pub trait Store {
    /// Executes one transaction. Dropping the future does not undo it.
    fn write(&self, write: Write) -> Pending<Written>;

    /// Executes one query. Dropping the future loses only the answer.
    fn read(&self, read: Read) -> Pending<Found>;
}

/// An answer that is still to come. Dropping it loses the answer, not the call.
pub type Pending<T> = LocalBoxFuture<'static, Result<T, StoreError>>;

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many session rows it inserted or changed; 0 when there was nothing to do.
    pub changed: usize,
    /// The row it settled on, where the write chooses one ([`Write::ReopenTip`]).
    pub session: Option<StoredId>,
}

/// A question to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The session row with this id.
    Session {
        /// The id to look up; the answer is `None` if there is no row.
        id: StoredId,
    },
    /// The session row with this title.
    Titled {
        /// The title, compared as a whole.
        title: String,
    },
    /// A session's active messages, oldest first.
    Messages {
        /// The session whose messages are read.
        session: StoredId,
    },
    /// The accepted inputs that wait for a session, oldest first.
    Inputs {
        /// The session whose inputs are read; it needs no row.
        session: StoredId,
    },
    /// The accepted input with this id, if it still waits.
    Input {
        /// The id to look up.
        id: InputId,
    },
    /// The stored answer to a request with an idempotency key.
    Keyed {
        /// The key; the answer is `None` if it is unknown.
        key: String,
    },
    /// The newest continuation of a session, itself if it has none.
    Tip {
        /// The row at which the chain starts.
        session: StoredId,
        /// Which children continue a parent.
        rule: TipRule,
    },
    /// The rows of a conversation: those that compressions have linked with a row, before and after it.
    Chain {
        /// Any row of the conversation.
        session: StoredId,
    },
    /// The sessions whose row is open, oldest first.
    Open,
    /// What earlier processes have left: open rows, and halves of rotations.
    Left,
    /// Root sessions and branches, a compressed chain as its tip; none that a tool made for itself.
    List {
        /// The most entries of the list.
        limit: u32,
        /// The order of the list.
        order: ListOrder,
        /// Which children continue a parent.
        rule: TipRule,
    },
}

/// An answer to a [`Read`].
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The answer to [`Read::Session`] and [`Read::Titled`]: the row, or `None`.
    Session(Option<SessionRow>),
    /// The answer to [`Read::Messages`]: active messages, oldest first.
    Messages(Vec<MessageRow>),
    /// The answer to [`Read::Inputs`] and [`Read::Input`]: what waits, oldest first.
    Inputs(Vec<NewInput>),
    /// The answer to [`Read::Keyed`]: the stored answer, or `None`.
    Keyed(Option<KeyedAnswer>),
    /// The answer to [`Read::Tip`]: the newest continuation.
    Tip(StoredId),
    /// The answer to [`Read::Chain`]: ids in the order in which the rows were inserted; none if there is no such row.
    Chain(Vec<StoredId>),
    /// The answer to [`Read::Open`]: open rows, oldest first.
    Open(Vec<SessionRow>),
    /// The answer to [`Read::Left`].
    Left(Left),
    /// The answer to [`Read::List`]: entries in the order that was asked for.
    List(Vec<ListedRow>),
}

/// What earlier processes have left, each in the order in which the rows were inserted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Left {
    /// The rows without an end.
    pub open: Vec<SessionRow>,
    /// The rows that a compression has ended and that no row continues, as a release leaves them that does not rotate in one
    /// transaction.
    pub halves: Vec<SessionRow>,
}

/// The order of a list. Where it does not decide, the latest start does, then the highest id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrder {
    /// The latest activity of the chain first: its last message, else its last start.
    Activity,
    /// The latest start of the root first.
    Start,
}

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedRow {
    /// The root's row, with id, end, counts and title of its chain's tip.
    pub row: SessionRow,
    /// The beginning of the tip's first message of the user.
    pub preview: Option<String>,
    /// When the chain got its last message, or its last row began.
    pub last_active: Wall,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written: the caller may try again.
    #[error("nothing was written: {cause}")]
    NotWritten {
        /// The database's error as text.
        cause: String,
    },
    /// The answer was lost: the transaction may have been committed.
    #[error("unknown whether it was written: {cause}")]
    Unknown {
        /// The reason why the answer is missing.
        cause: String,
    },
    /// Another session has this title. Nothing was written.
    #[error("the title is already in use")]
    TitleTaken,
    /// A message for a session without a row. Nothing was written.
    #[error("the session has no row")]
    NoSession,
    /// The store is closed. Nothing was written.
    #[error("the store is closed")]
    Closed,
}
