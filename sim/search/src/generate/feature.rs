//! What a generated scenario may use.

/// An action, fault or setting that a generated scenario may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feature {
    /// Connections that end without a close frame.
    Drop,
    /// Connections that end with a close frame.
    Leave,
    Resume,
    Activate,
    Close,
    Interrupt,
    Steer,
    Compress,
    Branch,
    Delete,
    Undo,
    /// Prompts that replace an earlier one.
    Cut,
    Title,
    Events,
    /// Requests that only read: lists and histories.
    Look,
    Answer,
    Kill,
    Signal,
    Suspend,
    ScanIdle,
    /// Sessions that are created with earlier messages.
    Draft,
    /// More than one client.
    Company,
    /// More than one session.
    Sessions,
    /// Turns with a compression.
    Rotation,
    /// Turns that ask the user a question.
    Question,
    /// Turns that fail.
    Error,
    /// Prompts to a session whose turn runs.
    Busy,
    /// Frames with latency.
    SlowNetwork,
    /// Store calls with latency.
    SlowStore,
    /// Clients that stop reading.
    SlowReader,
    /// Connections with a latency of their own.
    Lag,
    /// Half-open connections, and connections that carry nothing for a while.
    HalfOpen,
    /// Requests that are resent after a reconnect.
    Resend,
    /// Turns that end only when they are interrupted.
    Hang,
    /// Answers that arrive after the turn was interrupted.
    LateAnswer,
    /// Jumps of the wall clock.
    SetClock,
    /// Injected store faults.
    StoreFaults,
    /// Background jobs and reviews.
    Background,
    /// Agents whose build takes time or fails.
    SlowAgent,
    /// Race windows of old releases that stay open for a while.
    Windows,
    /// Settings other than the defaults.
    Settings,
    /// More live sessions than the cap.
    Crowd,
    /// Another program that continues a session on the same database.
    Elsewhere,
    /// A limit of one or two sessions for each connection.
    Full,
}
