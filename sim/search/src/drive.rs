//! Plays the clients of a scenario over real sockets in real time, against a gateway in this process or
//! elsewhere.
//!
//! In the order of a play: [`unplayable`] finds steps that only a simulator can perform, `client` follows the script,
//! `socket` carries its frames, [`Control`] starts and ends the gateway, [`rows`] reads the database and compares it. [`served`] also starts the gateway, in
//! this process, under a clock that runs faster.
//!
//! This folder may use the machine's time and sockets, like `gateway::real`.
#![expect(clippy::disallowed_methods, reason = "real time is what this is about")]

mod client;
mod clock;
mod lateness;
pub mod rows;
pub mod served;
mod socket;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use futures_util::future::join_all;
use gateway_core::clock::Millis;
use serde_json::Value;
use tokio::time::Instant;

use client::Client;
use sim_harness::world::names::{Ids, Named, Names};
use sim_scenario::table::OverSockets;
use sim_scenario::{Action, ProcessStep, ResumeTarget, Scenario, Step};

/// The speed of a play: real seconds per second of the script.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale(f64);

/// The gateway to play against.
pub struct Target {
    /// The URL, as `ws://ADDRESS:PORT/PATH`.
    pub url: String,
    /// The token to send, if any.
    pub token: Option<String>,
    /// The path of its database, for steps that look up a row.
    pub db: Option<PathBuf>,
    /// The speed of the play.
    pub scale: Scale,
    /// What has started the gateway, for the steps of its process.
    pub control: Option<Rc<dyn Control>>,
}

/// Starts and ends the gateway of a play.
pub trait Control {
    /// Kills the process, sends it a signal, or starts a new one; returns the URL of a new one. The play stands still
    /// meanwhile, so that the start of a process takes none of the script's time.
    ///
    /// # Errors
    /// The step has no effect, for this reason.
    fn carry_out(&self, step: &ProcessStep) -> Result<Option<String>, String>;
}

/// What a play can use besides sockets. Each has what those before it have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// Nothing.
    Sockets,
    /// The gateway's database.
    Rows,
    /// The gateway's process.
    Process,
}

/// A time during which a play stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The real time from the beginning of the play.
    pub from: Duration,
    /// Its real length.
    pub length: Duration,
}

/// An event of a play, for its log.
pub struct Said {
    /// The time of the script at the event.
    pub at: Millis,
    /// The client's name in the script.
    pub client: String,
    /// The event and its values.
    pub what: What,
}

/// The kinds of event of a play.
pub enum What {
    /// The client changed its connection, for example `connects`.
    Did(&'static str),
    /// The client sent a request.
    Asked {
        /// The JSON-RPC method of the request.
        method: String,
        /// The session's name in the script.
        session: Option<String>,
    },
    /// The gateway answered a request, with a result or an error.
    Answered {
        /// The JSON-RPC method of the request.
        method: String,
        /// The result or the error.
        answer: Value,
    },
    /// An event arrived at the client.
    Received {
        /// The runtime id of its session.
        session: Option<String>,
        /// The event's type, for example `message.delta`.
        kind: String,
        /// The event's payload, as it arrived.
        payload: Value,
    },
    /// A step could not be carried out, for example on a session that does not exist.
    Skipped {
        /// The step's line in the file.
        line: usize,
        /// The reason for skipping it.
        why: String,
    },
}

/// The callback that receives the events of a play.
pub type Tell = Rc<dyn Fn(Said)>;

/// The state that all clients of a play share.
struct Play {
    target: Target,
    /// The URL of the process that is up, or was up last.
    url: RefCell<String>,
    names: Names,
    began: Instant,
    pauses: RefCell<Vec<Pause>>,
    /// The sum of all pauses.
    paused: Cell<Duration>,
    tell: Tell,
}

/// A play at the end of its script, with clients still connected.
pub struct Played {
    clients: Vec<Rc<Client>>,
    /// The number of skipped steps.
    pub skipped: usize,
    /// When the play stood still.
    pub pauses: Vec<Pause>,
}

/// Why a play did not start.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The gateway refused a connection.
    #[error("`{client}` cannot connect to {url}: {cause}")]
    NotConnected {
        /// The client's name in the script.
        client: String,
        /// The URL, without its query.
        url: String,
        /// The status line or error of the gateway's answer.
        cause: String,
    },
}

