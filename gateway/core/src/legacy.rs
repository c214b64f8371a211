//! What only old releases do. A reader of `current` can leave it out.
//!
//! The behaviour of a release chooses it ([`behavior`](crate::behavior)): `current` keeps the table empty, takes the lock without
//! need, and never calls the rest.

pub(crate) mod approvals;
pub(crate) mod resume_lock;
pub(crate) mod rotation;
