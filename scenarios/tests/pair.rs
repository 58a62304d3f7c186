//! Two hosts on a network: the same as one connection where nothing goes wrong, and never more than one writer.

use colo_core::colo::Node;
use colo_core::{DiskId, Event, Mode, UserId, Verb, VolumeId, Wiring};
use colo_scenarios::generate::generate;
use colo_scenarios::plan::{Further, PairSetup, Plan, Step};
use colo_scenarios::profile::{Behaviour, Profile, Topology};
use colo_scenarios::run::{finished, run, run_traced};
use colo_sim::pair::{CHANNELS, Port, Tampering};
use colo_sim::stream::Seed;
use colo_sim::world::{Side, What};

fn start(side: Side) -> Step {
    Step::CallAll { side, verb: Verb::Start(side.mode()), wait: true }
}

fn write(side: Side, at: u64, len: u32) -> Step {
    Step::Write { side, at, len, wait: true }
}

/// Awaited steps without a crash and without a fault of the network, from a seed.
fn quiet_plan(seed: u64) -> Plan {
    let mut stream = Seed(seed).stream("two lanes");
    let mut plan =
        generate(seed, &Behaviour { topology: Some(Topology::Single), ..Behaviour::default() });
    plan.setup.wiring = Wiring::default();
    plan.setup.further = Further::default();
    plan.schedule = colo_sim::world::Schedule::Latency;
    plan.steps = vec![start(Side::Secondary), start(Side::Primary)];
    let sectors = plan.setup.geometry.sectors;
    let failover_at = 4 + stream.below(24);
    for index in 0..4 + stream.below(28) {
        // A primary that has yielded stands still for good.
        let sides = if index > failover_at { 1..2 } else { 0..2 };
        let side = Side::BOTH[stream.range(sides.start..=sides.end - 1) as usize];
        let at = stream.below(sectors);
        let len = 1 + stream.below((sectors - at).min(6)) as u32;
        let disturbs = index < failover_at && stream.below(12) == 0;
        plan.steps.push(match stream.below(10) {
            _ if index == failover_at => Step::Failover,
            _ if disturbs => Step::Cancel(colo_core::JobKind::Backup),
            0..4 => write(side, at, len),
            4..7 => Step::Read { side, at, len, wait: true },
            7 => Step::Flush { side, wait: true },
            8 if index < failover_at => Step::Checkpoint,
            _ => Step::Call { side, verb: Verb::GetError, wait: true },
        });
    }
    if plan.steps.len() as u64 <= failover_at && stream.below(3) == 0 {
        plan.steps.push(Step::PlannedStop);
    }
    plan.steps.push(Step::Settle);
    plan
}

/// What each guest and each operator was told, in order, and what is on both guests' disks in the end.
fn history(plan: &Plan) -> ([Vec<String>; 2], [Vec<u8>; 2]) {
    let (outcome, world) = finished(plan, true);
    assert!(outcome.is_clean(), "{}: {:?}", plan.name, outcome.violations);
    let told = Side::BOTH.map(|side| {
        let told = world.trace().entries().iter().filter(|entry| entry.side == Some(side));
        let told = told.filter_map(|entry| match &entry.what {
            What::Event(Event::Answered { user: UserId::Guest, result, .. }) => {
                Some(format!("{result:?}"))
            }
            What::Event(Event::VerbAnswered { verb, result, .. }) => {
                Some(format!("{verb}: {result:?}"))
            }
            _ => None,
        });
        told.collect()
    });
    let volume = world.volume(VolumeId::FIRST);
    let image = |disk: DiskId| {
        let sectors = 0..plan.setup.geometry.sectors;
        sectors.flat_map(|sector| volume.peek_disk(disk, sector).to_vec()).collect()
    };
    (told, [DiskId::Local, DiskId::Secondary].map(image))
}

#[test]
fn a_quiet_plan_is_the_same_over_a_connection_and_over_a_network() {
    let (mut checkpoints, mut failovers) = (0, 0);
    for seed in 0..1_000 {
        let single = quiet_plan(seed);
        let mut pair = single.clone();
        pair.setup.pair = Some(PairSetup::default());
        let (ours, theirs) = (history(&single), history(&pair));
        assert_eq!(ours, theirs, "seed {seed}: {}", single.to_json());
        let (ours, _) = ours;
        checkpoints += ours[1].iter().filter(|told| told.starts_with("checkpoint")).count();
        failovers += ours[1].iter().filter(|told| told.starts_with("stop(failover=1)")).count();
    }
    assert!(
        checkpoints > 500 && failovers > 300,
        "{checkpoints} checkpoints, {failovers} failovers"
    );
}

