//! The steps of a generated scenario.
//!
//! The script is written in order of time. The writer keeps the set of instants at which a timer, a turn or a commit may
//! be due. Each next step falls on one of these instants, a millisecond beside one, or at a random time.

mod collide;
mod time;
mod workflow;

use std::collections::BTreeSet;

use gateway_core::clock::Millis;
use gateway_core::lifecycle::process::Signal;

use super::feature::Feature;
use super::kind::Kind;
use super::swarm::Swarm;
use interleaving::prng::Prng;
use sim_scenario::{
    Action, ConnectionStep, Jump, OnDisconnect, PROCESS, Presence, ProcessStep, Prompt, RequestStep, ResumeTarget,
    ResumeWish, Scenario, Start, Step,
};

const CLIENTS: [&str; 3] = ["desktop", "phone", "laptop"];
const SESSIONS: [&str; 3] = ["work", "chat", "notes"];

/// The default of `max_live_sessions` under `current`.
const CAP: usize = 16;

const TITLES: [&str; 2] = ["plan", "report"];

/// Writes the steps of a scenario whose settings and turns are already drawn.
pub(super) fn write(prng: &mut Prng, swarm: &Swarm, scenario: &Scenario) -> Vec<Step> {
    let clients = if swarm.has(Feature::Company) { 2 + prng.below(2) } else { 1 };
    let mut writer = Writer {
        prng,
        swarm,
        scenario,
        now: Millis::ZERO,
        clients: CLIENTS[..clients].iter().map(|name| Client { name, connected: false }).collect(),
        sessions: Vec::new(),
        due: BTreeSet::new(),
        next: None,
        next_at: None,
        names: 0,
        steps: Vec::new(),
    };
    let length = 2 + writer.prng.below(11);
    writer.act(0, ConnectionStep::Connect);
    writer.create(0);
    // Interactions of two sessions need both of them before the workflow ends.
    let has_room = clients > 1 || scenario.gateway.max_sessions_per_connection != 1;
    if swarm.has(Feature::Sessions) && has_room && writer.prng.hits(1, 2) {
        let client = writer.prng.below(clients);
        writer.connect_first(client);
        writer.create(client);
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
    writer.steps
}

struct Writer<'a> {
    prng: &'a mut Prng,
    swarm: &'a Swarm,
    scenario: &'a Scenario,
    now: Millis,
    clients: Vec<Client>,
    /// The sessions of the script, in the order in which they are named.
    sessions: Vec<PlannedSession>,
    /// Instants at which a timer, a turn or a commit may be due.
    due: BTreeSet<Millis>,
    /// The likely next action and its session.
    next: Option<(Kind, String)>,
    /// The instant at which the next step is likely to collide with another event.
    next_at: Option<Millis>,
    /// Counts the names given to resumed sessions and branches.
    names: usize,
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
        if let Some((kind, session)) = self.next.take().filter(|(kind, _)| self.can_follow_up(client, *kind)) {
            return match kind {
                Kind::Prompt => self.prompt_to(client, session),
                other => self.ask(client, other, session),
            };
        }
        if let Some(kind) = self.prng.weighted(&self.menu(client)) {
            self.take(client, kind);
        }
    }

    /// Adds a step of this kind by the client, on a random session.
    fn take(&mut self, client: usize, kind: Kind) {
        match kind {
            Kind::Connect => self.connect(client),
            Kind::Create => self.create(client),
            Kind::Prompt => self.prompt(client),
            Kind::Drop => self.lose(client, ConnectionStep::Drop),
            Kind::Leave => self.lose(client, ConnectionStep::Close),
            Kind::Stall => self.stall(client),
            Kind::Unstall => self.act(client, ConnectionStep::Unstall),
            Kind::Lag => {
                let takes = *self.prng.one(&[Millis(300), Millis::from_secs(2)]);
                self.act(client, ConnectionStep::Lag { takes });
            }
            Kind::Vanish => self.vanish(client),
            Kind::Cut => {
                self.expect(self.scenario.gateway.write_timeout);
                self.act(client, ConnectionStep::Cut);
            }
            Kind::Mend => self.act(client, ConnectionStep::Mend),
            Kind::Resend => self.act(client, ConnectionStep::Resend),
            Kind::Kill => self.kill(),
            Kind::Signal => self.signal(),
            Kind::Suspend => {
                let length = *self.prng.one(&[Millis::from_secs(5), Millis::from_secs(600)]);
                self.process(ProcessStep::Suspend { length });
            }
            Kind::SetClock => {
                let far = *self.prng.one(&[Millis::from_secs(1), Millis::from_secs(60), Millis::from_secs(7200)]);
                let jump = if self.prng.hits(1, 2) { Jump::Forward(far) } else { Jump::Back(far) };
                self.process(ProcessStep::SetClock { jump });
            }
            Kind::ScanIdle => self.scan_idle(),
            Kind::Elsewhere => {
                let session = self.prng.one(&self.sessions).name.clone();
                self.process(ProcessStep::CliNew { session });
            }
            other => self.request(client, other),
        }
    }

    /// Whether the likely next action is taken: its feature is on and the client is connected.
    fn can_follow_up(&mut self, client: usize, kind: Kind) -> bool {
        let is_on = match kind {
            Kind::Resume => self.swarm.has(Feature::Resume),
            Kind::Interrupt => self.swarm.has(Feature::Interrupt),
            _ => true,
        };
        self.clients[client].connected && is_on && self.prng.hits(2, 3)
    }

    /// The actions that are possible for the client now, with their weights.
    fn menu(&self, client: usize) -> Vec<(u32, Kind)> {
        // Most lifecycle bugs need an action in the middle of a turn, so these weigh more while one runs.
        let busy = self.sessions.iter().any(|known| known.busy_until > self.now);
        let on = |feature, weight| self.swarm.weight(feature, weight);
        let midway = |feature, weight| on(feature, if busy { 2 * weight } else { weight });
        let free = self.swarm.has(Feature::Busy) || self.sessions.iter().any(|known| known.busy_until <= self.now);
        let mut menu = vec![
            (midway(Feature::Kill, 2), Kind::Kill),
            (on(Feature::Signal, 2), Kind::Signal),
            (on(Feature::Suspend, 2), Kind::Suspend),
            (on(Feature::SetClock, 2), Kind::SetClock),
            (on(Feature::ScanIdle, 2), Kind::ScanIdle),
            (if self.sessions.is_empty() { 0 } else { on(Feature::Elsewhere, 1) }, Kind::Elsewhere),
        ];
        if !self.clients[client].connected {
            menu.push((20, Kind::Connect));
            return menu;
        }
        let made = self.sessions.iter().filter(|known| SESSIONS.contains(&known.name.as_str())).count();
        let more = made < if self.swarm.has(Feature::Sessions) { SESSIONS.len() } else { 1 };
        menu.extend([
            (if more { 4 } else { 0 }, Kind::Create),
            (midway(Feature::Drop, 8), Kind::Drop),
            (on(Feature::Leave, 6), Kind::Leave),
            (on(Feature::SlowReader, 4), Kind::Stall),
            (on(Feature::SlowReader, 2), Kind::Unstall),
            (on(Feature::Lag, 4), Kind::Lag),
            (midway(Feature::HalfOpen, 3), Kind::Vanish),
            (on(Feature::HalfOpen, 3), Kind::Cut),
            (on(Feature::HalfOpen, 4), Kind::Mend),
            (on(Feature::Resend, 3), Kind::Resend),
        ]);
        if self.sessions.is_empty() {
            return menu;
        }
        menu.extend([
            (if free { 10 } else { 0 }, Kind::Prompt),
            (on(Feature::Resume, 5), Kind::Resume),
            (on(Feature::Activate, 4), Kind::Activate),
            (midway(Feature::Close, 3), Kind::Close),
            (midway(Feature::Interrupt, 3), Kind::Interrupt),
            (on(Feature::Title, 3), Kind::Title),
            (on(Feature::Look, 2), Kind::History),
            (on(Feature::Undo, 4), Kind::Undo),
            (on(Feature::Steer, 4), Kind::Steer),
            (on(Feature::Compress, 5), Kind::Compress),
            (on(Feature::Branch, 4), Kind::Branch),
            (on(Feature::Delete, 3), Kind::Delete),
            (on(Feature::Look, 3), Kind::Look),
            (on(Feature::Answer, on(Feature::Question, 6)), Kind::Answer),
            (on(Feature::Events, 3), Kind::Events),
        ]);
        menu
    }

    fn connect_first(&mut self, client: usize) {
        if !self.clients[client].connected {
            self.act(client, ConnectionStep::Connect);
        }
    }

    /// Connects. A client that reconnects usually resumes or activates a session.
    fn connect(&mut self, client: usize) {
        self.act(client, ConnectionStep::Connect);
        if self.swarm.has(Feature::Resend) && self.prng.hits(1, 2) {
            self.act(client, ConnectionStep::Resend);
        }
        if self.sessions.is_empty() || self.prng.hits(1, 3) {
            return;
        }
        let ways =
            [(Feature::Resume, Kind::Resume), (Feature::Resume, Kind::Resume), (Feature::Activate, Kind::Activate)];
        let (feature, way) = *self.prng.one(&ways);
        if self.swarm.has(feature) {
            self.request(client, way);
        }
    }

    /// Creates sessions up to the cap, drops the connection, and creates one more after a reconnect.
    fn crowd(&mut self) {
        for _ in 1..CAP {
            let name = self.fresh_name("crowd");
            let (title, on_disconnect, start) = (None, OnDisconnect::Keep, Start::default());
            self.act(0, RequestStep::Create { name, title, on_disconnect, start });
        }
        self.now = self.now + Millis::from_secs(1);
        self.lose(0, ConnectionStep::Drop);
        self.now = self.now + *self.prng.one(&[Millis(1), Millis::from_secs(1), Millis::from_secs(5)]);
        self.act(0, ConnectionStep::Connect);
        self.create(0);
    }

    fn create(&mut self, client: usize) {
        let Some(name) = SESSIONS.iter().find(|name| self.sessions.iter().all(|known| known.name != **name)) else {
            return;
        };
        let title = (self.swarm.has(Feature::Title) && self.prng.hits(3, 4)).then(|| TITLES[0].to_owned());
        let closes = self.prng.hits(1, 8);
        let on_disconnect = if closes { OnDisconnect::Close } else { OnDisconnect::Keep };
        let agent = &self.scenario.agent;
        self.expect(self.scenario.gateway.build_delay + agent.first_build.unwrap_or(agent.build));
        self.collide_with_cap();
        let start = self.start();
        self.act(client, RequestStep::Create { name: (*name).to_owned(), title, on_disconnect, start });
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
        let prompt = match self.prng.hits(1, 5) {
            true => Prompt::Text("hello".to_owned()),
            false => Prompt::Turn(self.prng.one(&turns).clone()),
        };
        let cuts = self.swarm.has(Feature::Cut) && self.prng.hits(1, 3);
        let truncate = cuts.then(|| *self.prng.one(&[0, 1, -1]));
        let begins = self.now.max(self.sessions[place].busy_until) + self.commit();
        let steps = match &prompt {
            Prompt::Turn(turn) => self.scenario.turns[turn].steps.as_slice(),
            Prompt::Text(_) => &[],
        };
        let rests = self.expect_turn(begins, steps);
        self.sessions[place].busy_until = rests;
        self.collide_with_turn(begins, rests, steps, &session);
        self.act(client, RequestStep::Prompt { session, prompt, truncate });
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
            let kind = *self.prng.one(&[Kind::Resume, Kind::Prompt]);
            self.next = Some((kind, self.prng.one(&self.sessions).name.clone()));
        }
        self.process(ProcessStep::ScanIdle);
    }

    /// The client stops reading. The gateway notices only when it has a frame to send.
    fn stall(&mut self, client: usize) {
        self.expect(self.scenario.gateway.write_timeout);
        if !self.sessions.is_empty() {
            self.next = Some((Kind::Prompt, self.prng.one(&self.sessions).name.clone()));
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
        self.process(ProcessStep::Signal { signal });
        self.restart();
    }

    fn restart(&mut self) {
        for client in &mut self.clients {
            client.connected = false;
        }
        self.now = self.now + *self.prng.one(&[Millis::ZERO, Millis::from_secs(3), Millis::from_secs(30)]);
        self.expect(self.scenario.gateway.orphan_grace);
        self.process(ProcessStep::Restart);
    }

    fn request(&mut self, client: usize, kind: Kind) {
        let session = self.prng.one(&self.sessions).name.clone();
        self.ask(client, kind, session);
    }

    fn ask(&mut self, client: usize, kind: Kind, session: String) {
        self.next = follow_up(kind).map(|kind| (kind, session.clone()));
        let target = *self.prng.one(&[ResumeTarget::Stored, ResumeTarget::Tip]);
        let action = match kind {
            Kind::Resume => {
                let name = self.prng.hits(1, 4).then(|| self.fresh_name("again"));
                let by_title = self.swarm.has(Feature::Title) && self.prng.hits(1, 4);
                let target = if by_title { ResumeTarget::Title } else { target };
                let wishes = [ResumeWish::Look, ResumeWish::GoOnAtOnce];
                let wish = if self.prng.hits(1, 4) { *self.prng.one(&wishes) } else { ResumeWish::GoOn };
                RequestStep::Resume { session, target, name, wish }
            }
            Kind::Activate => RequestStep::Activate { session },
            Kind::Close => {
                self.expect(self.in_doubt());
                RequestStep::CloseSession { session }
            }
            Kind::Interrupt => RequestStep::Interrupt { session },
            Kind::Title => RequestStep::Title {
                session,
                title: self.prng.hits(1, 2).then(|| (*self.prng.one(&TITLES)).to_owned()),
            },
            Kind::History => RequestStep::History { session },
            Kind::Undo => RequestStep::Undo { session },
            Kind::Steer => RequestStep::Steer { session, text: "mind the tests".to_owned() },
            Kind::Compress => {
                self.expect(self.scenario.agent.summary);
                RequestStep::Compress { session }
            }
            Kind::Branch => RequestStep::Branch { session, name: self.fresh_name("branch") },
            Kind::Delete => RequestStep::Delete { session, target },
            Kind::Answer => RequestStep::Answer { session, text: "the first".to_owned() },
            Kind::Events => RequestStep::EventsSince { session },
            _ => self.prng.one(&[RequestStep::List, RequestStep::MostRecent, RequestStep::ActiveList]).clone(),
        };
        self.act(client, action);
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
        self.steps.push(Step { at: self.now, client, action, line: 0 });
    }

    fn process(&mut self, step: ProcessStep) {
        self.steps.push(Step { at: self.now, client: PROCESS.to_owned(), action: step.into(), line: 0 });
    }
}

/// The action that usually follow_up this one, by the same client or by another.
fn follow_up(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Close | Kind::Delete => Some(Kind::Resume),
        Kind::Resume | Kind::Activate | Kind::Branch | Kind::Undo | Kind::Compress => Some(Kind::Prompt),
        Kind::Answer => Some(Kind::Interrupt),
        // A user interrupts in order to ask for something else.
        Kind::Interrupt => Some(Kind::Prompt),
        Kind::Title => Some(Kind::Title),
        _ => None,
    }
}
