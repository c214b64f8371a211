//! One turn: its events, and the turn script that has the same ones at the same times.
//!
//! Each event becomes a [`Span`]; what lies between two spans is a sleep, as the time that a model takes. A rotation is seen
//! in the rows, and belongs between the spans around it.

use gateway_core::agent::script::{OnInterrupt, ParallelTool, TurnScript, TurnStep};
use gateway_core::agent::{CompressionMode, QuestionKind};
use gateway_core::clock::Millis;
use serde_json::Value;

use crate::reduce::{length, shown};

/// The events of a turn.
pub(super) struct Turn {
    pub(super) runtime: String,
    /// The number of the step that prompts it.
    pub(super) step: usize,
    /// The reduced text of the prompt.
    pub(super) text: Value,
    pub(super) began: u64,
    pub(super) ended: Option<(u64, End)>,
    /// The time of its last event.
    pub(super) last: u64,
    spans: Vec<Span>,
    calls: Vec<Call>,
    /// Texts that were streamed and belong to no message yet, with the time of the last.
    said: Option<Said>,
    review: Option<(u64, Value)>,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// With this reduced answer.
    Complete(Value),
    /// By an interrupt.
    Interrupted,
    /// With this error.
    Failed(String),
}

/// What a turn did from one time to another.
#[derive(Clone, Debug)]
struct Span {
    from: u64,
    to: u64,
    step: TurnStep,
}

/// A tool call without a result, or one that waits for those beside it.
struct Call {
    id: Value,
    name: String,
    from: u64,
    to: Option<u64>,
    asks: Option<Ask>,
}

/// A question within a call.
struct Ask {
    kind: QuestionKind,
    text: String,
    answered: Option<u64>,
}

struct Said {
    at: u64,
    first: Value,
    /// The texts joined, where they are kept.
    joined: String,
    length: u64,
}

/// What is known of the rest of a turn whose end no client has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// The database has its answer, stored at this time.
    AnsweredAt(u64),
    /// It ran at least until this time.
    RunsAt(u64),
}

/// Shorter times between two events are no step.
const GAP: u64 = 40;

/// How much longer than seen something takes that was cut off: whatever cuts it off comes first.
const CUT_OFF: u64 = 60_000;

/// How far the clock of a row may be from that of the recorder.
const CLOCKS: u64 = 250;

/// The difference in length between streamed texts and the answer that is white space.
const WHITE_SPACE: u64 = 4;

impl Turn {
    pub(super) fn new(runtime: &str, step: usize, text: Value, began: u64) -> Self {
        Self {
            runtime: runtime.to_owned(),
            step,
            text,
            began,
            ended: None,
            last: began,
            spans: Vec::new(),
            calls: Vec::new(),
            said: None,
            review: None,
        }
    }

    /// Any event: the agent lives.
    pub(super) fn sign(&mut self, at: u64) {
        self.last = at;
    }

    pub(super) fn call(&mut self, at: u64, id: &Value, name: &str) {
        self.close_said();
        self.calls.push(Call { id: id.clone(), name: name.to_owned(), from: at, to: None, asks: None });
    }

    pub(super) fn result(&mut self, at: u64, id: &Value) {
        if let Some(call) = self.calls.iter_mut().find(|call| call.id == *id) {
            call.to = Some(at);
        }
        if self.calls.iter().all(|call| call.to.is_some()) {
            self.close_calls();
        }
    }

    pub(super) fn ask(&mut self, at: u64, kind: QuestionKind, payload: &Value) {
        self.close_said();
        let text = ["question", "prompt"].iter().find_map(|key| payload.get(*key)).map(shown).unwrap_or_default();
        let ask = Ask { kind, text, answered: None };
        match self.calls.iter_mut().rfind(|call| call.to.is_none() && call.asks.is_none()) {
            Some(call) => call.asks = Some(ask),
            None => {
                let (id, name) = (Value::Null, "ask".to_owned());
                self.calls.push(Call { id, name, from: at, to: None, asks: Some(ask) });
            }
        }
    }

    pub(super) fn answered(&mut self, at: u64) {
        let open = self.calls.iter_mut().rfind(|call| call.to.is_none() && call.asks.is_some());
        let Some(call) = open else { return };
        if let Some(ask) = &mut call.asks {
            ask.answered = Some(at);
        }
        // A question without a call of its own has no result.
        if call.id.is_null() {
            call.to = Some(at);
            self.close_calls();
        }
    }

