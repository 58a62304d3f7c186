//! Schedules: what decides the order of events, and every order of a small plan.

use colo_core::{Mode, Quirk, Verb};
use colo_scenarios::explore::explore_orders;
use colo_scenarios::finding::find;
use colo_scenarios::generate::generate;
use colo_scenarios::plan::{Plan, Step};
use colo_scenarios::profile::{Added, Behaviour, Profile, Schedules};
use colo_scenarios::run::{Run, run};
use colo_sim::explore::{OrderBounds, OrdersTally};
use colo_sim::world::{Schedule, Side};

const ALL: OrderBounds = OrderBounds { orders_max: 10_000, deviations_max: None };

fn scheduled(schedule: Schedules) -> Behaviour {
    Behaviour { schedule: Some(schedule), ..Behaviour::default() }
}

/// The orders of these steps once both hosts have opened their images.
fn orders(mut steps: Vec<Step>) -> OrdersTally {
    steps.insert(0, Step::Settle);
    let plan = Plan::new("orders", Profile::Hardened, steps);
    explore_orders(&plan, ALL, &|| true, &mut |found| {
        panic!("{}: {}", found.plan.name, found.message)
    })
}

/// Nothing but its one answer comes of it on either host.
fn read(side: Side, wait: bool) -> Step {
    Step::Read { side, at: 0, len: 1, wait }
}

fn started(side: Side) -> Step {
    let verb = if side == Side::Primary { Mode::Primary } else { Mode::Secondary };
    Step::Call { side, verb: Verb::Start(verb), wait: true }
}

#[test]
fn answers_of_one_host_come_in_every_order() {
    // Opening reads the headers of both overlays and their maps, in two chains.
    let opened = orders(Vec::new());
    assert!(opened.is_exhausted());
    for (reads, ways) in [(1, 1), (2, 2), (3, 6), (4, 24)] {
        // A primary serves before it is started, from its disk alone.
        let tally = orders(vec![read(Side::Primary, false); reads]);
        assert_eq!(tally.orders - tally.pruned, opened.orders * ways, "{reads} reads: {tally:?}");
        assert!(tally.is_exhausted());
    }
}

#[test]
fn what_is_waited_for_has_one_order() {
    let (opened, waited) = (orders(Vec::new()), orders(vec![read(Side::Primary, true); 4]));
    assert_eq!(opened, waited);
}

#[test]
fn orders_that_differ_only_between_hosts_are_one() {
    let p = read(Side::Primary, false);
    let s = Step::Write { side: Side::Secondary, at: 0, len: 1, wait: false };
    let start = started(Side::Secondary);
    let opened = orders(vec![start.clone()]).choices;
    let choices = |steps: &[&Step]| {
        let steps = std::iter::once(&start).chain(steps.iter().copied());
        let tally = orders(steps.cloned().collect());
        assert!(tally.is_exhausted());
        tally.choices - opened
    };
    // For each way to open there is one choice between two reads of the primary. A write of the secondary,
    // with the copying around it, is a chain of as many answers as there are choices beside one read.
    let (ways, links) = (choices(&[&p, &p]), choices(&[&s, &p]));
    assert!(links >= 2 * ways, "a chain of one would prove nothing");
    // Beside two reads: at each place of the chain, its end included, with both open, and at each but
    // its end with either. Told apart by their order, these would be more.
    assert_eq!(choices(&[&s, &p, &p]), 3 * links + ways);
}

#[test]
fn what_was_chosen_can_be_chosen_again() {
    for schedule in [Schedules::Random, Schedules::Pct(None), Schedules::Pct(Some(3))] {
        for seed in 0..300 {
            let plan = generate(seed, &scheduled(schedule));
            let (outcome, world) = Run::new(&plan, false).finish();
            let schedule = Schedule::Chosen(world.chosen().to_vec());
            let again = run(&Plan { schedule, ..plan });
            assert_eq!(outcome.digest, again.digest, "seed {seed}");
        }
    }
}

#[test]
fn every_schedule_is_clean_and_differs() {
    let kinds = [Schedules::Latency, Schedules::Random, Schedules::Pct(Some(2))];
    let digests: Vec<Vec<u64>> = kinds
        .iter()
        .map(|&schedule| {
            let runs = (0..200).map(|seed| run(&generate(seed, &scheduled(schedule))));
            runs.map(|outcome| {
                assert!(outcome.is_clean(), "{:?}", outcome.violations);
                outcome.digest
            })
            .collect()
        })
        .collect();
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let same = digests[one].iter().zip(&digests[other]).filter(|(a, b)| a == b).count();
        assert!(
            same < 20,
            "{same} of 200 plans run alike with {:?}, {:?}",
            kinds[one],
            kinds[other]
        );
    }
}

#[test]
fn a_race_is_found_among_all_orders_and_happens_again() {
    let plan = find("flush-misses-split-writes").expect("it is a finding").defective();
    let bounds = OrderBounds { deviations_max: Some(2), ..ALL };
    let mut found = Vec::new();
    let tally = explore_orders(&plan, bounds, &|| true, &mut |one| found.push(one));
    // In some orders the flush happens to cover the write.
    assert!(!found.is_empty() && (found.len() as u64) < tally.orders, "{tally:?}");
    for one in found.iter().take(3) {
        let outcome = run(&one.plan);
        assert!(outcome.violations.iter().any(|seen| seen.invariant == one.invariant));
        let saved = Plan::parse(&one.plan.to_json(), "it").expect("it is a plan");
        assert_eq!(run(&saved).digest, outcome.digest);
    }
    let repaired = Plan { quirks: Vec::new(), ..plan };
    explore_orders(&repaired, bounds, &|| true, &mut |found| panic!("{}", found.message));
}

#[test]
fn a_failure_in_a_chosen_order_shrinks_to_few_deviations() {
    let quirks = Behaviour {
        added: Added::Named(vec![Quirk::TornCheckpoint]),
        ..scheduled(Schedules::Random)
    };
    let mut shrunk = 0;
    for seed in 0..400 {
        let plan = generate(seed, &quirks);
        let Some(small) = colo_scenarios::shrink::shrink(&plan, 20_000) else { continue };
        shrunk += 1;
        if let Schedule::Chosen(list) = &small.plan.schedule {
            let deviations = list.iter().filter(|&&chosen| chosen > 0).count();
            assert!(deviations <= 3, "seed {seed}: {list:?}");
        }
        assert_ne!(small.plan.schedule, Schedule::Random, "seed {seed}: chance is made a choice");
        if shrunk == 3 {
            return;
        }
    }
    panic!("{shrunk} of 400 seeds fail");
}
