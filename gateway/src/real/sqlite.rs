//! The production store: a [`Database`] on a thread of its own, so that the gateway never waits for a disk.

use std::cell::RefCell;
use std::panic;
use std::path::Path;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

use crate::store::sqlite::{Database, OpenError};
use crate::store::{Found, Pending, Read, Store, StoreError, Write, Written};

/// A store whose database lives on another thread.
///
/// A call puts a job into one queue, and the thread takes the jobs out one by one: hence the order of the calls is
/// the order of the commits, and a dropped answer stops nothing. Dropping the store lets the thread finish what is
/// queued and end; [`close`](Self::close) also waits for that.
pub struct SqliteThread {
    running: RefCell<Option<Running>>,
}

impl SqliteThread {
    /// Opens the database in the file `path`, then starts the thread.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let cannot_open = |cause: std::io::Error| OpenError::CannotOpen {
            path: path.to_owned(),
            cause: format!("no thread for it: {cause}"),
        };
        Self::start(Database::open(path)?).map_err(cannot_open)
    }

    /// Starts the thread for a database that is open.
    #[expect(clippy::disallowed_methods, reason = "the store's thread, the one that the gateway has besides its own")]
    pub fn start(database: Database) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let thread = Builder::new().name("store".to_owned()).spawn(move || work(database, &queue))?;
        Ok(Self { running: RefCell::new(Some(Running { jobs, thread })) })
    }

    /// Takes no more calls, and blocks until those before are answered and the file is closed. A second close finds
    /// nothing to do.
    ///
    /// # Panics
    ///
    /// With the thread's own panic, if it had one.
    pub fn close(&self) {
        let Some(Running { jobs, thread }) = self.running.take() else {
            return;
        };
        drop(jobs);
        if let Err(cause) = thread.join() {
            panic::resume_unwind(cause);
        }
    }

    fn enqueue<T: 'static>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Pending<T> {
        let (answer, answered) = oneshot::channel();
        let taken = self.running.borrow().as_ref().is_some_and(|running| running.jobs.send(job(answer)).is_ok());
        Box::pin(async move {
            if !taken {
                return Err(StoreError::Closed);
            }
            // Only a panic on the thread loses an answer, and then nobody knows how far it had come.
            let lost = |_| StoreError::Unknown { cause: "the store's thread has died".to_owned() };
            answered.await.map_err(lost)?
        })
    }
}

impl Store for SqliteThread {
    fn write(&self, write: Write) -> Pending<Written> {
        self.enqueue(|answer| Job::Write(Box::new(write), answer))
    }

    fn read(&self, read: Read) -> Pending<Found> {
        self.enqueue(|answer| Job::Read(read, answer))
    }
}

struct Running {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

enum Job {
    Write(Box<Write>, Answer<Written>),
    Read(Read, Answer<Found>),
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Ends when the store is gone and the queue is empty. An answer that nobody waits for is let go.
fn work(mut database: Database, queue: &mpsc::Receiver<Job>) {
    for job in queue {
        match job {
            Job::Write(write, answer) => {
                let _ = answer.send(database.write(&write));
            }
            Job::Read(read, answer) => {
                let _ = answer.send(database.read(&read));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::clock::Wall;
    use crate::store::{ListOrder, NewSession, Rows, StoredId, TipRule, contract};

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

    /// What was called before the close is in the file after it, though nobody waited for the answers.
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

    /// A store that is dropped still carries out its calls and answers them.
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

    #[test]
    fn an_unusable_path_is_said_at_once() {
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
