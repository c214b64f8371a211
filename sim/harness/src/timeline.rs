//! A run as a text picture: time goes down, and each client, session, grace and row has a lane.
//!
//! Events around a failure are shown; the others are counted. Each line shows which lanes are present (`│`, or `┆` for
//! a detached session), the lane that the event belongs to (`●`), and the lanes that violate a claim (`✗`). The picture
//! has no colour, so it reads the same in a log.

pub mod event;

use std::collections::BTreeMap;
use std::fmt;

use gateway_core::clock::Uptime;

use crate::report::Report;
use event::{ABSENT, Effect, Event, row_name};

/// The largest width of a line in columns where the format does not set one, as `{:94}` does.
const WIDTH: usize = 100;

/// The numbers of events that are shown before the first failure, before each later one, and after each.
const BEFORE_FIRST: usize = 14;
const BEFORE_LATER: usize = 3;
const AFTER: usize = 2;

/// The largest width of the lanes in columns, so that the text has room.
const LANES_WIDTH: usize = 44;

/// The picture of a run. `Display` prints it.
pub struct Timeline {
    /// The heading of each lane.
    lanes: Vec<String>,
    lines: Vec<Line>,
}

/// The subject of a lane, in the order of the columns: a grace is beside its session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A client, by its name.
    Client(String),
    /// The session with this index in the history.
    Session(usize),
    /// The grace of the session with this index.
    Grace(usize),
    /// The row with this index in the history.
    Row(usize),
}

struct Line {
    /// None if it equals the time of the line before.
    at: Option<Uptime>,
    /// One sign for each lane.
    signs: Vec<char>,
    text: String,
}

impl Timeline {
    /// The picture of a run: around its failures, or of all events if no claim failed.
    pub fn of(report: &Report) -> Self {
        let events = event::all(report);
        let shown = shown(&events);
        let mut lanes: Vec<Lane> = events.iter().filter_map(|event| event.lane.clone()).collect();
        lanes.sort_by_key(|lane| place(lane, &events));
        lanes.dedup();
        let mut lines = lines(&events, &shown, &lanes);
        let used: Vec<bool> =
            (0..lanes.len()).map(|lane| lines.iter().any(|line| line.signs[lane] != ABSENT)).collect();
        for line in &mut lines {
            line.signs = line.signs.iter().zip(&used).filter(|(_, used)| **used).map(|(sign, _)| *sign).collect();
        }
        let lanes = lanes.iter().zip(&used).filter(|(_, used)| **used).map(|(lane, _)| name(lane, report)).collect();
        Self { lanes, lines }
    }
}

/// Sorts clients first, in the order of their first event; then sessions with their graces; then rows.
fn place(lane: &Lane, events: &[Event]) -> (usize, usize, usize) {
    match lane {
        Lane::Client(_) => (0, events.iter().position(|event| event.lane.as_ref() == Some(lane)).unwrap_or(0), 0),
        Lane::Session(place) => (1, *place, 0),
        Lane::Grace(place) => (1, *place, 1),
        Lane::Row(place) => (2, *place, 0),
    }
}

fn name(lane: &Lane, report: &Report) -> String {
    match lane {
        Lane::Client(name) => name.clone(),
        Lane::Session(place) => report.history.sessions.get(*place).map_or_else(String::new, |(_, name)| name.clone()),
        Lane::Grace(_) => "grace".to_owned(),
        Lane::Row(place) => row_name(*place),
    }
}

