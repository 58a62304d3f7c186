//! Which behaviour of the core is run.

use serde::{Deserialize, Serialize};

/// The seed's behaviour, or the repaired one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// As QEMU's code does it, wrong or not.
    Seed,
    /// Every invariant holds.
    #[default]
    Hardened,
}

impl Profile {
    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Hardened => "hardened",
        }
    }
}
