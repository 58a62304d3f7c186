//! Every plan of `fixtures/plans/`: each failed once, none may fail again.

use std::path::Path;

use colo_core::{Admin, Event, GUEST, GraphChange, Stage, Verb, VerbError};
use colo_scenarios::corpus::{PLANS, find};
use colo_scenarios::plan::{Plan, Step};
use colo_scenarios::run::{run, run_traced};
use colo_sim::world::{Side, What};

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

/// However the filter ends while its mark is in doubt: nobody is told that the disk alone is true.
#[test]
fn what_ends_in_doubt_is_not_done() {
    let plan = find("failover-refused-then-closed-in-doubt").expect("it is saved");
    let (side, wait) = (Side::Secondary, true);
    let close = Step::Call { side, verb: Verb::Close, wait };
    let commands = [Admin::Quit, Admin::Remove, Admin::Detach { user: GUEST }];
    let commands = commands.map(|command| Step::Admin { side, command, wait });
    let place = plan.steps.iter().position(|step| *step == close).expect("it closes");
    for end in std::iter::once(close).chain(commands) {
        for seed in 0..40 {
            let mut plan = Plan { seed, ..plan.clone() };
            plan.steps[place] = end.clone();
            let (outcome, trace) = run_traced(&plan);
            assert!(outcome.is_clean(), "{end:?}, seed {seed}: {:?}", outcome.violations);
            let closed = What::Event(Event::Graph(GraphChange::FilterClosed));
            assert!(trace.entries().iter().any(|entry| entry.what == closed), "{end:?}: open");
            for entry in trace.entries() {
                match &entry.what {
                    What::Event(Event::Stage { to: Stage::Done, .. }) => {
                        panic!("{end:?}, seed {seed}: DONE")
                    }
                    What::Event(Event::VerbAnswered { verb: Verb::Close, result, .. }) => {
                        let failed = matches!(result, Err(VerbError::MarkFailed { .. }));
                        assert!(failed, "seed {seed}: {result:?}");
                    }
                    _ => {}
                }
            }
        }
    }
}
