//! Every point of a run: each disk request fails once, and at each moment something ends.
//!
//! For some short plans of different kinds. Nothing is drawn here: each request of each
//! disk is failed in turn, and after each thing that happens a host goes down, a
//! job is cancelled, or a filter is stopped or closed. The hardened core has to stay clean.

use colo_core::{DiskId, JobKind, Mode, Verb};
use colo_scenarios::catalog::find;
use colo_scenarios::plan::{FaultSpec, Plan, Step};
use colo_scenarios::profile::Behaviour;
use colo_scenarios::run::{run, run_traced};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::world::{Side, What};

const P: Side = Side::Primary;
const S: Side = Side::Secondary;

/// Whose latencies and crashes a plan is run with, beside its own.
const SEEDS: std::ops::Range<u64> = 0..5;

/// The plans, without faults of their own, in several worlds: with other latencies, what overlaps is other.
fn plans() -> Vec<Plan> {
    let named = [
        "start-checkpoint-stop",
        "failover",
        "planned-stop",
        "commit-under-guest-writes",
        "guest-write-races-copy",
        "failover-then-power-loss",
        "backup-cancelled-in-copy",
        "connection-lost",
    ];
    let named = named.map(|name| find(name).expect("a scenario").plan(&Behaviour::default()));
    let plans = named.into_iter().chain([primary_life()]);
    plans.flat_map(|plan| SEEDS.map(move |seed| Plan { seed, ..plan.clone() })).collect()
}

/// The primary goes down, comes back, and stops.
fn primary_life() -> Plan {
    let call = |side, verb| Step::Call { side, verb, wait: true };
    let write = |at, len, wait| Step::Write { side: P, at, len, wait };
    let steps = vec![
        call(S, Verb::Start(Mode::Secondary)),
        call(P, Verb::Start(Mode::Primary)),
        write(1, 6, true),
        Step::Flush { side: P, wait: true },
        write(5, 5, false),
        Step::Pass(100_000),
        Step::PowerLoss(P),
        Step::Restart(P),
        call(P, Verb::Start(Mode::Primary)),
        write(2, 9, true),
        Step::Read { side: P, at: 0, len: 24, wait: true },
        Step::Checkpoint,
        call(P, Verb::Stop { failover: false }),
        write(0, 3, true),
    ];
    Plan::new("primary-life", Behaviour::default().profile, steps)
}

/// After a crash around the pivot somebody starts anew: the secondary disk may be true alone.
fn start_over_spent_overlays() -> Plan {
    let mut plan = find("crash-before-pivot").expect("a scenario").plan(&Behaviour::default());
    "start-over-spent-overlays".clone_into(&mut plan.name);
    let crash = plan.steps.iter().position(|step| *step == Step::PowerLoss(S));
    plan.steps.truncate(crash.expect("it crashes") + 1);
    let verb = Verb::Start(Mode::Secondary);
    plan.steps.extend([Step::Restart(S), Step::Call { side: S, verb, wait: true }]);
    plan
}

/// Steps that do several things, as the several steps that they are.
fn spread(plan: Plan) -> Plan {
    let call = |side, verb| Step::Call { side, verb, wait: true };
    let apart = |step: Step| match step {
        Step::Checkpoint => vec![
            call(P, Verb::GetError),
            call(S, Verb::GetError),
            call(P, Verb::Checkpoint),
            call(S, Verb::Checkpoint),
        ],
        Step::Failover => vec![Step::Cut(true), call(S, Verb::Stop { failover: true })],
        step => vec![step],
    };
    let steps = plan.steps.into_iter().flat_map(apart).collect();
    Plan { steps, ..plan }
}

fn assert_clean(plan: &Plan, what: impl Fn() -> String) {
    let outcome = run(plan);
    assert!(
        outcome.is_clean(),
        "{} with seed {}, {}: {:?} {:?}\n{}",
        plan.name,
        plan.seed,
        what(),
        outcome.violations,
        outcome.aborts,
        plan.to_json()
    );
}

#[test]
fn the_plans_are_clean_as_they_are_and_spread() {
    for plan in plans() {
        assert_clean(&plan, || "as it is".to_owned());
        assert_clean(&spread(plan), || "spread".to_owned());
    }
}

/// The plan whose `skip`-th request of this kind fails from the first step on.
fn failing(plan: &Plan, disk: DiskId, op: OpKind, skip: u32, damage: Damage) -> Plan {
    let spec = FaultSpec { skip, times: Some(1), damage, ..FaultSpec::new(disk, op) };
    let mut failing = plan.clone();
    failing.steps.insert(0, Step::Fault(spec));
    failing
}

#[test]
fn each_disk_request_may_fail() {
    let mut failed = 0;
    for plan in plans() {
        for disk in DiskId::ALL {
            for (op, damages) in [
                (OpKind::Read, &[Damage::None][..]),
                (OpKind::Write, &[Damage::None, Damage::Prefix, Damage::Subset]),
                (OpKind::Flush, &[Damage::None]),
            ] {
                for &damage in damages {
                    failed += fail_each(&plan, disk, op, damage);
                }
            }
        }
    }
    println!("{failed} requests failed, each in a run of its own");
    assert!(failed >= 2_500, "only {failed} requests failed");
}

