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
mod keyed;
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
pub enum Pace {
    /// The connection's next frame is read after the answer.
    Inline,
    /// The connection's next frame is read after the answer, or after five seconds. Then the answer may be overtaken.
    Bounded,
    /// The answer may be overtaken by those of later requests.
    Long,
}

/// Whether a method starts work that a shutdown would have to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// It does. Such methods are refused while the gateway shuts down.
    Begins,
    /// It only continues existing work, and is served until the end.
    Continues,
}

/// Declares [`Method`]: its description, variant, name, pace and work.
macro_rules! methods {
    ($($(#[doc = $about:literal])+ $variant:ident $name:literal $pace:ident $work:ident,)+) => {
        /// A method of the gateway.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Method {
            $($(#[doc = $about])+ $variant,)+
        }

        impl Method {
            /// Every method, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in a request.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it does, in one sentence.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($about),+).trim_ascii(),)+
                }
            }

            /// Whether it delays the connection's later requests.
            pub const fn pace(self) -> Pace {
                match self {
                    $(Self::$variant => Pace::$pace,)+
                }
            }

            const fn work(self) -> Work {
                match self {
                    $(Self::$variant => Work::$work,)+
                }
            }
        }
    };
}

methods! {
    /// Creates a session for the client. Its row is written with its first prompt.
    Create "session.create" Inline Begins,
    /// Resumes a stored or live session.
    Resume "session.resume" Long Begins,
    /// Attaches the client to a live session.
    Activate "session.activate" Inline Continues,
    /// Ends a session: stops its turn, ends its row, removes it from memory.
    Close "session.close" Bounded Continues,
    /// Interrupts the running turn of a session.
    Interrupt "session.interrupt" Inline Continues,
    /// Lists the live sessions, those in memory, with their states.
    ActiveList "session.active_list" Inline Continues,
    /// Lists the stored sessions: conversations that have a row.
    List "session.list" Inline Continues,
    /// Replays the events after a sequence number.
    EventsSince "session.events.since" Inline Continues,
    /// Answers a question of the agent.
    RespondClarify "clarify.respond" Inline Continues,
    /// Answers a request for a password.
    RespondSudo "sudo.respond" Inline Continues,
    /// Answers a request for a secret.
    RespondSecret "secret.respond" Inline Continues,
    /// Allows or denies a command.
    RespondApproval "approval.respond" Inline Continues,
    /// Returns the session that was active last.
    MostRecent "session.most_recent" Inline Continues,
    /// Returns the messages of a session.
    History "session.history" Inline Continues,
    /// Removes the last exchange of a session.
    Undo "session.undo" Inline Continues,
    /// Reads or sets the title of a session.
    Title "session.title" Inline Continues,
    /// Adds a message to the running turn of a session.
    Steer "session.steer" Inline Continues,
    /// Returns the state of a session.
    Status "session.status" Inline Continues,
    /// Returns the token counts of a session.
    Usage "session.usage" Inline Continues,
    /// Replaces the messages of a session by a summary.
    Compress "session.compress" Long Begins,
    /// Creates a session with the messages of another one.
    Branch "session.branch" Long Begins,
    /// Deletes a stored conversation.
    Delete "session.delete" Inline Continues,
    /// Submits a prompt: starts a turn, or does what `busy_input_mode` says if one runs.
    Prompt "prompt.submit" Inline Begins,
    /// Returns whether the gateway is set up.
    SetupStatus "setup.status" Inline Continues,
    /// Returns settings that a terminal UI reads at its start.
    Config "config.get" Inline Continues,
    /// Returns the catalog of slash commands, which is empty here.
    Commands "commands.catalog" Inline Continues,
    /// Completes a slash command. There are none, so the list is empty.
    CompleteSlash "complete.slash" Inline Continues,
    /// Completes a path. The gateway reads no files, so the list is empty.
    CompletePath "complete.path" Inline Continues,
    /// Returns the picture of a pet for the UI, which has none here.
    Pet "pet.cells" Inline Continues,
    /// Answers whether pasted text is a dropped file.
    DetectDrop "input.detect_drop" Inline Continues,
}

impl Method {
    /// The method with this name; none if there is no such method.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.name() == name)
    }
}

/// Carries out a request.
pub(crate) async fn call(
    gateway: &Rc<Gateway>,
    link: &Link,
    name: &str,
    params: Map<String, Value>,
) -> Result<Value, Error> {
    let Some(method) = Method::named(name) else {
        return Err(Error::new(code::UNKNOWN_METHOD, format!("unknown method `{name}`")));
    };
    if gateway.is_stopping() && method.work() == Work::Begins {
        return Err(Error::passing(code::RESUME_FAILED, "the gateway is shutting down, retry"));
    }
    match method {
        Method::Create => create::create(gateway, link, rpc::params(params)?),
        Method::Resume => resume::resume(gateway, link, rpc::params(params)?).await,
        Method::Activate => resume::activate(gateway, link, &rpc::params(params)?),
        Method::Close => end::close(gateway, &rpc::params(params)?).await,
        Method::Interrupt => end::interrupt(gateway, &rpc::params(params)?).await,
        Method::ActiveList => listing::active(gateway, &rpc::params(params)?).await,
        Method::List => listing::stored(gateway, &rpc::params(params)?).await,
        Method::EventsSince => events::since(gateway, &rpc::params(params)?),
        Method::RespondClarify => respond::respond(gateway, QuestionKind::Clarify, rpc::params(params)?),
        Method::RespondSudo => respond::respond(gateway, QuestionKind::Sudo, rpc::params(params)?),
        Method::RespondSecret => respond::respond(gateway, QuestionKind::Secret, rpc::params(params)?),
        Method::RespondApproval => respond::approve(gateway, link, rpc::params(params)?),
        Method::MostRecent => listing::most_recent(gateway).await,
        Method::History => history::shown(gateway, &rpc::params(params)?),
        Method::Undo => history::undo(gateway, link, &rpc::params(params)?).await,
        Method::Title => title::title(gateway, rpc::params(params)?).await,
        Method::Steer => steer::steer(gateway, link, &rpc::params(params)?).await,
        Method::Status => status::status(gateway, &rpc::params(params)?),
        Method::Usage => status::usage(gateway, &rpc::params(params)?),
        Method::Compress => compress::compress(gateway, link, &rpc::params(params)?).await,
        Method::Branch => branch::branch(gateway, link, rpc::params(params)?).await,
        Method::Delete => delete::delete(gateway, rpc::params(params)?).await,
        Method::Prompt => prompt::submit(gateway, link, rpc::params(params)?).await,
        Method::SetupStatus => Ok(interface::setup()),
        Method::Config => interface::config(gateway, &rpc::params(params)?),
        Method::Commands => Ok(interface::commands()),
        Method::CompleteSlash | Method::CompletePath => Ok(interface::completions()),
        Method::Pet => Ok(interface::pet()),
        Method::DetectDrop => interface::dropped(gateway, &rpc::params(params)?),
    }
}