    pub(super) fn said(&mut self, at: u64, text: &Value) {
        let said = self.said.get_or_insert_with(|| Said { at, first: text.clone(), joined: String::new(), length: 0 });
        said.at = at;
        said.joined += text.as_str().unwrap_or_default();
        said.length += length(text);
    }

    /// A message in the middle of the turn is complete.
    pub(super) fn interim(&mut self, at: u64, text: &Value) {
        self.said = None;
        let step = TurnStep::Say { text: shown(text) };
        self.spans.push(Span { from: at, to: at, step });
    }

    pub(super) fn compresses(&mut self, at: u64) {
        self.close_said();
        let step = TurnStep::Compress { mode: CompressionMode::Default, takes: Millis::ZERO };
        self.spans.push(Span { from: at, to: at, step });
    }

    pub(super) fn reviewed(&mut self, at: u64, text: &Value) {
        self.review = Some((at, text.clone()));
    }

    pub(super) fn end(&mut self, at: u64, end: End) {
        if let End::Complete(text) = &end {
            self.split_said(text);
        } else {
            self.close_said();
        }
        self.ended = Some((at, end));
    }

    /// The turn as a script. `rotations` are the times at which rows of its session were ended by a compression; `rest` is
    /// what is known if no client has seen the end.
    pub(super) fn script(mut self, rotations: &[u64], rest: Rest) -> TurnScript {
        let (at, end) = match self.ended.take() {
            Some((at, end)) => (at, Some(end)),
            None => (self.unseen(rest), None),
        };
        self.cut_off(at, &end);
        self.spans.sort_by_key(|span| span.from);
        let inside = rotations.iter().filter(|rotation| (self.began..=at).contains(*rotation));
        inside.for_each(|rotation| rotate(&mut self.spans, self.began, *rotation));
        let mut steps = Vec::new();
        let mut now = self.began;
        for (place, span) in self.spans.iter().enumerate() {
            sleep(&mut steps, now, span.from);
            let next = self.spans.get(place + 1).map_or(at, |next| next.from);
            let mut step = span.step.clone();
            let mut to = span.to;
            // The summary is over when something follows, if the rows do not say when.
            if let TurnStep::Compress { takes, .. } = &mut step {
                to = if is_unresolved(span) { next.max(to) } else { to };
                *takes = Millis(to - span.from);
            }
            steps.push(step);
            now = now.max(to);
        }
        sleep(&mut steps, now, at);
        if let Some((reviewed, text)) = &self.review {
            let takes = Millis(reviewed.saturating_sub(at));
            steps.push(TurnStep::Review { text: shown(text), takes, compress: None });
        }
        match end {
            Some(End::Complete(text)) => steps.push(TurnStep::Reply { text: shown(&text) }),
            Some(End::Failed(message)) => steps.push(TurnStep::Error { message }),
            Some(End::Interrupted) | None => {}
        }
        TurnScript { steps }
    }

    /// The end of a turn that no client has seen. What it did last goes on until then.
    fn unseen(&mut self, rest: Rest) -> u64 {
        self.close_said();
        let at = match rest {
            Rest::AnsweredAt(at) => at.max(self.last),
            Rest::RunsAt(at) => at.max(self.last) + CUT_OFF,
        };
        let open = self.calls.iter_mut().filter(|call| call.to.is_none());
        open.for_each(|call| call.to = Some(at));
        self.close_calls();
        at
    }

    /// Calls that have no result when the turn ends: they would have gone on.
    fn cut_off(&mut self, at: u64, end: &Option<End>) {
        let has_open = self.calls.iter().any(|call| call.to.is_none());
        let open = self.calls.iter_mut().filter(|call| call.to.is_none());
        open.for_each(|call| call.to = Some(at + CUT_OFF));
        self.close_calls();
        if *end == Some(End::Interrupted) && !has_open {
            let takes = Millis(CUT_OFF);
            self.spans.push(Span { from: at, to: at + CUT_OFF, step: TurnStep::Sleep { takes } });
        }
    }

