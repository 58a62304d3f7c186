//! Which behaviour of the core is run.

use colo_core::Quirk;
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

/// A profile, and what it is varied by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// The profile.
    pub profile: Profile,
    /// Defects added to the hardened profile.
    pub added: Added,
}

/// Defects of the seed added to the hardened profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Added {
    /// None.
    #[default]
    Nothing,
    /// These.
    Named(Vec<Quirk>),
    /// Any subset, another one for each seed: one defect can mask another.
    Swarm,
}

impl From<Profile> for Behaviour {
    fn from(profile: Profile) -> Self {
        Self { profile, added: Added::Nothing }
    }
}

impl Behaviour {
    /// Its name in reports, and as command-line arguments.
    pub fn name(&self) -> String {
        match &self.added {
            Added::Nothing => self.profile.name().to_owned(),
            Added::Named(quirks) => {
                let names: Vec<_> = quirks.iter().map(|quirk| quirk.name()).collect();
                format!("{} --quirks {}", self.profile.name(), names.join(","))
            }
            Added::Swarm => format!("{} --quirks swarm", self.profile.name()),
        }
    }

    /// What stands on a command line to have it; nothing for the default.
    pub fn arguments(&self) -> String {
        match (self.profile, &self.added) {
            (Profile::Hardened, Added::Nothing) => String::new(),
            (Profile::Hardened, _) => self.name().trim_start_matches("hardened").to_owned(),
            (Profile::Seed, _) => format!(" --profile {}", self.name()),
        }
    }
}
