//! Writes the files that commands leave.

use std::path::Path;
use std::{fs, io};

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
