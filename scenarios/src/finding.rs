//! A finding: a defect of the seed, and the plan that shows it.
//!
//! The hardened core with exactly this quirk breaks exactly this invariant, and
//! without it the same plan is clean.

use std::path::Path;

use colo_core::Quirk;
use serde::{Deserialize, Serialize};

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

impl Finding {
    /// Reads a finding.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn load(path: &Path) -> Result<Self, PlanError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| PlanError::Read { path: shown.clone(), source })?;
        let finding: Self = serde_json::from_str(&text)
            .map_err(|source| PlanError::Parse { path: shown.clone(), source })?;
        let plan = Plan::parse(&finding.plan.to_json(), &shown)?;
        Ok(Self { plan, ..finding })
    }

    /// The plan with the defect.
    pub fn defective(&self) -> Plan {
        Plan { quirks: vec![self.quirk], ..self.plan.clone() }
    }
}
