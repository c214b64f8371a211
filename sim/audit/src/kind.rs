//! The claims, one a kind: what must hold, which columns it needs, and which defects of the catalogue break it.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A defect of the catalogue that leaves the shape of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Its id, such as `S1`.
    pub id: &'static str,
    /// The releases whose code has it.
    pub releases: &'static [&'static str],
}

/// What is asked of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Open, and unused for longer than the age.
    OpenRowWithoutOwner,
    /// Two rows of one chain are open.
    TwoOpenRowsInChain,
    /// A row continues one that did not end by a rotation.
    ContinuedRowNotCompressed,
    /// Ended by a rotation, and nothing continues it.
    CompressedRowWithoutChild,
    /// Ended by a rotation, and two rows continue it.
    CompressedRowContinuedTwice,
    /// Ended by a rotation, and without a message.
    CompressedRowWithoutMessages,
    /// Without a single message.
    RowWithoutMessages,
    /// The counter of messages is wrong.
    MessageCountDiffers,
    /// The counter of calls is wrong.
    ToolCallCountDiffers,
    /// A call that has no result.
    CallWithoutResult,
    /// A result that has no call.
    ResultWithoutCall,
    /// A message that was stored again.
    DuplicateMessages,
    /// A message that was stored after the end of its row.
    MessageAfterEnd,
    /// The row of a messaging platform, ended by a gateway of terminals.
    PlatformRowEnded,
    /// A row whose source was never set.
    SourceUnknown,
    /// Messages whose row is missing.
    MessagesWithoutRow,
    /// A parent that is missing.
    ParentMissing,
    /// Parents that lead back to the row.
    ParentCycle,
    /// Another reference that leads nowhere.
    ReferenceMissing,
    /// The end lies before the start.
    EndedBeforeStarted,
    /// Two rows have one title.
    TitleGivenTwice,
    /// Pages that SQLite cannot trust.
    DamagedPages,
}

struct Entry {
    name: &'static str,
    /// What holds in a sound database.
    claim: &'static str,
    /// The columns without which it cannot be judged.
    needs: &'static [(&'static str, &'static str)],
    defects: &'static [Defect],
    /// What else leaves it, where the catalogue has nothing or not all.
    otherwise: &'static str,
    /// Whether `--sql` has a statement for it.
    is_safe: bool,
}

const ALL: &[&str] = &["0.16.0", "0.17.0", "0.18.2", "0.19.0"];
const FROM_17: &[&str] = &["0.17.0", "0.18.2", "0.19.0"];
const FROM_18: &[&str] = &["0.18.2", "0.19.0"];
const UNTIL_17: &[&str] = &["0.16.0", "0.17.0"];
const UNTIL_18: &[&str] = &["0.16.0", "0.17.0", "0.18.2"];
const ONLY_16: &[&str] = &["0.16.0"];
const ONLY_19: &[&str] = &["0.19.0"];

/// The releases of defects that the four do not have, or that are not verified.
const NONE: &[&str] = &[];

/// Defects as a constant: the id and the name of the releases of each.
macro_rules! defects {
    ($($id:ident $releases:ident),*) => {
        &[$(Defect { id: stringify!($id), releases: $releases }),*]
    };
}

const ENDED_AT: (&str, &str) = ("sessions", "ended_at");
const END_REASON: (&str, &str) = ("sessions", "end_reason");
const PARENT: (&str, &str) = ("sessions", "parent_session_id");
const STARTED_AT: (&str, &str) = ("sessions", "started_at");
const SOURCE: (&str, &str) = ("sessions", "source");
const ROLE: (&str, &str) = ("messages", "role");
const TIMESTAMP: (&str, &str) = ("messages", "timestamp");
const TOOL_CALLS: (&str, &str) = ("messages", "tool_calls");
const TOOL_CALL_ID: (&str, &str) = ("messages", "tool_call_id");

const fn entry(
    name: &'static str,
    claim: &'static str,
    needs: &'static [(&'static str, &'static str)],
    defects: &'static [Defect],
    otherwise: &'static str,
) -> Entry {
    Entry { name, claim, needs, defects, otherwise, is_safe: false }
}

const fn safe(entry: Entry) -> Entry {
    Entry { is_safe: true, ..entry }
}

