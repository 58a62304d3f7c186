//! The example's log: clean with its flush, caught without it.

#[path = "../examples/wal.rs"]
#[allow(dead_code)]
mod wal;

use wal::{Before, hunt, run};

#[test]
fn the_log_that_flushes_loses_nothing() {
    assert_eq!(hunt(1000, Before::Flush), Ok(()));
}

#[test]
fn the_log_that_does_not_is_caught_and_the_seed_reproduces_it() {
    let lost = hunt(300, Before::Nothing).expect_err("a missing flush goes unnoticed");
    assert!(lost.record < lost.acknowledged);
    assert_eq!(run(lost.seed, Before::Nothing), Err(lost));
    assert_eq!(run(lost.seed, Before::Flush), Ok(()));
}
