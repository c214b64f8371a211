//! The copy of the workspace in which the mutants are built.
//!
//! A file is written only if it changes, so that a second build compiles only what is different.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use miette::{Context, IntoDiagnostic};

/// Names at the root that are no source.
const LEFT_OUT: [&str; 2] = ["target", ".git"];

/// Makes `to` equal to `from`, but for the files in `instead`, whose paths are below `from`.
pub(super) fn copy(from: &Path, to: &Path, instead: &BTreeMap<PathBuf, String>) -> miette::Result<()> {
    let copied = copy_folder(from, to, Path::new(""), instead);
    copied.into_diagnostic().wrap_err_with(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    for (path, text) in instead {
        write(&to.join(path), text.as_bytes()).into_diagnostic()?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path, below: &Path, instead: &BTreeMap<PathBuf, String>) -> std::io::Result<()> {
    fs::create_dir_all(to.join(below))?;
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(from.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if LEFT_OUT.iter().any(|name| path == Path::new(name)) {
            continue;
        }
        names.insert(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(from, to, &path, instead)?;
        } else if !instead.contains_key(&path) {
            write(&to.join(&path), &fs::read(from.join(&path))?)?;
        }
    }
    for entry in fs::read_dir(to.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if names.contains(&entry.file_name()) || instead.contains_key(&path) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write(place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if fs::read(place).is_ok_and(|old| old == bytes) { Ok(()) } else { fs::write(place, bytes) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::copy;

    /// The copy has the files of the workspace without what is built, others instead of some, and none that are gone.
    #[test]
    fn the_copy_follows_the_workspace() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for path in ["target/debug", "src/inner"] {
            fs::create_dir_all(from.join(path)).expect("a folder is made");
        }
        for path in ["target/debug/built", "src/a.rs", "src/inner/b.rs"] {
            fs::write(from.join(path), path).expect("a file is written");
        }
        let instead = [(PathBuf::from("src/a.rs"), "other".to_owned()), ("src/new.rs".into(), "new".to_owned())];
        copy(&from, &to, &instead.into()).expect("a copy");
        let read = |path: &str| fs::read_to_string(to.join(path)).ok();
        assert_eq!(read("src/a.rs").as_deref(), Some("other"));
        assert_eq!(read("src/new.rs").as_deref(), Some("new"));
        assert_eq!(read("src/inner/b.rs").as_deref(), Some("src/inner/b.rs"));
        assert_eq!(read("target/debug/built"), None);
        fs::remove_dir_all(from.join("src/inner")).expect("a folder is removed");
        copy(&from, &to, &[].into()).expect("a second copy");
        assert_eq!(read("src/a.rs").as_deref(), Some("src/a.rs"));
        assert_eq!((read("src/new.rs"), read("src/inner/b.rs")), (None, None));
    }
}
