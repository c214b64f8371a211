//! Plays the clients of a scenario over real sockets and in real time, against a gateway that is served: ours, or one that
//! we did not write.
//!
//! In the order a play goes: [`unplayable`] says whether only a simulator can do a step, `client` follows the script,
//! `socket` carries its frames, [`rows`] reads what is in the database then and compares it. [`served`] starts the gateway
//! as well, in the same process, under a clock that runs faster.
//!
//! Here the machine's time and its sockets are what it is about: this folder may touch them, as `gateway::real` may.
#![expect(clippy::disallowed_methods, reason = "real time is what this is about")]

mod client;
mod clock;
mod lateness;
pub mod rows;
pub mod served;
mod socket;

use std::path::PathBuf;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use futures_util::future::join_all;
use gateway_core::clock::Millis;
use serde_json::Value;
use tokio::time::Instant;

use client::Client;
use sim_harness::world::names::Names;
use sim_scenario::table::OverSockets;
use sim_scenario::{Action, ResumeTarget, Scenario, Step};

/// How long a second of the script takes, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale(f64);

/// Where the gateway is.
pub struct Target {
    /// `ws://ADDRESS:PORT/PATH`.
    pub url: String,
    /// What it wants to be shown.
    pub token: Option<String>,
    /// Its database, where a step needs to look something up.
    pub db: Option<PathBuf>,
    /// How fast the script is played.
    pub scale: Scale,
}

/// Something that happened to a client.
pub struct Said {
    /// When, in the script's time.
    pub at: Millis,
    /// Which client.
    pub client: String,
    /// What.
    pub what: What,
}

/// What happened.
pub enum What {
    /// The client did something to its connection: `connects`.
    Did(&'static str),
    /// It sent a request.
    Asked {
        /// The method.
        method: String,
        /// What the script calls the session.
        session: Option<String>,
    },
    /// A request was answered.
    Answered {
        /// The method.
        method: String,
        /// The answer.
        answer: Value,
    },
    /// An event came.
    Heard {
        /// The runtime id of its session.
        session: Option<String>,
        /// Its type.
        kind: String,
        /// What it says.
        payload: Value,
    },
    /// A step could not be carried out.
    Skipped {
        /// Its line in the file.
        line: usize,
        /// Why.
        why: String,
    },
}

/// What is told of a play while it goes on.
pub type Tell = Rc<dyn Fn(Said)>;

/// What all clients of a play share.
struct Play {
    target: Target,
    names: Names,
    began: Instant,
    tell: Tell,
}

/// A play whose script is over and whose clients are still connected.
pub struct Played {
    clients: Vec<Rc<Client>>,
    /// How many steps were skipped.
    pub skipped: usize,
}

/// Why nothing was played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The gateway does not let a client in.
    #[error("`{client}` cannot connect to {url}: {cause}")]
    NotConnected {
        /// The client.
        client: String,
        /// Where; without what a query might say.
        url: String,
        /// What it was answered.
        cause: String,
    },
}

/// The first step that only a simulator can carry out, and why.
pub fn unplayable<'a>(scenario: &'a Scenario, target: Option<&Target>) -> Option<(&'a Step, &'static str)> {
    let has_rows = target.is_none_or(|target| target.db.is_some());
    let why = |action: &Action| match action.entry().over_sockets {
        OverSockets::No(why) => Some(why),
        OverSockets::Request | OverSockets::Step(_) => {
            let looks_up = action.mentions().stored.is_some_and(|(_, by)| by != ResumeTarget::Stored);
            (looks_up && !has_rows).then_some("the id has to be looked up: give the gateway's database with --db")
        }
    };
    scenario.steps.iter().find_map(|step| why(&step.action).map(|why| (step, why)))
}

/// Plays the script up to `until`. Must be called inside a `LocalSet`.
pub async fn play(scenario: &Scenario, target: Target, tell: Tell) -> Result<Played, PlayError> {
    let play = Rc::new(Play { target, names: Names::default(), began: Instant::now(), tell });
    let mut names: Vec<&str> = Vec::new();
    for step in &scenario.steps {
        if !names.contains(&step.client.as_str()) {
            names.push(&step.client);
        }
    }
    let steps = |name: &str| scenario.steps.iter().filter(|step| step.client == name).cloned().collect::<Vec<Step>>();
    let clients: Vec<Rc<Client>> = names.iter().map(|name| Client::new(name, &play)).collect();
    let end = play.began + play.target.scale.real(scenario.until);
    let done = tokio::select! {
        biased; // what is done at the end of the time is done
        results = join_all(clients.iter().zip(&names).map(|(client, name)| client.follow(steps(name)))) => results,
        // A step that waits for a session that never comes is no reason to wait longer.
        () = tokio::time::sleep_until(end) => Vec::new(),
    };
    let skipped = done.into_iter().sum::<Result<usize, PlayError>>()?;
    tokio::time::sleep_until(end).await;
    Ok(Played { clients, skipped })
}

impl Played {
    /// The clients close their connections.
    pub async fn leave(self) {
        for client in &self.clients {
            client.leave().await;
        }
    }
}

impl Play {
    /// The time of the script.
    fn now(&self) -> Millis {
        self.target.scale.scripted(self.began.elapsed())
    }

    fn tell(&self, client: &str, what: What) {
        (self.tell)(Said { at: self.now(), client: client.to_owned(), what });
    }
}

impl Scale {
    /// A slower one.
    pub fn times(self, factor: u32) -> Self {
        Self(self.0 * f64::from(factor))
    }

    /// How long a time of the script really is.
    pub fn real(self, length: Millis) -> Duration {
        Duration::from_millis(length.0).mul_f64(self.0)
    }

    /// How long a real time is in the script.
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
