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
    BranchTitle, EndReason, MessageRow, NewMessage, NewSession, Replaced, Role, SessionRow, StoredId, TipRule, Write,
};

/// Keeps rows. The contract, which every implementation is tested on:
///
/// * writes commit in the order of the *calls* to [`write`](Self::write), not of the polls;
/// * a read sees some committed state between its call and its answer;
/// * dropping the returned future does not undo the call, and the answer may come after the caller is gone;
/// * one `Write` is one transaction: all of it or nothing.
pub trait Store {
    /// Carries out one transaction.
    fn write(&self, write: Write) -> Pending<Written>;

    /// Looks rows up.
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
    /// One session row.
    Session {
        /// Its id.
        id: StoredId,
    },
    /// The session row with this title.
    Titled {
        /// The whole title.
        title: String,
    },
    /// A session's active messages, oldest first.
    Messages {
        /// The session.
        session: StoredId,
    },
    /// The newest continuation of a session, itself if it has none.
    Tip {
        /// Where to start.
        session: StoredId,
        /// Which children continue a parent.
        rule: TipRule,
    },
    /// The sessions whose row is open, oldest first.
    Open,
    /// Root sessions and branches, a compressed chain as its tip; none that a tool made for itself.
    List {
        /// How many at the most.
        limit: u32,
        /// Which come first.
        order: ListOrder,
        /// Which children continue a parent.
        rule: TipRule,
    },
}

/// An answer to a [`Read`].
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// To [`Read::Session`] and [`Read::Titled`].
    Session(Option<SessionRow>),
    /// To [`Read::Messages`].
    Messages(Vec<MessageRow>),
    /// To [`Read::Tip`].
    Tip(StoredId),
    /// To [`Read::Open`].
    Open(Vec<SessionRow>),
    /// To [`Read::List`].
    List(Vec<ListedRow>),
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
    /// Nothing was written.
    #[error("nothing was written: {cause}")]
    NotWritten {
        /// The database's error.
        cause: String,
    },
    /// The answer was lost: the transaction may have been committed.
    #[error("unknown whether it was written: {cause}")]
    Unknown {
        /// The database's error.
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
