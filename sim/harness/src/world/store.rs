//! The simulated store: the production SQLite code on a database in memory, behind schedule points.
//!
//! Writes go through one task, `store/writer`, in the order of their calls, as in production through one thread. Reads
//! go through another task, `store/reader`. Each step of these tasks is a choice among the ready tasks. The scenario
//! may set a latency before a commit and one before its answer. The faults are in `fault`.

mod touched;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use gateway_core::clock::{Clock, Millis, Uptime};
use gateway_core::store::{Found, Pending, Read, Store, StoreError, StoredId, Write, Written};
use gateway_sqlite::Dump;
use tokio::sync::{mpsc, oneshot};

use super::SimContext;
use super::database::{PowerLoss, SharedDatabase};
use super::fault::Faults;
use super::mirror::{Changed, Mirror, Why};
use crate::footprint::Resource;
use crate::story::Skipped;
use crate::task::{Role, TaskTag};
use crate::trace::{NotedLoss, Site, StoreCall};
use sim_scenario::{Fault, Latency, StoreSettings};

/// The store of a run.
pub(crate) struct SimStore {
    /// The queues of the workers; none while the gateway is down.
    queues: RefCell<Option<Queues>>,
    workers: Rc<Workers>,
    mirror: Rc<RefCell<Mirror>>,
    revision: Rc<Cell<u64>>,
    database: SharedDatabase,
}

struct Queues {
    writes: mpsc::UnboundedSender<Call<Write, Written>>,
    reads: mpsc::UnboundedSender<Call<Read, Found>>,
}

/// A call and the channel for its answer.
struct Call<Q, A> {
    question: Q,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

struct Workers {
    context: Rc<SimContext>,
    database: SharedDatabase,
    before_commit: Latency,
    after_commit: Latency,
    after_lookup: Latency,
    faults: Faults,
    mirror: Rc<RefCell<Mirror>>,
    revision: Rc<Cell<u64>>,
    /// How long a write waits for a lock of another process.
    busy_wait: Cell<Millis>,
    /// The losses of power, oldest first.
    power_losses: RefCell<Vec<NotedLoss>>,
    /// When the last transaction was committed.
    last_commit_at: Cell<Option<Uptime>>,
    /// Kills the process; none until the process exists.
    kill: RefCell<Option<Rc<dyn Fn()>>>,
}

impl SimStore {
    /// The scripted faults by which no call has failed.
    pub(crate) fn skipped_faults(&self) -> Vec<Skipped> {
        self.workers.faults.skipped()
    }

    pub(crate) fn new(
        context: Rc<SimContext>,
        settings: &StoreSettings,
        promised_wait: Millis,
        database: SharedDatabase,
    ) -> Rc<Self> {
        let (mirror, revision) = (Rc::<RefCell<Mirror>>::default(), Rc::<Cell<u64>>::default());
        let workers = Rc::new(Workers {
            context: Rc::clone(&context),
            database: Rc::clone(&database),
            before_commit: settings.before_commit,
            after_commit: settings.after_commit,
            after_lookup: settings.after_lookup,
            faults: Faults::new(Rc::clone(&context), settings, promised_wait),
            mirror: Rc::clone(&mirror),
            revision: Rc::clone(&revision),
            busy_wait: Cell::default(),
            power_losses: RefCell::default(),
            last_commit_at: Cell::default(),
            kill: RefCell::default(),
        });
        let store = Self { queues: RefCell::default(), workers, mirror, revision, database };
        store.open();
        Rc::new(store)
    }

    /// Opens the database for a new process.
    pub(crate) fn open(&self) {
        let (writes, written) = mpsc::unbounded_channel();
        let (reads, asked) = mpsc::unbounded_channel();
        let pool = &self.workers.context.pool;
        let workers = || Rc::clone(&self.workers);
        pool.spawn(TaskTag::new("store", Role::StoreWriter).task(), Box::pin(workers().write(written)));
        pool.spawn(TaskTag::new("store", Role::StoreReader).task(), Box::pin(workers().read(asked)));
        *self.queues.borrow_mut() = Some(Queues { writes, reads });
        self.mirror.borrow_mut().note_start();
    }

    /// Closes the store with the process. Queued calls and uncommitted writes are lost.
    pub(crate) fn sever(&self) {
        *self.queues.borrow_mut() = None;
        self.workers.context.pool.cancel(|task| task.tag.role.is_store());
    }

