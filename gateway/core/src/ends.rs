//! The end of a session: after the orphan grace, an idle time or the cap, with its process, or because a client wants it.

pub(crate) mod deadline;
pub(crate) mod finalize;
pub(crate) mod idle;
pub(crate) mod reaper;
pub(crate) mod startup;
