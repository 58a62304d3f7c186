//! Laws of the protocol, over random schedules of a world.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

use super::watch::Fate;
use super::world::World;
use crate::colo::{Node, Options, Order};

const HEARTBEAT_NS: u64 = 1_000;
const LEASE_NS: u64 = 6_000;

/// Longest that a message, a drain or a verb takes in a plan: longer than any promise.
const SLOW_NS: u64 = 9_000;

/// Within this time after everything is healed a pair has settled. What was on its way has to come
/// first, one thing after another: a message, a drain, a verb and its answer. Then silence is noticed,
/// a claim is made, and the lease and the promise run out.
const SETTLED_NS: u64 = 4 * SLOW_NS + 4 * LEASE_NS;

const BOTH: [Node; 2] = [Node::Primary, Node::Secondary];

/// The same cases in every run.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0xC0_10),
        ..ProptestConfig::default()
    }
}

/// What happens to a pair.
#[derive(Debug, Clone, Copy)]
enum Step {
    Order(Order),
    /// Nothing gets from one to the other, and nobody is told.
    Cut(Node, Node),
    /// Nothing gets through between the two, in both directions. Nobody is told.
    Part(Node, Node),
    /// The control connection breaks for both.
    Sever,
    /// It breaks for one, and the other one hears of it when it sends, or by a new one.
    SeverFor(Node),
    /// It breaks, and there will be none until all is healed.
    Separate,
    Heal,
    Crash(Node),
    Start(Node),
    /// The filters of one side stop replicating by themselves.
    End(Node),
    /// So many of the next verbs fail.
    Fail(Node, u32),
    /// How long verbs take from now on.
    Verbs(Node, u64),
    Drains(u64),
    Delays(u64),
}

#[derive(Debug, Clone)]
struct Case {
    rates: [u64; 3],
    seed: u64,
    checkpoint_ns: Option<u64>,
    ungranted: bool,
    echoes: bool,
    steps: Vec<(u64, Step)>,
}

fn host() -> impl Strategy<Value = Node> {
    prop_oneof![Just(Node::Primary), Just(Node::Secondary)]
}

/// One, and another one.
fn two() -> impl Strategy<Value = (Node, Node)> {
    (0..3usize, 1..3usize).prop_map(|(a, further)| (Node::ALL[a], Node::ALL[(a + further) % 3]))
}

fn slowness() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(100), Just(1_500), Just(SLOW_NS)]
}

fn step(deaths: bool) -> impl Strategy<Value = Step> {
    let unless_deadly = move |step: Step| if deaths { step } else { Step::Sever };
    prop_oneof![
        12 => Just(Step::Order(Order::Checkpoint)),
        3 => Just(Step::Order(Order::Stop)),
        2 => Just(Step::Order(Order::Failover)),
        6 => two().prop_map(|(a, b)| Step::Cut(a, b)),
        4 => two().prop_map(|(a, b)| Step::Part(a, b)),
        2 => Just(Step::Sever),
        3 => host().prop_map(Step::SeverFor),
        2 => Just(Step::Separate),
        8 => Just(Step::Heal),
        3 => host().prop_map(Step::Crash).prop_map(unless_deadly),
        4 => host().prop_map(Step::Start).prop_map(unless_deadly),
        1 => host().prop_map(Step::End),
        3 => (host(), 1..3u32).prop_map(|(node, verbs)| Step::Fail(node, verbs)),
        2 => (host(), slowness()).prop_map(|(node, ns)| Step::Verbs(node, ns)),
        2 => slowness().prop_map(Step::Drains),
        4 => slowness().prop_map(Step::Delays),
    ]
}

