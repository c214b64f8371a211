//! Progress on stderr: a bar on a terminal, otherwise one line at the end.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the bar shows the machine's time")]

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

pub(super) struct Bar {
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Bar {
    pub(super) fn new(runs: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} runs  {per_sec}  {msg}");
        let watched = std::io::stderr().is_terminal();
        let bar = watched.then(|| ProgressBar::new(runs).with_style(style.expect("the template is good")));
        Self { bar, started: Instant::now() }
    }

    pub(super) fn show(&self, runs: u64, message: &str) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(runs);
        bar.set_message(message.to_owned());
    }

    pub(super) fn finish(self, runs: u64) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{runs} runs and the shrinking in {:.1} s", self.started.elapsed().as_secs_f64());
    }
}
