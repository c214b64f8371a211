//! How much room there was when a request was carried out, counted from what clients sent and received and from the work of
//! the agents. The gateway's own counts are not used.
//!
//! A request is carried out at some instant between its sending and its answer. So each count is an upper or a lower bound
//! over that time. Where nothing else happens meanwhile, the two are equal.

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::Uptime;
use gateway_core::config::BusyInput;
use gateway_core::store::{NewMessage, Role, StoredId};
use sim_scenario::Scenario;

use super::View;
use crate::world::agent_log::AgentTurn;
use crate::world::client_log::{LoggedRequest, SentRequest, SessionLog};
use crate::world::mirror::Mirror;

/// The error code of input that the store has refused (spec §3).
const STORAGE: i64 = 5071;

/// What is known of one session, as far as the counts need it.
pub(crate) struct Waiting<'a> {
    log: &'a SessionLog,
    /// The turns of its agent that have begun by now, oldest first.
    turns: &'a [AgentTurn],
    scenario: &'a Scenario,
    /// Whether a prompt to a busy session is passed to its turn.
    prompts_are_steers: bool,
    /// How many inputs may have been left to the session by earlier ones of its conversation.
    left: usize,
    /// The rows, and the first one of the conversation, if a client knows it.
    rows: &'a Mirror,
    row: Option<&'a StoredId>,
}

impl<'a> Waiting<'a> {
    pub(crate) fn new(log: &'a SessionLog, turns: Option<&'a Vec<AgentTurn>>, view: &View<'a>) -> Self {
        let turns = turns.map(Vec::as_slice).unwrap_or_default();
        let prompts_are_steers = view.settings().busy_input_mode == BusyInput::Steer;
        let (left, row) = (left(log, view), log.stored.as_ref());
        Self { log, turns, scenario: view.scenario, prompts_are_steers, left, rows: view.rows, row }
    }

    /// The most prompts that may have waited when `request` was carried out.
    pub(crate) fn prompts_at_most(&self, request: &SentRequest) -> usize {
        let others = || self.log.requests.iter().filter(|other| !other.is(request));
        let may_wait = others().filter(|other| {
            other.may_be("prompt.submit", &["queued"]) || is_steer(other) || was_being_stored(other, request)
        });
        // A turn whose prompt did not start at once has taken it from the queue.
        let prompts: Vec<&str> = others().filter(|other| other.method == "prompt.submit").map(text).collect();
        let mut begun: Vec<&str> = self.turns.iter().filter(|turn| turn.began < request.sent_at).map(prompt).collect();
        for other in others().filter(|other| other.may_be("prompt.submit", &["streaming"])) {
            if let Some(place) = begun.iter().position(|prompt| *prompt == other.text) {
                begun.swap_remove(place);
            }
        }
        let left = begun.iter().filter(|prompt| prompts.contains(prompt) && !self.is_job(prompt)).count();
        (may_wait.count() + self.left).saturating_sub(left) + self.outcomes_at_most(request)
    }

    /// The most outcomes of jobs that may have waited among the prompts when `request` was carried out. An outcome has a turn as
    /// soon as the session is free, and waits only if the store has refused to make it a message: it waits still, or its turn has
    /// begun since the request was sent.
    fn outcomes_at_most(&self, request: &SentRequest) -> usize {
        let Some(row) = self.row.filter(|row| self.rows.refusals_since(row, Uptime::default()) > 0) else { return 0 };
        let is_outcome = |message: &NewMessage| {
            message.role == Role::User && message.content.as_deref().is_some_and(|text| self.is_job(text))
        };
        let waiting = self.rows.refused(row).iter().filter(|refused| is_outcome(&refused.message)).count();
        let begun = self.turns.iter().filter(|turn| turn.began >= request.sent_at && self.is_job(&turn.prompt));
        waiting + begun.count()
    }

    /// The fewest prompts that waited when `request` was carried out, whose answer has just arrived.
    pub(crate) fn prompts_at_least(&self, request: &SentRequest) -> usize {
        let Some(turn) = self.turn_throughout(request) else { return 0 };
        self.surely(request, turn.began).filter(|other| other.was("prompt.submit", &["queued"])).count()
    }

    /// The most steers that the turn may not have read when `request` was carried out.
    pub(crate) fn steers_at_most(&self, request: &SentRequest) -> usize {
        // The last turn that has begun may be over without being free, and the next one has its steers before it begins.
        let begun = self.turns.iter().filter(|turn| turn.began < request.sent_at);
        let over = begun.rev().skip(1).filter_map(|turn| turn.over);
        let read = self.turns.iter().filter_map(|turn| turn.read).filter(|read| *read < request.sent_at);
        let since = over.chain(read).max().unwrap_or_default();
        let steered = |other: &LoggedRequest| other.method == "session.steer" || self.prompts_are_steers;
        let may_wait = |other: &&LoggedRequest| is_steer(other) || (steered(other) && was_being_stored(other, request));
        let steers = self.log.requests.iter().filter(|other| !other.is(request)).filter(may_wait);
        steers.filter(|steer| steer.answered.as_ref().is_none_or(|reply| reply.at >= since)).count()
    }

    /// The fewest steers that the turn had not read when `request` was carried out, whose answer has just arrived.
    pub(crate) fn steers_at_least(&self, request: &SentRequest) -> usize {
        let Some(turn) = self.turn_throughout(request) else { return 0 };
        let since = turn.read.map_or(turn.began, |read| read.max(turn.began));
        let accepted = |other: &&LoggedRequest| {
            other.was("session.steer", &["queued"]) || other.was("prompt.submit", &["steered"])
        };
        self.surely(request, since).filter(accepted).count()
    }