/// Fails one request after the other until there is none left; how many there were.
fn fail_each(plan: &Plan, disk: DiskId, op: OpKind, damage: Damage) -> u32 {
    for skip in 0.. {
        let failing = failing(plan, disk, op, skip, damage);
        let outcome = run(&failing);
        assert!(
            outcome.is_clean(),
            "{} with seed {}: {op:?} number {skip} of {} fails, {damage:?}: {:?} {:?}\n{}",
            plan.name,
            plan.seed,
            disk.name(),
            outcome.violations,
            outcome.aborts,
            failing.to_json()
        );
        if outcome.counts.faults_fired == 0 {
            return skip;
        }
    }
    unreachable!("a run has an end")
}

/// A moment of a run: so long after the beginning of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    step: usize,
    ns: u64,
}

/// When anything happened, each moment once.
fn moments(plan: &Plan) -> Vec<Moment> {
    let (_, trace) = run_traced(plan);
    let mut moments = Vec::new();
    let mut begun = None;
    for entry in trace.entries() {
        if let What::Step(number) = entry.what {
            begun = Some((number as usize, entry.at));
        }
        let Some((step, from)) = begun else { continue };
        let moment = Moment { step, ns: entry.at.0 - from.0 };
        if moments.last() != Some(&moment) {
            moments.push(moment);
        }
    }
    moments
}

/// The step, without waiting for its end.
fn unwaited(step: &Step) -> Option<Step> {
    let mut step = step.clone();
    match &mut step {
        Step::Read { wait, .. }
        | Step::Write { wait, .. }
        | Step::Flush { wait, .. }
        | Step::Call { wait, .. }
        | Step::Recover { wait } => *wait = false,
        // Letting time pass is what is cut short.
        Step::Pass(_) | Step::Settle => return None,
        _ => {}
    }
    Some(step)
}

/// The plan up to this moment, then `interruption`, then the rest of the plan.
fn interrupted(plan: &Plan, Moment { step, ns }: Moment, interruption: &[Step]) -> Plan {
    let mut steps = plan.steps[..step].to_vec();
    steps.extend(unwaited(&plan.steps[step]));
    steps.push(Step::Pass(ns));
    steps.extend_from_slice(interruption);
    steps.extend_from_slice(&plan.steps[step + 1..]);
    Plan { steps, ..plan.clone() }
}

/// Interrupts every plan at every moment.
fn interrupt_everywhere(interruption: &[Step]) {
    interrupt(plans(), interruption, MOMENTS_MIN);
}

/// Interrupts these plans at every moment, of which there have to be some.
fn interrupt(plans: Vec<Plan>, interruption: &[Step], at_least: usize) {
    let mut points = 0;
    for plan in plans {
        let plan = spread(plan);
        for moment in moments(&plan) {
            points += 1;
            assert_clean(&interrupted(&plan, moment, interruption), || {
                format!("{} ns into step {}", moment.ns, moment.step)
            });
        }
    }
    println!("{points} moments");
    assert!(points >= at_least, "only {points} moments, expected {at_least}");
}

const MOMENTS_MIN: usize = 2_000;

fn read(side: Side) -> Step {
    Step::Read { side, at: 0, len: 24, wait: true }
}

const RECOVER: Step = Step::Recover { wait: true };

#[test]
fn the_secondary_may_lose_power_at_each_moment_and_is_recovered() {
    interrupt_everywhere(&[Step::PowerLoss(S), RECOVER, read(S)]);
}

#[test]
fn the_secondary_may_be_killed_at_each_moment_and_is_recovered() {
    interrupt_everywhere(&[Step::Kill(S), RECOVER, read(S)]);
}

#[test]
fn the_secondary_may_lose_power_at_each_moment_and_is_started_anew() {
    let start = Step::Call { side: S, verb: Verb::Start(Mode::Secondary), wait: true };
    interrupt_everywhere(&[Step::PowerLoss(S), Step::Restart(S), start, read(S)]);
}

#[test]
fn the_secondary_may_lose_power_at_each_moment_and_again_in_its_recovery() {
    let again = Step::Recover { wait: false };
    let interruption =
        [Step::PowerLoss(S), again, Step::Pass(250_000), Step::PowerLoss(S), RECOVER, read(S)];
    interrupt_everywhere(&interruption);
}

#[test]
fn the_primary_may_lose_power_at_each_moment_and_starts_again() {
    let start = Step::Call { side: P, verb: Verb::Start(Mode::Primary), wait: true };
    interrupt_everywhere(&[Step::PowerLoss(P), Step::Restart(P), read(P), start]);
}

#[test]
fn the_backup_may_be_cancelled_at_each_moment() {
    interrupt_everywhere(&[Step::Cancel(JobKind::Backup)]);
}

#[test]
fn the_commit_may_be_cancelled_at_each_moment() {
    interrupt_everywhere(&[Step::Cancel(JobKind::Commit)]);
}

#[test]
fn a_failover_may_be_asked_for_at_each_moment() {
    let stop = Step::Call { side: S, verb: Verb::Stop { failover: true }, wait: false };
    interrupt_everywhere(&[Step::Cut(true), stop]);
}

#[test]
fn the_secondary_may_be_closed_at_each_moment() {
    let close = Step::Call { side: S, verb: Verb::Close, wait: false };
    interrupt_everywhere(&[close]);
}

#[test]
fn a_start_over_spent_overlays_may_be_crashed_at_each_moment() {
    let plans = SEEDS.map(|seed| Plan { seed, ..start_over_spent_overlays() }).collect();
    interrupt(plans, &[Step::PowerLoss(S), RECOVER, read(S)], 200);
}
