//! The last events of a session, numbered, so that a client that reconnects can ask for those it has missed.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::lifecycle::events::{Lost, Replaying};

/// The last events of a session, and the number of the latest.
pub(crate) struct EventLog {
    /// How many are kept; zero for any number.
    max: usize,
    replaying: Replaying,
    latest: u64,
    /// Parameters as they were sent: text takes a tenth of the memory of a JSON tree, and few are ever asked for.
    kept: VecDeque<(u64, Box<str>)>,
}

impl EventLog {
    /// A log that keeps the last `max` events; zero for any number.
    pub(crate) fn new(max: u32, replaying: Replaying) -> Self {
        Self { max: max as usize, replaying, latest: 0, kept: VecDeque::new() }
    }

    /// Numbers an event and keeps it. Returns its parameters as they are to be sent.
    pub(crate) fn keep(&mut self, mut params: Value) -> String {
        self.latest = self.replaying.next(self.latest);
        if self.max > 0 && self.kept.len() == self.max {
            self.kept.pop_front();
        }
        params["seq"] = self.latest.into();
        let params = params.to_string();
        self.kept.push_back((self.latest, params.as_str().into()));
        params
    }

    /// The number of the last event, 0 before the first.
    pub(crate) fn latest(&self) -> u64 {
        self.latest
    }

    /// The answer to a client that has seen events of another session, whose numbers say nothing here: all are lost.
    pub(crate) fn since_another(&self) -> Value {
        let truncated = self.replaying.lost() == Lost::Marked;
        json!({"events": [], "latest_seq": self.latest, "truncated": truncated})
    }

    /// The events after number `seen`, and whether some of them are lost (`truncated`).
    pub(crate) fn since(&self, seen: u64) -> Value {
        let kept = self.kept.iter().filter(|(seq, _)| *seq > seen);
        let read = |event: &str| serde_json::from_str::<Value>(event).expect("it was written here");
        let events: Vec<Value> = kept.map(|(_, event)| read(event)).collect();
        let oldest = self.kept.front().map_or(self.latest + 1, |(seq, _)| *seq);
        let truncated = self.replaying.lost() == Lost::Marked && seen.saturating_add(1) < oldest;
        json!({"events": events, "latest_seq": self.latest, "truncated": truncated})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::events::Events;

    fn seqs(answer: &Value) -> Vec<u64> {
        let events = answer["events"].as_array().expect("events");
        events.iter().filter_map(|event| event["seq"].as_u64()).collect()
    }

    /// Each event after the number is listed once, and `truncated` is set when some are lost.
    #[test]
    fn events_after_a_number_are_listed() {
        let mut log = EventLog::new(512, Events::default().replaying());
        assert_eq!(log.since(0), json!({"events": [], "latest_seq": 0, "truncated": false}));
        for number in 1..=600 {
            let params = log.keep(json!({"type": "message.delta"}));
            assert_eq!(params, format!(r#"{{"type":"message.delta","seq":{number}}}"#));
        }
        assert_eq!(seqs(&log.since(598)), [599, 600]);
        assert_eq!(seqs(&log.since(600)), [0_u64; 0]);
        assert_eq!((log.since(88)["truncated"].clone(), seqs(&log.since(88)).len()), (json!(false), 512));
        assert_eq!(log.since(87)["truncated"], json!(true));
        assert_eq!(log.since(u64::MAX), json!({"events": [], "latest_seq": 600, "truncated": false}));
    }
}
