//! Folding: parts merge to the whole, memory stays bounded, nothing uncounted.

use colo_reports::{Header, KEPT_MAX, Record, Run, Summary, Verdict, Violation};

use crate::cases::{self, aborting, awkward, clean, fold, scenario, violating};

fn run(seed: u64) -> Run {
    Run { seed: Some(seed), plan: format!("seed {seed:#x}") }
}

fn mixed() -> Vec<Record> {
    let mut records = vec![violating(90, 3), clean(5), scenario()];
    records.extend([violating(2, 70), aborting(43), awkward()]);
    records.extend([violating(7, 40), clean(4), aborting(3)]);
    records
}

#[test]
fn merging_parts_equals_adding_all_wherever_it_is_cut() {
    let records = mixed();
    for cut in 0..=records.len() {
        let mut merged = fold(&records[..cut]);
        merged.merge(fold(&records[cut..]));
        assert_eq!(merged, fold(&records), "cut at {cut}");
    }
}

#[test]
fn the_order_of_adding_shows_in_the_digest_only() {
    let mut records = mixed();
    let forwards = fold(&records);
    records.reverse();
    let mut backwards = fold(&records);
    assert_ne!(backwards.digest, forwards.digest);
    backwards.digest = forwards.digest;
    assert_eq!(backwards, forwards);
}

#[test]
fn violations_are_kept_in_the_order_of_seeds_and_all_are_counted() {
    let summary = fold(&mixed());
    assert_eq!(summary.violation_count, 3 + 70 + 1 + 40);
    assert_eq!(summary.violations.len(), KEPT_MAX);
    let kept: Vec<_> = summary.violations.iter().map(|v| (v.run.seed, v.what.step)).collect();
    let mut expected = vec![(None, None)];
    expected.extend((17..87).map(|step| (Some(2), Some(step))));
    expected.extend((17..46).map(|step| (Some(7), Some(step))));
    assert_eq!(kept, expected);
    let failover = &summary.invariants["failover"];
    assert_eq!((failover.count, &failover.first), (113, &run(2)));
    assert_eq!(failover.replay, "colosim replay 0x2");
    assert_eq!(summary.aborts.iter().map(|a| a.run.seed).collect::<Vec<_>>(), [Some(3), Some(43)]);
    assert_eq!((summary.plans, summary.clean), (9, 3));
}

#[test]
fn the_first_of_each_invariant_is_kept_whatever_comes_before_it() {
    let of = |seed: u64, invariant: &str| {
        let violation = Violation { invariant: invariant.into(), ..Violation::default() };
        Record { seed: Some(seed), violations: vec![violation], ..Record::default() }
    };
    let mut records: Vec<_> = (0..150).map(|seed| of(seed, "failover")).collect();
    records.extend([of(160, "view"), of(170, "view"), of(155, "crash")]);
    let summary = fold(&records);
    let kept: Vec<_> = summary.violations.iter().map(|one| one.run.seed).collect();
    let expected: Vec<_> = (0..98).chain([155, 160]).map(Some).collect();
    assert_eq!(kept, expected);
    records.reverse();
    assert_eq!(fold(&records).violations, summary.violations);
    let (one, two) = records.split_at(70);
    let mut merged = fold(one);
    merged.merge(fold(two));
    assert_eq!(merged.violations, summary.violations);
}

#[test]
fn points_know_their_hits_and_their_first_run() {
    let summary = fold(&[clean(8), clean(3), clean(5)]);
    let point = |name| summary.points.iter().find(|p| p.name == name).expect("it is named");
    let done = point("edge/secondary/FAILOVER->DONE");
    assert_eq!((done.hits, done.first.as_ref()), (2, Some(&run(3))));
    let read = point("fault/read-EIO");
    assert_eq!((read.hits, read.first.as_ref()), (2700, Some(&run(3))));
    // Behind the end of what the records count.
    assert_eq!(
        (point("message/not-running").hits, &point("message/not-running").first),
        (0, &None)
    );
    assert_eq!((summary.points_reached(), summary.points_never().count()), (6, 5));
    let groups: Vec<_> =
        summary.groups().iter().map(|g| (g.name.to_owned(), g.reached(), g.points.len())).collect();
    assert_eq!(groups, [("edge".into(), 5, 8), ("fault".into(), 1, 2), ("message".into(), 0, 1)]);
}

#[test]
fn records_of_another_version_merge_by_the_names_of_points() {
    let points = |names: [&str; 2]| names.map(String::from).to_vec();
    let record = |seed, points: [u32; 2]| Record {
        seed: Some(seed),
        plan: format!("seed {seed:#x}"),
        points: points.to_vec(),
        ..Record::default()
    };
    let mut old = Summary::new(&Header::new("0.1.0", "hardened", points(["a/x", "a/y"])));
    old.add(&record(9, [1, 0]));
    let mut new = Summary::new(&Header::new("0.2.0", "hardened", points(["b/z", "a/x"])));
    new.add(&record(4, [5, 2]));
    old.merge(new.clone());
    old.merge(new);
    let merged: Vec<_> =
        old.points.iter().map(|p| (p.name.as_str(), p.hits, p.first.clone())).collect();
    let expected = [("a/x", 5, Some(run(4))), ("a/y", 0, None), ("b/z", 10, Some(run(4)))];
    assert_eq!(merged, expected);
    assert_eq!((old.version.as_str(), old.profile.as_str()), ("0.1.0 + 0.2.0", "hardened"));
}

#[test]
fn nothing_is_not_clean() {
    assert_eq!(fold(&[]).verdict(), Verdict::Empty);
    assert!(!fold(&[]).is_clean());
    assert!(cases::clean_fold().is_clean());
    assert_eq!(fold(&[aborting(1)]).verdict(), Verdict::Failed);
    assert_eq!(fold(&[violating(1, 1)]).verdict(), Verdict::Failed);
}

#[test]
#[should_panic(expected = "seed 0x1 counts 12 points of 11")]
fn a_record_with_points_that_nobody_named_is_a_bug() {
    fold(&[Record { points: vec![1; 12], ..clean(1) }]);
}

#[test]
fn defects_that_explain_are_counted_by_run_with_their_first_seed() {
    let summary = fold(&[violating(9, 2), awkward(), violating(4, 1), clean(1)]);
    assert_eq!(summary.explained, 3);
    let torn = &summary.defects["torn-checkpoint"];
    assert_eq!((torn.runs.count, torn.first_seed), (3, Some(4)));
    assert_eq!(torn.runs.first.plan, awkward().plan, "a scenario comes before every seed");
    assert_eq!(summary.defects["failover-not-durable"].runs.count, 2);
    let unexplained = summary.unexplained.expect("one run has something unexplained");
    assert_eq!((unexplained.count, unexplained.first.plan), (1, awkward().plan));
}

#[test]
fn defects_merge_as_if_folded_at_once() {
    let records = [violating(9, 2), awkward(), violating(4, 1), aborting(2)];
    let (one, other) = records.split_at(2);
    let mut merged = fold(other);
    merged.merge(fold(one));
    let whole = fold(&records);
    assert_eq!((merged.defects, merged.unexplained), (whole.defects, whole.unexplained));
    assert_eq!(merged.explained, whole.explained);
}
