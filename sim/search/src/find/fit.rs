//! The fit of a pattern to the rows of a run: which row stands for which alias, and how far the run is from the pattern.

use std::collections::BTreeSet;
use std::ops::Add;

use gateway_core::clock::{Millis, Wall};
use gateway_core::store::{MessageRow, SessionRow, StoredId};
use sim_audit::{Columns, Message, Part, Talk, Transcript};
use sim_harness::observation::Observation;
use sim_harness::rows::RowSet;
use sim_scenario::{Fault, Scenario};

use super::elapsed::Times;
use super::pattern::{Others, Pattern, RowPattern};
use super::word::RowWord;

/// The largest number of partial assignments that are looked at. A run seldom has more than ten rows, which need a few
/// hundred; a crowd of sixty equal rows would need millions.
const LOOKS_MAX: u32 = 20_000;

/// What is looked at in one row of the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeenRow {
    /// The place of the row that it continues or was branched from.
    parent: Option<usize>,
    has_parent: bool,
    is_open: bool,
    end_reason: Option<String>,
    source: String,
    /// The number of active messages.
    messages: u64,
    count_differs: bool,
    has_title: bool,
    calls_without_result: bool,
    results_without_call: bool,
    has_duplicates: bool,
    times: Times,
}

/// The distance of a run from a pattern; all parts are zero if the pattern holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distance {
    /// The number of words that no row meets in the best assignment, those of aliases without a row included.
    pub words: u32,
    /// The number of aliases without a row.
    pub missing: u32,
    /// The number of rows too many, of a pattern that names all.
    pub extra: u32,
    /// How many live sessions there are too many or too few.
    pub live: u32,
    /// How much goes on at the end: each kind of connections, turns and armed timers counts as one, and so does a gateway
    /// that is down, or a last step or fault that is not a whole grace ago.
    pub unrest: u32,
    /// By how many milliseconds the words about times are missed. It decides only between runs that are equal otherwise.
    pub missed_ms: u64,
}

/// The best assignment of rows to the aliases of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// The place of each alias's row in the database, in the order of the pattern.
    pub rows: Vec<Option<usize>>,
    /// The words that are not met, as places of an alias and of its word.
    pub unmet: Vec<(usize, usize)>,
    /// How far the run is from the pattern.
    pub distance: Distance,
}

/// Whether clients may be connected at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// They may: their sessions are among the live ones that the pattern counts.
    MayStay,
    /// They may not.
    AreGone,
}

impl Distance {
    /// By which runs are compared: the sum, then what is missing to the times.
    pub fn rank(self) -> (u32, u64) {
        (self.sum(), self.missed_ms)
    }

    /// The sum of all parts that are counted; zero if the pattern holds.
    pub fn sum(self) -> u32 {
        self.rows() + self.live + self.unrest
    }

    /// The parts that are about rows.
    pub fn rows(self) -> u32 {
        self.words + self.missing + self.extra
    }
}

impl Fit {
    /// The fit of a pattern to the end of a run of the scenario.
    pub fn of(pattern: &Pattern, scenario: &Scenario, end: &Observation, clients: Clients) -> Self {
        let seen = SeenRow::all(&end.rows);
        let mut fit = assign(pattern, &seen);
        if pattern.others == Others::None {
            fit.distance.extra = count(seen.len().saturating_sub(pattern.rows.len()));
        }
        let memory = end.memory.as_ref();
        let live = memory.map_or(0, |memory| memory.sessions.len());
        fit.distance.live = pattern.live.map_or(0, |wanted| count(wanted.abs_diff(live)));
        let unrest = memory.map_or([true, false, false, false], |memory| {
            [
                !is_quiet(scenario),
                memory.connections > 0 && clients == Clients::AreGone,
                memory.turns + memory.turns_without_session > 0,
                memory.orphan_timers > 0,
            ]
        });
        fit.distance.unrest = count(unrest.into_iter().filter(|is| *is).count());
        fit
    }
}

impl Fit {
    /// The words that some row of the run meets, as places of an alias and of its word; parents only in this assignment.
    pub(super) fn met_by_any(&self, pattern: &Pattern, end: &Observation) -> BTreeSet<(usize, usize)> {
        let seen = SeenRow::all(&end.rows);
        let mut met = BTreeSet::new();
        for (alias, row) in pattern.rows.iter().enumerate() {
            for (place, word) in row.words.iter().enumerate() {
                let is_met = match word {
                    RowWord::Parent(_) => !self.unmet.contains(&(alias, place)),
                    word => seen.iter().any(|row| row.meets(word)),
                };
                met.extend(is_met.then_some((alias, place)));
            }
        }
        met
    }
}

