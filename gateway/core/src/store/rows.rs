//! A typed method for each query and transaction of the store.

use std::rc::Rc;

use super::{
    BranchTitle, EndReason, Found, InputId, KeyedAnswer, Left, ListOrder, ListedRow, MessageRow, NewInput, NewMessage,
    NewSession, Pending, Placed, Read, Replaced, SessionRow, Store, StoreError, StoredId, TipRule, Write, Written,
};
use crate::clock::Wall;

/// Typed calls of a [`Store`]. Each method makes its call at once and returns a future of the answer.
#[derive(Clone)]
pub struct Rows(Rc<dyn Store>);

impl Rows {
    /// Typed calls of `store`.
    pub fn new(store: Rc<dyn Store>) -> Self {
        Self(store)
    }

    /// [`Write::CreateSession`]; true if the row is new.
    pub fn create_session(&self, session: NewSession) -> Pending<bool> {
        changed(self.0.write(Write::CreateSession { session }))
    }

    /// Makes the call [`Write::StartTurn`] for a prompt that did not wait and has no key.
    pub fn start_turn(&self, session: NewSession, messages: Vec<NewMessage>) -> Pending<Written> {
        self.start_turn_of(session, messages, Vec::new(), None)
    }

    /// Makes the call [`Write::StartTurn`].
    pub fn start_turn_of(
        &self,
        session: NewSession,
        messages: Vec<NewMessage>,
        taken: Vec<InputId>,
        keyed: Option<KeyedAnswer>,
    ) -> Pending<Written> {
        self.0.write(Write::StartTurn { session, messages, taken, keyed })
    }

    /// Makes the call [`Write::Append`] for messages that hold no accepted input.
    pub fn append(&self, session: StoredId, messages: Vec<NewMessage>) -> Pending<Written> {
        self.append_taking(session, messages, Vec::new())
    }

    /// Makes the call [`Write::Append`].
    pub fn append_taking(&self, session: StoredId, messages: Vec<NewMessage>, taken: Vec<InputId>) -> Pending<Written> {
        self.0.write(Write::Append { session, messages, taken })
    }

    /// Makes the call [`Write::Accept`].
    pub fn accept(&self, input: NewInput, keyed: Option<KeyedAnswer>) -> Pending<Written> {
        self.0.write(Write::Accept { input, keyed })
    }

    /// Makes the call [`Write::Cancel`].
    pub fn cancel(&self, session: StoredId) -> Pending<Written> {
        self.0.write(Write::Cancel { session })
    }

    /// [`Write::End`]; true if this call ended the row.
    pub fn end(&self, session: StoredId, at: Wall, reason: EndReason) -> Pending<bool> {
        changed(self.0.write(Write::End { session, at, reason }))
    }

    /// [`Write::EndOrphan`]; true if this call ended the row.
    pub fn end_orphan(&self, session: StoredId, at: Wall, results: Vec<Placed>) -> Pending<bool> {
        changed(self.0.write(Write::EndOrphan { session, at, results }))
    }

    /// [`Write::Reopen`]; true if there is such a row.
    pub fn reopen(&self, session: StoredId) -> Pending<bool> {
        changed(self.0.write(Write::Reopen { session }))
    }

    /// [`Write::ReopenTip`]; the tip, which is open now if it is `session`; `None` if there is no such session.
    pub fn reopen_tip(&self, session: StoredId) -> Pending<Option<StoredId>> {
        let pending = self.0.write(Write::ReopenTip { session });
        Box::pin(async move { Ok(pending.await?.session) })
    }

    /// Makes the call [`Write::Rotate`].
    pub fn rotate(&self, parent: StoredId, at: Wall, child: NewSession, messages: Vec<NewMessage>) -> Pending<Written> {
        self.0.write(Write::Rotate { parent, at, child, messages })
    }

    /// Makes the call [`Write::ContinueTitle`]; true if the parent has a title.
    pub fn continue_title(&self, session: StoredId, parent: StoredId) -> Pending<bool> {
        changed(self.0.write(Write::ContinueTitle { session, parent }))
    }

    /// Makes the call [`Write::Compact`].
    pub fn compact(&self, session: StoredId, messages: Vec<NewMessage>) -> Pending<Written> {
        self.0.write(Write::Compact { session, messages })
    }

    /// [`Write::SetTitle`]; true if there is such a row.
    pub fn set_title(&self, session: StoredId, title: String) -> Pending<bool> {
        changed(self.0.write(Write::SetTitle { session, title }))
    }

    /// [`Write::SetModel`]; true if there is such a row.
    pub fn set_model(&self, session: StoredId, model: String) -> Pending<bool> {
        changed(self.0.write(Write::SetModel { session, model }))
    }

    /// Makes the call [`Write::NameSession`].
    pub fn name_session(&self, session: NewSession, title: String) -> Pending<Written> {
        self.0.write(Write::NameSession { session, title })
    }

