//! The lock of a reader of SQLite, taken before SQLite itself takes it.

use std::fs::File;
use std::time::Duration;

/// How long to wait between two tries.
const STEP: Duration = Duration::from_millis(10);

/// Locks a database for reading until its file is closed. Whether it could: after `patience` it is locked by a writer still.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "another process has the lock, and its end can only be waited for")]
pub(crate) fn shared(file: &File, patience: Duration) -> bool {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::{errno::Errno, libc};

    /// The bytes that readers lock: `SHARED_FIRST` and `SHARED_SIZE` of SQLite's `os.h`.
    const BYTES: (libc::off_t, libc::off_t) = (0x4000_0002, 510);

    let (l_type, l_whence) = (libc::F_RDLCK as libc::c_short, libc::SEEK_SET as libc::c_short);
    let lock = libc::flock { l_type, l_whence, l_start: BYTES.0, l_len: BYTES.1, l_pid: 0 };
    let tries = patience.as_millis() / STEP.as_millis();
    for _ in 0..tries {
        // The lock belongs to the open file, not to the process, so SQLite may take and give back its own.
        match fcntl(file, FcntlArg::F_OFD_SETLK(&lock)) {
            Err(Errno::EAGAIN | Errno::EACCES) => std::thread::sleep(STEP),
            // A file system without locks has no other process that could end.
            _ => return true,
        }
    }
    false
}

/// Elsewhere such locks belong to the process, and SQLite would give them back.
#[cfg(not(target_os = "linux"))]
pub(crate) fn shared(_: &File, _: Duration) -> bool {
    true
}
