//! The state of a run that claims read.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gateway_core::clock::{Millis, Uptime};
use gateway_core::config::Config;
use gateway_core::ids::{ConnectionId, SessionId};
use gateway_core::state::{Registry, Session};
use gateway_core::store::{SessionRow, StoredId};
use gateway_core::transport::Connection;
use sim_scenario::Scenario;

use super::bound::{self, Bounds};
use super::changed::Places;
use super::life::Life;
use crate::task::AnyTask;
use crate::trace::NotedLoss;
use crate::world::agent_log::AgentLog;
use crate::world::client_log::{Answer, ClientEvent, ClientLog, SessionLog};
use crate::world::mirror::Mirror;
use crate::world::names::Names;
use crate::world::process::{ProcessEnd, SignalSpan};
use crate::world::session_events::SessionEvents;

/// The state of a run at one instant.
pub(crate) struct View<'a> {
    pub(crate) now: Uptime,
    pub(crate) scenario: &'a Scenario,
    /// The bounds under its present settings.
    pub(crate) bounds: &'a Bounds,
    pub(crate) process: ProcessState<'a>,
    pub(crate) store: &'a StoreState,
    pub(crate) clients: Clients<'a>,
    /// The registry; none while the gateway is down.
    pub(crate) sessions: Option<&'a Registry>,
    /// The live sessions, oldest first.
    pub(crate) live: &'a [Session],
    /// Every session of the run, ended ones included, in the order of registration.
    pub(crate) known: &'a [Session],
    /// When each of them was live, at the same places.
    pub(crate) lives: &'a [Life],
    /// The places of the live sessions, in ascending order.
    pub(crate) live_places: &'a [usize],
    /// The places of the sessions of the run by their rows.
    pub(crate) places: &'a Places,
    /// The places of the sessions whose cases may be others than before, in ascending order.
    pub(crate) changed: &'a BTreeSet<usize>,
    /// The rows that have changed since the claims were judged last, with their parents and the first rows of their conversations.
    /// Some of them may be deleted.
    pub(crate) changed_rows: &'a BTreeSet<StoredId>,
    /// The number of running turns, by the label of their session.
    pub(crate) turns: &'a BTreeMap<&'a str, usize>,
    pub(crate) rows: &'a Mirror,
    /// What the gateway has reported of its sessions and their records do not hold.
    pub(crate) events: &'a SessionEvents,
    /// What the agents did and when.
    pub(crate) agents: &'a AgentLog,
    pub(crate) names: &'a Names,
}

/// The state of the gateway's process.
#[derive(Clone, Copy, Default)]
pub(crate) struct ProcessState<'a> {
    /// When the process started that is up or was up last.
    pub(crate) up_since: Uptime,
    /// How many sessions of [`View::known`] are of earlier processes. Several processes can start within one millisecond.
    pub(crate) inherited: usize,
    /// How the process has ended, if it is down.
    pub(crate) ended: Option<ProcessEnd>,
    /// When processes had received a signal, oldest first.
    pub(crate) signals: &'a [SignalSpan],
    /// The settings of each process so far, with the time of its start, oldest first.
    pub(crate) settings: &'a [(Uptime, Config)],
}

/// The clients, as far as claims read them.
#[derive(Clone, Copy)]
pub(crate) struct Clients<'a> {
    /// What clients sent and received in the whole run.
    pub(crate) log: &'a ClientLog,
    /// What they received since the claims were judged last; only a `Received` claim sees any.
    pub(crate) events: &'a [ClientEvent],
    /// The clients that read nothing though frames wait for them, and since when.
    pub(crate) stalled: &'a [(Rc<str>, Uptime)],
    /// Whether a frame that the gateway sends now on a connection reaches its client.
    pub(crate) reaches: &'a dyn Fn(&Rc<dyn Connection>) -> bool,
}

impl<'a> Clients<'a> {
    /// The answers that clients received since the claims were judged last.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &'a Answer> {
        self.events.iter().filter_map(|event| match event {
            ClientEvent::Answer(answer) => Some(answer),
            _ => None,
        })
    }

    /// The answers to requests of this method.
    pub(crate) fn answers_to(&self, method: &'static str) -> impl Iterator<Item = &'a Answer> {
        self.answers().filter(move |answer| answer.request.method == method)
    }
}

/// The faults of the store up to now, and how much time they excuse.
pub(crate) struct StoreState {
    /// When each fault was injected, oldest first.
    faults: Vec<Uptime>,
    /// How long the writes that end a session take without a fault.
    calm: Millis,
    /// When a call last failed for another reason than a lock that the gateway promises to wait out.
    pub(crate) broken_at: Option<Uptime>,
    /// The losses of power, oldest first.
    pub(crate) power_losses: Vec<NotedLoss>,
    /// When writes had to wait for another process, and for how long.
    waits: Vec<(Uptime, Millis)>,
    /// How long a write that fails takes in addition: the second try, and the look at the rows before it.
    again: Millis,
}

/// How much longer an operation may take for each injected fault, without the latency of the store: a write waits a second for
/// another process, and the gateway at most another second before it tries again.
const FAULT: Millis = Millis::from_secs(2);

