//! What shows that the net holds, as a page tells it: the findings and the kill matrix of the program.

use std::collections::BTreeMap;

use colo_reports::{Found, KillMatrix, Proof};

use crate::finding;

const KILLS: &str = include_str!("../../../fixtures/mutants/kill-matrix.json");

/// Both, as they are in the program.
pub(super) fn proof() -> Proof {
    let seeds: BTreeMap<String, Option<u64>> = finding::seeds_to_find();
    let findings = finding::all().map(|finding| Found {
        name: finding.quirk.name().to_owned(),
        seeds: seeds.get(finding.quirk.name()).copied().flatten(),
        steps: finding.plan.steps.len() as u64,
        invariant: finding.invariant,
        consequence: finding.consequence,
    });
    let kills: KillMatrix =
        serde_json::from_str(KILLS).expect("the matrix of the program is tested");
    Proof { findings: findings.collect(), kills }
}
