//! Who can end a session: the end reason of its row, and the order of the steps, depend on it.

/// Who ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A client, with `session.close`.
    Client,
    /// The orphan timer, after a grace without a client.
    OrphanTimer,
    /// The end of the connection that the session was made to be closed with.
    Disconnect,
    /// The idle reaper, after `session_ttl` or over the cap.
    IdleReaper,
    /// The cap on live sessions.
    Cap,
    /// The end of the gateway after a signal.
    Shutdown,
}
