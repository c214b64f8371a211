//! Clients that do not take their frames.

use crate::group::group;

group! {
    /// Clients that do not take their frames.
    Writing "writing" {
        /// What happens to a client that reads nothing for the write timeout.
        timeout: Timeout {
            /// It is disconnected, and its sessions get their grace. It is also disconnected when its backlog is full.
            Dropped "dropped",
            /// Nothing: its frames are kept in memory without a limit (spec §3).
            InFlight "in_flight",
            /// Its connection is marked as closed although it is open: its sessions are not detached, and it receives
            /// no more events (spec §3).
            Silenced "silenced",
        }
    }
}

/// What happens when a client has taken nothing for the write timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stalled {
    /// Disconnect the client; its sessions get their grace.
    Drop,
    /// It is sent nothing more.
    Silence,
}

/// How much may wait for a client that does not take its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The most frames that may wait.
    pub frames: usize,
    /// How many bytes, all in all. One frame may wait whatever its size.
    pub bytes: usize,
}

impl Room {
    /// Whether a frame of `length` bytes may wait behind `frames` others of `bytes` bytes.
    pub fn is_for(&self, length: usize, frames: usize, bytes: usize) -> bool {
        frames < self.frames && (frames == 0 || bytes.saturating_add(length) <= self.bytes)
    }
}

impl Writing {
    /// The write timeout is over; `None` where there is none.
    pub fn on_timeout(&self) -> Option<Stalled> {
        match self.timeout {
            Timeout::Dropped => Some(Stalled::Drop),
            Timeout::InFlight => None,
            Timeout::Silenced => Some(Stalled::Silence),
        }
    }

    /// How much may wait for a client; the next frame ends its connection.
    pub fn room(&self) -> Room {
        match self.timeout {
            Timeout::Dropped => Room { frames: 1024, bytes: 16 * 1024 * 1024 },
            Timeout::InFlight | Timeout::Silenced => Room { frames: usize::MAX, bytes: usize::MAX },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stalled_clients_are_treated_by_release() {
        let decided = |timeout| Writing { timeout }.on_timeout();
        assert_eq!(decided(Timeout::Dropped), Some(Stalled::Drop));
        assert_eq!(decided(Timeout::InFlight), None);
        assert_eq!(decided(Timeout::Silenced), Some(Stalled::Silence));
    }

    /// The bound is on frames and on bytes, but one frame may wait whatever its size.
    #[test]
    fn room_is_bounded() {
        let room = Room { frames: 2, bytes: 10 };
        assert!(room.is_for(99, 0, 0) && room.is_for(5, 1, 5));
        assert!(!room.is_for(6, 1, 5) && !room.is_for(1, 2, 2));
        assert!(Writing { timeout: Timeout::InFlight }.room().is_for(usize::MAX, 9_999, usize::MAX));
    }
}
