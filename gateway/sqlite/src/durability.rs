//! Settings that decide what is left of a commit after a loss of power.

use rusqlite::Connection;

/// How a database keeps what was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durability {
    /// Where a transaction is kept until it is in the database file.
    pub journal: Journal,
    /// When SQLite waits for the disk.
    pub synchronous: Synchronous,
    /// The number of pages in the WAL at which a commit moves them to the database file; 0 for never.
    pub checkpoint_pages: u32,
}

/// SQLite's `journal_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// Appends new pages to a log beside the file, so that readers do not wait for a writer.
    Wal,
    /// Saves the old pages in a journal, which is deleted at the commit. SQLite uses it where a WAL is impossible.
    Delete,
}

/// SQLite's `synchronous`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Never waits: a loss of power may leave a malformed file.
    Off,
    /// In a WAL, waits only before its pages are moved: a loss of power may take the last commits.
    Normal,
    /// Waits for each commit, but not for the removal of a journal: without a WAL, a loss of power may take the last commit.
    Full,
    /// Waits for each commit, and in the folder for the removal of a journal.
    Extra,
}

impl Durability {
    /// The settings of the served gateway: what was answered as stored survives a loss of power, with and without a WAL.
    pub const SERVED: Self = Self { journal: Journal::Wal, synchronous: Synchronous::Extra, checkpoint_pages: 1000 };

    /// Sets how commits wait for the disk. Changes nothing in the file.
    pub(super) fn apply_waits(self, connection: &Connection) -> rusqlite::Result<()> {
        let synchronous = match self.synchronous {
            Synchronous::Off => "off",
            Synchronous::Normal => "normal",
            Synchronous::Full => "full",
            Synchronous::Extra => "extra",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", self.checkpoint_pages, |_| Ok(()))
    }

    /// Sets the journal mode, which changes the file. Where a WAL is impossible (in memory, on a network) SQLite keeps and
    /// returns its previous mode, which is no error.
    pub(super) fn apply_journal(self, connection: &Connection) -> rusqlite::Result<()> {
        let journal = match self.journal {
            Journal::Wal => "wal",
            Journal::Delete => "delete",
        };
        connection.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(()))
    }
}
