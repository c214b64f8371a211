//! Background jobs: what they have to say when they are over becomes a turn of the session that started them
//! (spec §5, step 14).
//!
//! It waits in one list for all sessions, each entry addressed to its owner. Who looks there is the session at the end
//! of a job and at the end of each turn, so nothing polls.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;

use crate::agent::Agent;
use crate::lifecycle::notice::Moment;
use crate::method::prompt;
use crate::observe::Resource;
use crate::record::{Queued, SessionStage};
use crate::server::Gateway;
use crate::session::Session;
use crate::spawn::{TaskName, Window};

/// What jobs have said and nobody has taken yet, oldest first.
#[derive(Default)]
pub(crate) struct Notices(RefCell<Vec<Notice>>);

/// What one job has said.
struct Notice {
    /// The session that started it.
    owner: Session,
    job: String,
    text: String,
}

impl Notices {
    /// Takes out the oldest that may be taken.
    fn take(&self, may: impl Fn(&Notice) -> bool) -> Option<Notice> {
        let mut notices = self.0.borrow_mut();
        let place = notices.iter().position(may)?;
        Some(notices.remove(place))
    }

    /// Drops what was for a session that is ended.
    pub(crate) fn forget(&self, session: &Session) {
        self.0.borrow_mut().retain(|notice| !notice.owner.is(session));
    }
}

/// Waits for the end of a job that the session's turn has started, unless the session ends first.
pub(crate) fn watch(gateway: &Rc<Gateway>, session: &Session, agent: Rc<dyn Agent>, job: String) {
    let is_new = session.change(|record| record.jobs.insert(job.clone()));
    if !is_new && gateway.behavior.notices.watch_once() {
        return;
    }
    let (watching, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), "job"), async move {
        let text = tokio::select! {
            biased; // a session that ends at the instant of its job has ended
            () = session.until(|record| (record.stage == SessionStage::Finalized).then_some(())) => return,
            text = agent.outcome(&job) => text,
        };
        tell(&watching, &session, job, text).await;
    });
}

/// A job is over: a turn of its session says so, now or after those before it.
async fn tell(gateway: &Rc<Gateway>, session: &Session, job: String, text: String) {
    session.emit("status.update", json!({"kind": "process", "text": text}));
    gateway.env.observe.write(Resource::Notices);
    gateway.notices.0.borrow_mut().push(Notice { owner: session.clone(), job, text });
    if !gateway.behavior.notices.end_with_session() {
        gateway.env.window(Window::JobOverNotHeard).await;
    }
    if let Some(next) = claim(gateway, session, Moment::JobOver) {
        prompt::start_next(gateway, session, next).await;
    }
}

/// The next thing that a job has said claims the session, unless the session is at work or being ended.
pub(crate) fn claim(gateway: &Gateway, session: &Session, moment: Moment) -> Option<Queued> {
    let behavior = &gateway.behavior.notices;
    if !session.read(|record| behavior.may_begin(record)) {
        return None;
    }
    gateway.env.observe.write(Resource::Notices);
    let notice = gateway.notices.take(|notice| behavior.takes(notice.owner.is(session), moment))?;
    session.change_with(|record, handles| {
        handles.claim(record, &notice.text, gateway.env.now());
        if let Some(turn) = &mut record.turn {
            turn.job_of = Some(notice.owner.id().clone());
        }
    });
    // A job has one watcher and is told once, except in the release that lets both claim the session.
    let is_first = notice.owner.change(|record| record.jobs.remove(&notice.job));
    if !is_first {
        return None;
    }
    session.change(|record| record.facts.accepted += 1);
    Some(Queued { text: notice.text, link: None })
}
