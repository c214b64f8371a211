//! The steps of a generated scenario.
//!
//! The script is written in order of time. The writer keeps the set of instants at which a timer, a turn or a commit may
//! be due. Each next step falls on one of these instants, a millisecond beside one, or at a random time.

mod collide;
mod keys;
mod time;
mod workflow;

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use gateway_core::clock::Millis;
use gateway_core::lifecycle::process::Signal;

use super::feature::Feature;
use super::swarm::Swarm;
use interleaving::prng::Prng;
use sim_scenario::{
    Action, AnsweredQuestion, ConnectionStep, Jump, Memory, Naming, OnDisconnect, OnSkip, PROCESS, Presence,
    ProcessStep, Prompt, RequestStep, ResumeMode, ResumeTarget, Scenario, Start, Step, Word,
};

const CLIENTS: [&str; 3] = ["desktop", "phone", "laptop"];
const SESSIONS: [&str; 3] = ["work", "chat", "notes"];

/// The default of `max_live_sessions` under `current`.
const CAP: usize = 16;

const TITLES: [&str; 2] = ["plan", "report"];

/// Writes the steps of a scenario whose settings and turns are already drawn.
pub(super) fn write(prng: &mut Prng, swarm: &Swarm, scenario: &Scenario) -> Vec<Step> {
    let clients = if swarm.has(Feature::Company) { 2 + prng.below(2) } else { 1 };
    let names_no_question = clients == 1 && swarm.has(Feature::Answer) && prng.hits(1, 6);
    let rare = Prng::stream(prng.clone().draw(), "models");
    let mut writer = Writer {
        prng,
        rare,
        swarm,
        scenario,
        now: Millis::ZERO,
        clients: CLIENTS[..clients].iter().map(|name| Client { name, connected: false }).collect(),
        sessions: Vec::new(),
        due: BTreeSet::new(),
        next: None,
        next_at: None,
        names: 0,
        names_no_question,
        steps: Vec::new(),
    };
    let length = 2 + writer.prng.below(11);
    writer.act(0, ConnectionStep::Connect { memory: Memory::Kept });
    writer.create(0);
    // Interactions of two sessions need both of them before the workflow ends.
    let has_room = clients > 1 || scenario.gateway.max_sessions_per_connection != 1;
    if swarm.has(Feature::Sessions) && has_room && writer.prng.hits(1, 2) {
        let client = writer.prng.below(clients);
        writer.connect_first(client);
        writer.create(client);
    }
    for row in &scenario.rows {
        writer.meet(row.name());
    }
    if !scenario.rows.is_empty() && writer.prng.hits(1, 2) {
        writer.act(0, RequestStep::List);
    }
    if swarm.has(Feature::Crowd) {
        writer.crowd();
    }
    if let Some(workflow) = swarm.workflow {
        writer.follow(workflow);
    }
    let length = length + writer.steps.len();
    while writer.steps.len() < length {
        writer.pass_time();
        writer.step();
    }
    // The heal phase waits for the turns that run. Half of the scripts end with clients that do not.
    if writer.prng.hits(1, 2) {
        writer.part();
    }
    writer.steps
}

struct Writer<'a> {
    prng: &'a mut Prng,
    /// Draws models and other keys that few steps have, so that they leave the other draws as they are.
    rare: Prng,
    swarm: &'a Swarm,
    scenario: &'a Scenario,
    now: Millis,
    clients: Vec<Client>,
    /// The sessions of the script, in the order in which they are named.
    sessions: Vec<PlannedSession>,
    /// Instants at which a timer, a turn or a commit may be due.
    due: BTreeSet<Millis>,
    /// The likely next action and its session.
    next: Option<(Word, String)>,
    /// The instant at which the next step is likely to collide with another event.
    next_at: Option<Millis>,
    /// Counts the names given to resumed sessions and branches.
    names: usize,
    /// Whether clients answer approvals without an id.
    names_no_question: bool,
    steps: Vec<Step>,
}

struct Client {
    name: &'static str,
    connected: bool,
}

struct PlannedSession {
    name: String,
    /// When its last turn ends, estimated from the script.
    busy_until: Millis,
}