    /// The turn that has run since before the request was sent.
    fn turn_throughout(&self, request: &SentRequest) -> Option<&'a AgentTurn> {
        self.turns.last().filter(|turn| turn.over.is_none() && turn.began < request.sent_at)
    }

    /// The requests that were carried out after `since` and before `request`, and that no request to stop has cancelled.
    fn surely(&self, request: &SentRequest, since: Uptime) -> impl Iterator<Item = &'a LoggedRequest> {
        let log = self.log;
        let sent_at = request.sent_at;
        let before = move |other: &&LoggedRequest| {
            other.sent_at > since && other.answered.as_ref().is_some_and(|reply| reply.at < sent_at)
        };
        let stands = move |other: &&LoggedRequest| {
            let mut stops = log.requests.iter().filter(|stop| stop.stops());
            stops.all(|stop| stop.answered.as_ref().is_some_and(|reply| reply.at < other.sent_at))
        };
        log.requests.iter().filter(before).filter(stands)
    }

    /// Whether a background job has this name, whose outcome is a prompt that no client sent.
    fn is_job(&self, prompt: &str) -> bool {
        let mut steps = self.scenario.turns.values().flat_map(|turn| &turn.steps);
        steps.any(|step| matches!(step, TurnStep::Background { job, .. } if job == prompt))
    }
}

/// Whether the answer to `request` may be that of another request with its idempotency key, which alone was carried out: one
/// that was accepted, or has no answer.
pub(crate) fn may_be_repeated(view: &View<'_>, request: &SentRequest) -> bool {
    let Some(key) = request.key() else { return false };
    let logs = view.clients.log.sessions();
    let mut others = logs.values().flat_map(|log| &log.requests).filter(|other| !other.is(request));
    others.any(|other| {
        other.key.as_deref() == Some(key) && other.answered.as_ref().is_none_or(|reply| reply.status.is_ok())
    })
}

/// How many prompts, steers and outcomes of jobs earlier sessions of the conversation may have left to this one.
fn left(log: &SessionLog, view: &View<'_>) -> usize {
    let Some(first) = log.stored.as_ref().map(|row| view.rows.first(row)) else { return 0 };
    let logs = view.clients.log.sessions();
    let is_its = |other: &&SessionLog| {
        !std::ptr::eq(*other, log) && other.stored.as_ref().is_some_and(|row| view.rows.first(row) == first)
    };
    let others = logs.values().filter(is_its).flat_map(|other| &other.requests);
    let inputs = others.filter(|request| {
        request.may_be("prompt.submit", &["queued", "steered"]) || request.may_be("session.steer", &["queued"])
    });
    let mut steps = view.scenario.turns.values().flat_map(|turn| &turn.steps);
    let has_jobs = steps.any(|step| matches!(step, TurnStep::Background { .. }));
    if has_jobs && logs.values().any(|other| is_its(&other)) { usize::MAX / 2 } else { inputs.count() }
}

/// Whether it may be a text that a running turn has not read: later it may wait as a prompt.
fn is_steer(other: &LoggedRequest) -> bool {
    other.may_be("session.steer", &["queued"]) || other.may_be("prompt.submit", &["steered"])
}

/// Whether the store refused it after `request` was sent: it may have held its place until then.
fn was_being_stored(other: &LoggedRequest, request: &SentRequest) -> bool {
    let is_input = matches!(other.method.as_str(), "prompt.submit" | "session.steer");
    is_input && other.answered.as_ref().is_some_and(|reply| reply.status == Err(STORAGE) && reply.at >= request.sent_at)
}

fn text(request: &LoggedRequest) -> &str {
    &request.text
}

fn prompt(turn: &AgentTurn) -> &str {
    &turn.prompt
}

/// The most sessions that the connection of `client` may have had when its `request` was carried out.
pub(crate) fn sessions_at_most(view: &View<'_>, client: &str, request: &SentRequest) -> usize {
    let logs = view.clients.log.sessions();
    let is_closed = |session: &str| {
        let closes = logs.get(session).into_iter().flat_map(|log| &log.requests);
        let mut closes = closes.filter(|other| other.method == "session.close");
        closes.any(|close| {
            close.answered.as_ref().is_some_and(|reply| reply.status.is_ok() && reply.at < request.sent_at)
        })
    };
    let connections = view.clients.log.connections();
    let given = connections.sessions_of(client).filter(|(session, _)| !is_closed(session)).count();
    // A request that has failed meanwhile may have had its session when this one was carried out.
    given + connections.under_way_since(client, request.sent_at)
}

/// The fewest sessions that the connection of `client` had when its `request` was carried out, whose answer has just arrived.
pub(crate) fn sessions_at_least(view: &View<'_>, client: &str, request: &SentRequest) -> usize {
    if view.process.has_a_signal() {
        return 0;
    }
    let logs = view.clients.log.sessions();
    let connections = view.clients.log.connections();
    let is_own = |session: &str| {
        let mut requests = logs.get(session).into_iter().flat_map(|log| &log.requests);
        !connections.may_share(client, session, Uptime::default()) && requests.all(|other| other.client == client)
    };
    let given = connections.kept_by(client).filter(|(_, since)| *since < request.sent_at);
    given.filter(|(session, _)| is_own(session)).count()
}
