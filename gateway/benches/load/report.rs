//! The report: a table of all endpoints.

use std::fmt::Write;
use std::time::Duration;

use crate::options::Options;
use crate::phase::Phase;
use crate::rows::Rows;

/// The measurements of one endpoint.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) is_peer: bool,
    pub(crate) connect: Phase,
    pub(crate) create: Phase,
    pub(crate) first: Phase,
    pub(crate) second: Phase,
    pub(crate) steady: Phase,
    pub(crate) work: Phase,
    pub(crate) storm: Phase,
    pub(crate) ends: Phase,
    pub(crate) last: Phase,
    /// The number of sessions that kept their runtime id over the reconnect.
    pub(crate) found: usize,
    pub(crate) memory: Memory,
    pub(crate) rows: Option<Rows>,
    pub(crate) end: Duration,
}

/// The memory of an endpoint after each phase, in bytes.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) rest: u64,
    pub(crate) connected: u64,
    /// With sessions that were never prompted.
    pub(crate) idle: u64,
    /// With sessions that were prompted twice.
    pub(crate) used: u64,
    pub(crate) threads: usize,
}

/// A row of the report, and whether a higher or a lower value is better.
type Line = (&'static str, fn(&Measured) -> String, Option<fn(&Measured) -> f64>);

impl Measured {
    /// The number of answered prompts, including the warm-up.
    fn prompts(&self) -> usize {
        let Self { first, second, steady, work, last, .. } = self;
        1 + [first, second, steady, work, last].map(Phase::done).iter().sum::<usize>()
    }

    fn phases(&self) -> [&Phase; 9] {
        let Self { connect, create, first, second, steady, work, storm, ends, last, .. } = self;
        [connect, create, first, second, steady, work, storm, ends, last]
    }

    /// The failures, one line per phase.
    pub(crate) fn failures(&self) -> Vec<String> {
        let failed = self.phases().into_iter().filter(|phase| !phase.failures.is_empty());
        let line = |phase: &Phase| {
            let (count, all) = (phase.failures.len(), phase.done() + phase.failures.len());
            format!("{}: {}: {count} of {all} failed, such as: {}", self.name, phase.name, phase.failures[0])
        };
        failed.map(line).collect()
    }

    /// The differences from a correct result.
    pub(crate) fn faults(&self, options: &Options, code: Option<i32>) -> Vec<String> {
        let mut faults = self.failures();
        let mut owes = |what: &str, found: String, owed: String| {
            if found != owed {
                faults.push(format!("{}: {what}: {found}, not {owed}", self.name));
            }
        };
        let sessions = options.all_sessions();
        let rows = Rows { sessions: sessions as i64 + 1, open: 0, messages: 2 * self.prompts() as i64, odd: 0 };
        owes("sessions found after the storm", self.found.to_string(), sessions.to_string());
        owes("rows after the end", format!("{:?}", self.rows), format!("{:?}", Some(rows)));
        owes("exit code", format!("{code:?}"), "Some(0)".to_owned());
        faults
    }

    fn share(&self, after: u64, before: u64, count: usize) -> f64 {
        after.saturating_sub(before) as f64 / 1024.0 / count.max(1) as f64
    }

    fn per_connection(&self) -> f64 {
        self.share(self.memory.connected, self.memory.rest, self.connect.done())
    }

    fn per_idle_session(&self) -> f64 {
        self.share(self.memory.idle, self.memory.connected, self.first.done())
    }

    fn per_used_session(&self) -> f64 {
        self.share(self.memory.used, self.memory.connected, self.first.done())
    }
}

const LINES: [Line; 24] = [
    ("connections/s", |m| rate(&m.connect), Some(|m| m.connect.rate())),
    ("  a connection p50 / p99", |m| percentiles(&m.connect), None),
    ("  on a processor: endpoint / client", |m| times(&m.connect), None),
    ("prompts/s, second of each session", |m| rate(&m.second), Some(|m| m.second.rate())),
    ("  its first event p50 / p99", |m| percentiles(&m.second), None),
    ("  on a processor: endpoint / client", |m| times(&m.second), None),
    ("prompts/s, first of each session", |m| rate(&m.first), Some(|m| m.first.rate())),
    ("first event at a steady rate p50", |m| percentile(&m.steady, 50), Some(|m| inverse(&m.steady, 50))),
    ("first event at a steady rate p99", |m| percentile(&m.steady, 99), Some(|m| inverse(&m.steady, 99))),
    ("  on a processor: endpoint / client", |m| times(&m.steady), None),
    ("memory at rest, MiB", |m| format!("{:.1}", m.memory.rest as f64 / 1048576.0), None),
    ("memory a connection, KiB", |m| format!("{:.1}", m.per_connection()), Some(|m| 1.0 / m.per_connection())),
    ("memory an idle session, KiB", |m| format!("{:.1}", m.per_idle_session()), Some(|m| 1.0 / m.per_idle_session())),
    (
        "memory a session after two prompts, KiB",
        |m| format!("{:.1}", m.per_used_session()),
        Some(|m| 1.0 / m.per_used_session()),
    ),
    ("threads", |m| m.memory.threads.to_string(), None),
    ("storm: all back after", |m| recovery(&m.storm), Some(|m| m.storm.all_in().map_or(f64::NAN, |took| 1.0 / took))),
    ("  a client back p50 / p99", |m| percentiles(&m.storm), None),
    ("  on a processor: endpoint / client", |m| times(&m.storm), None),
    ("  sessions found again", |m| m.found.to_string(), None),
    ("turns at work that ended", |m| m.ends.done().to_string(), None),
    ("the end took", |m| time(m.end), None),
    (
        "rows, of which open",
        |m| m.rows.map_or("-".to_owned(), |rows| format!("{}, {}", rows.sessions, rows.open)),
        None,
    ),
    (
        "messages, of prompts",
        |m| m.rows.map_or("-".to_owned(), |rows| format!("{}, {}", rows.messages, m.prompts())),
        None,
    ),
    ("sessions with lost or doubled messages", |m| m.rows.map_or("-".to_owned(), |rows| rows.odd.to_string()), None),
];

/// A table with one column per endpoint and, with a peer, a last column with the gateway's factor.
pub(crate) fn table(all: &[Measured]) -> String {
    let pair = match all {
        [.., ours, theirs] if theirs.is_peer => Some((ours, theirs)),
        _ => None,
    };
    let mut text = format!("{:<42}", "");
    all.iter().for_each(|one| write!(text, "{:>22}", one.name).expect("a string takes all"));
    for (what, value, better) in LINES {
        write!(text, "\n{what:<42}").expect("a string takes all");
        all.iter().for_each(|one| write!(text, "{:>22}", value(one)).expect("a string takes all"));
        if let (Some((ours, theirs)), Some(better)) = (pair, better) {
            // Where one of them did not get to the end there is no factor.
            let factor = better(ours) / better(theirs);
            if factor.is_finite() {
                write!(text, "{factor:>9.1} x").expect("a string takes all");
            }
        }
    }
    text
}

fn rate(phase: &Phase) -> String {
    format!("{:.0}", phase.rate())
}

fn recovery(phase: &Phase) -> String {
    let (done, all) = (phase.done(), phase.done() + phase.failures.len());
    phase.all_in().map_or_else(|| format!("{done} of {all} came"), |_| time(phase.took))
}

fn percentile(phase: &Phase, percent: usize) -> String {
    phase.percentile(percent).map_or("-".to_owned(), time)
}

fn percentiles(phase: &Phase) -> String {
    format!("{} / {}", percentile(phase, 50), percentile(phase, 99))
}

fn inverse(phase: &Phase, percent: usize) -> f64 {
    phase.percentile(percent).map_or(0.0, |time| 1.0 / time.as_secs_f64())
}

fn times(phase: &Phase) -> String {
    format!("{} / {}", time(phase.theirs_each()), time(phase.ours_each()))
}

fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}