impl Writer<'_> {
    fn step(&mut self) {
        let client = self.prng.below(self.clients.len());
        if let Some((word, session)) = self.next.take().filter(|(word, _)| self.can_follow_up(client, *word)) {
            return if word == Word::Prompt {
                self.prompt_to(client, session);
            } else {
                self.ask(client, word, session);
            };
        }
        if let Some(word) = self.prng.weighted(&self.menu(client)) {
            self.take(client, word);
        }
    }

    /// Adds a step of this word by the client, on a random session.
    fn take(&mut self, client: usize, word: Word) {
        match word {
            Word::Connect => self.connect(client),
            Word::Create => self.create(client),
            Word::Prompt => self.prompt(client),
            Word::Drop => self.lose(client, ConnectionStep::Drop),
            Word::Close => self.lose(client, ConnectionStep::Close),
            Word::Stall => self.stall(client),
            Word::Unstall => self.act(client, ConnectionStep::Unstall),
            Word::Lag => {
                let takes = *self.prng.one(&[Millis(300), Millis::from_secs(2)]);
                self.act(client, ConnectionStep::Lag { takes });
            }
            Word::Vanish => self.vanish(client),
            Word::Cut => {
                self.expect(self.scenario.gateway.write_timeout);
                self.act(client, ConnectionStep::Cut);
            }
            Word::Mend => self.act(client, ConnectionStep::Mend),
            Word::Resend => self.act(client, ConnectionStep::Resend),
            Word::Kill => self.kill(),
            Word::Signal => self.signal(),
            Word::Suspend => {
                let length = *self.prng.one(&[Millis::from_secs(5), Millis::from_secs(600)]);
                self.process(ProcessStep::Suspend { length });
            }
            Word::SetClock => {
                let far = *self.prng.one(&[Millis::from_secs(1), Millis::from_secs(60), Millis::from_secs(7200)]);
                let jump = if self.prng.hits(1, 2) { Jump::Forward(far) } else { Jump::Back(far) };
                self.process(ProcessStep::SetClock { jump });
            }
            Word::ScanIdle => self.scan_idle(),
            Word::CliNew => {
                let session = self.prng.one(&self.sessions).name.clone();
                self.process(ProcessStep::CliNew { session });
            }
            Word::Restart => self.restart(),
            Word::Resume
            | Word::Activate
            | Word::CloseSession
            | Word::Interrupt
            | Word::Title
            | Word::History
            | Word::Status
            | Word::Usage
            | Word::Undo
            | Word::Steer
            | Word::Compress
            | Word::Branch
            | Word::Delete
            | Word::Answer
            | Word::EventsSince
            | Word::MostRecent
            | Word::ActiveList
            | Word::List => self.request(client, word),
        }
    }

    /// Whether the likely next action is taken: its feature is on and the client is connected.
    fn can_follow_up(&mut self, client: usize, word: Word) -> bool {
        let needed = [(Word::Resume, Feature::Resume), (Word::Interrupt, Feature::Interrupt)];
        let is_on = needed.into_iter().all(|(other, feature)| word != other || self.swarm.has(feature));
        self.clients[client].connected && is_on && self.prng.hits(2, 3)
    }

    /// The actions that are possible for the client now, with their weights.
    fn menu(&self, client: usize) -> Vec<(u32, Word)> {
        // Most lifecycle bugs need an action in the middle of a turn, so these weigh more while one runs.
        let busy = self.sessions.iter().any(|known| known.busy_until > self.now);
        let on = |feature, weight| self.swarm.weight(feature, weight);
        let midway = |feature, weight| on(feature, if busy { 2 * weight } else { weight });
        let free = self.swarm.has(Feature::Busy) || self.sessions.iter().any(|known| known.busy_until <= self.now);
        let mut menu = vec![
            (midway(Feature::Kill, 2), Word::Kill),
            (on(Feature::Signal, 2), Word::Signal),
            (on(Feature::Suspend, 2), Word::Suspend),
            (on(Feature::SetClock, 2), Word::SetClock),
            (on(Feature::ScanIdle, 2), Word::ScanIdle),
            (if self.sessions.is_empty() { 0 } else { on(Feature::Elsewhere, 1) }, Word::CliNew),
        ];
        if !self.clients[client].connected {
            menu.push((20, Word::Connect));
            return menu;
        }
        let made = self.sessions.iter().filter(|known| SESSIONS.contains(&known.name.as_str())).count();
        let more = made < if self.swarm.has(Feature::Sessions) { SESSIONS.len() } else { 1 };
        menu.extend([
            (if more { 4 } else { 0 }, Word::Create),
            (midway(Feature::Drop, 8), Word::Drop),
            (on(Feature::Leave, 6), Word::Close),
            (on(Feature::SlowReader, 4), Word::Stall),
            (on(Feature::SlowReader, 2), Word::Unstall),
            (on(Feature::Lag, 4), Word::Lag),
            (midway(Feature::HalfOpen, 3), Word::Vanish),
            (on(Feature::HalfOpen, 3), Word::Cut),
            (on(Feature::HalfOpen, 4), Word::Mend),
            (on(Feature::Resend, 3), Word::Resend),
        ]);
        if self.sessions.is_empty() {
            return menu;
        }
        menu.extend([
            (if free { 10 } else { 0 }, Word::Prompt),
            (on(Feature::Resume, 5), Word::Resume),
            (on(Feature::Activate, 4), Word::Activate),
            (midway(Feature::Close, 3), Word::CloseSession),
            (midway(Feature::Interrupt, 3), Word::Interrupt),
            (on(Feature::Title, 3), Word::Title),
            (on(Feature::Look, 2), Word::History),
            (on(Feature::Look, 1), Word::Status),
            (on(Feature::Look, 1), Word::Usage),
            (on(Feature::Undo, 4), Word::Undo),
            (on(Feature::Steer, 4), Word::Steer),
            (on(Feature::Compress, 5), Word::Compress),
            (on(Feature::Branch, 4), Word::Branch),
            (on(Feature::Delete, 3), Word::Delete),
            (on(Feature::Look, 3), Word::List),
            (on(Feature::Answer, on(Feature::Question, 12)), Word::Answer),
            (on(Feature::Events, 3), Word::EventsSince),
        ]);
        menu
    }

    fn connect_first(&mut self, client: usize) {
        if !self.clients[client].connected {
            self.act(client, ConnectionStep::Connect { memory: Memory::Kept });
        }
    }

    /// Connects. A client that reconnects usually resumes or activates a session.
    fn connect(&mut self, client: usize) {
        let memory = keys::memory(&mut self.rare);
        self.act(client, ConnectionStep::Connect { memory });
        if self.swarm.has(Feature::Resend) && self.prng.hits(1, 2) {
            self.act(client, ConnectionStep::Resend);
        }
        if self.sessions.is_empty() || self.prng.hits(1, 3) {
            return;
        }
        let ways =
            [(Feature::Resume, Word::Resume), (Feature::Resume, Word::Resume), (Feature::Activate, Word::Activate)];
        let (feature, way) = *self.prng.one(&ways);
        if self.swarm.has(feature) {
            self.request(client, way);
        }
    }

    /// Creates sessions up to the cap, drops the connection, and creates one more after a reconnect.
    fn crowd(&mut self) {
        for _ in 1..CAP {
            let name = self.fresh_name("crowd");
            let (title, model, on_disconnect, start) = (None, None, OnDisconnect::Keep, Start::default());
            self.act(0, RequestStep::Create { name, title, model, on_disconnect, start });
        }
        self.now = self.now + Millis::from_secs(1);
        self.lose(0, ConnectionStep::Drop);
        self.now = self.now + *self.prng.one(&[Millis(1), Millis::from_secs(1), Millis::from_secs(5)]);
        self.act(0, ConnectionStep::Connect { memory: Memory::Kept });
        self.create(0);
    }

    /// Every client loses its connection.
    fn part(&mut self) {
        for client in 0..self.clients.len() {
            if self.clients[client].connected {
                self.pass_time();
                self.lose(client, ConnectionStep::Drop);
            }
        }
    }

    /// The first client may resume or delete a row that the database holds from the start.
    fn meet(&mut self, row: &str) {
        let word = match self.prng.below(4) {
            0 => Word::Delete,
            1 | 2 => Word::Resume,
            _ => return,
        };
        self.sessions.push(PlannedSession { name: row.to_owned(), busy_until: Millis::ZERO });
        self.ask(0, word, row.to_owned());
    }

    fn create(&mut self, client: usize) {
        let Some(name) = SESSIONS.iter().find(|name| self.sessions.iter().all(|known| known.name != **name)) else {
            return;
        };
        let title = (self.swarm.has(Feature::Title) && self.prng.hits(3, 4)).then(|| TITLES[0].to_owned());
        let closes = self.prng.hits(1, 8);
        let on_disconnect = if closes { OnDisconnect::Close } else { OnDisconnect::Keep };
        let agent = &self.scenario.agent;
        self.expect(self.scenario.gateway.build_delay + agent.first_build.first().copied().unwrap_or(agent.build));
        self.collide_with_cap();
        let start = self.start();
        let model = self.rare.hits(1, 4).then(|| "vision-exp".to_owned());
        self.act(client, RequestStep::Create { name: (*name).to_owned(), title, model, on_disconnect, start });
        self.sessions.push(PlannedSession { name: (*name).to_owned(), busy_until: Millis::ZERO });
    }

    /// What a new session starts with. A draft has earlier messages, and usually a parent.
    fn start(&mut self) -> Start {
        let source = self.prng.hits(1, 8).then(|| (*self.prng.one(&["desktop", "webui", "telegram"])).to_owned());
        if !self.swarm.has(Feature::Draft) || self.prng.hits(1, 3) {
            return Start { source, ..Start::default() };
        }
        let has_parent = !self.sessions.is_empty() && self.prng.hits(2, 3);
        let parent = has_parent.then(|| self.prng.one(&self.sessions).name.clone());
        let seed = ["hello", "hello yourself", "and now?", "we go on"];
        let length = 1 + self.prng.below(seed.len());
        Start { source, parent, seed: seed[..length].iter().map(|text| (*text).to_owned()).collect() }
    }

    fn prompt(&mut self, client: usize) {
        let may = |known: &&PlannedSession| self.swarm.has(Feature::Busy) || known.busy_until <= self.now;
        let free: Vec<String> = self.sessions.iter().filter(may).map(|known| known.name.clone()).collect();
        let session = self.prng.one(&free).clone();
        self.prompt_to(client, session);
    }

    fn prompt_to(&mut self, client: usize, session: String) {
        let place = self.sessions.iter().position(|known| known.name == session).expect("it has a name");
        let turns: Vec<String> = self.scenario.turns.keys().cloned().collect();
        let prompt = match self.prng.below(10) {
            0 | 1 => Prompt::Text("hello".to_owned()),
            2 => Prompt::Continue,
            _ => Prompt::Turn(self.prng.one(&turns).clone()),
        };
        let cuts = self.swarm.has(Feature::Cut) && self.prng.hits(1, 3);
        let truncate = cuts.then(|| *self.prng.one(&[0, 1, -1]));
        let begins = self.now.max(self.sessions[place].busy_until) + self.commit();
        let steps = match &prompt {
            Prompt::Turn(turn) => self.scenario.turns[turn].steps.as_slice(),
            Prompt::Text(_) | Prompt::Continue => &[],
        };
        let rests = self.expect_turn(begins, steps);
        self.sessions[place].busy_until = rests;
        self.collide_with_turn(begins, rests, steps, &session);
        let (prompt, key) = self.keyed(prompt);
        self.act(client, RequestStep::Prompt { session, prompt, truncate, key });
    }

    /// An idempotency key for a prompt, where requests are sent again. Some prompts repeat the last one that has a key.
    fn keyed(&mut self, prompt: Prompt) -> (Prompt, Option<String>) {
        if !self.swarm.has(Feature::Resend) || self.prng.hits(1, 3) {
            return (prompt, None);
        }
        let keyed = self.steps.iter().rev().find_map(|step| {
            let Action::Request(RequestStep::Prompt { prompt, key, .. }) = &step.action else { return None };
            Some((prompt.clone(), key.clone()?))
        });
        match keyed.filter(|_| self.prng.hits(1, 3)) {
            Some((prompt, key)) => (prompt, Some(key)),
            None => (prompt, Some(format!("key-{}", self.steps.len()))),
        }
    }

    /// Ends the connection. A grace begins, and begins again as long as a turn runs.
    fn lose(&mut self, client: usize, how: ConnectionStep) {
        let grace = self.scenario.gateway.orphan_grace;
        let busiest = self.sessions.iter().map(|known| known.busy_until).max().unwrap_or_default();
        for rounds in 1..=6 {
            let over = grace.times(rounds);
            self.expect(over);
            if self.now + over > busiest {
                break;
            }
        }
        self.collide_with_reapers(busiest);
        self.act(client, how);
        self.clients[client].connected = false;
    }

    /// Runs the idle reaper. A resume or prompt that follow_up may collide a session already chosen for eviction.
    fn scan_idle(&mut self) {
        if !self.sessions.is_empty() {
            let word = *self.prng.one(&[Word::Resume, Word::Prompt]);
            self.next = Some((word, self.prng.one(&self.sessions).name.clone()));
        }
        self.process(ProcessStep::ScanIdle);
    }

    /// The client stops reading. The gateway notices only when it has a frame to send.
    fn stall(&mut self, client: usize) {
        self.expect(self.scenario.gateway.write_timeout);
        if !self.sessions.is_empty() {
            self.next = Some((Word::Prompt, self.prng.one(&self.sessions).name.clone()));
        }
        self.act(client, ConnectionStep::Stall);
    }

    /// The client vanishes. The gateway learns of it after `takes`, or never.
    fn vanish(&mut self, client: usize) {
        let grace = self.scenario.gateway.orphan_grace;
        let takes = *self.prng.one(&[None, Some(Millis::from_secs(1)), Some(grace), Some(Millis::from_secs(60))]);
        if let Some(takes) = takes {
            self.expect(takes);
            self.expect(takes + grace);
        }
        self.act(client, ConnectionStep::Vanish { takes });
        self.clients[client].connected = false;
    }

    fn kill(&mut self) {
        self.process(ProcessStep::Kill);
        self.restart();
    }

    fn signal(&mut self) {
        let signal = *self.prng.one(&[Signal::Int, Signal::Term]);
        let stop_timeout = *self.prng.one(&[None, None, Some(Millis(500)), Some(Millis::from_secs(8))]);
        self.process(ProcessStep::Signal { signal, stop_timeout });
        self.restart();
    }

    fn restart(&mut self) {
        for client in &mut self.clients {
            client.connected = false;
        }
        self.now = self.now + *self.prng.one(&[Millis::ZERO, Millis::from_secs(3), Millis::from_secs(30)]);
        self.expect(self.scenario.gateway.orphan_grace);
        let changes = keys::changes(&mut self.rare);
        self.process(ProcessStep::Restart { changes });
    }

    fn request(&mut self, client: usize, word: Word) {
        let session = self.prng.one(&self.sessions).name.clone();
        self.ask(client, word, session);
    }

    fn ask(&mut self, client: usize, word: Word, session: String) {
        self.next = follow_up(word).map(|word| (word, session.clone()));
        let target = *self.prng.one(&[ResumeTarget::Stored, ResumeTarget::Tip]);
        let action = match word {
            Word::Resume => {
                let name = self.prng.hits(1, 4).then(|| self.fresh_name("again"));
                let by_title = self.swarm.has(Feature::Title) && self.prng.hits(1, 4);
                let target = if by_title { ResumeTarget::Title } else { target };
                let modes = [ResumeMode::ReadOnly, ResumeMode::ContinueWithAgent];
                let mode = if self.prng.hits(1, 4) { *self.prng.one(&modes) } else { ResumeMode::Continue };
                let model = self.rare.hits(1, 8).then(|| (*self.rare.one(&["vision-exp", "small"])).to_owned());
                let last_seen = keys::last_seen(&mut self.rare).filter(|_| self.swarm.has(Feature::Events));
                RequestStep::Resume { session, target, name, model, last_seen, mode }
            }
            Word::Activate => RequestStep::Activate { session },
            Word::CloseSession => {
                self.expect(self.in_doubt());
                RequestStep::CloseSession { session }
            }
            Word::Interrupt => RequestStep::Interrupt { session },
            Word::Title => RequestStep::Title {
                session,
                title: self.prng.hits(1, 2).then(|| (*self.prng.one(&TITLES)).to_owned()),
            },
            Word::History => RequestStep::History { session },
            Word::Status => RequestStep::Status { session },
            Word::Usage => RequestStep::Usage { session },
            Word::Undo => RequestStep::Undo { session },
            Word::Steer => RequestStep::Steer { session, text: "mind the tests".to_owned() },
            Word::Compress => {
                self.expect(self.scenario.agent.summary);
                RequestStep::Compress { session }
            }
            Word::Branch => RequestStep::Branch { session, name: self.fresh_name("branch") },
            Word::Delete => RequestStep::Delete { session, target },
            Word::Answer => self.answer(session),
            Word::EventsSince => RequestStep::EventsSince { session, last_seen: keys::last_seen(&mut self.rare) },
            // Any request that reads many sessions.
            Word::MostRecent | Word::ActiveList | Word::List => {
                self.prng.one(&[RequestStep::List, RequestStep::MostRecent, RequestStep::ActiveList]).clone()
            }
            Word::Create
            | Word::Prompt
            | Word::Connect
            | Word::Close
            | Word::Drop
            | Word::Stall
            | Word::Unstall
            | Word::Lag
            | Word::Cut
            | Word::Mend
            | Word::Vanish
            | Word::Resend
            | Word::Kill
            | Word::Signal
            | Word::Restart
            | Word::CliNew
            | Word::ScanIdle
            | Word::Suspend
            | Word::SetClock => unreachable!("`{}` is no request on a session", word.entry().word),
        };
        self.act(client, action);
    }

    /// An answer; now and then one that is sent twice, or that names a question of before. A client that names no questions
    /// answers each once, as the terminal UI of old releases does.
    fn answer(&mut self, session: String) -> RequestStep {
        let text = Some((*self.prng.one(&["the first", "once"])).to_owned());
        let (last, again) = (AnsweredQuestion::Last, AnsweredQuestion::Again);
        if self.names_no_question {
            return RequestStep::Answer { session, text, to: last, naming: Naming::None };
        }
        let to = *self.prng.one(&[last, last, again, AnsweredQuestion::Numbered(NonZeroU32::MIN)]);
        let strays = self.prng.hits(1, 16);
        let naming = if strays { Naming::Id("00000000".to_owned()) } else { Naming::Own };
        RequestStep::Answer { session, text: text.filter(|_| to != again), to, naming }
    }

    /// A fresh name for a resumed session or a branch; later steps may use it.
    fn fresh_name(&mut self, stem: &str) -> String {
        self.names += 1;
        let name = format!("{stem}{}", self.names);
        self.sessions.push(PlannedSession { name: name.clone(), busy_until: Millis::ZERO });
        name
    }

    fn act(&mut self, client: usize, action: impl Into<Action>) {
        let action = action.into();
        if action.presence() == Presence::Connects {
            self.clients[client].connected = true;
        }
        let client = self.clients[client].name.to_owned();
        self.steps.push(Step { at: self.now, client, action, on_skip: OnSkip::Fails, line: 0 });
    }

    fn process(&mut self, step: ProcessStep) {
        let (client, on_skip) = (PROCESS.to_owned(), OnSkip::Fails);
        self.steps.push(Step { at: self.now, client, action: step.into(), on_skip, line: 0 });
    }
}

/// The word of the step that usually follows, by the same client or by another.
fn follow_up(word: Word) -> Option<Word> {
    FOLLOW_UPS.iter().find(|(first, _)| *first == word).map(|(_, next)| *next)
}

const FOLLOW_UPS: [(Word, Word); 10] = [
    (Word::CloseSession, Word::Resume),
    (Word::Delete, Word::Resume),
    (Word::Resume, Word::Prompt),
    (Word::Activate, Word::Prompt),
    (Word::Branch, Word::Prompt),
    (Word::Undo, Word::Prompt),
    (Word::Compress, Word::Prompt),
    (Word::Answer, Word::Interrupt),
    // A user interrupts in order to ask for something else.
    (Word::Interrupt, Word::Prompt),
    (Word::Title, Word::Title),
];
