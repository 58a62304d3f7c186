//! Planted nondeterminism of each kind is found, at the entry where it shows first.
//!
//! What is planted is planted here, in how a plan is run: the product has no switch for it.

use std::sync::atomic::{AtomicU32, Ordering};

use colo_core::Time;
use colo_scenarios::campaign::{Options, Plans, campaign_of};
use colo_scenarios::generate::generate;
use colo_scenarios::plan::Plan;
use colo_scenarios::profile::Behaviour;
use colo_scenarios::run::{Outcome, run_traced};
use colo_scenarios::twice::{Difference, compare, first_difference};
use colo_sim::world::Entry;

fn plan() -> Plan {
    generate(17, &Behaviour::default())
}

fn honest(plan: &Plan) -> Vec<Entry> {
    run_traced(plan).1.entries().to_vec()
}

/// Where the nondeterminism of these tests shows in the trace of a plan.
fn place(entries: &[Entry]) -> usize {
    entries.len() / 2
}

/// A run whose entry in the middle depends on `word`, where the plan alone should decide.
fn depends_on(plan: &Plan, word: u64) -> Vec<Entry> {
    let mut entries = honest(plan);
    let place = place(&entries);
    entries[place].at = Time(entries[place].at.0 ^ word);
    entries
}

/// Runs until two runs differ: chance may be the same twice.
fn found(mut run: impl FnMut(&Plan) -> Vec<Entry>) -> Difference {
    let plan = plan();
    let first = run(&plan);
    (0..1000)
        .find_map(|_| first_difference(&plan, |_| first.clone(), &mut run))
        .expect("a thousand runs are not all the same")
}

fn is_at_its_place(difference: &Difference) {
    let entries = honest(&plan());
    assert_eq!(difference.index, place(&entries), "{difference}");
    let marked: Vec<_> = difference.shown.lines().filter(|line| line.starts_with("> ")).collect();
    assert_eq!(marked.len(), 2, "one line of each run: {difference}");
    assert_ne!(marked[0], marked[1], "{difference}");
    // Both runs have the same neighbours.
    let around: Vec<_> = difference.shown.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(around.len(), 12, "{difference}");
    assert_eq!(around[..6], around[6..], "{difference}");
}

#[test]
fn two_runs_of_a_plan_do_not_differ() {
    for seed in 0..50 {
        let plan = generate(seed, &Behaviour::default());
        assert_eq!(first_difference(&plan, honest, honest), None, "seed {seed}");
    }
}

#[test]
fn the_order_of_a_map_is_found() {
    #[expect(clippy::disallowed_types, reason = "it is the nondeterminism that has to be found")]
    fn order() -> u64 {
        let map: std::collections::HashMap<u64, u64> = (1..9).map(|key| (key, key)).collect();
        map.keys().fold(0, |word, key| word * 10 + key)
    }
    is_at_its_place(&found(|plan| depends_on(plan, order())));
}

#[test]
fn the_wall_clock_is_found() {
    #[expect(clippy::disallowed_methods, reason = "it is the nondeterminism that has to be found")]
    fn now() -> u64 {
        let now = std::time::SystemTime::now();
        now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
    }
    is_at_its_place(&found(|plan| depends_on(plan, now())));
}

#[test]
fn the_address_of_an_allocation_is_found() {
    // What is kept is not given out again, so no two addresses are the same.
    let mut kept: Vec<Box<u64>> = Vec::new();
    is_at_its_place(&found(|plan| {
        kept.push(Box::new(0));
        let address = std::ptr::from_ref(&**kept.last().expect("it was just kept"));
        depends_on(plan, address.addr() as u64)
    }));
}

#[test]
fn a_race_of_threads_is_found() {
    // How often the other thread was there first is no matter of the plan.
    fn race() -> u64 {
        let turns = AtomicU32::new(0);
        let seen = std::thread::scope(|scope| {
            scope.spawn(|| (0..200_000).for_each(|_| _ = turns.fetch_add(1, Ordering::Relaxed)));
            let seen = || turns.load(Ordering::Relaxed);
            while seen() == 0 {
                std::hint::spin_loop();
            }
            (0..64).fold(0_u64, |word, _| word.wrapping_mul(31).wrapping_add(u64::from(seen())))
        });
        seen & 0xffff_ffff
    }
    is_at_its_place(&found(|plan| depends_on(plan, race())));
}

#[test]
fn a_trace_that_ends_early_differs_where_it_ends() {
    let (plan, whole) = (plan(), honest(&plan()));
    let half = &whole[..whole.len() / 2];
    for (a, b) in [(half, &whole[..]), (&whole[..], half)] {
        let difference = compare(&plan, a, b).expect("one is longer");
        assert_eq!(difference.index, half.len());
        assert!(difference.shown.contains("(it has ended)"), "{difference}");
    }
    assert_eq!(compare(&plan, half, half), None);
}

/// What a campaign says of plans that it runs twice in this way.
fn differences(run: impl Fn(&Plan) -> (Outcome, Vec<Entry>) + Sync) -> Vec<Option<Difference>> {
    let plans = Plans {
        scenarios: Vec::new(),
        seeds: 0..20,
        behaviour: Behaviour::default(),
        share: (0, 1),
    };
    let mut found = Vec::new();
    campaign_of(
        &plans,
        &Options { jobs: 2, go_on: &|| true, twice: true, each: false },
        &run,
        |ran| {
            assert_eq!(ran.differs, ran.difference.is_some());
            assert_eq!(ran.plan.is_some(), ran.differs, "a plan that differs is kept");
            found.push(ran.difference.take());
        },
    );
    found
}

#[test]
fn a_campaign_names_the_plans_that_differ_and_where_even_if_it_never_happens_again() {
    let whole = |plan: &Plan| {
        let (outcome, trace) = run_traced(plan);
        (outcome, trace.entries().to_vec())
    };
    assert!(differences(whole).iter().all(Option::is_none));
    // Once, in one run of one plan: both traces are kept, so it need not be reproduced.
    let planted = AtomicU32::new(0);
    let found = differences(|plan| {
        let (mut outcome, mut entries) = whole(plan);
        if plan.seed == 7 && planted.fetch_add(1, Ordering::Relaxed) == 0 {
            entries[4].at = Time(entries[4].at.0 + 1);
            outcome.digest ^= 1;
        }
        (outcome, entries)
    });
    let differing: Vec<_> =
        found.iter().enumerate().filter_map(|(n, d)| Some((n, d.as_ref()?.index))).collect();
    assert_eq!(differing, [(7, 4)]);
}
