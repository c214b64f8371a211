//! A build for each mutant, which `cargo mutants` makes. It judges also what cannot be in one program.

use std::fs;
use std::path::Path;
use std::process::Command;

use miette::{Context, IntoDiagnostic, miette};

use super::list::cargo_mutants;
use super::shard::Shard;

/// Seconds after which a mutant's test counts as hanging. The test takes about 15 s without a mutation.
const TIMEOUT_S: u32 = 180;

/// Judges a part of the mutants. The results are in `OUT/mutants.out`.
pub(super) fn run(shard: Shard, only: Option<&str>, out: &Path, jobs: u8) -> miette::Result<()> {
    pass_unmutated()?;
    fs::create_dir_all(out).into_diagnostic().wrap_err_with(|| format!("cannot create {}", out.display()))?;
    let shard = format!("{}/{}", shard.part, shard.of);
    let mut command = cargo_mutants();
    command.args(["--shard", &shard, "--sharding", "round-robin", "--no-times", "--baseline", "skip"]);
    command.args(["--timeout", &TIMEOUT_S.to_string(), "--jobs", &jobs.to_string()]).arg("--output").arg(out);
    if let Some(only) = only {
        command.args(["--re", &escaped(only)]);
    }
    let status = command.status().into_diagnostic()?;
    // 2 and 3: mutants were missed or timed out, which is a result.
    match status.code() {
        Some(0 | 2 | 3) => Ok(()),
        _ => Err(miette!("`cargo mutants` ended with {status}; its messages are above")),
    }
}

/// The tree as it is must pass: otherwise every mutant would count as caught. `cargo mutants` would run the tests of the
/// mutated package for this, and not those of `.cargo/mutants.toml`.
fn pass_unmutated() -> miette::Result<()> {
    let test = ["test", "--package", "xtask", "--features", "grade", "--test", "grade"];
    let status = Command::new("cargo").args(test).status().into_diagnostic()?;
    if status.success() {
        Ok(())
    } else {
        Err(miette!("the tree fails without a mutation: `cargo {}`", test.join(" ")))
    }
}

/// A regular expression for the text itself.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|char| {
            let escape = (!char.is_alphanumeric() && !char.is_whitespace() && char != '_').then_some('\\');
            escape.into_iter().chain([char])
        })
        .collect()
}
