//! What the same transactions cost in memory, on the simulated disk, and on a file of this machine.
//!
//! `cargo run --release -p sim-disk --example cost -- --transactions 20000`

use std::path::Path;

use clap::Parser;
use gateway_core::store::Write;
use gateway_sqlite::{Database, Durability, Journal, Synchronous};
use sim_disk::{Disk, campaign};

/// Measure the same transactions in memory, on the simulated disk, and on a file
#[derive(Parser)]
struct Options {
    /// Transactions of each measurement
    #[arg(long, default_value_t = 10_000)]
    transactions: usize,
    /// Seed of the transactions
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[expect(clippy::print_stdout, reason = "a command line")]
fn main() {
    let options = Options::parse();
    let transactions: Vec<_> = campaign::transactions(options.seed).take(options.transactions).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::new();
    let mut places = vec![("in memory".to_owned(), Database::in_memory().expect("memory"))];
    for (journal, synchronous) in [
        (Journal::Wal, Synchronous::Normal),
        (Journal::Wal, Synchronous::Full),
        (Journal::Wal, Synchronous::Extra),
        (Journal::Delete, Synchronous::Full),
        (Journal::Delete, Synchronous::Extra),
    ] {
        let durability = Durability { journal, synchronous, ..Durability::SERVED };
        let name = format!("{journal:?} {synchronous:?}");
        let open = |path: &Path, vfs| Database::open_on(path, vfs, durability).expect("it opens");
        places.push((format!("disk, {name}"), open(Path::new(&name), disk.vfs())));
        places.push((format!("file, {name}"), open(&folder.path().join(&name), "unix")));
    }
    let mut rounds = vec![Vec::new(); places.len()];
    for transactions in transactions.chunks(ROUND) {
        for ((_, database), rounds) in places.iter_mut().zip(&mut rounds) {
            rounds.push(measure(transactions, database));
        }
    }
    let dump = places[0].1.dump().expect("rows");
    let medians: Vec<f64> = rounds.into_iter().map(median).collect();
    for ((name, database), micros) in places.iter().zip(&medians) {
        assert_eq!(database.dump().expect("rows"), dump, "{name}: the same rows everywhere");
        println!("{name:20} {micros:8.1} us per transaction, {:5.2} times memory", micros / medians[0]);
    }
}

/// The transactions of a round. The places take turns, so that a busy machine slows all of them.
const ROUND: usize = 100;

/// Microseconds per transaction.
#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures")]
fn measure(transactions: &[Vec<Write>], database: &mut Database) -> f64 {
    let start = std::time::Instant::now();
    for writes in transactions {
        drop(database.write_all(&writes.iter().collect::<Vec<_>>()));
    }
    start.elapsed().as_secs_f64() * 1e6 / transactions.len() as f64
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
