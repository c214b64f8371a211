//! Storing messages: at which points of a turn, and in which transactions.

use crate::clock::Millis;
use crate::group::group;
use crate::store::NewMessage;

group! {
    /// Storing messages: when, in which units, at the end.
    Flush "flush" {
        /// When a turn's messages are stored.
        when: When {
            /// The prompt at acceptance, then each message as it is complete, and before a compression.
            EachStep "each_step",
            /// The prompt at the turn's start, the rest at tool calls and results, before a rotation and at the end. A
            /// kill, a failure and a compression in place lose what the agent has said since.
            ToolsAndEnd "tools_and_end",
            /// The prompt at the turn's start, the rest before a compression and at the end; a kill loses it (B4).
            PromptAndEnd "prompt_and_end",
            /// At the end of the turn; a kill loses all of it, a compression what it replaces (B3, B4).
            AtEnd "at_end",
        }
        /// What one transaction of a flush holds.
        unit: Unit {
            /// All unsaved messages, as one transaction.
            Batch "batch",
            /// One message: a kill in between leaves a part of a group.
            Message "message"
                harmless "a message is stored as soon as it is complete, so a kill may end a conversation after any message",
            /// One message; the counter of stored messages is updated only after the last, so a failure in between
            /// stores earlier ones twice (B6).
            MessageCountedLate "message_counted_late",
        }
        /// How long a write waits for another process that holds the database.
        busy: Busy {
            /// For `busy_timeout`, 30 s if it is not set.
            WaitsOut "waits_out",
            /// For a second if it is not set; then it fails, and a prompt is refused (hermes-agent#74478).
            GivesUp "gives_up",
        }
        /// What happens to unsaved messages when their session ends.
        finalize: Finalize {
            /// They are stored.
            Stored "stored",
            /// They are lost (A13).
            Lost "lost",
        }
        /// How often a session that ends tries to store messages that the store refuses.
        last_tries: LastTries {
            /// Until they are stored, and ends its row then.
            UntilStored "until_stored",
            /// A few times; then its row is ended without them.
            Few "few",
        }
        /// How long a call that the store could not carry out waits before it is repeated.
        again: Again {
            /// A tenth of a second, twice as long after each refusal, and a second at most; of that a part up to the half is
            /// left out at random, so that sessions that were refused together do not come back together.
            BackOff "back_off",
            /// A second.
            EachSecond "each_second"
                harmless "the call is repeated all the same",
        }
        /// Which messages of the conversation count as stored.
        loaded: Loaded {
            /// Those that the rows have, whether a turn, a compression or a resume has put them in memory.
            Stored "stored",
            /// Those that a turn has begun with, also if they are in no row. Before that, a rotation stores again those that
            /// a resume has loaded or a compression in place has just written (B5).
            InTurns "in_turns",
        }
        /// What a write is taken for if the disk fails in its commit, so that no answer says whether it is in the rows.
        unknown: UnknownWrite {
            /// For what the rows say, which are read.
            LookedUp "looked_up",
            /// For written: the error of a failed sync is ignored.
            Written "written",
        }
    }
}

/// A point at which a turn can store its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushPoint {
    /// The turn starts and its prompt is in the transcript.
    Start,
    /// A text of the agent is complete.
    Said,
    /// A tool call, or its result, is complete.
    Tool,
    /// A compression in place is about to replace messages.
    Compression,
    /// A rotation is about to leave the row.
    Rotation,
    /// A rotation has inserted the child, which has no messages yet.
    Child,
    /// The agent asks for it.
    Asked,
    /// The turn has ended with an answer or an interrupt.
    End,
    /// The turn has failed.
    Failure,
    /// The session ends and its turn has stopped.
    Finalize,
}

impl Flush {
    /// Whether a write whose outcome is unknown counts as written without a look at the rows.
    pub fn trusts_unknown(&self) -> bool {
        match self.unknown {
            UnknownWrite::LookedUp => false,
            UnknownWrite::Written => true,
        }
    }

    /// How long a write waits for another process, with `busy_timeout` as it is set.
    pub fn busy_wait(&self, configured: Option<Millis>) -> Millis {
        configured.unwrap_or(match self.busy {
            Busy::WaitsOut => Millis::from_secs(30),
            Busy::GivesUp => Millis::from_secs(1),
        })
    }

    /// How often a session that ends tries to store messages that the store refuses.
    pub fn last_tries(&self) -> LastTries {
        self.last_tries
    }

    /// How a call that the store could not carry out waits.
    pub fn again(&self) -> Again {
        self.again
    }

    /// Whether messages are stored at this point.
    pub fn wanted(&self, point: FlushPoint) -> bool {
        if point == FlushPoint::Finalize {
            return match self.finalize {
                Finalize::Stored => true,
                Finalize::Lost => false,
            };
        }
        match self.when {
            When::EachStep => true,
            When::ToolsAndEnd => !matches!(point, FlushPoint::Said | FlushPoint::Compression | FlushPoint::Failure),
            When::PromptAndEnd => !matches!(point, FlushPoint::Said | FlushPoint::Tool | FlushPoint::Failure),
            When::AtEnd => matches!(point, FlushPoint::Child | FlushPoint::Asked | FlushPoint::End),
        }
    }

    /// Whether all messages that a turn begins with count as stored.
    pub fn trusts_history(&self) -> bool {
        match self.loaded {
            Loaded::Stored => false,
            Loaded::InTurns => true,
        }
    }

