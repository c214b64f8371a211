//! Losses of power under the store of the gateway.
//!
//! A run opens a database on an empty disk, writes with the production code, and loses the power several times: in the middle
//! of a transaction, between two, while the database is opened, closed or recovered. After each loss the file must be sound, and
//! its rows must be those of every write that was answered, and either none or all of the one that was not.

mod workload;

use std::fmt;
use std::path::Path;

use gateway_core::store::{StoreError, Write, Written};
use gateway_sqlite::{Database, Dump, Durability};
use interleaving::Prng;

use crate::choose::Choose;
use crate::content::Lost;
use crate::disk::Disk;
use crate::fault::Moment;
use crate::volume::Honesty;
use workload::Workload;

/// What a campaign runs with. The default is right; each other value is the served setting or a plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The settings of the database.
    pub durability: Durability,
    /// Whether the disk keeps what it promises.
    pub honesty: Honesty,
    /// When a write counts as answered.
    pub reply: Reply,
}

/// When a write counts as answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// After its commit.
    AfterCommit,
    /// A plant: before its commit.
    BeforeCommit,
}

/// Runs the losses of one setting, on one disk.
pub struct Campaign {
    settings: Settings,
    disk: Disk,
    /// The rows as they must be: every answered write, on a database in memory.
    expected: Database,
}

/// What happened in a number of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Losses of power.
    pub losses: u64,
    /// Losses that met a call in progress.
    pub in_a_call: u64,
    /// Losses while the database was recovered from another one.
    pub in_recovery: u64,
    /// Losses after which some unsynced change of a file or of a name was gone.
    pub with_damage: u64,
    /// Unanswered transactions that were there after all.
    pub survived: u64,
    /// Answered transactions.
    pub answered: u64,
}

/// What a loss of power must not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the loss in the run, from 0.
    pub loss: u64,
    /// What was found.
    pub found: Found,
}

/// What was found after a loss of power, or in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The database cannot be opened, read or closed: SQLite's message.
    Unusable(String),
    /// SQLite's complaints about the file.
    Malformed(Vec<String>),
    /// The rows are neither those of all answered writes nor those with the unanswered transaction.
    WrongRows {
        /// How many rows there must be: sessions, messages.
        expected: (usize, usize),
        /// How many rows there are.
        found: (usize, usize),
    },
    /// A write was answered differently on the disk and in memory, although there was power.
    WrongAnswer(String),
}

/// The losses of one run: later ones meet a file that has survived others.
pub const LOSSES: u64 = 8;

const NAME: &str = "state.db";

/// The largest number of effects that pass before a loss in a transaction, in a recovery, and in a closing.
const EFFECTS_MAX: usize = 48;

impl Default for Settings {
    fn default() -> Self {
        Self { durability: Durability::SERVED, honesty: Honesty::Honest, reply: Reply::AfterCommit }
    }
}

impl Campaign {
    /// A campaign with these settings.
    ///
    /// # Panics
    /// When SQLite cannot open a database in memory.
    pub fn new(settings: Settings) -> Self {
        let expected = Database::in_memory().expect("a database in memory");
        let disk = Disk::new();
        disk.plant(settings.honesty);
        Self { settings, disk, expected }
    }

    /// Runs the [`LOSSES`] losses of a seed, and adds to `tally`. `choose` decides what survives.
    pub fn run(&mut self, seed: u64, choose: &mut dyn Choose, tally: &mut Tally) -> Result<(), Violation> {
        let mut number = 0;
        self.losses(seed, choose, tally, &mut number).map_err(|found| Violation { seed, loss: number, found })
    }

    fn losses(&mut self, seed: u64, choose: &mut dyn Choose, tally: &mut Tally, number: &mut u64) -> Result<(), Found> {
        self.disk.clear();
        self.expected.reset().map_err(unusable)?;
        let mut prng = Prng::stream(seed, "campaign");
        let mut workload = Workload::new(seed);
        let mut database = self.create(&mut prng)?;
        while *number < LOSSES {
            let pending = match database {
                Some(database) => self.live(database, &mut workload, &mut prng, tally)?,
                None => None,
            };
            self.lose(choose, tally);
            let recovered = self.recover(&mut prng, choose, tally)?;
            self.judge(&recovered, pending.as_deref(), tally)?;
            database = Some(recovered);
            *number += 1;
        }
        Ok(())
    }

    /// Creates the database; `None` if the power was lost meanwhile.
    fn create(&self, prng: &mut Prng) -> Result<Option<Database>, Found> {
        if prng.hits(1, 4) {
            self.plan(prng, 4 * EFFECTS_MAX);
        }
        self.open()
    }

