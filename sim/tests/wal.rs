//! The example's log: clean in every state with its flushes, caught without either of them.

#[path = "../examples/wal.rs"]
#[allow(dead_code)]
mod wal;

use colo_sim::stream::Seed;
use wal::{Flaw, crash_once, explore};

#[test]
fn the_log_that_flushes_is_whole_in_every_state() {
    for seed in 0..20 {
        let (tally, broken) = explore(Seed(seed), Flaw::None);
        assert_eq!(broken, [], "seed {seed}");
        assert!(tally.is_exhausted());
        // Each transaction has 3 + 1 + 1 + 1 + 3 answers, and there is a moment before the first.
        assert_eq!(tally.points, 1 + 8 * 9);
        assert!(tally.distinct > 200, "{tally:?}");
    }
}

#[test]
fn a_commit_record_before_its_records_is_caught() {
    for seed in 0..20 {
        let (tally, broken) = explore(Seed(seed), Flaw::BeforeCommit);
        assert!(tally.is_exhausted());
        let first = broken.first().expect("half a transaction goes unnoticed");
        assert!(first.what.starts_with("part of a transaction"), "{first:?}");
        // The commit record is in the tenth sector, the first three of the log are its records.
        assert!(first.kept.contains(&9) && first.kept.len() < 4, "{first:?}");
    }
}

#[test]
fn an_acknowledgement_before_its_flush_is_caught() {
    for seed in 0..20 {
        let (_, broken) = explore(Seed(seed), Flaw::BeforeAcknowledgement);
        let first = broken.first().expect("a lost transaction goes unnoticed");
        assert_eq!(first.what, "1 were acknowledged, 0 are there");
    }
}

#[test]
fn power_losses_at_random_agree() {
    let wrong = |flaw| (0..1000).filter(|&seed| crash_once(Seed(seed), flaw).is_some()).count();
    assert_eq!(wrong(Flaw::None), 0);
    assert!(wrong(Flaw::BeforeCommit) > 0 && wrong(Flaw::BeforeAcknowledgement) > 0);
}
