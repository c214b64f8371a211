//! From entries to steps: their order, and the sessions that they name.

use std::path::PathBuf;

use gateway_core::release::Release;
use serde_json::{Value, json};
use sim_harness::Simulator;
use sim_harness::invariant::NAMES;
use sim_record::journal::EarlierRow;
use sim_record::{Choices, Entry, Event, How, Recorded, Side, rebuild};
use sim_scenario::Scenario;

/// The entries of a recording, in their order.
struct Journal(Vec<Entry>);

impl Journal {
    /// A recording whose clients are connected.
    fn of(clients: u64) -> Self {
        let event = Event::Began { wall_ms: 1_800_000_000_000, gateway: "gateway/api/ws".to_owned(), rows: [].into() };
        let mut journal = Self(vec![Entry { at: 0, connection: 0, event }]);
        (1..=clients).for_each(|client| journal.connect(0, client));
        journal
    }

    fn note(&mut self, at: u64, connection: u64, event: Event) {
        self.0.push(Entry { at, connection, event });
    }

    fn connect(&mut self, at: u64, connection: u64) {
        self.note(at, connection, Event::Connected { path: "/api/ws".to_owned() });
    }

    /// A client's request with this id.
    fn ask(&mut self, at: u64, connection: u64, id: u64, method: &str, params: Value) {
        self.note(at, connection, Event::Request(json!({"id": id, "method": method, "params": params})));
    }

    fn answer(&mut self, at: u64, connection: u64, id: u64, result: Value) {
        self.note(at, connection, Event::Answer(json!({"id": id, "result": result})));
    }

    fn refuse(&mut self, at: u64, connection: u64, id: u64, code: i64) {
        self.note(at, connection, Event::Answer(json!({"id": id, "error": {"code": code}})));
    }

    /// A session is created: request 1 and its answer.
    fn create(&mut self, at: u64, connection: u64, params: Value) {
        self.ask(at, connection, 1, "session.create", params);
        self.answer(at + 5, connection, 1, json!({"session_id": LIVE, "stored_session_id": STORED}));
    }

    fn rebuilt(&self) -> Recorded {
        let choices = Choices { path: PathBuf::from("recorded.toml"), ..Choices::default() };
        rebuild(&self.0, None, &choices).expect("a client is there")
    }
}

/// The ids of the first session.
const LIVE: &str = "00000001";
const STORED: &str = "20270115_080000_aaaaaa";

/// A runtime id that the session has later.
const AGAIN: &str = "00000002";

/// The steps after the connections as the file has them, a line each.
fn steps(recorded: &Recorded) -> Vec<String> {
    let text = recorded.scenario.to_toml();
    let blocks = text.split("[[steps]]").skip(1);
    let lines = blocks.map(|block| {
        let lines = block.lines().take_while(|line| !line.starts_with('['));
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ").replace('"', "")
    });
    lines.filter(|line| !line.ends_with("do = connect")).collect()
}

/// The file has these steps, and the simulator carries out each.
#[track_caller]
fn check(journal: &Journal, expected: &[&str]) -> Recorded {
    let recorded = journal.rebuilt();
    assert_eq!(steps(&recorded), expected, "{:#?}", recorded.notes);
    let scenario = Scenario::parse(&recorded.scenario.path, &recorded.to_toml(), &NAMES).expect("a scenario");
    let report = Simulator::new().run(&scenario, Release::Current);
    let skipped: Vec<String> = report.skipped.iter().map(|part| part.to_string()).collect();
    assert_eq!(skipped, [""; 0]);
    recorded
}

const CREATED: &str = "at = 100ms, client = client_1, do = session.create, as = session_1";

/// A session that has got its title from a step is resumed by that title, under a name of its own if it is another in memory.
#[test]
fn a_resume_by_title_is_a_step() {
    let mut journal = Journal::of(1);
    journal.create(100, 1, json!({}));
    let title = json!({"text": 1, "length": 4});
    journal.ask(1000, 1, 2, "session.title", json!({"session_id": LIVE, "title": title}));
    journal.answer(1005, 1, 2, json!({"title": title}));
    journal.ask(2000, 1, 3, "session.close", json!({"session_id": LIVE}));
    journal.answer(2005, 1, 3, json!({"closed": true}));
    journal.ask(3000, 1, 4, "session.resume", json!({"title": title}));
    journal.answer(3005, 1, 4, json!({"session_id": AGAIN, "resumed": STORED, "session_key": STORED}));
    journal.ask(4000, 1, 5, "session.history", json!({"session_id": AGAIN}));
    check(
        &journal,
        &[
            CREATED,
            "at = 1s, client = client_1, do = session.title, session = session_1, title = text 1",
            "at = 2s, client = client_1, do = session.close, session = session_1",
            "at = 3s, client = client_1, do = session.resume, session = session_1, id = title, as = session_2",
            "at = 4s, client = client_1, do = session.history, session = session_2",
        ],
    );
}

