//! Every finding, both ways: with its quirk it breaks its invariant, without it is clean.

use std::path::{Path, PathBuf};

use colo_core::Quirk;
use colo_scenarios::finding::Finding;
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