fn case(deaths: bool, ungranted: bool) -> impl Strategy<Value = Case> {
    let rates = prop::array::uniform3(60..=68u64);
    let wait = prop_oneof![Just(0), 0..400u64, 0..3_000u64, 0..LEASE_NS * 2];
    let steps = prop::collection::vec((wait, step(deaths)), 1..24);
    let period = prop::option::of(Just(2_000u64));
    (rates, any::<u64>(), period, any::<bool>(), steps).prop_map(
        move |(rates, seed, checkpoint_ns, echoes, steps)| Case {
            rates,
            seed,
            checkpoint_ns,
            ungranted,
            echoes,
            steps,
        },
    )
}

/// Some cases to look at together.
fn some(deaths: bool, ungranted: bool) -> Vec<Case> {
    let mut runner = TestRunner::new(config(1));
    let mut one = || case(deaths, ungranted).new_tree(&mut runner).expect("no filter rejects all");
    (0..200).map(|_| one().current()).collect()
}

/// A world after all its steps. What must never be has been looked for at each of them.
fn after(case: &Case) -> World {
    let options = Options {
        heartbeat_ns: HEARTBEAT_NS,
        lease_ns: LEASE_NS,
        checkpoint_ns: case.checkpoint_ns,
        ungranted: case.ungranted,
    };
    let mut world = World::new(options, case.rates, case.seed);
    world.echoes = case.echoes;
    world.replicate(Node::Secondary, true);
    world.replicate(Node::Primary, true);
    for (wait, step) in &case.steps {
        world.run(*wait);
        take(&mut world, *step);
    }
    world
}

fn take(world: &mut World, step: Step) {
    match step {
        Step::Order(order) => world.order(order),
        Step::Cut(from, to) => world.cut(from, to),
        Step::Part(a, b) => world.part(a, b),
        Step::Sever => world.sever(&BOTH),
        Step::SeverFor(node) => world.sever(&[node]),
        Step::Separate => {
            world.part(Node::Primary, Node::Secondary);
            world.sever(&BOTH);
        }
        Step::Heal => world.heal(),
        Step::Crash(node) => world.crash(node),
        Step::Start(node) => world.start(node),
        Step::End(node) => world.replicate(node, false),
        Step::Fail(node, verbs) => world.hosts[node as usize].failing = verbs,
        Step::Verbs(node, ns) => world.hosts[node as usize].verb_ns = ns,
        Step::Drains(ns) => world.drain_ns = ns,
        Step::Delays(ns) => world.delay_ns = ns,
    }
}

/// How a pair that is left in peace ends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Together,
    SecondaryLeads,
    PrimaryAlone,
    Stopped,
}

fn outcomes(world: &World) -> Vec<Outcome> {
    let [primary, secondary] = world.watch.fates;
    let runs = [0, 1].map(|side: usize| world.hosts[side].runs);
    let parted = primary.denied || primary.yielded || primary.granted || primary.stopped;
    let parted = parted || secondary.denied || secondary.took_over || secondary.stopped;
    [
        (Outcome::Together, !parted && runs == [true; 2]),
        (Outcome::SecondaryLeads, secondary.leads && runs == [false, true]),
        // The secondary has been denied, has stopped as planned, or has not heard of it: it replicates nothing.
        (Outcome::PrimaryAlone, primary.granted && runs[0] && !secondary.took_over),
        (Outcome::Stopped, primary.stopped && secondary.stopped && runs == [true, false]),
    ]
    .into_iter()
    .filter(|(_, holds)| *holds)
    .map(|(outcome, _)| outcome)
    .collect()
}

/// Everything is healed and quick, and time passes.
fn left_in_peace(world: &mut World) {
    world.heal();
    (world.delay_ns, world.drain_ns) = (100, 200);
    world.hosts.iter_mut().for_each(|host| (host.failing, host.verb_ns) = (0, 200));
    world.run(SETTLED_NS);
    until_calm(world);
}

/// A pair that checkpoints by itself is calm between two of them.
fn until_calm(world: &mut World) {
    let calm = (0..200).any(|_| {
        world.run(20);
        !world.is_busy()
    });
    assert!(calm, "something is under way and does not end: {world:?}");
}