    /// What was streamed since the last message is a message of its own.
    fn close_said(&mut self) {
        if let Some(said) = self.said.take() {
            let text = if said.joined.is_empty() { shown(&said.first) } else { said.joined };
            self.spans.push(Span { from: said.at, to: said.at, step: TurnStep::Say { text } });
        }
    }

    /// What was streamed since the last message is the answer, maybe after a message.
    fn split_said(&mut self, answer: &Value) {
        let Some(said) = self.said.take() else { return };
        let before = match (said.joined.as_str(), answer.as_str()) {
            ("", _) | (_, None) => {
                let is_longer = said.length > length(answer) + WHITE_SPACE;
                is_longer.then(|| shown(&said.first))
            }
            (joined, Some(answer)) => {
                let before = joined.trim_end().strip_suffix(answer.trim_end()).unwrap_or_default().trim_end();
                (!before.is_empty()).then(|| before.to_owned())
            }
        };
        if let Some(text) = before {
            self.spans.push(Span { from: said.at, to: said.at, step: TurnStep::Say { text } });
        }
    }

    /// All calls have results: they ran one after the other, or at once.
    fn close_calls(&mut self) {
        let mut calls = std::mem::take(&mut self.calls);
        let to = |call: &Call| call.to.unwrap_or(call.from);
        let (asking, plain): (Vec<Call>, Vec<Call>) = calls.drain(..).partition(|call| call.asks.is_some());
        for call in asking {
            let to = to(&call);
            if let Some(Ask { kind, text, answered }) = call.asks {
                let step = TurnStep::Ask { kind, text };
                self.spans.push(Span { from: call.from, to: answered.unwrap_or(to).min(to), step });
            }
        }
        let takes = |call: &Call| Millis(to(call) - call.from);
        match plain.as_slice() {
            [] => {}
            [call] => {
                let (name, takes, interrupt) = (call.name.clone(), takes(call), OnInterrupt::Stop);
                let step = TurnStep::Tool { name, takes, interrupt };
                self.spans.push(Span { from: call.from, to: to(call), step });
            }
            several => {
                let from = several.iter().map(|call| call.from).min().unwrap_or_default();
                let last = several.iter().map(to).max().unwrap_or_default();
                let calls =
                    several.iter().map(|call| ParallelTool { name: call.name.clone(), takes: Millis(to(call) - from) });
                let step = TurnStep::Tools { calls: calls.collect() };
                self.spans.push(Span { from, to: last, step });
            }
        }
    }
}

fn sleep(steps: &mut Vec<TurnStep>, from: u64, to: u64) {
    let takes = to.saturating_sub(from);
    if takes >= GAP {
        steps.push(TurnStep::Sleep { takes: Millis(takes) });
    }
}

/// Puts a rotation where the turn did nothing else: it is the end of a compression that was seen to begin, or of one that
/// began with the end of the span before.
fn rotate(spans: &mut Vec<Span>, began: u64, at: u64) {
    let mode = CompressionMode::Rotate;
    let seen = spans.iter().rposition(|span| is_unresolved(span) && span.from <= at + CLOCKS);
    if let Some(place) = seen {
        let next = spans.get(place + 1).map_or(u64::MAX, |next| next.from);
        let from = spans[place].from;
        spans[place] = Span { from, to: at.clamp(from, next), step: TurnStep::Compress { mode, takes: Millis::ZERO } };
        return;
    }
    let mut place = spans.partition_point(|span| span.from <= at);
    let mut at = at;
    if let Some(before) = spans[..place].last().filter(|before| before.to > at && at - before.from <= CLOCKS) {
        (place, at) = (place - 1, before.from);
    }
    let from = spans[..place].iter().map(|span| span.to).max().unwrap_or(began).min(at);
    spans.insert(place, Span { from, to: at, step: TurnStep::Compress { mode, takes: Millis::ZERO } });
}

