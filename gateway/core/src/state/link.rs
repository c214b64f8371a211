//! A connection as the gateway holds it: what its client has no room for waits, in order, and not for ever (spec §3).
//!
//! As long as a client takes its frames none waits, and a send is done when it returns.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::ids::ConnectionId;
use crate::lifecycle::writing::Room;
use crate::observe::{Observe, Resource};
use crate::transport::{Connection, Died, Unsent};

/// A connection that the server has accepted. Clones share it.
#[derive(Clone)]
pub struct Link {
    /// Its id, by which records name it.
    pub id: ConnectionId,
    /// The connection.
    pub connection: Rc<dyn Connection>,
    waiting: Rc<Waiting>,
    observe: Observe,
}

/// Frames that the client had no room for, oldest first.
struct Waiting {
    frames: RefCell<VecDeque<String>>,
    /// How long they are, all in all.
    bytes: Cell<usize>,
    room: Room,
    added: Notify,
    silenced: Cell<bool>,
}

impl Link {
    /// A link to `connection`, for which as much may wait as there is room for.
    pub(crate) fn new(number: u64, connection: Rc<dyn Connection>, room: Room, observe: Observe) -> Self {
        let (frames, bytes, added, silenced) = Default::default();
        let waiting = Waiting { frames, bytes, room, added, silenced };
        let id = ConnectionId::new(number, connection.name());
        Self { id, connection, waiting: Rc::new(waiting), observe }
    }

    /// Sends a frame after all that wait. Returns at once; `Err` means that the client will never see it.
    pub(crate) fn send(&self, frame: String) -> Result<(), Died> {
        let frame = if self.is_silenced() {
            return Err(Died);
        } else if self.waiting.frames.borrow().is_empty() {
            match self.connection.send(frame) {
                Ok(()) => return Ok(()),
                Err(Unsent::Died(died)) => return Err(died),
                Err(Unsent::Full(frame)) => frame,
            }
        } else {
            frame
        };
        let (frames, bytes) = (self.waiting.frames.borrow().len(), self.waiting.bytes.get());
        if !self.waiting.room.is_for(frame.len(), frames, bytes) {
            self.give_up();
            return Err(Died);
        }
        self.observe.write(self.backlog());
        self.waiting.bytes.set(bytes + frame.len());
        self.waiting.frames.borrow_mut().push_back(frame);
        self.waiting.added.notify_waiters();
        Ok(())
    }

    /// Whether an old release sends its client nothing more, though the connection lives.
    pub fn is_silenced(&self) -> bool {
        self.observe.read(self.backlog());
        self.waiting.silenced.get()
    }

    /// The connection ends from our side, and what waits with it; its reader sees to its sessions.
    pub(crate) fn give_up(&self) {
        self.observe.write(self.backlog());
        self.forget();
        self.connection.close();
    }

    fn backlog(&self) -> Resource<'_> {
        Resource::Backlog(self.connection.name())
    }

    /// The client is sent nothing more.
    pub(crate) fn silence(&self) {
        self.observe.write(self.backlog());
        self.forget();
        self.waiting.silenced.set(true);
    }

    fn forget(&self) {
        self.waiting.frames.borrow_mut().clear();
        self.waiting.bytes.set(0);
    }

    /// Waits until a frame waits.
    pub(crate) async fn behind(&self) {
        loop {
            // Made before the look: a frame that comes between the two is not missed.
            let added = self.waiting.added.notified();
            self.observe.read(self.backlog());
            if !self.waiting.frames.borrow().is_empty() {
                return;
            }
            added.await;
        }
    }

    /// There is room: sends the oldest frame that waits.
    pub(crate) fn catch_up(&self) {
        self.observe.write(self.backlog());
        let Some(frame) = self.waiting.frames.borrow_mut().pop_front() else { return };
        let left = self.waiting.bytes.get() - frame.len();
        match self.connection.send(frame) {
            Err(Unsent::Full(frame)) => self.waiting.frames.borrow_mut().push_front(frame),
            Ok(()) | Err(Unsent::Died(_)) => self.waiting.bytes.set(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;

    use super::*;

    /// A client with room for one frame.
    #[derive(Default)]
    struct Narrow {
        held: RefCell<Option<String>>,
        closed: Cell<bool>,
    }

    impl Connection for Narrow {
        fn name(&self) -> &str {
            "narrow"
        }

        fn receive(&self) -> LocalBoxFuture<'_, Result<Option<String>, Died>> {
            pending().boxed_local()
        }

        fn send(&self, frame: String) -> Result<(), Unsent> {
            match &mut *self.held.borrow_mut() {
                _ if self.closed.get() => Err(Died.into()),
                Some(_) => Err(Unsent::Full(frame)),
                held => {
                    *held = Some(frame);
                    Ok(())
                }
            }
        }

        fn room(&self) -> LocalBoxFuture<'_, Result<(), Died>> {
            pending().boxed_local()
        }

        fn close(&self) {
            self.closed.set(true);
        }
    }

    /// What waits goes out in order, and before what is sent later.
    #[test]
    fn frames_keep_their_order() {
        let narrow = Rc::new(Narrow::default());
        let link = Link::new(1, Rc::clone(&narrow) as _, Room { frames: 9, bytes: usize::MAX }, Observe::default());
        for frame in ["one", "two", "three"] {
            assert_eq!(link.send(frame.to_owned()), Ok(()));
        }
        assert_eq!(narrow.held.take().as_deref(), Some("one"));
        assert_eq!(link.send("four".to_owned()), Ok(()));
        for frame in ["two", "three", "four"] {
            link.catch_up();
            // A second look finds no room, and changes nothing.
            link.catch_up();
            assert_eq!(narrow.held.take().as_deref(), Some(frame));
        }
    }

    /// Sends frames until one of them ends the connection, which each of `waits` must not do.
    #[track_caller]
    fn check_bound(room: Room, waits: &[&str]) {
        let narrow = Rc::new(Narrow::default());
        let link = Link::new(1, Rc::clone(&narrow) as _, room, Observe::default());
        for frame in ["sent"].iter().chain(waits) {
            assert_eq!((link.send((*frame).to_owned()), narrow.closed.get()), (Ok(()), false), "{frame}");
        }
        assert_eq!(link.send("too much".to_owned()), Err(Died));
        assert!(narrow.closed.get() && link.waiting.frames.borrow().is_empty());
        assert_eq!(link.send("too late".to_owned()), Err(Died));
    }

    /// So many frames may wait, and so many bytes; one frame more ends the connection.
    #[test]
    fn what_waits_is_bounded() {
        check_bound(Room { frames: 2, bytes: usize::MAX }, &["waits", "waits too"]);
        check_bound(Room { frames: 9, bytes: 14 }, &["waits", "too"]);
        check_bound(Room { frames: 9, bytes: 5 }, &["longer than all that may wait"]);
    }

    /// What has gone out makes room for as much.
    #[test]
    fn what_is_taken_makes_room() {
        let narrow = Rc::new(Narrow::default());
        let link = Link::new(1, Rc::clone(&narrow) as _, Room { frames: 9, bytes: 10 }, Observe::default());
        for _ in 0..20 {
            while link.waiting.bytes.get() + 5 <= 10 {
                assert_eq!(link.send("bytes".to_owned()), Ok(()));
            }
            link.catch_up();
            assert_eq!(narrow.held.take().as_deref(), Some("bytes"));
            link.catch_up();
        }
        assert!(!narrow.closed.get());
    }
}