    /// Sets the function that kills the process, for a crash at a call.
    pub(crate) fn crashes_by(&self, kill: Rc<dyn Fn()>) {
        *self.workers.kill.borrow_mut() = Some(kill);
    }

    /// Sets how long a write waits for a lock of another process.
    pub(crate) fn wait_while_busy(&self, wait: Millis) {
        self.workers.busy_wait.set(wait);
    }

    /// When a call last failed for another reason than a lock that the gateway promises to wait out.
    pub(crate) fn broken_at(&self) -> Option<Uptime> {
        self.workers.faults.broken_at()
    }

    /// How long writes have waited, or are waiting, for a lock of another process.
    pub(crate) fn waited(&self) -> Millis {
        self.workers.faults.waited()
    }

    /// The model of the rows after the committed writes.
    pub(crate) fn mirror(&self) -> std::cell::Ref<'_, Mirror> {
        self.mirror.borrow()
    }

    /// What writes have changed since the last call.
    pub(crate) fn take_changed(&self) -> Changed {
        self.mirror.borrow_mut().take_changed()
    }

    /// Records that another program inserts this row without a parent.
    pub(crate) fn note_elsewhere(&self, id: StoredId) {
        self.workers.context.footprints.write(|| Resource::Rows);
        self.mirror.borrow_mut().note_elsewhere(id);
    }

    /// Puts the rows into the empty database that it has before the first process starts.
    ///
    /// # Panics
    /// When the tables do not take them.
    pub(crate) fn begin_with(&self, rows: &Dump) {
        self.database.borrow_mut().insert(rows).expect("checked rows fit into an empty database");
        self.mirror.borrow_mut().begin_with(rows);
    }

    /// Commits a write of another program, on a connection of its own and between two steps of the gateway.
    pub(crate) fn write_elsewhere(&self, write: &Write) -> Result<Written, StoreError> {
        self.workers.commit(write)
    }

    /// Records that the clock was set back.
    pub(crate) fn note_set_back(&self) {
        self.mirror.borrow_mut().note_set_back();
    }

    /// All rows of the database.
    pub(crate) fn dump(&self) -> Result<Dump, StoreError> {
        self.database.borrow().dump()
    }

    /// The losses of power, oldest first.
    pub(crate) fn power_losses(&self) -> Vec<NotedLoss> {
        self.workers.power_losses.borrow().clone()
    }

    /// The calls that a fault could have hit, in their order.
    pub(crate) fn calls(&self) -> Vec<StoreCall> {
        self.workers.faults.calls()
    }

    /// The number of committed transactions and faults.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.get() + self.injected_faults()
    }

    /// When the last transaction was committed.
    pub(crate) fn last_commit_at(&self) -> Option<Uptime> {
        self.workers.last_commit_at.get()
    }

    /// The number of calls that were refused or delayed, or lost their answer.
    pub(crate) fn injected_faults(&self) -> u64 {
        self.workers.faults.injected_faults()
    }
}

impl Store for SimStore {
    fn write(&self, write: Write) -> Pending<Written> {
        self.workers.context.footprints.write(|| Resource::Writes);
        call(self.queues.borrow().as_ref().map(|queues| &queues.writes), write)
    }

    fn read(&self, read: Read) -> Pending<Found> {
        self.workers.context.footprints.write(|| Resource::Reads);
        call(self.queues.borrow().as_ref().map(|queues| &queues.reads), read)
    }
}

/// Enqueues the call at once. The future waits for the answer only.
fn call<Q, A: 'static>(queue: Option<&mpsc::UnboundedSender<Call<Q, A>>>, question: Q) -> Pending<A> {
    let (answer, answered) = oneshot::channel();
    let queued = queue.is_some_and(|queue| queue.send(Call { question, answer }).is_ok());
    Box::pin(async move {
        if !queued {
            return Err(StoreError::Closed);
        }
        answered.await.map_err(|_| StoreError::Closed)?
    })
}

/// The SQLite message of a failing disk.
const BROKEN: &str = "disk I/O error";

/// That of a disk without space.
const FULL: &str = "database or disk is full";

impl Workers {
    async fn write(self: Rc<Self>, mut calls: mpsc::UnboundedReceiver<Call<Write, Written>>) {
        while let Some(Call { question, answer }) = calls.recv().await {
            self.context.footprints.write(|| Resource::Writes);
            self.pass("store.before_commit", self.before_commit).await;
            let result = self.carry_out(&question).await;
            self.reply("store.after_commit", self.after_commit, answer, result);
        }
    }

