//! What the [table of steps](super::table) says of a word: its keys, the connection that it requires, the fault that it injects.

/// The properties of a word that scenario files, reports and the simulator share.
#[derive(Debug)]
pub struct Entry {
    /// The value of `do`. For a request, the method.
    pub word: &'static str,
    /// One sentence without its full stop: what the step does.
    pub about: &'static str,
    /// The keys besides `at`, `do` and `client`, in the order in which they are printed.
    pub keys: &'static [Key],
    /// The end of the sentence "`word` takes …". `None`: the sentence lists the names of the keys.
    pub(super) takes: Option<&'static str>,
    /// The connection that the step requires, and the connections that it opens or ends.
    pub presence: Presence,
    /// Whether the step can be carried out over real sockets.
    pub over_sockets: OverSockets,
    /// The fault that the step injects.
    pub fault: Option<Fault>,
    /// The text of a change of a connection in the trace, and its effect on the client's lane. `None`: no change.
    pub event: Option<ConnectionEvent>,
    /// Whether frames may wait at the client from here on, until its connection ends.
    pub withholds_frames: bool,
}

/// A key of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key as it is written in the file, such as `session`.
    pub name: &'static str,
    /// The type of its value.
    pub value: Value,
    /// Whether the step requires the key.
    pub need: Need,
    /// The meaning of the value, a phrase without a full stop.
    pub about: &'static str,
}

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string with any text.
    Text,
    /// The name of a session that an earlier step has named.
    Session,
    /// A new name for a session.
    NewSession,
    /// The name of a turn of the file's `[turns]`.
    Turn,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A duration, such as `"5s"`.
    Duration,
    /// An integer, which may be negative.
    Integer,
    /// A boolean; `false` if left out.
    Flag,
    /// A list of texts.
    Texts,
    /// An inline table with settings of the gateway.
    Settings,
}

/// Whether a step requires a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The step requires the key.
    Required,
    /// The step requires exactly one of the keys that are marked in this way.
    OneOf,
    /// The step may omit the key.
    Optional,
}

/// The connection that a step requires, and the connections that it opens or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The client must be disconnected, and is connected afterwards.
    Connects,
    /// The client must be connected, and is disconnected afterwards.
    Disconnects,
    /// The client must be connected.
    Connected,
    /// The process ends, and all connections end with it.
    DisconnectsAll,
    /// The step has no client.
    NoClient,
}

/// Whether a step can be carried out over real sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverSockets {
    /// The step is sent as a request.
    Request,
    /// The step is carried out by the client's socket.
    Step(SocketStep),
    /// The step is carried out by whatever has started the gateway. Where that is nothing here, it cannot be, for this reason.
    Process(&'static str),
    /// The step cannot be carried out over a real socket, for this reason.
    No(&'static str),
}

/// A step that a real socket can carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketStep {
    /// Opens the socket of the client.
    Connect,
    /// Closes the socket with a close frame.
    Close,
    /// Closes the socket without a close frame.
    Drop,
}

/// A fault that a step injects, and what the gateway guarantees under the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The part of the simulated world that fails.
    pub class: FaultClass,
    /// The guarantee of the gateway under the fault.
    pub duty: &'static str,
    /// The invariants that check the guarantee.
    pub invariants: &'static [&'static str],
}

/// The part of the simulated world that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultClass {
    /// A connection of a client, or its network.
    Connection,
    /// The wall clock of the machine.
    Clock,
    /// The process of the gateway.
    Process,
}

/// The text of a change of a connection in the trace, after the client's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEvent {
    /// The text, such as `closes`.
    pub text: &'static str,
    /// How the client's lane of a timeline continues.
    pub lane: ClientLane,
}

/// How the client's lane of a timeline continues after an event of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientLane {
    /// The lane begins here.
    Begins,
    /// The lane continues as before.
    Continues,
    /// The lane ends here.
    Ends,
}