/// The place of each alias's row in the best assignment.
pub(super) fn assign_rows(pattern: &Pattern, rows: &RowSet) -> Vec<Option<usize>> {
    assign(pattern, &SeenRow::all(rows)).rows
}

/// Whether a whole grace has passed since the last step and the last fault, and a second more. What they have set off without
/// an orphan timer is over by then: a gateway that has started ends the rows of the process before after a grace.
fn is_quiet(scenario: &Scenario) -> bool {
    scenario.until >= last_event(scenario) + scenario.gateway.orphan_grace + Millis::from_secs(1)
}

/// The instant after which the file lets nothing more happen from outside.
pub(super) fn last_event(scenario: &Scenario) -> Millis {
    let steps = scenario.steps.iter().map(|step| step.at);
    let faults = scenario.store.faults.iter().map(|of| match of.fault {
        Fault::Busy { lasts } => of.until.unwrap_or(of.from) + lasts,
        _ => of.until.unwrap_or(of.from),
    });
    steps.chain(faults).max().unwrap_or_default()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl SeenRow {
    pub(super) fn all(rows: &RowSet) -> Vec<Self> {
        let place = |id: &StoredId| rows.sessions.iter().position(|row| row.id == *id);
        let of = |row: &SessionRow| {
            let talk = talk(row, rows);
            Self {
                parent: row.parent.as_ref().and_then(place),
                has_parent: row.parent.is_some(),
                is_open: row.ended_at.is_none(),
                end_reason: row.end_reason.clone(),
                source: row.source.clone(),
                messages: talk.live(),
                count_differs: !talk.is_message_count(i64::try_from(row.message_count).unwrap_or(i64::MAX)),
                has_title: row.title.is_some(),
                calls_without_result: talk.has_call_without_result(),
                results_without_call: talk.has_result_without_call(),
                has_duplicates: talk.has_duplicates(),
                times: Times::of(row, rows),
            }
        };
        rows.sessions.iter().map(of).collect()
    }

    /// Whether the word holds of the row; a parent's word is judged when its row is known.
    pub(super) fn meets(&self, word: &RowWord) -> bool {
        match word {
            RowWord::Open => self.is_open,
            RowWord::Ended => !self.is_open,
            RowWord::EndReason(reason) => self.end_reason.as_ref() == Some(reason),
            RowWord::Parent(_) => self.has_parent,
            RowWord::NoParent => !self.has_parent,
            RowWord::Source(source) => self.source == *source,
            RowWord::Messages(number) => self.messages == *number,
            RowWord::MessagesMin(least) => self.messages >= *least,
            RowWord::Title => self.has_title,
            RowWord::NoTitle => !self.has_title,
            RowWord::CallsWithoutResult => self.calls_without_result,
            RowWord::ResultsWithoutCall => self.results_without_call,
            RowWord::DuplicateMessages => self.has_duplicates,
            RowWord::CountDiffers => self.count_differs,
            RowWord::Elapsed(elapsed) => elapsed.missing(&self.times) == 0,
        }
    }
}

/// What the messages of a row amount to, as an audit of the database says it.
fn talk(row: &SessionRow, rows: &RowSet) -> Talk {
    let mut transcript = Transcript::new(row.ended_at.map(Wall::as_seconds));
    for MessageRow { id, message, active, .. } in rows.messages.iter().filter(|message| message.session == row.id) {
        let columns = Columns {
            role: Some(message.role.as_str().as_bytes()),
            content: message.content.as_deref().map(str::as_bytes),
            tool_call_id: message.tool_call_id.as_deref().map(str::as_bytes),
            tool_calls: message.tool_calls.as_deref().map(str::as_bytes),
        };
        let part = if *active { Part::Live } else { Part::Archived };
        transcript.add(Message::new(*id, part, Some(message.timestamp.as_seconds()), columns));
    }
    transcript.finish()
}

/// What an assignment costs, the more important part first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    /// The number of words that are not met, and of aliases without a row.
    words: u32,
    /// By how many milliseconds times are missed.
    missed_ms: u64,
}

impl Cost {
    const fn words(words: u32) -> Self {
        Self { words, missed_ms: 0 }
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { words: self.words + other.words, missed_ms: self.missed_ms + other.missed_ms }
    }
}

