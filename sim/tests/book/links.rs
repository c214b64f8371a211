//! Checks of links, and of the names in backquotes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::pages::{Page, root};

/// Relative links to missing files, and anchors without a heading.
pub(crate) fn broken(pages: &[Page]) -> Vec<String> {
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_str(), anchors(&page.text))).collect();
    let mut complaints = Vec::new();
    for page in pages {
        for (line, target) in links(&page.text) {
            if target.contains("://") || target.is_empty() {
                continue;
            }
            let (file, anchor) =
                target.split_once('#').map_or((target.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let path = if file.is_empty() { page.path.clone() } else { beside(&page.path, file) };
            if !root().join(&path).exists() {
                complaints.push(format!("{}:{line}: `{target}` leads to no file", page.path));
            } else if let Some(anchor) = anchor
                && !anchors.get(path.as_str()).is_some_and(|anchors| anchors.contains(anchor))
            {
                complaints.push(format!("{}:{line}: `{target}` leads to no heading", page.path));
            }
        }
    }
    complaints
}

/// The path of the link `relative` on the page `path`.
fn beside(path: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The lines of a page outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines().enumerate().filter_map(move |(place, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        (!code && !fence).then_some((place + 1, line))
    })
}

fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let mut rest = line;
        while let Some(place) = rest.find("](") {
            rest = &rest[place + 2..];
            let Some(end) = rest.find(')') else { break };
            links.push((number, rest[..end].to_owned()));
        }
    }
    links
}

/// The anchors of a page, as mdBook makes them: `{#id}` of a heading, else its words; and `<a id="…">`.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text) {
        let mut rest = line;
        while let Some(place) = rest.find("<a id=\"") {
            rest = &rest[place + 7..];
            anchors.insert(rest.split('"').next().unwrap_or_default().to_owned());
        }
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        match title.split_once("{#") {
            Some((_, id)) => anchors.insert(id.trim_end().trim_end_matches('}').to_owned()),
            None => anchors.insert(slug(title.trim())),
        };
    }
    anchors
}

fn slug(title: &str) -> String {
    let letters = title.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        letter if letter.is_alphanumeric() || "-_".contains(letter) => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    letters.collect()
}

/// Pages about other programs, whose paths and names are not in this repository.
const OF_OTHERS: [&str; 3] = ["docs/src/specification/", "docs/src/defects/", "docs/src/campaigns/"];

/// Paths in backquotes that do not exist, and names of items that no source contains.
pub(crate) fn unknown_names(pages: &[Page]) -> Vec<String> {
    let (mut paths, mut names) = (BTreeSet::new(), BTreeSet::new());
    collect("", &mut paths, &mut names);
    let mut complaints = Vec::new();
    for page in pages.iter().filter(|page| !OF_OTHERS.iter().any(|folder| page.path.starts_with(folder))) {
        for (line, code) in prose(&page.text).flat_map(|(line, text)| codes(text).map(move |code| (line, code))) {
            if is_path(code) && !exists(code, &paths) {
                complaints.push(format!("{}:{line}: there is no `{code}`", page.path));
            }
            if is_item(code) && !code.trim_end_matches("()").split("::").all(|part| names.contains(part)) {
                complaints.push(format!("{}:{line}: nothing is called `{code}`", page.path));
            }
        }
    }
    complaints
}

/// The texts in single backquotes.
pub(crate) fn codes(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a text is a path of this repository: it has a slash or a source's extension, and no placeholder.
fn is_path(code: &str) -> bool {
    let letters = code.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./".contains(letter));
    let placeholder = code
        .split(['/', '.'])
        .any(|part| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_'));
    let ours = code.ends_with(".rs") || (code.contains('/') && !code.starts_with('/'));
    let outside = ["target/", "tui_gateway/", "application/"].iter().any(|folder| code.starts_with(folder));
    let top = ["gateway/", "sim/", "scenarios/", "snapshots/", "docs/", ".ci/", ".github/"];
    let shaped = code.ends_with('/')
        || code.rsplit('/').next().is_some_and(|name| name.contains('.'))
        || top.iter().any(|folder| code.starts_with(folder));
    let example = ["foo.rs", "foo/", "mod.rs"].contains(&code);
    letters && ours && shaped && !outside && !example && (!placeholder || code.ends_with(".md"))
}

/// Whether a path exists. It may be shortened at its beginning: `store/rows.rs`.
fn exists(code: &str, paths: &BTreeSet<String>) -> bool {
    let code = code.trim_end_matches('/');
    paths.contains(code) || paths.iter().any(|path| path.ends_with(&format!("/{code}")))
}

/// Whether a text is the path of an item, such as `Session::emit`.
fn is_item(code: &str) -> bool {
    let code = code.trim_end_matches("()");
    let word = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    code.contains("::") && code.split("::").all(word) && !["std", "tokio"].iter().any(|root| code.starts_with(root))
}

/// All paths of the checkout, and all words of its Rust sources.
fn collect(folder: &str, paths: &mut BTreeSet<String>, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(root().join(folder)).expect("a folder of the checkout").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ["target", ".git"].contains(&name.as_str()) {
            continue;
        }
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if entry.path().is_dir() {
            collect(&path, paths, names);
        } else if Path::new(&path).extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(entry.path()).expect("a source");
            let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
            names.extend(words.map(str::to_owned));
        }
        paths.insert(path);
    }
}
