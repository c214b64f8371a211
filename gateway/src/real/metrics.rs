//! The `/metrics` page for Prometheus: counters, and gauges computed at the time of the request.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use gateway_core::record::{Attachment, Record};
use gateway_core::state::Gateway;
use gateway_core::store::StoredId;

/// Counters and latencies since the start.
#[derive(Default)]
pub struct Counters {
    sockets: Cell<usize>,
    seats: Cell<usize>,
    connections: Cell<u64>,
    refused: RefCell<BTreeMap<&'static str, u64>>,
    requests: Cell<u64>,
    store: RefCell<BTreeMap<&'static str, Latency>>,
    store_failures: Cell<u64>,
    /// Whether the last write was refused by the store.
    last_write_failed: Cell<bool>,
    given_up: RefCell<BTreeMap<&'static str, u64>>,
    /// Rows of earlier processes that the start has brought in order.
    recovered: RefCell<BTreeMap<&'static str, u64>>,
}

/// Upper bounds of the latency buckets, in microseconds and as the label in seconds.
const BUCKETS: [(u128, &str); 10] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (50_000, "0.05"),
    (250_000, "0.25"),
    (1_000_000, "1"),
];

/// A histogram of the latencies of one kind of call.
#[derive(Default)]
struct Latency {
    /// Cumulative counts, one for each bound.
    within: [u64; BUCKETS.len()],
    count: u64,
    sum: Duration,
}

impl Counters {
    /// Open sockets, including those in a handshake or closing.
    pub(super) fn sockets(&self) -> &Cell<usize> {
        &self.sockets
    }

    /// Sockets that were admitted as connections.
    pub(super) fn seats(&self) -> &Cell<usize> {
        &self.seats
    }

    pub(super) fn connected(&self) {
        self.connections.set(self.connections.get() + 1);
    }

    pub(super) fn refused(&self, why: &'static str) {
        *self.refused.borrow_mut().entry(why).or_default() += 1;
    }

    pub(super) fn requested(&self) {
        self.requests.set(self.requests.get() + 1);
    }

    /// Records what was accepted and is lost, `messages`, or stays undone, `rows`.
    pub(super) fn gave_up(&self, what: &'static str, count: u64) {
        if count > 0 {
            *self.given_up.borrow_mut().entry(what).or_default() += count;
        }
    }

    /// A start has ended or reopened a row that an earlier process left.
    pub(super) fn recovered(&self, how: &'static str) {
        *self.recovered.borrow_mut().entry(how).or_default() += 1;
    }

    /// Whether anything was given up since the start.
    pub(super) fn has_given_up(&self) -> bool {
        !self.given_up.borrow().is_empty()
    }

    /// Records the answer to a store call of a kind, `read` or `write`.
    pub(super) fn stored(&self, kind: &'static str, took: Duration, failed: bool) {
        let mut store = self.store.borrow_mut();
        let latency = store.entry(kind).or_default();
        latency.count += 1;
        latency.sum += took;
        for (within, (bound, _)) in latency.within.iter_mut().zip(BUCKETS) {
            *within += u64::from(took.as_micros() <= bound);
        }
        self.store_failures.set(self.store_failures.get() + u64::from(failed));
        if kind == "write" {
            self.last_write_failed.set(failed);
        }
    }
}

/// Asks the store for the `/healthz` page: whether it answers a read, and has carried out the last write. The error says which of
/// both it does not; the log has the cause.
pub(super) async fn health(gateway: &Gateway, counters: &Counters) -> Result<(), String> {
    // A lookup by the primary key: whoever reaches the port may ask, without a token.
    if gateway.rows.session(StoredId::new("")).await.is_err() {
        return Err("the database cannot be read".to_owned());
    }
    match counters.last_write_failed.get() {
        true => Err("the last write to the database has failed".to_owned()),
        false => Ok(()),
    }
}

