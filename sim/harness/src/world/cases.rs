//! The reasons for which a claim does not judge a case that it concerns, and how often each was used.

use serde::Serialize;

/// Why a case is not judged. Each is a fact that the simulator knows, not one that the gateway reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Excuse {
    /// The last write of these messages was refused by the store, so the gateway knows that they are not stored.
    WriteRefused,
    /// A row of the conversation was deleted, and its messages with it.
    RowDeleted,
    /// A kill or a crash of the process came before the promise was due.
    Killed,
    /// The process received a signal and was on its way out.
    Exiting,
    /// A client asked to stop the turn, or to close the session, when the input may have been waiting.
    MayBeCancelled,
    /// The session ended while a turn ran, with the connection, the process or a reaper.
    EndedInTurn,
    /// The connection of the client was cut, lagged or was not read.
    LineInDoubt,
    /// Another client may have had the session, or its events, at the same time.
    MayBeShared,
    /// Another row had the title when it was to be stored.
    TitleTaken,
    /// The rows or the session changed between the request and its answer.
    ChangedMeanwhile,
    /// The settings let a turn that hangs run for ever.
    Endless,
    /// The wall clock was set back, and times in the rows do not tell which row came first.
    ClockSetBack,
}

/// How often a claim was judged, and how often it was excused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The number of cases that were judged.
    pub judged: u64,
    /// The numbers of excused cases, in the order of [`Excuse::ALL`].
    excused: [u64; Excuse::ALL.len()],
}

impl Excuse {
    /// Every reason, in the order in which tables print them.
    pub const ALL: [Self; 12] = [
        Self::WriteRefused,
        Self::RowDeleted,
        Self::Killed,
        Self::Exiting,
        Self::MayBeCancelled,
        Self::EndedInTurn,
        Self::LineInDoubt,
        Self::MayBeShared,
        Self::TitleTaken,
        Self::ChangedMeanwhile,
        Self::Endless,
        Self::ClockSetBack,
    ];

    /// The word in tables and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::WriteRefused => "write_refused",
            Self::RowDeleted => "row_deleted",
            Self::Killed => "killed",
            Self::Exiting => "exiting",
            Self::MayBeCancelled => "may_be_cancelled",
            Self::EndedInTurn => "ended_in_turn",
            Self::LineInDoubt => "line_in_doubt",
            Self::MayBeShared => "may_be_shared",
            Self::TitleTaken => "title_taken",
            Self::ChangedMeanwhile => "changed_meanwhile",
            Self::Endless => "endless",
            Self::ClockSetBack => "clock_set_back",
        }
    }

    /// The reason in one sentence without a full stop.
    pub const fn about(self) -> &'static str {
        match self {
            Self::WriteRefused => "the store refused the last write of these messages and said so",
            Self::RowDeleted => "a row of the conversation was deleted, and its messages with it",
            Self::Killed => "a kill or a crash of the process came before the promise was due",
            Self::Exiting => "the process had received a signal and was about to exit",
            Self::MayBeCancelled => "a client's request to stop or to close may have cancelled the input",
            Self::EndedInTurn => "the session ended while a turn ran there",
            Self::LineInDoubt => "the client's connection was cut, lagged or was not read",
            Self::MayBeShared => "another client may have had the session at that time",
            Self::TitleTaken => "another row had the title when it was to be stored",
            Self::ChangedMeanwhile => "the state changed between the request and its answer",
            Self::Endless => "the settings let a turn that hangs run for ever",
            Self::ClockSetBack => "the wall clock was set back, and another program's row seems later than it is",
        }
    }
}

impl Count {
    /// The number of excused cases.
    pub fn excused(&self) -> u64 {
        self.excused.iter().sum()
    }

    /// The number of excused cases by reason, without reasons that were not used.
    pub fn reasons(&self) -> impl Iterator<Item = (Excuse, u64)> {
        Excuse::ALL.into_iter().zip(self.excused).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn judge(&mut self) {
        self.judged += 1;
    }

    pub(crate) fn excuse(&mut self, excuse: Excuse) {
        self.excused[excuse as usize] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.judged += other.judged;
        self.excused.iter_mut().zip(other.excused).for_each(|(sum, more)| *sum += more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each reason stands in the list at its own place, which counts rely on.
    #[test]
    fn every_reason_has_its_place() {
        for (place, excuse) in Excuse::ALL.into_iter().enumerate() {
            assert_eq!(excuse as usize, place);
            assert_eq!(serde_json::to_value(excuse).expect("plain data"), excuse.word());
        }
    }
}
