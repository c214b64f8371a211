//! Pages about runs, campaigns and audits. Each is one HTML file without links to others, so it works from a folder, in a mail and
//! without a network.
//!
//! `play` turns the report of a run into lanes, events and states; [`run`], [`campaign`] and [`audit`] are the pages, each with a
//! template; `graph` places the states of a coverage graph; `parts` is what pages share; `embed` puts data into
//! a page. The same input gives the same bytes.

pub mod audit;
pub mod campaign;
mod embed;
mod graph;
mod parts;
mod play;
pub mod run;

pub use parts::{ClaimLine, Copied, quoted};
