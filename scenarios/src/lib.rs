//! Plans, the oracle that judges them, and what runs them by the thousand.
//!
//! `Seed --generate--> Plan --run--> World --entries--> Oracle --> Outcome --> Record`.
//! Everything goes through one function, [`run::run`].

pub mod campaign;
pub mod catalog;
pub mod cli;
pub mod conform;
pub mod corpus;
pub mod explain;
pub mod explore;
pub mod film;
pub mod finding;
pub mod generate;
pub mod guided;
pub mod oracle;
pub mod panics;
pub mod perfetto;
pub mod plan;
pub mod points;
pub mod profile;
pub mod run;
pub mod shrink;
mod spans;
pub mod timeline;
pub mod twice;