impl StoreState {
    /// A store without injected faults.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self {
            faults: Vec::new(),
            calm: bound::writes(scenario),
            broken_at: None,
            power_losses: Vec::new(),
            waits: Vec::new(),
            again: FAULT + bound::write(scenario),
        }
    }

    /// Records that `faults` faults were injected by now, and that writes had to wait for another process for `waited`.
    pub(crate) fn count(&mut self, faults: u64, waited: Millis, now: Uptime) {
        while (self.faults.len() as u64) < faults {
            self.faults.push(now);
        }
        let before = self.waits.iter().fold(Millis::ZERO, |sum, (_, wait)| sum + *wait);
        if waited > before {
            self.waits.push((now, Millis(waited.0 - before.0)));
        }
    }

    /// Whether a write waited for another process at that time or later.
    pub(crate) fn waited_since(&self, begun: Uptime) -> bool {
        self.waits.iter().any(|(at, wait)| *at + *wait >= begun)
    }

    /// How much longer an operation may take that has begun then: for each fault that delays a write of that time. Writes are
    /// carried out one after the other, so a fault of another conversation's write counts too. An operation waits for two
    /// rows of writes at the most.
    pub(crate) fn delay_since(&self, begun: Uptime) -> Millis {
        let later = self.faults.iter().rev().take_while(|at| **at + self.again >= begun).count();
        let waits = self.waits.iter().filter(|(at, wait)| *at + *wait >= begun);
        let waited = waits.fold(Millis::ZERO, |sum, (_, wait)| sum + *wait);
        (self.again.times(later as u64) + waited).times(2)
    }
}

/// The turns among the gateway's tasks, counted by the label of their record.
pub(crate) fn turns(tasks: &[AnyTask]) -> BTreeMap<&str, usize> {
    let mut turns = BTreeMap::new();
    for label in tasks.iter().filter(|task| task.tag.role.is_turn()).filter_map(|task| task.tag.owner.as_deref()) {
        *turns.entry(label).or_default() += 1;
    }
    turns
}

impl<'a> ProcessState<'a> {
    /// Whether the process of that time had received a signal.
    pub(crate) fn was_signalled(&self, at: Uptime) -> bool {
        self.signals.iter().any(|span| span.from <= at && span.until.is_none_or(|until| at <= until))
    }

    /// The settings of the process of that time; of several, if one started at that instant.
    pub(crate) fn settings_at(&self, at: Uptime) -> &'a [(Uptime, Config)] {
        let first = self.settings.iter().rposition(|(since, _)| *since < at).unwrap_or(0);
        let end = self.settings.iter().rposition(|(since, _)| *since <= at).map_or(0, |last| last + 1);
        &self.settings[first..end]
    }

    /// Whether the process that is up, or was up last, has received a signal.
    pub(crate) fn has_a_signal(&self) -> bool {
        self.signals.last().is_some_and(|span| span.until.is_none())
    }
}

impl<'a> View<'a> {
    /// The settings of the process that is up, or was up last.
    pub(crate) fn settings(&self) -> &Config {
        &self.scenario.gateway
    }

    /// How long the writes that end a session may take. What faults add, the oracle adds.
    pub(crate) fn slack(&self) -> Millis {
        self.store.calm
    }

    /// Calls `each` for each session whose stored id a client knows, with its log and the first row of its conversation.
    pub(crate) fn each_stored(&self, mut each: impl FnMut(&str, &SessionLog, &StoredId)) {
        for (session, log) in self.clients.log.sessions().iter() {
            if let Some(row) = &log.stored {
                each(session, log, row);
            }
        }
    }

    /// Whether what happened then to the session at this place was judged in an earlier process, which may have had other
    /// settings. A process can start at the instant at which the one before it ends.
    pub(crate) fn was_judged(&self, place: usize, at: Uptime) -> bool {
        let since = self.process.up_since;
        at < since || (at == since && place < self.process.inherited)
    }

    /// The sessions whose cases may be others than when the claims were judged last, with their places.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (usize, &'a Session)> {
        let known = self.known;
        self.changed.iter().map(move |place| (*place, &known[*place]))
    }

    /// Those of them that are live.
    pub(crate) fn changed_live(&self) -> impl Iterator<Item = (usize, &'a Session)> {
        self.changed().filter(|(place, _)| self.is_live(*place))
    }

    /// The live sessions that may have a row, oldest first: those that have had it in memory, and those of which a client knows that
    /// they have it.
    pub(crate) fn with_row(&self, row: &StoredId) -> impl Iterator<Item = &'a Session> {
        let known = self.known;
        self.places.with_row(row).filter(|place| self.is_live(*place)).map(move |place| &known[place])
    }

    /// Whether the session at this place is live.
    pub(crate) fn is_live(&self, place: usize) -> bool {
        self.lives.get(place).is_some_and(|life| life.until.is_none())
    }

    /// The rows whose cases may be others than when the claims were judged last, in the order of their insertion.
    pub(crate) fn changed_rows(&self) -> impl Iterator<Item = &'a SessionRow> {
        self.rows.among(self.changed_rows)
    }

    /// Every session that was registered in the process that is up or was up last.
    pub(crate) fn known_to_process(&self) -> &[Session] {
        &self.known[self.process.inherited..]
    }

    /// Whether a frame that the gateway sends now on this connection reaches its client.
    pub(crate) fn reaches_client(&self, connection: &ConnectionId) -> bool {
        let link = self.sessions.and_then(|sessions| sessions.link_of(connection));
        link.is_some_and(|link| (self.clients.reaches)(&link.connection))
    }

    /// Whether a turn runs for the record with this label.
    pub(crate) fn has_turn(&self, label: &str) -> bool {
        self.turns.contains_key(label)
    }

    /// The label of the session with this runtime id.
    pub(crate) fn label(&self, id: &str) -> String {
        self.names.label(&SessionId::from(id))
    }

    /// The live session with this runtime id.
    pub(crate) fn find(&self, id: &str) -> Option<&'a Session> {
        self.live.iter().find(|session| session.id().as_str() == id)
    }
}