    /// One life of the process: some transactions, then it is closed. Returns the transaction that was not answered.
    fn live(
        &mut self,
        mut database: Database,
        workload: &mut Workload,
        prng: &mut Prng,
        tally: &mut Tally,
    ) -> Result<Option<Vec<Write>>, Found> {
        let count = 1 + prng.below(8);
        let fatal = prng.below(count + 1);
        for number in 0..count {
            if number == fatal {
                self.plan(prng, EFFECTS_MAX);
            }
            let writes = workload.transaction();
            let before = (self.settings.reply == Reply::BeforeCommit).then(|| self.expect(&writes));
            let answers = database.write_all(&writes.iter().collect::<Vec<_>>());
            if !self.disk.has_power() {
                return Ok(before.is_none().then_some(writes));
            }
            tally.answered += 1;
            let expected = before.unwrap_or_else(|| self.expect(&writes));
            if answers != expected {
                return Err(Found::WrongAnswer(format!("{answers:?} instead of {expected:?}")));
            }
        }
        if fatal == count {
            self.plan(prng, EFFECTS_MAX / 4);
        }
        // Closing moves the pages of the WAL to the file, and deletes the WAL.
        drop(database);
        Ok(None)
    }

    fn lose(&self, choose: &mut dyn Choose, tally: &mut Tally) {
        tally.losses += 1;
        tally.in_a_call += u64::from(!self.disk.has_power());
        let Lost { files, names, .. } = self.disk.restore_power(choose);
        tally.with_damage += u64::from(files + names > 0);
    }

    /// Opens the database after a loss; the power may be lost again meanwhile.
    fn recover(&self, prng: &mut Prng, choose: &mut dyn Choose, tally: &mut Tally) -> Result<Database, Found> {
        if prng.hits(1, 4) {
            self.plan(prng, EFFECTS_MAX / 4);
        }
        loop {
            if let Some(database) = self.open()? {
                self.disk.keep_power();
                return Ok(database);
            }
            tally.in_recovery += 1;
            self.lose(choose, tally);
        }
    }

    /// Compares the rows with those of the answered writes, without and with the unanswered ones.
    fn judge(&mut self, database: &Database, pending: Option<&[Write]>, tally: &mut Tally) -> Result<(), Found> {
        let complaints = database.complaints().map_err(unusable)?;
        if !complaints.is_empty() {
            return Err(Found::Malformed(complaints));
        }
        let found = database.dump().map_err(unusable)?;
        let expected = self.expected.dump().map_err(unusable)?;
        if found == expected {
            return Ok(());
        }
        if let Some(writes) = pending {
            self.expect(writes);
            if found == self.expected.dump().map_err(unusable)? {
                tally.survived += 1;
                return Ok(());
            }
        }
        Err(Found::WrongRows { expected: sizes(&expected), found: sizes(&found) })
    }

    fn plan(&self, prng: &mut Prng, effects: usize) {
        let moment = *prng.one(&[Moment::Before, Moment::After]);
        self.disk.lose_power_at(prng.below(effects) as u64, moment);
    }

    /// Opens the database; `None` if the power was lost meanwhile.
    fn open(&self) -> Result<Option<Database>, Found> {
        match Database::open_on(Path::new(NAME), self.disk.vfs(), self.settings.durability) {
            Ok(database) => Ok(self.disk.has_power().then_some(database)),
            Err(_) if !self.disk.has_power() => Ok(None),
            Err(error) => Err(Found::Unusable(error.to_string())),
        }
    }

    /// Carries the writes out on the database in memory.
    fn expect(&mut self, writes: &[Write]) -> Vec<Result<Written, StoreError>> {
        self.expected.write_all(&writes.iter().collect::<Vec<_>>())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, loss {}: {}", self.seed, self.loss, self.found)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(cause) => write!(f, "the database is unusable: {cause}"),
            Self::Malformed(complaints) => write!(f, "the database is malformed: {}", complaints.join("; ")),
            Self::WrongRows { expected, found } => write!(
                f,
                "wrong rows: {} sessions and {} messages instead of {} and {}",
                found.0, found.1, expected.0, expected.1
            ),
            Self::WrongAnswer(answers) => write!(f, "wrong answers: {answers}"),
        }
    }
}

/// The transactions of a seed, without end: what a campaign writes. For measurements.
pub fn transactions(seed: u64) -> impl Iterator<Item = Vec<Write>> {
    let mut workload = Workload::new(seed);
    std::iter::repeat_with(move || workload.transaction())
}

fn unusable(error: StoreError) -> Found {
    Found::Unusable(error.to_string())
}

fn sizes(dump: &Dump) -> (usize, usize) {
    (dump.sessions.len(), dump.messages.len())
}