/// Branch and bound over the aliases in their order.
struct Assigning<'a> {
    pattern: &'a Pattern,
    seen: &'a [SeenRow],
    /// The least cost of all aliases from this one on.
    rest: Vec<Cost>,
    taken: Vec<Option<usize>>,
    best: Option<(Cost, Vec<Option<usize>>)>,
    looks: u32,
}

/// The assignment of distinct rows to aliases with the fewest unmet words; of several, the
/// first that gives the earlier aliases the rows that suit them best.
pub(super) fn assign(pattern: &Pattern, seen: &[SeenRow]) -> Fit {
    let least = |row: &RowPattern| {
        let costs = seen.iter().map(|seen| unmet_alone(row, seen));
        costs.min().unwrap_or(cost_of_none(row)).min(cost_of_none(row))
    };
    let mut rest = vec![Cost::default(); pattern.rows.len() + 1];
    for (place, row) in pattern.rows.iter().enumerate().rev() {
        rest[place] = rest[place + 1] + least(row);
    }
    let mut assigning = Assigning { pattern, seen, rest, taken: Vec::new(), best: None, looks: 0 };
    assigning.next(Cost::default());
    let (_, rows) = assigning.best.unwrap_or_default();
    let mut fit = Fit { rows, ..Fit::default() };
    for (alias, row) in pattern.rows.iter().enumerate() {
        for (place, word) in row.words.iter().enumerate() {
            if !is_met(&fit.rows, seen, alias, word) {
                fit.unmet.push((alias, place));
                fit.distance.missed_ms += missed_ms(fit.rows.get(alias).copied().flatten().map(|row| &seen[row]), word);
            }
        }
    }
    fit.distance.words = count(fit.unmet.len());
    fit.distance.missing = count(fit.rows.iter().filter(|row| row.is_none()).count());
    fit
}

fn unmet_alone(row: &RowPattern, seen: &SeenRow) -> Cost {
    let words = count(row.words.iter().filter(|word| !seen.meets(word)).count());
    Cost { words, missed_ms: row.words.iter().map(|word| missed_ms(Some(seen), word)).sum() }
}

/// An alias without a row costs its words and one more.
fn cost_of_none(row: &RowPattern) -> Cost {
    let words = count(row.words.len() + 1);
    Cost { words, missed_ms: row.words.iter().map(|word| missed_ms(None, word)).sum() }
}

/// By how many milliseconds a row, if there is any, misses a word about times; 0 for another word.
fn missed_ms(seen: Option<&SeenRow>, word: &RowWord) -> u64 {
    let RowWord::Elapsed(elapsed) = word else { return 0 };
    elapsed.missing(&seen.map(|seen| seen.times).unwrap_or_default())
}

fn is_met(rows: &[Option<usize>], seen: &[SeenRow], alias: usize, word: &RowWord) -> bool {
    let Some(place) = rows.get(alias).copied().flatten() else { return false };
    match word {
        RowWord::Parent(parent) => {
            let parent = rows.get(*parent).copied().flatten();
            parent.is_some() && seen[place].parent == parent
        }
        word => seen[place].meets(word),
    }
}

