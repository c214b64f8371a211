//! Marks: states and events that some run of a campaign must reach. A campaign that misses a mark no longer tests what
//! it claims to test.

use gateway_core::behavior::Behavior;
use gateway_core::spawn::TaskRole;

use super::state::Life;
use super::{Client, Edge, Phase, Row, Timers, Waiting};
use crate::task::Role;

/// A state or event that some run of a campaign must reach.
pub struct Mark {
    /// As tables and JSON print it, in snake case.
    pub name: &'static str,
    /// What happens at the mark, in one sentence without a full stop.
    pub about: &'static str,
    pub(super) reached: fn(&Milestone<'_>) -> bool,
}

/// A field of the behaviour and one of its alternatives, by their names.
pub type Alternative = (&'static str, &'static str);

/// The marks that a gateway with certain alternatives cannot reach, as it has no such state or event.
const WITHOUT: &[(&[Alternative], &[&str])] = &[
    (
        &[
            ("rotation.procedure", "steps_and_write"),
            ("rotation.procedure", "steps"),
            ("rotation.procedure", "steps_unchecked"),
        ],
        &["client_drops_in_a_rotation", "rotates_while_detached", "rotates"],
    ),
    (
        &[
            ("grace.expiry", "rearm_for_ever"),
            ("grace.expiry", "rearm_beside"),
            ("grace.expiry", "one_shot"),
            ("grace.expiry", "kill"),
        ],
        &["silent_turn_is_stopped"],
    ),
    (&[("resume.order", "reopen_then_register")], &["reopens", "reopening_loses_its_client"]),
    (&[("claim.busy", "reject")], &["prompt_waits", "waiting_prompt_begins", "waits_without_a_client"]),
    (&[("idle.cap", "none")], &["cap_ends"]),
    (&[("idle.reaper", "none")], &["idle_reaper_ends"]),
    (&[("close.on_disconnect", "ignored")], &["closed_with_its_client"]),
];

impl Mark {
    /// The alternative in force that keeps a gateway from the mark. `None`: the gateway can reach it.
    pub fn excluded_by(&self, behavior: &Behavior) -> Option<Alternative> {
        let fields = behavior.fields();
        let is_in_force =
            |(field, value): &&Alternative| fields.iter().any(|known| known.name == *field && known.value == *value);
        let mut without = WITHOUT.iter().filter(|(_, marks)| marks.contains(&self.name));
        without.find_map(|(alternatives, _)| alternatives.iter().find(is_in_force).copied())
    }
}

/// An event of a run that may reach a mark.
pub enum Milestone<'a> {
    /// A session changed its state.
    Edge(&'a Edge),
    /// The process was killed.
    Killed {
        /// The number of live sessions that were not idle.
        working: usize,
    },
    /// The process exited after a signal.
    Ended,
    /// The process exited after a signal, before its sessions had ended.
    CutShort,
    /// A process started on the rows of an earlier one.
    Restarted,
    /// A step of the script was carried out.
    CarriedOut {
        /// The step's word in scenario files.
        word: &'static str,
    },
    /// A choice other than the ready order did not take the first alternative: a latency, a window or a fault.
    Chosen {
        /// The site of the choice, for example `store.fault`.
        site: &'a str,
        /// The label of the alternative that was taken.
        label: &'a str,
    },
}

macro_rules! edge {
    ($name:literal, $about:literal, |$from:ident, $by:ident, $to:ident| $reached:expr) => {
        Mark {
            name: $name,
            about: $about,
            reached: |milestone| match milestone {
                Milestone::Edge(Edge { from: Some($from), by, to: $to }) => {
                    let $by = *by;
                    $reached
                }
                _ => false,
            },
        }
    };
}

macro_rules! chosen {
    ($name:literal, $about:literal, |$site:ident, $label:ident| $reached:expr) => {
        Mark {
            name: $name,
            about: $about,
            reached: |milestone| match milestone {
                Milestone::Chosen { site: $site, label: $label } => $reached,
                _ => false,
            },
        }
    };
}

macro_rules! carried_out {
    ($name:literal, $about:literal, $word:literal) => {
        Mark {
            name: $name,
            about: $about,
            reached: |milestone| matches!(milestone, Milestone::CarriedOut { word: $word }),
        }
    };
}

/// The site at which a fault of a store call is chosen.
const FAULT: &str = "store.fault";

/// Every mark, in the order in which tables print them.
pub const MARKS: &[Mark] = &[
    edge!("client_drops_idle", "a client disconnects from an idle session", |from, _by, to| {
        loses_client(from, to) && from.phase == Phase::Idle
    }),
    edge!("client_drops_in_a_turn", "a client disconnects while a turn runs", |from, _by, to| {
        loses_client(from, to) && from.phase == Phase::Working
    }),
    edge!("client_drops_in_a_build", "a client disconnects while its prompt waits for the agent", |from, _by, to| {
        loses_client(from, to) && from.phase == Phase::Building
    }),
    edge!("client_drops_with_a_question", "a client disconnects while a question is open", |from, _by, to| {
        loses_client(from, to) && from.phase == Phase::Asking
    }),
    edge!("client_drops_in_a_rotation", "a client disconnects while a rotation is being stored", |from, _by, to| {
        loses_client(from, to) && from.phase == Phase::Rotating
    }),
    edge!("grace_spares_a_turn", "the grace expires while a turn runs, and begins again", |from, by, to| {
        by == Role::Gateway(TaskRole::Grace)
            && from.phase != Phase::Idle
            && to.timers == Timers::Armed
            && to.stage == Life::Open
    }),
    edge!("grace_reaps", "the grace expires, and the session is ended", |from, by, to| {
        by == Role::Gateway(TaskRole::Grace) && from.stage == Life::Open && to.stage == Life::Closing
    }),
    edge!("return_stops_the_grace", "a client reattaches during the grace", |from, _by, to| {
        from.client == Client::Detached && from.timers == Timers::Armed && to.client == Client::Attached
    }),
    edge!("return_in_a_turn", "a client reattaches to a turn that ran on while detached", |from, _by, to| {
        from.client == Client::Detached && to.client == Client::Attached && from.phase == Phase::Working
    }),
    edge!("rotates_while_detached", "a detached session rotates to another row", |from, _by, to| {
        to.phase == Phase::Rotating && from.phase != Phase::Rotating && to.client == Client::Detached
    }),
    edge!("closed_in_a_turn", "a session is closed while a turn runs", |from, by, to| {
        is_of_request(by) && from.stage == Life::Open && to.stage == Life::Closing && from.phase != Phase::Idle
    }),
    edge!("closed_at_rest", "an idle session is closed", |from, by, to| {
        is_of_request(by) && from.stage == Life::Open && to.stage == Life::Closing && from.phase == Phase::Idle
    }),
    edge!("drops_while_closing", "a client disconnects while its session is being ended", |from, _by, to| {
        from.client == Client::Attached && to.client == Client::Detached && to.stage == Life::Closing
    }),
    edge!("closed_with_its_client", "a session is ended because its connection ended", |from, by, to| {
        by == Role::Gateway(TaskRole::Disconnect) && from.stage == Life::Open && to.stage == Life::Closing
    }),
    edge!("idle_reaper_ends", "the idle reaper ends a session", |from, by, to| {
        matches!(by, Role::Gateway(TaskRole::Idle) | Role::Script)
            && from.stage == Life::Open
            && to.stage == Life::Closing
    }),
    edge!("cap_ends", "a session is ended because the cap is exceeded", |from, by, to| {
        by == Role::Gateway(TaskRole::Cap) && from.stage == Life::Open && to.stage == Life::Closing
    }),
    edge!("interrupted", "a turn is interrupted", |from, _by, to| {
        from.phase != Phase::Stopping && to.phase == Phase::Stopping && to.stage == Life::Open
    }),
    edge!("silent_turn_is_stopped", "the grace expires, and an unresponsive turn is interrupted", |from, by, to| {
        by == Role::Gateway(TaskRole::Grace) && from.phase != Phase::Stopping && to.phase == Phase::Stopping
    }),
    edge!("prompt_waits", "a prompt is queued behind a running turn", |from, _by, to| {
        from.waiting == Waiting::None && to.waiting == Waiting::One
    }),
    edge!("waiting_prompt_begins", "a queued prompt starts", |from, _by, to| {
        from.waiting != Waiting::None && to.waiting < from.waiting && to.phase != Phase::Idle && to.is_live()
    }),
    edge!("waits_without_a_client", "a prompt is queued in a detached session", |from, _by, to| {
        to.waiting != Waiting::None && to.client == Client::Detached && from.client == Client::Attached
    }),
    edge!("asks", "a turn asks its user a question", |from, _by, to| from.phase != Phase::Asking
        && to.phase == Phase::Asking),
    edge!("answered_by_nobody", "a question times out", |from, by, to| {
        by == Role::Gateway(TaskRole::Turn) && from.phase == Phase::Asking && to.phase == Phase::Working
    }),
    edge!("answered", "a user answers a question", |from, by, to| {
        by == Role::Gateway(TaskRole::Reader) && from.phase == Phase::Asking && to.phase == Phase::Working
    }),
    edge!("rotates", "a session rotates to another row", |from, _by, to| {
        from.phase == Phase::Rotating && to.phase != Phase::Rotating
    }),
    edge!("reopens", "an ended row is reopened by a resume", |from, _by, to| {
        from.stage == Life::Opening && to.stage == Life::Open && to.row == Row::Open
    }),
    edge!("reopening_loses_its_client", "a client disconnects while its session is resumed", |from, _by, to| {
        from.stage == Life::Opening && from.client == Client::Attached && to.client == Client::Detached
    }),
    edge!("deleted_while_live", "the row of a live session is deleted", |from, _by, to| {
        from.row != Row::Absent && to.row == Row::Absent
    }),
    Mark {
        name: "killed_in_a_turn",
        about: "the process is killed while a turn runs",
        reached: |milestone| matches!(milestone, Milestone::Killed { working } if *working > 0),
    },
    Mark {
        name: "ends_with_a_signal",
        about: "the process exits after a signal",
        reached: |milestone| matches!(milestone, Milestone::Ended),
    },
    Mark {
        name: "cut_short",
        about: "the time for the end after a signal is over before the sessions have ended",
        reached: |milestone| matches!(milestone, Milestone::CutShort),
    },
    Mark {
        name: "restarted",
        about: "a process starts on the rows of an earlier one",
        reached: |milestone| matches!(milestone, Milestone::Restarted),
    },
    carried_out!("client_vanishes", "a client vanishes without closing its connection", "vanish"),
    carried_out!("line_is_cut", "the network between a client and the gateway is cut", "cut"),
    carried_out!("line_is_slow", "the frames of one connection take longer than those of others", "lag"),
    carried_out!("client_stops_reading", "a client stops reading for a while", "stall"),
    carried_out!("asks_again", "a client repeats a request that had no answer", "resend"),
    carried_out!("machine_sleeps", "the machine is suspended", "machine.suspend"),
    carried_out!("wall_clock_jumps", "the wall clock is set", "machine.set_clock"),
    chosen!("slow_network", "a frame is delayed", |site, _label| site.starts_with("net.")),
    chosen!("slow_commit", "a commit or its answer is delayed", |site, _label| {
        matches!(*site, "store.before_commit" | "store.after_commit")
    }),
    chosen!("store_is_busy", "another process holds the database", |site, label| *site == FAULT && *label == "busy"),
    chosen!("store_fails", "a call of the store fails", |site, label| *site == FAULT && *label == "error"),
    chosen!("store_loses_an_answer", "a write is committed, and its answer is lost", |site, label| {
        *site == FAULT && *label == "lost"
    }),
];

/// Whether a task executes a client's request.
fn is_of_request(by: Role) -> bool {
    matches!(by, Role::Gateway(TaskRole::Reader | TaskRole::Request))
}

/// Whether a live session has lost its client.
fn loses_client(from: &super::State, to: &super::State) -> bool {
    from.client == Client::Attached && to.client == Client::Detached && to.is_live()
}

#[cfg(test)]
mod tests {
    use gateway_core::release::Release;

    use super::*;

    /// Each exception names a mark and an alternative that exist; `current` can reach every mark.
    #[test]
    fn exceptions_exist() {
        for (alternatives, marks) in WITHOUT {
            for (field, value) in *alternatives {
                let mut behavior = Behavior::default();
                assert!(behavior.set(field, value).is_ok(), "{field} = {value}");
            }
            for name in *marks {
                assert!(MARKS.iter().any(|mark| mark.name == *name), "{name}");
            }
        }
        let current = Release::Current.behavior();
        assert!(MARKS.iter().all(|mark| mark.excluded_by(&current).is_none()));
    }

    /// 0.16.0 rotates step by step: it has no state in which a rotation is being stored.
    #[test]
    fn old_releases_have_no_such_state() {
        let rotates = MARKS.iter().find(|mark| mark.name == "rotates").expect("a mark");
        let excluded = rotates.excluded_by(&Release::V0_16_0.behavior());
        assert_eq!(excluded, Some(("rotation.procedure", "steps_unchecked")));
    }
}
