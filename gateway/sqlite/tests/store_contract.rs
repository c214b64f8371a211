//! The store's contract holds for a store that keeps it, and is seen to fail for stores that break it.

use std::cell::RefCell;
use std::rc::Rc;

use gateway_core::store::{EndReason, Found, Pending, Read, Store, Write, Written, contract};
use gateway_sqlite::Database;

/// The plainest store there is: the call does the work.
struct AtTheCall(Rc<RefCell<Database>>);

impl Store for AtTheCall {
    fn write(&self, write: Write) -> Pending<Written> {
        let written = self.0.borrow_mut().write(&write);
        Box::pin(async move { written })
    }

    fn read(&self, read: Read) -> Pending<Found> {
        let found = self.0.borrow().read(&read);
        Box::pin(async move { found })
    }
}

/// Planted: the work waits until the answer is polled.
struct AtThePoll(AtTheCall);

impl Store for AtThePoll {
    fn write(&self, write: Write) -> Pending<Written> {
        let database = self.0.0.clone();
        Box::pin(async move { database.borrow_mut().write(&write) })
    }

    fn read(&self, read: Read) -> Pending<Found> {
        self.0.read(read)
    }
}

/// Planted: a rotation is two transactions, as in old releases.
struct InTwoSteps(AtTheCall);

impl Store for InTwoSteps {
    fn write(&self, write: Write) -> Pending<Written> {
        if let Write::Rotate { parent, at, .. } = &write {
            drop(self.0.write(Write::End { session: parent.clone(), at: *at, reason: EndReason::Compression }));
        }
        self.0.write(write)
    }

    fn read(&self, read: Read) -> Pending<Found> {
        self.0.read(read)
    }
}

/// Planted: the last end wins.
struct LastEnd(AtTheCall);

impl Store for LastEnd {
    fn write(&self, write: Write) -> Pending<Written> {
        if let Write::End { session, .. } = &write {
            drop(self.0.write(Write::Reopen { session: session.clone() }));
        }
        self.0.write(write)
    }

    fn read(&self, read: Read) -> Pending<Found> {
        self.0.read(read)
    }
}

fn at_the_call() -> AtTheCall {
    AtTheCall(Rc::new(RefCell::new(Database::in_memory().expect("memory"))))
}

#[tokio::test(flavor = "current_thread")]
async fn holds_at_the_call() {
    contract::holds(async || Rc::new(at_the_call())).await;
}

/// One connection, emptied between the claims, is as good as a new one each.
#[tokio::test(flavor = "current_thread")]
async fn holds_after_a_reset() {
    let database = at_the_call().0;
    contract::holds(async || {
        database.borrow_mut().reset().expect("it is reset");
        Rc::new(AtTheCall(database.clone()))
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
#[should_panic(expected = "the row that it needs was called for first")]
async fn work_at_the_poll_is_caught() {
    contract::holds(async || Rc::new(AtThePoll(at_the_call()))).await;
}

#[tokio::test(flavor = "current_thread")]
#[should_panic(expected = "the end of the parent is taken back")]
async fn a_rotation_in_two_steps_is_caught() {
    contract::holds(async || Rc::new(InTwoSteps(at_the_call()))).await;
}

#[tokio::test(flavor = "current_thread")]
#[should_panic(expected = "the call that came second does not end the row")]
async fn a_second_end_is_caught() {
    contract::holds(async || Rc::new(LastEnd(at_the_call()))).await;
}
