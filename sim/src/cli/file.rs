//! The files that commands leave: how they are written, and how the commands that are printed name them.

use std::path::Path;
use std::{fs, io};

use sim_report::quoted;

/// Replaces the whole file or leaves it unchanged, even if the command is interrupted.
pub(super) fn write(out: &Path, text: &str) -> io::Result<()> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // No command reads files whose name begins with a dot.
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let part = folder.join(format!(".{name}.part"));
    fs::write(&part, text)?;
    fs::rename(&part, out)
}

/// A path as a word of a printed command, which a shell reads back as the path.
pub(super) fn word(path: &Path) -> String {
    quoted(&path.display().to_string())
}
