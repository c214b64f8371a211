//! The content of one file, in the cache of the system and on the platter.
//!
//! A write changes the cache at once. The platter has it for certain after the next sync of the file. Until then each
//! sector of each write may be on the platter or not, in any order, and the size may be that after any of the changes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::choose::{Choose, pick};
use crate::fault::Pages;

/// The bytes of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    cache: Vec<u8>,
    platter: Vec<u8>,
    unsynced: Vec<Change>,
}

/// A change of the cache that no sync has followed.
#[derive(Clone, Debug)]
struct Change {
    offset: usize,
    /// The written bytes; for a truncation the zeros that a later growth would show.
    bytes: Vec<u8>,
    /// The size of the file after the change.
    size: usize,
}

/// The unsynced changes that a loss of power met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The changes of files that no sync had followed: writes, truncations, growth.
    pub unsynced: usize,
    /// The files of which some unsynced change did not survive.
    pub files: usize,
    /// The names created, removed or moved without a sync of the folder whose change did not survive.
    pub names: usize,
}

/// The fate of the unsynced changes of one file.
#[derive(Clone, Copy)]
enum Fate {
    Kept,
    Lost,
    /// Each write survives whole or not at all.
    Writes,
    /// Each sector of each write survives or not, in any order.
    Sectors,
}

/// The page that a failed sync keeps or drops as a whole.
const PAGE: usize = 4096;

/// What may stand where a file has grown and no data has arrived.
const STALE: u8 = 0xa5;

impl Content {
    pub(crate) fn size(&self) -> usize {
        self.cache.len()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.cache
    }

    /// Copies bytes from `offset` on. Returns how many there were.
    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) -> usize {
        let there = self.cache.get(offset..).unwrap_or_default();
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        count
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.cache, offset, bytes);
        self.unsynced.push(Change { offset, bytes: bytes.to_vec(), size: self.cache.len() });
    }

    /// Cuts the file, or extends it by zeros.
    pub(crate) fn truncate(&mut self, size: usize) {
        let cut = vec![0; self.cache.len().saturating_sub(size)];
        self.cache.resize(size, 0);
        self.unsynced.push(Change { offset: size, bytes: cut, size });
    }

    /// Moves every unsynced change to the platter.
    pub(crate) fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            change.reach(&mut self.platter);
        }
    }

    /// A sync that fails: the pages of `written` are on the platter nevertheless. The system takes all others for clean, so
    /// that no later sync writes them; it goes on showing those of `kept`, and shows the platter's content of the rest.
    pub(crate) fn fail_sync(&mut self, written: Pages, kept: Pages) {
        let size = self.cache.len();
        for change in std::mem::take(&mut self.unsynced) {
            for part in parts(&change, PAGE).filter(|part| written.contains(part.start / PAGE)) {
                change.put_part(&mut self.platter, part);
            }
        }
        // The size is data of the file system, which its own journal keeps.
        self.platter.resize(size, 0);
        for start in (0..size).step_by(PAGE).filter(|start| !kept.contains(start / PAGE)) {
            let page = start..size.min(start + PAGE);
            self.cache[page.clone()].copy_from_slice(&self.platter[page]);
        }
    }

    /// Inverts the bits of `mask` in one byte, in the cache and on the platter.
    pub(crate) fn rot(&mut self, offset: usize, mask: u8) {
        for bytes in [&mut self.cache, &mut self.platter] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= mask;
            }
        }
    }

    /// The power is lost: the cache is gone, and `choose` decides which unsynced changes the platter has. `sector` is the
    /// number of bytes that are written whole or not at all.
    pub(crate) fn lose_power(&mut self, sector: usize, choose: &mut dyn Choose) -> Lost {
        let changes = std::mem::take(&mut self.unsynced);
        let lost = Lost { unsynced: changes.len(), ..Lost::default() };
        if changes.is_empty() {
            self.cache.clone_from(&self.platter);
            return lost;
        }
        let fates = [("kept", Fate::Kept), ("lost", Fate::Lost), ("writes", Fate::Writes), ("sectors", Fate::Sectors)];
        match pick(choose, "disk.file", &fates) {
            Fate::Kept => changes.iter().for_each(|change| change.reach(&mut self.platter)),
            Fate::Lost => {}
            fate => self.tear(&changes, fate, sector, choose),
        }
        let is_lost = self.platter != self.cache;
        self.cache.clone_from(&self.platter);
        Lost { files: usize::from(is_lost), ..lost }
    }

    /// Lets some of the changes reach the platter, and one of the sizes.
    fn tear(&mut self, changes: &[Change], fate: Fate, sector: usize, choose: &mut dyn Choose) {
        let sizes = sizes(changes, self.platter.len());
        let longest = sizes.iter().copied().max().unwrap_or_default();
        if longest > self.platter.len() {
            self.platter.resize(longest, pick(choose, "disk.hole", &[("zeroed", 0), ("stale", STALE)]));
        }
        match fate {
            Fate::Sectors => self.tear_sectors(changes, sector, choose),
            _ => {
                for change in changes.iter().filter(|change| !change.bytes.is_empty()) {
                    if survives(choose, "disk.write") {
                        put(&mut self.platter, change.offset, &change.bytes);
                    }
                }
            }
        }
        let size = if sizes.len() > 1 {
            sizes[choose.choose("disk.size", sizes.len(), &|place| format!("{} bytes", sizes[place]))]
        } else {
            sizes[0]
        };
        self.platter.resize(size, 0);
    }

    /// Per sector: any of its changes, in any order, until none or no further one.
    fn tear_sectors(&mut self, changes: &[Change], sector: usize, choose: &mut dyn Choose) {
        let mut sectors = BTreeMap::<usize, Vec<(usize, Range<usize>)>>::new();
        for (number, change) in changes.iter().enumerate() {
            for part in parts(change, sector) {
                sectors.entry(part.start / sector).or_default().push((number, part));
            }
        }
        for mut rest in sectors.into_values() {
            while !rest.is_empty() {
                let label =
                    |place: usize| rest.get(place).map_or("none".to_owned(), |(number, _)| format!("write {number}"));
                let next = choose.choose("disk.sector", rest.len() + 1, &label);
                if next == rest.len() {
                    break;
                }
                let (number, part) = rest.remove(next);
                changes[number].put_part(&mut self.platter, part);
            }
        }
    }
}

impl Change {
    /// Carries the change out.
    fn reach(&self, platter: &mut Vec<u8>) {
        put(platter, self.offset, &self.bytes);
        platter.resize(self.size, 0);
    }

    /// Carries out a part of the change, given by its place in the file.
    fn put_part(&self, platter: &mut Vec<u8>, part: Range<usize>) {
        put(platter, part.start, &self.bytes[part.start - self.offset..part.end - self.offset]);
    }
}

/// Copies bytes to an offset, and extends the file as far as they need.
fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

fn survives(choose: &mut dyn Choose, site: &str) -> bool {
    pick(choose, site, &[("kept", true), ("lost", false)])
}

/// The places of a change in the file, cut where sectors begin.
fn parts(change: &Change, sector: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let (start, end) = (change.offset, change.offset + change.bytes.len());
    (start / sector..end.div_ceil(sector)).map(move |number| start.max(number * sector)..end.min((number + 1) * sector))
}

/// The sizes that the file had since the last sync, each once, the latest first.
fn sizes(changes: &[Change], before: usize) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let history = changes.iter().rev().map(|change| change.size).chain([before]);
    history.filter(|size| seen.insert(*size)).collect()
}

#[cfg(test)]
mod tests;
