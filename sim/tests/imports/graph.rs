//! The imports between the files of a crate, as far as the rules need them.
//!
//! A file is a module, named by its path from the crate's root (`world::client`; empty for the root, `main` for that of a
//! binary beside a library). An arrow goes from a
//! file to the file that *defines* what it names: a path through a re-export leads to the definition. Declaring a module
//! is no arrow, and neither is anything below `#[cfg(test)]`.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::source::{File, block, line_of, words};

/// The files of a crate and what they import.
pub(super) struct Graph {
    modules: BTreeMap<String, Module>,
    /// From a module to the modules that it names, each with a line that does.
    pub(super) arrows: BTreeMap<String, BTreeMap<String, usize>>,
}

struct Module {
    path: String,
    /// Every path of the file that could lead to another module, with its line.
    paths: Vec<(Vec<String>, usize)>,
    /// The path that each imported name stands for.
    imports: BTreeMap<String, Vec<String>>,
    /// The modules of which everything is imported.
    globs: Vec<Vec<String>>,
    /// The items that the file defines.
    items: BTreeSet<String>,
}

/// How many re-exports a path may go through.
const REEXPORTS_MAX: usize = 8;

/// The root of a crate's binary; its modules lie in a folder of that name.
const BINARY: &str = "main";

impl Graph {
    /// The graph of the files of a crate, whose `src/` is `folder`.
    pub(super) fn new(folder: &str, files: &[File]) -> Self {
        let name = |path: &str| {
            let stem = path.strip_prefix(folder).and_then(|path| path.strip_suffix(".rs")).unwrap_or(path);
            if stem == "lib" { String::new() } else { stem.replace('/', "::") }
        };
        let tests: Vec<String> = files
            .iter()
            .flat_map(|file| test_modules(&file.code).map(move |test| join(&name(&file.path), test)))
            .collect();
        let is_test = |module: &str| tests.iter().any(|test| is_below(module, test));
        let modules = files.iter().map(|file| (name(&file.path), file)).filter(|(module, _)| !is_test(module));
        let modules = modules.map(|(name, file)| (name, Module::new(file))).collect();
        let mut graph = Self { modules, arrows: BTreeMap::new() };
        for (name, module) in &graph.modules {
            let mut arrows = BTreeMap::new();
            for (path, line) in &module.paths {
                if let Some((target, _)) = graph.resolve(name, path, REEXPORTS_MAX).filter(|(target, _)| target != name)
                {
                    arrows.entry(target).or_insert(*line);
                }
            }
            graph.arrows.insert(name.clone(), arrows);
        }
        graph
    }

    /// The names of all modules.
    pub(super) fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// The file of a module.
    pub(super) fn path(&self, module: &str) -> &str {
        &self.modules[module].path
    }

    /// The groups of files that import each other, without the arrows in `left_out`.
    pub(super) fn circles(&self, left_out: impl Fn(&str, &str) -> bool) -> Vec<Vec<&str>> {
        let reaches: BTreeMap<&str, BTreeSet<&str>> =
            self.modules().map(|from| (from, self.reach(from, &left_out))).collect();
        let mut circles: Vec<Vec<&str>> = Vec::new();
        for from in self.modules().filter(|from| reaches[from].contains(from)) {
            if !circles.iter().any(|circle| circle.contains(&from)) {
                circles.push(reaches[from].iter().copied().filter(|to| reaches[to].contains(from)).collect());
            }
        }
        circles
    }

    /// The shortest way from a module of a circle back to itself: the modules in order, the first not repeated.
    pub(super) fn way_around<'a>(&'a self, circle: &[&'a str]) -> Vec<&'a str> {
        let around = |start: &'a str| {
            let mut ways: Vec<Vec<&str>> = vec![vec![start]];
            let mut seen = BTreeSet::new();
            for place in 0.. {
                let way = ways.get(place)?.clone();
                for to in self.arrows[*way.last()?].keys().map(String::as_str).filter(|to| circle.contains(to)) {
                    if to == start {
                        return Some(way);
                    }
                    if seen.insert(to) {
                        ways.push([&way[..], &[to]].concat());
                    }
                }
            }
            None
        };
        circle.iter().filter_map(|start| around(start)).min_by_key(Vec::len).unwrap_or_default()
    }

