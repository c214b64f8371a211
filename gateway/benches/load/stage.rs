//! One stage of a load: the same done for many, so many of them at a time, and what it took.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;

use crate::endpoint::Running;
use crate::machine;

/// What is not done when a stage has taken so long is not done any more.
const PATIENCE: Duration = Duration::from_secs(150);

/// What a stage took.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// How long each took that was done, shortest first.
    latencies: Vec<Duration>,
    /// What stopped the others.
    pub(crate) failures: Vec<String>,
    /// From the first beginning to the last end.
    pub(crate) took: Duration,
    /// How long the endpoint was on a processor meanwhile.
    theirs: Duration,
    /// How long the client was.
    ours: Duration,
}

impl Stage {
    /// Does `act` for each item, so many at a time. It returns how long it took and what came of it.
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
            async { acting.await.unwrap_or_else(|_| Err(format!("not done when the stage had taken {PATIENCE:?}"))) }
        };
        let done: Vec<_> = stream::iter(items).map(act).buffer_unordered(at_once.max(1)).collect().await;
        let mut stage = Self {
            name,
            took: started.elapsed(),
            theirs: machine::time_of(endpoint.pid()).saturating_sub(theirs),
            ours: machine::own_time().saturating_sub(ours),
            ..Self::default()
        };
        let mut came = Vec::new();
        for outcome in done {
            match outcome {
                Ok((latency, what)) => {
                    stage.latencies.push(latency);
                    came.push(what);
                }
                Err(failure) => stage.failures.push(failure),
            }
        }
        stage.latencies.sort();
        (stage, came)
    }

    /// How many were done.
    pub(crate) fn done(&self) -> usize {
        self.latencies.len()
    }

    /// The seconds in which all were done; none if some were not.
    pub(crate) fn all_in(&self) -> Option<f64> {
        self.failures.is_empty().then_some(self.took.as_secs_f64())
    }

    /// How many were done in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.done() as f64 / self.took.as_secs_f64()
    }

    /// The latency that so many in a hundred did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let place = (self.done() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(place).copied()
    }

    /// How long the endpoint was on a processor for each.
    pub(crate) fn theirs_each(&self) -> Duration {
        self.theirs / self.done().max(1) as u32
    }

    /// How long the client was.
    pub(crate) fn ours_each(&self) -> Duration {
        self.ours / self.done().max(1) as u32
    }
}