/// The title that a client asks for with the session counts as well. One that the gateway refused does not: the session that has
/// it is another.
#[test]
fn a_title_belongs_to_the_session_that_got_it() {
    let mut journal = Journal::of(1);
    let title = json!({"text": 1, "length": 4});
    journal.create(100, 1, json!({"title": title}));
    journal.ask(1000, 1, 2, "prompt.submit", json!({"session_id": LIVE, "text": {"text": 2, "length": 2}}));
    journal.answer(1005, 1, 2, json!({"status": "streaming"}));
    journal.ask(2000, 1, 3, "session.create", json!({}));
    journal.answer(2005, 1, 3, json!({"session_id": AGAIN, "stored_session_id": "20270115_080002_bbbbbb"}));
    journal.ask(3000, 1, 4, "session.title", json!({"session_id": AGAIN, "title": title}));
    journal.refuse(3005, 1, 4, 4022);
    journal.ask(4000, 1, 5, "session.resume", json!({"title": title}));
    journal.answer(4005, 1, 5, json!({"session_id": LIVE, "session_key": STORED}));
    check(
        &journal,
        &[
            "at = 100ms, client = client_1, do = session.create, as = session_1, title = text 1",
            "at = 1s, client = client_1, do = prompt.submit, session = session_1, text = text 2",
            "at = 2s, client = client_1, do = session.create, as = session_2",
            "at = 3s, client = client_1, do = session.title, session = session_2, title = text 1",
            "at = 4s, client = client_1, do = session.resume, session = session_1, id = title",
        ],
    );
}

/// A title that no frame gave, for example one that a model has found, is that of the session that the answer names. One that no
/// row has is no step.
#[test]
fn an_unknown_title_is_found_by_the_answer() {
    let mut journal = Journal::of(1);
    journal.create(100, 1, json!({}));
    journal.ask(1000, 1, 2, "prompt.submit", json!({"session_id": LIVE, "text": {"text": 1, "length": 2}}));
    journal.answer(1005, 1, 2, json!({"status": "streaming"}));
    journal.ask(2000, 1, 3, "session.resume", json!({"title": {"text": 2, "length": 9}}));
    journal.answer(2005, 1, 3, json!({"session_id": LIVE, "session_key": STORED}));
    journal.ask(3000, 1, 4, "session.resume", json!({"title": {"text": 3, "length": 5}}));
    journal.refuse(3005, 1, 4, 4007);
    let recorded = check(
        &journal,
        &[
            CREATED,
            "at = 1s, client = client_1, do = prompt.submit, session = session_1, text = text 1",
            "at = 2s, client = client_1, do = session.resume, session = session_1",
        ],
    );
    let named = "A client named `session_1` by a title or an id that no step gives; the step has its stored id.";
    assert!(recorded.notes.iter().any(|note| note == named), "{:#?}", recorded.notes);
    let absent = "on stored sessions that do not exist: 1 session.resume";
    assert!(recorded.notes.iter().any(|note| note == absent), "{:#?}", recorded.notes);
}

/// A session from before the recording is resumed by its title, and its lineage is there: the row that a compression has ended,
/// and the one that continues it.
#[test]
fn an_earlier_session_is_resumed_by_its_title() {
    let mut journal = Journal::of(1);
    let title = json!({"text": 1, "length": 4});
    let row = EarlierRow { id: STORED.to_owned(), source: "tui".to_owned(), ..EarlierRow::default() };
    let tip = "20270115_090000_bbbbbb";
    let ended = EarlierRow { end_reason: Some("compression".to_owned()), title: Some(title.clone()), ..row.clone() };
    journal.note(1000, 0, Event::EarlierRow(ended));
    let continued = EarlierRow { id: tip.to_owned(), parent: Some(STORED.to_owned()), ..row };
    journal.note(1000, 0, Event::EarlierRow(continued));
    journal.ask(1000, 1, 1, "session.resume", json!({"title": title}));
    journal.answer(1005, 1, 1, json!({"session_id": LIVE, "resumed": tip, "session_key": tip}));
    let resume = "at = 1s, client = client_1, do = session.resume, session = session_1, id = title";
    let recorded = check(&journal, &[resume]);
    let rows = recorded.scenario.rows.iter().map(|row| (row.id.as_str(), row.parent.as_deref())).collect::<Vec<_>>();
    assert_eq!(rows, [(STORED, None), (tip, Some(STORED))]);
    let report = Simulator::new().run(&recorded.scenario, Release::Current);
    let resumed = report.trace.entries().iter().any(|entry| entry.text.contains(&format!("\"resumed\":\"{tip}\"")));
    assert!(resumed, "the run resumes the newest row");
}

