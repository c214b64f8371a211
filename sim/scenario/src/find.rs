//! Finds scenario files: the given files, and all scenario files below the given folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::ScenarioError;

/// The path of a scenario file, and whether the path itself was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The given path, or the given folder joined with the relative path.
    pub path: PathBuf,
    /// Whether the file itself was given, not only a folder that contains it.
    pub named: bool,
}

/// The scenario files behind `paths`, each once, sorted by path.
///
/// A folder stands for all `*.toml` files below it. Files and folders whose name starts with a dot are skipped: editors
/// leave such files behind. A named file may have any name; only reading it shows whether it is a scenario.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Found>, ScenarioError> {
    // One file can be reached by several paths, so the key is the path without `..` and links.
    let mut found: BTreeMap<PathBuf, Found> = BTreeMap::new();
    for path in paths {
        if path.is_dir() {
            let mut files = Vec::new();
            files_below(path, &mut files)?;
            if files.is_empty() {
                return Err(ScenarioError::of_path(path, "no scenario in this folder")
                    .with_help("scenario files end in `.toml`; subfolders are searched as well"));
            }
            for file in files {
                found.entry(real(&file)?).or_insert(Found { path: file, named: false });
            }
        } else {
            // A file that is given both by itself and by its folder counts as given by itself.
            found.insert(real(path)?, Found { path: path.clone(), named: true });
        }
    }
    let mut found: Vec<Found> = found.into_values().collect();
    found.sort();
    Ok(found)
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), ScenarioError> {
    let unreadable = |error| ScenarioError::unreadable(folder, &error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // The type of the entry itself: links to folders are not followed, so a loop of links cannot hang the search.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            files_below(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    Ok(())
}

fn real(path: &Path) -> Result<PathBuf, ScenarioError> {
    path.canonicalize().map_err(|error| ScenarioError::unreadable(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with scenario files, and with files that the search must skip.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for sub in ["issues/deep", "empty", ".git"] {
            fs::create_dir_all(root.join(sub)).expect("a subfolder");
        }
        for file in ["b.toml", "a.toml", "issues/deep/c.toml", "issues/note.md", ".git/x.toml", ".#a.toml"] {
            fs::write(root.join(file), "").expect("a file");
        }
        folder
    }

    #[track_caller]
    fn check(paths: &[&str], expected: &[(&str, bool)]) {
        let folder = folder();
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
        let expected: Vec<Found> =
            expected.iter().map(|(path, named)| Found { path: folder.path().join(path), named: *named }).collect();
        assert_eq!(find(&paths).expect("files"), expected);
    }

    #[track_caller]
    fn check_error(path: &str, expected: &str) {
        let folder = folder();
        let error = find(&[folder.path().join(path)]).expect_err("nothing there");
        assert_eq!(error.message(), expected);
        assert_eq!(error.path(), folder.path().join(path));
    }

    /// Subfolders are searched at any depth. The result is sorted by path and contains only scenarios.
    #[test]
    fn folders_are_searched() {
        check(&["."], &[("./a.toml", false), ("./b.toml", false), ("./issues/deep/c.toml", false)]);
        check(&["issues", "a.toml"], &[("a.toml", true), ("issues/deep/c.toml", false)]);
        check(&["issues/note.md"], &[("issues/note.md", true)]);
        check(&[], &[]);
    }

    /// A file that is reached by several paths is listed once, and counts as named if any path names the file.
    #[test]
    fn a_file_counts_once() {
        check(&["issues", "issues/deep/c.toml"], &[("issues/deep/c.toml", true)]);
        check(&["issues/deep/c.toml", "issues"], &[("issues/deep/c.toml", true)]);
        check(&["a.toml", "issues/../a.toml"], &[("issues/../a.toml", true)]);
    }

    /// A path that leads to no scenario is an error, not an empty list: a command that runs nothing must not pass.
    #[test]
    fn nothing_is_an_error() {
        check_error("empty", "no scenario in this folder");
        check_error("gone.toml", "no such file or directory");
    }
}