    /// Whether messages that are in the row, but that no turn has begun with, are stored again (B5).
    pub fn stores_loaded(&self, point: FlushPoint) -> bool {
        match self.loaded {
            Loaded::Stored => false,
            Loaded::InTurns => point == FlushPoint::Rotation,
        }
    }

    /// The messages of each transaction; no transaction for no message.
    pub fn parts(&self, messages: Vec<NewMessage>) -> Vec<Vec<NewMessage>> {
        match self.unit {
            Unit::Batch if messages.is_empty() => Vec::new(),
            Unit::Batch => vec![messages],
            Unit::Message | Unit::MessageCountedLate => messages.into_iter().map(|message| vec![message]).collect(),
        }
    }

    /// Whether messages count as stored after their own transaction, instead of after the last.
    pub fn counts_each(&self) -> bool {
        match self.unit {
            Unit::Batch | Unit::Message => true,
            Unit::MessageCountedLate => false,
        }
    }
}

/// The longest first wait of [`Again::BackOff`].
const BACK_OFF_FIRST: Millis = Millis(100);

/// Its longest wait. The longer it is, the later a session hears that the store is well again.
const BACK_OFF_MAX: Millis = Millis::from_secs(1);

/// After these many refusals the wait is [`BACK_OFF_MAX`].
const DOUBLINGS: u32 = 4;

/// How long a call waits that the store has refused `refusals` times before the last; `bits` are random.
pub fn back_off(refusals: u32, bits: u64) -> Millis {
    let longest = (BACK_OFF_FIRST.0 << refusals.min(DOUBLINGS)).min(BACK_OFF_MAX.0);
    let shortest = longest / 2;
    Millis(shortest + bits % (longest - shortest + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;
    use crate::store::Role;

    const POINTS: [FlushPoint; 10] = [
        FlushPoint::Start,
        FlushPoint::Said,
        FlushPoint::Tool,
        FlushPoint::Compression,
        FlushPoint::Rotation,
        FlushPoint::Child,
        FlushPoint::Asked,
        FlushPoint::End,
        FlushPoint::Failure,
        FlushPoint::Finalize,
    ];

    #[track_caller]
    fn check(flush: &Flush, skipped: &[FlushPoint]) {
        let skips: Vec<FlushPoint> = POINTS.into_iter().filter(|point| !flush.wanted(*point)).collect();
        assert_eq!(skips, skipped, "{flush:?}");
    }

    #[test]
    fn messages_are_stored_at_the_points_of_the_release() {
        use FlushPoint::{Compression, Failure, Finalize, Rotation, Said, Start, Tool};
        let skipped = |when, skipped: &[FlushPoint]| check(&Flush { when, ..Flush::default() }, skipped);
        skipped(When::EachStep, &[]);
        skipped(When::ToolsAndEnd, &[Said, Compression, Failure]);
        skipped(When::PromptAndEnd, &[Said, Tool, Failure]);
        skipped(When::AtEnd, &[Start, Said, Tool, Compression, Rotation, Failure]);
        check(&Flush { finalize: super::Finalize::Lost, ..Flush::default() }, &[Finalize]);
    }

    #[test]
    fn last_tries_are_limited_by_release() {
        let last_tries = LastTries::Few;
        let decided = [Flush::default(), Flush { last_tries, ..Flush::default() }].map(|flush| flush.last_tries());
        assert_eq!(decided, [LastTries::UntilStored, LastTries::Few]);
    }

    /// Each wait is twice as long as the one before, up to a second, and of each at most the half is left out.
    #[test]
    fn waits_double_up_to_a_second() {
        let bounds = |refusals| {
            let waits: Vec<u64> = (0..2_000).map(|bits| back_off(refusals, bits).0).collect();
            (*waits.iter().min().expect("waits"), *waits.iter().max().expect("waits"))
        };
        let doubled = [(50, 100), (100, 200), (200, 400), (400, 800)];
        assert_eq!([0, 1, 2, 3].map(bounds), doubled);
        assert_eq!([4, 63, 64, u32::MAX].map(bounds), [(500, 1_000); 4]);
        let again = Again::EachSecond;
        assert_eq!(
            [Flush::default(), Flush { again, ..Flush::default() }].map(|flush| flush.again()),
            [Again::BackOff, Again::EachSecond]
        );
    }

    #[test]
    fn only_rotations_store_loaded_messages_again() {
        let flush = Flush { loaded: Loaded::InTurns, ..Flush::default() };
        assert!(POINTS.iter().all(|point| flush.stores_loaded(*point) == (*point == FlushPoint::Rotation)));
        assert!(POINTS.iter().all(|point| !Flush::default().stores_loaded(*point)));
        assert_eq!((flush.trusts_history(), Flush::default().trusts_history()), (true, false));
    }

    #[test]
    fn a_write_waits_for_another_process() {
        let wait = |busy, set| Flush { busy, ..Flush::default() }.busy_wait(set);
        assert_eq!([Busy::WaitsOut, Busy::GivesUp].map(|busy| wait(busy, None).0), [30_000, 1_000]);
        assert_eq!(wait(Busy::GivesUp, Some(Millis(7))), Millis(7));
    }

    #[test]
    fn transactions_hold_a_batch_or_a_message() {
        let messages = || vec![NewMessage::text(Role::User, "x", Wall(0)); 3];
        let parts = |unit| Flush { unit, ..Flush::default() }.parts(messages()).len();
        assert_eq!((parts(Unit::Batch), parts(Unit::Message), parts(Unit::MessageCountedLate)), (1, 3, 3));
        assert!(Flush::default().parts(Vec::new()).is_empty());
    }
}