/// Which events are shown; the others are counted.
fn shown(events: &[Event]) -> Vec<bool> {
    let wrong: Vec<usize> =
        (0..events.len()).filter(|place| matches!(events[*place].effect, Effect::Violated(_))).collect();
    let mut shown = vec![wrong.is_empty(); events.len()];
    for (number, place) in wrong.iter().enumerate() {
        let before = if number == 0 { BEFORE_FIRST } else { BEFORE_LATER };
        let last = (place + AFTER).min(events.len() - 1);
        shown[place.saturating_sub(before)..=last].fill(true);
    }
    // A single hidden event is shown, because its count would need a line as well.
    for place in 0..shown.len() {
        let beside = |step: Option<usize>| step.is_none_or(|step| shown.get(step).copied().unwrap_or(true));
        if !shown[place] && beside(place.checked_sub(1)) && beside(place.checked_add(1)) {
            shown[place] = true;
        }
    }
    shown
}

fn lines(events: &[Event], shown: &[bool], lanes: &[Lane]) -> Vec<Line> {
    let mut present: BTreeMap<&Lane, char> = lanes.iter().map(|lane| (lane, ABSENT)).collect();
    let (mut lines, mut folded, mut last) = (Vec::new(), 0, None);
    for (event, shown) in events.iter().zip(shown) {
        let before: Vec<char> = lanes.iter().map(|lane| present[lane]).collect();
        if *shown && folded > 0 {
            lines.push(Line { at: None, signs: before.clone(), text: format!("… {folded} events") });
            folded = 0;
        }
        match (&event.effect, &event.lane) {
            (Effect::Sign(sign), Some(lane)) => drop(present.insert(lane, *sign)),
            (Effect::ProcessDown, _) => {
                present.iter_mut().filter(|(lane, _)| in_memory(lane)).for_each(|(_, sign)| *sign = ABSENT);
            }
            _ => {}
        }
        if !*shown {
            folded += 1;
            continue;
        }
        let sign = |lane: &Lane| match &event.effect {
            Effect::Violated(lanes) if lanes.contains(lane) => '✗',
            _ if event.lane.as_ref() == Some(lane) => '●',
            _ => present[lane],
        };
        let at = (last != Some(event.at)).then_some(event.at);
        last = Some(event.at);
        lines.push(Line { at, signs: lanes.iter().map(sign).collect(), text: text(event) });
    }
    if folded > 0 {
        let signs = lanes.iter().map(|lane| present[lane]).collect();
        lines.push(Line { at: None, signs, text: format!("… {folded} events") });
    }
    lines
}

fn in_memory(lane: &Lane) -> bool {
    matches!(lane, Lane::Session(_) | Lane::Grace(_))
}

/// The text of an event, with the number of messages that it stored.
pub fn text(event: &Event) -> String {
    match &event.effect {
        Effect::Stored(1) => format!("{} has 1 more message", event.text),
        Effect::Stored(count) => format!("{} has {count} more messages", event.text),
        Effect::Violated(_) => format!("✗ {}", event.text),
        _ => event.text.clone(),
    }
}

impl Timeline {
    /// The largest width of a lane heading, and the number of blanks behind it.
    fn room(&self) -> (usize, usize) {
        let width = |most: usize, gap: usize| -> usize {
            self.lanes.iter().map(|name| name.chars().count().min(most) + gap).sum()
        };
        let rooms = [(14, 2), (10, 2), (7, 2), (5, 1), (3, 1)];
        rooms.into_iter().find(|(most, gap)| width(*most, *gap) <= LANES_WIDTH).unwrap_or((2, 1))
    }
}

/// One line for each event, cut at the width of the format, or at 100 columns.
impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or(WIDTH);
        let (most, gap) = self.room();
        let names: Vec<String> = self.lanes.iter().map(|name| cut(name, most)).collect();
        let mut header = " ".repeat(12);
        names.iter().for_each(|name| header.extend([name.as_str(), &" ".repeat(gap)]));
        writeln!(f, "{}", cut(header.trim_end(), width))?;
        for line in &self.lines {
            let mut text = format!("{:>10}  ", line.at.map_or_else(String::new, |at| at.to_string()));
            for (sign, name) in line.signs.iter().zip(&names) {
                text.push(*sign);
                text += &" ".repeat(name.chars().count() - 1 + gap);
            }
            text += &line.text;
            writeln!(f, "{}", cut(&text, width).trim_end())?;
        }
        Ok(())
    }
}

