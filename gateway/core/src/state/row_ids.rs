//! The ids of new rows, each of which is given once.
//!
//! An id holds a second and 24 random bits (spec §1). With thousands of sessions in a second two of them draw the same bits
//! sooner or later, and would then write one row. So the ids of the present second are kept here.

use std::cell::RefCell;
use std::collections::BTreeSet;

use time::OffsetDateTime;

use crate::clock::Wall;
use crate::store::StoredId;

/// The ids that were given in one second.
#[derive(Default)]
pub(crate) struct RowIds(RefCell<Given>);

#[derive(Default)]
struct Given {
    second: u64,
    ids: BTreeSet<StoredId>,
}

impl RowIds {
    /// An id for a row that begins at `wall`. Draws until the bits are new.
    pub(crate) fn next(&self, wall: Wall, mut draw: impl FnMut() -> u64) -> StoredId {
        let mut given = self.0.borrow_mut();
        let second = wall.0 / 1000;
        if given.second != second {
            *given = Given { second, ids: BTreeSet::new() };
        }
        loop {
            let id = stored_id(wall, draw());
            if given.ids.insert(id.clone()) {
                return id;
            }
        }
    }
}

/// The stored id of a session that starts at `wall` (UTC) and drew `bits`: date, time, six hex digits (spec §1).
fn stored_id(wall: Wall, bits: u64) -> StoredId {
    let seconds = i64::try_from(wall.0 / 1000).unwrap_or(i64::MAX);
    // Out of range only beyond the year 9999.
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    StoredId::new(format!(
        "{:04}{:02}{:02}_{:02}{:02}{:02}_{:06x}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        bits & 0xff_ffff
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_documented_form() {
        assert_eq!(stored_id(Wall(1_767_225_600_123), 0xabc_def0_1234).as_str(), "20260101_000000_f01234");
    }

    /// The same bits make another id in another second, and none twice in one.
    #[test]
    fn no_id_is_given_twice() {
        let ids = RowIds::default();
        let mut bits = [7, 7, 0x100_0007, 8, 7].into_iter();
        let mut next = |at| ids.next(Wall(at), || bits.next().expect("no more are asked for"));
        let given = [1_767_225_600_000, 1_767_225_600_999, 1_767_225_601_000].map(|at| next(at).to_string());
        assert_eq!(given, ["20260101_000000_000007", "20260101_000000_000008", "20260101_000001_000007"]);
    }
}
