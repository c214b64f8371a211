//! Connections to clients: whole text frames, in order, in both directions.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

/// Where connections come from.
pub trait Transport {
    /// The next connection, or `None` when no more will come. Cancel safe: a connection not yet taken stays queued.
    fn accept(&self) -> LocalBoxFuture<'_, Option<Rc<dyn Connection>>>;
}

/// One client's connection. Both ends see frames in the order they were sent.
pub trait Connection {
    /// The name for task names and logs; a client that reconnects has the same name.
    fn name(&self) -> &str;

    /// The next frame, `None` after an orderly close, or [`Died`] when the socket is gone without one.
    ///
    /// Cancel safe: an unread frame stays queued.
    fn receive(&self) -> LocalBoxFuture<'_, Result<Option<String>, Died>>;

    /// Hands a frame over to be sent. Returns at once.
    ///
    /// While the client does not read, only so many frames are taken: then the frame comes back as [`Unsent::Full`], and
    /// can be sent again when there is [`room`](Self::room). [`Unsent::Died`] means that the client never receives it.
    fn send(&self, frame: String) -> Result<(), Unsent>;

    /// Waits until a frame can be sent, or until the client has read at least a part of a long one. Cancel safe.
    ///
    /// The room is not reserved: it may be for one frame only, or none by the time of the next [`send`](Self::send).
    fn room(&self) -> LocalBoxFuture<'_, Result<(), Died>>;

    /// Closes the connection: [`receive`](Self::receive) then returns `None`, and no frame can be sent.
    fn close(&self);
}

/// The connection broke without a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection died without a close frame")]
pub struct Died;

/// Why a frame was not handed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The client does not read the earlier frames. The frame comes back.
    #[error("the client does not take its frames")]
    Full(String),
    /// The connection is over.
    #[error(transparent)]
    Died(#[from] Died),
}
