//! `session.compress`: replaces the conversation by its summary.

use std::rc::Rc;

use serde_json::{Value, json};

use super::hold;
use super::session::OfSession;
use crate::agent::{CompressError, CompressionMode, Interrupt};
use crate::legacy;
use crate::record::Transcript;
use crate::rpc::{Error, code};
use crate::state::{Gateway, Link, Session};
use crate::storage::rotation;
use crate::store::NewMessage;
use crate::work::build;
use crate::work::prompt;
use crate::work::turn::{self, TurnEnd};

/// A conversation with fewer messages is not compressed.
const MESSAGES_MIN: usize = 4;

/// Compresses the conversation, if it is long enough; then answers.
pub(super) async fn compress(gateway: &Rc<Gateway>, link: &Link, params: &OfSession) -> Result<Value, Error> {
    let session = params.find(gateway)?;
    let interrupt = hold::take(gateway, &session)?;
    let before = session.read(|record| Size::of(&record.transcript));
    let done = match before.messages < MESSAGES_MIN {
        true => Ok(Done::Nothing),
        false => {
            session.begin_compression();
            summarize(gateway, &session, &interrupt).await
        }
    };
    let next = hold::release(gateway, link, &session);
    gateway.emit_within(link, &session, "status.update", json!({"kind": "status", "text": "ready"}));
    let answer = done.map(|done| result(gateway, &session, &before, done));
    hold::go_on(gateway, &session, next).await;
    answer
}

/// The outcome of a compression.
enum Done {
    /// The conversation is too short.
    Nothing,
    /// An interrupt or an end stopped it.
    Aborted,
    /// The conversation is the summary and its last messages.
    Compressed { summary: String },
}

async fn summarize(gateway: &Rc<Gateway>, session: &Session, interrupt: &Interrupt) -> Result<Done, Error> {
    let failed = |message: String| Error::new(code::COMPRESS_FAILED, format!("compress failed: {message}"));
    build::start(gateway, session);
    let version = session.read(|record| record.transcript.version);
    let agent = match turn::agent_ready(gateway, session, interrupt).await {
        Ok(agent) => agent,
        Err(TurnEnd::Failed { message }) => return Err(failed(message)),
        Err(_) => return Ok(Done::Aborted),
    };
    let summary = match agent.compress(interrupt).await {
        Ok(summary) => summary,
        Err(CompressError::Interrupted) => return Ok(Done::Aborted),
        Err(CompressError::Failed(message)) => return Err(failed(message)),
    };
    if interrupt.is_raised() {
        return Ok(Done::Aborted);
    }
    prompt::store_draft(gateway, session).await.map_err(|error| failed(error.to_string()))?;
    let talk = session.read(|record| record.transcript.clone());
    let (mode, said) = (CompressionMode::Default, summary.clone());
    let compressed = rotation::compress(gateway, session, mode, said).await;
    let before = session.read(|record| record.key.clone());
    gateway.approvals.follow_row(session);
    legacy::title::forget(gateway, session, &before);
    session.change(|record| {
        // Only a session that is not held can have changed meanwhile. Then the transcript is kept, unlike the rows (S28).
        if version != talk.version {
            record.transcript = talk;
        }
        record.transcript.history = record.transcript.messages.len();
    });
    compressed.map_err(|error| failed(error.to_string()))?;
    Ok(Done::Compressed { summary })
}

/// The size of a conversation.
struct Size {
    messages: usize,
    tokens: usize,
}

impl Size {
    fn of(transcript: &Transcript) -> Self {
        let letters = |message: &NewMessage| message.content.as_deref().map_or(0, |text| text.chars().count());
        // An estimate without a tokenizer: four characters a token.
        let tokens = transcript.messages.iter().map(letters).sum::<usize>().div_ceil(4);
        Self { messages: transcript.messages.len(), tokens }
    }
}

fn result(gateway: &Gateway, session: &Session, before: &Size, done: Done) -> Value {
    let (status, summary) = match done {
        Done::Nothing => ("compressed", String::new()),
        Done::Aborted => ("aborted", String::new()),
        Done::Compressed { summary } => ("compressed", summary),
    };
    session.read(|record| {
        let after = Size::of(&record.transcript);
        json!({
            "status": status,
            "removed": before.messages.saturating_sub(after.messages),
            "before_messages": before.messages,
            "after_messages": after.messages,
            "before_tokens": before.tokens,
            "after_tokens": after.tokens,
            "summary": summary,
            "usage": {},
            "info": record.info(&gateway.config.model),
            "messages": record.transcript.shown(),
        })
    })
}
