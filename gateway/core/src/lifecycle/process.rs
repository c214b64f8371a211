//! The gateway's own beginning and end.

use crate::group::group;

group! {
    /// The gateway's end: signals and running turns.
    Shutdown "shutdown" {
        /// What SIGTERM does to the live sessions.
        on_term: OnTerm {
            /// The same as SIGINT: every session is ended.
            EndsRows "ends_rows",
            /// The process exits before any row is ended (recordings).
            LeavesRows "leaves_rows",
        }
        /// What happens to running turns.
        turns: Turns {
            /// They are interrupted and waited for.
            Joined "joined",
            /// They are aborted; unsaved messages are lost.
            CutOff "cut_off",
        }
        /// What becomes of the sessions that have not ended when the time for the end is over.
        late: Late {
            /// Their messages are stored and their rows ended, once, whatever holds them.
            OneTry "one_try",
            /// Nothing: their rows stay open until the next start.
            Left "left",
            /// They are waited for, as if there were no limit.
            Awaited "awaited",
        }
    }
}

group! {
    /// The gateway's start: rows that an earlier process left open.
    Startup "startup" {
        /// What happens to rows that an earlier process left open.
        sweep: Sweep {
            /// Those of this gateway's clients are ended after a grace for the clients to resume.
            AfterGrace "after_grace",
            /// The same, but rows of other programs on this database, such as the command line, are ended too, also while
            /// these use them (hermes-agent#94895).
            EverySource "every_source",
            /// Nothing: they stay open (A3).
            None "none",
        }
        /// What happens to halves of rotations, rows that a compression has ended and that no row continues.
        halves: Halves {
            /// They are open again, for a resume or the sweep. Rows of other programs stay as they are: those may be in between.
            Repaired "repaired",
            /// Nothing: a conversation ends in a compression (B2).
            Left "left",
        }
        /// What becomes of the tool calls of a swept row that have no result.
        calls: Calls {
            /// They get one that says so, as at a resume.
            Closed "closed",
            /// The calls of the last message get one, also if they have one: a start that was cut off has given it to them.
            ClosedAgain "closed_again",
            /// Nothing, until the conversation is resumed.
            Left "left",
        }
    }
}

/// How the gateway is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as by Ctrl-C.
    Int,
    /// SIGTERM, as by a service manager.
    Term,
}

impl Signal {
    /// Its name, without `SIG`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "INT",
            Self::Term => "TERM",
        }
    }
}

/// What the gateway does on a signal before it exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSignal {
    /// Nothing: rows stay open.
    Exit,
    /// It ends the rows of live sessions; running turns are aborted.
    EndRows,
    /// It ends every live session: its turn is interrupted and waited for, then its row is ended.
    EndSessions,
}

impl Shutdown {
    /// Decides what is ended on a signal.
    pub fn on_signal(&self, signal: Signal) -> OnSignal {
        match (signal, self.on_term, self.turns) {
            (Signal::Term, OnTerm::LeavesRows, _) => OnSignal::Exit,
            (_, _, Turns::CutOff) => OnSignal::EndRows,
            (_, _, Turns::Joined) => OnSignal::EndSessions,
        }
    }

    /// What becomes of the sessions that have not ended in time.
    pub fn late(&self) -> Late {
        self.late
    }
}

impl Startup {
    /// What happens to rows that an earlier process left open.
    pub fn sweep(&self) -> Sweep {
        self.sweep
    }

    /// What happens to halves of rotations.
    pub fn halves(&self) -> Halves {
        self.halves
    }

    /// What becomes of the tool calls of a swept row that have no result.
    pub fn calls(&self) -> Calls {
        self.calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_end_rows_by_release() {
        let decided = |on_term, turns| {
            [Signal::Int, Signal::Term].map(|by| Shutdown { on_term, turns, ..Shutdown::default() }.on_signal(by))
        };
        assert_eq!(decided(OnTerm::EndsRows, Turns::Joined), [OnSignal::EndSessions; 2]);
        assert_eq!(decided(OnTerm::EndsRows, Turns::CutOff), [OnSignal::EndRows; 2]);
        assert_eq!(decided(OnTerm::LeavesRows, Turns::Joined), [OnSignal::EndSessions, OnSignal::Exit]);
        assert_eq!(decided(OnTerm::LeavesRows, Turns::CutOff), [OnSignal::EndRows, OnSignal::Exit]);
    }

    #[test]
    fn rows_left_open_are_swept_by_release() {
        assert_eq!(Startup::default().sweep(), Sweep::AfterGrace);
        for sweep in [Sweep::EverySource, Sweep::None] {
            assert_eq!(Startup { sweep, ..Startup::default() }.sweep(), sweep);
        }
    }

    #[test]
    fn halves_and_calls_are_treated_by_release() {
        let decided = |startup: &Startup| (startup.halves(), startup.calls());
        assert_eq!(decided(&Startup::default()), (Halves::Repaired, Calls::Closed));
        let other = Startup { halves: Halves::Left, calls: Calls::ClosedAgain, ..Startup::default() };
        assert_eq!(decided(&other), (Halves::Left, Calls::ClosedAgain));
    }
}
