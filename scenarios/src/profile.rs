//! Which behaviour of the core is run.

use colo_core::{DiskId, Quirk};
use colo_sim::lying::Lie;
use serde::{Deserialize, Serialize};

use crate::plan::FAULTS;

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
    /// A disk that lies once in the plan of every seed.
    pub lies: Option<Lies>,
    /// What decides the order of events in the plan of every seed; `None` is drawn for each.
    pub schedule: Option<Schedules>,
    /// What lies between the hosts in the plan of every seed; `None` is drawn for each.
    pub topology: Option<Topology>,
    /// Kinds of misfortune that are left out of the plan of every seed.
    pub without: Vec<Fault>,
}

/// A kind of misfortune, by its name in [`FAULTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault(&'static str);

impl Fault {
    /// Its name on the command line and in a plan.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// What is meant by such a name.
    ///
    /// # Errors
    /// Which names there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let known = FAULTS.iter().find(|(known, _)| *known == name);
        known.map(|(known, _)| Self(known)).ok_or_else(|| {
            let names: Vec<_> = FAULTS.iter().map(|(name, _)| *name).collect();
            format!("there is no kind of fault `{name}`; give some of {}", names.join(", "))
        })
    }
}

/// What lies between two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Topology {
    /// A connection: both are in one process of QEMU's, or as good as.
    Single,
    /// A network, with an arbiter.
    Pair,
}

impl Topology {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Pair => "pair",
        }
    }
}

/// What decides the order of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedules {
    /// Latencies.
    Latency,
    /// Chance, at every event.
    Random,
    /// Priorities, with this depth; `None` is drawn for each seed.
    Pct(Option<u32>),
}

impl Schedules {
    /// Its name on the command line.
    pub fn name(self) -> String {
        match self {
            Self::Latency => "latency".to_owned(),
            Self::Random => "random".to_owned(),
            Self::Pct(None) => "pct".to_owned(),
            Self::Pct(Some(depth)) => format!("pct:{depth}"),
        }
    }

    /// What is meant by such a name.
    ///
    /// # Errors
    /// Which names there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let depth = |text: &str| text.parse().ok().filter(|depth| (1..=100).contains(depth));
        match (name, name.strip_prefix("pct:").map(depth)) {
            ("latency", _) => Ok(Self::Latency),
            ("random", _) => Ok(Self::Random),
            ("pct", _) => Ok(Self::Pct(None)),
            (_, Some(Some(depth))) => Ok(Self::Pct(Some(depth))),
            (_, Some(None)) => Err("the depth of pct is a number from 1 to 100".to_owned()),
            _ => Err("give latency, random, pct or pct:DEPTH".to_owned()),
        }
    }
}

/// Which disk lies, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lies {
    /// How; `None` is drawn for each seed.
    pub lie: Option<Lie>,
    /// Which disk; `None` is drawn for each seed.
    pub disk: Option<DiskId>,
}

impl Lies {
    /// Its name on the command line.
    pub fn name(self) -> String {
        let lie = self.lie.map_or("all", Lie::name);
        self.disk.map_or_else(|| lie.to_owned(), |disk| format!("{lie}:{}", disk.name()))
    }

    /// What is meant by such a name.
    ///
    /// # Errors
    /// Which names there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let (lie, disk) = match name.split_once(':') {
            Some((lie, disk)) => (lie, Some(disk)),
            None => (name, None),
        };
        let found = Lie::ALL.into_iter().find(|known| known.name() == lie);
        if found.is_none() && lie != "all" {
            let names: Vec<_> = Lie::ALL.iter().map(|lie| lie.name()).collect();
            return Err(format!(
                "there is no lie `{lie}`; give all or one of {}",
                names.join(", ")
            ));
        }
        let of_name = |disk: &str| {
            let known = DiskId::ALL.into_iter().find(|known| known.name() == disk);
            let names = DiskId::ALL.map(DiskId::name).join(", ");
            known.ok_or_else(|| format!("there is no disk `{disk}`; give one of {names}"))
        };
        Ok(Self { lie: found, disk: disk.map(of_name).transpose()? })
    }
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
        Self { profile, ..Self::default() }
    }
}

impl Behaviour {
    /// Its name in reports, and as command-line arguments.
    pub fn name(&self) -> String {
        let mut name = self.profile.name().to_owned();
        match &self.added {
            Added::Nothing => {}
            Added::Named(quirks) => {
                let names: Vec<_> = quirks.iter().map(|quirk| quirk.name()).collect();
                name.push_str(&format!(" --quirks {}", names.join(",")));
            }
            Added::Swarm => name.push_str(" --quirks swarm"),
        }
        if let Some(lies) = self.lies {
            name.push_str(&format!(" --lies {}", lies.name()));
        }
        if let Some(schedule) = self.schedule {
            name.push_str(&format!(" --schedule {}", schedule.name()));
        }
        if let Some(topology) = self.topology {
            name.push_str(&format!(" --topology {}", topology.name()));
        }
        if !self.without.is_empty() {
            let names: Vec<_> = self.without.iter().map(|fault| fault.name()).collect();
            name.push_str(&format!(" --without {}", names.join(",")));
        }
        name
    }

    /// Whether what goes wrong can be a defect of the seed. A disk that lies explains it by itself.
    pub fn has_defects(&self) -> bool {
        let defects = self.profile == Profile::Seed || self.added != Added::Nothing;
        defects && self.lies.is_none()
    }

    /// What stands on a command line to have it; nothing for the default.
    pub fn arguments(&self) -> String {
        match self.profile {
            Profile::Hardened => self.name().trim_start_matches("hardened").to_owned(),
            Profile::Seed => format!(" --profile {}", self.name()),
        }
    }
}
