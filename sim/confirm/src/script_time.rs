//! The machine's time as the time of the script, in which the start of a process takes no time.

use gateway_core::clock::Wall;
use sim_search::drive::Pause;
use sim_search::drive::rows::Row;

/// The beginning of the script and the times during which the play stood still, in milliseconds since 1970.
pub(crate) struct ScriptTime {
    began: f64,
    /// The beginning and the length of each, in their order.
    pauses: Vec<(f64, f64)>,
}

impl ScriptTime {
    /// A play that began at this time. Rows from before it were stored at `stored_at`, and count back from there.
    pub(crate) fn new(played_at: Wall, stored_at: Option<Wall>, pauses: &[Pause]) -> Self {
        let played_at = played_at.0 as f64;
        let began = stored_at.map_or(played_at, |at| at.0 as f64);
        let first = (began, played_at - began);
        let ms = |length: std::time::Duration| length.as_secs_f64() * 1000.0;
        let later = pauses.iter().map(|pause| (played_at + ms(pause.from), ms(pause.length)));
        Self { began, pauses: std::iter::once(first).chain(later).collect() }
    }

    /// The beginning of the script, in milliseconds since 1970.
    pub(crate) fn began_ms(&self) -> u64 {
        self.began as u64
    }

    /// The rows with times from which the pauses are taken out.
    pub(crate) fn rows(&self, rows: Vec<Row>) -> Vec<Row> {
        let row = |row: Row| Row {
            started_at: self.without_pauses(row.started_at),
            ended_at: row.ended_at.map(|at| self.without_pauses(at)),
            ..row
        };
        rows.into_iter().map(row).collect()
    }

    /// What happened in a pause happened at its beginning.
    fn without_pauses(&self, seconds: f64) -> f64 {
        let at = seconds * 1000.0;
        let stood: f64 = self.pauses.iter().map(|(from, length)| (at - from).clamp(0.0, *length)).sum();
        (at - stood) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A row from before the play keeps its age; one that was made while a process started has the time of the step that
    /// started it; and each later one is earlier by all starts before it.
    #[test]
    fn starts_take_no_time() {
        let pause = Pause { from: Duration::from_secs(5), length: Duration::from_secs(3) };
        let time = ScriptTime::new(Wall(102_000), Some(Wall(100_000)), &[pause]);
        assert_eq!(time.began_ms(), 100_000);
        for (stored, expected) in [(40.0, 40.0), (101.0, 100.0), (103.0, 101.0), (108.0, 105.0), (111.0, 106.0)] {
            assert_eq!(time.without_pauses(stored), expected, "{stored}");
        }
        let plain = ScriptTime::new(Wall(102_000), None, &[]);
        assert_eq!((plain.began_ms(), plain.without_pauses(103.0)), (102_000, 103.0));
    }
}
