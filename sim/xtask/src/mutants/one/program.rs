//! Builds the program that holds all mutants, and runs it with one of them chosen.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use miette::{IntoDiagnostic, miette};
use serde::Deserialize;

use super::super::outcome::{Outcome, caught_by};

/// Names the variable that holds the number of the chosen mutant.
pub(super) const VARIABLE: &str = "GATEWAY_MUTANT";
/// Runs the program with at most 4 GiB of memory and 60 seconds of a processor: a mutant may allocate, or go round, for
/// ever. The test takes about 10 s without a mutation. A mutant that only waits is ended after ten minutes.
const BOUNDED: &str = "ulimit -v 4194304; ulimit -t 60; exec timeout 600 \"$0\" \"$@\"";
/// The exit codes if the time was over: that of `timeout`, and those of a process that SIGXCPU or SIGKILL has ended.
const TIME_OVER: [i32; 3] = [124, 128 + 24, 128 + 9];

/// An error of the compiler: its text, and the places it names, the primary ones first.
pub(super) struct CompileError {
    pub(super) rendered: String,
    pub(super) places: Vec<(PathBuf, Range<usize>)>,
}

/// The program, or why it does not compile.
pub(super) enum Built {
    Program(PathBuf),
    Errors(Vec<CompileError>),
}

/// Builds `tests/grade.rs` in the copied workspace. Assertions of the debug build are kept: they judge in `cargo test` too.
pub(super) fn build(tree: &Path, target: &Path) -> miette::Result<Built> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--locked", "--package", "xtask", "--features", "grade", "--test", "grade"])
        .args(["--message-format", "json"])
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .current_dir(tree)
        .stderr(Stdio::inherit())
        .output()
        .into_diagnostic()?;
    let lines = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<Message> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if output.status.success() {
        let program = messages.into_iter().find_map(|message| match message {
            Message::Artifact { executable: Some(executable) } => Some(executable),
            _ => None,
        });
        return program.map(Built::Program).ok_or_else(|| miette!("cargo names no program"));
    }
    let errors: Vec<CompileError> = messages.into_iter().filter_map(compile_error).collect();
    if errors.is_empty() {
        return Err(miette!("the copied workspace cannot be built; the messages of cargo are above"));
    }
    Ok(Built::Errors(errors))
}

fn compile_error(message: Message) -> Option<CompileError> {
    let Message::Diagnostic { message: Diagnostic { level, rendered, mut spans } } = message else {
        return None;
    };
    if level != "error" || spans.is_empty() {
        return None;
    }
    spans.sort_by_key(|span| !span.is_primary);
    let places = spans.into_iter().map(|span| (span.file_name, span.byte_start..span.byte_end)).collect();
    Some(CompileError { rendered, places })
}

/// What judges a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    /// The scenarios, which take a second or two.
    Scenarios,
    /// The scenarios, then the campaign.
    All,
}

/// Runs the program with the mutant of a number, or without one.
pub(super) fn judge(program: &Path, number: Option<u32>, judge: Judge) -> miette::Result<Outcome> {
    let mut command = Command::new("sh");
    command.args(["-c", BOUNDED]).arg(program).env("RUST_BACKTRACE", "0").env_remove(VARIABLE);
    if let Some(number) = number {
        command.env(VARIABLE, number.to_string());
    }
    if judge == Judge::Scenarios {
        command.arg("scenarios");
    }
    let output = command.output().into_diagnostic()?;
    Ok(match output.status.code() {
        Some(0) => Outcome::Missed,
        Some(code) if TIME_OVER.contains(&code) => Outcome::Timeout,
        _ => Outcome::Caught(caught_by(&String::from_utf8_lossy(&output.stdout))),
    })
}

#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-artifact")]
    Artifact { executable: Option<PathBuf> },
    #[serde(rename = "compiler-message")]
    Diagnostic { message: Diagnostic },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: String,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: PathBuf,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

#[cfg(test)]
mod tests {
    use super::{Message, compile_error};

    /// An error has its places, the primary one first; a warning is none.
    #[test]
    fn errors_are_read() {
        let line = |level: &str| {
            format!(
                r#"{{"reason":"compiler-message","target":{{}},"message":{{"level":"{level}","rendered":"r","spans":[
                {{"file_name":"a.rs","byte_start":1,"byte_end":2,"is_primary":false}},
                {{"file_name":"b.rs","byte_start":3,"byte_end":5,"is_primary":true}}]}}}}"#
            )
        };
        let read = |level| compile_error(serde_json::from_str::<Message>(&line(level)).expect("a message"));
        let error = read("error").expect("an error");
        assert_eq!(error.places, [("b.rs".into(), 3..5), ("a.rs".into(), 1..2)]);
        assert!(read("warning").is_none());
    }
}