/// How a pair ends up that is left in peace, and stays.
fn settled(case: &Case) -> Outcome {
    let mut world = after(case);
    left_in_peace(&mut world);
    let outcome = outcomes(&world);
    assert_eq!(outcome.len(), 1, "{outcome:?} {world:?}");
    world.run(3 * LEASE_NS);
    until_calm(&mut world);
    assert_eq!(outcomes(&world), outcome, "it does not last: {world:?}");
    outcome[0]
}

proptest! {
    #![proptest_config(config(4_000))]

    #[test]
    fn a_pair_of_which_nobody_dies_ends_up_in_exactly_one_way_and_stays_there(
        case in case(false, false)
    ) {
        settled(&case);
    }

    /// One that died may leave the other standing still, if that one has yielded, has been denied, or waits
    /// for a lease from an arbiter that has promised to grant the dead one. Nobody else stands still.
    #[test]
    fn whoever_lives_on_and_was_not_stopped_goes_on(case in case(true, false)) {
        let mut world = after(&case);
        left_in_peace(&mut world);
        let [primary, secondary] = world.watch.fates;
        let stands = primary.denied || primary.yielded || world.watch.secondary_claimed;
        if world.is_up(Node::Primary) && !stands {
            assert!(world.hosts[0].runs, "the primary stands still for nothing: {world:?}");
        }
        if world.is_up(Node::Secondary) && !secondary.denied && !secondary.stopped {
            assert!(world.hosts[1].runs, "the secondary stands still for nothing: {world:?}");
            assert_eq!(secondary.took_over, secondary.leads, "{world:?}");
        }
        assert!(outcomes(&world).len() <= 1, "{world:?}");
    }
}

proptest! {
    #![proptest_config(config(1_000))]

    /// Times that make no sense are kept to, and nothing panics, is due for ever or adds up without bound:
    /// the world looks at each moment.
    #[test]
    fn any_options_are_borne(
        heartbeat_ns in extreme(),
        lease_ns in extreme(),
        checkpoint_ns in prop::option::of(extreme()),
        ungranted: bool,
        case in case(true, true),
    ) {
        let options = Options { heartbeat_ns, lease_ns, checkpoint_ns, ungranted };
        let mut world = World::new(options, case.rates, case.seed);
        (world.delay_ns, world.drain_ns) = (4, 4);
        world.hosts.iter_mut().for_each(|host| host.verb_ns = 4);
        world.replicate(Node::Secondary, true);
        world.replicate(Node::Primary, true);
        for (wait, step) in &case.steps {
            world.run(*wait % 64);
            take(&mut world, *step);
        }
    }
}

fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(20), Just(u64::MAX)]
}

/// The law would mean little if all cases ended in the same way.
#[test]
fn pairs_end_up_in_each_way() {
    let seen: Vec<_> = some(false, false).iter().map(settled).collect();
    for outcome in
        [Outcome::Together, Outcome::SecondaryLeads, Outcome::PrimaryAlone, Outcome::Stopped]
    {
        assert!(seen.contains(&outcome), "no case of two hundred ends {outcome:?}");
    }
}

/// Where nobody is asked, there are schedules with two writers: that is what the arbiter is for.
#[test]
fn without_a_grant_both_may_write() {
    let writers: u32 = some(false, true).iter().map(|case| after(case).watch.two_writers).sum();
    assert!(writers > 0, "no schedule of two hundred has two writers");
}

#[test]
fn the_cases_have_checkpoints_and_ends() {
    let worlds: Vec<_> = some(true, false).iter().map(after).collect();
    let complete: u32 = worlds.iter().map(|world| world.watch.epochs[0]).sum();
    let parted = worlds.iter().filter(|world| world.watch.fates != [Fate::default(); 2]).count();
    assert!(complete > 100, "{complete} checkpoints in two hundred cases");
    assert!(parted > 50, "{parted} of two hundred pairs have parted");
}
