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
    }
}

group! {
    /// The gateway's start: rows that an earlier process left open.
    Startup "startup" {
        /// What happens to rows that an earlier process left open.
        sweep: Sweep {
            /// They are ended after a grace for their clients to resume.
            AfterGrace "after_grace",
            /// Nothing: they stay open (A3).
            None "none",
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

impl Shutdown {
    /// Whether a signal ends the rows of live sessions.
    pub fn ends_rows(&self, signal: Signal) -> bool {
        match (signal, self.on_term) {
            (Signal::Int, _) | (Signal::Term, OnTerm::EndsRows) => true,
            (Signal::Term, OnTerm::LeavesRows) => false,
        }
    }

    /// Whether turns are interrupted and waited for.
    pub fn joins_turns(&self) -> bool {
        match self.turns {
            Turns::Joined => true,
            Turns::CutOff => false,
        }
    }
}

impl Startup {
    /// Whether rows left open are swept.
    pub fn sweeps(&self) -> bool {
        match self.sweep {
            Sweep::AfterGrace => true,
            Sweep::None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_end_rows_by_release() {
        let ends =
            |on_term| [Signal::Int, Signal::Term].map(|by| Shutdown { on_term, ..Shutdown::default() }.ends_rows(by));
        assert_eq!(ends(OnTerm::EndsRows), [true, true]);
        assert_eq!(ends(OnTerm::LeavesRows), [true, false]);
        assert!(Startup::default().sweeps() && !Startup { sweep: Sweep::None }.sweeps());
    }
}