/// A client goes on before the answer to its resume: an event has named the runtime id. Its requests are steps, in the order in
/// which they passed, and those of another client stay between them.
#[test]
fn requests_before_an_answer_keep_their_order() {
    let mut journal = Journal::of(2);
    journal.create(100, 1, json!({}));
    journal.ask(1000, 1, 2, "prompt.submit", json!({"session_id": LIVE, "text": {"text": 1, "length": 2}}));
    journal.answer(1005, 1, 2, json!({"status": "streaming"}));
    journal.ask(2000, 1, 3, "session.close", json!({"session_id": LIVE}));
    journal.answer(2005, 1, 3, json!({"closed": true}));
    journal.ask(3000, 1, 4, "session.resume", json!({"session_id": STORED, "eager_build": true}));
    journal.note(3001, 1, Event::Notice(json!({"type": "session.info", "session_id": AGAIN, "payload": {}})));
    journal.ask(3002, 1, 5, "session.history", json!({"session_id": AGAIN}));
    journal.ask(3002, 2, 1, "session.resume", json!({"session_id": STORED}));
    journal.ask(3002, 1, 6, "session.usage", json!({"session_id": AGAIN}));
    journal.answer(3008, 1, 4, json!({"session_id": AGAIN, "session_key": STORED}));
    journal.answer(3009, 2, 1, json!({"session_id": AGAIN, "session_key": STORED}));
    journal.answer(3010, 1, 5, json!({}));
    journal.answer(3011, 1, 6, json!({}));
    journal.ask(4000, 2, 2, "session.status", json!({"session_id": AGAIN}));
    check(
        &journal,
        &[
            CREATED,
            "at = 1s, client = client_1, do = prompt.submit, session = session_1, text = text 1",
            "at = 2s, client = client_1, do = session.close, session = session_1",
            "at = 3s, client = client_1, do = session.resume, session = session_1, as = session_2, eager_build = true",
            "at = 3s 2ms, client = client_1, do = session.history, session = session_2",
            "at = 3s 3ms, client = client_2, do = session.resume, session = session_1",
            "at = 3s 4ms, client = client_1, do = session.usage, session = session_2",
            "at = 4s, client = client_2, do = session.status, session = session_2",
        ],
    );
}

/// Requests of one instant keep their order: those of one client at one time, those of several clients a millisecond apart, since
/// a simulation has another order for these.
#[test]
fn requests_of_one_instant_keep_their_order() {
    let mut journal = Journal::of(2);
    journal.ask(500, 2, 1, "session.list", json!({}));
    journal.ask(500, 1, 1, "session.create", json!({}));
    journal.ask(500, 1, 2, "session.list", json!({}));
    journal.ask(500, 2, 2, "session.most_recent", json!({}));
    journal.answer(510, 1, 1, json!({"session_id": LIVE, "stored_session_id": STORED}));
    let recorded = check(
        &journal,
        &[
            "at = 500ms, client = client_1, do = session.list",
            "at = 501ms, client = client_2, do = session.create, as = session_1",
            "at = 501ms, client = client_2, do = session.list",
            "at = 502ms, client = client_1, do = session.most_recent",
        ],
    );
    let report = Simulator::new().run(&recorded.scenario, Release::Current);
    let sent = report.trace.entries().iter().filter(|entry| entry.site == sim_harness::trace::Site::Sent);
    let method = |text: &str| serde_json::from_str::<Value>(text).ok()?["method"].as_str().map(str::to_owned);
    let sent: Vec<String> = sent.filter_map(|entry| method(&entry.text)).collect();
    assert_eq!(sent, ["session.list", "session.create", "session.list", "session.most_recent"]);
}

/// What a client still sends to a gateway that has ended another connection stands after the end, and may have no effect. The
/// prompt before it keeps its turn.
#[test]
fn a_request_to_a_dead_gateway_comes_after_its_end() {
    let mut journal = Journal::of(2);
    journal.create(100, 1, json!({}));
    journal.ask(1000, 1, 2, "prompt.submit", json!({"session_id": LIVE, "text": {"text": 1, "length": 2}}));
    journal.answer(1005, 1, 2, json!({"status": "streaming"}));
    journal.note(1006, 1, Event::Notice(json!({"type": "message.start", "session_id": LIVE, "payload": {}})));
    journal.note(2000, 1, Event::Ended { by: Side::Gateway, how: How::Died });
    journal.ask(2001, 2, 1, "session.list", json!({}));
    journal.note(2002, 2, Event::Ended { by: Side::Gateway, how: How::Died });
    journal.connect(5000, 3);
    journal.ask(5001, 3, 1, "session.list", json!({}));
    let recorded = journal.rebuilt();
    assert_eq!(
        steps(&recorded),
        [
            CREATED,
            "at = 1s, client = client_1, do = prompt.submit, session = session_1, turn = turn_1",
            "at = 2s, do = gateway.kill",
            "at = 2s 1ms, client = client_2, do = session.list, may_skip = true",
            "at = 5s, do = gateway.restart",
            "at = 5s 1ms, client = client_3, do = session.list",
        ]
    );
}
