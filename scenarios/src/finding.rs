//! A finding: a defect of the seed, and the plan that shows it.
//!
//! The hardened core with exactly this quirk breaks exactly this invariant, and
//! without it the same plan is clean.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use colo_core::Quirk;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::saved::upgrade;
use crate::plan::{Plan, PlanError};

/// A finding, as it is saved in `fixtures/findings/`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The defect.
    pub quirk: Quirk,
    /// The invariant that it breaks.
    pub invariant: String,
    /// What follows from it, in a sentence.
    pub consequence: String,
    /// When it was found.
    pub found: String,
    /// What shows it; its behaviour is the hardened one, the quirk is added to it.
    pub plan: Plan,
}

macro_rules! embedded {
    ($($name:literal,)+) => {
        &[$(($name, include_str!(concat!("../../fixtures/findings/", $name, ".json"))),)+]
    };
}

/// Every finding by its name, as it is saved: the program needs no source tree.
pub const FINDINGS: &[(&str, &str)] = embedded![
    "blocked-top-deleted",
    "blocker-left-set",
    "cancel-counts-as-loss",
    "checkpoint-all-half-way",
    "checkpoint-failure-untold",
    "checkpoint-under-copies",
    "cleanup-by-name",
    "empties-without-write",
    "failed-failover-is-final",
    "failed-start-keeps-running",
    "failover-not-durable",
    "failover-without-commit",
    "flush-misses-split-writes",
    "planned-stop-cancels-first",
    "quorum-counts-forwarding",
    "stale-connection",
    "start-all-half-way",
    "stop-all-half-way",
    "torn-checkpoint",
    "touches-ejected",
    "unfenced-export",
    "ungranted-failover",
    "unmarked-overlays",
];

/// Seeds until a campaign with just this quirk breaks the finding's invariant, by the quirk's name; `None`
/// if [`SEEDS_TRIED`] are not enough. A test says whether they are still true.
pub fn seeds_to_find() -> BTreeMap<String, Option<u64>> {
    serde_json::from_str(SEEDS).expect("the findings of the program are tested")
}

const SEEDS: &str = include_str!("../../fixtures/seeds-to-find.json");

/// Seeds that are tried on each finding.
pub const SEEDS_TRIED: u64 = 2_000;

/// The findings, by name.
pub fn all() -> impl Iterator<Item = Finding> {
    FINDINGS.iter().map(|(name, text)| {
        Finding::parse(text, name).expect("the findings of the program are tested")
    })
}

/// The finding of this name.
pub fn find(name: &str) -> Option<Finding> {
    all().find(|finding| finding.quirk.name() == name)
}

/// The invariant that this quirk is known to break.
pub fn invariant_of(quirk: Quirk) -> &'static str {
    // Read once: who explains a campaign's failures asks for every one of them.
    static INVARIANTS: LazyLock<BTreeMap<Quirk, String>> =
        LazyLock::new(|| all().map(|finding| (finding.quirk, finding.invariant)).collect());
    INVARIANTS.get(&quirk).map_or("", String::as_str)
}

impl Finding {
    /// Reads a finding.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn load(path: &Path) -> Result<Self, PlanError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| PlanError::Read { path: shown.clone(), source })?;
        Self::parse(&text, &shown)
    }

    /// Reads a finding from its JSON; `path` is for messages.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str, path: &str) -> Result<Self, PlanError> {
        let no_plan = |source| PlanError::Parse { path: path.to_owned(), source };
        let mut value: Value = serde_json::from_str(text).map_err(no_plan)?;
        // The plan may be of an old version: it is upgraded before it is read as one of this.
        if let Some(plan) = value.get_mut("plan") {
            upgrade(plan, path)?;
        }
        let finding: Self = serde_json::from_value(value).map_err(no_plan)?;
        finding.plan.check().map_err(|why| PlanError::Unusable { path: path.to_owned(), why })?;
        Ok(finding)
    }

    /// The plan with the defect.
    pub fn defective(&self) -> Plan {
        Plan { quirks: vec![self.quirk], ..self.plan.clone() }
    }
}
