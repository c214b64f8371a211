//! The load: many clients with the same behaviour.
//!
//! They connect, create sessions, prompt each of them, drop all at once with some turns running, reconnect
//! within the grace, resume their sessions, and receive the ends of the turns. Each phase is measured separately.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::client::{Client, Turn, TurnTiming};
use crate::endpoint::Running;
use crate::machine;
use crate::options::Options;
use crate::phase::Phase;
use crate::report::{Measured, Memory};

/// How long an endpoint must be idle before its memory is read, and the upper bound of that wait.
const QUIET: Duration = Duration::from_millis(500);
const LOOKS_MAX: u32 = 40;

/// The attempts of a reconnecting client, and the delay between them.
const KNOCKS_MAX: u32 = 100;
const BETWEEN_KNOCKS: Duration = Duration::from_millis(100);

/// A client and its sessions.
pub(crate) struct Member {
    client: Client,
    sessions: Vec<Known>,
}

/// A session's runtime id and stored id.
#[derive(Clone)]
struct Known {
    live: String,
    stored: String,
}

/// A client that has reconnected and resumed its sessions.
struct Returned {
    member: Member,
    /// The number of sessions that kept their runtime id.
    found: usize,
    /// The turn that was running at the drop.
    turn: Option<Turn>,
}

/// Runs the phases against an endpoint; the clients stay connected until its end.
pub(crate) async fn load(endpoint: &Running, options: &Options) -> Result<(Measured, Vec<Member>), String> {
    let at_once = options.at_once;
    warm_up(endpoint).await?;
    let mut memory = Memory { rest: settled(endpoint).await, ..Memory::default() };

    let (connect, clients) =
        Phase::run((endpoint, "connect"), at_once, 0..options.connections, |_| arrive(endpoint)).await;
    memory.connected = settled(endpoint).await;
    let create = |client| create(client, options.sessions);
    let (create, members) = Phase::run((endpoint, "create"), at_once, clients, create).await;
    memory.idle = settled(endpoint).await;

    let (first, _) = Phase::run((endpoint, "first prompts"), at_once, sessions(&members), prompt).await;
    let (second, _) = Phase::run((endpoint, "second prompts"), at_once, sessions(&members), prompt).await;
    memory.used = settled(endpoint).await;
    memory.threads = machine::threads_of(endpoint.pid());
    let steady = steadily(endpoint, options, &members).await;

    let working = options.working.min(members.len());
    let (work, _turns) = Phase::run((endpoint, "running turns"), at_once, &members[..working], begin_work).await;
    // Dropped connections close at the next poll of their tasks. The clients reconnect without waiting for the endpoint.
    let left: Vec<Vec<Known>> = members.into_iter().map(|Member { sessions, .. }| sessions).collect();
    tokio::task::yield_now().await;
    let back = |(number, sessions)| come_back(endpoint, sessions, number < working);
    let (storm, returned) =
        Phase::run((endpoint, "drop and storm"), options.connections, left.into_iter().enumerate(), back).await;
    let found = returned.iter().map(|returned| returned.found).sum();
    let (members, turns): (Vec<Member>, Vec<Option<Turn>>) =
        returned.into_iter().map(|returned| (returned.member, returned.turn)).unzip();
    let (ends, _) =
        Phase::run((endpoint, "ends of those turns"), working, turns.into_iter().flatten(), end_of_work).await;
    let (last, _) = Phase::run((endpoint, "last prompts"), at_once, sessions(&members), prompt).await;

    let rest = Measured::default();
    let measured = Measured { connect, create, first, second, steady, work, storm, ends, last, found, memory, ..rest };
    Ok((measured, members))
}

/// Runs one session as a warm-up.
async fn warm_up(endpoint: &Running) -> Result<(), String> {
    let (_, client) = arrive(endpoint).await?;
    let (_, member) = create(client, 1).await?;
    prompt((&member.client, &member.sessions[0])).await?;
    member.client.call("session.close", json!({"session_id": member.sessions[0].live})).await?;
    Ok(())
}

async fn arrive(endpoint: &Running) -> Result<(Duration, Client), String> {
    let started = Instant::now();
    let client = Client::connect(endpoint.address, &endpoint.path).await?;
    Ok((started.elapsed(), client))
}