/// The first step that these means cannot perform, with the reason.
pub fn unplayable(scenario: &Scenario, means: Means) -> Option<(&Step, &'static str)> {
    let why = |action: &Action| match action.entry().over_sockets {
        OverSockets::No(why) => Some(why),
        OverSockets::Process(why) => (means < Means::Process).then_some(why),
        OverSockets::Request | OverSockets::Step(_) => {
            let looks_up = action.mentions().stored.is_some_and(|(_, by)| by != ResumeTarget::Stored);
            let why = "the id has to be looked up: give the gateway's database with --db";
            (looks_up && means < Means::Rows).then_some(why)
        }
    };
    scenario.steps.iter().find_map(|step| why(&step.action).map(|why| (step, why)))
}

/// Plays the script up to `until`. Must be called inside a `LocalSet`.
pub async fn play(scenario: &Scenario, target: Target, tell: Tell) -> Result<Played, PlayError> {
    let play = Rc::new(Play {
        url: RefCell::new(target.url.clone()),
        target,
        names: Names::default(),
        began: Instant::now(),
        pauses: RefCell::default(),
        paused: Cell::default(),
        tell,
    });
    for row in &scenario.rows {
        // A row from before the play has no runtime id until a client resumes it.
        play.names.resolve(row.name(), Named::Known(Ids { runtime: String::new(), stored: row.id.clone() }));
    }
    let mut names: Vec<&str> = Vec::new();
    for step in &scenario.steps {
        if !names.contains(&step.client.as_str()) {
            names.push(&step.client);
        }
    }
    let steps = |name: &str| scenario.steps.iter().filter(|step| step.client == name).cloned().collect::<Vec<Step>>();
    let clients: Vec<Rc<Client>> = names.iter().map(|name| Client::new(name, &play)).collect();
    let done = tokio::select! {
        biased; // steps at the end of the time are still performed
        results = join_all(clients.iter().zip(&names).map(|(client, name)| client.follow(steps(name)))) => results,
        // A step that waits for a session that never arrives does not extend the play.
        () = play.reach(scenario.until) => Vec::new(),
    };
    let skipped = done.into_iter().sum::<Result<usize, PlayError>>()?;
    play.reach(scenario.until).await;
    let pauses = play.pauses.borrow().clone();
    Ok(Played { clients, skipped, pauses })
}

impl Target {
    /// What a play against this gateway can use.
    pub fn means(&self) -> Means {
        match (&self.control, &self.db) {
            (Some(_), _) => Means::Process,
            (None, Some(_)) => Means::Rows,
            (None, None) => Means::Sockets,
        }
    }
}

impl Played {
    /// Closes the connections of all clients.
    pub async fn leave(self) {
        for client in &self.clients {
            client.leave().await;
        }
    }
}

impl Play {
    /// The present time of the script.
    fn now(&self) -> Millis {
        self.target.scale.scripted(self.began.elapsed().saturating_sub(self.paused.get()))
    }

    /// Waits until a time of the script, which comes later if the play stands still meanwhile.
    async fn reach(&self, at: Millis) {
        loop {
            let paused = self.paused.get();
            tokio::time::sleep_until(self.began + self.target.scale.real(at) + paused).await;
            if self.paused.get() == paused {
                return;
            }
        }
    }

    /// Has a step of the process carried out, while the play stands still.
    fn control(&self, step: &ProcessStep) -> Result<(), String> {
        let control = self.target.control.as_ref().ok_or("nothing here starts or ends the gateway")?;
        let from = self.began.elapsed();
        let url = control.carry_out(step)?;
        let length = self.began.elapsed() - from;
        self.pauses.borrow_mut().push(Pause { from, length });
        self.paused.set(self.paused.get() + length);
        if let Some(url) = url {
            *self.url.borrow_mut() = url;
        }
        Ok(())
    }

