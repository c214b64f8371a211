//! Words about the time before the end of a row: `since_prompt<20s`.
//!
//! Each compares the time from an earlier event of the row to its `ended_at` with a length. How much is missing, in
//! milliseconds, is a part of the distance of a run from a pattern: of two runs whose rows do not meet such a word, the
//! search goes on from the one that comes nearer.

use std::fmt;

use gateway_core::clock::{Millis, Wall};
use gateway_core::store::{Role, SessionRow};
use sim_harness::rows::RowSet;

/// The words that may stand before `<` or `>`, with what each counts from.
const EVENTS: [(&str, Since); 3] =
    [("since_start", Since::Start), ("since_message", Since::Message), ("since_prompt", Since::Prompt)];

/// What is missing counts as a day at most, and as a day in a row that has no such time: it is open, or has no message.
const MISSING_MAX: u64 = 86_400_000;

/// A comparison of the time between an event of a row and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    /// The event.
    pub since: Since,
    /// What the time is compared with.
    pub bound: Bound,
}

/// An event of a row, from which the time to its end is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// `since_start`: its `started_at`.
    Start,
    /// `since_message`: the latest `timestamp` of its active messages.
    Message,
    /// `since_prompt`: that of its active messages whose role is `user`. The notice of a background job is one.
    Prompt,
}

/// A length that a time is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `<20s`. With `<0s` the row was ended before the event.
    Below(Millis),
    /// `>20s`.
    Above(Millis),
}

/// The times of a row from each event to its end, in milliseconds. Each is absent in a row without that event, and all
/// are in an open row. One is negative where the event came after the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) start: Option<i64>,
    pub(super) message: Option<i64>,
    pub(super) prompt: Option<i64>,
}

impl Elapsed {
    /// Reads a word, or says what is wrong and what would be right. Returns `None` for a word about something else.
    pub(super) fn read(text: &str) -> Option<Result<Self, (String, String)>> {
        let key = text.split(['<', '>', '=']).next().unwrap_or(text);
        let (_, since) = EVENTS.into_iter().find(|(event, _)| *event == key)?;
        Some(bound(key, &text[key.len()..]).map(|bound| Self { since, bound }))
    }

    /// By how many milliseconds a row with these times misses the word; 0 if it meets it.
    pub(super) fn missing(self, times: &Times) -> u64 {
        let time = match self.since {
            Since::Start => times.start,
            Since::Message => times.message,
            Since::Prompt => times.prompt,
        };
        let Some(time) = time.map(i128::from) else { return MISSING_MAX };
        let missing = match self.bound {
            Bound::Below(length) => time - i128::from(length.0) + 1,
            Bound::Above(length) => i128::from(length.0) - time + 1,
        };
        u64::try_from(missing.max(0)).unwrap_or(MISSING_MAX).min(MISSING_MAX)
    }

    /// Whether no time meets both.
    pub(super) fn excludes(self, other: Self) -> bool {
        match (self.bound, other.bound) {
            // Times are whole milliseconds.
            (Bound::Below(below), Bound::Above(above)) => self.since == other.since && below.0 <= above.0 + 1,
            _ => false,
        }
    }
}

/// Prints the word as it is written, with a length without blanks.
impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = EVENTS.into_iter().find(|(_, since)| *since == self.since).map_or("", |(event, _)| event);
        let (sign, length) = match self.bound {
            Bound::Below(length) => ('<', length),
            Bound::Above(length) => ('>', length),
        };
        write!(f, "{event}{sign}{}", String::from(length).replace(' ', ""))
    }
}

impl Times {
    /// The times of a row, with the active messages among all.
    pub(super) fn of(row: &SessionRow, rows: &RowSet) -> Self {
        let since = |event: Wall| row.ended_at.map(|ended| ended.0.cast_signed() - event.0.cast_signed());
        let messages = || rows.messages.iter().filter(|message| message.session == row.id && message.active);
        let prompts = messages().filter(|row| row.message.role == Role::User);
        Self {
            start: since(row.started_at),
            message: messages().map(|row| row.message.timestamp).max().and_then(since),
            prompt: prompts.map(|row| row.message.timestamp).max().and_then(since),
        }
    }
}

/// Reads what stands behind the event: `<20s`.
fn bound(event: &str, comparison: &str) -> Result<Bound, (String, String)> {
    let examples = || format!("write `{event}<20s` or `{event}>1m30s`, without blanks");
    let wrong = |what: &str| Err((format!("`{event}{comparison}` {what}"), examples()));
    let (make, length): (fn(Millis) -> Bound, &str) = match (comparison.strip_prefix('<'), comparison.strip_prefix('>'))
    {
        (Some(length), _) => (Bound::Below, length),
        (_, Some(length)) => (Bound::Above, length),
        _ => return wrong("has no comparison"),
    };
    if length.is_empty() {
        return wrong("has no length of time");
    }
    if length.starts_with('=') {
        return wrong("compares with something else than `<` or `>`");
    }
    match Millis::try_from(length.to_owned()) {
        Ok(length) => Ok(make(length)),
        Err(error) => Err((error.to_string(), examples())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> Elapsed {
        Elapsed::read(text).expect("a word about time").expect("a good word")
    }

    /// What is missing falls to zero as a time comes nearer to its bound, which does not meet the word itself. A row
    /// without the time is as far away as any.
    #[test]
    fn what_is_missing_falls() {
        let missing = |text: &str, time: i64| {
            read(text).missing(&Times { prompt: Some(time), start: Some(-1), ..Times::default() })
        };
        let of = |text: &str, times: [i64; 4]| times.map(|time| missing(text, time));
        assert_eq!(of("since_prompt<20s", [25_000, 20_000, 19_999, -1]), [5001, 1, 0, 0]);
        assert_eq!(of("since_prompt>20s", [5_000, 20_000, 20_001, 90_000]), [15_001, 1, 0, 0]);
        assert_eq!(of("since_prompt<0s", [3, 0, -1, -9]), [4, 1, 0, 0]);
        assert_eq!(
            of("since_prompt<0s", [i64::MAX, 86_400_000, 86_399_998, 0]),
            [MISSING_MAX, MISSING_MAX, 86_399_999, 1]
        );
        assert_eq!(read("since_start<0s").missing(&Times { start: Some(-1), ..Times::default() }), 0);
        assert_eq!(read("since_message<20s").missing(&Times { start: Some(-1), ..Times::default() }), MISSING_MAX);
    }

    /// A mistake names what is wrong, and the remedy is a word that can be read.
    #[test]
    fn mistakes_have_a_remedy() {
        let check = |text: &str, said: &str| {
            let (message, help) = Elapsed::read(text).expect("a word about time").expect_err("a mistake");
            assert_eq!(message, said);
            let event = text.split(['<', '>', '=']).next().expect("a part");
            assert_eq!(help, format!("write `{event}<20s` or `{event}>1m30s`, without blanks"));
            read(help.split('`').nth(1).expect("an example"));
            read(help.split('`').nth(3).expect("another example"));
        };
        check("since_prompt", "`since_prompt` has no comparison");
        check("since_start=20s", "`since_start=20s` has no comparison");
        check("since_message<", "`since_message<` has no length of time");
        check("since_message<=20s", "`since_message<=20s` compares with something else than `<` or `>`");
        check("since_prompt<20", "not a time: `20`, expected a length such as `0s`, `250ms` or `1m 30s`");
        check("since_prompt>-3s", "negative time `-3s`, expected a length such as `0s`, `250ms` or `1m 30s`");
        assert_eq!(Elapsed::read("open"), None);
        assert_eq!(Elapsed::read("since<20s"), None);
    }
}
