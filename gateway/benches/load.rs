//! Load benchmark: memory, processor time and latency of a gateway with many clients.
//!
//! One run loads several endpoints in turn, each in a process of its own, with the same client: an endpoint that only
//! echoes, as the cost of client and WebSocket library; the gateway; and, with `--python`, the
//! Python gateway of `hermes-agent`. All numbers come from the same machine at the same time.
//!
//! `cargo bench -p gateway --bench load` is a small run; `-- --connections 2000` a large one.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark measures real time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measures")]

#[path = "load/client.rs"]
mod client;
#[path = "load/crowd.rs"]
mod crowd;
#[path = "load/endpoint.rs"]
mod endpoint;
#[path = "load/machine.rs"]
mod machine;
#[path = "load/options.rs"]
mod options;
#[path = "load/phase.rs"]
mod phase;
#[path = "load/report.rs"]
mod report;
#[path = "load/rows.rs"]
mod rows;
#[path = "load/trivial.rs"]
mod trivial;

use std::process::ExitCode;

use clap::Parser;
use endpoint::Endpoint;
use options::Options;
use report::Measured;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let run = async {
        match options.trivial {
            true => trivial::serve().await,
            false => run(&options).await,
        }
    };
    match LocalSet::new().block_on(&runtime, run) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<ExitCode, String> {
    machine::allow_files(options.files())?;
    let disk = machine::disk_time().map_err(|error| format!("the disk stores nothing: {error}"))?;
    println!("{}; the disk stores a page in {disk:.1?}", options.headline());
    let (mut measured, mut faults) = (Vec::new(), Vec::new());
    for endpoint in endpoint::all(options) {
        eprintln!("loading {endpoint}");
        let one = measure(&endpoint, options, &mut faults).await.map_err(|error| format!("{endpoint}: {error}"))?;
        measured.push(one);
    }
    println!("{}", report::table(&measured));
    faults.iter().for_each(|fault| println!("fault: {fault}"));
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs all phases against one endpoint.
async fn measure(endpoint: &Endpoint, options: &Options, faults: &mut Vec<String>) -> Result<Measured, String> {
    let running = endpoint.start()?;
    let (mut measured, clients) = crowd::load(&running, options).await?;
    let left = running.stop().await?;
    drop(clients);
    (measured.name, measured.rows, measured.end) = (endpoint.to_string(), left.rows, left.end);
    measured.is_peer = matches!(endpoint, Endpoint::Python { .. });
    match endpoint {
        // It owes every row and every end.
        Endpoint::Gateway => faults.extend(measured.faults(options, left.code)),
        Endpoint::Trivial => faults.extend(measured.failures()),
        // Differences of other endpoints are only reported.
        Endpoint::Python { .. } => measured.failures().iter().for_each(|failure| println!("{failure}")),
    }
    Ok(measured)
}