    /// Makes the call [`Write::ReplaceMessages`].
    pub fn replace_messages(
        &self,
        session: StoredId,
        messages: Vec<NewMessage>,
        replaced: Replaced,
        taken: Vec<InputId>,
    ) -> Pending<Written> {
        self.0.write(Write::ReplaceMessages { session, messages, replaced, taken })
    }

    /// Makes the call [`Write::Branch`].
    pub fn branch(&self, child: NewSession, title: BranchTitle, messages: Vec<NewMessage>) -> Pending<Written> {
        self.0.write(Write::Branch { child, title, messages })
    }

    /// [`Write::Delete`]; true if there was such a row.
    pub fn delete(&self, session: StoredId) -> Pending<bool> {
        changed(self.0.write(Write::Delete { session }))
    }

    /// [`Write::DeleteChain`]; true if the conversation was deleted.
    pub fn delete_chain(&self, session: StoredId, rows: Vec<StoredId>) -> Pending<bool> {
        changed(self.0.write(Write::DeleteChain { session, rows }))
    }

    /// Makes the call [`Read::Session`]; `None` if there is no such row.
    pub fn session(&self, id: StoredId) -> Pending<Option<SessionRow>> {
        found(self.0.read(Read::Session { id }), |found| match found {
            Found::Session(row) => Some(row),
            _ => None,
        })
    }

    /// Makes the call [`Read::Titled`]; `None` if no row has the title.
    pub fn titled(&self, title: String) -> Pending<Option<SessionRow>> {
        found(self.0.read(Read::Titled { title }), |found| match found {
            Found::Session(row) => Some(row),
            _ => None,
        })
    }

    /// Makes the call [`Read::Messages`]; empty if there is no such session.
    pub fn messages(&self, session: StoredId) -> Pending<Vec<MessageRow>> {
        found(self.0.read(Read::Messages { session }), |found| match found {
            Found::Messages(rows) => Some(rows),
            _ => None,
        })
    }

    /// Makes the call [`Read::Inputs`]; empty if nothing waits.
    pub fn inputs(&self, session: StoredId) -> Pending<Vec<NewInput>> {
        found(self.0.read(Read::Inputs { session }), |found| match found {
            Found::Inputs(inputs) => Some(inputs),
            _ => None,
        })
    }

    /// Makes the call [`Read::Input`]; true if the input waits.
    pub fn waits(&self, id: InputId) -> Pending<bool> {
        found(self.0.read(Read::Input { id }), |found| match found {
            Found::Inputs(inputs) => Some(!inputs.is_empty()),
            _ => None,
        })
    }

    /// Makes the call [`Read::Keyed`]; `None` if no request had the key.
    pub fn keyed(&self, key: String) -> Pending<Option<KeyedAnswer>> {
        found(self.0.read(Read::Keyed { key }), |found| match found {
            Found::Keyed(answer) => Some(answer),
            _ => None,
        })
    }

    /// Makes the call [`Read::Tip`].
    pub fn tip(&self, session: StoredId, rule: TipRule) -> Pending<StoredId> {
        found(self.0.read(Read::Tip { session, rule }), |found| match found {
            Found::Tip(id) => Some(id),
            _ => None,
        })
    }

    /// Makes the call [`Read::Chain`]; empty if there is no such row.
    pub fn chain(&self, session: StoredId) -> Pending<Vec<StoredId>> {
        found(self.0.read(Read::Chain { session }), |found| match found {
            Found::Chain(rows) => Some(rows),
            _ => None,
        })
    }

    /// Makes the call [`Read::Open`].
    pub fn open(&self) -> Pending<Vec<SessionRow>> {
        found(self.0.read(Read::Open), |found| match found {
            Found::Open(rows) => Some(rows),
            _ => None,
        })
    }

    /// Makes the call [`Read::Left`].
    pub fn left(&self) -> Pending<Left> {
        found(self.0.read(Read::Left), |found| match found {
            Found::Left(left) => Some(left),
            _ => None,
        })
    }

    /// Makes the call [`Read::List`].
    pub fn list(&self, limit: u32, order: ListOrder, rule: TipRule) -> Pending<Vec<ListedRow>> {
        found(self.0.read(Read::List { limit, order, rule }), |found| match found {
            Found::List(rows) => Some(rows),
            _ => None,
        })
    }
}

fn changed(pending: Pending<Written>) -> Pending<bool> {
    Box::pin(async move { Ok(pending.await?.changed > 0) })
}

/// An answer of another kind than the query is a broken store, not an error to handle.
fn found<T: 'static>(pending: Pending<Found>, pick: fn(Found) -> Option<T>) -> Pending<T> {
    Box::pin(async move {
        let found: Result<Found, StoreError> = pending.await;
        Ok(pick(found?).expect("the store answers the question it was asked"))
    })
}