/// Creates a client's sessions, one after the other.
async fn create(client: Client, count: usize) -> Result<(Duration, Member), String> {
    let started = Instant::now();
    let mut sessions = Vec::new();
    for _ in 0..count {
        let created = client.call("session.create", json!({"cols": 80})).await?;
        sessions.push(Known { live: text(&created, "session_id")?, stored: text(&created, "stored_session_id")? });
    }
    Ok((started.elapsed() / count.max(1) as u32, Member { client, sessions }))
}

/// All sessions with their clients, interleaved: the first of each client, then the second of each.
fn sessions(members: &[Member]) -> impl Iterator<Item = (&Client, &Known)> {
    let most = members.iter().map(|member| member.sessions.len()).max().unwrap_or_default();
    (0..most).flat_map(move |place| {
        members.iter().filter_map(move |member| Some((&member.client, member.sessions.get(place)?)))
    })
}

/// Prompts a session and measures the time to the first event.
async fn prompt((client, known): (&Client, &Known)) -> Result<(Duration, ()), String> {
    let started = Instant::now();
    let timing = client.prompt(&known.live, "hello").await?.over().await?;
    match timing.complete {
        true => Ok((timing.began - started, ())),
        false => Err("a turn did not complete".to_owned()),
    }
}

/// Sends prompts at an even rate, below saturation.
async fn steadily(endpoint: &Running, options: &Options, members: &[Member]) -> Phase {
    let count = 10 * options.rate as usize;
    let (started, each) = (tokio::time::Instant::now(), Duration::from_secs(1) / options.rate.max(1));
    let due = sessions(members).take(count).zip(0..);
    let (phase, _) = Phase::run((endpoint, "prompts at a steady rate"), count, due, async |(session, number)| {
        tokio::time::sleep_until(started + each * number).await;
        prompt(session).await
    })
    .await;
    phase
}

/// Starts a turn that is still running when its client drops.
async fn begin_work(member: &Member) -> Result<(Duration, Turn), String> {
    let started = Instant::now();
    let turn = member.client.prompt(&member.sessions[0].live, "work").await?;
    Ok((started.elapsed(), turn))
}

/// Reconnects, with retries, and resumes all sessions.
async fn come_back(endpoint: &Running, sessions: Vec<Known>, working: bool) -> Result<(Duration, Returned), String> {
    let started = Instant::now();
    let client = knock(endpoint).await?;
    let turn = working.then(|| client.listen(&sessions[0].live));
    let resumed = sessions.iter().map(|known| client.call("session.resume", json!({"session_id": known.stored})));
    let resumed = try_join_all(resumed).await?;
    // A turn that ended before the client was back sends no end event: the answer to the resume says that it is over.
    let turn = turn.filter(|_| resumed[0]["running"] != false);
    let live = resumed.iter().map(|resumed| text(resumed, "session_id")).collect::<Result<Vec<String>, String>>()?;
    let found = live.iter().zip(&sessions).filter(|(live, known)| **live == known.live).count();
    let known = live.into_iter().zip(sessions).map(|(live, known)| Known { live, ..known }).collect();
    Ok((started.elapsed(), Returned { member: Member { client, sessions: known }, found, turn }))
}

async fn knock(endpoint: &Running) -> Result<Client, String> {
    let mut refused = String::new();
    for _ in 0..KNOCKS_MAX {
        match arrive(endpoint).await {
            Ok((_, client)) => return Ok(client),
            Err(error) => refused = error,
        }
        tokio::time::sleep(BETWEEN_KNOCKS).await;
    }
    Err(format!("not reconnected: {refused}"))
}

async fn end_of_work(turn: Turn) -> Result<(Duration, ()), String> {
    let started = Instant::now();
    let TurnTiming { complete, .. } = turn.over().await?;
    match complete {
        true => Ok((started.elapsed(), ())),
        false => Err("a running turn did not complete after its client was lost".to_owned()),
    }
}

/// The memory of an idle endpoint.
async fn settled(endpoint: &Running) -> u64 {
    for _ in 0..LOOKS_MAX {
        let before = machine::time_of(endpoint.pid());
        tokio::time::sleep(QUIET).await;
        if machine::time_of(endpoint.pid()).saturating_sub(before) < QUIET / 10 {
            break;
        }
    }
    machine::memory_of(endpoint.pid())
}

fn text(answer: &Value, key: &str) -> Result<String, String> {
    answer[key].as_str().map(str::to_owned).ok_or_else(|| format!("no `{key}` in {answer}"))
}