    fn tell(&self, client: &str, what: What) {
        (self.tell)(Said { at: self.now(), client: client.to_owned(), what });
    }
}

impl Scale {
    /// A slower speed, for another attempt.
    pub fn times(self, factor: u32) -> Self {
        Self(self.0 * f64::from(factor))
    }

    /// The real duration of a duration of the script.
    pub fn real(self, length: Millis) -> Duration {
        Duration::from_millis(length.0).mul_f64(self.0)
    }

    /// The duration in the script of a real duration.
    pub fn scripted(self, length: Duration) -> Millis {
        Millis((length.as_secs_f64() * 1000.0 / self.0) as u64)
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for Scale {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scale = text.parse::<f64>().ok().filter(|scale| (0.001..=100.0).contains(scale));
        scale.map(Self).ok_or("expected a number from 0.001 to 100: how many seconds a second of the script takes")
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use sim_harness::invariant::NAMES;

    /// Notes the steps that it carries out; each start has an address of its own.
    #[derive(Default)]
    struct Log(RefCell<Vec<String>>);

    impl Control for Log {
        fn carry_out(&self, step: &ProcessStep) -> Result<Option<String>, String> {
            let mut log = self.0.borrow_mut();
            log.push(Action::Process(step.clone()).word().to_owned());
            let starts = matches!(step, ProcessStep::Restart { .. });
            if log.len() > 2 {
                return Err("the gateway is down".to_owned());
            }
            Ok(starts.then(|| format!("ws://127.0.0.1:{}", log.len())))
        }
    }

    fn process(steps: &[&str]) -> Scenario {
        let steps: String =
            (0..).zip(steps).map(|(at, step)| format!("[[steps]]\nat = \"{}ms\"\ndo = {step}\n", 10 * at)).collect();
        let text = format!("about = \"x\"\nuntil = \"50ms\"\n{steps}");
        Scenario::parse(Path::new("x.toml"), &text, &NAMES).expect("a scenario")
    }

    /// Steps of the process go to what has started it, in their order; the play stands still for each that has an effect, and one
    /// without is skipped and said.
    #[test]
    fn steps_of_the_process_are_carried_out() {
        let scenario = process(&["\"gateway.kill\"", "\"gateway.restart\"", "\"gateway.kill\""]);
        let (log, said) = (Rc::new(Log::default()), Rc::new(RefCell::new(Vec::new())));
        let (url, control) = ("ws://127.0.0.1:0".to_owned(), Some(Rc::clone(&log) as Rc<dyn Control>));
        let target = Target { url, token: None, db: None, scale: Scale::default(), control };
        assert_eq!(unplayable(&scenario, target.means()), None);
        let told = Rc::clone(&said);
        let tell = Rc::new(move |said: Said| match said.what {
            What::Did(what) => told.borrow_mut().push(what.to_owned()),
            What::Skipped { why, .. } => told.borrow_mut().push(format!("skipped, {why}")),
            _ => {}
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let played =
            tokio::task::LocalSet::new().block_on(&runtime, play(&scenario, target, tell)).expect("it is played");
        assert_eq!(*log.0.borrow(), ["gateway.kill", "gateway.restart", "gateway.kill"]);
        let expected = ["gateway.kill", "gateway.restart", "gateway.kill", "skipped, the gateway is down"];
        assert_eq!(*said.borrow(), expected);
        assert_eq!((played.skipped, played.pauses.len()), (1, 2));
    }

    /// Without the process its steps are refused, and a machine that sleeps is refused in any case.
    #[test]
    fn what_cannot_be_played_depends_on_the_means() {
        let refused = |step: &str, means| unplayable(&process(&[step]), means).map(|(_, why)| why);
        let kill = "\"gateway.kill\"";
        assert_eq!(refused(kill, Means::Rows), Some("nothing here starts or ends the gateway"));
        assert_eq!(refused(kill, Means::Process), None);
        let suspend = "\"machine.suspend\"\ntakes = \"1m\"";
        assert_eq!(refused(suspend, Means::Process), Some("a machine that runs cannot be suspended from here"));
    }
}
