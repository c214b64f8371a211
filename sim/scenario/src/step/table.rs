//! The table of steps: one entry for each word of `do`.
//!
//! The reference of the scenario language and the checks of keys are generated from it. An entry holds the properties that
//! are the same for every step with the word; properties that depend on the values of keys are methods of [`Action`].

pub use super::entry::{
    ClientLane, ConnectionEvent, Entry, Fault, FaultClass, Key, Need, OverSockets, Presence, SocketStep, Value,
};

use super::entry::SESSION;
use crate::step::{Action, ConnectionStep, ProcessStep, RequestStep};

/// Declares [`Word`] from the table: the group and the variant of each word, and its entry.
macro_rules! table {
    ($($group:ident($step:ident) { $($variant:ident: $entry:expr,)* })*) => {
        /// A word of `do`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each variant is described by its entry")]
        pub enum Word {
            $($($variant,)*)*
        }

        impl Word {
            /// Every word, in the order of the table.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// The word of a step.
            pub const fn of(action: &Action) -> Self {
                match action {
                    $($(Action::$group($step::$variant { .. }) => Self::$variant,)*)*
                }
            }

            /// The word's entry in the table.
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $($(Self::$variant => const { &$entry },)*)*
                }
            }
        }
    };
}

table! {
    Connection(ConnectionStep) {
        Connect: Entry {
            presence: Presence::Connects,
            takes: Some("`client`, and may take `forgets`"),
            keys: const { &[Key::optional("forgets", Value::Flag, "whether it is a new window, which knows no event and no question")] },
            ..Entry::on_socket("connect", "opens a connection", SocketStep::Connect, "connects")
        }.drawn(ClientLane::Begins),
        Close: Entry {
            presence: Presence::Disconnects,
            ..Entry::on_socket("close", "ends the connection with a close frame", SocketStep::Close, "closes")
        },
        Drop: Entry {
            presence: Presence::Disconnects,
            ..Entry::on_socket("drop", "ends the connection without a close frame", SocketStep::Drop, "dies")
        }.injects(
            FaultClass::Connection,
            "frames that have arrived count; sessions are kept for a grace, and turns continue",
            &["turns_outlive_their_clients", "detached_rows_end"],
        ),
        Stall: Entry::of_network("stall", "the client stops reading", READS_ON, "stops reading")
            .drawn(ClientLane::Continues)
            .withholding_frames()
            .injects(
                FaultClass::Connection,
                "no other client waits for the slow one; its buffer is bounded; after the write timeout it loses its connection, \
                 and no session",
                &["connected_sessions_are_not_evicted", "missed_events_are_replayed"],
            ),
        Unstall: Entry::of_network(
            "unstall",
            "the client reads again, beginning with the frames that were buffered meanwhile",
            READS_ON,
            "reads again",
        )
        .drawn(ClientLane::Continues),
        Lag: Entry {
            takes: Some("`client` and `takes`, how long each frame is on its way"),
            keys: const { &[Key::required("takes", Value::Duration, "the latency of each frame, in either direction")] },
            ..Entry::of_network("lag", "gives each later frame of this connection a latency", LOSES_NOTHING, "gets a slow line")
        }.injects(
            FaultClass::Connection,
            "frames of one connection keep their order; requests of several connections are carried out as they arrive",
            &["grace_is_not_cut_short", "missed_events_are_replayed", "connected_sessions_are_not_evicted"],
        ),
        Cut: Entry::of_network(
            "cut",
            "the connection carries nothing in either direction, and neither end is notified",
            LOSES_NOTHING,
            "is cut off",
        )
        .withholding_frames()
        .injects(
            FaultClass::Connection,
            "no frame is lost, repeated or reordered",
            &["missed_events_are_replayed", "acknowledged_messages_are_stored"],
        ),
        Mend: Entry::of_network(
            "mend",
            "the connection carries frames again, beginning with those that were held back",
            LOSES_NOTHING,
            "is reached again",
        ),
        Vanish: Entry {
            presence: Presence::Disconnects,
            takes: Some("`client`, and may take `takes`, how long until the gateway finds out"),
            keys: const { &[Key::optional(
                "takes",
                Value::Duration,
                "the time until the gateway's machine notices; left out: until the heal phase",
            )] },
            ..Entry::of_network("vanish", "the client is gone without a frame", LOSES_NOTHING, "vanishes")
        }
        .withholding_frames()
        .injects(
            FaultClass::Connection,
            "until the gateway is notified, or has had no room for a frame for the write timeout, the client counts as connected; \
             then a whole grace begins",
            &["detached_rows_end", "grace_is_not_cut_short", "connected_sessions_are_not_evicted"],
        ),
        Resend: Entry {
            event: None,
            ..Entry::of_network(
                "resend",
                "repeats the requests that were unanswered when the previous connection ended",
                "nothing is left without an answer here",
                "",
            )
        }.injects(
            FaultClass::Connection,
            "a request is carried out as often as it arrives",
            &["prompts_end_once", "one_turn_per_record", "one_record_per_row", "detached_rows_end"],
        ),
    }
    Request(RequestStep) {
        Create: Entry {
            takes: Some(
                "`as`, the name of the session in this file, and may take `title`, `model`, `source`, `parent`, `seed` and \
                 `close_on_disconnect`",
            ),
            keys: &[
                Key::required("as", Value::NewSession, "the session's name in this file"),
                Key::optional("title", Value::Text, "the requested title"),
                Key::optional("model", Value::Text, "the session's model; left out: the gateway's setting"),
                Key::optional("source", Value::Text, "the kind of client in the row; left out: the gateway's setting"),
                Key::optional("parent", Value::Session, "the session that the new one is a branch of"),
                Key::optional("seed", Value::Texts, "earlier messages, of the user and of the assistant in turn"),
                Key::optional("close_on_disconnect", Value::Flag, "whether the session is closed when its connection ends"),
            ],
            ..Entry::request("session.create", "creates a session")
        },
        Prompt: Entry {
            takes: Some("`session`, exactly one of `turn`, `text` and `continue`, and may take `truncate` and `key`"),
            keys: &[
                SESSION,
                Key::one_of("turn", Value::Turn, "the turn that the prompt starts"),
                Key::one_of("text", Value::Text, "the text of the prompt; the agent replies with the same text"),
                Key::one_of(
                    "continue",
                    Value::Flag,
                    "whether the prompt is `continue`, with which the agent goes on after the last call of the last turn \
                     that has a result",
                ),
                Key::optional(
                    "truncate",
                    Value::Integer,
                    "the ordinal of the user message that the prompt replaces, with all messages after it",
                ),
                Key::optional("key", Value::Text, "the idempotency key: two prompts with one key run once"),
            ],
            ..Entry::request("prompt.submit", "submits a prompt")
        },
        Resume: Entry {
            takes: Some("`session` and may take `id`, `as`, `model`, `last_seen`, and `lazy` or `eager_build`"),
            keys: &[
                SESSION,
                Key::optional(
                    "id",
                    Value::OneOf(&["stored", "tip", "title"]),
                    "the id to resume by: the one that the client knows (the default), the tip of its lineage, or the title",
                ),
                Key::optional("as", Value::NewSession, "another name for the session that is returned"),
                Key::optional("model", Value::Text, "the model that the session has from here on; left out: the one it has"),
                Key::optional(
                    "last_seen",
                    Value::Integer,
                    "the number of the last event that the client has seen; the answer has those after it",
                ),
                Key::optional("lazy", Value::Flag, "whether the client only reads the session, without an agent"),
                Key::optional("eager_build", Value::Flag, "whether the agent is built before the answer"),
            ],
            ..Entry::request("session.resume", "resumes a session")
        },
        Activate: Entry::of_session("session.activate", "attaches the client to a live session"),
        CloseSession: Entry::of_session("session.close", "closes a session"),
        Interrupt: Entry::of_session("session.interrupt", "interrupts the running turn of a session"),
        Title: Entry {
            takes: Some("`session` and may take `title`, which it gives"),
            keys: &[SESSION, Key::optional("title", Value::Text, "the title to set; left out: the title is read")],
            ..Entry::request("session.title", "reads or sets the title of a session")
        },
        History: Entry::of_session("session.history", "reads the messages of a session"),
        Status: Entry::of_session("session.status", "reads the state of a live session"),
        Usage: Entry::of_session("session.usage", "reads how many messages and tool calls a session has"),
        Undo: Entry::of_session("session.undo", "removes the last exchange of a session"),
        Steer: Entry {
            keys: &[SESSION, Key::required("text", Value::Text, "the message for the running turn")],
            ..Entry::request("session.steer", "adds a message to the running turn of a session")
        },
        Compress: Entry::of_session("session.compress", "replaces the messages of a session by a summary"),
        Branch: Entry {
            keys: &[SESSION, Key::required("as", Value::NewSession, "the branch's name in this file")],
            ..Entry::request("session.branch", "creates a session with the messages of another one")
        },
        Delete: Entry {
            takes: Some("`session` and may take `id`"),
            keys: &[
                SESSION,
                Key::optional(
                    "id",
                    Value::OneOf(&["stored", "tip"]),
                    "the id to delete by: the one that the client knows (the default), or the tip of its lineage",
                ),
            ],
            ..Entry::request("session.delete", "deletes the row of a session")
        },
        Answer: Entry {
            takes: Some("`session` and `text`, and may take `question` or `again`, and `id`; with `again`, `text` may be left out"),
            keys: const { &[
                SESSION,
                Key::optional("text", Value::Text, "the answer; left out with `again`: that of the answer before"),
                Key::optional(
                    "question",
                    Value::Integer,
                    "which question of the session, counted from 1 in the order of receipt; left out: the last, unless it is answered",
                ),
                Key::optional("again", Value::Flag, "whether the client sends its last answer in the session once more"),
                Key::optional(
                    "id",
                    Value::Text,
                    "the id by which the answer names the question, or `none`, as clients of old releases answer; left out: the question's own",
                ),
            ] },
            ..Entry::request("answer", "answers a question that the client received from a session")
        },
        EventsSince: Entry {
            takes: Some("`session` and may take `last_seen`"),
            keys: &[
                SESSION,
                Key::optional(
                    "last_seen",
                    Value::Integer,
                    "the number of the last event that the client has seen; left out: of the last it received",
                ),
            ],
            ..Entry::request(
                "session.events.since",
                "requests the events of a session after the last one that the client has seen",
            )
        },
        MostRecent: Entry::request("session.most_recent", "requests the session that was active last"),
        ActiveList: Entry::request("session.active_list", "lists the live sessions"),
        List: Entry::request("session.list", "lists the stored sessions"),
    }
    Process(ProcessStep) {
        Kill: Entry {
            presence: Presence::DisconnectsAll,
            ..Entry::controlled("gateway.kill", "ends the process at once; memory, timers and uncommitted writes are lost")
        }.injects(
            FaultClass::Process,
            "what was acknowledged is in the rows; no rotation is half done; rows left open are ended a grace after the next start",
            &["acknowledged_messages_are_stored", "rotations_are_atomic", "detached_rows_end"],
        ),
        Signal: Entry {
            presence: Presence::DisconnectsAll,
            takes: Some("`signal`, which is `INT` or `TERM`, may take `stop_timeout`, and no `client`"),
            keys: const { &[
                Key::required("signal", Value::OneOf(&["INT", "TERM"]), "the signal"),
                Key::optional(
                    "stop_timeout",
                    Value::Duration,
                    "how long the end may take, before the rows that are left have one last try; left out or `0s`: as long as it takes",
                ),
            ] },
            ..Entry::controlled("gateway.signal", "sends a signal to the process, which shuts down")
        }.injects(
            FaultClass::Process,
            "turns are interrupted and stored, and rows are ended, before the process ends",
            &["signals_end_rows", "signals_end_in_time", "acknowledged_messages_are_stored"],
        ),
        Restart: Entry {
            takes: Some("no `client`, and may take `gateway` or `model`"),
            keys: const { &[
                Key::optional(
                    "gateway",
                    Value::Settings,
                    "changed settings, with the keys of the table `[gateway]`",
                ),
                Key::optional("model", Value::Text, "short for `gateway = { model = … }`"),
            ] },
            ..Entry::controlled("gateway.restart", "starts a new process on the same database")
        },
        CliNew: Entry {
            takes: Some("`session`, the one that another program leaves, and no `client`"),
            keys: &[SESSION],
            ..Entry::process(
                "cli.new",
                "another program on the same database continues a session in a new one, stores a message there, and ends it",
                "nothing here writes to the gateway's database",
            )
        },
        ScanIdle: Entry::process("gateway.scan_idle", "the idle reaper scans now", "no request makes the idle reaper scan"),
        Suspend: Entry {
            takes: Some("`takes`, how long the machine sleeps, and no `client`"),
            keys: const { &[Key::required("takes", Value::Duration, "how far wall time moves")] },
            ..Entry::process(
                "machine.suspend",
                "the machine sleeps: wall time moves on, and uptime does not",
                "a machine that runs cannot be suspended from here",
            )
        }.injects(
            FaultClass::Clock,
            "graces, timeouts and idle times do not advance meanwhile",
            &["grace_is_not_cut_short", "idle_sessions_end"],
        ),
        SetClock: Entry {
            takes: Some("`forward` or `back`, how far wall time jumps, and no `client`"),
            keys: const { &[
                Key::one_of("forward", Value::Duration, "how far wall time jumps ahead"),
                Key::one_of("back", Value::Duration, "how far wall time jumps back"),
            ] },
            ..Entry::process(
                "machine.set_clock",
                "wall time jumps, and uptime does not",
                "nothing here sets the clock of the machine",
            )
        }.injects(
            FaultClass::Clock,
            "graces, timeouts and idle times are unaffected; rows hold the wall time as it was read",
            &["grace_is_not_cut_short", "detached_rows_end", "idle_sessions_end"],
        ),
    }
}

