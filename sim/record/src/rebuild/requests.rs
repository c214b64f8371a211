//! A request as a step.

use serde_json::Value;

use crate::reduce::shown;
use sim_scenario::{OnDisconnect, RequestStep, ResumeMode, Start};

/// The step of a request about a session that has a name; `None` if no step is such a request, or if it names another session
/// in another way (`session.create`, `session.resume`, `session.delete`, `prompt.submit`, answers).
pub(super) fn of_session(method: &str, session: String, params: &Value) -> Option<RequestStep> {
    Some(match method {
        "session.activate" => RequestStep::Activate { session },
        "session.close" => RequestStep::CloseSession { session },
        "session.interrupt" => RequestStep::Interrupt { session },
        "session.title" => RequestStep::Title { session, title: params.get("title").map(shown) },
        "session.history" => RequestStep::History { session },
        "session.status" => RequestStep::Status { session },
        "session.usage" => RequestStep::Usage { session },
        "session.undo" => RequestStep::Undo { session },
        "session.steer" => RequestStep::Steer { session, text: shown(&params["text"]) },
        "session.compress" => RequestStep::Compress { session },
        "session.events.since" => RequestStep::EventsSince { session, last_seen: params["last_seen"].as_u64() },
        _ => return None,
    })
}

/// The step of a request about no session.
pub(super) fn of_none(method: &str) -> Option<RequestStep> {
    match method {
        "session.most_recent" => Some(RequestStep::MostRecent),
        "session.active_list" => Some(RequestStep::ActiveList),
        "session.list" => Some(RequestStep::List),
        _ => None,
    }
}

/// `session.create`. `parent` is the name of the session that it branches from.
pub(super) fn create(name: String, parent: Option<String>, params: &Value) -> RequestStep {
    let text = |key: &str| params[key].as_str().map(str::to_owned);
    let messages = params["messages"].as_array().into_iter().flatten();
    let seed = messages.filter_map(|message| message.get("content").or(message.get("text"))).map(shown);
    let closes = params["close_on_disconnect"] == true;
    RequestStep::Create {
        name,
        title: params.get("title").map(shown),
        model: text("model"),
        on_disconnect: if closes { OnDisconnect::Close } else { OnDisconnect::Keep },
        start: Start { source: text("source"), parent, seed: seed.collect() },
    }
}

/// How a client resumes.
pub(super) fn mode(params: &Value) -> ResumeMode {
    match (params["lazy"] == true, params["eager_build"] == true) {
        (true, _) => ResumeMode::ReadOnly,
        (false, true) => ResumeMode::ContinueWithAgent,
        (false, false) => ResumeMode::Continue,
    }
}

/// Whether a request only reads, so that one of a kind is enough.
pub(super) fn only_reads(step: &RequestStep) -> bool {
    matches!(
        step,
        RequestStep::History { .. }
            | RequestStep::Status { .. }
            | RequestStep::Usage { .. }
            | RequestStep::MostRecent
            | RequestStep::ActiveList
            | RequestStep::List
            | RequestStep::Title { title: None, .. }
    )
}
