//! What old releases count in the answer to a resume: the messages of the earlier rows of the chain too.

use crate::lifecycle::resume::Service;
use crate::record::Record;
use crate::state::Gateway;
use crate::store::{NewMessage, Role, StoreError, StoredId};

/// The longest chain that old releases follow, in rows.
const ROWS_MAX: usize = 100;

/// The messages that a client displays after a resume of `row`, whose messages are `own`, oldest first. A resume that only
/// reads displays one row.
pub(crate) async fn displayed(
    gateway: &Gateway,
    row: &StoredId,
    service: Service,
    own: &[NewMessage],
) -> Result<Vec<NewMessage>, StoreError> {
    let mut messages = match service {
        Service::Lazy => Vec::new(),
        Service::Full | Service::Eager => earlier(gateway, row).await?,
    };
    messages.extend_from_slice(own);
    Ok(without_repeats(messages))
}

/// The `message_count` of an answer that covers the chain. `displayed` is the number of messages that a client displays;
/// `None` if the session was live: then all messages count.
pub(crate) fn message_count(record: &Record, displayed: Option<usize>) -> usize {
    match (displayed, &record.turn) {
        (Some(displayed), _) => displayed,
        (None, Some(turn)) => record.details.earlier + turn.began_with,
        (None, None) => record.details.earlier + record.transcript.messages.len(),
    }
}

/// The messages of the rows that `row` continues or is a branch of, oldest first.
async fn earlier(gateway: &Gateway, row: &StoredId) -> Result<Vec<NewMessage>, StoreError> {
    let mut chain = vec![row.clone()];
    while chain.len() < ROWS_MAX {
        let last = gateway.rows.session(chain[chain.len() - 1].clone()).await?;
        match last.and_then(|row| row.parent) {
            Some(parent) if !chain.contains(&parent) => chain.push(parent),
            _ => break,
        }
    }
    let mut messages = Vec::new();
    for row in chain.drain(1..).rev() {
        messages.extend(gateway.rows.messages(row).await?.into_iter().map(|row| row.message));
    }
    Ok(messages)
}

/// `messages` without prompts that repeat an earlier one with no text or call of the agent in between: old releases take
/// them for replayed.
fn without_repeats(messages: Vec<NewMessage>) -> Vec<NewMessage> {
    let mut kept: Vec<NewMessage> = Vec::new();
    for message in messages {
        let speaks = |earlier: &&NewMessage| {
            earlier.role == Role::Assistant
                && (earlier.tool_calls.is_some() || earlier.content.as_ref().is_some_and(|text| !text.is_empty()))
        };
        let mut since = kept.iter().rev().take_while(|earlier| !speaks(earlier));
        let repeats = message.role == Role::User
            && since.any(|earlier| earlier.role == Role::User && earlier.content == message.content);
        if !repeats {
            kept.push(message);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;

    /// A prompt that is repeated after a failed turn is displayed once; one that was answered in between, twice.
    #[test]
    fn repeated_prompts_are_displayed_once() {
        let message = |(role, text): &(Role, &str)| NewMessage::text(*role, *text, Wall(0));
        let displayed = |said: &[(Role, &str)]| without_repeats(said.iter().map(message).collect()).len();
        use Role::{Assistant, Tool, User};
        assert_eq!(displayed(&[(User, "a"), (User, "a")]), 1);
        assert_eq!(displayed(&[(User, "a"), (User, "b"), (Tool, "ok"), (User, "a")]), 3);
        assert_eq!(displayed(&[(User, "a"), (Assistant, "done"), (User, "a")]), 3);
        assert_eq!(displayed(&[(User, "a"), (Assistant, ""), (User, "a")]), 2);
    }
}
