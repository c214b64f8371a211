//! The messages whose last write the store has refused, and has said so. A later write that is committed settles them.
//!
//! Messages of a conversation are stored in their order. So those that come after a refused one wait with it, until a write
//! of the conversation is committed.

use std::collections::BTreeMap;

use gateway_core::clock::Uptime;
use gateway_core::store::{NewMessage, StoredId, Write};

use super::messages::appeared;

/// The refusals, by the first row of their conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Refused {
    messages: BTreeMap<StoredId, Vec<RefusedMessage>>,
    /// Those that a client has cut off the conversation since, by an undo or a truncation: no later write stores them.
    cut: BTreeMap<StoredId, Vec<NewMessage>>,
    /// When writes were refused, oldest first.
    times: BTreeMap<StoredId, Vec<Uptime>>,
    /// When writes of what clients have submitted were refused and why, oldest first.
    pub(super) inputs: BTreeMap<StoredId, Vec<(Uptime, Why)>>,
}

/// Why a write was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Another process held the database, for less time than the gateway promises to wait.
    ShortLock,
    /// For any other reason.
    Failure,
}

/// A message that is not stored, because the store refused it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RefusedMessage {
    /// The message as it was to be written.
    pub(crate) message: NewMessage,
    /// When the store refused it last.
    pub(crate) at: Uptime,
    /// Whether no write of the conversation was committed since: what came after it waits too.
    pub(crate) is_last: bool,
}

impl Refused {
    /// The refused messages of a conversation, in the order of their first refusal.
    pub(super) fn of(&self, first: &StoredId) -> &[RefusedMessage] {
        self.messages.get(first).map_or(&[], Vec::as_slice)
    }

    /// How many messages like it the store has refused, those included that were cut off since; any number while a refused
    /// write waits to be repeated.
    pub(super) fn like(&self, first: &StoredId, is_it: impl Fn(&NewMessage) -> bool) -> usize {
        let refused = self.of(first);
        if refused.iter().any(|refused| refused.is_last) {
            return usize::MAX / 2;
        }
        refused
            .iter()
            .map(|refused| &refused.message)
            .chain(self.cut_off(first))
            .filter(|message| is_it(message))
            .count()
    }

    /// The refused messages of a conversation that were cut off since.
    pub(super) fn cut_off(&self, first: &StoredId) -> &[NewMessage] {
        self.cut.get(first).map_or(&[], Vec::as_slice)
    }

    /// How many writes of a conversation were refused from this instant on.
    pub(super) fn since(&self, first: &StoredId, from: Uptime) -> usize {
        self.times.get(first).into_iter().flatten().filter(|at| **at >= from).count()
    }

    /// Records that the store has refused a write of these messages.
    pub(super) fn note(&mut self, first: &StoredId, messages: &[NewMessage], at: Uptime) {
        self.times.entry(first.clone()).or_default().push(at);
        let refused = self.messages.entry(first.clone()).or_default();
        for message in messages {
            match refused.iter_mut().find(|known| known.message == *message) {
                Some(known) => (known.at, known.is_last) = (at, true),
                None => refused.push(RefusedMessage { message: message.clone(), at, is_last: true }),
            }
        }
    }

    /// Records that a write to a conversation was committed. `before` are the messages of its row before the write.
    pub(super) fn apply(&mut self, write: &Write, first: &StoredId, before: &[NewMessage]) {
        match write {
            // A prompt that is tried again has the time of the try.
            Write::StartTurn { messages, .. } => self
                .settle(first, messages, |known, stored| known.role == stored.role && known.content == stored.content),
            Write::Append { messages, .. } => self.settle(first, messages, NewMessage::eq),
            Write::ReplaceMessages { messages, .. } if self.messages.contains_key(first) => {
                self.settle(first, &appeared(before, messages), NewMessage::eq);
                let left = self.messages.remove(first).unwrap_or_default();
                self.cut.entry(first.clone()).or_default().extend(left.into_iter().map(|known| known.message));
            }
            _ => {}
        }
    }

    /// Each stored message settles one that is like it.
    fn settle(
        &mut self,
        first: &StoredId,
        messages: &[NewMessage],
        is_like: impl Fn(&NewMessage, &NewMessage) -> bool,
    ) {
        let Some(refused) = self.messages.get_mut(first) else { return };
        for stored in messages {
            if let Some(place) = refused.iter().position(|known| is_like(&known.message, stored)) {
                refused.remove(place);
            }
        }
        refused.iter_mut().for_each(|known| known.is_last = false);
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::clock::Wall;
    use gateway_core::store::{Replaced, Role};

    use super::*;

    /// A message is refused until a write with it is committed, whatever else is written meanwhile.
    #[test]
    fn a_commit_settles_its_own_messages() {
        let (first, mut refused) = (StoredId::new("a"), Refused::default());
        let [one, two] = ["one", "two"].map(|text| NewMessage::text(Role::User, text, Wall(1)));
        refused.note(&first, std::slice::from_ref(&one), Uptime(1));
        refused.note(&first, &[one.clone(), two.clone()], Uptime(2));
        let times: Vec<Uptime> = refused.of(&first).iter().map(|refused| refused.at).collect();
        assert_eq!(times, [Uptime(2), Uptime(2)]);
        refused.settle(&first, std::slice::from_ref(&two), NewMessage::eq);
        assert_eq!(refused.of(&first).len(), 1);
        assert!(!refused.of(&first)[0].is_last);
        refused.settle(&StoredId::new("b"), std::slice::from_ref(&one), NewMessage::eq);
        assert_eq!(refused.of(&first).len(), 1);
        refused.settle(&first, &[one], NewMessage::eq);
        assert!(refused.of(&first).is_empty());
    }

    /// What a client cuts off before it is stored is no message that a later one with its text and time settles. What the cut
    /// leaves is stored by it.
    #[test]
    fn a_cut_message_is_never_stored() {
        let (first, mut refused) = (StoredId::new("a"), Refused::default());
        let [kept, done] = ["kept", "done"].map(|text| NewMessage::text(Role::Assistant, text, Wall(1)));
        let replace = |messages: &[NewMessage]| Write::ReplaceMessages {
            session: StoredId::new("a"),
            messages: messages.to_vec(),
            replaced: Replaced::Active,
            taken: Vec::new(),
        };
        // An earlier turn had the same answer at the same time.
        refused.note(&first, &[kept.clone(), done.clone()], Uptime(1));
        refused.apply(&replace(&[done.clone(), kept]), &first, std::slice::from_ref(&done));
        assert!(refused.of(&first).is_empty());
        assert_eq!(refused.like(&first, |message| *message == done), 1);
        let again = Write::Append { session: first.clone(), messages: vec![done.clone()], taken: Vec::new() };
        refused.apply(&again, &first, std::slice::from_ref(&done));
        refused.note(&first, std::slice::from_ref(&done), Uptime(2));
        assert_eq!(refused.of(&first).len(), 1);
    }
}
