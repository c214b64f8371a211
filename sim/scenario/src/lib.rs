//! Scenario files: the input of a run, and the form in which a found failure is kept.
//!
//! In the order in which a file is processed: [`find()`] lists the files, `load` reads one, `parse` reads TOML into values
//! with their positions, [`step`] turns the table of a step into an [`Action`], `check` checks what depends on other parts
//! of the file, and `print` writes a [`Scenario`] as TOML. Every mistake in a file is a [`ScenarioError`]. The words of the
//! language are the [`table`].
//!
//! ```
//! use std::path::Path;
//! use sim_scenario::{ConnectionStep, InvariantNames, Memory, Scenario};
//!
//! let names = InvariantNames { known: &[], renamed: &[], renamed_until: "" };
//! let text = r#"
//! about = "A client connects."
//!
//! [[steps]]
//! at = "0s"
//! client = "desktop"
//! do = "connect"
//! "#;
//! let scenario = Scenario::parse(Path::new("scenarios/visit.toml"), text, &names)?;
//! assert_eq!(scenario.name, "visit");
//! assert_eq!(scenario.steps[0].action, ConnectionStep::Connect { memory: Memory::Kept }.into());
//! assert_eq!(Scenario::parse(&scenario.path, &scenario.to_toml(), &names)?, scenario);
//! # Ok::<(), sim_scenario::ScenarioError>(())
//! ```

mod check;
mod entries;
mod error;
mod expected;
mod fact;
mod fault;
mod find;
mod invariant;
mod load;
mod nearest;
mod parse;
mod placed;
mod print;
mod rows;
mod scenario;
mod schema;
mod settings;
mod shape;
pub mod step;
#[cfg(test)]
mod tests;

pub use self::error::ScenarioError;
pub use self::expected::{Expected, ExpectedOutcome, OnSkip};
pub use self::fact::{
    ExpectedFact, ExpectedFrames, ExpectedMemory, ExpectedMessage, ExpectedRows, FactKind, FieldValue, MemoryCount,
    RowColumn, WhichFrames, WhichRows, is_alias,
};
pub use self::fault::{Call, CallSide, Fault, InvalidRatio, Odds, Ratio, StoreFault, Weights};
pub use self::find::{Found, find};
pub use self::invariant::{InvariantNames, Warning};
pub use self::nearest::nearest;
pub use self::rows::{InitialEnd, InitialMessage, InitialSession, Kinship};
pub use self::scenario::Scenario;
pub use self::schema::schema;
pub use self::settings::{
    AgentSettings, Journal, Latency, NetworkSettings, SettingChanges, StoreSettings, Synchronous,
};
pub use self::step::table::{self, Word};
pub use self::step::{
    Action, AnsweredQuestion, ConnectionStep, Jump, Memory, Mentions, Naming, OnDisconnect, PROCESS, Presence,
    ProcessStep, Prompt, RequestStep, ResumeMode, ResumeTarget, SocketStep, Start, Step,
};
