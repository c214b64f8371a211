//! Plays the clients of a scenario over real sockets in real time, against a gateway in this process or
//! elsewhere.
//!
//! In the order of a play: [`unplayable`] finds steps that only a simulator can perform, `client` follows the script,
//! `socket` carries its frames, [`rows`] reads the database and compares it. [`served`] also starts the gateway, in
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
    names: Names,
    began: Instant,
    tell: Tell,
}

/// A play at the end of its script, with clients still connected.
pub struct Played {
    clients: Vec<Rc<Client>>,
    /// The number of skipped steps.
    pub skipped: usize,
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

/// The first step that only a simulator can perform, with the reason.
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
        biased; // steps at the end of the time are still performed
        results = join_all(clients.iter().zip(&names).map(|(client, name)| client.follow(steps(name)))) => results,
        // A step that waits for a session that never arrives does not extend the play.
        () = tokio::time::sleep_until(end) => Vec::new(),
    };
    let skipped = done.into_iter().sum::<Result<usize, PlayError>>()?;
    tokio::time::sleep_until(end).await;
    Ok(Played { clients, skipped })
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
        self.target.scale.scripted(self.began.elapsed())
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
