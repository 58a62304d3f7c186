//! A plan taken apart into single things: what somebody does, and one event after the other.
//!
//! Steps that wait, and the compound ones, hide the moments within them. Flat, each
//! moment lies between two steps: there a run can be cloned, and a plan that ends there
//! can be written down. It is what happened, so it is made by running the plan.

use colo_core::{Time, VolumeId};

use crate::plan::{Plan, Step};
use crate::run::{Crashed, Run};

/// A plan without a step that waits. [`Step::Events`] have one event each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flat {
    /// What is done, and what happens.
    pub steps: Vec<Step>,
    /// Of which step of the plan each is a part.
    pub of: Vec<u32>,
}

/// Takes a plan apart. If it leaves something under way, what becomes of that belongs to one more
/// step, which settles. Tells also what the plan by itself does wrong.
pub fn flatten(plan: &Plan) -> (Plan, Flat, Crashed) {
    let mut whole = plan.clone();
    whole.steps.push(Step::Settle);
    let mut run = Run::new(&whole, false);
    run.flat = Some(Flat::default());
    while run.step() {}
    let flat = run.flat.take().expect("it was kept");
    let seen = run.so_far();
    (whole, flat, seen)
}

impl Flat {
    /// The steps of `plan` that lead to the moment before the `index`-th of these: whole ones, then what
    /// was done of the one that was under way.
    pub fn up_to(&self, plan: &Plan, index: usize) -> Vec<Step> {
        let Some(last) = index.checked_sub(1) else { return Vec::new() };
        let of = self.of[last];
        if self.of.get(index) != Some(&of) {
            return plan.steps[..=of as usize].to_vec();
        }
        let first = self.of.partition_point(|&step| step < of);
        let mut steps = plan.steps[..of as usize].to_vec();
        for step in &self.steps[first..index] {
            match (steps.last_mut(), step) {
                (Some(Step::Events(count)), Step::Events(more)) => *count += more,
                _ => steps.push(step.clone()),
            }
        }
        steps
    }
}

/// Writing down, as it is done.
impl<L> Run<'_, L> {
    /// What a step does at once. Of those that do several things each is noted when it is done.
    pub(super) fn note_step(&mut self, volume: VolumeId, step: &Step) {
        if self.flat.is_none() {
            return;
        }
        let noted = match step.clone() {
            // What is in it comes by itself.
            Step::On { .. } => return,
            Step::Read { side, at, len, .. } => Step::Read { side, at, len, wait: false },
            Step::Write { side, at, len, .. } => Step::Write { side, at, len, wait: false },
            Step::Flush { side, .. } => Step::Flush { side, wait: false },
            Step::WriteZeroes { side, at, len, .. } => {
                Step::WriteZeroes { side, at, len, wait: false }
            }
            Step::Discard { side, at, len, .. } => Step::Discard { side, at, len, wait: false },
            Step::Admin { side, command, .. } => Step::Admin { side, command, wait: false },
            Step::Recover { .. } => Step::Recover { wait: false },
            Step::Call { .. }
            | Step::CallAll { .. }
            | Step::Checkpoint
            | Step::PlannedStop
            | Step::Failover
            | Step::Settle
            | Step::Pass(_)
            | Step::Events(_) => return,
            other => other,
        };
        self.note_on(volume, noted);
    }

    pub(super) fn note_on(&mut self, volume: VolumeId, step: Step) {
        self.note_done(match volume {
            VolumeId::FIRST => step,
            VolumeId(volume) => Step::On { volume, step: Box::new(step) },
        });
    }

    pub(super) fn note_event(&mut self) {
        self.note_done(Step::Events(1));
    }

    /// Time passes, and nothing happens any more until then.
    pub(super) fn note_passing(&mut self, until: Time) {
        let ns = until.0 - self.world.now().0;
        if ns > 0 {
            self.note_done(Step::Pass(ns));
        }
    }

    #[inline]
    pub(super) fn note_done(&mut self, step: Step) {
        if let Some(flat) = &mut self.flat {
            flat.steps.push(step);
            flat.of.push(self.next_step as u32 - 1);
        }
    }
}
