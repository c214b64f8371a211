//! Loses the power under the store of the gateway many times, and prints what is left.
//!
//! `cargo run --release -p sim-disk --example power_loss -- --losses 1000000 --seed 1`

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use gateway_sqlite::{Durability, Journal, Synchronous};
use sim_disk::campaign::{Campaign, LOSSES, Reply, Settings, Tally};
use sim_disk::{Honesty, Seeded};

/// Lose the power under the store of the gateway
#[derive(Parser)]
struct Options {
    /// Losses of power, rounded up to whole runs of 8
    #[arg(long, default_value_t = 10_000)]
    losses: u64,
    /// Seed of the first run; each further one adds 1
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Journal mode
    #[arg(long, value_enum, default_value_t = JournalName::Wal)]
    journal: JournalName,
    /// When SQLite waits for the disk
    #[arg(long, value_enum, default_value_t = SynchronousName::Extra)]
    synchronous: SynchronousName,
    /// Pages in the WAL at which they are moved to the file
    #[arg(long, default_value_t = 20)]
    checkpoint: u32,
    /// Plant a bug
    #[arg(long, value_enum)]
    plant: Option<PlantName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum JournalName {
    Wal,
    Delete,
}

#[derive(Clone, Copy, ValueEnum)]
enum SynchronousName {
    Off,
    Normal,
    Full,
    Extra,
}

#[derive(Clone, Copy, ValueEnum)]
enum PlantName {
    /// A write is answered before its commit
    ReplyBeforeCommit,
    /// The disk answers syncs that it does not carry out
    LyingDisk,
    /// The disk keeps what was not synced
    LuckyDisk,
}

impl Options {
    fn settings(&self) -> Settings {
        let journal = match self.journal {
            JournalName::Wal => Journal::Wal,
            JournalName::Delete => Journal::Delete,
        };
        let synchronous = match self.synchronous {
            SynchronousName::Off => Synchronous::Off,
            SynchronousName::Normal => Synchronous::Normal,
            SynchronousName::Full => Synchronous::Full,
            SynchronousName::Extra => Synchronous::Extra,
        };
        let durability = Durability { journal, synchronous, checkpoint_pages: self.checkpoint };
        let honest = Settings { durability, ..Settings::default() };
        match self.plant {
            None => honest,
            Some(PlantName::ReplyBeforeCommit) => Settings { reply: Reply::BeforeCommit, ..honest },
            Some(PlantName::LyingDisk) => Settings { honesty: Honesty::Lying, ..honest },
            Some(PlantName::LuckyDisk) => Settings { honesty: Honesty::Lucky, ..honest },
        }
    }
}

#[expect(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, reason = "a command line")]
fn main() -> ExitCode {
    let options = Options::parse();
    let mut campaign = Campaign::new(options.settings());
    let mut tally = Tally::default();
    let mut violations = Vec::new();
    let start = std::time::Instant::now();
    for seed in options.seed..options.seed + options.losses.div_ceil(LOSSES) {
        violations.extend(campaign.run(seed, &mut Seeded::new(seed), &mut tally).err());
    }
    let seconds = start.elapsed().as_secs_f64();
    for violation in violations.iter().take(5) {
        println!("{violation}");
    }
    let Tally { losses, in_a_call, in_recovery, with_damage, survived, answered } = tally;
    println!("{losses} losses in {seconds:.1} s ({:.0} per second)", losses as f64 / seconds);
    println!("{in_a_call} in a call, {in_recovery} in a recovery, {with_damage} with something unsynced gone");
    println!("{answered} transactions answered, {survived} unanswered ones there after all");
    println!("{} violations", violations.len());
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
