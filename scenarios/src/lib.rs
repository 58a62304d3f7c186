//! Plans, the oracle that judges them, and what runs them by the thousand.

pub mod generate;
pub mod oracle;
pub mod plan;
pub mod points;
pub mod profile;
pub mod run;
