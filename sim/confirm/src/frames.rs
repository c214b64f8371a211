//! What each client heard, in words that both gateways share: without ids, times and texts.

use std::collections::BTreeMap;

use serde_json::Value;
use sim_harness::report::Report;
use sim_harness::trace::Site;
use sim_scenario::Scenario;

/// The answers to a client's requests and the events that it received, each in its order. Answers and events are apart,
/// because a request that takes time is answered beside the events of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// `prompt.submit: streaming`, `session.close: refused 4001`.
    pub(crate) answers: Vec<String>,
    /// `tool.start terminal`, `message.complete complete`.
    pub(crate) events: Vec<String>,
}

/// A request as it was sent, and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) client: String,
    pub(crate) method: String,
    pub(crate) answer: Option<Value>,
}

/// By client.
pub(crate) type Frames = BTreeMap<String, Heard>;

/// Events whose number and order is the same in both gateways. Deltas are joined by some releases, and what concerns the
/// display only is left out.
const COMPARED: [&str; 9] = [
    "approval.request",
    "clarify.request",
    "error",
    "message.complete",
    "message.start",
    "secret.request",
    "sudo.request",
    "tool.complete",
    "tool.start",
];

/// An event in words; none if it is not compared.
pub(crate) fn event(kind: &str, payload: &Value) -> Option<String> {
    COMPARED.contains(&kind).then(|| {
        let detail = ["name", "status"].iter().find_map(|key| payload[*key].as_str());
        detail.map_or_else(|| kind.to_owned(), |detail| format!("{kind} {detail}"))
    })
}

/// An answer in words.
pub(crate) fn answer(method: &str, answer: &Value) -> String {
    let word = match answer.get("error") {
        Some(error) => format!("refused {}", error["code"]),
        None => answer["result"]["status"].as_str().unwrap_or("answered").to_owned(),
    };
    format!("{method}: {word}")
}

/// What the clients heard in a simulated run, until the end of its script.
pub(crate) fn simulated(report: &Report, scenario: &Scenario) -> Frames {
    let mut frames = Frames::new();
    let mut asked: BTreeMap<(String, u64), String> = BTreeMap::new();
    let entries = report.trace.entries().iter().filter(|entry| entry.at.0 <= scenario.until.0);
    for entry in entries {
        let client = entry.task.tag.owner.as_deref().unwrap_or_default().to_owned();
        let text = || -> Option<Value> { serde_json::from_str(&entry.text).ok() };
        match entry.site {
            Site::Sent => {
                if let Some((frame, id)) = text().and_then(|frame| Some((frame.clone(), frame["id"].as_u64()?))) {
                    asked.insert((client, id), frame["method"].as_str().unwrap_or_default().to_owned());
                }
            }
            Site::Received => {
                let Some(frame) = text() else { continue };
                let heard = frames.entry(client.clone()).or_default();
                match frame["id"].as_u64().and_then(|id| asked.remove(&(client, id))) {
                    Some(method) => heard.answers.push(answer(&method, &frame)),
                    None => {
                        let kind = frame["params"]["type"].as_str().unwrap_or_default();
                        heard.events.extend(event(kind, &frame["params"]["payload"]));
                    }
                }
            }
            _ => {}
        }
    }
    frames
}
