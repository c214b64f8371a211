//! The database that is reused from run to run, on a disk where a run loses the power, and a recording of its calls for
//! benchmarks.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use gateway_core::store::{Found, Read, StoreError, Write, Written};
use gateway_sqlite::{Database, Dump, Durability};
use sim_disk::{Choose, Disk, Moment};
use sim_scenario::{Journal, StoreSettings, Synchronous};

/// A database that is reused from run to run.
pub(crate) type SharedDatabase = Rc<RefCell<ReusedDatabase>>;

/// The production database, and the calls since `note_calls`.
pub(crate) struct ReusedDatabase {
    /// The database in memory.
    memory: Database,
    /// The database of a run that loses the power.
    on_disk: Option<OnDisk>,
    /// The disk of such runs. SQLite keeps some bytes of each disk for ever, so one is used again.
    disk: Option<Rc<Disk>>,
    calls: Option<Vec<Call>>,
}

/// A database on a disk.
struct OnDisk {
    disk: Rc<Disk>,
    durability: Durability,
    database: Database,
}

/// What a loss of power in a write has left.
pub(crate) struct PowerLoss {
    /// What the write would have answered, if it is in the rows nevertheless.
    pub(crate) written: Option<Written>,
    /// Whether the power was lost in the write, and not only after it.
    pub(crate) in_write: bool,
    /// What is wrong with the file or the rows.
    pub(crate) complaint: Option<String>,
}

/// The name of the database on the disk.
const NAME: &str = "state.db";

/// The store calls of a run, in order.
pub struct Calls(Vec<Call>);

enum Call {
    Write(Box<Write>),
    Read(Read),
}

impl ReusedDatabase {
    pub(crate) fn new(database: Database) -> SharedDatabase {
        Rc::new(RefCell::new(Self { memory: database, on_disk: None, disk: None, calls: None }))
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
        self.database().write(write)
    }

    pub(crate) fn read(&mut self, read: &Read) -> Result<Found, StoreError> {
        if let Some(calls) = &mut self.calls {
            calls.push(Call::Read(read.clone()));
        }
        self.database().read(read)
    }

    /// Inserts the rows that the database has before the first process starts.
    pub(crate) fn insert(&mut self, rows: &Dump) -> Result<(), StoreError> {
        self.database().insert(rows)
    }

    /// Empties the database, and puts it on a disk if the run loses the power.
    pub(crate) fn reset(&mut self, settings: &StoreSettings) -> Result<(), StoreError> {
        self.on_disk = None;
        if !settings.loses_power() {
            return self.memory.reset();
        }
        let disk = Rc::clone(self.disk.get_or_insert_default());
        disk.clear();
        let durability = Durability {
            synchronous: synchronous(settings.synchronous),
            journal: journal(settings.journal),
            ..Durability::SERVED
        };
        let database = open(&disk, durability).map_err(|cause| StoreError::NotWritten { cause })?;
        self.on_disk = Some(OnDisk { disk, durability, database });
        Ok(())
    }

    pub(crate) fn dump(&self) -> Result<Dump, StoreError> {
        self.on_disk.as_ref().map_or(&self.memory, |on_disk| &on_disk.database).dump()
    }

    /// How often the disk was changed, if there is one.
    pub(crate) fn changes(&self) -> u32 {
        let effects = self.on_disk.as_ref().map_or(0, |on_disk| on_disk.disk.effects());
        u32::try_from(effects).unwrap_or(u32::MAX)
    }

    /// Writes, and loses the power instead of a change of the disk, counted from 1; if the write makes fewer, after it.
    /// The database is opened again as soon as the power is back. `choose` decides what survives of what was not synced.
    ///
    /// # Panics
    /// When the database is in memory.
    pub(crate) fn lose_power(&mut self, write: &Write, change: u32, choose: &mut dyn Choose) -> PowerLoss {
        let OnDisk { disk, durability, mut database } =
            self.on_disk.take().expect("a run that loses the power has a disk");
        let before = database.dump().expect("a disk with power can be read");
        let rehearsed = database.rehearse(write).ok();
        disk.lose_power_at(u64::from(change - 1), Moment::Before);
        let answer = database.write(write);
        let in_write = !disk.has_power();
        // To close the database is to change the disk.
        disk.lose_power_at(0, Moment::Before);
        drop(database);
        disk.restore_power(choose);
        let (database, recovered) = match open(&disk, durability) {
            Ok(database) => (database, None),
            // The run goes on with an empty database.
            Err(cause) => {
                disk.clear();
                (open(&disk, durability).expect("an empty disk takes a database"), Some(cause))
            }
        };
        let found = database.dump();
        let is_there = |dump: &Dump| found.as_ref().is_ok_and(|found| found == dump);
        let written = rehearsed.filter(|(_, after)| is_there(after) && (!is_there(&before) || answer.is_ok()));
        let is_kept = written.is_some() || (answer.is_err() && is_there(&before));
        let complaint = recovered
            .or_else(|| {
                database.complaints().map_or_else(|error| Some(error.to_string()), |found| found.into_iter().next())
            })
            .or_else(|| (!is_kept).then(|| "the rows are not those of the committed writes".to_owned()));
        self.on_disk = Some(OnDisk { disk, durability, database });
        PowerLoss { written: written.map(|(written, _)| written), in_write, complaint }
    }

    fn database(&mut self) -> &mut Database {
        self.on_disk.as_mut().map_or(&mut self.memory, |on_disk| &mut on_disk.database)
    }
}

fn open(disk: &Disk, durability: Durability) -> Result<Database, String> {
    Database::open_on(Path::new(NAME), disk.vfs(), durability).map_err(|error| error.to_string())
}

fn synchronous(setting: Synchronous) -> gateway_sqlite::Synchronous {
    match setting {
        Synchronous::Off => gateway_sqlite::Synchronous::Off,
        Synchronous::Normal => gateway_sqlite::Synchronous::Normal,
        Synchronous::Full => gateway_sqlite::Synchronous::Full,
        Synchronous::Extra => gateway_sqlite::Synchronous::Extra,
    }
}

fn journal(setting: Journal) -> gateway_sqlite::Journal {
    match setting {
        Journal::Wal => gateway_sqlite::Journal::Wal,
        Journal::Delete => gateway_sqlite::Journal::Delete,
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
