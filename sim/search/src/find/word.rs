//! The words of a pattern: what each says of a row, how it is read, and which two no row can meet at once.

use gateway_core::store::EndReason;
use sim_scenario::nearest;

use super::elapsed::{Elapsed, Since};

/// What a pattern says of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowWord {
    /// `open`: it has no `ended_at`.
    Open,
    /// `ended`: it has one.
    Ended,
    /// `end_reason=X`.
    EndReason(String),
    /// `parent=ALIAS`: it continues that row of the pattern, or was branched from it. The value is its place in the pattern.
    Parent(usize),
    /// `parent=none`.
    NoParent,
    /// `source=X`.
    Source(String),
    /// `messages=N`: it has so many active messages.
    Messages(u64),
    /// `messages>=N`: it has so many active messages at least.
    MessagesMin(u64),
    /// `title`: it has a title.
    Title,
    /// `no_title`: it has none.
    NoTitle,
    /// `calls_without_result`: one of its messages calls a tool, and no result follows.
    CallsWithoutResult,
    /// `results_without_call`: one of its messages is a tool's result, and no open call stands before it.
    ResultsWithoutCall,
    /// `duplicate_messages`: one of its messages is stored a second time.
    DuplicateMessages,
    /// `count_differs`: `message_count` is not the number of its active messages.
    CountDiffers,
    /// `since_prompt<20s` and its like: the time from an earlier event to its end.
    Elapsed(Elapsed),
}

/// Every word as it is written, in the order of the documentation.
pub const WORDS: [&str; 20] = [
    "open",
    "ended",
    "end_reason=X",
    "parent=ALIAS",
    "parent=none",
    "source=X",
    "messages=N",
    "messages>=N",
    "title",
    "no_title",
    "calls_without_result",
    "results_without_call",
    "duplicate_messages",
    "count_differs",
    "since_start<TIME",
    "since_start>TIME",
    "since_message<TIME",
    "since_message>TIME",
    "since_prompt<TIME",
    "since_prompt>TIME",
];

/// A word as it was read: `parent` still names its alias.
pub(super) enum DraftWord {
    Is(RowWord),
    ParentIs(String),
}

/// Reads a word, or says what is wrong and what would be right.
pub(super) fn read(text: &str) -> Result<DraftWord, (String, String)> {
    let plain = match text {
        "open" => Some(RowWord::Open),
        "ended" => Some(RowWord::Ended),
        "title" => Some(RowWord::Title),
        "no_title" => Some(RowWord::NoTitle),
        "calls_without_result" => Some(RowWord::CallsWithoutResult),
        "results_without_call" => Some(RowWord::ResultsWithoutCall),
        "duplicate_messages" => Some(RowWord::DuplicateMessages),
        "count_differs" => Some(RowWord::CountDiffers),
        _ => None,
    };
    if let Some(word) = plain {
        return Ok(DraftWord::Is(word));
    }
    if let Some(elapsed) = Elapsed::read(text) {
        return elapsed.map(|elapsed| DraftWord::Is(RowWord::Elapsed(elapsed)));
    }
    if let Some(count) = text.strip_prefix("messages>=") {
        return number(text, count).map(|count| DraftWord::Is(RowWord::MessagesMin(count)));
    }
    match text.split_once('=') {
        Some((key @ ("end_reason" | "source" | "parent"), "")) => {
            Err((format!("`{key}` has no value"), format!("write it without a blank, as `{key}=…`")))
        }
        Some(("end_reason", reason)) => end_reason(reason).map(DraftWord::Is),
        Some(("source", source)) => Ok(DraftWord::Is(RowWord::Source(source.to_owned()))),
        Some(("parent", "none")) => Ok(DraftWord::Is(RowWord::NoParent)),
        Some(("parent", alias)) => Ok(DraftWord::ParentIs(alias.to_owned())),
        Some(("messages", count)) => number(text, count).map(|count| DraftWord::Is(RowWord::Messages(count))),
        _ => Err(unknown(text)),
    }
}

fn number(text: &str, count: &str) -> Result<u64, (String, String)> {
    let help = || "write a number, as `messages=2` or `messages>=2`".to_owned();
    count.parse().map_err(|_| (format!("`{text}` has no number of messages"), help()))
}

/// An end reason that no release writes is in no run, however long the search.
fn end_reason(reason: &str) -> Result<RowWord, (String, String)> {
    let known = EndReason::ALL.map(EndReason::as_str);
    if known.contains(&reason) {
        return Ok(RowWord::EndReason(reason.to_owned()));
    }
    let help = match nearest(reason, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("end reasons are `{}`", known.join("`, `")),
    };
    Err((format!("no release writes the end reason `{reason}`"), help))
}

fn unknown(text: &str) -> (String, String) {
    let key_of = |word: &'static str| word.split(['=', '>', '<']).next().unwrap_or(word);
    let key = text.split(['=', '>', '<']).next().unwrap_or(text);
    let help = match nearest(key, WORDS.map(key_of)) {
        Some(near) if near != key => {
            let written: Vec<&str> = WORDS.into_iter().filter(|word| key_of(word) == near).collect();
            format!("did you mean `{}`?", written.join("` or `"))
        }
        _ => format!("words are `{}`", WORDS.join("`, `")),
    };
    (format!("unknown word `{text}`"), help)
}

/// Whether no row meets both words, judged in one direction.
pub(super) fn excludes(one: &RowWord, other: &RowWord) -> bool {
    match (one, other) {
        (RowWord::Open, RowWord::Ended | RowWord::EndReason(_) | RowWord::Elapsed(_))
        | (RowWord::NoParent, RowWord::Parent(_))
        | (RowWord::Title, RowWord::NoTitle) => true,
        (RowWord::EndReason(one), RowWord::EndReason(other)) | (RowWord::Source(one), RowWord::Source(other)) => {
            one != other
        }
        (RowWord::Parent(one), RowWord::Parent(other)) => one != other,
        (RowWord::Messages(one), RowWord::Messages(other)) => one != other,
        (RowWord::Messages(count), RowWord::MessagesMin(least)) => count < least,
        (
            RowWord::Messages(0),
            RowWord::CallsWithoutResult | RowWord::ResultsWithoutCall | RowWord::DuplicateMessages,
        ) => true,
        (RowWord::Messages(0), RowWord::Elapsed(elapsed)) => elapsed.since != Since::Start,
        (RowWord::Elapsed(one), RowWord::Elapsed(other)) => one.excludes(*other),
        _ => false,
    }
}
