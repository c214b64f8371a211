//! A connection with the frames that wait for its client (spec §3).
//!
//! A frame waits only if the connection has no room for it. Then all later ones wait behind it, up to a bound.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::ids::ConnectionId;
use crate::lifecycle::writing::Room;
use crate::observe::{Observe, Resource};
use crate::transport::{Connection, Died, Unsent};

/// A connection that the server has accepted. Clones share the frames that wait.
#[derive(Clone)]
pub struct Link {
    /// Its id, by which records name it.
    pub id: ConnectionId,
    /// The transport's end of the connection.
    pub connection: Rc<dyn Connection>,
    waiting: Rc<Waiting>,
    observe: Observe,
}

/// Frames that the connection had no room for, oldest first.
struct Waiting {
    frames: RefCell<VecDeque<String>>,
    /// The sum of their lengths.
    bytes: Cell<usize>,
    room: Room,
    added: Notify,
    silenced: Cell<bool>,
}

impl Link {
    /// A link to `connection`, whose frames may wait in `room`.
    pub(crate) fn new(number: u64, connection: Rc<dyn Connection>, room: Room, observe: Observe) -> Self {
        let (frames, bytes, added, silenced) = Default::default();
        let waiting = Waiting { frames, bytes, room, added, silenced };
        let id = ConnectionId::new(number, connection.name());
        Self { id, connection, waiting: Rc::new(waiting), observe }
    }

    /// Sends a frame after all that wait. Returns at once; `Err` means that the client never receives it.
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

    /// Sends the answer to a request, as [`send`](Self::send) does.
    pub(crate) fn answer(&self, frame: String) -> Result<(), Died> {
        self.observe.answered(self.connection.name(), &frame);
        self.send(frame)
    }

    /// Whether an old release drops all frames for it, though the connection lives.
    pub fn is_silenced(&self) -> bool {
        self.observe.read(self.backlog());
        self.waiting.silenced.get()
    }

    /// Closes the connection and drops the frames that wait. Its reader then detaches its sessions.
    pub(crate) fn give_up(&self) {
        self.observe.write(self.backlog());
        self.forget();
        self.connection.close();
    }

    fn backlog(&self) -> Resource<'_> {
        Resource::Backlog(self.connection.name())
    }

    /// From here on all frames are dropped.
    pub(crate) fn silence(&self) {
        self.observe.write(self.backlog());
        self.forget();
        self.waiting.silenced.set(true);
    }

    fn forget(&self) {
        self.waiting.frames.borrow_mut().clear();
        self.waiting.bytes.set(0);
    }

    /// Waits until a frame waits. Cancel safe.
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

    /// Sends the oldest frame that waits, if the connection has room for it.
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

    /// A connection with room for one frame.
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

    /// Frames that wait go out in order, before those that are sent later.
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
            // Without room nothing changes.
            link.catch_up();
            assert_eq!(narrow.held.take().as_deref(), Some(frame));
        }
    }

    /// Each of `waits` may wait in `room`; the next frame closes the connection.
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

    /// Frames that wait are bounded in number and in bytes.
    #[test]
    fn waiting_frames_are_bounded() {
        check_bound(Room { frames: 2, bytes: usize::MAX }, &["waits", "waits too"]);
        check_bound(Room { frames: 9, bytes: 14 }, &["waits", "too"]);
        check_bound(Room { frames: 9, bytes: 5 }, &["longer than all that may wait"]);
    }

    /// A frame that has gone out makes room for another.
    #[test]
    fn sent_frames_make_room() {
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