const OPEN_ROW_WITHOUT_OWNER: Entry = safe(entry(
    "open_row_without_owner",
    "an open row of the gateway was used within the age: started, or given a message",
    &[ENDED_AT, STARTED_AT, SOURCE, TIMESTAMP],
    defects![A3 ALL, S1 ALL, S8 ALL, S9 ALL, S21 ONLY_19, S19 FROM_18, S24 UNTIL_17, A11 UNTIL_17, A35 ALL],
    "a client that stays connected for longer than the age",
));
const TWO_OPEN_ROWS_IN_CHAIN: Entry = entry(
    "two_open_rows_in_chain",
    "at most one row of a chain of continuations is open",
    &[ENDED_AT, END_REASON, PARENT],
    defects![A10 ALL, A9 ONLY_16, S24 UNTIL_17, S25 UNTIL_18],
    "",
);
const CONTINUED_ROW_NOT_COMPRESSED: Entry = entry(
    "continued_row_not_compressed",
    "a row that another continues is ended `compression`",
    &[ENDED_AT, END_REASON, PARENT],
    defects![S9 ALL, A10 ALL, A9 ONLY_16, A33 ALL],
    "",
);
const COMPRESSED_ROW_WITHOUT_CHILD: Entry = entry(
    "compressed_row_without_child",
    "a row that is ended `compression` is continued by another",
    &[ENDED_AT, END_REASON, PARENT],
    defects![B2 ALL, A32 ALL, B1 UNTIL_17],
    "a continuation that a person has deleted",
);
const COMPRESSED_ROW_CONTINUED_TWICE: Entry = entry(
    "compressed_row_continued_twice",
    "a row that is ended `compression` is continued once",
    &[ENDED_AT, END_REASON, PARENT],
    defects![S24 UNTIL_17, S25 UNTIL_18],
    "",
);
const COMPRESSED_ROW_WITHOUT_MESSAGES: Entry = entry(
    "compressed_row_without_messages",
    "a row that is ended `compression` has the messages that were compressed",
    &[ENDED_AT, END_REASON],
    defects![B3 ONLY_16],
    "",
);
const ROW_WITHOUT_MESSAGES: Entry = entry(
    "row_without_messages",
    "a row without a title has a message, unless it was just inserted",
    &[ENDED_AT, STARTED_AT, SOURCE],
    defects![B4 ONLY_16, A15 ALL, S20 FROM_18, A14 ALL, A13 UNTIL_18, S8 ALL, B11 NONE],
    "a conversation whose messages were all taken back",
);
const MESSAGE_COUNT_DIFFERS: Entry = safe(entry(
    "message_count_differs",
    "`message_count` is the number of live messages, taken back ones counted or not",
    &[("sessions", "message_count")],
    &[],
    "a write by another program, or a repair by hand",
));
const TOOL_CALL_COUNT_DIFFERS: Entry = safe(entry(
    "tool_call_count_differs",
    "`tool_call_count` is the number of calls in live messages, taken back ones counted or not",
    &[("sessions", "tool_call_count"), TOOL_CALLS],
    &[],
    "a write by another program, or a repair by hand",
));
const CALL_WITHOUT_RESULT: Entry = entry(
    "call_without_result",
    "each tool call in a live message is followed by its result, unless it may be under way",
    &[ROLE, TOOL_CALLS, TOOL_CALL_ID],
    defects![A3 ALL, A13 UNTIL_18, A30 NONE],
    "a process that was killed during the call (#11351)",
);
const RESULT_WITHOUT_CALL: Entry = entry(
    "result_without_call",
    "each result in a live message follows its call, and is the only one",
    &[ROLE, TOOL_CALLS, TOOL_CALL_ID],
    defects![B3 UNTIL_17, A19 FROM_18],
    "a compression of 0.16 to 0.19: what it keeps may begin with a result",
);
const DUPLICATE_MESSAGES: Entry = entry(
    "duplicate_messages",
    "no live message is stored twice in a row",
    &[ROLE, ("messages", "content"), TIMESTAMP],
    defects![B5 FROM_17, B6 ONLY_16, A34 FROM_17, S33 ALL],
    "",
);
const MESSAGE_AFTER_END: Entry = entry(
    "message_after_end",
    "no message is dated after the end of its row",
    &[ENDED_AT, TIMESTAMP],
    defects![S10 ALL, S34 ALL, S6 ALL, S4 ALL, S7 FROM_17, S29 UNTIL_18, S30 FROM_18, S32 FROM_18, S24 UNTIL_17, S25 UNTIL_18, S12 ALL, A33 ALL],
    "a wall clock that was set back before the end",
);
const PLATFORM_ROW_ENDED: Entry = entry(
    "platform_row_ended",
    "a gateway of terminals ends no row of a messaging platform",
    &[SOURCE, END_REASON],
    defects![A5 UNTIL_18, A6 ONLY_19],
    "",
);
const SOURCE_UNKNOWN: Entry = entry(
    "source_unknown",
    "the source of a row is the program that inserted it",
    &[SOURCE],
    defects![B12 ALL, B1 UNTIL_17],
    "",
);
const MESSAGES_WITHOUT_ROW: Entry = entry(
    "messages_without_row",
    "the row of each message exists",
    &[],
    defects![B1 UNTIL_17],
    "rows that were deleted by hand, without foreign keys",
);
const PARENT_MISSING: Entry = safe(entry(
    "parent_missing",
    "the parent of a row exists",
    &[PARENT],
    defects![B1 UNTIL_17],
    "rows that were deleted by hand, without foreign keys",
));
const PARENT_CYCLE: Entry = entry("parent_cycle", "no row is its own ancestor", &[PARENT], &[], "a repair by hand");
const REFERENCE_MISSING: Entry = entry(
    "reference_missing",
    "what any other table refers to exists",
    &[],
    &[],
    "rows that were deleted by hand, without foreign keys",
);
const ENDED_BEFORE_STARTED: Entry = safe(entry(
    "ended_before_started",
    "the end of a row is not before its start",
    &[ENDED_AT, STARTED_AT],
    &[],
    "a wall clock that was set back in between",
));
const TITLE_GIVEN_TWICE: Entry = entry(
    "title_given_twice",
    "no two rows have one title",
    &[("sessions", "title")],
    &[],
    "a database from before the unique index on titles",
);
const DAMAGED_PAGES: Entry = entry(
    "damaged_pages",
    "the pages of the two tables are sound",
    &[],
    &[],
    "a copy that was made while a gateway wrote, or a disk that fails",
);

