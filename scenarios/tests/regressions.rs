//! Every plan of `fixtures/plans/`: each failed once, none may fail again.

use std::path::Path;

use colo_scenarios::plan::Plan;
use colo_scenarios::run::run;

#[test]
fn plans_that_once_failed_are_clean() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/plans");
    let files = directory.read_dir().expect("it is there").map(|file| file.expect("a file").path());
    let plans: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    assert!(plans.len() >= 9, "the corpus is there");
    for path in plans {
        let plan = Plan::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let outcome = run(&plan);
        assert!(outcome.is_clean(), "{}: {:?}", path.display(), outcome.violations);
    }
}