    /// All modules that a module reaches over one arrow or more.
    fn reach<'a>(&'a self, from: &'a str, left_out: &impl Fn(&str, &str) -> bool) -> BTreeSet<&'a str> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(module) = open.pop() {
            for to in self.arrows[module].keys().filter(|to| !left_out(module, to)) {
                if reached.insert(to.as_str()) {
                    open.push(to);
                }
            }
        }
        reached
    }

    /// The module that defines what a path in `from` names, and whether the path is that module itself.
    fn resolve(&self, from: &str, path: &[String], depth: usize) -> Option<(String, bool)> {
        let mut module = match path.first()?.as_str() {
            "crate" => root(from).to_owned(),
            "self" => from.to_owned(),
            "super" => parent(from)?.to_owned(),
            name => return self.member(from, name, depth).and_then(|found| self.follow(found, &path[1..], depth)),
        };
        let mut rest = &path[1..];
        while rest.first().is_some_and(|name| name == "super") {
            module = parent(&module)?.to_owned();
            rest = &rest[1..];
        }
        self.follow((module, true), rest, depth)
    }

    fn follow(&self, (module, whole): (String, bool), rest: &[String], depth: usize) -> Option<(String, bool)> {
        match rest.first().filter(|_| whole) {
            None => Some((module, whole)),
            // A name that is neither a module nor imported is an item of the module, or made by a macro in it.
            Some(name) => match self.member(&module, name, depth) {
                Some(found) => self.follow(found, &rest[1..], depth),
                None => Some((module, false)),
            },
        }
    }

    /// The meaning of a name in a module: a child, something imported, or an item that the file defines.
    fn member(&self, module: &str, name: &str, depth: usize) -> Option<(String, bool)> {
        let child = join(module, name);
        if self.modules.contains_key(&child) {
            return Some((child, true));
        }
        let file = self.modules.get(module)?;
        if file.items.contains(name) {
            return Some((module.to_owned(), false));
        }
        let depth = depth.checked_sub(1)?;
        if let Some(path) = file.imports.get(name) {
            return self.resolve(module, path, depth);
        }
        file.globs.iter().find_map(|glob| {
            let (target, _) = self.resolve(module, glob, depth).filter(|(target, whole)| *whole && target != module)?;
            self.member(&target, name, depth)
        })
    }
}

impl Module {
    fn new(file: &File) -> Self {
        let code = &without_tests(&file.code);
        let mut module = Self {
            path: file.path.clone(),
            paths: Vec::new(),
            imports: BTreeMap::new(),
            globs: Vec::new(),
            items: BTreeSet::new(),
        };
        let words = split(code);
        let mut place = 0;
        while place < words.len() {
            let (word, offset) = words[place];
            match word {
                "use" => {
                    let end = place + words[place..].iter().take_while(|(word, _)| *word != ";").count();
                    module.import(&words[place + 1..end], line_of(code, offset));
                    place = end;
                }
                "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static" | "macro_rules" => {
                    let name =
                        words[place + 1..].iter().map(|(word, _)| *word).find(|word| !["!", "mut"].contains(word));
                    // An inline item of an `impl` counts as well: it hides nothing, since names of modules are longer paths.
                    module.items.extend(name.filter(|_| is_item(&words, place)).map(str::to_owned));
                    place += 1;
                }
                _ => {
                    let path = path_at(&words[place..]);
                    let follows = place > 0 && ["::", "."].contains(&words[place - 1].0);
                    if path.len() > 1 && !follows && !is_visibility(&words, place) {
                        module
                            .paths
                            .push((path.iter().map(|name| (*name).to_owned()).collect(), line_of(code, offset)));
                    }
                    place += (2 * path.len()).saturating_sub(1).max(1);
                }
            }
        }
        module
    }

    /// The names that a `use` declares.
    fn import(&mut self, words: &[(&str, usize)], line: usize) {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        for path in expand(&words) {
            let (path, alias) = match path.iter().position(|word| *word == "as") {
                Some(place) => (&path[..place], path.get(place + 1).copied()),
                None => (&path[..], path.last().copied()),
            };
            let mut path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
            if path.last().is_some_and(|name| name == "*") {
                path.pop();
                self.globs.push(path.clone());
            } else {
                // `use a::{self}` imports `a`.
                let is_self = path.len() > 1 && path.last().is_some_and(|name| name == "self");
                let alias = if is_self && alias == Some("self") {
                    path[path.len() - 2].clone()
                } else {
                    alias.unwrap_or("_").to_owned()
                };
                if is_self {
                    path.pop();
                }
                self.imports.insert(alias, path.clone());
            }
            self.paths.push((path, line));
        }
    }
}

