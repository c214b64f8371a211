//! The windows of old releases: gaps between two statements in which other tasks run.

use crate::actor::Actor;
use crate::agent::QuestionKind;
use crate::behavior::Behavior;
use crate::lifecycle::attach::Disconnect;
use crate::lifecycle::claim::{FirstWrite, Liveness, Sections};
use crate::lifecycle::close::Removal;
use crate::lifecycle::finish::FreeTiming;
use crate::lifecycle::grace::TimerKind;
use crate::lifecycle::idle::Victims;
use crate::lifecycle::interrupt::{Answer, BusyInterrupt, InterruptTiming};
use crate::lifecycle::notice::NoticesAtEnd;
use crate::lifecycle::resume::Order;
use crate::lifecycle::review::Fork;
use crate::spawn::Window;
use crate::state::Gateway;

/// Lets other tasks run if the release has this window. Under `current` it is ready at once, as it is in production.
pub(crate) async fn pass(gateway: &Gateway, window: Window) {
    if has(&gateway.behavior, window) {
        gateway.env.window(window).await;
    }
}

/// Whether a release has a window. Where that depends on more than the release, the caller has checked the rest.
fn has(behavior: &Behavior, window: Window) -> bool {
    let removes_before = |actor| behavior.close.removal(actor) != Removal::AfterEnd;
    match window {
        Window::DetachSnapshot => behavior.attach.on_disconnect() == Disconnect::Snapshot,
        Window::FoundNotClaimed => behavior.claim.liveness() == Liveness::NotChecked,
        Window::TestedNotClaimed => behavior.claim.sections() == Sections::TestedThenClaimed,
        Window::ClaimedNotInserted => behavior.claim.first_write() == FirstWrite::RowAlone,
        Window::InterruptOnItsWay => behavior.interrupt.on_busy() == BusyInterrupt::TurnOfTheMoment,
        Window::TurnNotStarted => behavior.interrupt.while_waiting() == InterruptTiming::WhenReadyThenCleared,
        Window::AnsweredNotRead => behavior.interrupt.on_unread(QuestionKind::Clarify) == Answer::Wiped,
        Window::PoppedNotEnded | Window::EndedNotTornDown => {
            removes_before(Actor::Client) || removes_before(Actor::OrphanTimer)
        }
        Window::ReopenedNotRegistered => behavior.resume.order() == Order::ReopenThenRegister,
        Window::ParentEndedChildMissing => {
            behavior.rotation.old_steps().is_some() || behavior.review.fork() == Fork::WritesAndCompresses
        }
        Window::FirstTimerLooked => behavior.grace.timer_kinds().contains(&TimerKind::Rearm),
        Window::VictimChosen => behavior.idle.victims() == Victims::NotTestedAgain,
        Window::JobOverNotHeard => behavior.notices.at_end() == NoticesAtEnd::Keep,
        Window::CompleteStillRunning => behavior.finish.free_timing() == FreeTiming::AfterComplete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Release;

    /// `current` has no window, and each window is one of some release.
    #[test]
    fn only_old_releases_have_windows() {
        for window in Window::ALL {
            let having: Vec<_> = Release::ALL.into_iter().filter(|release| has(&release.behavior(), window)).collect();
            assert!(!having.is_empty() && !having.contains(&Release::Current), "{window:?}: {having:?}");
        }
    }
}