impl Kind {
    /// All kinds, in the order in which a report has them.
    pub const ALL: [Self; 22] = [
        Self::OpenRowWithoutOwner,
        Self::TwoOpenRowsInChain,
        Self::ContinuedRowNotCompressed,
        Self::CompressedRowWithoutChild,
        Self::CompressedRowContinuedTwice,
        Self::CompressedRowWithoutMessages,
        Self::RowWithoutMessages,
        Self::MessageCountDiffers,
        Self::ToolCallCountDiffers,
        Self::CallWithoutResult,
        Self::ResultWithoutCall,
        Self::DuplicateMessages,
        Self::MessageAfterEnd,
        Self::PlatformRowEnded,
        Self::SourceUnknown,
        Self::MessagesWithoutRow,
        Self::ParentMissing,
        Self::ParentCycle,
        Self::ReferenceMissing,
        Self::EndedBeforeStarted,
        Self::TitleGivenTwice,
        Self::DamagedPages,
    ];

    /// The word for it in reports and after `--kind`.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What holds in a sound database.
    pub fn claim(self) -> &'static str {
        self.entry().claim
    }

    /// The columns that it needs, as table and column.
    pub fn needs(self) -> &'static [(&'static str, &'static str)] {
        self.entry().needs
    }

    /// The defects that leave it, the most likely first.
    pub fn defects(self) -> &'static [Defect] {
        self.entry().defects
    }

    /// What else leaves it; empty if the catalogue has every cause that is known.
    pub fn otherwise(self) -> &'static str {
        self.entry().otherwise
    }

    /// Whether a statement mends it without a judgement on its content.
    pub fn is_safe(self) -> bool {
        self.entry().is_safe
    }

    fn entry(self) -> &'static Entry {
        match self {
            Self::OpenRowWithoutOwner => &OPEN_ROW_WITHOUT_OWNER,
            Self::TwoOpenRowsInChain => &TWO_OPEN_ROWS_IN_CHAIN,
            Self::ContinuedRowNotCompressed => &CONTINUED_ROW_NOT_COMPRESSED,
            Self::CompressedRowWithoutChild => &COMPRESSED_ROW_WITHOUT_CHILD,
            Self::CompressedRowContinuedTwice => &COMPRESSED_ROW_CONTINUED_TWICE,
            Self::CompressedRowWithoutMessages => &COMPRESSED_ROW_WITHOUT_MESSAGES,
            Self::RowWithoutMessages => &ROW_WITHOUT_MESSAGES,
            Self::MessageCountDiffers => &MESSAGE_COUNT_DIFFERS,
            Self::ToolCallCountDiffers => &TOOL_CALL_COUNT_DIFFERS,
            Self::CallWithoutResult => &CALL_WITHOUT_RESULT,
            Self::ResultWithoutCall => &RESULT_WITHOUT_CALL,
            Self::DuplicateMessages => &DUPLICATE_MESSAGES,
            Self::MessageAfterEnd => &MESSAGE_AFTER_END,
            Self::PlatformRowEnded => &PLATFORM_ROW_ENDED,
            Self::SourceUnknown => &SOURCE_UNKNOWN,
            Self::MessagesWithoutRow => &MESSAGES_WITHOUT_ROW,
            Self::ParentMissing => &PARENT_MISSING,
            Self::ParentCycle => &PARENT_CYCLE,
            Self::ReferenceMissing => &REFERENCE_MISSING,
            Self::EndedBeforeStarted => &ENDED_BEFORE_STARTED,
            Self::TitleGivenTwice => &TITLE_GIVEN_TWICE,
            Self::DamagedPages => &DAMAGED_PAGES,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join("`, `");
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| format!("unknown kind, expected one of `{}`", names()))
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
