//! Every finding, both ways: with its quirk it breaks its invariant, without it is clean.

use std::path::{Path, PathBuf};

use colo_core::Quirk;
use colo_scenarios::finding::{FINDINGS, Finding, all, find};
use colo_scenarios::run::run;

fn findings() -> Vec<(PathBuf, Finding)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/findings");
    let mut files: Vec<_> = directory
        .read_dir()
        .expect("it is there")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    let load = |path: PathBuf| {
        let finding = Finding::load(&path).unwrap_or_else(|error| panic!("{error}"));
        (path, finding)
    };
    files.into_iter().map(load).collect()
}

#[test]
fn with_its_quirk_a_finding_breaks_its_invariant_and_no_other_before_it() {
    for (path, finding) in findings() {
        let outcome = run(&finding.defective());
        let mut broken = outcome.violations.iter().map(|violation| violation.invariant);
        assert_eq!(broken.next(), Some(finding.invariant.as_str()), "{}", path.display());
    }
}

#[test]
fn without_its_quirk_it_is_clean() {
    for (path, finding) in findings() {
        assert!(finding.plan.quirks.is_empty(), "{}", path.display());
        let outcome = run(&finding.plan);
        assert!(outcome.is_clean(), "{}: {:?}", path.display(), outcome.violations);
    }
}

#[test]
fn every_quirk_has_a_finding_of_its_name() {
    let named: Vec<_> = findings()
        .into_iter()
        .map(|(path, finding)| {
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            assert_eq!(stem, finding.quirk.name(), "a finding is named after its quirk");
            finding.quirk
        })
        .collect();
    for quirk in Quirk::ALL {
        assert!(named.contains(quirk), "{} was never found by a plan", quirk.name());
    }
}

#[test]
fn the_program_has_every_file_of_the_folder_as_it_is() {
    let files: Vec<_> = findings().into_iter().map(|(path, _)| path).collect();
    let stem = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let names: Vec<_> = FINDINGS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let missing = "a file of fixtures/findings/ is not in the list of finding.rs, or not in order";
    assert_eq!(names, files.iter().map(stem).collect::<Vec<_>>(), "{missing}");
    for (finding, (name, text)) in all().zip(FINDINGS) {
        assert_eq!(finding.quirk.name(), *name);
        let path = files.iter().find(|path| stem(path) == *name).expect("it was compared");
        assert_eq!(std::fs::read_to_string(path).expect("a file"), *text, "{name}");
    }
}

#[test]
fn a_name_means_one_plan() {
    for (name, _) in FINDINGS {
        assert!(find(name).is_some(), "{name}");
        assert!(colo_scenarios::catalog::find(name).is_none(), "{name} is a scenario, too");
    }
}

#[test]
fn no_finding_has_a_step_that_it_does_not_need() {
    for (path, finding) in findings() {
        for index in 0..finding.plan.steps.len() {
            let mut shorter = finding.defective();
            let step = shorter.steps.remove(index);
            let broken = run(&shorter).violations.first().map(|violation| violation.invariant);
            let path = path.display();
            assert_ne!(broken, Some(finding.invariant.as_str()), "{path}: {step:?}");
        }
    }
}
