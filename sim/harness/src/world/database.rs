//! The database that is reused from run to run, and a recording of its calls for benchmarks.

use std::cell::RefCell;
use std::rc::Rc;

use gateway_core::store::{Found, Read, StoreError, Write, Written};
use gateway_sqlite::{Database, Dump};

/// A database that is reused from run to run.
pub(crate) type SharedDatabase = Rc<RefCell<ReusedDatabase>>;

/// The production database, and the calls since `note_calls`.
pub(crate) struct ReusedDatabase {
    database: Database,
    calls: Option<Vec<Call>>,
}

/// The store calls of a run, in order.
pub struct Calls(Vec<Call>);

enum Call {
    Write(Box<Write>),
    Read(Read),
}

impl ReusedDatabase {
    pub(crate) fn new(database: Database) -> SharedDatabase {
        Rc::new(RefCell::new(Self { database, calls: None }))
    }

    /// Starts to record calls.
    pub(crate) fn note_calls(&mut self) {
        self.calls = Some(Vec::new());
    }

    /// Ends the recording and returns the calls.
    pub(crate) fn take_calls(&mut self) -> Calls {
        Calls(self.calls.take().unwrap_or_default())
    }

    pub(crate) fn write(&mut self, write: &Write) -> Result<Written, StoreError> {
        if let Some(calls) = &mut self.calls {
            calls.push(Call::Write(Box::new(write.clone())));
        }
        self.database.write(write)
    }

    pub(crate) fn read(&mut self, read: &Read) -> Result<Found, StoreError> {
        if let Some(calls) = &mut self.calls {
            calls.push(Call::Read(read.clone()));
        }
        self.database.read(read)
    }

    /// Inserts the rows that the database has before the first process starts.
    pub(crate) fn insert(&mut self, rows: &Dump) -> Result<(), StoreError> {
        self.database.insert(rows)
    }

    pub(crate) fn reset(&mut self) -> Result<(), StoreError> {
        self.database.reset()
    }

    pub(crate) fn dump(&self) -> Result<Dump, StoreError> {
        self.database.dump()
    }
}

impl Calls {
    /// The number of calls.
    #[expect(clippy::len_without_is_empty, reason = "a run without a call is nothing to measure")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Repeats the calls on an empty database and ignores their results.
    pub fn carry_out(&self, database: &mut Database) {
        for call in &self.0 {
            match call {
                Call::Write(write) => drop(database.write(write)),
                Call::Read(read) => drop(database.read(read)),
            }
        }
    }
}
