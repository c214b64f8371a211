//! The table of those who are asked for leave to run commands, by stored id. Only older releases look into it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::observe::Resource;
use crate::server::Gateway;
use crate::session::Session;
use crate::store::StoredId;

/// Who is asked, by stored id.
#[derive(Default)]
pub(crate) struct Table(RefCell<BTreeMap<StoredId, Session>>);

/// The session's agent is built: from now on its client is asked.
pub(crate) fn enter(gateway: &Gateway, session: &Session) {
    if gateway.behavior.approval.keeps_table() {
        gateway.env.observe.write(Resource::Approvals);
        gateway.approvals.0.borrow_mut().insert(key(session), session.clone());
    }
}

/// The session is over. Whoever stands under its stored id goes, also when that is another session by now (S12).
pub(crate) fn leave(gateway: &Gateway, session: &Session) {
    gateway.env.observe.write(Resource::Approvals);
    gateway.approvals.0.borrow_mut().remove(&key(session));
}

/// Whether the session's client is asked.
pub(crate) fn is_asked(gateway: &Gateway, session: &Session) -> bool {
    gateway.env.observe.read(Resource::Approvals);
    let table = gateway.approvals.0.borrow();
    !gateway.behavior.approval.keeps_table() || table.get(&key(session)).is_some_and(|asked| asked.is(session))
}

/// The session's key becomes the row that its agent writes, and its place in the table goes along.
pub(crate) fn follow_row(gateway: &Gateway, session: &Session) {
    let before = session.change(|record| std::mem::replace(&mut record.key, record.agent.row.clone()));
    gateway.env.observe.write(Resource::Approvals);
    let mut table = gateway.approvals.0.borrow_mut();
    if let Some(asked) = table.remove(&before) {
        table.insert(key(session), asked);
    }
}

fn key(session: &Session) -> StoredId {
    session.read(|record| record.key.clone())
}
