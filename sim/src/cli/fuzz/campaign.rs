//! A campaign on several threads. What comes of it does not depend on how many there are.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a budget is in the machine's time, threads share the work, and a second Ctrl-C ends it at once"
)]

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::Arguments;
use crate::coverage::MARKS;
use crate::fuzz::{Campaign, Summary};
use crate::simulation::Simulator;

/// Hands the units of a campaign out to threads, and adds up what comes back in the order of the units.
pub(super) fn carry_out(campaign: &Campaign, arguments: &Arguments) -> Summary {
    let units = (0..arguments.runs.div_ceil(campaign.unit()))
        .skip(usize::try_from(arguments.shard.number - 1).expect("a shard's number is small"))
        .step_by(usize::try_from(arguments.shard.of).expect("there are few shards"));
    let units: Vec<u64> = units.collect();
    let stop = stop_at_interrupt();
    let (next, started) = (AtomicU64::new(0), Instant::now());
    let (done, results) = mpsc::channel::<(usize, Summary)>();
    thread::scope(|scope| {
        for _ in 0..arguments.threads().min(units.len().max(1)) {
            let (done, units, next, stop) = (done.clone(), &units, &next, &stop);
            scope.spawn(move || {
                let mut simulator = Simulator::new();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let over = arguments.budget.is_some_and(|budget| started.elapsed() >= budget);
                    let Some(unit) = units.get(place).filter(|_| !over && !stop.load(Ordering::Relaxed)) else {
                        return;
                    };
                    let summary = campaign.carry_out(&mut simulator, *unit, arguments.runs);
                    if done.send((place, summary)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let bar = Bar::new(arguments.runs / arguments.shard.of);
        let summary = add_up(results, |summary| {
            bar.show(summary);
            if arguments.fail_fast && !summary.findings.is_empty() {
                stop.store(true, Ordering::Relaxed);
                return Next::Stop;
            }
            Next::GoOn
        });
        bar.finish(&summary, started.elapsed());
        summary
    })
}

enum Next {
    GoOn,
    Stop,
}

/// Adds the results up in order. What comes after the first that stops the campaign does not count, nor does what comes
/// after a gap: a unit that nobody began.
fn add_up(results: mpsc::Receiver<(usize, Summary)>, mut look: impl FnMut(&Summary) -> Next) -> Summary {
    let mut early: BTreeMap<usize, Summary> = BTreeMap::new();
    let (mut sum, mut wanted) = (Summary::default(), 0);
    for (place, summary) in results {
        early.insert(place, summary);
        while let Some(summary) = early.remove(&wanted) {
            wanted += 1;
            sum.add(summary);
            if matches!(look(&sum), Next::Stop) {
                return sum;
            }
        }
    }
    sum
}

/// Ctrl-C ends the campaign with the summary so far; a second one ends it at once.
fn stop_at_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    // Another handler is there only if this process has begun a campaign before; then that one is told.
    let _ = ctrlc::set_handler(move || {
        if told.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    stop
}

/// Progress on stderr: a bar where somebody watches, else a line at the end.
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
