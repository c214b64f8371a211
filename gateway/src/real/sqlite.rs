//! The production store: a [`Database`] on a thread of its own, so that the gateway never blocks on a disk. For a file a
//! second thread reads, so that a query never waits for a write.

use std::cell::RefCell;
use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::lock::{Gone, Lock};
use gateway_core::store::{Found, NewMessage, Pending, Read, Store, StoreError, Write, Written};
use gateway_sqlite::{Database, OpenError};

/// The most writes of one commit, which bounds the wait of the first of them.
const TOGETHER_MAX: usize = 256;

/// The bytes of waiting writes at which no further one is taken. The last one may have any length.
const QUEUE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A store whose database lives on other threads.
///
/// Writes go through one queue to the writing thread, so commits are in the order of the calls, and dropping an answer does
/// not undo its call. Queries have a queue, a thread and a connection of their own, or share the writer's when the database
/// is in memory. Dropping the store lets the threads finish their queues and end; [`close`](Self::close) also waits for
/// that.
pub struct SqliteThread {
    running: RefCell<Option<Running>>,
}

impl SqliteThread {
    /// Opens the database in the file `path`, then starts the threads.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::start_apart(Database::open(path)?, path, None)
    }

    /// Starts one thread for an open database, for writes and queries.
    pub fn start(database: Database) -> std::io::Result<Self> {
        Ok(Self {
            running: RefCell::new(Some(Running {
                writer: Worker::start("store", database, None)?,
                reader: None,
                waiting: Arc::default(),
            })),
        })
    }

    /// Starts two threads: one writes to `database`, the other reads its file `path`. With a lock of the file, calls are refused
    /// while the path leads to no file or to another one.
    pub fn start_apart(database: Database, path: &Path, lock: Option<Lock>) -> Result<Self, OpenError> {
        let cannot_open = |cause: std::io::Error| OpenError::CannotOpen {
            path: path.to_owned(),
            cause: format!("no thread for it: {cause}"),
        };
        let reading = Database::open_to_read(path)?;
        let lock = lock.map(Arc::new);
        let writer = Worker::start("store", database, lock.clone()).map_err(cannot_open)?;
        let reader = Some(Worker::start("store-reads", reading, lock).map_err(cannot_open)?);
        Ok(Self { running: RefCell::new(Some(Running { writer, reader, waiting: Arc::default() })) })
    }

    /// Accepts no more calls, and blocks until earlier calls are answered and the file is closed. A second close has no
    /// effect.
    ///
    /// # Panics
    ///
    /// With the thread's own panic, if it had one.
    pub fn close(&self) {
        let Some(Running { writer, reader, .. }) = self.running.take() else {
            return;
        };
        // The writer last: the last connection to close checkpoints the WAL, which a read-only one cannot do.
        if let Some(reader) = reader {
            reader.finish();
        }
        writer.finish();
    }

    /// As [`close`](Self::close), but leaves the threads to themselves after `time`. They may wait for a disk or for another
    /// process.
    #[expect(clippy::disallowed_methods, reason = "a deadline of the process")]
    pub async fn close_within(&self, time: Duration) {
        let Some(Running { writer, reader, .. }) = self.running.take() else {
            return;
        };
        let ended = async {
            for worker in reader.into_iter().chain([writer]) {
                drop(worker.jobs);
                // A thread that has panicked has ended too.
                let _ = worker.ended.await;
            }
        };
        let _ = tokio::time::timeout(time, ended).await;
    }

    fn enqueue<T: 'static>(&self, side: Side, job: impl FnOnce(Answer<T>) -> Job) -> Pending<T> {
        let (answer, answered) = oneshot::channel();
        let running = self.running.borrow();
        let worker = running.as_ref().map(|running| match side {
            Side::Write => &running.writer,
            Side::Read => running.reader.as_ref().unwrap_or(&running.writer),
        });
        let taken = worker.is_some_and(|worker| worker.jobs.send(job(answer)).is_ok());
        Box::pin(async move {
            if !taken {
                return Err(StoreError::Closed);
            }
            // Only a panic on the thread loses an answer. Whether the write was committed is unknown then.
            let lost = |_| StoreError::Unknown { cause: "the store's thread has died".to_owned() };
            answered.await.map_err(lost)?
        })
    }
}

impl Store for SqliteThread {
    fn write(&self, write: Write) -> Pending<Written> {
        let running = self.running.borrow().as_ref().map(|running| Arc::clone(&running.waiting));
        let Some(room) = Room::take(&running.unwrap_or_default(), bytes(&write)) else {
            let cause = format!("{} MiB wait to be written already", QUEUE_BYTES_MAX / 1024 / 1024);
            return Box::pin(std::future::ready(Err(StoreError::NotWritten { cause })));
        };
        self.enqueue(Side::Write, |answer| Job::Write(Waiting { write: Box::new(write), answer, _room: room }))
    }