    /// Commits a write unless a fault is injected, and sends the answer.
    async fn carry_out(&self, write: &Write) -> Result<Written, StoreError> {
        let fault = self.faults.on_write(write);
        let held = self.faults.held_for();
        if fault.is_some() || held > Millis::ZERO {
            self.faults.count_fault();
        }
        if held > Millis::ZERO {
            let wait = held.min(self.busy_wait.get());
            self.faults.count_wait(wait);
            self.context.clock.sleep_until(self.context.now() + wait).await;
        }
        if fault == Some(Fault::Crash) {
            self.context.enter(Site::Commit, format!("{write:?} -> the process crashes"));
            self.crash().await;
        }
        if let Some(Fault::Power { change }) = fault {
            self.lose_power(write, change);
            self.crash().await;
        }
        let refused = match fault {
            _ if held > self.busy_wait.get() => Some("database is locked"),
            Some(Fault::Error) => Some(BROKEN),
            Some(Fault::Full) => Some(FULL),
            _ => None,
        };
        if let Some(cause) = refused {
            let refused = Err(StoreError::NotWritten { cause: cause.to_owned() });
            self.context.enter(Site::Commit, format!("{write:?} -> {refused:?}"));
            let is_failure = matches!(fault, Some(Fault::Error | Fault::Full)) || held > self.faults.promised_wait();
            if is_failure {
                self.faults.note_broken();
            }
            let why = if is_failure { Why::Failure } else { Why::ShortLock };
            self.mirror.borrow_mut().note_refused(write, why, self.context.now());
            return refused;
        }
        if fault == Some(Fault::Sync) {
            return self.fail_sync(write);
        }
        let before = self.database.borrow().changes();
        let committed = self.commit(write);
        self.faults.note_changes(self.database.borrow().changes().saturating_sub(before));
        match fault {
            Some(Fault::CrashAfter) => {
                self.context.enter(Site::Commit, "the process crashes before its answer".to_owned());
                self.crash().await;
                committed
            }
            Some(Fault::Lost) => {
                self.faults.note_broken();
                let lost = Err(StoreError::Unknown { cause: BROKEN.to_owned() });
                self.context.enter(Site::Commit, format!("its answer is lost: {lost:?}"));
                lost
            }
            _ => committed,
        }
    }

    /// The sync of a commit fails, and the write is in the rows or not.
    fn fail_sync(&self, write: &Write) -> Result<Written, StoreError> {
        self.faults.note_broken();
        let lost = Err(StoreError::Unknown { cause: BROKEN.to_owned() });
        match self.context.chooser.choose("store.sync", &["not written", "written"]) {
            0 => {
                self.context.enter(Site::Commit, format!("{write:?} -> {lost:?}, and it is not written"));
                self.mirror.borrow_mut().note_refused(write, Why::Failure, self.context.now());
            }
            _ => drop(self.commit(write)),
        }
        lost
    }

    /// A task of its own kills the process, because the kill cancels this one.
    async fn crash(&self) {
        let kill = self.kill.borrow().clone();
        if let Some(kill) = kill {
            self.context.pool.spawn(TaskTag::alone(Role::Crash).task(), Box::pin(async move { kill() }));
            pending::<()>().await;
        }
    }

    /// The power is lost in a write, and comes back before the process does.
    fn lose_power(&self, write: &Write, change: u32) {
        touched::by_commit(&self.context.footprints, &self.mirror.borrow(), write);
        self.mirror.borrow_mut().note_attempt(write, self.context.now());
        let lost = self.database.borrow_mut().lose_power(write, change, &mut &*self.context.chooser);
        let PowerLoss { written, in_write, complaint } = lost;
        let left = if written.is_some() { "written" } else { "not written" };
        let sound = complaint.as_deref().unwrap_or("the file is sound");
        self.context.enter(Site::Commit, format!("{write:?} -> the power is lost: {left}, {sound}"));
        if let Some(written) = &written {
            self.note_commit(write, written);
        }
        self.power_losses.borrow_mut().push(NotedLoss { at: self.context.now(), in_write, complaint });
    }

    fn note_commit(&self, write: &Write, written: &Written) {
        self.mirror.borrow_mut().apply(write, written, self.context.now());
        self.revision.set(self.revision.get() + 1);
        self.last_commit_at.set(Some(self.context.now()));
    }

