//! A campaign on several threads. Its summary does not depend on their number.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a budget is in the machine's time, threads share the work, and a second Ctrl-C ends it at once"
)]

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Shard;
use sim_harness::coverage::MARKS;
use sim_harness::simulation::Simulator;
use sim_search::fuzz::{Campaign, Corpus, Summary};

/// The part of a campaign that is carried out, and its settings.
pub(in crate::cli) struct Work {
    /// The number of runs of the whole campaign.
    pub(in crate::cli) runs: u64,
    pub(in crate::cli) shard: Shard,
    pub(in crate::cli) threads: usize,
    pub(in crate::cli) budget: Option<Duration>,
    pub(in crate::cli) fail_fast: bool,
}

/// Distributes the units of a campaign to threads, round after round, and adds up the results in the order of the units.
pub(in crate::cli) fn carry_out(campaign: &Campaign, work: &Work) -> Summary {
    carry_out_timed(campaign, work).0
}

/// The same, with the machine's time that it took.
pub(in crate::cli) fn carry_out_timed(campaign: &Campaign, work: &Work) -> (Summary, Duration) {
    let units = (0..work.runs.div_ceil(campaign.unit()))
        .skip(usize::try_from(work.shard.number - 1).expect("a shard's number is small"))
        .step_by(usize::try_from(work.shard.of).expect("there are few shards"));
    let units: Vec<u64> = units.collect();
    let (stop, started) = (stop_at_interrupt(), Instant::now());
    let is_over = || stop.load(Ordering::Relaxed) || work.budget.is_some_and(|budget| started.elapsed() >= budget);
    let bar = Bar::new(work.runs / work.shard.of);
    let (mut summary, mut corpus) = (Summary::default(), Corpus::default());
    for round in campaign.rounds(&units) {
        let carry_out =
            |simulator: &mut Simulator, unit: u64| campaign.carry_out_from(simulator, unit, work.runs, &corpus);
        let next = spread(round, work.threads, &is_over, carry_out, &mut summary, |summary| {
            bar.show(summary);
            if work.fail_fast && !summary.findings.is_empty() {
                stop.store(true, Ordering::Relaxed);
                return Next::Stop;
            }
            Next::GoOn
        });
        if matches!(next, Next::Stop) || is_over() {
            break;
        }
        corpus.absorb(std::mem::take(&mut summary.kept));
    }
    let took = started.elapsed();
    bar.finish(&summary, took);
    (summary, took)
}

/// One round: each thread takes the next free unit.
fn spread(
    units: &[u64],
    threads: usize,
    is_over: &(dyn Fn() -> bool + Sync),
    carry_out: impl Fn(&mut Simulator, u64) -> Summary + Sync,
    sum: &mut Summary,
    look: impl FnMut(&Summary) -> Next,
) -> Next {
    let next = AtomicUsize::new(0);
    let (done, results) = mpsc::channel::<(usize, Summary)>();
    thread::scope(|scope| {
        for _ in 0..threads.min(units.len().max(1)) {
            let (done, next, carry_out) = (done.clone(), &next, &carry_out);
            scope.spawn(move || {
                let mut simulator = Simulator::new();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(unit) = units.get(place).filter(|_| !is_over()) else { return };
                    if done.send((place, carry_out(&mut simulator, *unit))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        add_up(results, sum, look)
    })
}

enum Next {
    GoOn,
    Stop,
}

/// Adds up the results in order. Results after the first one that stops the campaign are ignored, and so are results after a
/// unit that no thread has begun.
fn add_up(
    results: mpsc::Receiver<(usize, Summary)>,
    sum: &mut Summary,
    mut look: impl FnMut(&Summary) -> Next,
) -> Next {
    let mut early: BTreeMap<usize, Summary> = BTreeMap::new();
    let mut wanted = 0;
    for (place, summary) in results {
        early.insert(place, summary);
        while let Some(summary) = early.remove(&wanted) {
            wanted += 1;
            sum.add(summary);
            if matches!(look(sum), Next::Stop) {
                return Next::Stop;
            }
        }
    }
    Next::GoOn
}

/// The first Ctrl-C ends the campaign with the summary so far; the second ends the process.
fn stop_at_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    // The handler of an earlier campaign of this process is still installed, and stops only that campaign.
    let _ = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    stop
}

/// Progress on stderr: a bar on a terminal, otherwise one line at the end.
struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    fn new(runs: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} runs  {per_sec}  {msg}");
        let watched = std::io::stderr().is_terminal();
        Self { bar: watched.then(|| ProgressBar::new(runs).with_style(style.expect("the template is good"))) }
    }

    fn show(&self, summary: &Summary) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(summary.runs);
        let reached = MARKS.iter().filter(|mark| summary.coverage.mark(mark.name) > 0).count();
        let failures: u64 = summary.findings.values().map(|(_, count)| count).sum();
        bar.set_message(format!(
            "{} virtual, {reached}/{} marks, {} edges, {failures} failures",
            humantime::format_duration(std::time::Duration::from_secs(summary.uptime.0 / 1000)),
            MARKS.len(),
            summary.coverage.edges().len(),
        ));
    }

    fn finish(self, summary: &Summary, took: std::time::Duration) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        let seconds = took.as_secs_f64().max(0.001);
        eprintln!("{} runs in {seconds:.1} s, {:.0} runs/s", summary.runs, summary.runs as f64 / seconds);
    }
}
