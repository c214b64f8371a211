//! The commands on the pages, and their outputs.
//!
//! A `console` block holds commands after `$ ` and their output. `…` alone on a line stands for any lines, and within a
//! line for any text. A command that fails is followed by `$ echo $?`. Each page has a folder of its own with copies of
//! `scenarios/` and `snapshots/`, and the files of its blocks with `file=NAME`. A comment `<!-- not run: WHY -->` on the
//! line before a block excuses it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::links::codes;
use super::pages::{Page, accepts, root};

/// A fenced block of a page.
struct Block<'a> {
    /// The words after the opening fence.
    kind: &'a str,
    /// The line of the fence, counted from 1.
    line: usize,
    lines: Vec<&'a str>,
    /// The reason why the block is not run.
    excuse: Option<&'a str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let (mut inside, mut before) = (false, "");
    for (place, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(kind) if !inside => {
                let excuse = before.strip_prefix("<!-- not run: ").and_then(|why| why.strip_suffix(" -->"));
                blocks.push(Block { kind, line: place + 1, lines: Vec::new(), excuse });
                inside = true;
            }
            Some(_) => inside = false,
            None if inside => blocks.last_mut().expect("a block is open").lines.push(line),
            None => {}
        }
        before = line;
    }
    blocks
}

/// A command with the output that the page shows.
struct Shown<'a> {
    command: &'a str,
    line: usize,
    output: Vec<&'a str>,
}

fn shown<'a>(block: &Block<'a>) -> Vec<Shown<'a>> {
    let mut all: Vec<Shown<'a>> = Vec::new();
    for (place, line) in block.lines.iter().enumerate() {
        match line.strip_prefix("$ ") {
            Some(command) => all.push(Shown { command, line: block.line + place + 1, output: Vec::new() }),
            None => all.last_mut().expect("a block begins with a command").output.push(line),
        }
    }
    all
}

/// Runs the commands of the pages and compares their output; with `BOOK=accept` writes the output.
#[expect(clippy::disallowed_methods, reason = "the pages are checked side by side")]
pub(crate) fn check(pages: &[Page]) -> Vec<String> {
    std::thread::scope(|scope| {
        let pages: Vec<_> = pages.iter().map(|page| scope.spawn(move || check_page(page))).collect();
        pages.into_iter().flat_map(|page| page.join().expect("no check panics")).collect()
    })
}

fn check_page(page: &Page) -> Vec<String> {
    let blocks = blocks(&page.text);
    if !blocks.iter().any(|block| block.kind == "console" && block.excuse.is_none()) {
        return Vec::new();
    }
    let folder = Folder::new(&blocks);
    let (mut complaints, mut lines) = (Vec::new(), page.text.lines().map(str::to_owned).collect::<Vec<_>>());
    let mut shift = 0_isize;
    for block in blocks.iter().filter(|block| block.kind == "console" && block.excuse.is_none()) {
        let mut status = 0;
        let all = shown(block);
        for (place, shown) in all.iter().enumerate() {
            let Some((output, code)) = folder.run(shown.command, status) else {
                let what = "needs the gateway's program as the sources are now: `cargo build -p gateway`";
                complaints.push(format!("{}:{}: {what}", page.path, shown.line));
                continue;
            };
            let says_code = all.get(place + 1).is_some_and(|next| next.command == "echo $?");
            if code != 0 && !says_code {
                complaints.push(format!("{}:{}: exits with {code}, and no `$ echo $?` follows", page.path, shown.line));
            }
            status = code;
            let printed: Vec<&str> = output.lines().collect();
            if matches(&shown.output, &printed) {
                continue;
            }
            if accepts() {
                let begin = shown.line.checked_add_signed(shift).expect("the lines grow and shrink behind it");
                lines.splice(begin..begin + shown.output.len(), printed.iter().map(|line| (*line).to_owned()));
                shift += printed.len().cast_signed() - shown.output.len().cast_signed();
            } else {
                complaints.push(format!("{}:{}: `{}` prints\n{output}", page.path, shown.line, shown.command));
            }
        }
    }
    if accepts() && shift != 0 || accepts() && lines.iter().zip(page.text.lines()).any(|(new, old)| new != old) {
        fs::write(root().join(&page.path), lines.join("\n") + "\n").expect("the page is written");
    }
    complaints
}

/// Whether the lines of a page match the printed ones. `…` matches omitted text.
fn matches(page: &[&str], printed: &[&str]) -> bool {
    let Some((first, rest)) = page.split_first() else { return printed.is_empty() };
    if first.trim() == "…" {
        return (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]));
    }
    let Some((line, others)) = printed.split_first() else { return false };
    matches_line(first.trim_end(), line.trim_end()) && matches(rest, others)
}

fn matches_line(page: &str, printed: &str) -> bool {
    let Some((before, after)) = page.split_once('…') else { return page == printed };
    let Some(rest) = printed.strip_prefix(before) else { return false };
    rest.char_indices().map(|(place, _)| place).chain([rest.len()]).any(|place| matches_line(after, &rest[place..]))
}

