//! Behaviour as a value: what releases do differently, in groups.
//!
//! A group lives in the file of decisions that reads it. In each field the first alternative is the default: reading only
//! first alternatives reads the good gateway.
//! A *planted bug* is [`Behavior::default`] with one field [`set`](Behavior::set) to another alternative.

use crate::group::Group;
pub use crate::group::{Alternative, Field};
use crate::lifecycle::{
    agents, approval, attach, claim, close, events, finish, flush, grace, history, idle, interrupt, lineage, list,
    notice, process, provider, queue, resume, review, rotation, steer, title, writing,
};

/// How a gateway behaves wherever releases differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behavior {
    /// The orphan timer: expiry, piling up, clock.
    pub grace: grace::Grace,
    /// Attachment: which client receives a session's events.
    pub attach: attach::Attach,
    /// Building agents: retries after a failure, late agents.
    pub build: agents::Build,
    /// Bringing a stored session back.
    pub resume: resume::Resume,
    /// Accepting a prompt: busy sessions, liveness, its row.
    pub claim: claim::Claim,
    /// What a model provider accepts: tool calls, roles, empty messages.
    pub provider: provider::Provider,
    /// Prompts that wait for the turn before them.
    pub queue: queue::Queue,
    /// Storing messages: when, in which units, at the end.
    pub flush: flush::Flush,
    /// Going on under another id.
    pub rotation: rotation::Rotation,
    /// Events: replay and open questions.
    pub events: events::Events,
    /// Clients that do not take their frames.
    pub writing: writing::Writing,
    /// Ending sessions: order, running turns, reasons.
    pub close: close::Close,
    /// Idle sessions and the cap on live sessions.
    pub idle: idle::Idle,
    /// Ending turns: when the session is free, failed turns.
    pub finish: finish::Finish,
    /// Interrupts: their target, their time, their answers.
    pub interrupt: interrupt::Stop,
    /// Words to a turn that runs.
    pub steer: steer::Steer,
    /// What background jobs have to say.
    pub notices: notice::Notices,
    /// Reviews in the background.
    pub review: review::Review,
    /// Leave to run a command.
    pub approval: approval::Approval,
    /// Changing what has been said.
    pub history: history::History,
    /// Titles that clients give.
    pub title: title::Title,
    /// Rows and the rows they come from.
    pub lineage: lineage::Lineage,
    /// Listing stored sessions: their order, and the row shown for each.
    pub list: list::List,
    /// The gateway's end: signals and running turns.
    pub shutdown: process::Shutdown,
    /// The gateway's start: rows that an earlier process left open.
    pub startup: process::Startup,
}

/// Earlier spellings of alternatives, which files keep: the field, the old and the new.
const RENAMED: [(&str, &str, &str); 1] = [("interrupt.late", "told", "sent_and_stored")];

impl Behavior {
    /// Sets `group.field` to an alternative; an earlier spelling of one is accepted.
    pub fn set(&mut self, field: &str, alternative: &str) -> Result<(), UnknownBehavior> {
        let renamed = RENAMED.iter().find(|(of, old, _)| (*of, *old) == (field, alternative));
        let alternative = renamed.map_or(alternative, |(.., new)| new);
        let group_and_name = field.split_once('.');
        let set = group_and_name.and_then(|(group, name)| {
            let (_, group) = self.groups().into_iter().find(|known| known.0 == group)?;
            group.set(name, alternative)
        });
        set.ok_or_else(|| self.unknown(field, alternative))
    }

    fn unknown(&self, field: &str, alternative: &str) -> UnknownBehavior {
        let fields = self.fields();
        let (found, known) = (alternative.to_owned(), fields.iter().find(|known| known.name == field));
        match known.map(|known| known.alternatives.iter().map(|known| known.name).collect()) {
            Some(known) => UnknownBehavior::Alternative { field: field.to_owned(), found, known },
            None => UnknownBehavior::Field {
                found: field.to_owned(),
                known: fields.into_iter().map(|known| known.name).collect(),
            },
        }
    }

    /// Every field with its alternatives and its present value.
    pub fn fields(&self) -> Vec<Field> {
        let mut all = Vec::new();
        let mut copy = self.clone();
        for (_, group) in copy.groups() {
            all.extend(group.fields());
        }
        all
    }

    /// Every bug that can be planted, as field and alternative: all ways to behave that are not the default, but those that
    /// are another way and no defect.
    pub fn defects() -> Vec<(String, &'static str)> {
        let defects = |field: Field| {
            let others = field.alternatives.iter().filter(move |way| way.name != field.value && way.harmless.is_none());
            others.map(|way| (field.name.clone(), way.name)).collect::<Vec<_>>()
        };
        Self::default().fields().into_iter().flat_map(defects).collect()
    }

    fn groups(&mut self) -> [(&'static str, &mut dyn ErasedGroup); 25] {
        // Every field is named, so that the compiler misses a new group here.
        let Self {
            grace,
            attach,
            build,
            resume,
            claim,
            provider,
            queue,
            flush,
            rotation,
            events,
            writing,
            close,
            idle,
            finish,
            interrupt,
            steer,
            notices,
            review,
            approval,
            history,
            title,
            lineage,
            list,
            shutdown,
            startup,
        } = self;
        [
            erase(grace),
            erase(attach),
            erase(build),
            erase(resume),
            erase(claim),
            erase(provider),
            erase(queue),
            erase(flush),
            erase(rotation),
            erase(events),
            erase(writing),
            erase(close),
            erase(idle),
            erase(finish),
            erase(interrupt),
            erase(steer),
            erase(notices),
            erase(review),
            erase(approval),
            erase(history),
            erase(title),
            erase(lineage),
            erase(list),
            erase(shutdown),
            erase(startup),
        ]
    }
}

/// [`Group`] without its constant, so that groups of different types fit in one list.
trait ErasedGroup {
    fn fields(&self) -> Vec<Field>;
    fn set(&mut self, field: &str, alternative: &str) -> Option<()>;
}

impl<G: Group> ErasedGroup for G {
    fn fields(&self) -> Vec<Field> {
        Group::fields(self)
    }

    fn set(&mut self, field: &str, alternative: &str) -> Option<()> {
        Group::set(self, field, alternative)
    }
}

fn erase<G: Group>(group: &mut G) -> (&'static str, &mut dyn ErasedGroup) {
    (G::NAME, group)
}

/// An override that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownBehavior {
    /// No field has this name.
    #[error("unknown behavior `{found}`, expected one of {}", list(known))]
    Field {
        /// The name that was given.
        found: String,
        /// The names of all fields.
        known: Vec<String>,
    },
    /// The field has no such alternative.
    #[error("unknown alternative `{found}` of `{field}`, expected one of {}", list(known))]
    Alternative {
        /// The field that was named.
        field: String,
        /// The alternative that was given.
        found: String,
        /// The names of all its alternatives.
        known: Vec<&'static str>,
    },
}

fn list(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default is no defect, and needs no reason for that; what is no defect is not to be found.
    #[test]
    fn defects_are_the_other_ways_that_do_harm() {
        let defects = Behavior::defects();
        for field in Behavior::default().fields() {
            assert_eq!(field.alternatives[0].harmless, None, "{}", field.name);
            for way in &field.alternatives[1..] {
                let is_defect = defects.contains(&(field.name.clone(), way.name));
                assert_eq!(is_defect, way.harmless.is_none(), "{} = {}", field.name, way.name);
            }
        }
        assert!(defects.len() >= 80, "{} defects", defects.len());
    }
}
