//! A plan from another: what a step of the search changes.
//!
//! Any list of steps is a plan, so an edit need not make sense. New steps are never invented: they come from a
//! donor, which is another plan of the corpus or a fresh one of the generator, so that what is put in is as likely
//! as it is in a campaign.

use crate::plan::{FaultSpec, Plan, Setup, Step};
use colo_core::{CommitPhase, DiskId, EmptyFailure, Errno, Phase, Stage, Verb};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::stream::{Ratio, Stream};
use colo_sim::world::Side;

/// A plan does not grow beyond this: the longest that the generator draws have about as many.
const STEPS_MAX: usize = 160;

/// Steps that are put in, taken out or moved together, at most.
const RUN_MAX: u64 = 6;

/// The plan after so many edits.
pub(super) fn mutate(base: &Plan, donor: &Plan, edits: u64, stream: &mut Stream) -> Plan {
    let mut plan = base.clone();
    for _ in 0..edits {
        edit(&mut plan, donor, stream);
    }
    plan.steps.truncate(STEPS_MAX);
    let sectors = plan.setup.geometry.sectors;
    let volumes = 1 + plan.setup.further.iter().count() as u8;
    for step in &mut plan.steps {
        fit(step, sectors, volumes);
    }
    plan
}

fn edit(plan: &mut Plan, donor: &Plan, stream: &mut Stream) {
    match stream.weighted(&[5, 2, 2, 2, 3, 6, 2, 1, 2]) {
        0 => insert(&mut plan.steps, &donor.steps, stream),
        1 => {
            let run = run_of(&plan.steps, stream);
            plan.steps.drain(run);
        }
        2 => {
            let twice = plan.steps.clone();
            insert(&mut plan.steps, &twice, stream);
        }
        3 => relocate(&mut plan.steps, stream),
        4 => splice(plan, donor, stream),
        5 => tweak(plan, donor, stream),
        6 => another_setup(&mut plan.setup, &donor.setup, stream),
        7 => plan.schedule = donor.schedule.clone(),
        // Other latencies, and another choice of what survives a crash.
        _ => plan.seed = stream.next_u64(),
    }
}

/// Some steps that follow one another; none if there are none.
fn run_of(steps: &[Step], stream: &mut Stream) -> std::ops::Range<usize> {
    let from = place(steps, stream);
    let count = 1 + stream.below(RUN_MAX) as usize;
    from..(from + count).min(steps.len())
}

/// Before any step, or behind the last.
fn place(steps: &[Step], stream: &mut Stream) -> usize {
    stream.below(steps.len() as u64 + 1) as usize
}

fn insert(steps: &mut Vec<Step>, from: &[Step], stream: &mut Stream) {
    let run = from[run_of(from, stream)].to_vec();
    let at = place(steps, stream);
    steps.splice(at..at, run);
}

fn relocate(steps: &mut Vec<Step>, stream: &mut Stream) {
    let run: Vec<_> = {
        let run = run_of(steps, stream);
        steps.drain(run).collect()
    };
    let at = place(steps, stream);
    steps.splice(at..at, run);
}

/// The beginning of one and the end of the other.
fn splice(plan: &mut Plan, donor: &Plan, stream: &mut Stream) {
    plan.steps.truncate(place(&plan.steps, stream));
    plan.steps.extend_from_slice(&donor.steps[place(&donor.steps, stream)..]);
}

/// Another world for the same steps: all of the donor's, or one thing of it.
fn another_setup(setup: &mut Setup, donor: &Setup, stream: &mut Stream) {
    match stream.below(7) {
        0 => *setup = *donor,
        1 => setup.geometry = donor.geometry,
        2 => (setup.wiring, setup.secondary_quorum) = (donor.wiring, donor.secondary_quorum),
        3 => setup.further = donor.further,
        4 => setup.reconnect_delay_ns = donor.reconnect_delay_ns,
        5 => setup.disk_delay = donor.disk_delay,
        _ => setup.link_delay = donor.link_delay,
    }
}

/// One step becomes a little different, or, where there is nothing to change in it, one of the donor's.
fn tweak(plan: &mut Plan, donor: &Plan, stream: &mut Stream) {
    if plan.steps.is_empty() {
        return;
    }
    let at = stream.below(plan.steps.len() as u64) as usize;
    if !tweak_step(&mut plan.steps[at], plan.setup.geometry.sectors, stream)
        && !donor.steps.is_empty()
    {
        plan.steps[at] = stream.pick(&donor.steps).clone();
    }
}