/// Whether it is a compression of which only the beginning was seen.
fn is_unresolved(span: &Span) -> bool {
    matches!(span.step, TurnStep::Compress { mode: CompressionMode::Default, .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn turn() -> Turn {
        Turn::new("5a3c", 0, json!("go"), 1000)
    }

    /// The turn steps of a turn, in the notation of files.
    #[track_caller]
    fn check(turn: Turn, rotations: &[u64], rest: Rest, expected: &[serde_json::Value]) {
        let steps = turn.script(rotations, rest).steps;
        let steps: Vec<_> = steps.iter().map(|step| serde_json::to_value(step).expect("plain data")).collect();
        assert_eq!(steps, expected);
    }

    /// What lies between two events is a sleep, calls that overlap ran at once, and streamed text is a message if a call
    /// follows.
    #[test]
    fn events_become_steps() {
        let mut turn = turn();
        turn.said(1100, &json!("Let me "));
        turn.said(1200, &json!("see."));
        turn.call(1300, &json!("a"), "read");
        turn.call(1310, &json!("b"), "write");
        turn.result(1800, &json!("b"));
        turn.result(2300, &json!("a"));
        turn.said(3300, &json!("Done."));
        turn.end(3300, End::Complete(json!("Done.")));
        check(
            turn,
            &[],
            Rest::RunsAt(0),
            &[
                json!({"sleep": "200ms"}),
                json!({"say": "Let me see."}),
                json!({"sleep": "100ms"}),
                json!({"tools": [{"tool": "read", "takes": "1s"}, {"tool": "write", "takes": "500ms"}]}),
                json!({"sleep": "1s"}),
                json!({"reply": "Done."}),
            ],
        );
    }

    /// Without their texts, a message before the answer is recognized by its length.
    #[test]
    fn a_message_before_the_answer_is_kept() {
        let hidden = |number: u32, length: u32| json!({"text": number, "length": length});
        for (said, expected) in [(30, vec![json!({"say": "text 1"})]), (10, vec![])] {
            let mut turn = turn();
            turn.said(1000, &hidden(1, said));
            turn.end(1000, End::Complete(hidden(2, 10)));
            check(turn, &[], Rest::RunsAt(0), &[expected, vec![json!({"reply": "text 2"})]].concat());
        }
    }

    /// A rotation is the end of a compression that was seen, also if the clock of its row is a little ahead; otherwise it
    /// began with the end of the call before.
    #[test]
    fn a_rotation_ends_a_compression() {
        let call = |turn: &mut Turn, from: u64, to: u64| {
            turn.call(from, &json!(from), "terminal");
            turn.result(to, &json!(from));
        };
        let tool = |takes: &str| json!({"tool": "terminal", "takes": takes});
        for (seen, rotation) in [(true, 2200), (true, 2205), (false, 2200), (false, 2205)] {
            let mut turn = turn();
            call(&mut turn, 1000, 2000);
            if seen {
                turn.compresses(2000);
            }
            call(&mut turn, 2200, 5200);
            turn.end(5200, End::Complete(json!("Done.")));
            let compress = json!({"compress": "rotate", "takes": "200ms"});
            check(turn, &[rotation], Rest::RunsAt(0), &[tool("1s"), compress, tool("3s"), json!({"reply": "Done."})]);
        }
    }

    /// A question is the call in which it was asked, up to its answer.
    #[test]
    fn a_question_ends_with_its_answer() {
        let mut turn = turn();
        turn.call(1000, &json!("a"), "terminal");
        turn.ask(1000, QuestionKind::Clarify, &json!({"question": "which?"}));
        turn.answered(4000);
        turn.result(6000, &json!("a"));
        turn.end(6000, End::Failed("broken".to_owned()));
        let ask = json!({"ask": "clarify", "text": "which?"});
        check(turn, &[], Rest::RunsAt(0), &[ask, json!({"sleep": "2s"}), json!({"error": "broken"})]);
    }

    /// What was cut off would have gone on. Of a turn whose end no client saw, the database may know the answer.
    #[test]
    fn what_was_cut_off_takes_longer() {
        let open = || {
            let mut turn = turn();
            turn.call(1000, &json!("a"), "terminal");
            turn
        };
        let mut interrupted = open();
        interrupted.end(3000, End::Interrupted);
        check(interrupted, &[], Rest::RunsAt(0), &[json!({"tool": "terminal", "takes": "1m 2s"})]);
        check(open(), &[], Rest::AnsweredAt(36_000), &[json!({"tool": "terminal", "takes": "35s"})]);
        check(open(), &[], Rest::RunsAt(11_000), &[json!({"tool": "terminal", "takes": "1m 10s"})]);
    }
}
