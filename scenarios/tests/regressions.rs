//! Every plan of `fixtures/plans/`: each failed once, none may fail again.

use std::path::Path;

use colo_scenarios::corpus::{PLANS, find};
use colo_scenarios::plan::Plan;
use colo_scenarios::run::run;

fn saved() -> Vec<(String, Plan)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/plans");
    let files = directory.read_dir().expect("it is there").map(|file| file.expect("a file").path());
    let plans = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    let load = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, Plan::load(&path).unwrap_or_else(|error| panic!("{error}")))
    };
    let mut plans: Vec<_> = plans.map(load).collect();
    plans.sort_by(|one, other| one.0.cmp(&other.0));
    plans
}

#[test]
fn plans_that_once_failed_are_clean() {
    for (name, plan) in saved() {
        let outcome = run(&plan);
        assert!(outcome.is_clean(), "{name}: {:?}", outcome.violations);
    }
}

#[test]
fn every_saved_plan_is_in_the_program_and_in_the_readme() {
    let saved = saved();
    let embedded: Vec<_> = PLANS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let names: Vec<_> = saved.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(embedded, names, "src/corpus.rs lists what lies in fixtures/plans, in order");
    let readme = include_str!("../../fixtures/plans/README.md");
    for (name, plan) in saved {
        assert_eq!(find(&name), Some(plan.clone()));
        assert_eq!(plan.name, name, "a plan is named after its file");
        let stem = name.trim_end_matches("-2").trim_end_matches("-b");
        assert!(readme.contains(&format!("`{stem}")), "fixtures/plans/README.md lacks {name}");
    }
}