#[test]
fn a_run_over_a_network_is_the_same_in_every_thread() {
    let behaviour = Behaviour { topology: Some(Topology::Pair), ..Behaviour::default() };
    for seed in 0..20 {
        let plan = generate(seed, &behaviour);
        let here = run(&plan).digest;
        let there = std::thread::scope(|scope| scope.spawn(|| run(&plan).digest).join());
        assert_eq!(here, there.expect("it runs"), "seed {seed}");
    }
}

/// Two hosts that replicate, and one message of a channel that is not as it should be.
fn tampered(node: Node, port: Port, how: Tampering, early: bool) -> Plan {
    let tamper = Step::Tamper { node, port, how };
    let mut steps = vec![start(Side::Secondary), start(Side::Primary)];
    steps.insert(if early { 0 } else { 2 }, tamper);
    if early {
        // The connection has to be made again first.
        steps.insert(0, Step::Sever { node, port });
    }
    steps.extend([
        write(Side::Primary, 0, 4),
        write(Side::Secondary, 8, 4),
        Step::Checkpoint,
        Step::Read { side: Side::Secondary, at: 0, len: 12, wait: true },
        Step::Pass(8_000_000),
        write(Side::Primary, 2, 4),
        Step::Pass(8_000_000),
        Step::Read { side: Side::Primary, at: 0, len: 12, wait: true },
        Step::CallAll { side: Side::Primary, verb: Verb::GetError, wait: true },
        Step::Failover,
        Step::Read { side: Side::Secondary, at: 0, len: 12, wait: true },
    ]);
    let name = format!("{} {} {}", node.name(), port.name(), how.name());
    let mut plan = Plan::new(name, Profile::Hardened, steps);
    plan.setup.pair = Some(PairSetup::default());
    plan
}

#[test]
fn whatever_comes_over_a_channel_harms_nothing_but_the_connection() {
    for (node, port) in CHANNELS {
        for how in Tampering::ALL {
            for early in [false, true] {
                let plan = tampered(node, port, how, early);
                let outcome = run(&plan);
                assert!(outcome.is_clean(), "{}: {:?}", plan.name, outcome.violations);
            }
        }
    }
}

#[test]
fn no_grant_no_failover() {
    let cut = |from, to| Step::CutBetween { from, to, cut: true };
    let mut steps = vec![start(Side::Secondary), start(Side::Primary)];
    // The secondary hears nobody, and nobody hears it.
    for other in [Node::Primary, Node::Arbiter] {
        steps.extend([cut(Node::Secondary, other), cut(other, Node::Secondary)]);
    }
    steps.extend([Step::Pass(30_000_000), write(Side::Primary, 0, 1)]);
    let mut plan = Plan::new("no grant", Profile::Hardened, steps);
    plan.setup.pair = Some(PairSetup::default());
    let (outcome, trace) = run_traced(&plan);
    assert!(outcome.is_clean(), "{:?}", outcome.violations);
    assert_eq!((outcome.counts.failovers_asked, outcome.guest_requests), (0, 1));
    let done = |event: &Event| matches!(event, Event::Stage { mode: Mode::Primary, to, .. } if *to == colo_core::Stage::Done);
    let goes_on = trace
        .entries()
        .iter()
        .any(|entry| matches!(&entry.what, What::Event(event) if done(event)));
    assert!(goes_on, "the primary goes on alone");
}

/// Each with a word of what is said of it.
#[test]
fn what_a_network_cannot_bear_is_refused() {
    let mut refused = Vec::new();
    let mut refuse = |change: fn(&mut Plan), why: &'static str| {
        let mut plan = tampered(Node::Primary, Port::Export, Tampering::Late, false);
        assert_eq!(Plan::parse(&plan.to_json(), "p").expect("as it is it can be run"), plan);
        change(&mut plan);
        let error = Plan::parse(&plan.to_json(), "p").expect_err("it is refused").to_string();
        refused.push((error.contains(why), error));
    };
    refuse(|plan| plan.setup.drift_ppm = [60_001, 0], "no lease bears");
    refuse(|plan| plan.setup.geometry.sector_size = 24, "a power of two");
    refuse(|plan| plan.setup.geometry.sector_size = 1 << 17, "up to 65536");
    refuse(|plan| plan.steps.push(Step::Latency(0)), "from 1 to 10000");
    refuse(
        |plan| plan.steps.push(Step::On { volume: 0, step: Box::new(Step::Latency(u32::MAX)) }),
        "from 1 to 10000",
    );
    refuse(|plan| plan.setup.reconnect_delay_ns = u64::MAX, "at most 5 seconds");
    refuse(
        |plan| plan.setup.pair = Some(PairSetup { lease_ns: 1, ..PairSetup::default() }),
        "pair.lease_ns is 1",
    );
    assert!(refused.iter().all(|(said, _)| *said), "{refused:#?}");
}