    fn read(&self, read: Read) -> Pending<Found> {
        self.enqueue(Side::Read, |answer| Job::Read(read, answer))
    }
}

struct Running {
    writer: Worker,
    reader: Option<Worker>,
    /// The bytes of the writes that wait.
    waiting: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum Side {
    Write,
    Read,
}

/// A thread and its queue of jobs.
struct Worker {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
    /// Closed when the thread has closed its database.
    ended: oneshot::Receiver<()>,
}

impl Worker {
    #[expect(clippy::disallowed_methods, reason = "the store's threads")]
    fn start(name: &str, database: Database, lock: Option<Arc<Lock>>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let mut file = OwnedFile { database, lock };
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            file.work(&queue);
            drop(file);
            // The other end is gone if nobody waits.
            let _ = end.send(());
        })?;
        Ok(Self { jobs, thread, ended })
    }

    /// Blocks until the queue is empty and the database closed.
    fn finish(self) {
        drop(self.jobs);
        if let Err(cause) = self.thread.join() {
            panic::resume_unwind(cause);
        }
    }
}

enum Job {
    Write(Waiting),
    Read(Read, Answer<Found>),
}

/// A write that waits for its turn.
struct Waiting {
    write: Box<Write>,
    answer: Answer<Written>,
    _room: Room,
}

/// The bytes that a write occupies in the queue, until it is dropped.
struct Room {
    bytes: usize,
    waiting: Arc<AtomicUsize>,
}