/// Every path of a `use` tree.
fn expand<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
    let Some(open) = words.iter().position(|word| *word == "{") else {
        return vec![words.iter().copied().filter(|word| *word != "::").collect()];
    };
    let prefix: Vec<&str> = words[..open].iter().copied().filter(|word| *word != "::").collect();
    let inside = &words[open + 1..words.len().saturating_sub(1).max(open + 1)];
    let (mut paths, mut depth, mut start) = (Vec::new(), 0, 0);
    for (place, word) in inside.iter().chain([&","]).enumerate() {
        match *word {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 0 => {
                let part = &inside[start..place];
                start = place + 1;
                if !part.is_empty() {
                    paths.extend(expand(part).into_iter().map(|path| [&prefix[..], &path].concat()));
                }
            }
            _ => {}
        }
    }
    paths
}

/// Whether the word at `place` begins an item, and not an `as const`, a `*const` or a `fn` type.
fn is_item(words: &[(&str, usize)], place: usize) -> bool {
    let before = place.checked_sub(1).map(|before| words[before].0);
    let begins = ["}", ";", "{", "]", ")", "pub", "unsafe", "async", "const", "extern"];
    before.is_none_or(|before| begins.contains(&before))
}

/// Whether the path at `place` says who sees an item, as in `pub(in crate::cli)`.
fn is_visibility(words: &[(&str, usize)], place: usize) -> bool {
    words[..place].iter().map(|(word, _)| *word).rev().take(3).eq(["in", "(", "pub"])
}

/// The names of the path at the start of the words; empty if the words do not start with a name.
fn path_at<'a>(words: &[(&'a str, usize)]) -> Vec<&'a str> {
    let mut path = Vec::new();
    for pair in words.chunks(2) {
        if !pair[0].0.starts_with(in_name) {
            break;
        }
        path.push(pair[0].0);
        if pair.get(1).is_none_or(|(sign, _)| *sign != "::") {
            break;
        }
    }
    path
}

/// The names and signs of a code, with their offsets; `::` is one sign.
fn split(code: &str) -> Vec<(&str, usize)> {
    let mut words = Vec::new();
    let mut place = 0;
    while let Some(letter) = code[place..].chars().next() {
        let rest = &code[place..];
        let length = match letter {
            _ if in_name(letter) => rest.find(|letter| !in_name(letter)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => letter.len_utf8(),
        };
        if !letter.is_whitespace() {
            words.push((&rest[..length], place));
        }
        place += length;
    }
    words
}

/// The code with its test modules replaced by blanks; line numbers stay.
fn without_tests(code: &str) -> String {
    let mut text = code.to_owned();
    for (place, sign) in code.match_indices("#[cfg(test)]") {
        let item = &code[place + sign.len()..];
        let head = item.split(['{', ';']).next().unwrap_or_default();
        if words(head, "mod").next().is_some() && item[head.len()..].starts_with('{') {
            let inside = block(code, place + sign.len() + head.len());
            let blank: String =
                code[inside.clone()].chars().map(|sign| if sign == '\n' { '\n' } else { ' ' }).collect();
            text.replace_range(inside, &blank);
        }
    }
    text
}

/// The modules that a file declares for tests only.
fn test_modules(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("#[cfg(test)]").filter_map(|(place, sign)| {
        let item = code[place + sign.len()..].trim_start();
        let declaration = item.strip_prefix("pub(crate) ").unwrap_or(item).strip_prefix("mod ")?;
        declaration.split_once(';').map(|(name, _)| name).filter(|name| name.chars().all(in_name))
    })
}

/// The module that `crate` means in a module.
fn root(module: &str) -> &str {
    if is_below(module, BINARY) { BINARY } else { "" }
}

/// The module that a module lies in; none for the root.
pub(super) fn parent(module: &str) -> Option<&str> {
    if module.is_empty() { None } else { Some(module.rsplit_once("::").map_or("", |(parent, _)| parent)) }
}

/// Whether a module is `ancestor` or lies below it.
pub(super) fn is_below(module: &str, ancestor: &str) -> bool {
    ancestor.is_empty() || module.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

fn in_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