    fn commit(&self, write: &Write) -> Result<Written, StoreError> {
        touched::by_commit(&self.context.footprints, &self.mirror.borrow(), write);
        self.mirror.borrow_mut().note_attempt(write, self.context.now());
        let result = self.database.borrow_mut().write(write);
        self.context.enter(Site::Commit, format!("{write:?} -> {result:?}"));
        match &result {
            Ok(written) => self.note_commit(write, written),
            Err(_) => self.mirror.borrow_mut().note_refused(write, Why::Failure, self.context.now()),
        }
        result
    }

    async fn read(self: Rc<Self>, mut calls: mpsc::UnboundedReceiver<Call<Read, Found>>) {
        while let Some(Call { question, answer }) = calls.recv().await {
            self.context.footprints.write(|| Resource::Reads);
            touched::by_lookup(&self.context.footprints, &self.mirror.borrow(), &question);
            let fault = self.faults.on_read(&question);
            if fault == Some(Fault::Crash) {
                self.faults.count_fault();
                self.context.enter(Site::Lookup, format!("{question:?} -> the process crashes"));
                self.crash().await;
            }
            let result = match fault {
                None => self.database.borrow_mut().read(&question),
                Some(_) => {
                    self.faults.count_fault();
                    self.faults.note_broken();
                    Err(StoreError::NotWritten { cause: BROKEN.to_owned() })
                }
            };
            self.context.enter(Site::Lookup, format!("{question:?} -> {result:?}"));
            self.reply("store.after_lookup", self.after_lookup, answer, result);
        }
    }

    /// Sends the answer now or after a latency, which delays neither other commits nor other reads.
    fn reply<A: 'static>(
        &self,
        site: &str,
        range: Latency,
        answer: oneshot::Sender<Result<A, StoreError>>,
        result: Result<A, StoreError>,
    ) {
        let length = self.context.latency(site, range);
        if length == Millis::ZERO {
            // The caller may have been cancelled.
            let _ = answer.send(result);
            return;
        }
        let due = self.context.clock.sleep_until(self.context.now() + length);
        let late = async move {
            due.await;
            let _ = answer.send(result);
        };
        self.context.pool.spawn(TaskTag::new("store", Role::StoreAnswer).task(), Box::pin(late));
    }

    async fn pass(&self, site: &str, range: Latency) {
        let length = self.context.latency(site, range);
        if length > Millis::ZERO {
            self.context.clock.sleep_until(self.context.now() + length).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::store::contract;
    use gateway_sqlite::Database;

    use super::super::Chooser;
    use super::super::database::ReusedDatabase;
    use super::*;
    use interleaving::Progress;
    use interleaving::strategy::{Fifo, Random, Strategy};

    /// Runs the contract of every store on this one, with latencies before and after each commit.
    fn check(strategy: Box<dyn Strategy>) {
        let range = Latency { min: Millis::ZERO, max: Millis(9) };
        let settings = StoreSettings {
            before_commit: range,
            after_commit: range,
            after_lookup: range,
            ..StoreSettings::default()
        };
        interleaving::block_on(async {
            let context = SimContext::new(Chooser::new(strategy));
            let held = Rc::<Cell<bool>>::default();
            let (done, shared) = (Rc::clone(&held), Rc::clone(&context));
            let suite = async move {
                contract::holds(async || {
                    let database = Database::in_memory().expect("a database in memory");
                    SimStore::new(Rc::clone(&shared), &settings, Millis::ZERO, ReusedDatabase::new(database))
                })
                .await;
                done.set(true);
            };
            context.pool.spawn(TaskTag::alone(Role::Script).task(), Box::pin(suite));
            loop {
                match (context.pool.step(), context.clock.next()) {
                    (Progress::Ran, _) => {}
                    (Progress::Panicked { message, .. }, _) => panic!("{message}"),
                    (Progress::LeftOff, _) => unreachable!("neither strategy leaves a run off"),
                    (Progress::Idle, Some(next)) => context.clock.jump(next).await,
                    (Progress::Idle, None) => break,
                }
            }
            context.pool.cancel(|_| true);
            assert!(held.get(), "the suite runs to its end");
        });
    }

    /// The simulated store keeps the contract of the production store under every schedule.
    #[test]
    fn the_contract_of_stores_holds() {
        check(Box::new(Fifo));
        for seed in 0..50 {
            check(Box::new(Random::new(seed)));
        }
    }
}
