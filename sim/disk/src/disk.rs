//! A disk, as a test uses it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use rusqlite::{Connection, OpenFlags};

use crate::choose::Choose;
use crate::content::Lost;
use crate::fault::{Fault, Moment};
use crate::handle::lock;
use crate::vfs::Registered;
use crate::volume::{Honesty, Volume};

/// A disk in memory with one folder, on which SQLite opens databases by name.
///
/// A disk can be used again after [`clear`](Self::clear). Prefer that to a new one for each run: SQLite keeps some hundred
/// bytes of each until the process ends.
pub struct Disk {
    registered: Registered,
    volume: Arc<Mutex<Volume>>,
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// An empty disk with power.
    pub fn new() -> Self {
        let volume = Arc::<Mutex<Volume>>::default();
        Self { registered: Registered::new(Arc::clone(&volume)), volume }
    }

    /// The name under which SQLite knows the disk as long as this value lives (its VFS).
    pub fn vfs(&self) -> &str {
        self.registered.name().to_str().expect("a name in ASCII")
    }

    /// Opens a database of the disk, and creates it if it does not exist.
    pub fn connect(&self, name: &str) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags_and_vfs(Path::new(name), flags, self.registered.name())
    }

    /// Loses the power at the call that follows the next `effects` calls which change the disk: writes, truncations, syncs,
    /// creations and removals of files. Until [`restore_power`](Self::restore_power) every call fails.
    pub fn lose_power_at(&self, effects: u64, moment: Moment) {
        self.volume().lose_power_at(effects, moment);
    }

    /// Forgets a planned loss of power that has not come.
    pub fn keep_power(&self) {
        self.volume().keep_power();
    }

    /// Whether the disk has power.
    pub fn has_power(&self) -> bool {
        self.volume().has_power()
    }

    /// The number of calls so far that changed the disk.
    pub fn effects(&self) -> u64 {
        self.volume().effects()
    }

    /// The machine is off and on again, whether or not a planned loss came before. `choose` decides which unsynced changes
    /// survive. Connections that are still open get errors.
    pub fn restore_power(&self, choose: &mut dyn Choose) -> Lost {
        self.volume().restore_power(choose)
    }

    /// Plans a fault of a call. A loss of power forgets it.
    pub fn plan(&self, fault: Fault) {
        self.volume().planned.add(fault);
    }

    /// Limits the bytes of all files together; `None` for no limit. Writes beyond it fail with "database or disk is full".
    pub fn limit(&self, bytes: Option<usize>) {
        self.volume().capacity = bytes;
    }

    /// Plants a disk that keeps more, or less, than it promises.
    pub fn plant(&self, honesty: Honesty) {
        self.volume().honesty = honesty;
    }

    /// Inverts the bits of `mask` in the byte at `offset` of a file. Nothing happens beyond its end.
    pub fn rot(&self, name: &str, offset: usize, mask: u8) {
        let mut volume = self.volume();
        if let Some(inode) = volume.folder.find(name) {
            volume.file(inode).content.rot(offset, mask);
        }
    }

    /// Moves a file to another name, as a program does that replaces a database; false if there is no such file. It lasts after
    /// the next sync of the folder.
    pub fn rename(&self, from: &str, to: &str) -> bool {
        self.volume().rename(from, to)
    }

    /// Makes all creations, removals and moves of names last.
    pub fn sync_folder(&self) {
        self.volume().sync_folder();
    }

    /// The content of a file as reads show it, or `None` if there is no such file.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let mut volume = self.volume();
        let inode = volume.folder.find(name)?;
        Some(volume.file(inode).content.bytes().to_vec())
    }

    /// The names of the files, sorted.
    pub fn names(&self) -> Vec<String> {
        self.volume().folder.names().map(str::to_owned).collect()
    }

    /// Deletes all files, faults and limits. Connections that are still open get errors.
    pub fn clear(&self) {
        self.volume().clear();
    }

    fn volume(&self) -> MutexGuard<'_, Volume> {
        lock(&self.volume)
    }
}

/// The memory of the files is freed; connections that are still open get errors.
impl Drop for Disk {
    fn drop(&mut self) {
        self.clear();
    }
}
