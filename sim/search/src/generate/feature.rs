//! What a generated scenario may use.

/// Declares [`Feature`]: the description and the variant of each, and that it is on in one of so many scenarios. Features
/// are drawn in this order, so a new one changes the scenarios of all seeds.
macro_rules! features {
    ($($(#[doc = $about:literal])+ $feature:ident $one_in:literal,)+) => {
        /// An action, fault or setting that a generated scenario may use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Feature {
            $($(#[doc = $about])+ $feature,)+
        }

        impl Feature {
            /// Every feature, in the order in which they are drawn.
            pub(super) const ALL: &'static [Self] = &[$(Self::$feature,)+];

            /// The feature is on in one of so many scenarios.
            pub(super) const fn one_in(self) -> usize {
                match self {
                    $(Self::$feature => $one_in,)+
                }
            }
        }
    };
}

features! {
    /// Connections that end without a close frame.
    Drop 1,
    /// Connections that end with a close frame.
    Leave 3,
    /// Resumes by stored id, tip or title.
    Resume 1,
    /// Activations of live sessions.
    Activate 2,
    /// Sessions that are closed.
    Close 2,
    /// Interrupts of running and idle sessions.
    Interrupt 3,
    /// Messages to running turns.
    Steer 5,
    /// Compressions that a client requests.
    Compress 4,
    /// Branches of existing sessions.
    Branch 6,
    /// Deletions of stored rows.
    Delete 6,
    /// Exchanges that are undone.
    Undo 6,
    /// Prompts that replace an earlier one.
    Cut 6,
    /// Titles that clients read and set.
    Title 5,
    /// Requests for missed events.
    Events 4,
    /// Requests that only read: lists and histories.
    Look 8,
    /// Answers to the agent's questions.
    Answer 2,
    /// Kills of the process.
    Kill 6,
    /// Signals to the process.
    Signal 8,
    /// Suspends of the machine.
    Suspend 8,
    /// Scans of the idle reaper.
    ScanIdle 6,
    /// Sessions that are created with earlier messages.
    Draft 6,
    /// More than one client.
    Company 2,
    /// More than one session.
    Sessions 3,
    /// Turns with a compression.
    Rotation 2,
    /// Turns that ask the user a question.
    Question 4,
    /// Turns that fail with an error.
    Error 5,
    /// Prompts to a session whose turn runs.
    Busy 2,
    /// Frames with a latency.
    SlowNetwork 4,
    /// Store calls with latency.
    SlowStore 3,
    /// Clients that stop reading.
    SlowReader 8,
    /// Connections with a latency of their own.
    Lag 8,
    /// Half-open connections, and connections that carry nothing for a while.
    HalfOpen 6,
    /// Requests that are resent after a reconnect.
    Resend 8,
    /// Turns that end only when they are interrupted.
    Hang 8,
    /// Answers that arrive after the turn was interrupted.
    LateAnswer 8,
    /// Jumps of the wall clock.
    SetClock 8,
    /// Store calls that fail by chance.
    StoreFaults 5,
    /// Background jobs and reviews.
    Background 5,
    /// Agents whose build takes time or fails.
    SlowAgent 4,
    /// Race windows of old releases that stay open for a while.
    Windows 3,
    /// Settings other than the defaults.
    Settings 3,
    /// More live sessions than the cap.
    Crowd 60,
    /// Another program that continues a session on the same database.
    Elsewhere 10,
    /// A limit of one or two sessions for each connection.
    Full 16,
    /// Rows that the database holds before the gateway starts.
    Rows 8,
}
