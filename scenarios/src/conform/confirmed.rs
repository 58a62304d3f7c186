//! What QEMU did when it was asked to show a finding or a scenario, as it is kept in `fixtures/conform/`.
//!
//! A file is a line with QEMU's version and the transcript of the run. The tests compare the simulation
//! with it, without QEMU; `conform --fixtures` runs QEMU again.

use std::path::{Path, PathBuf};

use crate::catalog;
use crate::conform::expressible::expressible;
use crate::finding;
use crate::plan::Plan;
use crate::profile::{Behaviour, Profile};

/// Every finding and scenario that QEMU can express, with its plan as QEMU gets it.
pub fn confirmable() -> Vec<(String, Plan)> {
    let findings = finding::FINDINGS
        .iter()
        .filter_map(|(name, _)| Some(((*name).to_owned(), finding::find(name)?.defective())));
    let seed = Behaviour::from(Profile::Seed);
    let scenarios = catalog::SCENARIOS.iter();
    let scenarios = scenarios.map(|scenario| (scenario.name.to_owned(), scenario.plan(&seed)));
    let all = findings.chain(scenarios);
    all.filter_map(|(name, plan)| Some((name, expressible(&plan).ok()?))).collect()
}

/// The file of one of them.
pub fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.txt"))
}

/// A transcript as it is kept.
pub fn text(version: &str, transcript: &str) -> String {
    format!("QEMU {version}\n\n{transcript}")
}

/// The transcript in a file's text.
pub fn transcript(text: &str) -> &str {
    text.split_once("\n\n").map_or(text, |(_, transcript)| transcript)
}