const READS_ON: &str = "the system reads on for a client that has stopped";
const LOSES_NOTHING: &str = "the network of this machine loses and delays nothing";

impl ConnectionEvent {
    /// How the client's lane continues after an event with this text. What is the end of no step ends the lane.
    pub fn lane(text: &str) -> ClientLane {
        let events = Word::ALL.iter().filter_map(|word| word.entry().event);
        events.into_iter().find(|event| event.text == text).map_or(ClientLane::Ends, |event| event.lane)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Words are distinct, and each sentence begins small and has no full stop, as the reference pages expect.
    #[test]
    fn entries_are_consistent() {
        let words: BTreeSet<&str> = Word::ALL.iter().map(|word| word.entry().word).collect();
        assert_eq!(words.len(), Word::ALL.len());
        for word in Word::ALL {
            let entry = word.entry();
            let sentences = [entry.about].into_iter().chain(entry.keys.iter().map(|key| key.about));
            for sentence in sentences {
                let is_phrase = sentence.starts_with(|letter: char| !letter.is_uppercase()) && !sentence.ends_with('.');
                assert!(is_phrase, "`{}`: {sentence}", entry.word);
            }
            let names: BTreeSet<&str> = entry.keys.iter().map(|key| key.name).collect();
            assert_eq!(names.len(), entry.keys.len(), "`{}` has a key twice", entry.word);
        }
    }
}
