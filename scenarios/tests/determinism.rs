//! The same plan gives the same digest: twice, on another thread, in any campaign, on any machine.
//!
//! The digests of `fixtures/digests.txt` are compared by whoever runs the tests, in
//! whichever build profile: so debug and release, and two machines, are compared
//! through the same file. After a change that is meant to change what the core
//! does, `COLOSIM_BLESS=1 cargo test -p colo-scenarios --test determinism` writes it anew.

use std::ops::Range;
use std::path::{Path, PathBuf};

use colo_core::Quirk;
use colo_reports::Record;
use colo_scenarios::campaign::{Options, Plans, campaign};
use colo_scenarios::catalog::SCENARIOS;
use colo_scenarios::generate::generate;
use colo_scenarios::plan::Plan;
use colo_scenarios::profile::{Added, Behaviour, Profile, Topology};
use colo_scenarios::run::{Run, run, run_traced};

/// Of the file: its name for a kind of campaign, the campaign, and how many seeds of it.
fn golden() -> [(&'static str, Behaviour, u64); 3] {
    let pair = Behaviour { topology: Some(Topology::Pair), ..Behaviour::default() };
    [
        ("hardened", Behaviour::default(), 200),
        ("seed", Profile::Seed.into(), 100),
        ("pair", pair, 100),
    ]
}

fn behaviours() -> [Behaviour; 4] {
    let hardened = |added| Behaviour { profile: Profile::Hardened, added, ..Behaviour::default() };
    [
        Behaviour::default(),
        Profile::Seed.into(),
        hardened(Added::Swarm),
        hardened(Added::Named(vec![Quirk::UnfencedExport, Quirk::UnmarkedOverlays])),
    ]
}

/// Three hundred plans in four behaviours, away from the seeds of the file.
fn plans() -> Vec<Plan> {
    let seeds = 10_000..10_075;
    let all = behaviours().into_iter().flat_map(|behaviour| {
        seeds.clone().map(move |seed| generate(seed, &behaviour)).collect::<Vec<_>>()
    });
    all.collect()
}

fn digests(plans: &[Plan]) -> Vec<u64> {
    plans.iter().map(|plan| run(plan).digest).collect()
}

#[test]
fn a_plan_has_the_same_digest_twice_and_on_another_thread() {
    let plans = plans();
    assert_eq!(plans.len(), 300);
    let here = digests(&plans);
    assert_eq!(here, digests(&plans), "twice");
    let there = std::thread::scope(|scope| {
        scope.spawn(|| digests(&plans)).join().expect("the thread ends well")
    });
    assert_eq!(here, there, "on another thread");
}

#[test]
fn plans_that_differ_have_different_digests() {
    let plans: Vec<_> = (0..300).map(|seed| generate(seed, &Behaviour::default())).collect();
    let mut seen = digests(&plans);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), plans.len());
}

#[test]
fn generating_a_seed_again_gives_the_same_plan() {
    for behaviour in behaviours() {
        for seed in [0, 1, 17, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(generate(seed, &behaviour), generate(seed, &behaviour), "seed {seed}");
        }
    }
}

#[test]
fn keeping_the_trace_changes_nothing() {
    for plan in plans() {
        let (traced, trace) = run_traced(&plan);
        let plain = run(&plan);
        assert_eq!(traced.digest, plain.digest, "{}", plan.name);
        assert_eq!(traced.digest, trace.digest(), "{}", plan.name);
        assert_eq!((traced.violations, traced.points), (plain.violations, plain.points));
        assert_eq!(trace.len(), trace.entries().len() as u64);
    }
}

#[test]
fn a_run_cloned_half_way_ends_as_the_whole_one_does() {
    for plan in plans().iter().step_by(7) {
        let whole = run(plan);
        let mut half = Run::new(plan, false);
        for _ in 0..plan.steps.len() / 2 {
            assert!(half.step());
        }
        let copy = half.clone();
        assert_eq!(half.finish().0.digest, whole.digest, "{}", plan.name);
        assert_eq!(copy.finish().0.digest, whole.digest, "{}: the copy", plan.name);
    }
}

fn records(plans: &Plans, jobs: usize) -> Vec<Record> {
    let mut records = Vec::new();
    campaign(plans, &Options { jobs, go_on: &|| true, twice: true, each: false }, |ran| {
        assert!(!ran.panicked && !ran.differs, "{}", ran.record.plan);
        records.push(std::mem::take(&mut ran.record));
    });
    records
}

fn whole(behaviour: Behaviour, seeds: Range<u64>) -> Plans {
    let scenarios = match behaviour.added {
        Added::Swarm => Vec::new(),
        _ => SCENARIOS.iter().map(|scenario| scenario.plan(&behaviour)).collect(),
    };
    Plans { scenarios, seeds, behaviour, share: (0, 1) }
}

#[test]
fn a_campaign_gives_the_same_records_in_the_same_order_on_any_number_of_threads() {
    for behaviour in behaviours() {
        let plans = whole(behaviour, 500..600);
        let alone = records(&plans, 1);
        assert_eq!(alone.len() as u64, plans.len());
        for jobs in [2, 4, 7] {
            assert!(alone == records(&plans, jobs), "{jobs} threads differ from one");
        }
    }
}

#[test]
fn the_shares_of_a_campaign_are_the_campaign() {
    let plans = whole(Behaviour::default(), 500..560);
    let all = records(&plans, 2);
    let mut shares: Vec<_> = (0..3)
        .map(|first| records(&Plans { share: (first, 3), ..plans.clone() }, 2).into_iter())
        .collect();
    let turns = (0..all.len()).map(|index| shares[index % 3].next().expect("as many"));
    assert!(all == turns.collect::<Vec<_>>());
    assert!(shares.iter_mut().all(|share| share.next().is_none()));
}

fn golden_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/digests.txt")
}

/// The file as it would be written now: a line each, name, seed and digest.
fn golden_now() -> String {
    let lines = golden().into_iter().flat_map(|(name, behaviour, seeds)| {
        (0..seeds).map(move |seed| {
            let digest = run(&generate(seed, &behaviour)).digest;
            format!("{name} {seed} {digest:016x}\n")
        })
    });
    lines.collect()
}

#[test]
fn the_digests_are_those_of_every_other_machine_and_build() {
    let now = golden_now();
    if std::env::var_os("COLOSIM_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(golden_path(), &now).expect("the fixtures can be written");
        return;
    }
    let then = std::fs::read_to_string(golden_path()).expect("the digests are committed");
    assert_eq!(then.lines().count(), now.lines().count(), "another number of digests");
    let mut differ = then.lines().zip(now.lines()).filter(|(then, now)| then != now);
    if let Some((then, now)) = differ.next() {
        panic!(
            "{} digests differ, the first was `{then}` and is `{now}`. If the core or the \
             generator was meant to change, write them anew with COLOSIM_BLESS=1; if not, this \
             build or machine behaves differently",
            differ.count() + 1
        );
    }
}
