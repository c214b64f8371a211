//! Background jobs: the outcome of a job becomes a prompt of the session that started it (spec §5, step 14).
//!
//! Outcomes wait in one list for all sessions, each with its owner. A session takes from it at the end of a job and at
//! the end of each turn, so nothing polls.

use serde_json::json;

use crate::agent::Agent;
use crate::legacy::windows;
use crate::lifecycle::notice::{NoticeClaim, NoticeTiming, Watchers};
use crate::observe::SessionEvent;
use crate::record::{Kept, Queued, SessionStage};
use crate::spawn::Window;
use crate::state::{Gateway, Notice, Session};
use crate::storage::input;

/// A turn has started a job. False if a task waits for the job already.
pub(crate) fn begin(gateway: &Gateway, session: &Session, job: &str) -> bool {
    let is_new = session.change(|record| record.jobs.insert(job.to_owned()));
    is_new || gateway.behavior.notices.watchers() == Watchers::SessionClaimedFirst
}

/// Waits for the end of a job, or of the session. Returns the prompt that has claimed the session, if one has.
pub(crate) async fn outcome(gateway: &Gateway, session: &Session, agent: &dyn Agent, job: String) -> Option<Queued> {
    let text = tokio::select! {
        biased; // a session that ends at the instant of its job has ended
        () = session.until(|record| (record.stage == SessionStage::Finalized).then_some(())) => return None,
        text = agent.outcome(&job) => text,
    };
    session.emit("status.update", json!({"kind": "process", "text": text}));
    gateway.notices.add(Notice { owner: session.clone(), job: job.clone(), text: text.clone(), kept: Kept::Memory });
    windows::pass(gateway, Window::JobOverNotHeard).await;
    let claimed = claim(gateway, session, NoticeTiming::JobOver);
    if claimed.is_none() {
        // It has to wait for a turn, and is stored meanwhile.
        input::keep_notice(gateway, session, &job, text).await;
    }
    claimed
}

/// The oldest outcome that the session takes claims it, unless a turn holds it or it is being ended.
pub(crate) fn claim(gateway: &Gateway, session: &Session, timing: NoticeTiming) -> Option<Queued> {
    let behavior = &gateway.behavior.notices;
    match session.read(|record| behavior.on_notice(record)) {
        NoticeClaim::Take => {}
        NoticeClaim::Leave => return None,
    }
    let takes = |notice: &Notice| behavior.of_owner(notice.owner.is(session), timing) == NoticeClaim::Take;
    let notice = gateway.notices.take(takes)?;
    session.change_with(|record, handles| {
        handles.claim(record, &notice.text, gateway.env.now());
    });
    session.report(SessionEvent::JobTurnClaimed { owner: notice.owner.id() });
    // A job that is watched twice is no prompt the second time, though it has claimed the session (S21).
    let is_first = notice.owner.change(|record| record.jobs.remove(&notice.job));
    if !is_first {
        return None;
    }
    session.report(SessionEvent::PromptsAccepted(1));
    Some(Queued { text: notice.text, link: None, kept: notice.kept, refusals: 0 })
}
