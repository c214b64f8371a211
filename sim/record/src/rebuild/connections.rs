//! Beginnings and ends of connections, and of the gateway's process.

use std::collections::BTreeMap;

use gateway_core::clock::Millis;
use gateway_core::lifecycle::process::Signal;
use sim_scenario::{ConnectionStep, Memory, PROCESS, ProcessStep, SettingChanges};

use super::notes::Notes;
use super::script::Script;
use crate::journal::{How, Side};

/// The connections that are open, and the ends that the gateway made.
#[derive(Default)]
pub(super) struct Connections {
    open: BTreeMap<u64, String>,
    process: Process,
    /// The connections that the gateway ended within a moment of each other.
    ends: Vec<End>,
}

/// An end of a connection, made by the gateway.
struct End {
    at: u64,
    client: String,
    how: How,
    /// The number of steps that precede it.
    place: usize,
}

/// Whether the gateway's process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Process {
    #[default]
    Up,
    Down,
}

/// Ends that are this near to each other have one cause.
const MOMENT: u64 = 1000;

/// The codes with which gateways leave: going away, service restart, and none.
const LEAVES: [Option<u16>; 4] = [Some(1001), Some(1012), Some(1005), None];

impl Connections {
    /// A client has connected.
    pub(super) fn connected(&mut self, at: u64, connection: u64, client: &str, script: &mut Script, notes: &mut Notes) {
        self.settle(script, notes);
        if std::mem::take(&mut self.process) == Process::Down {
            let changes = SettingChanges::default();
            script.push(at, PROCESS, ProcessStep::Restart { changes });
        }
        self.open.insert(connection, client.to_owned());
        script.push(at, client, ConnectionStep::Connect { memory: Memory::Kept });
    }

    /// A connection has ended.
    pub(super) fn ended(&mut self, at: u64, connection: u64, by: Side, how: How, script: &mut Script) {
        let Some(client) = self.open.remove(&connection) else { return };
        let step = match (by, how) {
            (Side::Client, How::Closed { .. }) => ConnectionStep::Close,
            (Side::Client, How::Died) => ConnectionStep::Drop,
            (Side::Gateway, how) => return self.ends.push(End { at, client, how, place: script.len() }),
        };
        script.push(at, &client, step);
    }

    /// Finds the cause of the ends that the gateway made: if none of its connections is left, its process has ended.
    pub(super) fn settle(&mut self, script: &mut Script, notes: &mut Notes) {
        let ends = std::mem::take(&mut self.ends);
        let Some(last) = ends.last().map(|end| end.at) else { return };
        let leaves = |end: &End| match end.how {
            How::Died => true,
            How::Closed { code } => LEAVES.contains(&code),
        };
        let (together, apart): (Vec<End>, Vec<End>) =
            ends.into_iter().partition(|end| end.at + MOMENT >= last && leaves(end));
        let is_over = self.open.is_empty() && !together.is_empty();
        if is_over {
            let first = &together[0];
            let action = match first.how {
                How::Died => ProcessStep::Kill,
                How::Closed { .. } => ProcessStep::Signal { signal: Signal::Term, stop_timeout: None },
            };
            script.insert(first.place, first.at, PROCESS, action);
            self.process = Process::Down;
            // What a client still sent to the dead process was carried out by nothing.
            together.iter().for_each(|end| script.may_skip(first.place, &end.client));
        }
        for end in apart.iter().chain(together.iter().filter(|_| !is_over)) {
            let how = match end.how {
                How::Died => "was lost".to_owned(),
                How::Closed { code: Some(code) } => format!("was closed by the gateway with code {code}"),
                How::Closed { code: None } => "was closed by the gateway".to_owned(),
            };
            notes.say(format!("The connection of {} {how} at {}; no step does that.", end.client, Millis(end.at)));
        }
    }
}