/// The folder in which the commands of a page run.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(blocks: &[Block<'_>]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder for the commands"));
        for name in ["scenarios", "snapshots"] {
            copy(&root().join(name), &folder.0.path().join(name));
        }
        for block in blocks {
            if let Some(name) = block.kind.split_once("file=").map(|(_, name)| name) {
                fs::write(folder.0.path().join(name), block.lines.join("\n") + "\n").expect("a file of the page");
            }
        }
        folder
    }

    /// The output and the exit code of a command. `None`: it needs the gateway's program, which is not built.
    #[expect(clippy::disallowed_methods, reason = "the commands of the pages are programs")]
    fn run(&self, command: &str, status: i32) -> Option<(String, i32)> {
        let programs = Path::new(env!("CARGO_BIN_EXE_sim")).parent().expect("a program is in a folder");
        if command.contains("gateway serve") && !is_up_to_date(&programs.join("gateway")) {
            return None;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([programs.to_owned()].into_iter().chain(std::env::split_paths(&path)));
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n(exit {status})\n{command}")])
            .current_dir(self.0.path())
            .env("PATH", path.expect("no folder has a colon"))
            .env("NO_COLOR", "1")
            .env_remove("GATEWAY_TOKEN")
            .output()
            .expect("there is a shell");
        Some((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap_or(-1)))
    }
}

/// Whether the gateway's program is built from the sources as they are. `cargo test --workspace` builds it before any test runs.
fn is_up_to_date(program: &Path) -> bool {
    #[expect(clippy::disallowed_types, reason = "the age of files on this machine")]
    fn newest(path: &Path) -> Option<std::time::SystemTime> {
        if path.is_dir() {
            return fs::read_dir(path).ok()?.flatten().filter_map(|entry| newest(&entry.path())).max();
        }
        path.extension().filter(|extension| *extension == "rs")?;
        path.metadata().ok()?.modified().ok()
    }
    let built = program.metadata().and_then(|metadata| metadata.modified()).ok();
    let folders = ["gateway/src", "gateway/core/src", "gateway/sqlite/src"];
    built.is_some()
        && folders.into_iter().filter_map(|folder| newest(&root().join(folder))).all(|source| Some(source) < built)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to: PathBuf = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// Commands of a page that no test runs, and that the programs do not parse.
pub(crate) fn unparsable(page: &Page) -> Vec<String> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    for block in blocks(&page.text) {
        let of_shell = block.kind == "sh";
        let excused = block.kind == "console" && block.excuse.is_some();
        if block.excuse.is_some_and(|why| why.trim().is_empty()) {
            commands.push((block.line, "sim --without-a-reason".to_owned()));
        }
        let text = block.lines.join("\n").replace("\\\n", " ");
        for line in text.lines().filter(|line| of_shell || excused && line.starts_with("$ ")) {
            commands.push((block.line, line.trim_start_matches("$ ").to_owned()));
        }
    }
    for (place, line) in page.text.lines().enumerate() {
        let inline = codes(line).filter(|code| code.starts_with("sim ") && code.contains("--") && !code.contains('|'));
        commands.extend(inline.map(|code| (place + 1, code.to_owned())));
    }
    commands
        .iter()
        .filter_map(|(line, command)| {
            let why = command.split("&&").find_map(refused)?;
            Some(format!("{}:{line}: `{}`: {why}", page.path, command.trim()))
        })
        .collect()
}

/// The error of parsing a command.
fn refused(command: &str) -> Option<String> {
    let command = command.split(" #").next().unwrap_or_default();
    let words: Vec<&str> = command.split(['>', '|']).next().unwrap_or_default().split_whitespace().collect();
    let words: Vec<String> = words
        .into_iter()
        .skip_while(|word| {
            word.split_once('=')
                .is_some_and(|(name, _)| name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_'))
        })
        .map(|word| word.trim_matches(['\'', '"', '(', ')']).to_owned())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["sim" | "target/release/sim", ref arguments @ ..]
        | ["cargo", "run", "--release", "-p", "sim", "--", ref arguments @ ..] => parse(arguments),
        ["cargo", "test", ref arguments @ ..] => arguments
            .windows(2)
            .filter(|pair| pair[0] == "--test")
            .find(|pair| pair[1] != "scenarios" && !root().join(format!("sim/tests/{}.rs", pair[1])).exists())
            .map(|pair| format!("there is no test `{}`", pair[1])),
        ["cargo", "bench", "-p", package, "--bench", name, ..] => {
            let there = root().join(format!("{package}/benches/{name}.rs")).exists();
            (!there).then(|| format!("`{package}` has no benchmark `{name}`"))
        }
        _ => None,
    }
}

fn parse(arguments: &[&str]) -> Option<String> {
    let mut command = sim::cli::command();
    let name = arguments.first()?;
    let Some(command) = command.find_subcommand_mut(name) else { return Some(format!("there is no `sim {name}`")) };
    let nested: Vec<String> = command.get_subcommands().flat_map(flags).collect();
    let known: Vec<String> = flags(command).into_iter().chain(nested).collect();
    let given = arguments.iter().filter(|word| word.starts_with("--"));
    let unknown =
        given.map(|word| word.split('=').next().unwrap_or(word)).find(|word| !known.iter().any(|flag| flag == word));
    unknown.map(|flag| format!("`sim {name}` has no `{flag}`"))
}

fn flags(command: &clap::Command) -> Vec<String> {
    let flags = command.get_arguments().filter_map(|argument| argument.get_long()).map(|long| format!("--{long}"));
    flags.chain(["--help".to_owned()]).collect()
}
