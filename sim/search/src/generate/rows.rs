//! The rows that the database of a generated scenario holds before the gateway starts.

use gateway_core::clock::Millis;
use gateway_core::store::Role;

use super::feature::Feature;
use super::swarm::Swarm;
use interleaving::prng::Prng;
use sim_scenario::{InitialEnd, InitialMessage, InitialSession, Kinship};

/// Sources of this gateway's clients, of other programs, and of a messaging platform.
const SOURCES: [&str; 10] =
    ["tui", "tui", "tui", "desktop", "cli", "cron", "acp", "api_server", "subagent", "telegram"];

/// Draws a few conversations, each of one row or of several.
pub(super) fn draw(prng: &mut Prng, swarm: &Swarm) -> Vec<InitialSession> {
    let mut rows = Vec::new();
    if !swarm.has(Feature::Rows) {
        return rows;
    }
    for place in 0..1 + prng.below(2) {
        conversation(prng, &mut rows, &format!("old{place}"));
    }
    rows
}

fn conversation(prng: &mut Prng, rows: &mut Vec<InitialSession>, id: &str) {
    let source = *prng.one(&SOURCES);
    let mut root = row(prng, id, source, 3600);
    if prng.hits(1, 3) {
        root.title = Some(format!("title of {id}"));
    }
    let (is_continued, has_stranger) = (prng.hits(1, 3), prng.hits(1, 3));
    if is_continued || has_stranger && prng.hits(1, 2) {
        root.end = Some(ended(1800, "compression"));
    }
    let child = |prng: &mut Prng, name: &str, source: &str, started: u64| {
        let parent = Some(id.to_owned());
        InitialSession { parent, ..row(prng, &format!("{id}_{name}"), source, started) }
    };
    let stranger = has_stranger.then(|| child(prng, "other", if source == "cli" { "cron" } else { "cli" }, 2400));
    let next = is_continued.then(|| child(prng, "next", source, 1800));
    let branch = prng.hits(1, 5).then(|| child(prng, "branch", source, 1200));
    rows.push(root);
    rows.extend(stranger);
    rows.extend(next);
    rows.extend(branch.map(|branch| InitialSession { kinship: Kinship::Branch, ..branch }));
}

/// An open or ended row with a short conversation.
fn row(prng: &mut Prng, id: &str, source: &str, started: u64) -> InitialSession {
    let reasons = ["tui_close", "ws_orphan_reap", "session_reset"];
    let reason = *prng.one(&reasons);
    let end = prng.hits(1, 2).then(|| ended(600, reason));
    let model = prng.hits(1, 3).then(|| "vision-exp".to_owned());
    let (source, started) = (source.to_owned(), Millis::from_secs(started));
    InitialSession { source, started, end, model, messages: messages(prng, id), ..InitialSession::new(id) }
}

fn ended(ago: u64, reason: &str) -> InitialEnd {
    InitialEnd { ago: Millis::from_secs(ago), reason: reason.to_owned() }
}

/// A short conversation, which may have been cut off during a call. The ids of its calls are unlike those of other rows, which may continue it.
fn messages(prng: &mut Prng, row: &str) -> Vec<InitialMessage> {
    let id = format!("call_{row}");
    let call = format!(r#"[{{"id":"{id}","type":"function","function":{{"name":"read","arguments":"{{}}"}}}}]"#);
    let mut messages = vec![InitialMessage::text(Role::User, "what is here?")];
    if prng.hits(1, 2) {
        messages.push(InitialMessage { tool_calls: Some(call), ..InitialMessage::text(Role::Assistant, "") });
        if prng.hits(1, 4) {
            return messages;
        }
        messages.push(InitialMessage {
            tool_call_id: Some(id),
            tool_name: Some("read".to_owned()),
            ..InitialMessage::text(Role::Tool, "a file")
        });
    }
    messages.push(InitialMessage::text(Role::Assistant, "a file"));
    messages
}