/// Renders the `/metrics` page. A failed read of the store leaves out the number of open rows.
pub(super) async fn page(gateway: &Gateway, counters: &Counters) -> String {
    let open_rows = gateway.rows.open().await.map(|rows| rows.len());
    let sessions = gateway.sessions.all();
    let count = |which: fn(&Record) -> usize| sessions.iter().map(|session| session.read(which)).sum::<usize>();
    let mut page = Page(String::new());
    page.gauge("sessions", "Sessions in memory.", sessions.len());
    let detached = count(|record| usize::from(matches!(record.attachment, Attachment::Detached { .. })));
    page.gauge("sessions_detached", "Sessions in memory without a client.", detached);
    page.gauge("turns", "Turns that hold a session.", count(|record| usize::from(record.is_running())));
    page.gauge("prompts_waiting", "Prompts that wait for a turn.", count(|record| record.queue.len()));
    let timers = count(|record| record.timers.len() + usize::from(record.idle_timer.is_some()));
    page.gauge("timers", "Armed orphan and idle timers.", timers);
    page.gauge("connections", "Connections that are served.", gateway.sessions.links().len());
    page.gauge("sockets", "Sockets that are open.", counters.sockets.get());
    if let Ok(open_rows) = open_rows {
        page.gauge("rows_open", "Session rows without an end.", open_rows);
    }
    page.counter("connections_total", "Connections that were accepted.", counters.connections.get());
    page.head("connections_refused_total", "Requests that were refused a connection.", "counter");
    for (why, count) in &*counters.refused.borrow() {
        page.line(&format!("connections_refused_total{{reason=\"{why}\"}}"), count);
    }
    page.counter("requests_total", "Frames that clients have sent.", counters.requests.get());
    page.counter("store_failures_total", "Calls that the store has refused.", counters.store_failures.get());
    page.head("recovered_rows_total", "Rows of earlier processes that the start has brought in order.", "counter");
    for (how, count) in &*counters.recovered.borrow() {
        page.line(&format!("recovered_rows_total{{how=\"{how}\"}}"), count);
    }
    page.head("given_up_total", "What was accepted and is lost.", "counter");
    for (what, count) in &*counters.given_up.borrow() {
        page.line(&format!("given_up_total{{what=\"{what}\"}}"), count);
    }
    page.latencies("store_seconds", "From a call of the store to its answer.", &counters.store.borrow());
    page.0
}

/// Text in the Prometheus exposition format.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.0, "# HELP gateway_{name} {help}\n# TYPE gateway_{name} {kind}");
    }

    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "gateway_{name} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: usize) {
        self.head(name, help, "gauge");
        self.line(name, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.line(name, value);
    }

    fn latencies(&mut self, name: &str, help: &str, latencies: &BTreeMap<&'static str, Latency>) {
        self.head(name, help, "histogram");
        for (kind, latency) in latencies {
            for (within, (_, bound)) in latency.within.iter().zip(BUCKETS) {
                self.line(&format!("{name}_bucket{{call=\"{kind}\",le=\"{bound}\"}}"), within);
            }
            self.line(&format!("{name}_bucket{{call=\"{kind}\",le=\"+Inf\"}}"), latency.count);
            self.line(&format!("{name}_sum{{call=\"{kind}\"}}"), latency.sum.as_secs_f64());
            self.line(&format!("{name}_count{{call=\"{kind}\"}}"), latency.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buckets are cumulative: `+Inf` counts all calls.
    #[test]
    fn buckets_add_up() {
        let counters = Counters::default();
        for micros in [100, 101, 2_000_000] {
            counters.stored("write", Duration::from_micros(micros), micros > 1_000_000);
        }
        let mut page = Page(String::new());
        page.latencies("store_seconds", "help", &counters.store.borrow());
        let value = |name: &str| page.0.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let bucket = |bound: &str| value(&format!("gateway_store_seconds_bucket{{call=\"write\",le=\"{bound}\"}}"));
        assert_eq!((bucket("0.0001"), bucket("0.00025"), bucket("1")), (Some("1"), Some("2"), Some("2")));
        assert_eq!((bucket("+Inf"), value("gateway_store_seconds_count{call=\"write\"}")), (Some("3"), Some("3")));
        assert_eq!(value("gateway_store_seconds_sum{call=\"write\"}"), Some("2.000201"));
        assert_eq!(counters.store_failures.get(), 1);
    }
}