/// The key of a step that is about one session.
pub(super) const SESSION: Key = Key::required("session", Value::Session, "its name in this file");

impl Entry {
    /// Whether the step has a client, and with it the key `client`.
    pub const fn has_client(&self) -> bool {
        !matches!(self.presence, Presence::NoClient | Presence::DisconnectsAll)
    }

    /// Whether a key besides `at` and `do` goes with the word.
    pub fn has_key(&self, name: &str) -> bool {
        if name == "client" { self.has_client() } else { self.keys.iter().any(|key| key.name == name) }
    }

    /// The keys of the word, as a sentence.
    pub fn help(&self) -> String {
        let word = self.word;
        match (self.takes, self.keys) {
            (Some(takes), _) => format!("`{word}` takes {takes}"),
            (None, []) if self.has_client() => format!("`{word}` takes only `at`, `client` and `do`"),
            (None, []) => format!("`{word}` takes only `at` and `do`"),
            (None, keys) => {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
                format!("`{word}` takes {}", keys.join(", "))
            }
        }
    }

    /// The text of the step in the trace, after the client's name; empty if the word changes no connection.
    pub const fn event_text(&self) -> &'static str {
        match self.event {
            Some(event) => event.text,
            None => "",
        }
    }

    pub(super) const fn new(
        word: &'static str,
        about: &'static str,
        presence: Presence,
        over_sockets: OverSockets,
    ) -> Self {
        Self {
            word,
            about,
            keys: &[],
            takes: None,
            presence,
            over_sockets,
            fault: None,
            event: None,
            withholds_frames: false,
        }
    }

    pub(super) const fn on_socket(
        word: &'static str,
        about: &'static str,
        step: SocketStep,
        event: &'static str,
    ) -> Self {
        let event = Some(ConnectionEvent { text: event, lane: ClientLane::Ends });
        Self { event, ..Self::new(word, about, Presence::Connected, OverSockets::Step(step)) }
    }

    pub(super) const fn of_network(
        word: &'static str,
        about: &'static str,
        why: &'static str,
        event: &'static str,
    ) -> Self {
        let event = Some(ConnectionEvent { text: event, lane: ClientLane::Ends });
        Self { event, ..Self::new(word, about, Presence::Connected, OverSockets::No(why)) }
    }

    pub(super) const fn request(word: &'static str, about: &'static str) -> Self {
        Self::new(word, about, Presence::Connected, OverSockets::Request)
    }

    pub(super) const fn of_session(word: &'static str, about: &'static str) -> Self {
        Self { keys: &[SESSION], ..Self::request(word, about) }
    }

    pub(super) const fn process(word: &'static str, about: &'static str, why: &'static str) -> Self {
        Self::new(word, about, Presence::NoClient, OverSockets::No(why))
    }

    pub(super) const fn controlled(word: &'static str, about: &'static str) -> Self {
        let over_sockets = OverSockets::Process("nothing here starts or ends the gateway");
        Self::new(word, about, Presence::NoClient, over_sockets)
    }

    pub(super) const fn injects(
        self,
        class: FaultClass,
        duty: &'static str,
        invariants: &'static [&'static str],
    ) -> Self {
        Self { fault: Some(Fault { class, duty, invariants }), ..self }
    }

    pub(super) const fn drawn(self, lane: ClientLane) -> Self {
        Self { event: Some(ConnectionEvent { text: self.event_text(), lane }), ..self }
    }

    pub(super) const fn withholding_frames(self) -> Self {
        Self { withholds_frames: true, ..self }
    }
}

impl Key {
    pub(super) const fn required(name: &'static str, value: Value, about: &'static str) -> Self {
        Self { name, value, need: Need::Required, about }
    }

    pub(super) const fn one_of(name: &'static str, value: Value, about: &'static str) -> Self {
        Self { name, value, need: Need::OneOf, about }
    }

    pub(super) const fn optional(name: &'static str, value: Value, about: &'static str) -> Self {
        Self { name, value, need: Need::Optional, about }
    }
}
