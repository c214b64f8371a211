//! The work on prompts: a turn from its claim to its end, its agent, its questions, its background jobs and reviews.

pub(crate) mod build;
pub(crate) mod calls;
pub(crate) mod model;
pub(crate) mod notice;
pub(crate) mod opening;
pub(crate) mod prompt;
pub(crate) mod question;
pub(crate) mod review;
pub(crate) mod silence;
pub(crate) mod size;
pub(crate) mod turn;
