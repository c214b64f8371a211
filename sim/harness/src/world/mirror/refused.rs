//! The messages whose last write the store has refused, and has said so. A later write that is committed settles them.
//!
//! Messages of a conversation are stored in their order. So those that come after a refused one wait with it, until a write
//! of the conversation is committed.

use std::collections::BTreeMap;

use gateway_core::clock::Uptime;
use gateway_core::store::{NewMessage, StoredId, Write};

/// The refusals, by the first row of their conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Refused {
    messages: BTreeMap<StoredId, Vec<RefusedMessage>>,
    /// When writes were refused, oldest first.
    times: BTreeMap<StoredId, Vec<Uptime>>,
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
    /// Whether a client has cut the conversation since, by an undo or a truncation: no later write stores it by itself.
    is_cut: bool,
}

impl Refused {
    /// The refused messages of a conversation, in the order of their first refusal.
    pub(super) fn of(&self, first: &StoredId) -> &[RefusedMessage] {
        self.messages.get(first).map_or(&[], Vec::as_slice)
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
            match refused.iter_mut().find(|known| !known.is_cut && known.message == *message) {
                Some(known) => (known.at, known.is_last) = (at, true),
                None => refused.push(RefusedMessage { message: message.clone(), at, is_last: true, is_cut: false }),
            }
        }
    }

    /// Records that a write to a conversation was committed.
    pub(super) fn apply(&mut self, write: &Write, first: &StoredId) {
        match write {
            Write::StartTurn { messages, .. } | Write::Append { messages, .. } => self.settle(first, messages),
            Write::ReplaceMessages { .. } => {
                self.messages.get_mut(first).into_iter().flatten().for_each(|known| known.is_cut = true);
            }
            _ => {}
        }
    }

    fn settle(&mut self, first: &StoredId, messages: &[NewMessage]) {
        if let Some(refused) = self.messages.get_mut(first) {
            refused.retain(|known| known.is_cut || !messages.contains(&known.message));
            refused.iter_mut().for_each(|known| known.is_last = false);
        }
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
        refused.settle(&first, std::slice::from_ref(&two));
        assert_eq!(refused.of(&first).len(), 1);
        assert!(!refused.of(&first)[0].is_last);
        refused.settle(&StoredId::new("b"), std::slice::from_ref(&one));
        assert_eq!(refused.of(&first).len(), 1);
        refused.settle(&first, &[one]);
        assert!(refused.of(&first).is_empty());
    }

    /// What a client cuts off before it is stored is no message that a later one with its text and time settles.
    #[test]
    fn a_cut_message_stays_refused() {
        let (first, mut refused) = (StoredId::new("a"), Refused::default());
        let done = NewMessage::text(Role::Assistant, "done", Wall(1));
        refused.note(&first, std::slice::from_ref(&done), Uptime(1));
        refused.apply(
            &Write::ReplaceMessages { session: first.clone(), messages: Vec::new(), replaced: Replaced::Active },
            &first,
        );
        refused
            .apply(&Write::Append { session: first.clone(), messages: vec![done.clone()], taken: Vec::new() }, &first);
        assert_eq!(refused.of(&first).len(), 1);
        refused.note(&first, &[done], Uptime(2));
        assert_eq!(refused.of(&first).len(), 2);
    }
}
