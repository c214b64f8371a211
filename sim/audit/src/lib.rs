//! Judges the rows of a gateway's `state.db` by claims that hold in a sound one.
//!
//! In the order an audit goes through them: `open` finds a way to read the file that changes and creates nothing, with a
//! `lock` for the time of the look, `schema` asks which columns it has, `row` reads the sessions, `scan` streams each `message`
//! through `transcript`, `lineage` looks at the chains of rows, `keys` at what refers to nothing. `judge` makes a [`Finding`] of
//! each claim that does not hold, with the `pattern` that `sim find` takes and the `repair` of a safe kind. Start at
//! [`audit`](audit()); the claims are in [`Kind`].

mod audit;
mod error;
mod finding;
mod judge;
mod keys;
mod kind;
mod lineage;
mod lock;
mod message;
mod open;
mod pattern;
mod repair;
mod row;
mod scan;
mod schema;
mod transcript;

pub use audit::{Audit, Count, NotJudged, Options, Sources, Texts, Unclear, audit};
pub use error::AuditError;
pub use finding::{Finding, ListedRow, Quote};
pub use kind::{Defect, Kind};
pub use message::{Columns, Message, Part};
pub use open::Read;
pub use pattern::SEARCHED_REASONS;
pub use repair::script;
pub use row::is_of_another_program;
pub use schema::Writer;
pub use transcript::{Talk, Transcript};
