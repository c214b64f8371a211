//! The methods of the gateway, by name (spec §4).

mod branch;
mod compress;
mod create;
mod delete;
mod end;
mod events;
mod history;
mod hold;
mod interface;
mod listing;
mod prompt;
mod respond;
mod resume;
mod session;
mod status;
mod steer;
mod title;

use std::rc::Rc;

use serde_json::{Map, Value};

use crate::agent::QuestionKind;
use crate::rpc::{self, Error, code};
use crate::state::{Gateway, Link};

/// Whether a method holds up the connection it came on, or runs beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// The connection's next frame is read after the answer.
    Inline,
    /// The answer may be overtaken by those of later requests.
    Long,
}

/// How a method runs.
pub(crate) fn pace(method: &str) -> Pace {
    match method {
        "session.resume" | "session.branch" | "session.compress" => Pace::Long,
        _ => Pace::Inline,
    }
}

/// Carries out a request.
pub(crate) async fn call(
    gateway: &Rc<Gateway>,
    link: &Link,
    method: &str,
    params: Map<String, Value>,
) -> Result<Value, Error> {
    if gateway.is_stopping() && begins_something(method) {
        return Err(Error::passing(code::RESUME_FAILED, "the gateway is shutting down, retry"));
    }
    match method {
        "session.create" => create::create(gateway, link, rpc::params(params)?),
        "session.resume" => resume::resume(gateway, link, rpc::params(params)?).await,
        "session.activate" => resume::activate(gateway, link, &rpc::params(params)?),
        "session.close" => end::close(gateway, &rpc::params(params)?).await,
        "session.interrupt" => end::interrupt(gateway, &rpc::params(params)?),
        "session.active_list" => listing::active(gateway, &rpc::params(params)?).await,
        "session.list" => listing::stored(gateway, &rpc::params(params)?).await,
        "session.events.since" => events::since(gateway, &rpc::params(params)?),
        "clarify.respond" => respond::respond(gateway, QuestionKind::Clarify, rpc::params(params)?),
        "sudo.respond" => respond::respond(gateway, QuestionKind::Sudo, rpc::params(params)?),
        "secret.respond" => respond::respond(gateway, QuestionKind::Secret, rpc::params(params)?),
        "approval.respond" => respond::approve(gateway, rpc::params(params)?),
        "session.most_recent" => listing::most_recent(gateway).await,
        "session.history" => history::shown(gateway, &rpc::params(params)?),
        "session.undo" => history::undo(gateway, link, &rpc::params(params)?).await,
        "session.title" => title::title(gateway, rpc::params(params)?).await,
        "session.steer" => steer::steer(gateway, link, &rpc::params(params)?),
        "session.status" => status::status(gateway, &rpc::params(params)?),
        "session.usage" => status::usage(gateway, &rpc::params(params)?),
        "session.compress" => compress::compress(gateway, link, &rpc::params(params)?).await,
        "session.branch" => branch::branch(gateway, link, rpc::params(params)?).await,
        "session.delete" => delete::delete(gateway, rpc::params(params)?).await,
        "prompt.submit" => prompt::submit(gateway, link, rpc::params(params)?).await,
        "setup.status" => Ok(interface::setup()),
        "config.get" => interface::config(gateway, &rpc::params(params)?),
        "commands.catalog" => Ok(interface::commands()),
        "complete.slash" | "complete.path" => Ok(interface::completions()),
        "pet.cells" => Ok(interface::pet()),
        "input.detect_drop" => interface::dropped(gateway, &rpc::params(params)?),
        unknown => Err(Error::new(code::UNKNOWN_METHOD, format!("unknown method `{unknown}`"))),
    }
}

/// Whether a method would leave something to end behind.
fn begins_something(method: &str) -> bool {
    matches!(method, "session.create" | "session.resume" | "session.branch" | "session.compress" | "prompt.submit")
}