/// The text without control characters, cut to `most` characters with an ellipsis.
fn cut(text: &str, most: usize) -> String {
    let text = text.replace(char::is_control, " ");
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::invariant::NAMES;
    use crate::{Release, Scenario, Simulator};

    fn timeline(text: &str, release: Release) -> String {
        let scenario = Scenario::parse(Path::new("story.toml"), text, &NAMES).unwrap_or_else(|error| panic!("{error}"));
        Timeline::of(&Simulator::new().run(&scenario, release)).to_string()
    }

    /// The run of #44045: the client dies, the grace starts, expires during the turn and does not restart. The row has
    /// a `✗` where its end is overdue. Earlier events are counted.
    #[test]
    fn issue_44045_is_shown_around_its_failures() {
        let text = include_str!("../../../scenarios/issues/44045_turn_outlives_grace.toml");
        insta::assert_snapshot!(timeline(text, Release::V0_16_0), @r#"
                    desktop  work  grace  s1  s2
                    │        │            │       … 9 events
            1.000s  ●        │            │       ← answer to prompt.submit
                    ●        │            │       ← message.start work
                    ●        │            │       ← tool.start work "terminal"
            3.000s  ●        │            │       ← tool.complete work "terminal"
                    ●        │            │       ← status.update work "compressing the conversation"
            5.000s  │        │            ●       s1 is ended: compression
                    │        │                ●   s2 is inserted, after s1
                    ●        │                │   ← tool.start work "terminal"
            6.000s  ●        │                │   desktop dies
                             ●                │   work: attached → detached
                             ┆     ●          │   work: the grace starts
           26.000s           ┆     ●          │   work: the grace expires
           40.000s           ┆                ●   s2 has 5 more messages
                             ●                │   work: working → idle
           60.000s           ┆                ✗   ✗ detached_rows_end
           90.000s           ┆                │   faults off, clients leave
        21940.000s           ✗                │   ✗ idle_sessions_end
                             ┆                ✗   ✗ results_follow_their_call
                             ✗            ✗   │   ✗ acknowledged_messages_are_stored
        "#);
    }

    /// Two clients act at one instant: each event is in its lane, and both the session and its row have a `✗`.
    #[test]
    fn a_race_marks_session_and_row() {
        let text = include_str!("../../../scenarios/found/live_rows_stay_open_7fd7483f.toml");
        insta::assert_snapshot!(timeline(text, Release::V0_17_0), @r#"
                    desktop  phone  work  work~2  s1
                    │        │      │             │   … 13 events
            3.000s  │        │      │             ●   s1 has 1 more message
                    ●        │      │             │   ← message.delta work "hello"
                    │        │      │             ●   s1 has 1 more message
                    ●        │      │             │   ← message.complete work "hello"
                    │        │      ●             │   work: working → idle
                    ●        │      │             │   ← session.info work
            4.000s  │        ●      │             │   → session.resume s1
                    ●        │      │             │   desktop dies
                             │      ●             │   work: attached → detached
                             │      ●             │   work: open → closing
                             │      ┆             ●   store: Reopen of s1
                             │      ┆             ●   s1 is ended: ws_disconnect
                             │      ●                 work: closing → ended
                             │            ●           work~2: registered, attached
                             │            ✗       ✗   ✗ live_rows_stay_open
                             ●            │           ← answer to session.resume
                             │            │           faults off, clients leave
                                                      … 6 events
        "#);
    }

    /// Every event of a run without a failure is shown.
    #[test]
    fn every_event_is_shown_without_a_failure() {
        let text = include_str!("../../../scenarios/issues/44045_turn_outlives_grace.toml");
        let text = timeline(text, Release::Current);
        assert!(!text.contains('…') && text.contains("work: the grace restarts"), "{text}");
    }
}
