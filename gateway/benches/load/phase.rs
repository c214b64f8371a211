//! One phase of the load: an action for many items, with bounded concurrency, and its cost.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;

use crate::endpoint::Running;
use crate::machine;

/// The timeout of a phase; remaining items are skipped.
const PATIENCE: Duration = Duration::from_secs(150);

/// The measurements of a phase.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    /// The latencies of completed items, ascending.
    latencies: Vec<Duration>,
    /// The errors of the other items.
    pub(crate) failures: Vec<String>,
    /// The wall time of the whole phase.
    pub(crate) took: Duration,
    /// The endpoint's processor time.
    theirs: Duration,
    /// The client's processor time.
    ours: Duration,
}

impl Phase {
    /// Runs `act` for each item with the given concurrency. `act` returns its latency and result.
    pub(crate) async fn run<I, T, F: Future<Output = Result<(Duration, T), String>>>(
        (endpoint, name): (&Running, &'static str),
        at_once: usize,
        items: impl IntoIterator<Item = I>,
        mut act: impl FnMut(I) -> F,
    ) -> (Self, Vec<T>) {
        eprintln!("  {name}");
        let (theirs, ours) = (machine::time_of(endpoint.pid()), machine::own_time());
        let started = Instant::now();
        let over = tokio::time::Instant::now() + PATIENCE;
        let act = |item| {
            let acting = tokio::time::timeout_at(over, act(item));
            async { acting.await.unwrap_or_else(|_| Err(format!("not done when the phase had taken {PATIENCE:?}"))) }
        };
        let done: Vec<_> = stream::iter(items).map(act).buffer_unordered(at_once.max(1)).collect().await;
        let mut phase = Self {
            name,
            took: started.elapsed(),
            theirs: machine::time_of(endpoint.pid()).saturating_sub(theirs),
            ours: machine::own_time().saturating_sub(ours),
            ..Self::default()
        };
        let mut results = Vec::new();
        for outcome in done {
            match outcome {
                Ok((latency, result)) => {
                    phase.latencies.push(latency);
                    results.push(result);
                }
                Err(failure) => phase.failures.push(failure),
            }
        }
        phase.latencies.sort();
        (phase, results)
    }

    /// The number of completed items.
    pub(crate) fn done(&self) -> usize {
        self.latencies.len()
    }

    /// The duration in seconds; `None` if some items failed.
    pub(crate) fn all_in(&self) -> Option<f64> {
        self.failures.is_empty().then_some(self.took.as_secs_f64())
    }

    /// Completed items per second.
    pub(crate) fn rate(&self) -> f64 {
        self.done() as f64 / self.took.as_secs_f64()
    }

    /// The latency that `percent` of the completed items do not exceed; `None` if no item completed.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let place = (self.done() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(place).copied()
    }

    /// The endpoint's processor time per item.
    pub(crate) fn theirs_each(&self) -> Duration {
        self.theirs / self.done().max(1) as u32
    }

    /// The client's processor time.
    pub(crate) fn ours_each(&self) -> Duration {
        self.ours / self.done().max(1) as u32
    }
}
