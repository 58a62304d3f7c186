//! One disk lies once: what `run --lies` adds to the plan of a seed.
//!
//! A disk that breaks its contract is not what the core is judged by, so the generator never
//! draws one by itself. It comes from a stream of its own, after everything else: the plan
//! without it is the plan of the seed.

use colo_core::{DiskId, Verb};
use colo_sim::lying::Lie;
use colo_sim::stream::{Seed, Stream};
use colo_sim::world::Side;

use crate::plan::{Plan, Step};
use crate::profile::Lies;

/// Adds a step: some disk lies on one request, soon after some step.
pub(super) fn insert(plan: &mut Plan, seed: u64, lies: Lies) {
    let mut stream = Seed(seed).stream("lies");
    let lie = lies.lie.unwrap_or_else(|| *stream.pick(&Lie::ALL));
    let disk = lies.disk.unwrap_or_else(|| *stream.pick(&DiskId::ALL));
    let durable = matches!(lie, Lie::SkippedFlush | Lie::IgnoredFua);
    let last = if durable { power_loss(plan, &mut stream, disk) } else { plan.steps.len() };
    let place = stream.below(last as u64 + 1) as usize;
    let skips = *stream.pick(&[1, 4, 16]);
    let skip = stream.below(skips) as u32;
    let volume = stream.below(1 + plan.setup.further.iter().count() as u64) as u8;
    // A cache that ignores one flush is made good by the next, so these are never told once.
    let times = (!durable).then_some(1);
    let step = Step::Lie { disk, lie, skip, times };
    let step = if volume == 0 { step } else { Step::On { volume, step: Box::new(step) } };
    plan.steps.insert(place, step);
}

/// What was not made durable is missed after a power loss only, and of the overlays only while they
/// hold what the secondary guest was promised: from the failover on until the commit ends. Adds
/// such a power loss and what an operator does next; gives its place.
fn power_loss(plan: &mut Plan, stream: &mut Stream, disk: DiskId) -> usize {
    let side = Side::of(disk);
    let after = plan.steps.iter().position(fails_over).map_or(0, |place| place + 1);
    let soon = stream.below(3).min((plan.steps.len() - after) as u64) as usize;
    let place = match side {
        Side::Secondary => after + soon,
        Side::Primary => stream.below(plan.steps.len() as u64 + 1) as usize,
    };
    let back = match side {
        Side::Secondary => Step::Recover { wait: true },
        Side::Primary => Step::Restart(side),
    };
    plan.steps.splice(place..place, [Step::PowerLoss(side), back]);
    place
}

/// Whether the secondary is told to take over.
pub(super) fn fails_over(step: &Step) -> bool {
    match step.bare() {
        Step::Failover => true,
        Step::Call { side, verb, .. } | Step::CallAll { side, verb, .. } => {
            (*side, *verb) == (Side::Secondary, Verb::Stop { failover: true })
        }
        _ => false,
    }
}
