//! Records of many runs as one: the order does not show, and of what is known only that it is.

use colo_reports::{Base, Compared, Header, Record, Summary, from_folded, to_folded};

use crate::cases;

fn files() -> Vec<Summary> {
    let older = Header::new("0.0.9", "seed", vec!["fault/read-EIO".into(), "old/point".into()]);
    let mut old = Summary::new(&older);
    old.add(&Record { points: vec![3, 1], ..cases::violating(2, 1) });
    // The same run as in the older file, with another message; and the whole of one file twice.
    let mut again = cases::violating(2, 1);
    again.violations[0].message = "another message".into();
    let new = cases::fold(&[cases::scenario(), again, cases::clean(7)]);
    vec![old, new.clone(), cases::fold(&[cases::aborting(9), cases::awkward()]), new]
}

#[test]
fn the_order_of_files_shows_nowhere() {
    let sorted = Summary::merged(files()).expect("there are some");
    assert_eq!((sorted.merged, sorted.plans, sorted.violation_count), (true, 9, 4));
    for turn in 1..4 {
        let mut turned = files();
        turned.rotate_left(turn);
        let turned = Summary::merged(turned).expect("there are some");
        assert_eq!(turned, sorted, "turned by {turn}");
        assert_eq!(turned.digest_shown(), sorted.digest_shown());
    }
}

#[test]
fn shares_of_a_campaign_merge_to_the_same_however_it_was_shared() {
    let records: Vec<_> = (0..12).map(cases::clean).chain([cases::violating(30, 2)]).collect();
    let shared = |by: usize| {
        let share = |k: usize| records.iter().skip(k).step_by(by).cloned().collect::<Vec<_>>();
        Summary::merged((0..by).map(|k| cases::fold(&share(k))).collect()).expect("some")
    };
    let (whole, two) = (shared(1), shared(2));
    for shares in [&whole, &two, &shared(3)] {
        assert_eq!(shares.digest_shown(), two.digest_shown());
        // Its value in the order of runs differs, and is not shown.
        assert_eq!(Summary { digest: whole.digest, ..shares.clone() }, whole);
    }
    assert_ne!(two.digest.value(), whole.digest.value());
    assert_ne!(cases::fold(&records).digest_shown(), whole.digest_shown());
    // One run more, and it is another.
    let more = Summary::merged(vec![two.clone(), cases::fold(&[cases::clean(3)])]).expect("some");
    assert_ne!(more.digest_shown(), two.digest_shown());
}

#[test]
fn one_file_alone_is_as_it_was_but_for_the_order() {
    let summary = cases::failing_fold();
    let merged = Summary::merged(vec![summary.clone()]);
    assert_eq!(merged, Some(Summary { merged: true, ..summary }));
    assert_eq!(Summary::merged(Vec::new()), None);
}

#[test]
fn a_folded_campaign_is_read_back_as_it_was() {
    for summary in [cases::clean_fold(), cases::failing_fold(), cases::fold(&[])] {
        assert_eq!(from_folded(&to_folded(&summary)).expect("it was written"), summary);
    }
    let newer = to_folded(&cases::clean_fold()).replacen("\"schema\":1", "\"schema\":99", 1);
    let wrong = [
        (newer.as_str(), "the campaign has schema 99, this version reads 1; read it with"),
        ("{\"schema\":1}", "no folded campaign (missing field `folded`"),
        ("{\"schema\":1,\"folded\":{\"plans\"", "no folded campaign (EOF while parsing"),
        ("", "no folded campaign (EOF"),
        ("[]", "no folded campaign ("),
    ];
    for (text, said) in wrong {
        let error = from_folded(text).expect_err("it is wrong").to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_failure_is_known_by_its_run_and_what_broke() {
    let mut base = Base::default();
    base.open(&cases::header());
    base.add(&cases::violating(1, 2));
    base.add(&cases::aborting(5));
    let left = |mut record: Record| {
        let known = base.take_known(&mut record);
        (known, record.violations.len(), record.aborts.len())
    };
    assert_eq!(left(cases::violating(1, 1)), (1, 0, 0), "the same run, the same invariant");
    assert_eq!(left(cases::violating(2, 1)), (0, 1, 0), "another run");
    let mut other = cases::violating(1, 1);
    other.violations[0].invariant = "view".into();
    assert_eq!(left(other), (0, 1, 0), "another invariant");
    assert_eq!(left(cases::aborting(5)), (1, 0, 0), "the same abort");
    assert_eq!(left(cases::clean(1)), (0, 0, 0));
}

#[test]
fn what_is_new_is_compared_by_name() {
    let mut base = Base::default();
    base.open(&Header::new("0.0.9", "seed", vec!["fault/read-EIO".into(), "old/point".into()]));
    base.add(&Record {
        points: vec![1, 1],
        refusals: [("known".into(), 1)].into(),
        ..Record::default()
    });
    let mut summary = Summary::new(&Header::new(
        "0.1.0",
        "seed",
        vec!["new/point".into(), "fault/read-EIO".into()],
    ));
    let refusals = [("known".into(), 2), ("unheard of".into(), 1)].into();
    summary.add(&Record { points: vec![1, 1], refusals, ..Record::default() });
    base.compare(&mut summary, 0);
    let expected = Compared {
        plans: 1,
        known: 0,
        points_new: vec!["new/point".into()],
        points_gone: vec!["old/point".into()],
        refusals_new: vec!["unheard of".into()],
    };
    assert_eq!(summary.compared, Some(expected));
}