fn tweak_step(step: &mut Step, sectors: u64, stream: &mut Stream) -> bool {
    match step {
        Step::Read { side, at, len, wait }
        | Step::Write { side, at, len, wait }
        | Step::WriteZeroes { side, at, len, wait }
        | Step::Discard { side, at, len, wait } => match stream.below(4) {
            0 => *side = other(*side),
            1 => *at = stream.below(sectors),
            2 => *len = 1 + stream.below(12) as u32,
            _ => *wait = !*wait,
        },
        Step::Flush { side, wait } | Step::Admin { side, wait, .. } => {
            if stream.chance(Ratio::new(1, 2)) {
                *side = other(*side);
            } else {
                *wait = !*wait;
            }
        }
        Step::Call { side, verb, wait } => match stream.below(4) {
            0 => *side = other(*side),
            1 | 2 => *verb = *stream.pick(&Verb::ALL),
            _ => *wait = !*wait,
        },
        Step::CallAll { side, verb, wait } => match stream.below(4) {
            0 => *side = other(*side),
            // Nobody can close all: that is not a plan.
            1 | 2 => {
                let drawn = *stream.pick(&Verb::ALL);
                *verb = if drawn == Verb::Close { *verb } else { drawn };
            }
            _ => *wait = !*wait,
        },
        Step::On { step, .. } => return tweak_step(step, sectors, stream),
        Step::Fault(spec) => tweak_fault(spec, sectors, stream),
        Step::Rates { disk, .. } | Step::Eject(disk) => *disk = *stream.pick(&DiskId::ALL),
        Step::EmptyFails { disk, how, .. } => {
            *disk = *stream.pick(&[DiskId::Hidden, DiskId::Active]);
            *how = *stream.pick(&EmptyFailure::ALL);
        }
        Step::Pass(ns) | Step::Stall { ns, .. } => {
            *ns = match stream.below(3) {
                0 => *ns / 2,
                1 => (*ns * 2).min(10_000_000),
                _ => stream.below(1_500_000),
            }
        }
        Step::PowerLoss(side) => *step = Step::Kill(*side),
        Step::Kill(side) => *step = Step::PowerLoss(*side),
        Step::Recover { wait } => *wait = !*wait,
        Step::Cut(cut) | Step::CutFrom { cut, .. } => *cut = !*cut,
        Step::Hold(held) => *held = !*held,
        _ => return false,
    }
    true
}

fn other(side: Side) -> Side {
    if side == Side::Primary { Side::Secondary } else { Side::Primary }
}

fn tweak_fault(spec: &mut FaultSpec, sectors: u64, stream: &mut Stream) {
    match stream.below(7) {
        0 => spec.disk = *stream.pick(&DiskId::ALL),
        1 if !spec.latent => {
            spec.op = *stream.pick(&[OpKind::Read, OpKind::Write, OpKind::Flush, OpKind::Any]);
        }
        2 => spec.skip = stream.below(6) as u32,
        3 => spec.times = Some(1 + stream.below(3) as u32),
        4 => spec.damage = *stream.pick(&[Damage::None, Damage::Prefix, Damage::Subset]),
        5 => {
            let from = stream.below(sectors);
            spec.range =
                stream.chance(Ratio::new(1, 2)).then(|| (from, from + 1 + stream.below(8)));
        }
        6 => spec.during = *stream.pick(&DURING),
        _ => spec.errno = *stream.pick(&[Errno::Io, Errno::NoSpace]),
    }
    // What is latent has to be somewhere.
    spec.latent &= spec.range.is_some();
}

const DURING: [Option<Phase>; 12] = [
    None,
    Some(Phase::Opening),
    Some(Phase::Bare),
    Some(Phase::Stage(Stage::Running)),
    Some(Phase::Stage(Stage::FailoverFailed)),
    Some(Phase::Checkpoint),
    Some(Phase::BackupCancelling),
    Some(Phase::Commit(CommitPhase::Copying)),
    Some(Phase::Commit(CommitPhase::Flushing)),
    Some(Phase::Commit(CommitPhase::Draining)),
    Some(Phase::Commit(CommitPhase::FinalFlush)),
    Some(Phase::Commit(CommitPhase::Marking)),
];

/// Puts a step from a larger world into this one: a request beyond the disk's end would do nothing.
fn fit(step: &mut Step, sectors: u64, volumes: u8) {
    if let Step::On { volume, step: inner } = step
        && *volume >= volumes
    {
        *step = (**inner).clone();
    }
    match step {
        Step::On { step, .. } => fit(step, sectors, volumes),
        Step::Read { at, len, .. }
        | Step::Write { at, len, .. }
        | Step::WriteZeroes { at, len, .. }
        | Step::Discard { at, len, .. } => {
            *at %= sectors;
            *len = u64::from(*len).min(sectors - *at) as u32;
        }
        _ => {}
    }
}
