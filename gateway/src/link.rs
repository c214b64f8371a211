//! A connection as the gateway holds it: what its client has no room for waits, in order, and not for ever (spec §3).
//!
//! As long as a client takes its frames none waits, and a send is done when it returns.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::pending;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::lifecycle::writing::Stalled;
use crate::server::Gateway;
use crate::transport::{Connection, Died, Unsent};
use crate::watch::{Shared, Watch};

/// A connection that the server has accepted. Clones share it.
#[derive(Clone)]
pub struct Link {
    /// Counts accepted connections; it tells this one from an earlier connection of the same client.
    pub number: u64,
    /// The connection.
    pub connection: Rc<dyn Connection>,
    waiting: Rc<Waiting>,
    watch: Watch,
}

/// Frames that the client had no room for, oldest first.
struct Waiting {
    frames: RefCell<VecDeque<String>>,
    /// How many there may be.
    max: usize,
    added: Notify,
    silenced: Cell<bool>,
}

impl Link {
    /// A link to `connection`, for which `max` frames may wait.
    pub(crate) fn new(number: u64, connection: Rc<dyn Connection>, max: usize, watch: Watch) -> Self {
        let waiting = Waiting { frames: RefCell::default(), max, added: Notify::new(), silenced: Cell::new(false) };
        Self { number, connection, waiting: Rc::new(waiting), watch }
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
        if self.waiting.frames.borrow().len() == self.waiting.max {
            self.give_up();
            return Err(Died);
        }
        self.watch.write(self.backlog());
        self.waiting.frames.borrow_mut().push_back(frame);
        self.waiting.added.notify_waiters();
        Ok(())
    }

    /// Whether an old release sends its client nothing more, though the connection lives.
    pub fn is_silenced(&self) -> bool {
        self.watch.read(self.backlog());
        self.waiting.silenced.get()
    }

    /// The connection ends from our side, and what waits with it; its reader sees to its sessions.
    fn give_up(&self) {
        self.watch.write(self.backlog());
        self.waiting.frames.borrow_mut().clear();
        self.connection.close();
    }

    fn backlog(&self) -> Shared<'_> {
        Shared::Backlog(self.connection.name())
    }

    /// The client is sent nothing more.
    fn silence(&self) {
        self.watch.write(self.backlog());
        self.waiting.frames.borrow_mut().clear();
        self.waiting.silenced.set(true);
    }

    /// Waits until a frame waits.
    async fn behind(&self) {
        loop {
            // Made before the look: a frame that comes between the two is not missed.
            let added = self.waiting.added.notified();
            self.watch.read(self.backlog());
            if !self.waiting.frames.borrow().is_empty() {
                return;
            }
            added.await;
        }
    }

    /// There is room: sends the oldest frame that waits.
    fn catch_up(&self) {
        self.watch.write(self.backlog());
        let frame = self.waiting.frames.borrow_mut().pop_front();
        if let Some(Err(Unsent::Full(frame))) = frame.map(|frame| self.connection.send(frame)) {
            self.waiting.frames.borrow_mut().push_front(frame);
        }
    }
}

/// Sends what waits as soon as there is room for it, until the client has taken nothing for the write timeout. Never
/// ends: the reader of the connection does.
pub(crate) async fn write(gateway: &Gateway, link: &Link) {
    loop {
        link.behind().await;
        let stalled = gateway.behavior.writing.on_timeout();
        tokio::select! {
            biased; // a client that takes a frame at the last instant has taken it
            room = link.connection.room() => match room {
                Ok(()) => link.catch_up(),
                Err(Died) => return pending().await,
            },
            () = gateway.env.sleep(gateway.config.write_timeout), if stalled.is_some() => {
                match stalled {
                    Some(Stalled::Silence) => link.silence(),
                    Some(Stalled::Drop) | None => link.give_up(),
                }
                return pending().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        let link = Link::new(1, Rc::clone(&narrow) as _, 9, Watch::default());
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

    /// So much may wait; one frame more ends the connection.
    #[test]
    fn what_waits_is_bounded() {
        let narrow = Rc::new(Narrow::default());
        let link = Link::new(1, Rc::clone(&narrow) as _, 2, Watch::default());
        for frame in ["sent", "waits", "waits too"] {
            assert_eq!((link.send(frame.to_owned()), narrow.closed.get()), (Ok(()), false));
        }
        assert_eq!(link.send("too much".to_owned()), Err(Died));
        assert!(narrow.closed.get() && link.waiting.frames.borrow().is_empty());
        assert_eq!(link.send("too late".to_owned()), Err(Died));
    }
}