impl Assigning<'_> {
    /// Assigns the next alias. `cost` is that of the earlier ones, without parents whose rows are not known.
    fn next(&mut self, cost: Cost) {
        let alias = self.taken.len();
        let bound = cost + self.rest[alias];
        if self.best.as_ref().is_some_and(|(best, _)| *best <= bound) || self.looks >= LOOKS_MAX {
            return;
        }
        self.looks += 1;
        let Some(row) = self.pattern.rows.get(alias) else {
            let cost = cost + Cost::words(self.unmet_parents());
            if self.best.as_ref().is_none_or(|(best, _)| *best > cost) {
                self.best = Some((cost, self.taken.clone()));
            }
            return;
        };
        // The cheapest first, so that the bound cuts early.
        let free = (0..self.seen.len()).filter(|place| !self.taken.contains(&Some(*place)));
        let mut choices: Vec<(Cost, Option<usize>)> =
            free.map(|place| (unmet_alone(row, &self.seen[place]), Some(place))).collect();
        choices.sort_by_key(|(cost, _)| *cost);
        choices.push((cost_of_none(row), None));
        for (more, place) in choices {
            self.taken.push(place);
            self.next(cost + more);
            self.taken.pop();
        }
    }

    /// Children whose row has another parent than the pattern says. A child without any parent is counted already.
    fn unmet_parents(&self) -> u32 {
        let words = self.pattern.words().filter(|(_, word)| matches!(word, RowWord::Parent(_)));
        let wrong = words.filter(|(alias, word)| {
            let row = self.taken[*alias].map(|place| &self.seen[place]);
            row.is_some_and(|row| row.has_parent) && !is_met(&self.taken, self.seen, *alias, word)
        });
        count(wrong.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(end: &str, parent: Option<usize>, messages: u64) -> SeenRow {
        let ended = (end != "open").then(|| end.to_owned());
        SeenRow {
            parent,
            has_parent: parent.is_some(),
            is_open: ended.is_none(),
            end_reason: ended,
            source: "tui".to_owned(),
            messages,
            ..SeenRow::default()
        }
    }

    #[track_caller]
    fn check(rows: &[&str], seen: &[SeenRow], expected: &[Option<usize>], words: u32, missing: u32) {
        let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        let pattern = Pattern::parse(&rows, None, Others::Free).expect("a good pattern");
        let fit = assign(&pattern, seen);
        assert_eq!((fit.rows.as_slice(), fit.distance.words, fit.distance.missing), (expected, words, missing));
    }

    /// An alias gets the row that meets most of its words, and two aliases never get one row.
    #[test]
    fn rows_are_assigned() {
        let ghost = [seen("compression", None, 3), seen("open", Some(0), 5)];
        check(&["s1 end_reason=compression", "s2 parent=s1 open"], &ghost, &[Some(0), Some(1)], 0, 0);
        check(&["s2 parent=s1 open", "s1"], &ghost, &[Some(1), Some(0)], 0, 0);
        check(&["s1 open", "s2 open"], &ghost, &[Some(1), Some(0)], 1, 0);
        check(&["s1 open messages=5", "s2 open messages=5", "s3"], &ghost, &[Some(1), Some(0), None], 2, 1);
        check(&["s1 open"], &[], &[None], 1, 1);
    }

    /// A word about the parent weighs as much as another, also where it forbids the nearest rows of both.
    #[test]
    fn parents_are_rows_of_the_pattern() {
        let two = [
            seen("compression", None, 3),
            seen("compression", None, 3),
            seen("open", Some(1), 5),
            seen("tui_close", Some(0), 5),
        ];
        check(&["s1 end_reason=compression", "s2 parent=s1 open"], &two, &[Some(1), Some(2)], 0, 0);
        check(&["s1 parent=none", "s2 parent=s1 ended"], &two, &[Some(0), Some(3)], 0, 0);
        check(&["s1 open", "s2 parent=s1"], &two, &[Some(2), Some(3)], 1, 0);
    }

    /// Of two rows that meet as many words, the one that misses a time by less stands for the alias, and what it misses is
    /// in the distance. A word that is not met weighs more than any time.
    #[test]
    fn times_decide_between_equals() {
        let ended_after = |prompt: i64| SeenRow {
            times: Times { prompt: Some(prompt), ..Times::default() },
            ..seen("ws_orphan_reap", None, 2)
        };
        let check = |words: &str, seen: &[SeenRow], expected: usize, (words_unmet, missed_ms): (u32, u64)| {
            let pattern = Pattern::parse(&[format!("s1 {words}")], None, Others::Free).expect("a good pattern");
            let Fit { rows, distance, .. } = assign(&pattern, seen);
            assert_eq!((rows, distance.words, distance.missed_ms), (vec![Some(expected)], words_unmet, missed_ms));
            assert_eq!(distance.rank(), (words_unmet, missed_ms));
        };
        let rows = [ended_after(90_000), ended_after(25_000), seen("open", None, 2)];
        check("since_prompt<20s", &rows, 1, (1, 5001));
        check("since_prompt>100s", &rows, 0, (1, 10_001));
        check("since_message<20s", &rows, 0, (1, 86_400_000));
        check("since_prompt<20s messages=2 end_reason=ws_orphan_reap", &rows, 1, (1, 5001));
        check("since_prompt<30s", &rows, 1, (0, 0));
    }

    /// Crowds of equal rows end within the bound.
    #[test]
    fn a_crowd_is_assigned() {
        let crowd = vec![seen("open", None, 1); 60];
        let rows = ["s1 ended", "s2 ended", "s3 ended", "s4 ended", "s5 ended", "s6 parent=s5", "s7 ended", "s8 open"];
        let expected: Vec<Option<usize>> = (0..8).map(Some).collect();
        check(&rows, &crowd, &expected, 7, 0);
    }
}