impl Room {
    /// `None` if there is no room.
    fn take(waiting: &Arc<AtomicUsize>, bytes: usize) -> Option<Self> {
        // The other thread only takes away.
        if waiting.load(Ordering::Relaxed) >= QUEUE_BYTES_MAX {
            return None;
        }
        waiting.fetch_add(bytes, Ordering::Relaxed);
        Some(Self { bytes, waiting: Arc::clone(waiting) })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// About how much memory a write holds.
fn bytes(write: &Write) -> usize {
    let messages: &[NewMessage] = match write {
        Write::StartTurn { messages, .. }
        | Write::Append { messages, .. }
        | Write::Rotate { messages, .. }
        | Write::Compact { messages, .. }
        | Write::ReplaceMessages { messages, .. }
        | Write::Branch { messages, .. } => messages,
        Write::Accept { input, .. } => return size_of::<Write>() + input.text.len(),
        _ => &[],
    };
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let one = |message: &NewMessage| size_of::<NewMessage>() + length(&message.content) + length(&message.tool_calls);
    size_of::<Write>() + messages.iter().map(one).sum::<usize>()
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// A connection to a database, and the lock of its file, if it has one. The connection is closed first: fields are dropped in
/// this order.
struct OwnedFile {
    database: Database,
    lock: Option<Arc<Lock>>,
}

impl OwnedFile {
    /// Runs until the store is dropped and the queue is empty. Answers without a receiver are discarded.
    ///
    /// Writes that have queued up are committed together: during a commit, which waits for the disk, further writes arrive. A
    /// single write does not wait for others, and many writes do not need as many commits.
    fn work(&mut self, queue: &mpsc::Receiver<Job>) {
        let mut writes = Vec::new();
        for job in queue {
            let mut next = Some(job);
            while let Some(job) = next {
                match job {
                    Job::Write(waiting) => writes.push(waiting),
                    Job::Read(read, answer) => {
                        self.commit(&mut writes);
                        let found = self.is_ours().map_err(refused).and_then(|()| self.database.read(&read));
                        let _ = answer.send(found);
                    }
                }
                next = if writes.len() < TOGETHER_MAX { queue.try_recv().ok() } else { None };
            }
            self.commit(&mut writes);
        }
    }

    fn commit(&mut self, writes: &mut Vec<Waiting>) {
        let written = self.written(writes);
        for (waiting, written) in writes.drain(..).zip(written) {
            let _ = waiting.answer.send(written);
        }
    }

    fn written(&mut self, writes: &[Waiting]) -> Vec<Result<Written, StoreError>> {
        if writes.is_empty() {
            return Vec::new();
        }
        if let Err(gone) = self.is_ours() {
            return vec![Err(refused(gone)); writes.len()];
        }
        let mut written = self.database.write_all(&writes.iter().map(|waiting| &*waiting.write).collect::<Vec<_>>());
        // The file may have gone during the commit. Whether it comes back, and with it what was written, nobody knows.
        if let Err(gone) = self.is_ours() {
            for written in written.iter_mut().filter(|written| written.is_ok()) {
                *written = Err(StoreError::Unknown { cause: gone.to_string() });
            }
        }
        written
    }

    fn is_ours(&self) -> Result<(), Gone> {
        self.lock.as_ref().map_or(Ok(()), |lock| lock.check())
    }
}

fn refused(gone: Gone) -> StoreError {
    StoreError::NotWritten { cause: gone.to_string() }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use gateway_core::clock::Wall;
    use gateway_core::store::{ListOrder, NewSession, Role, Rows, StoredId, TipRule, contract};

    #[tokio::test(flavor = "current_thread")]
    async fn the_contract_holds_in_memory() {
        contract::holds(async || {
            let database = Database::in_memory().expect("memory");
            Rc::new(SqliteThread::start(database).expect("a thread"))
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_contract_holds_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let number = std::cell::Cell::new(0);
        contract::holds(async || {
            let path = folder.path().join(format!("{}.db", number.replace(number.get() + 1)));
            Rc::new(SqliteThread::open(&path).expect("it opens"))
        })
        .await;
    }

    /// Calls before the close are in the file after it, even if their answers were dropped.
    #[tokio::test(flavor = "current_thread")]
    async fn close_finishes_what_is_queued() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let store = Rc::new(SqliteThread::open(&path).expect("it opens"));
        let rows = Rows::new(store.clone());
        for number in 0..100 {
            drop(rows.create_session(session(&format!("row{number}"))));
        }
        let last = rows.create_session(session("last"));
        store.close();
        store.close();
        assert_eq!(last.await, Ok(true), "the answer came before the close, and is still there");
        assert_eq!(rows.create_session(session("late")).await, Err(StoreError::Closed));
        assert_eq!(rows.list(1, ListOrder::Start, TipRule::BestContinuation).await, Err(StoreError::Closed));
        let dump = Database::open(&path).expect("it opens").dump().expect("rows");
        assert_eq!(dump.sessions.len(), 101);
    }

    /// A query is answered while a write waits for the lock of another process.
    #[tokio::test(flavor = "current_thread")]
    async fn reads_do_not_wait_for_writes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let store = Rc::new(SqliteThread::open(&path).expect("it opens"));
        let rows = Rows::new(store.clone());
        rows.create_session(session("before")).await.expect("it is written");
        let other = rusqlite::Connection::open(&path).expect("it opens");
        other.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
        let mut write = rows.create_session(session("after"));
        tokio::select! {
            biased; // a write that completes before the read did not wait
            _ = &mut write => panic!("another process holds the file"),
            found = rows.session(StoredId::new("before")) => assert!(found.expect("it reads").is_some()),
        }
        other.execute_batch("ROLLBACK").expect("it was begun");
        assert_eq!(write.await, Ok(true));
    }

    /// A dropped store still executes and answers its queued calls.
    #[tokio::test(flavor = "current_thread")]
    async fn a_dropped_store_answers() {
        let store = SqliteThread::start(Database::in_memory().expect("memory")).expect("a thread");
        let rows = Rows::new(Rc::new(store));
        let created = rows.create_session(session("a"));
        let read = rows.session(StoredId::new("a"));
        drop(rows);
        assert_eq!(created.await, Ok(true));
        assert!(read.await.expect("it reads").is_some());
    }

    /// Waiting writes are bounded in bytes. What is refused was not written, and once there is room writes are taken again.
    #[tokio::test(flavor = "current_thread")]
    async fn what_waits_to_be_written_is_bounded() {
        let waiting = Arc::default();
        let large = Room::take(&waiting, QUEUE_BYTES_MAX).expect("the last one may have any length");
        assert!(Room::take(&waiting, 1).is_none());
        drop(large);
        assert!(Room::take(&waiting, 1).is_some());
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
        let messages = vec![NewMessage::text(Role::User, "x".repeat(1000), Wall(1))];
        assert!(bytes(&Write::Append { session: StoredId::new("a"), messages, taken: Vec::new() }) > 1000);
    }

    /// A store whose file another process holds is not waited for.
    #[tokio::test(flavor = "current_thread")]
    async fn a_bounded_close_waits_for_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let store = Rc::new(SqliteThread::open(&path).expect("it opens"));
        let other = rusqlite::Connection::open(&path).expect("it opens");
        other.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
        let write = Rows::new(store.clone()).create_session(session("late"));
        store.close_within(Duration::from_millis(1)).await;
        other.execute_batch("ROLLBACK").expect("it was begun");
        assert_eq!(write.await, Ok(true), "the thread goes on while the process does");
    }

    #[test]
    fn an_unusable_path_fails_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = SqliteThread::open(folder.path()).err().expect("a folder is no file");
        assert!(matches!(error, OpenError::CannotOpen { .. }), "{error}");
    }

    fn session(id: &str) -> NewSession {
        NewSession {
            id: StoredId::new(id),
            source: "tui".to_owned(),
            model: None,
            parent: None,
            branched_from: None,
            started_at: Wall(1000),
            cwd: None,
            title: None,
        }
    }
}
