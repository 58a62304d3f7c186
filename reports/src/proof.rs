//! What shows that the net holds: defects that were found, and mistakes that were planted.
//!
//! None of it comes from the runs that a report is about; who has it hands it over.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a page shows of it. Empty, it shows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// Defects, by name.
    pub findings: Vec<Found>,
    /// Planted mistakes, and what noticed each.
    pub kills: KillMatrix,
}

/// A defect that a plan has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// The invariant that it breaks.
    pub invariant: String,
    /// Seeds until the first plan that breaks that invariant by it, if so few are enough.
    pub seeds: Option<u64>,
    /// Steps of its smallest plan.
    pub steps: u64,
    /// What follows from it.
    pub consequence: String,
}

/// Planted mistakes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct KillMatrix {
    /// Seeds that were tried on each.
    pub seeds: u64,
    /// One for each mistake, by name.
    pub rows: Vec<Kill>,
}

/// A planted mistake.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Kill {
    /// Its name.
    pub mutant: String,
    /// What it does.
    pub breaks: String,
    /// Invariants that noticed it, and after how many seeds.
    #[serde(default)]
    pub seeds: BTreeMap<String, u64>,
    /// Invariants that noticed it in a scenario, and in which.
    #[serde(default)]
    pub scenarios: BTreeMap<String, String>,
    /// Its campaign did not come to its end, which is noticed, too.
    #[serde(default)]
    pub hung: bool,
}

impl Kill {
    /// Seeds until any invariant noticed it.
    pub fn first(&self) -> Option<u64> {
        self.seeds.values().min().copied()
    }

    /// Whether anything noticed it.
    pub fn is_noticed(&self) -> bool {
        !self.seeds.is_empty() || !self.scenarios.is_empty() || self.hung
    }
}
